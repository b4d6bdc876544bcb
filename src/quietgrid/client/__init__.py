"""Typed clients of Quietgrid's processes over HTTP: `keyholders` and `platform`.

They hold no key that opens a reading. An address that is away raises `UnavailableError`.
"""

from quietgrid.client.keyholders import Health, HttpKeyholder, HttpPeer
from quietgrid.client.platform import Accepted, PlatformClient

__all__ = ["Accepted", "Health", "HttpKeyholder", "HttpPeer", "PlatformClient"]

"""The MAC at the end of every sealed frame.

Scheme: HMAC-SHA256(k_mac, frame without MAC)[:16] (PROTOCOL A, "Frame"). Source: RFC 2104, FIPS 198-1. Assumption:
HMAC-SHA256 is a pseudo-random function; `k_mac` is known to meter and concentrator only. Does not give: proof to a
third party, since the concentrator could make the same MAC (the signed day record is that proof), nor freshness (the
frame's `seq` and the dedupe key are).
"""

from __future__ import annotations

import hashlib
import hmac

from quietgrid.errors import FrameError

MAC_SIZE = 16


def frame_mac(k_mac: bytes, data: bytes | memoryview) -> bytes:
    """The 16-byte MAC over `data`."""
    return hmac.digest(k_mac, data, hashlib.sha256)[:MAC_SIZE]


def check_frame_mac(k_mac: bytes, data: bytes | memoryview, mac: bytes | memoryview) -> None:
    """Raise `FrameError` unless `mac` is the MAC over `data` (compared in constant time)."""
    if not hmac.compare_digest(frame_mac(k_mac, data), mac):
        raise FrameError("the frame's MAC is wrong", where="frame", fix="send the stored bytes again, unchanged")

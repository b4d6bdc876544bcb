"""The home's own accounts on the chain, to vote with and to hold shares with; made and kept by the household's process.

Each follows from the household's own key, so its printed recovery code brings them back and nothing has to be kept. One
home's accounts have nothing in common on the chain: not with each other, not with those that claim (`claiming`).

Does not give: secrecy from whoever hands GRID or shares to an account, nor from who runs the node and sees who asks.
Source: HMAC-SHA256 as a key derivation, NIST SP 800-108.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING

from quietgrid.household.vault import Vault

if TYPE_CHECKING:
    from quietgrid.chain.accounts import Account


def voter(vault: Vault) -> Account:
    """The account a home votes with."""
    return _account(vault, b"qg1 vote")


def holder(vault: Vault) -> Account:
    """The account a home holds shares with."""
    return _account(vault, b"qg1 hold")


def _account(vault: Vault, what: bytes) -> Account:
    from quietgrid.chain.accounts import Account

    context = what + vault.community + vault.home.to_bytes(8, "little")
    return Account(hmac.digest(vault.identity.seed(), context, sha256))

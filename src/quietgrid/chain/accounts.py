"""Accounts: a key in a file each, transactions and typed data signed with it.

Privacy: a key is only ever read from its own file (mode 0600), never from a command line, a setting or a log.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eth_account import Account as _Eth
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from quietgrid.chain.keyfile import load_or_create


class Account:
    """One key of the chain.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._local: LocalAccount = _Eth.from_key(key)

    @classmethod
    def generate(cls) -> Account:
        """A fresh one, kept nowhere."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def load_or_create(cls, path: Path) -> Account:
        """The key in a file; made, readable by its owner only, if there is none.

        Raises:
            ConfigError: what is there is no key.
        """
        return cls(load_or_create(path))

    @property
    def address(self) -> str:
        """Checksummed."""
        return str(self._local.address)

    def sign_transaction(self, fields: Mapping[str, Any]) -> tuple[bytes, str]:
        """A signed transaction's bytes and its hash (0x text)."""
        signed = self._local.sign_transaction(dict(fields))
        return bytes(signed.raw_transaction), "0x" + bytes(signed.hash).hex()

    def sign_typed(self, typed: Mapping[str, Any]) -> bytes:
        """65 bytes r ‖ s ‖ v over EIP-712 data (``types``, ``primaryType``, ``domain``, ``message``)."""
        return bytes(self._local.sign_message(encode_typed_data(full_message=dict(typed))).signature)

    def sign_hash(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v over a 32-byte digest that is already one of typed data."""
        return bytes(self._local.unsafe_sign_hash(Hash32(digest)).signature)

    def keystore(self, password: str) -> str:
        """The key encrypted under a password (Web3 secret storage), to take elsewhere."""
        return json.dumps(self._local.encrypt(password))

"""The operator's account: a Safe in which two of three people sign before anything happens.

What is signed is EIP-712 data over the call and the Safe's own counter, so a signature is good for one execution. Who
sends it does not matter: the outbox may. Source: Safe 1.5 (`@safe-global/safe-smart-account`), EIP-712.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import NOWHERE, Chain
from quietgrid.errors import InputError

CALL, DELEGATE = 0, 1
_FIELDS = (
    ("to", "address"), ("value", "uint256"), ("data", "bytes"), ("operation", "uint8"), ("safeTxGas", "uint256"),
    ("baseGas", "uint256"), ("gasPrice", "uint256"), ("gasToken", "address"), ("refundReceiver", "address"),
    ("nonce", "uint256"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing the operator's account shall do.

    Args:
        safe: The account. chain_id, nonce: which execution of it. to, data, kind: the call (`CALL`), or code run in the
            account's own name (`DELEGATE`: only the bundle of several calls). what: in words.
    """

    safe: str
    chain_id: int
    nonce: int
    to: str
    data: bytes = field(repr=False)
    kind: int
    what: str

    def typed(self) -> dict[str, Any]:
        """What its owners sign (EIP-712)."""
        message: dict[str, Any] = {
            "to": self.to, "value": 0, "data": self.data, "operation": self.kind, "safeTxGas": 0, "baseGas": 0,
            "gasPrice": 0, "gasToken": NOWHERE, "refundReceiver": NOWHERE, "nonce": self.nonce,
        }  # fmt: skip
        domain_types = [{"name": "chainId", "type": "uint256"}, {"name": "verifyingContract", "type": "address"}]
        return {
            "types": {"EIP712Domain": domain_types, "SafeTx": [{"name": n, "type": t} for n, t in _FIELDS]},
            "primaryType": "SafeTx", "message": message,
            "domain": {"chainId": self.chain_id, "verifyingContract": self.safe},
        }  # fmt: skip

    def signed_by(self, owner: Account) -> bytes:
        """An owner's signature, 65 bytes."""
        return owner.sign_typed(self.typed())

    def execution(self, signatures: Mapping[str, bytes]) -> abi.Call:
        """The call that does it, to be sent by anyone.

        Args:
            signatures: Owner's address -> signature; as many as the account asks for.
        """
        ordered = b"".join(signatures[owner] for owner in sorted(signatures, key=lambda a: int(a, 16)))
        call = abi.call(
            "Safe", self.safe, "execTransaction", self.to, 0, self.data, self.kind, 0, 0, 0, NOWHERE, NOWHERE, ordered
        )
        return abi.Call(call.to, call.data, self.what)


def operation(chain: Chain, safe: str, calls: Sequence[abi.Call], bundler: str, nonce: int | None = None) -> Operation:
    """One operation of an account that does these calls, all or none.

    Args:
        chain: The node. safe: the account. calls: what to do, in order. bundler: the `MultiSendCallOnly` there.
        nonce: the account's counter; the next one unless given.

    Raises:
        InputError: nothing to do.
    """
    if not calls:
        raise InputError("an operation needs a call", where="safe", fix="give at least one")
    at = int(chain.view("Safe", safe, "nonce")) if nonce is None else nonce
    what = ", ".join(call.what for call in calls)
    if len(calls) == 1:
        return Operation(safe, chain.chain_id(), at, calls[0].to, calls[0].data, CALL, what)
    bundle = abi.call("MultiSendCallOnly", bundler, "multiSend", b"".join(_packed(call) for call in calls))
    return Operation(safe, chain.chain_id(), at, bundler, bundle.data, DELEGATE, what)


def founding(safe: str, owners: Sequence[str], threshold: int, handler: str = NOWHERE) -> abi.Call:
    """The call that gives a new account its owners."""
    return abi.call("Safe", safe, "setup", list(owners), threshold, NOWHERE, b"", handler, NOWHERE, 0, NOWHERE)


def _packed(call: abi.Call) -> bytes:
    """One call as the bundler reads it: kind, address, value, length, data."""
    head = bytes([CALL]) + bytes.fromhex(call.to[2:]) + bytes(32) + len(call.data).to_bytes(32, "big")
    return head + call.data

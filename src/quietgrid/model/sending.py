"""`Sending`: one transaction on its way to the chain; `ChainEvent`: one thing a contract said."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SendState(StrEnum):
    """How far a transaction is."""

    QUEUED = "queued"
    """It waits; nothing was signed, or what was signed can never be in a block any more."""
    SENT = "sent"
    """Signed under a nonce, kept, handed to the node."""
    MINED = "mined"
    """In a block that is not deep enough yet."""
    CONFIRMED = "confirmed"
    """In a block as deep as was asked for."""
    FAILED = "failed"
    """A contract refused it, and will again. A person decides."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction: what is sent again, byte for byte, after a crash.

    Args:
        hash: 0x text. raw: signed bytes. gas: it may use. max_fee: wei a unit of gas at most. at: unix seconds.
    """

    hash: str
    raw: bytes = field(repr=False)
    gas: int
    max_fee: int
    at: float


@dataclass(frozen=True, slots=True)
class Sending:
    """One call on its way.

    Args:
        seq: Order in which they were queued. key: idempotency key; the same key is queued once, ever.
        account: Who sends (address). to, data, what: see `chain.abi.Call`. state, nonce: see `SendState`.
        attempts: under that nonce, oldest first. block, block_hash: where it is. gas: it used.
        error: what a contract or the node said. tries: refused pre-flights. at: queued (unix seconds).
        settled: deep enough to be looked at no more.
    """

    seq: int
    key: str
    account: str
    to: str
    data: bytes = field(repr=False)
    what: str
    state: SendState = SendState.QUEUED
    nonce: int | None = None
    attempts: tuple[Attempt, ...] = ()
    block: int | None = None
    block_hash: str = ""
    gas: int = 0
    error: str = ""
    tries: int = 0
    at: float = 0.0
    settled: bool = False


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """One event of a contract, decoded.

    Args:
        block, index: its place. block_hash, transaction: 0x text. contract, address: who said it. name: what.
        values: by name; bytes as 0x text, so that it is JSON.
    """

    block: int
    index: int
    block_hash: str
    transaction: str
    contract: str
    address: str
    name: str
    values: dict[str, Any]

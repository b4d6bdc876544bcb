"""The JSON of the chain's routes. Everything in it is public on the chain, or waits to become so."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Hex32, Time, one_of

ADDRESS = "0x3649cb85efe26935970766a43e51d92f1b3afeb1"


class ChainStatus(BaseModel):
    """How the chain stands."""

    state: str = one_of("live", "away", "starting", "off")
    chain_id: int = Field(examples=[31337])
    account: str = Field(examples=[ADDRESS], description="Who sends: the platform's engine.")
    away_since: Time | None
    block: int = Field(examples=[128], description="Newest block whose events were taken.")
    outbox: dict[str, int] = Field(examples=[{"queued": 0, "sent": 0, "mined": 0, "confirmed": 42, "failed": 0}])
    addresses: dict[str, str] = Field(examples=[{"DailyRoots": ADDRESS}])
    last_day: int | None = Field(examples=[16991], description="Newest UTC day (days since 1970) that has roots.")
    note: str = Field(examples=[""], description="What is wrong, in words.")


class Transaction(BaseModel):
    """One transaction on its way. `number` is its place in the outbox, and the cursor to page with."""

    number: int = Field(examples=[17])
    key: str = Field(examples=["roots 16991"], description="Idempotency key.")
    what: str = Field(examples=["DailyRoots.anchor"])
    state: str = one_of("queued", "sent", "mined", "confirmed", "failed")
    nonce: int | None = Field(examples=[16])
    block: int | None = Field(examples=[40])
    gas: int = Field(examples=[230882])
    error: str = Field(examples=[""])
    hashes: list[str] = Field(examples=[["0x" + "9f2b" * 16]], description="Every attempt, oldest first.")
    queued_at: Time


class Transactions(BaseModel):
    """Transactions, newest first; ask again with `before` = the last number."""

    transactions: list[Transaction]


class Event(BaseModel):
    """One thing a contract said."""

    block: int = Field(examples=[40])
    index: int = Field(examples=[0])
    transaction: str = Field(examples=["0x" + "9f2b" * 16])
    contract: str = Field(examples=["DailyRoots"])
    name: str = Field(examples=["RootAnchored"])
    values: dict[str, Any] = Field(examples=[{"day": 16991, "kind": 0, "leaves": 96}])


class Events(BaseModel):
    """Events, newest first."""

    events: list[Event]


class Followed(BaseModel):
    """One transaction and what it did."""

    transaction: Transaction
    events: list[Event]


class Root(BaseModel):
    """One root as it is kept here, and whether the contract has the same."""

    day: int = Field(examples=[16991])
    kind: str = one_of("frames", "audit log", "bills")
    root: Hex32
    leaves: int = Field(examples=[96])
    on_chain: str = one_of("same", "waiting", "different", "unknown")


class Roots(BaseModel):
    """Roots."""

    roots: list[Root]


class ClaimsRoot(BaseModel):
    """A root below which homes have their shares."""

    sequence: int = Field(examples=[1])
    root: Hex32
    promised_micro: int = Field(examples=[41_000_000])


class Claims(BaseModel):
    """What homes may claim in all, the escrow behind it, the roots; newest first."""

    promised_micro: int = Field(examples=[41_000_000])
    escrow_micro: int = Field(examples=[100_000_000])
    state: str = one_of("", "queued", "sent", "mined", "confirmed", "failed")
    roots: list[ClaimsRoot]

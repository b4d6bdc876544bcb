"""What the platform keeps of the chain: transactions on their way, events that were emitted, blocks they were in.

A transaction is kept, signed, before it is sent (DESIGN 7); events above a checkpoint that is no longer on the chain
are taken back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.model.sending import Attempt, ChainEvent, Sending, SendState
from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, TEXT, Tables, column, insert_new, key, put, table

_sending = table(
    "sending", PLATFORM, key("seq", INT), column("key", TEXT, unique=True), column("account", TEXT), column("to", TEXT),
    column("data", BLOB), column("what", TEXT), column("state", TEXT), column("nonce", INT, null=True),
    column("block", INT, null=True), column("block_hash", TEXT), column("gas", INT), column("error", TEXT),
    column("tries", INT), column("at", NUMBER), column("settled", INT),
    sa.Index("sending_open", "account", "settled", "state"), sa.Index("sending_by_nonce", "account", "nonce"),
)  # fmt: skip
_attempt = table(
    "sending_attempt", PLATFORM, key("hash", TEXT), column("seq", INT, sa.ForeignKey("sending.seq")),
    column("raw", BLOB), column("gas", INT), column("max_fee", INT), column("at", NUMBER),
    sa.Index("attempt_by_seq", "seq"),
)  # fmt: skip
_event = table(
    "chain_event", PLATFORM, key("block", INT), key("log", INT), column("block_hash", TEXT),
    column("transaction_hash", TEXT), column("contract", TEXT), column("address", TEXT), column("name", TEXT),
    column("detail", TEXT), sa.Index("chain_event_by_name", "contract", "name"),
)  # fmt: skip
_checkpoint = table("chain_checkpoint", PLATFORM, key("block", INT), column("hash", TEXT))


class ChainTables(Tables):
    """The outbox's rows and the indexer's."""

    # -- on their way ----------------------------------------------------------------------------------------------

    def queue(self, key: str, account: str, to: str, data: bytes, what: str) -> bool:
        """Queue a call unless its key is known; True if it was added.

        Raises:
            ConflictError: the key is taken by another call.
        """
        known = self._c.execute(sa.select(_sending.c.to, _sending.c.data).where(_sending.c.key == key)).first()
        if known is not None:
            if (known.to, bytes(known.data)) != (to, data):
                raise ConflictError("this key is queued with another call", where=key, fix="use a new key")
            return False
        last = self._c.execute(sa.select(sa.func.max(_sending.c.seq))).scalar() or 0
        one = Sending(int(last) + 1, key, account, to, data, what, at=float(self._clock.now()))
        self._c.execute(sa.insert(_sending).values(_row(one)))
        return True

    def open_sendings(self, account: str) -> list[Sending]:
        """Everything of an account that is not settled, in order; refused ones left out."""
        query = sa.select(_sending).where(
            _sending.c.account == account, _sending.c.settled == 0, _sending.c.state != SendState.FAILED.value
        )
        return self._sendings(query.order_by(_sending.c.seq))

    def lost_from(self, account: str, nonce: int) -> list[Sending]:
        """Settled ones whose nonce the chain does not know (any more)."""
        query = sa.select(_sending).where(
            _sending.c.account == account, _sending.c.nonce >= nonce, _sending.c.settled == 1
        )
        return self._sendings(query.order_by(_sending.c.nonce))

    def save(self, one: Sending) -> None:
        """Write a sending's new state, and its attempts that are new."""
        self._c.execute(sa.update(_sending).where(_sending.c.seq == one.seq).values(_row(one)))
        rows = [
            {"hash": a.hash, "seq": one.seq, "raw": a.raw, "gas": a.gas, "max_fee": a.max_fee, "at": a.at}
            for a in one.attempts
        ]
        insert_new(self._c, _attempt, rows)

    def sending(self, key: str) -> Sending:
        """One by its key; `NotFoundError` if there is none."""
        query = sa.select(_sending).where(_sending.c.key == key)
        self._one(query, "transaction", key)
        return self._sendings(query)[0]

    def sendings(self, *, state: str = "", limit: int = 100, before: int = 0) -> list[Sending]:
        """The newest first, of one state or all; `before`: with smaller numbers only."""
        query = sa.select(_sending).order_by(_sending.c.seq.desc()).limit(limit)
        if state:
            query = query.where(_sending.c.state == state)
        if before:
            query = query.where(_sending.c.seq < before)
        return self._sendings(query)

    def newest(self, prefix: str, limit: int = 1) -> list[Sending]:
        """The newest whose keys begin so."""
        query = sa.select(_sending).where(_sending.c.key.startswith(prefix, autoescape=True))
        return self._sendings(query.order_by(_sending.c.seq.desc()).limit(limit))

    def again(self, key: str, data: bytes | None = None) -> None:
        """Queue one that failed once more: as it was, because a person decided so, or with other data.

        Its old attempts are gone from here: one that is in a block, refused, says nothing about the next.

        Raises:
            ConflictError: it did not fail.
        """
        one = self.sending(key)
        if one.state is not SendState.FAILED:
            raise ConflictError(f"it is {one.state}", where=key, fix="only what failed is sent again")
        self._c.execute(sa.delete(_attempt).where(_attempt.c.seq == one.seq))
        self.save(
            replace(
                one, data=one.data if data is None else data, state=SendState.QUEUED, nonce=None, attempts=(),
                block=None, block_hash="", error="", tries=0, settled=False,
            )
        )  # fmt: skip

    def sending_counts(self) -> dict[str, int]:
        """How many are in each state."""
        rows = self._c.execute(sa.select(_sending.c.state, sa.func.count()).group_by(_sending.c.state))
        return {state.value: 0 for state in SendState} | {str(state): int(n) for state, n in rows}

    def _sendings(self, query: sa.Select[Any]) -> list[Sending]:
        rows = self._c.execute(query).all()
        attempts: dict[int, list[Attempt]] = {}
        found = sa.select(_attempt).where(_attempt.c.seq.in_([r.seq for r in rows])).order_by(_attempt.c.at)
        for a in self._c.execute(found):
            attempts.setdefault(a.seq, []).append(Attempt(a.hash, bytes(a.raw), a.gas, a.max_fee, a.at))
        return [
            Sending(
                r.seq, r.key, r.account, r.to, bytes(r.data), r.what, SendState(r.state), r.nonce,
                tuple(attempts.get(r.seq, ())), r.block, r.block_hash, r.gas, r.error, r.tries, r.at, bool(r.settled),
            )
            for r in rows
        ]  # fmt: skip

    # -- events ----------------------------------------------------------------------------------------------------

    def checkpoint(self) -> tuple[int, str] | None:
        """The newest block up to which events were taken, and its hash."""
        row = self._c.execute(sa.select(_checkpoint).order_by(_checkpoint.c.block.desc()).limit(1)).first()
        return (int(row.block), row.hash) if row else None

    def take_events(self, events: Sequence[ChainEvent], block: int, block_hash: str) -> None:
        """Keep the events of everything up to a block."""
        rows = [
            {
                "block": e.block, "log": e.index, "block_hash": e.block_hash, "transaction_hash": e.transaction,
                "contract": e.contract, "address": e.address, "name": e.name,
                "detail": json.dumps(e.values, sort_keys=True),
            }
            for e in events
        ]  # fmt: skip
        if rows:
            put(self._c, _event, rows)
        insert_new(self._c, _checkpoint, [{"block": block, "hash": block_hash}])

    def rewind(self, below: int) -> int:
        """Take back the newest checkpoint at or above `below` and everything after the one before it.

        Returns: the block up to which events are still held; 0 if none.
        """
        self._c.execute(sa.delete(_checkpoint).where(_checkpoint.c.block >= below))
        held = self.checkpoint()
        last = held[0] if held else 0
        self._c.execute(sa.delete(_event).where(_event.c.block > last))
        return last

    def events(
        self, *, contract: str = "", name: str = "", limit: int = 100, before: tuple[int, int] | None = None
    ) -> list[ChainEvent]:
        """The newest first; `before`: (block, index) to page on from."""
        query = sa.select(_event).order_by(_event.c.block.desc(), _event.c.log.desc()).limit(limit)
        if contract:
            query = query.where(_event.c.contract == contract)
        if name:
            query = query.where(_event.c.name == name)
        if before:
            earlier = sa.or_(_event.c.block < before[0], sa.and_(_event.c.block == before[0], _event.c.log < before[1]))
            query = query.where(earlier)
        return [
            ChainEvent(
                r.block, r.log, r.block_hash, r.transaction_hash, r.contract, r.address, r.name, json.loads(r.detail)
            )
            for r in self._c.execute(query)
        ]

    def transaction_events(self, transaction: str) -> list[ChainEvent]:
        """What one transaction made contracts say, in order."""
        query = sa.select(_event).where(_event.c.transaction_hash == transaction).order_by(_event.c.log)
        return [
            ChainEvent(
                r.block, r.log, r.block_hash, r.transaction_hash, r.contract, r.address, r.name, json.loads(r.detail)
            )
            for r in self._c.execute(query)
        ]


def _row(one: Sending) -> dict[str, Any]:
    return {
        "seq": one.seq, "key": one.key, "account": one.account, "to": one.to, "data": one.data, "what": one.what,
        "state": one.state.value, "nonce": one.nonce, "block": one.block, "block_hash": one.block_hash, "gas": one.gas,
        "error": one.error, "tries": one.tries, "at": one.at, "settled": int(one.settled),
    }  # fmt: skip

"""What is published and signed once: member lists and their endorsements, books, prices. Tables of both sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import ConflictError, InputError
from quietgrid.model.interval import Window
from quietgrid.store.schema import BLOB, INT, KEYHOLDER, NUMBER, PLATFORM, TEXT, Tables, column, key, put, table

Ints = NDArray[np.int64]


def _make(metadata: sa.MetaData) -> tuple[sa.Table, sa.Table, sa.Table, sa.Table]:
    members = table(
        "members",
        metadata,
        key("epoch", INT),
        key("revision", INT),
        column("hash", BLOB, unique=True),
        column("signed", BLOB),
    )
    endorsement = table("endorsement", metadata, key("members", BLOB), key("keyholder", INT), column("signed", BLOB))
    book = table(
        "book",
        metadata,
        key("epoch", INT),
        key("leaf", INT),
        key("first", INT),
        column("end", INT),
        column("hash", BLOB),
        column("signed", BLOB),
    )
    price = table(
        "price",
        metadata,
        key("feed", TEXT),
        key("resolution", INT),
        key("first", INT),
        column("end", INT),
        column("body", BLOB),
        column("hash", BLOB),
        column("signed", BLOB),
        column("at", NUMBER),
    )
    return members, endorsement, book, price


_members, _endorsement, _book, _price = _make(PLATFORM)
_make(KEYHOLDER)


class Published(Tables):
    """Signed statements that hold for an epoch, a period or a slot."""

    def put_members(self, epoch: int, revision: int, hash: bytes, signed: bytes) -> None:
        """Keep the registrar's signed list of an epoch."""
        row = {"epoch": epoch, "revision": revision, "hash": hash, "signed": signed}
        put(self._c, _members, [row])

    def members(self, epoch: int, revision: int | None = None) -> bytes:
        """The signed list of an epoch: of one revision, or the newest."""
        query = sa.select(_members.c.signed).where(_members.c.epoch == epoch)
        if revision is not None:
            query = query.where(_members.c.revision == revision)
        row = self._one(query.order_by(_members.c.revision.desc()).limit(1), "member list", f"epoch {epoch}")
        return bytes(row.signed)

    def members_by_hash(self, hash: bytes) -> bytes:
        """A signed list by the hash of its message."""
        query = sa.select(_members.c.signed).where(_members.c.hash == hash)
        return bytes(self._one(query, "member list", hash.hex()[:12]).signed)

    def all_members(self) -> list[bytes]:
        """All signed lists, oldest first."""
        query = sa.select(_members.c.signed).order_by(_members.c.epoch, _members.c.revision)
        return [bytes(signed) for signed in self._c.execute(query).scalars()]

    def put_endorsement(self, members_hash: bytes, keyholder: int, signed: bytes) -> None:
        """Keep a keyholder's endorsement of a list."""
        put(self._c, _endorsement, [{"members": members_hash, "keyholder": keyholder, "signed": signed}])

    def endorsements(self, members_hash: bytes) -> dict[int, bytes]:
        """Endorsements of a list by keyholder."""
        rows = self._c.execute(sa.select(_endorsement).where(_endorsement.c.members == members_hash))
        return {int(row.keyholder): bytes(row.signed) for row in rows}

    def put_book(self, epoch: int, leaf: int, first: int, end: int, hash: bytes, signed: bytes) -> bool:
        """Register a leaf's book of the period ``[first, end)`` (absolute slots); True if it is new.

        Raises:
            ConflictError: another book of the leaf covers one of these slots.
        """
        t = _book.c
        query = sa.select(t.hash, t.first).where(t.leaf == leaf, t.first < end, t.end > first)
        for row in self._c.execute(query):
            if bytes(row.hash) != hash:
                raise ConflictError(
                    "another book covers this period", where=f"leaf {leaf}, slot {row.first}", fix="one book a period"
                )
        row_ = {"epoch": epoch, "leaf": leaf, "first": first, "end": end, "hash": hash, "signed": signed}
        return put(self._c, _book, [row_]) == 1

    def book(self, leaf: int, slot: int) -> bytes:
        """The signed book of a leaf that covers an absolute slot."""
        t = _book.c
        query = sa.select(t.signed).where(t.leaf == leaf, t.first <= slot, t.end > slot)
        return bytes(self._one(query, "book", f"leaf {leaf}, slot {slot}").signed)

    def books(self, first: int | None = None) -> list[bytes]:
        """All signed books, or those of the period that starts at `first`; by period and leaf."""
        query = sa.select(_book.c.signed).order_by(_book.c.first, _book.c.leaf)
        if first is not None:
            query = query.where(_book.c.first == first)
        return [bytes(signed) for signed in self._c.execute(query).scalars()]

    def put_prices(self, feed: str, resolution: int, first: int, values: Ints, hash: bytes, signed: bytes) -> bool:
        """Keep published prices from absolute slot `first` on; True if they are new.

        Args:
            values: int64 [t], micro-money per kWh.

        Raises:
            ConflictError: a slot of the feed is already published.
        """
        if not len(values):
            raise InputError("no prices", where=feed, fix="publish at least one interval")
        t = _price.c
        end = first + len(values)
        overlap = (t.feed == feed, t.resolution == resolution, t.first < end, t.end > first)
        for row in self._c.execute(sa.select(t.hash, t.first).where(*overlap)):
            if bytes(row.hash) != hash:
                raise ConflictError("a slot is published once", where=f"{feed}, slot {row.first}", fix="leave it out")
        record: dict[str, Any] = {"feed": feed, "resolution": resolution, "first": first, "end": end, "hash": hash}
        record |= {"body": values.astype("<i8").tobytes(), "signed": signed, "at": self._clock.now()}
        return put(self._c, _price, [record], ignore=("at",)) == 1

    def prices(self, feed: str, window: Window) -> tuple[Ints, NDArray[np.bool_]]:
        """Prices of a window: int64 [t] (0 where unknown) and bool [t] (where known)."""
        values, known = np.zeros(len(window), np.int64), np.zeros(len(window), np.bool_)
        t = _price.c
        query = sa.select(t.first, t.end, t.body).where(t.feed == feed, t.resolution == window.resolution)
        for row in self._c.execute(query.where(t.first < window.end, t.end > window.first)):
            low, high = max(row.first, window.first), min(row.end, window.end)
            body = np.frombuffer(row.body, "<i8")
            values[low - window.first : high - window.first] = body[low - row.first : high - row.first]
            known[low - window.first : high - window.first] = True
        return values, known

    def feeds(self) -> list[str]:
        """Names of feeds that ever had prices."""
        query = sa.select(_price.c.feed).distinct().order_by(_price.c.feed)
        return [str(feed) for feed in self._c.execute(query).scalars()]

    def price_messages(self, feed: str = "") -> list[bytes]:
        """All signed price messages (of one feed), oldest first."""
        query = sa.select(_price.c.signed).order_by(_price.c.feed, _price.c.first)
        if feed:
            query = query.where(_price.c.feed == feed)
        return [bytes(signed) for signed in self._c.execute(query).scalars()]

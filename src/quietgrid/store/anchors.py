"""Roots that are on a chain, or on their way, and the salted leaves below those that have salts.

Privacy: a leaf's salt goes with its record when a home is erased; the root then still stands and says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, TEXT, Tables, column, key, put, table

_anchor = table(
    "anchor", PLATFORM, key("day", INT), key("kind", INT), column("root", BLOB), column("leaves", INT),
    column("at", NUMBER),
)  # fmt: skip
_leaf = table(
    "anchored_leaf", PLATFORM, key("batch", TEXT), key("place", INT), column("subject", TEXT),
    column("salt", BLOB, null=True), column("digest", BLOB), sa.Index("anchored_leaf_by_subject", "subject"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """One root.

    Args:
        day: UTC day it is of. kind: see the contract `DailyRoots`. root: 32 bytes. leaves: below it.
    """

    day: int
    kind: int
    root: bytes
    leaves: int


@dataclass(frozen=True, slots=True)
class LeafRow:
    """One salted leaf: `subject` says what it is about; `salt` is None once that was erased."""

    subject: str
    salt: bytes | None = field(repr=False)
    digest: bytes


class Anchors(Tables):
    """Roots and leaves."""

    def put(self, rows: Sequence[AnchorRow]) -> int:
        """Keep roots; how many are new. `ConflictError` if a day has another root of that kind."""
        at = float(self._clock.now())
        found = [{"day": r.day, "kind": r.kind, "root": r.root, "leaves": r.leaves, "at": at} for r in rows]
        return put(self._c, _anchor, found, ignore=("at",)) if found else 0

    def of_day(self, day: int) -> list[AnchorRow]:
        """The roots of a day, by kind."""
        query = sa.select(_anchor).where(_anchor.c.day == day).order_by(_anchor.c.kind)
        return [AnchorRow(r.day, r.kind, bytes(r.root), r.leaves) for r in self._c.execute(query)]

    def last_day(self) -> int | None:
        """The newest day that has roots."""
        found = self._c.execute(sa.select(sa.func.max(_anchor.c.day))).scalar()
        return None if found is None else int(found)

    def latest(self, limit: int = 100) -> list[AnchorRow]:
        """The newest days first."""
        query = sa.select(_anchor).order_by(_anchor.c.day.desc(), _anchor.c.kind).limit(limit)
        return [AnchorRow(r.day, r.kind, bytes(r.root), r.leaves) for r in self._c.execute(query)]

    def put_leaves(self, batch: str, leaves: Sequence[LeafRow]) -> int:
        """Keep the leaves of a batch, in order; how many are new."""
        rows = [
            {"batch": batch, "place": n, "subject": leaf.subject, "salt": leaf.salt, "digest": leaf.digest}
            for n, leaf in enumerate(leaves)
        ]
        return put(self._c, _leaf, rows) if rows else 0

    def leaves(self, batch: str) -> list[LeafRow]:
        """The leaves of a batch, in order."""
        query = sa.select(_leaf).where(_leaf.c.batch == batch).order_by(_leaf.c.place)
        return [LeafRow(r.subject, bytes(r.salt) if r.salt else None, bytes(r.digest)) for r in self._c.execute(query)]

    def forget(self, subject: str) -> int:
        """Delete the salts of everything about a subject; how many."""
        return self._c.execute(
            sa.update(_leaf).where(_leaf.c.subject.startswith(subject, autoescape=True)).values(salt=None)
        ).rowcount

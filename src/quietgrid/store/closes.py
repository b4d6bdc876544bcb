"""Closes: what arrived, persisted before it is sent (platform) or voted on (keyholder). Tables of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa

from quietgrid.errors import ConflictError
from quietgrid.store.schema import BLOB, INT, KEYHOLDER, NUMBER, PLATFORM, TEXT, Tables, column, key, put, table


@dataclass(frozen=True, slots=True)
class CloseRow:
    """One close or late close.

    Args:
        hash: 32 bytes. kind: ``close`` or ``late``. leaf: leaf number. epoch: of the member list.
        first, end: absolute slots: those closed, or the period of a late close.
        signed: Encoded `Signed`.
    """

    hash: bytes
    kind: str
    epoch: int
    leaf: int
    first: int
    end: int
    signed: bytes


def make_close(metadata: sa.MetaData) -> sa.Table:
    """The table of closes."""
    return table(
        "close",
        metadata,
        key("hash", BLOB),
        column("kind", TEXT),
        column("epoch", INT),
        column("leaf", INT),
        column("first", INT),
        column("end", INT),
        column("signed", BLOB),
        column("at", NUMBER),
        sa.Index("close_by_leaf", "leaf", "first"),
    )


_PLATFORM_CLOSE = make_close(PLATFORM)
make_close(KEYHOLDER)


class Closes(Tables):
    """Closes by hash, and by leaf and slots."""

    _close: ClassVar[sa.Table] = _PLATFORM_CLOSE
    """The same in both kinds of database."""

    def _put_close(self, close: CloseRow) -> bool:
        row = {name: getattr(close, name) for name in CloseRow.__slots__}
        return put(self._c, self._close, [row | {"at": self._clock.now()}], ignore=("at",)) == 1

    def close(self, hash: bytes) -> CloseRow:
        """One close by its hash."""
        row = self._one(sa.select(self._close).where(self._close.c.hash == hash), "close", hash.hex()[:12])
        return _as_close(row)

    def closes(self, leaf: int, first: int, end: int, kind: str = "close") -> list[CloseRow]:
        """Closes of a leaf that touch absolute slots ``[first, end)``, in order of their first slot."""
        t = self._close.c
        query = (
            sa.select(self._close)
            .where(t.leaf == leaf, t.kind == kind, t.first < end, t.end > first)
            .order_by(t.first, t.hash)
        )
        return [_as_close(row) for row in self._c.execute(query)]

    def all_closes(self) -> list[CloseRow]:
        """Every close and late close, in order of their first slot (for the auditor)."""
        query = sa.select(self._close).order_by(self._close.c.first, self._close.c.leaf, self._close.c.hash)
        return [_as_close(row) for row in self._c.execute(query)]

    def last_close(self, leaf: int) -> int:
        """End (absolute slot) of the newest close of a leaf, 0 if there is none."""
        t = self._close.c
        end = self._c.execute(sa.select(sa.func.max(t.end)).where(t.leaf == leaf, t.kind == "close")).scalar()
        return int(end or 0)


class PlatformCloses(Closes):
    """The platform signs one close a (leaf, slot): the store refuses a second."""

    def put_close(self, close: CloseRow) -> bool:
        """Persist a close before it is sent; True if it is new.

        Raises:
            ConflictError: another close of the same leaf holds one of its slots.
        """
        for other in self.closes(close.leaf, close.first, close.end) if close.kind == "close" else ():
            if other.hash != close.hash:
                raise ConflictError(
                    "another close holds one of these slots",
                    where=f"leaf {close.leaf}, slots {other.first} to {other.end}",
                    fix="send the recorded close again",
                )
        return self._put_close(close)


def _as_close(row: sa.Row[tuple[object, ...]]) -> CloseRow:
    return CloseRow(bytes(row.hash), row.kind, row.epoch, row.leaf, row.first, row.end, bytes(row.signed))

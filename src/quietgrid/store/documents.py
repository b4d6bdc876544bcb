"""Anything small with a name: the community card, certificates, reports. In every kind of database."""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa

from quietgrid.errors import NotFoundError
from quietgrid.store.schema import (
    BLOB,
    FLEET,
    KEYHOLDER,
    NUMBER,
    PLATFORM,
    TEXT,
    VAULT,
    Tables,
    column,
    key,
    put,
    table,
)


def _make(metadata: sa.MetaData) -> sa.Table:
    return table("document", metadata, key("kind", TEXT), key("key", TEXT), column("body", BLOB), column("at", NUMBER))


_TABLES = [_make(metadata) for metadata in (PLATFORM, KEYHOLDER, FLEET, VAULT)]


class Documents(Tables):
    """Named bodies of bytes."""

    _table: ClassVar[sa.Table] = _TABLES[0]
    """The same in all four kinds of database."""

    def put(self, kind: str, key: str, body: bytes) -> bool:
        """Keep a body for ever under a name; True if it is new, `ConflictError` if the name has another body."""
        row = {"kind": kind, "key": key, "body": body, "at": self._clock.now()}
        return put(self._c, self._table, [row], ignore=("at",)) == 1

    def replace(self, kind: str, key: str, body: bytes) -> None:
        """Keep a body under a name, in place of what was there."""
        self.drop(kind, key)
        self._c.execute(sa.insert(self._table).values(kind=kind, key=key, body=body, at=self._clock.now()))

    def find(self, kind: str, key: str) -> bytes | None:
        """The body under a name, or None."""
        t = self._table.c
        body = self._c.execute(sa.select(t.body).where(t.kind == kind, t.key == key)).scalar()
        return None if body is None else bytes(body)

    def get(self, kind: str, key: str) -> bytes:
        """The body under a name, or `NotFoundError`."""
        body = self.find(kind, key)
        if body is None:
            raise NotFoundError(f"there is no such {kind}", where=key, fix="check the name")
        return body

    def all(self, kind: str) -> dict[str, bytes]:
        """Every body of a kind by name, in order of name."""
        t = self._table.c
        rows = self._c.execute(sa.select(t.key, t.body).where(t.kind == kind).order_by(t.key))
        return {str(row.key): bytes(row.body) for row in rows}

    def drop(self, kind: str, key: str) -> None:
        """Delete a body, if it is there."""
        t = self._table.c
        self._c.execute(sa.delete(self._table).where(t.kind == kind, t.key == key))

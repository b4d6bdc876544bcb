"""What all tables share: four metadata (one a kind of database), column types of both engines, idempotent inserts.

STRICT tables in SQLite; the same columns in PostgreSQL. Integers are signed 64-bit; ids that are unsigned
(pids, homes) keep their bits and are turned with `signed64` / `unsigned64`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite import INTEGER, REAL

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.model.interval import Clock

PLATFORM = sa.MetaData()
KEYHOLDER = sa.MetaData()
FLEET = sa.MetaData()
VAULT = sa.MetaData()


class Int64(sa.TypeDecorator[int]):
    """Signed 64-bit. Takes NumPy integers too: SQLite would store them, and look for them, as BLOBs."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """INTEGER in SQLite, BIGINT elsewhere."""
        return dialect.type_descriptor(INTEGER() if dialect.name == "sqlite" else sa.BigInteger())

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> int | None:
        """A plain int."""
        return None if value is None else int(value)


INT = Int64()
NUMBER: sa.types.TypeEngine[float] = sa.Double().with_variant(REAL(), "sqlite")
TEXT = sa.Text()
BLOB = sa.LargeBinary()

Row = Mapping[str, Any]


class Tables:
    """Base of every group of tables: a connection inside a transaction, and the clock.

    Args:
        connection: Open, in a transaction. clock: for the `at` columns.
    """

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self._c = connection
        self._clock = clock

    def _one(self, query: sa.Select[Any], what: str, where: str) -> sa.Row[Any]:
        row = self._c.execute(query).first()
        if row is None:
            raise NotFoundError(f"there is no such {what}", where=where, fix="check the name or number")
        return row


def table(name: str, metadata: sa.MetaData, *parts: sa.Column[Any] | sa.schema.SchemaItem) -> sa.Table:
    """A table, STRICT in SQLite."""
    return sa.Table(name, metadata, *parts, sqlite_strict=True)


def key(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A primary key column that the caller fills."""
    return sa.Column(name, kind, primary_key=True, autoincrement=False, nullable=False)


def column(
    name: str, kind: sa.types.TypeEngine[Any], *parts: Any, null: bool = False, unique: bool = False
) -> sa.Column[Any]:
    """A column, NOT NULL unless said otherwise."""
    return sa.Column(name, kind, *parts, nullable=null, unique=unique or None)


def insert_new(connection: sa.Connection, target: sa.Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose primary key is not there yet; return how many."""
    if not rows:
        return 0
    if connection.dialect.name == "sqlite":
        return connection.execute(sqlite.insert(target).on_conflict_do_nothing(), list(rows)).rowcount
    first = next(iter(target.primary_key.columns))
    statement = postgresql.insert(target).on_conflict_do_nothing().returning(first)
    return len(connection.execute(statement, list(rows)).all())


def put(connection: sa.Connection, target: sa.Table, rows: Sequence[Row], ignore: Sequence[str] = ()) -> int:
    """Insert rows, idempotent by primary key.

    Args:
        rows: All with the same columns. ignore: columns that may differ on a repeat (``at``).

    Returns: How many were new.
    Raises: ConflictError: a key is taken by a different body.
    """
    new = insert_new(connection, target, rows)
    if new == len(rows):
        return new
    keys = [c.name for c in target.primary_key.columns]
    compared = [name for name in rows[0] if name not in keys and name not in ignore]
    for row in rows:
        condition = sa.and_(*(target.c[name] == row[name] for name in keys))
        stored = connection.execute(sa.select(*(target.c[name] for name in compared or keys)).where(condition)).first()
        given = tuple(row[name] for name in compared or keys)
        if stored is None or tuple(stored) != given:
            raise ConflictError(
                f"{target.name}: this key is already taken by something else",
                where=", ".join(f"{name} {_shown(row[name])}" for name in keys),
                fix="what is recorded stays; send the same again or use a new key",
            )
    return new


def signed64(value: int) -> int:
    """An unsigned id as the database keeps it.

    >>> signed64(2**64 - 1), unsigned64(-1) == 2**64 - 1
    (-1, True)
    """
    return value - (1 << 64) if value >= 1 << 63 else value


def unsigned64(value: int) -> int:
    """The unsigned id of a stored integer."""
    return value + (1 << 64) if value < 0 else value


def signed_list(values: NDArray[np.uint64]) -> list[int]:
    """Unsigned ids as the database keeps them."""
    numbers: list[int] = np.ascontiguousarray(values, np.uint64).view(np.int64).tolist()
    return numbers


def unsigned_array(values: Sequence[int]) -> NDArray[np.uint64]:
    """uint64 [n] of stored integers."""
    return np.array(values, np.int64).view(np.uint64)


def _shown(value: object) -> str:
    return value.hex()[:12] if isinstance(value, bytes) else str(value)

"""Opening a database: one writer, any number of readers, every commit on disk before it returns.

SQLite: WAL, ``synchronous=FULL`` (a commit ends in fsync), foreign keys, BEGIN IMMEDIATE for the writer. Files of
keyholder, fleet and vault overwrite what they delete (``secure_delete``). Source: DESIGN 6.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from quietgrid.errors import ConfigError, UnavailableError
from quietgrid.model.interval import Clock
from quietgrid.store.migrate import migrate

Tx = TypeVar("Tx")
BUSY_MS = 10_000


class Store(Generic[Tx]):
    """A database of one kind.

    Args:
        engine: Configured by `connect`. room: which tables. transaction: makes a `Tx` of a connection.
    """

    def __init__(
        self, engine: sa.Engine, room: str, transaction: Callable[[sa.Connection, Clock], Tx], clock: Clock
    ) -> None:
        self._engine = engine
        self._transaction = transaction
        self._clock = clock
        self._writing = threading.Lock()
        self._owner: list[int] = []
        self._fence: Callable[[sa.Connection], None] | None = None
        self.room = room

    def guard(self, fence: Callable[[sa.Connection], None]) -> None:
        """Have every write transaction begin with a look whether this process may still write (`store.leader`)."""
        self._fence = fence

    def with_clock(self, clock: Clock) -> Store[Tx]:
        """The same database and the same one writer with another clock.

        People sign in by the machine's time, readings are closed by the (perhaps simulated) time of the community.
        """
        twin = copy(self)
        twin._clock = clock
        return twin

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """The one write transaction of this process: committed on leaving, rolled back on an exception.

        Raises:
            UnavailableError: another process has been writing for longer than ten seconds.
        """
        if threading.get_ident() in self._owner:
            raise RuntimeError("store.begin() does not nest: pass the transaction on")
        with self._writing:
            self._owner.append(threading.get_ident())
            try:
                with self._connected("BEGIN IMMEDIATE") as connection:
                    if self._fence is not None:
                        self._fence(connection)
                    yield self._transaction(connection, self._clock)
            finally:
                self._owner.clear()

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A snapshot to read from; any number of threads at once."""
        with self._connected("BEGIN") as connection:
            yield self._transaction(connection, self._clock)

    @contextmanager
    def _connected(self, begin: str) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection:
            connection = connection.execution_options(quietgrid_begin=begin)
            try:
                transaction = connection.begin()
            except sa.exc.OperationalError as error:
                raise UnavailableError(
                    "the database cannot be used right now", where=self.url, fix="see if another process holds it"
                ) from error
            with transaction:
                yield connection

    def scrub(self) -> None:
        """After an erasure: move everything out of SQLite's write-ahead log and empty it, so nothing old is left there.

        PostgreSQL keeps old rows until VACUUM and old WAL until it is recycled: erase there by policy of its operator.
        """
        if self._engine.dialect.name != "sqlite":
            return
        with self._writing, self._engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def connect(url: str | Path, room: str) -> sa.Engine:
    """An engine for `url`, migrated to the newest schema of `room`.

    Raises:
        ConfigError: the address cannot be used. UnavailableError: the server does not answer.
    """
    text = str(url)
    if "://" not in text:
        text = f"sqlite:///{Path(text).absolute()}"
    try:
        address = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise ConfigError(
            "the database address cannot be read", where="database url", fix="use a file path or postgresql+psycopg://"
        ) from error
    backend = address.get_backend_name()
    if backend == "sqlite":
        engine = _sqlite(address, secure=room != "platform")
    elif backend == "postgresql":
        engine = sa.create_engine(address.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    else:
        raise ConfigError(f"no support for {backend}", where="database url", fix="use sqlite or postgresql")
    try:
        migrate(engine, room)
    except sa.exc.OperationalError as error:
        engine.dispose()
        shown = address.render_as_string(hide_password=True)
        raise UnavailableError("the database cannot be opened", where=shown, fix="check path and server") from error
    return engine


def _sqlite(address: sa.URL, secure: bool) -> sa.Engine:
    path = Path(address.database or "")
    if not address.database or address.database == ":memory:":
        raise ConfigError("a store needs a file", where="database url", fix="give the path of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = sa.create_engine(address, connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000})

    @sa.event.listens_for(engine, "connect")
    def configure(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None
        for pragma in (
            f"busy_timeout={BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "wal_autocheckpoint=4000",
            f"secure_delete={'ON' if secure else 'OFF'}",
        ):
            dbapi.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("quietgrid_begin", "BEGIN IMMEDIATE"))

    return engine

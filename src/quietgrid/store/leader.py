"""Who of several platform processes on one PostgreSQL leads: the one that holds an advisory lock.

The lock is held by a connection, so the server lets go of it when its process dies, however that happens. Each leader
counts an epoch up before it writes; every write transaction first looks, under a shared row lock, whether its epoch
still is the newest. So a leader that lost its connection without noticing cannot write any more, and the next one waits
for what it was writing. Source: PostgreSQL 15, 13.3.5 (advisory locks); Kleppmann, "How to do distributed locking"
(2016), for the fencing token. Does not give: a leader on SQLite, which has one machine anyway.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from quietgrid.errors import ConfigError, UnavailableError
from quietgrid.store.engine import connect

LOCK = 0x9E7_61E
PAUSE_S = 0.2
_READ = "SELECT body FROM document WHERE kind = 'leader' AND key = 'platform'"
_WRITE = (
    "INSERT INTO document (kind, key, body, at) VALUES ('leader', 'platform', :body, 0) "
    "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"
)
_ALIVE = ("tcp_keepalives_idle = 2", "tcp_keepalives_interval = 1", "tcp_keepalives_count = 3")
"""A leader whose machine is gone is given up after about five seconds."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads. Args: epoch: counts leaders. host, pid: its process."""

    epoch: int
    host: str
    pid: int


class Leadership:
    """One process's wish to lead.

    Args:
        url: Address of the PostgreSQL database; it is brought to the newest schema.

    Raises:
        ConfigError: it is no PostgreSQL. UnavailableError: the server does not answer.
    """

    def __init__(self, url: str) -> None:
        self._engine = connect(url, "platform")
        if self._engine.dialect.name != "postgresql":
            self._engine.dispose()
            raise ConfigError(
                "a standby needs PostgreSQL", where="database", fix="set `database`, see `PostgreSQL` in the docs"
            )
        self._connection: sa.Connection | None = None
        self._watching = threading.Event()
        self.leader: Leader | None = None
        """This process, once it leads."""

    def wait(self, stopped: Callable[[], bool] = lambda: False) -> Leader | None:
        """Wait until this process leads; None if it was stopped before."""
        while not stopped():
            try:
                if self._try():
                    return self.leader
            except sa.exc.OperationalError:
                self._let_go()  # the server is away: it has no leader either
            self._watching.wait(PAUSE_S)
        return None

    def fence(self, connection: sa.Connection) -> None:
        """At the start of a write transaction: `UnavailableError` if another process leads by now."""
        newest = connection.execute(sa.text(_READ + " FOR SHARE")).scalar()
        if newest is None or self.leader is None or json.loads(bytes(newest))["epoch"] != self.leader.epoch:
            raise UnavailableError("another platform process leads now", where="database", fix="ask that one")

    def watch(self, lost: Callable[[], None]) -> None:
        """Look every second in a thread whether the lock is still ours; call `lost` once if it is not."""

        def run() -> None:
            while not self._watching.wait(1.0):
                try:
                    if self._connection is None:
                        break
                    self._connection.execute(sa.text("SELECT 1"))
                except sa.exc.SQLAlchemyError:
                    break
            if not self._watching.is_set():
                lost()

        threading.Thread(target=run, name="leader", daemon=True).start()

    def close(self) -> None:
        """Lead no more."""
        self._watching.set()
        self._let_go()
        self._engine.dispose()

    def _try(self) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            for setting in _ALIVE:
                self._connection.execute(sa.text(f"SET {setting}"))
        if not self._connection.execute(sa.text(f"SELECT pg_try_advisory_lock({LOCK})")).scalar():
            return False
        with self._engine.begin() as connection:
            before = connection.execute(sa.text(_READ + " FOR UPDATE")).scalar()
            epoch = json.loads(bytes(before))["epoch"] + 1 if before is not None else 1
            self.leader = Leader(epoch, socket.gethostname(), os.getpid())
            said = {"epoch": epoch, "host": self.leader.host, "pid": self.leader.pid}
            connection.execute(sa.text(_WRITE), {"body": json.dumps(said).encode()})
        return True

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def leader_of(url: str) -> Leader | None:
    """Who leads, or led last; None if nobody ever did."""
    engine = connect(url, "platform")
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.text(_READ)).scalar()
    finally:
        engine.dispose()
    return None if found is None else Leader(**json.loads(bytes(found)))

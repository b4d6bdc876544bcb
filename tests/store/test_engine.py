"""Opening, migrating, transactions, idempotent puts."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from quietgrid.errors import ConfigError, ConflictError, NotFoundError, UnavailableError
from quietgrid.model import ManualClock
from quietgrid.store import open_fleet, open_keyholder, open_platform, open_vault, schema
from quietgrid.store.engine import connect
from quietgrid.store.migrate import NEWEST, alembic_config

ROOMS = {
    "platform": (open_platform, schema.PLATFORM),
    "keyholder": (open_keyholder, schema.KEYHOLDER),
    "fleet": (open_fleet, schema.FLEET),
    "vault": (open_vault, schema.VAULT),
}
Url = Callable[[], str]


@pytest.mark.parametrize("room", ROOMS)
def test_migrations_make_exactly_the_tables_of_the_code(room: str, url: Url) -> None:
    engine = connect(url(), room)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, ROOMS[room][1]) == []
        assert context.get_current_revision() == NEWEST[room]
        if connection.dialect.name == "sqlite":
            tables = connection.exec_driver_sql("SELECT name, strict FROM pragma_table_list WHERE type = 'table'").all()
            loose = {name for name, strict in tables if not strict}
            assert loose <= {"alembic_version", "sqlite_schema", "sqlite_temp_schema", "sqlite_sequence"}
    engine.dispose()


@pytest.mark.parametrize("room", ROOMS)
def test_the_newest_revision_is_the_head_of_the_scripts(room: str) -> None:
    assert ScriptDirectory.from_config(alembic_config(room)).get_heads() == [NEWEST[room]]


def test_a_database_of_another_room_is_refused(url: Url, clock: ManualClock) -> None:
    address = url()
    open_platform(address, clock).close()
    with pytest.raises(ConflictError, match=NEWEST["platform"]):
        open_keyholder(address, clock)
    open_platform(address, clock).close()


def test_files_are_private_and_fully_synchronous(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "deep" / "vault.db"
    store = open_vault(path, clock)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with store.begin() as tx:
        tx.documents.put("a", "b", b"c")
        pragmas = {
            name: tx.documents._c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


@pytest.mark.parametrize("bad", ["sqlite://", "sqlite:///:memory:", "mysql://a/b", "://"])
def test_addresses_that_cannot_be_used(bad: str, clock: ManualClock) -> None:
    with pytest.raises(ConfigError):
        open_platform(bad, clock)


def test_a_server_that_does_not_answer_is_unavailable_and_its_password_hidden(clock: ManualClock) -> None:
    with pytest.raises(UnavailableError) as refused:
        open_platform("postgresql+psycopg://me:hunter2@127.0.0.1:1/x", clock)
    assert "hunter2" not in str(refused.value)


def test_an_exception_rolls_everything_back(url: Url, clock: ManualClock) -> None:
    store = open_platform(url(), clock)

    def fail() -> None:
        with store.begin() as tx:
            tx.documents.put("a", "b", b"c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.read() as tx:
        assert tx.documents.find("a", "b") is None
    store.close()


def test_transactions_do_not_nest_and_threads_wait(url: Url, clock: ManualClock) -> None:
    store = open_platform(url(), clock)
    with store.begin() as tx, pytest.raises(RuntimeError, match="nest"), store.begin():
        tx.documents.put("never", "here", b"")

    def add() -> None:
        for _ in range(20):
            with store.begin() as tx:
                count = int(tx.documents.find("n", "n") or b"0")
                tx.documents.replace("n", "n", b"%d" % (count + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.documents.get("n", "n") == b"80"
    store.close()


def test_puts_are_idempotent_and_contradictions_raise(url: Url, clock: ManualClock) -> None:
    store = open_platform(url(), clock)
    with store.begin() as tx:
        assert tx.documents.put("card", "x", b"one")
        clock.unix += 5
        assert not tx.documents.put("card", "x", b"one")
        with pytest.raises(ConflictError, match="already taken"):
            tx.documents.put("card", "x", b"two")
        tx.documents.replace("card", "x", b"two")
        tx.documents.put("card", "a", b"0")
        assert tx.documents.all("card") == {"a": b"0", "x": b"two"}
        tx.documents.drop("card", "x")
        with pytest.raises(NotFoundError):
            tx.documents.get("card", "x")
    store.close()


def test_numpy_integers_are_integers(url: Url, clock: ManualClock) -> None:
    store = open_platform(url(), clock)
    with store.begin() as tx:
        tx.registry.put_book(np.int64(1), np.int32(2), np.int64(10), np.int64(20), bytes(32), b"book")
        assert tx.registry.book(np.int32(2), np.int64(19)) == b"book"
        stored = tx.registry._c.execute(sa.text("SELECT leaf FROM book")).scalar()
        assert (stored, type(stored)) == (2, int)
    store.close()


def test_ids_keep_all_64_bits() -> None:
    ids = np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    assert np.array_equal(schema.unsigned_array(schema.signed_list(ids)), ids)
    assert [schema.unsigned64(schema.signed64(int(n))) for n in ids] == ids.tolist()

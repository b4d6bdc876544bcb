"""`quietgrid openadr`: credentials of OpenADR clients, and what the VTN has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quietgrid.cli.output import Json, command_app, emit, table

if TYPE_CHECKING:
    from quietgrid.store import PlatformStore

app = command_app("openadr", "Credentials of OpenADR clients; what the VTN has.")
BY = "command line"


@contextmanager
def _store(state: Path | None) -> Iterator[PlatformStore]:
    from quietgrid.errors import ConfigError
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, platform_database
    from quietgrid.store import open_platform

    settings = load()
    database = platform_database(Folders(state or settings.state), settings.database)
    if isinstance(database, Path) and not database.exists():
        raise ConfigError("there is no community here", where=str(database), fix="run `quietgrid up`")
    store = open_platform(database)
    try:
        yield store
    finally:
        store.close()


@app.command
def create(
    name: str, *, kind: Literal["BL", "VEN"] = "VEN", home: int | None = None, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Make credentials for a client, and show its secret this once.

    Args:
        name: Who it is for.
        kind: BL runs programs and events and sees everything; VEN takes part.
        home: The home a VEN speaks for.
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.vtn_clients import Clients

    with _store(state) as store:
        client, secret = Clients(store).create(name, kind, BY, home)
    emit(
        as_json,
        {"client_id": client.id, "client_secret": secret, "kind": kind, "name": client.name, "home": home},
        [f"client id      {client.id}", f"client secret  {secret}", "", "The secret is not shown again."],
    )
    return 0


@app.command(name="list")
def list_(*, state: Path | None = None, as_json: Json = False) -> int:
    """List the clients, without secrets.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.vtn_clients import Clients

    with _store(state) as store:
        found = Clients(store).all()
    data = [
        {"client_id": c.id, "kind": c.kind, "name": c.name, "home": c.home, "revoked": c.revoked is not None}
        for c in found
    ]
    rows = [[c.id, c.kind, c.name, c.home or "", "revoked" if c.revoked is not None else "active"] for c in found]
    emit(as_json, {"clients": data}, table(["client id", "kind", "name", "home", "state"], rows))
    return 0


@app.command
def revoke(client: str, *, state: Path | None = None, as_json: Json = False) -> int:
    """Shut a client out at once. What it created stays.

    Args:
        client: Its client id.
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.vtn_clients import Clients

    with _store(state) as store:
        Clients(store).revoke(client, BY)
    emit(as_json, {"client_id": client, "revoked": True}, [f"{client} is shut out"])
    return 0


@app.command
def status(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say how many objects the VTN has, and how much is still to be told to subscribers.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.wire.openadr3 import COLLECTIONS

    with _store(state) as store, store.read() as tx:
        counts = {c.path: tx.openadr.count(kind) for kind, c in COLLECTIONS.items()}
        waiting = tx.openadr.waiting()
    rows = [[path, n] for path, n in counts.items()]
    told = [f"{n} to be told to {who or 'MQTT'}" for who, n in waiting.items()] or ["nothing waits to be told"]
    emit(as_json, {"objects": counts, "waiting": waiting}, [*table(["objects", "number"], rows), *told])
    return 0

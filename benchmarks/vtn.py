"""`vtn`: requests a second of the OpenADR VTN over HTTP, and whether the last ones are as quick as the first.

One client on one connection, one server process's thread, SQLite with every change on disk. The same server answers a
bare `GET` of one static route in the same run: what HTTP itself costs here.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from benchmarks.measure import bar, peak_memory_mb
from quietgrid.api.openadr import create_vtn_app
from quietgrid.api.settings import Settings
from quietgrid.runtime.supervisor import free_port
from quietgrid.runtime.vtn import Vtn
from quietgrid.runtime.vtn_clients import Clients
from quietgrid.store import open_platform

NAME = "vtn"
ALWAYS = 1_000_000_000


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, Clients]]:
    """A VTN that listens: its address and its clients."""
    store = open_platform(folder / "vtn.db")
    vtn = Vtn(store, time.time)
    app = create_vtn_app(vtn, Settings(requests_per_minute=ALWAYS, tokens_per_minute=ALWAYS))
    port = free_port(18_600)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}", vtn.clients
    finally:
        server.should_exit = True
        thread.join()
        store.close()


def _rate(work: Callable[[int], object], count: int) -> tuple[float, float]:
    """Requests a second of wall time, and the last fifth's median time over the first fifth's."""
    taken = []
    for n in range(count):
        begin = time.perf_counter()
        work(n)
        taken.append(time.perf_counter() - begin)
    part = max(1, count // 5)
    return count / sum(taken), statistics.median(taken[-part:]) / statistics.median(taken[:part])


def run(quick: bool) -> dict[str, Any]:
    """Create, read and list events, ask for tokens."""
    count = 100 if quick else 2_000
    figures: dict[str, float] = {}
    slower: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, _served(Path(folder)) as (url, clients):
        made, secret = clients.create("benchmark", "BL", "benchmark")
        token, _ = clients.token(made.id, secret)
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            program = client.post("/programs", json={"programName": "p"}).json()["id"]
            event = client.post("/events", json={"programID": program}).json()["id"]
            form = {"grant_type": "client_credentials", "client_id": made.id, "client_secret": secret}
            works: dict[str, Callable[[int], object]] = {
                "static": lambda n: client.get("/auth/server").raise_for_status(),
                "read": lambda n: client.get(f"/events/{event}").raise_for_status(),
                "create": lambda n: client.post(
                    "/events", json={"programID": program, "eventName": str(n)}
                ).raise_for_status(),
                "list 50": lambda n: client.get("/events").raise_for_status(),
                "token": lambda n: client.post("/auth/token", data=form).raise_for_status(),
            }
            for name, work in works.items():
                work(-1)
                figures[name], slower[name] = _rate(work, count)
    ours: dict[str, Any] = {f"{name}, requests/s": round(value, 1) for name, value in figures.items()}
    ours |= {f"{name}, last fifth over first": round(value, 2) for name, value in slower.items()}
    ours["peak_memory_mb"] = peak_memory_mb()
    return {
        "name": NAME,
        "work": f"{count} requests of each kind in a row, over HTTP, one connection",
        "ours": ours,
        "peers": {},
        "ratios": {},
        "bars": [
            bar("events read a second", 100, figures["read"]),
            bar("events created a second, each on disk", 50, figures["create"]),
            bar("first fifth's time over the last's, creating (no slower than twice)", 0.5, 1 / slower["create"]),
        ],
        "note": "Client and server share the process. No peer: there is no other VTN that pip installs (FACTS).",
    }

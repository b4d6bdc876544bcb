"""Three reporter processes, a served platform and a real chain: one lies, one is killed, two are, they come back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.node import Anvil
from quietgrid.feeds import Collector
from quietgrid.feeds.collector import Pace
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.feeding import FeedsWorker
from tests.api.town import Town
from tests.chain.conftest import _anvil_is_there, a_port, anvil  # noqa: F401  (fixtures)
from tests.feeds.stand import INTERVAL
from tests.runtime.test_feeding import PRICE, Square

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0
SOURCES = '[price]\nkind = "csv"\nfile = "prices.csv"\ncolumn = "price"\nunit = "EUR/MWh"\nhold_s = 864000\n'


@dataclass
class Plaza:
    """A served town with reporters as processes."""

    town: Town
    square: Square
    state: Path
    url: str
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def price(self, number: int, price: float) -> None:
        folder = self.state / "reporters" / str(number)
        start = datetime.fromtimestamp(INTERVAL, UTC).isoformat()
        fresh = folder / "prices.new"
        fresh.write_text(f"time,price\n{start},{price}\n")
        os.replace(fresh, folder / "prices.csv")

    def start(self, number: int) -> None:
        words = ["feed", "report", "--index", str(number), "--platform", self.url, "--state", str(self.state)]
        words += ["--contracts", str(self.state / "addresses.json"), "--chain-id", str(CHAIN_ID)]
        with open(self.state / f"reporter-{number}.log", "ab") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-m", "quietgrid", *words, "--demo-clock", "--poll", "0.2"], stdout=log, stderr=log
            )

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes.pop(number).wait(30)

    def quarter(self) -> None:
        """The community's next interval."""
        self.square.interval += 900
        ClockFile(self.state / "clock").write(Tick(float(self.square.interval), 0))

    def shown(self) -> dict[str, Any]:
        """The price as the auditor gets it."""
        said = self.town.client("auditor").get("/api/v1/feeds").json()
        assert said["running"]
        return next(one for one in said["feeds"] if one["feed"] == "price")

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look at the chain until the price is shown like this."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.square.onchain.step()
            found = self.shown()
            if holds(found):
                return found
            logs = "".join(path.read_text()[-300:] for path in self.state.glob("reporter-*.log"))
            assert time.monotonic() < deadline, f"{found}\n{logs}"
            time.sleep(0.2)


@pytest.fixture
def plaza(town: Town, anvil: Anvil, tmp_path: Path) -> Iterator[Plaza]:  # noqa: F811
    services = town.services
    anvil.stop()
    square = Square(anvil, services.store, tmp_path)
    pace = Pace(every_s=0.5, wait_s=3, ask_s=3, again_s=0.5)
    square.collector = Collector(square.books, square.now, lambda: square.interval, (PRICE,), pace)
    worker = FeedsWorker(square.collector, square.books, square.names, True)
    services.feeds = worker
    port = a_port()
    server = uvicorn.Server(
        uvicorn.Config(town.app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")  # type: ignore[arg-type]
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    worker.start()
    found = Plaza(town, square, tmp_path, f"http://127.0.0.1:{port}")
    for number in range(3):
        folder = tmp_path / "reporters" / str(number)
        folder.mkdir(parents=True)
        (folder / "key").write_text((bytes([number + 1]) * 32).hex())
        (folder / "sources.toml").write_text(SOURCES)
        found.price(number, 82.3)
    found.quarter()
    yield found
    for number in list(found.processes):
        found.kill(number)
    worker.stop()
    server.should_exit = True
    thread.join(10)
    services.feeds = None
    with services.store.begin() as tx:
        tx.chain.rewind(0)


def states(price: dict[str, Any]) -> list[str]:
    return [one["state"] for one in price["reporters"]]


def test_one_lies_one_dies_two_die_and_they_come_back(plaza: Plaza) -> None:
    for number in range(3):
        plaza.start(number)
    found = plaza.until(lambda one: one["on_chain"] == "recorded" and states(one) == ["agreed"] * 3)
    assert (found["state"], found["value"], found["answer"]) == ("fresh", "0.082300", 82_300)
    assert plaza.square.recorded()[1] == 82_300

    plaza.price(1, 400)
    plaza.quarter()
    found = plaza.until(lambda one: one["on_chain"] == "recorded" and "outlier" in states(one))
    assert (found["value"], states(found)) == ("0.082300", ["agreed", "outlier", "agreed"])

    plaza.price(1, 82.3)
    plaza.kill(1)
    plaza.quarter()
    found = plaza.until(lambda one: one["on_chain"] == "recorded" and "silent" in states(one))
    assert states(found) == ["agreed", "silent", "agreed"]
    page = plaza.town.client("auditor").get("/audit/feeds", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "0.082300" in page.text
    assert ">silent<" in page.text

    plaza.kill(2)
    plaza.quarter()
    alone = plaza.until(lambda one: bool(one["note"]))
    assert alone["note"] == "1 of 3 reporters reported, 2 are needed"
    assert alone["number"] == found["number"], "no new answer"

    plaza.square.anvil.stop()
    for number in (1, 2):
        plaza.start(number)
        plaza.price(number, 83)
    plaza.price(0, 83)
    plaza.quarter()
    found = plaza.until(lambda one: one["answer"] == 83_000)
    assert found["on_chain"] == "here only", "the chain is away; the feed goes on"
    plaza.square.anvil.start()
    plaza.square.onchain.step()
    plaza.quarter()
    found = plaza.until(lambda one: one["on_chain"] == "recorded" and one["answer"] == 83_000)
    assert plaza.square.recorded() == (found["round"], 83_000)


def test_who_is_no_reporter_gets_nowhere(plaza: Plaza) -> None:
    client = plaza.town.client()
    assert client.get("/api/v1/feeds").status_code == 401
    report = {
        "feed": "price", "round_id": 1, "interval": 0, "answer": 1, "observed_at": 1, "signature": "0x" + "00" * 65
    }  # fmt: skip
    assert client.post("/api/v1/feeds/reports", json=report).status_code in (409, 422)
    assert client.post("/api/v1/feeds/reports", json=report | {"home": 7}).status_code == 422
    assert client.post("/api/v1/feeds/reports", json=report | {"answer": "1"}).status_code == 422
    assert client.post("/api/v1/feeds/reports", content=b"x" * 70_000).status_code == 413

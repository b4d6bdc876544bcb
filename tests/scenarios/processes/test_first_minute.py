"""`quietgrid up` from nothing, as somebody sees it who has just installed it: what answers when, and how it ends.

Bounds are three times what is promised, or more where others keep the machine busy; the figures are printed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.scenarios.processes.small import low_ports, until

pytestmark = pytest.mark.slow
HOMES, DAYS = 120, 40
PAGE_S, BILL_S, AGAIN_S, END_S = 10.0, 60.0, 10.0, 5.0
BUSY = max(3.0, 1.5 * os.getloadavg()[0] / (os.cpu_count() or 1))
SETTINGS = {"QUIETGRID_HOMES", "QUIETGRID_HISTORY_DAYS", "QUIETGRID_STATE", "QUIETGRID_PORT", "QUIETGRID_PACE"}
AS_A_BROWSER: dict[str, Any] = {
    "trust_env": False, "timeout": 10, "headers": {"accept": "text/html"}, "follow_redirects": True,
}  # fmt: skip
ROOMS = ("web.serve", "keyholder.server", "lab.fleet", "lab.up", "homeweb.serve", "cli.processes", "cli.keyholder")


class Up:
    """One `quietgrid up`."""

    def __init__(self, state: Path, port: int, homes: int = HOMES, days: int = DAYS) -> None:
        words = ["--state", str(state), "--homes", str(homes), "--days", str(days), "--port", str(port), "--json"]
        self.state = state
        self.shown = state.with_name(f"{state.name}.{port}.shown")
        environment = installed(state.parent / "bytecode")
        self.began = time.monotonic()
        with open(self.shown, "wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "quietgrid", "up", *words], stdout=out, stdin=subprocess.DEVNULL,
                cwd=state.parent, env=environment,
            )  # fmt: skip

    def since(self) -> float:
        """Seconds since the command."""
        return time.monotonic() - self.began

    def ports(self) -> dict[str, int]:
        """The ports it has chosen."""
        path = self.state / "run" / "ports.json"

        def chosen() -> bool:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            return path.exists() and path.stat().st_mtime >= time.time() - self.since() - 1

        until(chosen, 60, "ports are chosen")
        found: dict[str, int] = json.loads(path.read_text())
        return found

    def page(self, port: int) -> tuple[float, httpx.Response]:
        """Seconds until the start page answers, and the page."""

        def look() -> httpx.Response | None:
            assert self.process.poll() is None
            try:
                return httpx.get(f"http://localhost:{port}/", **AS_A_BROWSER)
            except httpx.HTTPError:
                return None

        answer: httpx.Response = until(look, 120, "the start page answers")
        return self.since(), answer

    def phase(self, port: int, wanted: str, seconds: float) -> float:
        """Seconds until the demo is in a phase."""

        def look() -> bool:
            try:
                found = httpx.get(f"http://localhost:{port}/healthz", trust_env=False, timeout=10).json()["phase"]
            except httpx.HTTPError:
                return False
            assert found != "failed"
            return bool(found == wanted)

        until(look, seconds, wanted)
        return self.since()

    def links(self) -> dict[str, str]:
        """Person -> one-time link, as it was printed."""
        until(lambda: self.shown.read_text().strip(), 60, "links are shown")
        return {person["who"]: person["link"] for person in json.loads(self.shown.read_text())["people"]}

    def end(self) -> float:
        """Ctrl-C; seconds until it and everything it has started is gone."""
        if self.process.poll() is not None:
            return 0.0
        children = psutil.Process(self.process.pid).children(recursive=True)
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        took = time.monotonic() - began
        left = [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        for child in left:
            child.kill()
        assert not left, "it left processes behind"
        assert len(children) >= 6
        return took


def installed(bytecode: Path) -> dict[str, str]:
    """The environment of somebody whose Python keeps bytecode (pip compiles what it installs), whatever ours does."""
    left_out = {*SETTINGS, "PYTHONDONTWRITEBYTECODE"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)
    if not bytecode.exists():
        imports = ", ".join(f"quietgrid.{room}" for room in ROOMS)
        program = (
            f"import {imports}, alembic.runtime.migration\nfrom quietgrid.crypto.secret import masks; masks.warm()"
        )
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return environment


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("first") / "state"


@pytest.fixture
def started(state: Path) -> Iterator[list[Up]]:
    """What a test starts here is ended, whatever happens."""
    running: list[Up] = []
    yield running
    for up in running:
        up.end()


def report(**figures: float) -> None:
    print("  ".join(f"{name} {value:.1f} s" for name, value in figures.items()))


def first_bill(home: httpx.Client) -> dict[str, object] | None:
    """The check of the home's first bill, made by its own process; None while there is none."""
    answer = home.get("/api/own/bills")
    if answer.status_code != 200 or not answer.json():
        return None
    bill = answer.json()[0]
    checked = home.get(f"/api/own/verify/{bill['id']}")
    return dict(checked.json()) if checked.status_code == 200 else None


def test_from_nothing_to_a_verified_bill(state: Path, started: list[Up]) -> None:
    up = Up(state, low_ports(5)[0])
    started.append(up)
    ports = up.ports()
    page_s, page = up.page(ports["platform"])
    assert page.status_code == 200
    assert re.search("one operator|replay|Quietgrid", page.text)
    link = next(link for who, link in up.links().items() if who.endswith("household"))
    token = link.rpartition("token=")[2]
    with httpx.Client(base_url=f"http://127.0.0.1:{ports['household']}", trust_env=False, timeout=60) as home:

        def signed_in() -> bool:
            try:
                return home.get("/sign-in", params={"token": token}).status_code == 303
            except httpx.HTTPError:
                return False

        until(signed_in, 60, "the household answers")
        check = until(lambda: first_bill(home), BILL_S * BUSY, "the first bill is verified")
        bill_s = up.since()
    live_s = up.phase(ports["platform"], "live", BILL_S * BUSY)
    end_s = up.end()
    report(page=page_s, bill=bill_s, live=live_s, end=end_s)
    assert check["verdict"] == "holds", check
    assert page_s < PAGE_S * BUSY
    assert bill_s < BILL_S * BUSY
    assert end_s < END_S * BUSY / 3


def test_it_goes_on_where_it_stopped_and_finds_another_port(state: Path, started: list[Up]) -> None:
    """Needs the folder of the test before; the first port it wants is taken."""
    assert (state / "commissioning").exists(), "run the whole file"
    port = low_ports(6)[0]
    with socket.create_server(("127.0.0.1", port)):
        up = Up(state, port)
        started.append(up)
        ports = up.ports()
        assert ports["platform"] > port
        page_s, page = up.page(ports["platform"])
        assert page.status_code == 200
        assert "<main" in page.text
        live_s = up.phase(ports["platform"], "live", AGAIN_S * BUSY + 30)
        end_s = up.end()
    report(page=page_s, live=live_s, end=end_s)
    assert json.loads(up.shown.read_text())["fresh"] is False
    assert live_s < AGAIN_S * BUSY
    assert end_s < END_S * BUSY / 3

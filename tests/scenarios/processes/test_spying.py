"""One reading is planted and looked for everywhere outside its home; and what opens while keyholders are away.

The number is 12,648,430 Wh, a value nothing else has. That the search can find it is shown where it must be: in the
meters' own memory and in what the household opens for itself.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from quietgrid import demo
from quietgrid.homeweb.signin import issue_link
from quietgrid.model.interval import SystemClock, Window
from quietgrid.model.question import Quantity
from tests.scenarios.processes import searching
from tests.scenarios.processes.aftermath import Truth, check_answers, check_bundle, check_keyholders
from tests.scenarios.processes.small import HOMES, ROOT, Small, until

pytestmark = pytest.mark.slow
PLANTED_WH = 12_648_430
HOME = 3
KEYHOLDERS = ("keyholder-0", "keyholder-1", "keyholder-2")
SECRET = "quietgrid.crypto.secret"


class Watched(Small):
    """A small demo whose every connection goes through a recording proxy, with one reading planted."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, days=2, pace_s=0.3)
        plan = self.demo.plan
        self.slot = plan.first + 96 + 50
        self.proxies = {
            name: searching.Proxy(int(self.url(name).rpartition(":")[2])) for name in (*KEYHOLDERS, "platform")
        }
        for child in self.supervisor._children:
            child.arguments = [self._through(word) for word in child.arguments]
        self.supervisor._children = [child for child in self.supervisor._children if child.name != "fleet"]
        monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
        self.supervisor.start()
        monkeypatch.delenv("PYTHONPROFILEIMPORTTIME")
        words = [str(self.state), self._through(self.url("platform")), str(HOME), str(self.slot), str(PLANTED_WH)]
        with open(self.state / "logs" / "fleet.log", "ab") as log:
            self.fleet = subprocess.Popen(
                [sys.executable, "-m", "tests.scenarios.processes.planted", *words], cwd=ROOT, stdout=log, stderr=log
            )

    def _through(self, word: str) -> str:
        for name, proxy in self.proxies.items():
            word = word.replace(self.url(name), f"http://127.0.0.1:{proxy.port}")
        return word

    def pid(self, name: str) -> int:
        return int((self.state / "run" / f"{name}.pid").read_text())

    def stop(self) -> None:
        self.fleet.terminate()
        self.fleet.wait(10)
        super().stop()
        for proxy in self.proxies.values():
            proxy.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    patch = pytest.MonkeyPatch()
    town = Watched(tmp_path_factory.mktemp("watched"), patch)
    try:
        town.wait_phase("live", 120)
        yield town
    finally:
        town.stop()
        patch.undo()


@pytest.fixture(scope="module")
def wanted() -> dict[str, bytes]:
    return searching.forms(PLANTED_WH)


def opened_at_home(town: Watched) -> str:
    """What the household's process opens for its own home on the planted day."""
    link = issue_link(town.state, HOME, town.ports.household, SystemClock())
    token = link.rpartition("token=")[2]
    with httpx.Client(base_url=town.url("household"), trust_env=False, timeout=30) as home:
        assert home.get("/sign-in", params={"token": token}).status_code == 303
        answer = home.get("/api/own/series", params={"from": "2016-06-01", "to": "2016-06-04"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_it_is_found_where_it_must_be(watched: Watched, wanted: dict[str, bytes]) -> None:
    assert "decimal" in searching.search(opened_at_home(watched).encode(), wanted)
    found, size = searching.search_memory(watched.fleet.pid, wanted)
    assert {"little u32", "little u64"} <= found
    assert size > 10 << 20


def test_it_is_in_no_file(watched: Watched, wanted: dict[str, bytes]) -> None:
    opened_at_home(watched)
    assert (watched.state / "platform" / "platform.db").stat().st_size > 0
    assert searching.search_files(watched.state, wanted) == {}


def test_it_went_over_no_wire(watched: Watched, wanted: dict[str, bytes]) -> None:
    opened_at_home(watched)
    for name, proxy in watched.proxies.items():
        assert proxy.size > 10_000, f"nothing went to {name}"
        assert proxy.search(wanted) == set(), name
        assert proxy.search({"compressed": b"content-encoding"}) == set(), "a search in compressed bytes finds nothing"
    assert watched.proxies["platform"].search({"frames": b"POST /api/v1/meters/reading"})
    for name in KEYHOLDERS:
        assert watched.proxies[name].search({"peers": b"POST /v1/peer/votes"}), name


@pytest.mark.parametrize("name", ["platform", *KEYHOLDERS])
def test_it_is_in_no_memory(watched: Watched, wanted: dict[str, bytes], name: str) -> None:
    opened_at_home(watched)
    try:
        found, size = searching.search_memory(watched.pid(name), wanted)
    except PermissionError:
        pytest.skip("this machine does not let a process's memory be read")
    assert size > 20 << 20
    assert found == set()


def test_its_total_was_opened(watched: Watched) -> None:
    """The planted reading is counted: the total of its interval is the plain sum with it."""
    platform = watched.open_platform()
    try:
        window = Window(watched.slot, watched.slot + 1, 900)
        with platform.parts.store.read() as tx:
            node, quantity = next(each for each in tx.totals.nodes() if each[1] is not Quantity.EXPORT)
            total = tx.totals.total(node, quantity, window)
    finally:
        platform.close()
    plain = demo.load(HOMES, window).readings
    rest = int(plain.imported_wh.sum() - plain.imported_wh[HOME - 1, 0])
    exported = int(plain.exported_wh.sum()) if quantity is Quantity.NET else 0
    assert int(total.energy_wh[0]) == PLANTED_WH + rest - exported


def test_the_platform_never_loads_what_unmasks(watched: Watched) -> None:
    """Python wrote down every module each process imported, also later ones."""
    opened_at_home(watched)
    logs = watched.state / "logs"
    assert SECRET not in (logs / "platform.log").read_text()
    assert "quietgrid.runtime.platform" in (logs / "platform.log").read_text()
    for name in KEYHOLDERS:
        assert f"{SECRET}.masks" in (logs / f"{name}.log").read_text()


# -- keyholders away -----------------------------------------------------------------------------------------------


class Watching(threading.Thread):
    """The supervisor's loop, as `quietgrid up` runs it."""

    def __init__(self, small: Small) -> None:
        super().__init__(daemon=True)
        self.small, self.over, self.failed = small, False, list[str]()

    def run(self) -> None:
        self.failed = self.small.supervisor.watch(lambda: self.over)


def test_with_keyholders_away(tmp_path: Path) -> None:
    small = Small(tmp_path, days=1, pace_s=0.25)
    small.supervisor._children = [c for c in small.supervisor._children if c.name != "household"]
    small.supervisor.start()
    watching = Watching(small)
    watching.start()
    try:
        small.wait_phase("live", 120)
        platform = small.open_platform()
        _away(small, platform.parts.store)
        platform.close()
    finally:
        watching.over = True
        watching.join(10)
        for child in small.supervisor._children:  # the platform first, so that nothing is left half asked
            if child.name == "platform" and child.process is not None:
                child.process.terminate()
                child.process.wait(10)
        small.stop()
    assert not watching.failed
    platform = small.open_platform()
    try:
        truth = Truth(small, platform)
        assert check_answers(truth) > len(truth.window) - 2
        check_keyholders(truth, [small.demo.folders.keyholder(i) for i in range(3)])
        check_bundle(truth, tmp_path / "bundle.zip")
    finally:
        platform.close()


def _away(small: Small, store: object) -> None:
    """One, two and three are stopped; then all are back."""

    def stopped(*indices: int) -> None:
        (small.state / "control").mkdir(exist_ok=True)
        for index in range(3):
            marker = small.state / "control" / f"keyholder-{index}.stopped"
            marker.touch() if index in indices else marker.unlink(missing_ok=True)
        until(lambda: all(bool(small.health(f"keyholder-{i}")) == (i not in indices) for i in range(3)), 30)

    def look() -> tuple[int, int, int]:
        with store.read() as tx:  # type: ignore[attr-defined]
            return (
                tx.answers.last_close(0), len(tx.answers.unanswered()), len(tx.answers.with_status("provisional"))
            )  # fmt: skip

    def closes(count: int) -> None:
        end = look()[0] + count
        until(lambda: look()[0] >= end, 60, "time goes on")

    stopped(1)
    closes(6)
    assert look()[2] > 0, "with one away two answer, provisionally"
    assert look()[1] <= 2

    for away in ((1, 2), (0, 1, 2)):
        stopped(*away)
        closes(2)
        with store.read() as tx:  # type: ignore[attr-defined]
            before = tx.answers.last_close(0)
            opened = [tx.totals.last_total(*node) for node in tx.totals.nodes()]
        closes(5)
        with store.read() as tx:  # type: ignore[attr-defined]
            assert [tx.totals.last_total(*node) for node in tx.totals.nodes()] == opened, f"{away} away and it opened"
        assert look()[1] >= look()[0] - before > 0

    stopped()
    until(lambda: look()[1] <= 2 and look()[2] == 0, 90, "everything is answered and confirmed")
    closes(2)


def test_the_search_finds_every_form(wanted: dict[str, bytes]) -> None:
    """A process that holds the number in one form only is found out by it; one that holds none is not."""
    program = "import sys; kept = bytes.fromhex(sys.stdin.readline()); print(flush=True); sys.stdin.readline()"
    chosen = ["decimal", "HEX", "little u32", "big u64", "little float64", "base64 of little u64 at 2"]
    for name in [*chosen, ""]:
        form = wanted[name] if name else b""
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as held:
            assert held.stdin is not None
            assert held.stdout is not None
            held.stdin.write(form.hex() + "\n")
            held.stdin.flush()
            held.stdout.readline()
            found, _ = searching.search_memory(held.pid, wanted)
            held.stdin.close()
        assert (name in found) if name else found == set()

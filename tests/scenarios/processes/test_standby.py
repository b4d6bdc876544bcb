"""Two platform processes on one PostgreSQL: the leader is killed again and again, the other one takes its place.

In front of them is what a load balancer is: it hands connections to the one that answers 200 on ``/healthz``.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from benchmarks.cluster import Cluster
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import NotFoundError, QuietgridError, UnavailableError
from quietgrid.lab.gateway import GatewayLink
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.founding import read_card
from quietgrid.store import open_platform
from quietgrid.store.leader import LOCK, Leader, leader_of
from tests.scenarios.processes.aftermath import Truth, check_bundle, check_frames
from tests.scenarios.processes.searching import Proxy
from tests.scenarios.processes.small import Forked, Small, low_ports, until
from tests.scenarios.processes.test_postgresql import cluster, totals_are_plain_sums
from tests.scenarios.processes.witness import Witness

__all__ = ["cluster"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
KILLS, PATIENCE_S = 20, 240.0
WITHIN_S = 10.0
"""The bar, for the median of all kills: single ones may meet a machine that is busy with something else."""
PAIR = ("platform-a", "platform-b")
OTHERS = ("keyholder-0", "keyholder-1", "keyholder-2", "fleet")
COUNT = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND granted"
GATEWAY = "second-substation"


class Pair(Small):
    """A small demo whose platform is two processes, each at its own port, with a balancer in front."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, days=2, pace_s=0.5)
        self.database = url
        self.at = dict(zip(PAIR, low_ports(2), strict=True))
        self.front = Proxy(0)
        self.identity = Identity.from_seed(bytes(range(32)))
        (self.state / "grid").mkdir()
        key = self.identity.public.hex()
        (self.state / "grid" / "telemetry.toml").write_text(f'[[gateway]]\nname = "{GATEWAY}"\nkey = "{key}"\n')
        commands = {child.name: list(child.arguments) for child in self.supervisor._children}
        single = commands.pop("platform")
        for name, port in self.at.items():
            words = [str(port) if word == str(self.ports.platform) else word for word in single]
            commands[name] = [*words, "--standby"]
        fleet = [word.replace(self.url("platform"), self.front_url) for word in commands["fleet"]]
        self.words = {**commands, "fleet": fleet}

    @property
    def commands(self) -> dict[str, list[str]]:  # type: ignore[override]
        """See `Small.commands`."""
        return self.words

    @property
    def front_url(self) -> str:
        """Where people, meters and gateways go."""
        return f"http://127.0.0.1:{self.front.port}"

    def asked(self, name: str) -> httpx.Response | None:
        """What one of the two says of itself; None if it does not listen."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.at[name]}/healthz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return None

    def leading(self) -> str | None:
        """Which of the two answers; from now on the balancer hands on to it."""
        for name in PAIR:
            answer = self.asked(name)
            if answer is not None and answer.status_code == 200:
                self.front.target = self.at[name]
                return name
        return None

    def ready(self, name: str) -> bool:
        """Whether one waits at its door, with all behind it made."""
        answer = self.asked(name)
        return answer is not None and answer.status_code == 503 and answer.json()["role"] == "standby"

    def health(self, name: str = "platform") -> dict[str, object]:
        """What the platform's one address says; empty while nobody answers."""
        try:
            answer = httpx.get(self.front_url + "/healthz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return {}
        return dict(answer.json()) if answer.status_code == 200 else {}


class Gateway:
    """A substation that measures all the time and remembers what was acknowledged."""

    def __init__(self, pair: Pair) -> None:
        self.acknowledged: list[float] = []
        """When each value that was taken was measured."""
        self.wrong: list[str] = []
        self._clock = ClockFile(pair.state / "clock")
        card = read_card(pair.demo.folders.card)
        self._link = GatewayLink(pair.front_url, card, pair.identity, GATEWAY, pair.state / "grid" / "count")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        last = 0.0
        while not self._over.wait(0.1):
            last = max(last + 0.001, self._clock.now())
            try:
                late = self._link.send([Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 50_000, last, GATEWAY)]).late
            except (UnavailableError, NotFoundError):  # nobody leads; nobody has joined yet, so there is no grid
                continue
            except QuietgridError as error:
                self.wrong.append(str(error))
                continue
            if not late:
                self.acknowledged.append(last)

    def close(self) -> None:
        """Stop measuring."""
        self._over.set()
        self._thread.join(30)
        self._link.close()


class Locks:
    """Counts, all the time, how many hold the leader's lock."""

    def __init__(self, url: str) -> None:
        self.counts: list[int] = []
        self._engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._over.wait(0.02):
                self.counts.append(int(connection.execute(sa.text(COUNT)).scalar() or 0))

    def close(self) -> None:
        """Count no more."""
        self._over.set()
        self._thread.join(30)
        self._engine.dispose()


@pytest.fixture
def pair(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    url = cluster.database("standby")
    monkeypatch.setenv("QUIETGRID_DATABASE", url)
    made = Pair(tmp_path, url)
    yield made
    made.front.close()


def take_over(pair: Pair, forked: Forked) -> tuple[Leader, float]:
    """Kill the leader without a word; who it was, and how long the one address had no answer.

    The other one waits at its door then; the killed one is started again afterwards.
    """
    name = until(pair.leading, PATIENCE_S, pair.logs())
    other = PAIR[1 - PAIR.index(name)]
    until(lambda: pair.ready(other), PATIENCE_S, pair.logs())
    was = leader_of(pair.database)
    assert was is not None
    assert was.pid == forked.pids[name]
    started = time.monotonic()
    assert forked.kill(name), "the leader had ended by itself"
    until(lambda: pair.leading() == other and pair.health(), PATIENCE_S, pair.logs())
    took = time.monotonic() - started
    forked.start(name)
    return was, took


def test_leaders_are_killed_and_nothing_is_lost(pair: Pair, tmp_path: Path) -> None:
    witness = Witness(pair.state / "fleet" / "meters.db")
    forked = Forked(pair, (*OTHERS, *PAIR))
    locks, moments = Locks(pair.database), random.Random(4)
    took, epochs, lines = [], [], {}
    gateway = None
    try:
        for name in (*OTHERS, *PAIR):
            forked.start(name)
        until(pair.leading, PATIENCE_S, pair.logs())
        gateway = Gateway(pair)
        store = open_platform(pair.database)
        for kill in range(KILLS):
            if kill == KILLS // 2:
                pair.wait_phase("live", PATIENCE_S)
            with store.read() as tx:
                number, head = tx.log.head()
            lines[number] = head
            was, seconds = take_over(pair, forked)
            took.append(seconds)
            epochs.append(was.epoch)
            time.sleep(moments.uniform(0.0, 1.0))
        pair.wait_phase("live", PATIENCE_S)
        many = len(gateway.acknowledged)
        until(lambda: len(gateway.acknowledged) > many, PATIENCE_S, f"it goes on measuring {gateway.wrong[-3:]}")
        store.close()
    finally:
        if gateway is not None:
            gateway.close()
        locks.close()
        for name in PAIR:
            forked.end(name)
        forked.close()
        witness.close()
    assert epochs == list(range(epochs[0], epochs[0] + KILLS)), "every kill makes one new leader"
    assert max(locks.counts) == 1, "one at a time"
    assert not forked.ended, pair.logs()
    assert not witness.trouble
    print(f"answers again after {statistics.median(took):.1f} s (median), {max(took):.1f} s (worst)")
    assert statistics.median(took) <= WITHIN_S, took
    nothing_is_lost(pair, witness, gateway, lines)
    platform = pair.open_platform()
    try:
        assert totals_are_plain_sums(Truth(pair, platform), platform) > 0  # how many depends on the machine
        check_bundle(Truth(pair, platform), tmp_path / "bundle.zip")
    finally:
        platform.close()


def nothing_is_lost(pair: Pair, witness: Witness, gateway: Gateway, lines: dict[int, bytes]) -> None:
    """Frames with a receipt, measurements that were answered, lines of the log that were read: all are there."""
    platform = pair.open_platform()
    try:
        frames = check_frames(Truth(pair, platform), witness.frames, witness.cells())
        with platform.parts.store.read() as tx:
            assert tx.log.verify()[0] >= max(lines)
            kept = {entry.seq: entry.hash for entry in tx.log.entries(limit=1_000_000)}
            measured = {m.at for m in tx.grid.measurements(0.0, 1e12) if m.source == GATEWAY}
    finally:
        platform.close()
    assert frames > 0
    assert {number: kept.get(number) for number in lines if number} == {n: h for n, h in lines.items() if n}
    assert gateway.acknowledged
    assert not set(gateway.acknowledged) - measured, "a measurement that was acknowledged is lost"
    assert not gateway.wrong, gateway.wrong[:3]
    print(f"{frames} frames, {len(gateway.acknowledged)} measurements, {max(lines)} lines of the log")

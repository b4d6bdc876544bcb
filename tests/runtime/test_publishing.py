"""Published statistics of a real billing period: one draw for ever, budgets kept, written before it is shown."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from shutil import copytree

import pytest

from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import GateRefusal, InputError, NotFoundError, UnavailableError
from quietgrid.model.publication import PublishRules, Statistic
from quietgrid.runtime.publishing import Publishing, milli, publication_of, shown, statistic_of
from quietgrid.wire.publication import OwnParts, Publication
from tests.runtime.hamlet import Hamlet, days
from tests.runtime.press import SHOWN, STATISTICS
from tests.runtime.test_periods import live, plain

PERIOD = days(0, 28)
ROOT = Path(__file__).resolve().parents[2]


def billed(folder: Path, homes: int) -> Hamlet:
    town = Hamlet(folder, homes=homes, epoch_days=28)
    town.community.register_books(PERIOD)
    live(town, PERIOD)
    town.community.periods.run(PERIOD)
    return town


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamlet]:
    """20 homes: everything carries noise."""
    town = billed(tmp_path_factory.mktemp("small"), 20)
    yield town
    town.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamlet]:
    """110 homes: the sum of all is plain."""
    town = billed(tmp_path_factory.mktemp("large"), 110)
    yield town
    town.close()


def copied(town: Hamlet, folder: Path) -> Path:
    """A copy of a hamlet's state, as it is on disk."""
    town.store.scrub()
    return copytree(town.community.folders.state, folder / "state")


class Copy:
    """A hamlet's platform with a database of its own, where nothing is published yet."""

    def __init__(self, town: Hamlet, folder: Path) -> None:
        from quietgrid.runtime.founding import Folders
        from quietgrid.runtime.periods import Periods
        from quietgrid.runtime.platform import platform_at

        parts = town.platform.parts
        self.folders = Folders(copied(town, folder))
        self.platform = platform_at(self.folders, parts.card, [], parts.clock, parts.rules)
        self.periods = Periods(self.platform)

    def publishing(self, rules: PublishRules | None = None, seed: int = 1) -> Publishing:
        return Publishing(self.platform, self.periods, rules, Random(seed).randrange)


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Callable[[Hamlet], Copy]]:
    """Copies hamlets."""
    made: list[Copy] = []

    def make(town: Hamlet) -> Copy:
        made.append(Copy(town, tmp_path / str(len(made))))
        return made[-1]

    yield make
    for one in made:
        one.platform.close()


def test_a_plain_sum_of_many_homes_is_exact(large: Hamlet, copy: Callable[[Hamlet], Copy]) -> None:
    press = copy(large).publishing()
    found, new = press.publish(Statistic.USE, press.month(), "analyst")
    expected = sum(plain(large, 100 + n, PERIOD) for n in range(110))
    assert new
    assert [(f.value, f.homes, f.noisy) for f in found.figures] == [(expected, 110, False)]
    assert (found.epsilon_milli, found.margin, found.budget_milli) == (0, 0, 6_000)
    assert {row.epsilon_milli for row in press.spent()} == {0}


def test_few_homes_get_noise_once(small: Hamlet, copy: Callable[[Hamlet], Copy]) -> None:
    made = copy(small)
    press = made.publishing()
    found, new = press.publish(Statistic.USE, PERIOD, "analyst")
    exact = sum(min(plain(small, 100 + n, PERIOD), 800_000) for n in range(20))
    assert new
    assert found.figures[0].noisy
    assert found.figures[0].value != exact
    assert abs(found.figures[0].value - exact) < 40 * found.scale
    for other in (press, made.publishing(seed=2)):
        assert other.publish(Statistic.USE, PERIOD, "somebody", 5_000) == (found, False)
    assert {row.epsilon_milli for row in press.spent(2016)} == {500}
    with made.platform.parts.store.read() as tx:
        lines = [line for line in tx.log.latest(10) if line.action == "statistic.publish"]
        assert [(line.actor, line.detail["charged"], line.detail["epsilon_milli"]) for line in lines] == [
            ("analyst", 20, 500)
        ]
        signed = tx.publications.all()
    assert lines[0].detail["hash"] == publication_of(signed[0]).hash().hex()


def test_a_budget_is_never_passed(small: Hamlet, copy: Callable[[Hamlet], Copy]) -> None:
    made = copy(small)
    press = made.publishing(PublishRules(budget_milli=1_000))
    press.publish(Statistic.USE, PERIOD, "analyst", 700)
    with pytest.raises(GateRefusal, match=r"20 homes would pass .* of 1 for 2016.*0\.3 is left") as no:
        press.publish(Statistic.SPREAD, PERIOD, "analyst", 400)
    assert no.value.rule == "budget"
    assert press.find(Statistic.SPREAD, PERIOD) is None
    press.publish(Statistic.SPREAD, PERIOD, "analyst", 300)
    with pytest.raises(GateRefusal, match="wait for next year"):
        press.publish(Statistic.BANDS, PERIOD, "analyst", 1)
    assert {(row.epsilon_milli, row.statistics) for row in press.spent()} == {(1_000, 2)}
    assert len(press.all()) == 2


def test_what_fails_before_it_is_kept_was_never_drawn(small: Hamlet, copy: Callable[[Hamlet], Copy]) -> None:
    made = copy(small)

    def broken(_n: int) -> int:
        raise OSError("no randomness")

    press = Publishing(made.platform, made.periods, None, broken)
    with pytest.raises(OSError, match="no randomness"):
        press.publish(Statistic.USE, PERIOD, "analyst")
    assert press.all() == []
    assert press.spent() == []
    assert made.publishing().publish(Statistic.USE, PERIOD, "analyst")[1]


def test_a_home_is_told_what_it_is_part_of(small: Hamlet, copy: Callable[[Hamlet], Copy]) -> None:
    made = copy(small)
    press, card = made.publishing(), made.platform.parts.card
    press.publish(Statistic.USE, PERIOD, "analyst", 200)
    press.publish(Statistic.SPREAD, PERIOD, "analyst", 300)
    said = open_signed(press.own(103), OwnParts, card.platform_pk)
    assert (said.home, sum(part.epsilon_milli for part in said.parts)) == (103, 500)
    from quietgrid.crypto.public.envelope import unpack_signed

    for part in said.parts:
        open_signed(unpack_signed(part.publication), Publication, card.platform_pk)
    assert open_signed(press.own(999), OwnParts, card.platform_pk).parts == []


def test_before_the_bills_nothing_can_be_published(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet(epoch_days=28)
    town.community.register_books(PERIOD)
    press = Publishing(town.platform, town.community.periods)
    with pytest.raises(UnavailableError, match="bills of 20 homes are not opened yet"):
        press.publish(Statistic.USE, PERIOD, "analyst")
    with pytest.raises(NotFoundError, match="no bills were made"):
        press.month()


def test_what_cannot_be_asked_for(small: Hamlet, copy: Callable[[Hamlet], Copy]) -> None:
    press = copy(small).publishing()
    for wrong in (0, -1, 6_001):
        with pytest.raises(InputError, match="epsilon cannot be used"):
            press.publish(Statistic.USE, PERIOD, "analyst", wrong)
    with pytest.raises(InputError, match="no such statistic"):
        statistic_of("peak")
    with pytest.raises(NotFoundError, match="2016-07"):
        press.month("2016-13")
    with pytest.raises(InputError, match="three decimals"):
        milli(0.0005)
    assert (milli(0.25), shown(250)) == (250, "0.25")


def kills(town: Hamlet, folder: Path, rounds: int) -> int:
    """Kill workers while they publish, start others where they stopped; how many died before they were done."""
    died, moments = 0, random.Random("press")
    for number in range(rounds):
        state = copied(town, folder / str(number))
        command = [sys.executable, "-m", "tests.runtime.press", str(state)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as press:
            assert press.stdin is not None
            assert press.stdout is not None
            for last in (False, False, True):
                press.stdin.write("end\n" if last else "go\n")
                press.stdin.flush()
                worker = int(press.stdout.readline())
                if not last:
                    deadline = time.monotonic() + 60
                    path = state / SHOWN
                    before = path.stat().st_size
                    while path.stat().st_size == before:
                        assert time.monotonic() < deadline, "the worker shows nothing"
                        time.sleep(0.001)
                    time.sleep(moments.random() * 0.03)
                    os.kill(worker, signal.SIGKILL)
                assert press.stdout.readline() == "gone\n"
                died += not last
            press.stdin.close()
        check(state)
    return died


def check(state: Path) -> None:
    """Whatever was shown of a statistic, by whichever worker, is the one draw on disk."""
    from quietgrid.model.interval import SystemClock
    from quietgrid.runtime.founding import Folders, platform_database
    from quietgrid.store import open_platform

    store = open_platform(platform_database(Folders(state), ""), SystemClock())
    with store.read() as tx:
        kept = {p.statistic: [f.value for f in p.figures] for p in map(publication_of, tx.publications.all())}
        spent = {row.epsilon_milli for row in tx.publications.spent()}
        drawn = [line for line in tx.log.latest(100) if line.action == "statistic.publish"]
        tx.log.verify()
    store.close()
    assert set(kept) == set(STATISTICS)
    assert spent == {100 * len(STATISTICS)}
    assert len(drawn) == len(STATISTICS)
    for line in (state / SHOWN).read_text().splitlines():
        statistic, *values = line.split()
        assert kept[statistic] == [int(value) for value in values]


def test_a_killed_process_never_draws_twice(small: Hamlet, tmp_path: Path) -> None:
    assert kills(small, tmp_path, 2) == 4


@pytest.mark.slow
def test_a_killed_process_never_draws_twice_in_thirty_kills(small: Hamlet, tmp_path: Path) -> None:
    assert kills(small, tmp_path, 15) == 30

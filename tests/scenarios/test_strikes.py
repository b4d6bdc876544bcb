"""A meter that spoils totals is found by strikes, live and in days, with a keyholder away, across a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.lab.community import Community
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.model.total import Status
from quietgrid.runtime.platform import platform_at
from quietgrid.runtime.strikes import Search
from tests.scenarios.attacks.spy import D0, found_community, random_readings, residents

RULES = GateRules()
HOMES = 32
PEOPLE = residents({"Mill Lane": [1] * HOMES})
LIAR = 117
GIANT = 1 << 40
FIRST = D0 * 96
Make = Callable[[], Community]
Lies = NDArray[np.bool_]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Founds a leaf of 32 homes; a meter there may seal what no honest meter would."""
    for where in ("meter.sealing", "model.readings"):
        monkeypatch.setattr(f"quietgrid.{where}.MAX_READING_WH", 1 << 62)
    made: list[Community] = []

    def found() -> Community:
        made.append(found_community(tmp_path / str(len(made)), PEOPLE, 40, RULES))
        return made[-1]

    yield found
    for community in made:
        community.close()


def live(community: Community, first: int, lies: Lies, width: int = 1) -> NDArray[np.int64]:
    """Measure and close so many slots, `width` a close; where `lies`, the liar sends 2^40 Wh. What was measured."""
    out = []
    for at in range(0, len(lies), width):
        readings = random_readings(PEOPLE, Window(FIRST + first + at, FIRST + first + at + width, 900), seed=first + at)
        row = [r.party.home for r in PEOPLE].index(LIAR)
        readings.imported_wh[row] += GIANT * lies[at : at + width]
        community.measure(readings)
        community.clock.unix = max(community.clock.unix, float((readings.window.end + RULES.settle_slots) * 900))
        outcomes = community.platform.close_due(readings.window.end)
        assert not outcomes.liars
        assert not outcomes.refused
        out.append(readings.imported_wh)
    return np.concatenate(out, axis=1)


def search(community: Community) -> Search:
    """The newest search of the leaf."""
    return community.platform.strikes.searches(community.platform.members(FIRST))[0]


def always(slots: int) -> Lies:
    return np.ones(slots, np.bool_)


def test_a_meter_that_always_lies_is_named(make: Make) -> None:
    community = make()
    live(community, 0, ~always(4))
    assert community.platform.strikes.searches(community.platform.members(FIRST)) == []
    live(community, 4, always(18))
    found = search(community)
    assert found.suspicion.named == LIAR
    assert found.since == FIRST + 4
    assert found.over
    assert 10 <= found.closes <= found.limit == 20
    assert found.suspicion.strikes[0] == (LIAR, found.closes)
    with community.platform.parts.store.read() as tx:
        total = tx.totals.total("Mill Lane", Quantity.IMPORT, Window(FIRST + 6, FIRST + 7, 900))
    assert total.status is Status.IMPLAUSIBLE

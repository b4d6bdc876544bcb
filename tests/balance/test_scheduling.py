"""The plan of a window: set-points, signals, figures, and other packages' schedules."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietgrid.algorithms.schedule import aggregated, draw_wh, follow
from quietgrid.balance.scheduling import LEVEL_UNIT, PlanInputs, plan, plan_each, schedules
from quietgrid.demo import Sample
from quietgrid.errors import ForbiddenError, InputError, NotFoundError
from tests.algorithms.schedule_cases import of_sample


def test_a_plan_of_the_sample(sample: Sample) -> None:
    look = of_sample(sample)
    made = plan(PlanInputs("day", look, 1.0))
    assert made.cost_after_micro < made.cost_before_micro
    assert made.bound <= made.cost_after_micro / 1e6 + 1e-6
    assert "lower" in made.reasons[0]
    (signal,) = made.signals
    assert (signal.unit, len(signal.values)) == (LEVEL_UNIT, 96)
    homes = draw_wh(look.storages, follow(look.storages, np.array(signal.values), 900)).sum(axis=0)
    told = np.zeros(96)
    for point in made.set_points:
        first, end = (int(at) // 900 - look.window.first for at in (point.start, point.end))
        told[first:end] = point.value
    assert np.abs(homes * 4 - told).max() <= 0.01 * look.storages.charge_w.sum()
    assert made.set_points[0].start == look.window.first * 900
    assert made.set_points[-1].end == look.window.end * 900
    assert len({point.id for point in made.set_points}) == len(made.set_points)


def test_every_schedule_by_name(sample: Sample) -> None:
    look = of_sample(sample)
    best = plan(PlanInputs("day", look, 1.0)).cost_after_micro
    for name in ("greedy", "cheapest"):
        assert plan(PlanInputs("day", look, 1.0, name)).cost_after_micro > best
    with pytest.raises(NotFoundError, match="greedy"):
        plan(PlanInputs("day", look, 1.0, "none such"))


def test_another_package_offers_a_schedule(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "restful.py").write_text(
        "import numpy as np\n"
        "from quietgrid.algorithms.schedule import aggregated, scheduled\n"
        "def rest(outlook):\n"
        "    own = aggregated(outlook)\n"
        "    level = np.repeat(own.storages.level_wh[:, None], len(own.window), axis=1)\n"
        "    return scheduled(own, level, np.zeros((0, len(own.window)), np.int64), by='rest')\n"
        "def odd(outlook):\n"
        "    return scheduled(outlook, np.zeros((len(outlook.storages), 96), np.int64), "
        "np.zeros((0, 96), np.int64), by='odd')\n"
    )
    about = tmp_path / "restful-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: restful\nVersion: 1.0\n")
    points = about / "entry_points.txt"
    points.write_text("[quietgrid.schedules]\nrest = restful:rest\nodd = restful:odd\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    schedules.cache_clear()
    try:
        look = of_sample(sample)
        made = plan(PlanInputs("day", look, 1.0, "rest"))
        assert made.cost_after_micro == made.cost_before_micro
        assert {point.value for point in made.set_points} == {0}
        with pytest.raises(InputError, match="one storage a group"):
            plan(PlanInputs("day", look, 1.0, "odd"))
        points.write_text("[quietgrid.schedules]\ngreedy = restful:rest\n")
        schedules.cache_clear()
        with pytest.raises(InputError, match="taken"):
            schedules()
    finally:
        schedules.cache_clear()
        sys.modules.pop("restful", None)


def test_the_sums_say_nothing_of_a_home(sample: Sample) -> None:
    look = of_sample(sample)
    assert plan(PlanInputs("a", look, 1.0)).set_points == plan(PlanInputs("a", aggregated(look), 1.0)).set_points


def test_only_assets_that_agreed_are_planned(sample: Sample) -> None:
    look = of_sample(sample)
    names = [f"battery {n}" for n in range(len(look.storages))]
    agreed = np.arange(len(names)) % 2 == 0
    inputs = PlanInputs("each", look, 1.0)
    some, every = plan_each(inputs, names, agreed), plan_each(inputs, names, agreed | True)
    assert list(some.names) == names[::2]
    assert some.draw_w.shape == (len(some.names), 96)
    rest = plan(inputs).cost_before_micro
    assert every.schedule.cost_micro < some.schedule.cost_micro < rest
    other = replace(look.storages, level_wh=np.where(agreed, look.storages.level_wh, 0))
    without = plan_each(PlanInputs("each", replace(look, storages=other), 1.0), names, agreed)
    assert (without.draw_w == some.draw_w).all()
    with pytest.raises(ForbiddenError, match="no asset agreed"):
        plan_each(inputs, names, agreed & False)
    with pytest.raises(InputError, match="consents"):
        plan_each(inputs, names, agreed[1:])

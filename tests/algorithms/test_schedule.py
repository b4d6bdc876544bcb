"""Laws of schedules: limits, energy, bounds, scaling, caps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from quietgrid.algorithms.schedule import (
    BUILT_IN,
    aggregate,
    aggregated,
    draw_wh,
    follow,
    optimum,
    scheduled,
    trajectories,
)  # fmt: skip
from quietgrid.algorithms.schedule.local import steps_wh
from quietgrid.demo import Sample
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.schedule import Caps, Ints, Outlook, Storages
from tests.algorithms.schedule_cases import days, ints, of_sample, outlook, storages

ROUNDING = 0.02
"""Currency units that whole Wh can be off in a day."""
LAWS = settings(max_examples=25, deadline=None)


def assert_keeps_limits(store: Storages, level: Ints, resolution: int = 900) -> None:
    assert (level >= 0).all()
    assert (level <= store.capacity_wh[:, None]).all()
    draw = draw_wh(store, level)
    assert (draw <= store.charge_wh(resolution)[:, None] + 1).all()
    assert (-draw <= store.discharge_wh(resolution)[:, None] + 1).all()


@given(days())
@LAWS
@pytest.mark.parametrize("name", BUILT_IN)
def test_levels_stay_within_limits_and_end_where_wanted(name: str, look: Outlook) -> None:
    done, store = BUILT_IN[name](look), aggregated(look).storages
    assert_keeps_limits(store, done.level_wh)
    assert (done.level_wh[:, -1] >= store.end_wh - 2).all()


@given(days())
@LAWS
def test_energy_is_conserved_with_efficiencies(look: Outlook) -> None:
    done, store = aggregate(look), aggregated(look).storages
    draw = (done.net_wh - look.net_wh)[0]
    stored = np.where(draw > 0, draw * store.charge_permille / 1000, draw * 1000 / store.discharge_permille)
    step = np.diff(done.level_wh[0], prepend=store.level_wh[0])
    assert np.abs(stored - step).max() <= 1


@given(days())
@LAWS
def test_the_optimum_of_the_sums_is_a_lower_bound(look: Outlook) -> None:
    each, together = optimum(look), aggregate(look)
    assert together.bound <= each.bound + 1e-6
    homes = follow(look.storages, trajectories(aggregated(look), together)[0].level_ppm, 900)
    assert_keeps_limits(look.storages, homes)


@given(days(alike=True))
@LAWS
def test_alike_batteries_follow_the_sums_to_the_watt_hour(look: Outlook) -> None:
    together = aggregate(look)
    homes = follow(look.storages, trajectories(aggregated(look), together)[0].level_ppm, 900)
    steps = np.abs(np.diff(together.level_wh[0], prepend=look.storages.level_wh.sum()))
    at_full_power = int((steps > 0.99 * min(int(step.sum()) for step in steps_wh(look.storages, 900))).sum())
    assert np.abs(homes.sum(axis=0) - together.level_wh[0]).max() <= len(look.storages) * (2 + at_full_power)
    assert optimum(look).bound == pytest.approx(together.bound, abs=ROUNDING)


@given(days())
@LAWS
def test_a_plan_never_exceeds_its_caps(look: Outlook) -> None:
    free = aggregate(look)
    high = max(int(free.net_wh.max()), int(look.net_wh.max())) * 9 // 10
    low = max(int(-free.net_wh.min()), 0)
    t = len(look.window)
    cap = Caps("Group 0", np.full(t, max(high, 0)), np.full(t, low))
    capped = replace(look, caps=(cap, replace(cap, name="community")))
    try:
        done = aggregate(capped)
    except InfeasibleError as error:
        refused = error.limits
    else:
        assert (done.net_wh <= cap.import_wh).all()
        assert (-done.net_wh <= cap.export_wh).all()
        assert done.objective >= free.bound - ROUNDING
        return
    assert {name.rpartition(" ")[0] for name in refused} <= {"Group 0", "community", "end"}


def test_an_impossible_cap_is_named() -> None:
    look = outlook(ints(*[5_000] * 8), ints(*[100_000] * 8), storages(ints(4_000)))
    tight = tuple(Caps(name, np.full(8, limit), np.full(8, 9_000)) for name, limit in (("A", 2_000), ("all", 9_000)))
    with pytest.raises(InfeasibleError, match=r"import cap of A by \d+\.\d kW at 2015") as caught:
        aggregate(replace(look, caps=tight))
    assert caught.value.limits == ("A import",)
    far = tuple(Caps(name, np.full(8, 9_000), np.full(8, 9_000)) for name in ("A", "all"))
    full = replace(look.storages, end_wh=ints(4_000), charge_w=ints(100))
    with pytest.raises(InfeasibleError, match="wanted in the storages at the end"):
        aggregate(replace(look, caps=far, storages=full))


def test_energy_is_not_wasted_to_keep_an_export_cap() -> None:
    full = storages(ints(4_000), 1, 800).at(ints(4_000), ints(4_000))
    look = outlook(ints(*[-3_000] * 8), ints(*[100_000] * 8), full)
    cap = Caps("A", np.full(8, 9_000), np.full(8, 2_950))
    with pytest.raises(InfeasibleError, match="export cap of A"):
        aggregate(
            replace(look, storages=look.storages.at(ints(4_000), ints(4_000)), caps=(cap, replace(cap, name="B")))
        )


def test_a_price_below_zero_is_taken_once() -> None:
    price = ints(-50_000, -50_000, 200_000, 200_000)
    done = aggregate(outlook(ints(100, 100, 100, 100), price, storages(ints(4_000), half=False), feed_in=price - 1))
    assert_keeps_limits(storages(ints(4_000), half=False), done.level_wh)
    assert done.objective >= done.bound - ROUNDING


def test_prices_that_pay_for_passing_through_are_refused() -> None:
    price = ints(100_000, 100_000)
    with pytest.raises(InputError, match="earns more"):
        outlook(ints(1, 1), price, storages(ints(1_000)), feed_in=price + 1)


def test_a_day_of_the_sample(sample: Sample) -> None:
    look = of_sample(sample)
    together, each = aggregate(look), optimum(look)
    homes = follow(look.storages, trajectories(aggregated(look), together)[0].level_ppm, 900)
    reached = scheduled(look, homes, together.flexible_wh, by="homes")
    assert abs(reached.objective - each.bound) <= 0.01 * abs(each.bound)
    assert together.objective < scheduled(look, look.storages.level_wh[:, None].repeat(96, axis=1),
                                          together.flexible_wh, by="none").objective  # fmt: skip
    for name in ("greedy", "cheapest"):
        assert BUILT_IN[name](look).objective >= together.bound

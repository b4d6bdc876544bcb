"""Rolling operation and loads that can be moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.schedule import (
    Bands,
    Rhythm,
    SeasonalNaive,
    aggregate,
    aggregated,
    charging,
    follow_load,
    greedy,
    heating,
    roll,
    together,
    trajectories,
)  # fmt: skip
from quietgrid.demo import Sample
from quietgrid.errors import InputError
from quietgrid.model.schedule import Aim, Caps, Flexible, Ints, Objective, Outlook
from quietgrid.wire.series import Series
from tests.algorithms.schedule_cases import ints, of_sample, outlook, storages
from tests.algorithms.test_schedule import assert_keeps_limits

KEEP = Objective(stored_micro_per_kwh=100_000)
WEEK = SeasonalNaive(season=7 * 48)


@st.composite
def cars(draw: st.DrawFn, intervals: int = 12) -> list[Flexible]:
    found = []
    for _ in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, intervals - 1))
        last = draw(st.integers(first + 1, intervals))
        power = draw(st.sampled_from([2_000, 4_000, 11_000]))
        found.append(charging(intervals, 900, (first, last), draw(st.integers(0, power // 4 * (last - first))), power))
    return found


def with_loads(loads: list[Flexible], price: Ints) -> Outlook:
    load = np.full(len(price), 5_000)
    return outlook(load, price, storages(ints(4_000)), flexible=(together(loads, 0),))


@given(cars(), st.lists(st.integers(1_000, 400_000), min_size=12, max_size=12))
@settings(max_examples=30, deadline=None)
def test_every_car_is_charged_in_time_within_its_power(loads: list[Flexible], price: list[int]) -> None:
    look = with_loads(loads, ints(*price))
    done = aggregate(look)
    so_far = np.cumsum(done.flexible_wh[0])
    group = look.flexible[0]
    assert ((group.least_wh <= so_far) & (so_far <= group.most_wh)).all()
    (told,) = trajectories(aggregated(look), done)
    for load in loads:
        own = np.cumsum(follow_load(load, told.along_ppm["EV"]))
        assert ((load.least_wh <= own) & (own <= load.most_wh)).all()
        assert (np.diff(own, prepend=0) <= load.power_wh).all()
        assert (np.diff(own, prepend=0) >= 0).all()


def test_a_load_waits_for_the_cheap_hour() -> None:
    car = charging(8, 900, (0, 8), 3_000, 4_000)
    done = aggregate(with_loads([car], ints(300, 300, 300, 100, 100, 100, 300, 300) * 1_000))
    assert done.flexible_wh[0].tolist() == [0, 0, 0, 1_000, 1_000, 1_000, 0, 0]


def test_a_heat_pump_runs_ahead_by_what_its_store_holds() -> None:
    pump = heating(ints(500, 500, 500, 500), 1_000, 8_000, 900)
    done = aggregate(with_loads([pump], ints(100, 320, 310, 300) * 1_000))
    assert done.flexible_wh[0].tolist() == [1_500, 0, 0, 500]


def test_what_a_car_cannot_do_is_refused() -> None:
    with pytest.raises(InputError, match="9000 Wh cannot be charged in 2 intervals at 4000 W"):
        charging(8, 900, (0, 2), 9_000, 4_000)
    with pytest.raises(InputError, match="before it comes"):
        charging(8, 900, (3, 2), 0, 4_000)
    with pytest.raises(InputError, match="more energy in an interval than its power"):
        heating(ints(500, 3_000), 0, 8_000, 900)


def test_bands_hold_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    shape = np.tile(5_000 + 2_000 * np.sin(np.arange(48) / 48 * 6.28), 7 * 12)
    opened = np.rint(shape + random.normal(0, 500, len(shape))).astype(np.int64)
    held = []
    for first in range(7 * 48 * 6, len(opened) - 48, 31):
        bands, truth = WEEK(opened[:first], 48), opened[first : first + 48]
        assert (bands.low_wh <= bands.middle_wh).all()
        assert (bands.middle_wh <= bands.high_wh).all()
        held.append(((bands.low_wh <= truth) & (truth <= bands.high_wh)).mean())
    assert 0.72 <= np.mean(held) <= 0.88
    with pytest.raises(InputError, match="two seasons"):
        WEEK(opened[:500], 48)


def month(net: Ints, price: Ints, aim: Objective) -> tuple[Outlook, Ints]:
    """The last week of a community's net as an outlook with one storage, and what was known before it."""
    week = slice(len(net) - 7 * 48, len(net))
    store = storages(np.full(20, 6_800))
    look = outlook(net[week], price[week], store, objective=aim)
    return aggregated(replace(look, window=type(look.window)(800_000, 800_000 + 7 * 48, 1_800))), net[
        None, : week.start
    ]


def check_operation(net: Ints, price: Ints) -> None:
    aim = Objective(Aim.MIX, peak_micro_per_kw=1_000_000, stored_micro_per_kwh=150_000)
    look, known = month(net, price, aim)
    foreseen = roll(look, known, aggregate, Rhythm(48, 7), WEEK)
    perfect = roll(look, known, aggregate, Rhythm(48, 7), None)
    simple = roll(look, known, greedy, Rhythm(48, 7), WEEK)
    best = aggregate(look).bound
    resting = int((np.maximum(look.net_wh, 0) * look.import_price).sum()
                  - (np.maximum(-look.net_wh, 0) * look.export_price).sum()) / 1e9  # fmt: skip
    for done in (foreseen, perfect, simple):
        assert_keeps_limits(look.storages, done.level_wh, 1_800)
        assert done.level_wh[0, -1] >= look.storages.end_wh[0] - 2
        assert (done.plans, done.refused) == (48, 0)
    total = [one.cost_micro / 1e6 + one.peak_w / 1e3 for one in (perfect, foreseen)]
    assert best - 0.1 <= total[0] + 0.15 * (look.storages.capacity_wh[0] / 1e3)
    assert total[0] <= total[1] + 0.005 * abs(total[1])
    watched = roll(look, known, aggregate, Rhythm(48, 7, live=True), WEEK)
    assert_keeps_limits(look.storages, watched.level_wh, 1_800)
    assert watched.cost_micro / 1e6 + watched.peak_w / 1e3 <= total[1] * 1.001
    assert foreseen.cost_micro / 1e6 < resting


def test_a_week_of_operation_on_the_sample(sample: Sample) -> None:
    net = (sample.readings.imported_wh - sample.readings.exported_wh).sum(axis=0)
    net = net.reshape(-1, 2).sum(axis=1)[: 28 * 48]
    price = np.tile(np.where(np.arange(48) < 14, 120_000, 280_000) + np.arange(48) * 700, 28)
    check_operation(net, price)


def test_a_week_of_operation_in_london(lcl: Series, real_data: Path) -> None:
    net = lcl.readings.imported_wh[:, : 28 * 48].sum(axis=0)
    price = np.tile(np.where(np.arange(48) < 14, 120_000, 280_000) + np.arange(48) * 700, 28)
    check_operation(net, price)


def test_operation_serves_cars_and_rests_where_caps_cannot_hold(sample: Sample) -> None:
    look = of_sample(sample)
    car = charging(96, 900, (40, 90), 30_000, 11_000)
    look = aggregated(replace(look, flexible=(car,)))
    done = roll(look, np.zeros((1, 0), np.int64), aggregate, Rhythm(48, 8), None)
    took = int((done.net_wh - look.net_wh).sum())
    assert took > 30_000
    tight = tuple(Caps(name, np.full(96, 10), np.full(96, 10)) for name in ("A", "all"))
    rests = roll(replace(look, caps=tight), np.zeros((1, 0), np.int64), aggregate, Rhythm(48, 8), None)
    assert rests.refused > 0
    if rests.refused == rests.plans:
        assert int((rests.net_wh - look.net_wh).sum()) == 30_000


def test_the_community_peak_is_lower_when_that_is_wanted(sample: Sample) -> None:
    look = of_sample(sample)
    cheap, flat, mix = (
        aggregate(replace(look, objective=Objective(aim, peak_micro_per_kw=2_000_000))) for aim in Aim
        if aim in (Aim.COST, Aim.PEAK, Aim.MIX)
    )  # fmt: skip
    assert flat.peak_w <= mix.peak_w <= cheap.peak_w
    assert cheap.cost_micro <= mix.cost_micro <= flat.cost_micro
    assert flat.peak_w < cheap.peak_w


def test_a_live_head_shows_what_the_forecast_missed() -> None:
    look = outlook(ints(*[-800] * 3, *[0] * 3), ints(*[200_000] * 6), storages(ints(40_000)), objective=KEEP)
    look = replace(look, storages=look.storages.at(ints(0), ints(0)))

    def nothing(opened_wh: Ints, intervals: int) -> Bands:
        zero = np.zeros(intervals, np.int64)
        return Bands(zero, zero, zero)

    live, blind = (
        roll(look, np.zeros((1, 0), np.int64), aggregate, Rhythm(6, 1, live), nothing) for live in (True, False)
    )
    assert np.abs(live.net_wh[0, :3]).max() <= 1
    assert (blind.net_wh == look.net_wh).all()

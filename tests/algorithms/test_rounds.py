"""Price rounds: a home's answer is its best, the mix is within its gap, the bound is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.schedule import (
    aggregate,
    aggregated,
    answer_of,
    answering,
    combine,
    draw_wh,
    follow,
    optimum,
    repair,
    respond,
    scheduled,
    trajectories,
)  # fmt: skip
from quietgrid.demo import Sample
from quietgrid.errors import InfeasibleError
from quietgrid.model.schedule import Caps, Ints, Objective, Outlook, Storages
from quietgrid.wire.series import Series
from tests.algorithms.schedule_cases import days, ints, of_sample, outlook, storages
from tests.algorithms.test_schedule import ROUNDING, assert_keeps_limits


@given(days(), st.sampled_from([0, 30_000]), st.sampled_from([0, 150_000]))
@settings(max_examples=40, deadline=None)
def test_a_home_answers_a_price_with_its_best(look: Outlook, wear: int, stored: int) -> None:
    aim = Objective(wear_micro_per_kwh=wear, stored_micro_per_kwh=stored)
    store = look.storages
    level = respond(store, look.import_price, 900, aim)
    assert_keeps_limits(store, level)
    assert (level[:, -1] >= store.end_wh).all()
    far = np.full_like(look.net_wh, 10**7)
    best = optimum(replace(look, net_wh=far, low_wh=far, high_wh=far, objective=aim))
    mine = scheduled(replace(look, net_wh=far, low_wh=far, high_wh=far, objective=aim), level, best.flexible_wh, by="")
    assert mine.objective == pytest.approx(best.bound, abs=ROUNDING)


def test_a_price_below_zero_is_answered_as_nothing() -> None:
    store, price = storages(ints(4_000)), ints(-5, -5, 100, 100)
    assert respond(store, price, 900).tolist() == respond(store, np.maximum(price, 0), 900).tolist()


def rounds(look: Outlook, gap: float = 0.01) -> tuple[float, float, float, int]:
    """Objective that homes reach after following, and after price rounds; the bound; the number of rounds."""
    first = aggregate(look)
    kept: list[Ints] = [follow(look.storages, told.level_ppm, look.window.resolution)
                        for told in trajectories(aggregated(look), first)]  # fmt: skip
    followed = scheduled(look, kept[0], first.flexible_wh, by="followed").objective
    done = repair(aggregated(look), answer_of(look, look.storages, kept[0]), answering(look, look.storages, kept),
                  gap=gap)  # fmt: skip
    mixed = combine(np.stack(kept), done.weights[:, 0])
    assert_keeps_limits(look.storages, mixed)
    assert int(done.weights.sum()) == 1_000_000
    saved = done.draw_wh[0] - draw_wh(look.storages, mixed).sum(axis=0)
    assert saved.min() >= -2 * len(look.storages)
    assert saved.sum() <= 0.05 * np.abs(done.draw_wh).sum() + len(look.storages)
    reached = scheduled(look, mixed, first.flexible_wh, by="mixed").objective
    assert done.gap <= gap
    return followed, reached, done.bound, len(done.prices)


def varied(capacity: Ints, seed: int) -> Storages:
    """Batteries of one, two and four hours, of three efficiencies, at any level."""
    random = np.random.default_rng(seed)
    n = len(capacity)
    power, keeps = capacity // random.choice([1, 2, 4], n), random.choice([900, 950, 980], n)
    level = capacity * random.integers(0, 100, n) // 100
    return Storages(np.zeros(n, np.int64), capacity, level, level * 0, power, power, keeps, keeps)


def test_price_rounds_close_the_gap_where_batteries_differ(sample: Sample) -> None:
    look = of_sample(sample)
    look = replace(look, storages=varied(np.tile(look.storages.capacity_wh, 3), 4))
    followed, reached, bound, asked = rounds(look)
    best = optimum(look)
    assert bound <= best.bound + 1e-6
    assert reached <= best.bound * 1.01 + ROUNDING
    assert reached < followed
    assert asked > 0


def test_alike_batteries_need_no_round(sample: Sample) -> None:
    assert rounds(of_sample(sample))[3] == 0


def test_price_rounds_on_london_homes(lcl: Series, real_data: Path) -> None:
    net = lcl.readings.imported_wh[:, 48 * 10 : 48 * 11].sum(axis=0)
    net = np.repeat(net // 2, 2)
    price = np.where(np.arange(96) % 96 < 32, 120_000, 280_000) + np.arange(96) * 500
    look = outlook(net, price, varied(np.full(90, 6_800), 7))
    _, reached, bound, _ = rounds(look)
    assert reached == pytest.approx(bound, rel=0.011)


def test_rounds_that_cannot_keep_a_cap_say_so() -> None:
    look = outlook(ints(*[5_000] * 8), ints(*range(100_000, 108_000, 1_000)), storages(ints(4_000), half=False))
    caps = tuple(Caps(name, np.full(8, 4_900), np.full(8, 9_000)) for name in ("A", "all"))
    kept: list[Ints] = [np.zeros((1, 8), np.int64)]
    with pytest.raises(InfeasibleError, match="import cap of A"):
        repair(replace(look, caps=caps), answer_of(look, look.storages, kept[0]), answering(look, look.storages, kept))


def test_rounds_keep_caps(sample: Sample) -> None:
    look = of_sample(sample)
    free = aggregate(look)
    cap = Caps("A", np.full(96, int(free.net_wh.max()) * 85 // 100), np.full(96, 10**6))
    look = replace(look, caps=(cap, replace(cap, name="all")), storages=varied(look.storages.capacity_wh, 2))
    first = aggregate(look)
    (told,) = trajectories(aggregated(look), first)
    kept = [follow(look.storages, told.level_ppm, 900)]
    done = repair(aggregated(look), answer_of(look, look.storages, kept[0]), answering(look, look.storages, kept),
                  gap=0.01)  # fmt: skip
    net = look.net_wh + done.draw_wh
    assert (net[0] <= cap.import_wh + len(look.storages)).all()

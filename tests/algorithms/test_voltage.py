"""Voltage control: laws of characteristics, shares, batteries, taps; a two-bus closed form; stages one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.powerflow import Model
from quietgrid.algorithms.voltage import (
    PU_1_12,
    PU_BELOW_LIMIT,
    QU_4105,
    SUPPORT,
    Band,
    Characteristic,
    Droops,
    Given,
    Loop,
    Settings,
    Sharing,
    Stage,
    TapControl,
    advance,
    bounds,
    compensated,
    damping,
    jain,
    move,
    reactive_reach,
    shares,
    simulate,
    steps_bound,
)  # fmt: skip
from quietgrid.algorithms.voltage.storing import EFFICIENCY
from quietgrid.errors import InputError
from quietgrid.model.network import Lines, Network, Nodes, Sources, Transformers, UnitKind, Units


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def f(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def street(pv_w: tuple[float, ...] = (20e3, 20e3), storage_wh: float = 0.0, x_ohm: float = 0.05) -> Network:
    """20 kV, a transformer that moves under load, and a 400 V line with a plant and a battery at each node."""
    m, n = len(pv_w), len(pv_w) + 2
    rows = [i + 2 for i in range(m)]
    yes = np.ones(1, np.bool_)
    transformers = Transformers(
        ("T1",), i32(0), i32(1), f(20e3), f(400), f(160e3), f(0.04), f(2.3e3), f(460), f(0.003), i32(5), i32(0),
        i32(-4), i32(4), i32(0), f(0.025), ~yes, yes, yes, yes,
    )  # fmt: skip
    kinds = tuple(kind for _ in rows for kind in (UnitKind.PV, UnitKind.STORAGE))
    rated = np.array([power for pv in pv_w for power in (pv, pv / 2)])
    return Network(
        "street",
        Nodes(tuple(f"n{i}" for i in range(n)), f(20e3, *[400.0] * (m + 1)), i32(-1, -1, *[0] * m), np.arange(n) * 1.0,
              np.zeros(n)),
        Lines(tuple(f"l{i}" for i in range(m)), np.arange(1, m + 1, dtype=np.int32), np.arange(2, n, dtype=np.int32),
              np.full(m, 0.15), np.full(m, x_ohm), np.zeros(m), np.full(m, 200.0), np.ones(m, np.bool_),
              np.ones(m, np.bool_)),
        transformers,
        Sources(("grid",), i32(0), f(1.02), yes),
        Units(tuple(f"u{i}" for i in range(2 * m)), i32(*[row for row in rows for _ in range(2)]), kinds, rated,
              np.zeros(2 * m), np.array([0.0, storage_wh] * m), np.full(2 * m, np.nan), ("",) * 2 * m,
              np.ones(2 * m, np.bool_)),
        ("F1",),
    )  # fmt: skip


def sunny(network: Network, days: int = 1, per_day: int = 24, peak: float = 1.0) -> np.ndarray:
    """[t, u]: plants follow half a sine, a little load at night; batteries idle."""
    sun = np.clip(np.sin(np.pi * (np.arange(per_day) - 6) / 12), 0, None)
    feed = np.tile(sun, days)[:, None] * np.where(network.units.generating, -network.units.rated_w, 0.0) * peak
    return feed + np.where(network.units.generating, 500.0, 0.0)


HOURLY = Settings(seconds=3600, per_day=24)


def run(network: Network, *stages: Stage, days: int = 1, peak: float = 1.0, how: Settings = HOURLY):
    draw = sunny(network, days, peak=peak)
    return simulate(Model(network), (draw, np.zeros_like(draw)), how, frozenset(stages)), draw


# --- characteristics


@given(st.lists(st.floats(0.5, 1.5), min_size=2, max_size=40))
def test_characteristics_are_monotone(voltages: list[float]) -> None:
    v = np.sort(np.array(voltages))
    assert (np.diff(QU_4105.at(v)) >= 0).all()
    assert (np.diff(SUPPORT.at(v)) >= 0).all()
    for curve in (PU_1_12, PU_BELOW_LIMIT):
        assert (np.diff(curve.at(v)) <= 0).all()
        assert ((curve.at(v) >= 0) & (curve.at(v) <= 1)).all()


def test_characteristics_have_the_points_of_their_source_and_no_others() -> None:
    assert QU_4105.at(f(0.9, 0.93, 0.95, 1.0, 1.05, 1.07, 1.2)).round(9).tolist() == [-1, -1, -0.5, 0, 0.5, 1, 1]
    assert PU_1_12.at(f(1.10, 1.11, 1.12)).round(9).tolist() == [1, 0.5, 0]
    assert reactive_reach(f(4_000, 10_000)).tolist() == [1316, 4840]
    assert QU_4105.slope == pytest.approx(25)
    with pytest.raises(InputError, match="monotone"):
        Characteristic("x", (0.9, 1.0, 1.1), (0, 1, 0))
    with pytest.raises(InputError, match="must rise"):
        Characteristic("x", (1.0, 1.0), (0, 1))


# --- settling


@given(st.floats(1e3, 60e3))
@settings(deadline=None, max_examples=20)
def test_two_buses_rest_where_the_closed_form_says(feed_w: float) -> None:
    network = street((feed_w,), x_ohm=0.2)
    model = Model(network)
    rated = np.where(network.units.generating, 60e3, 0.0)
    droops = Droops(QU_4105, reactive_reach(rated), None, rated, None, 0 * rated)
    draw = np.array([[-feed_w, 0.0]])
    loop = Loop(model, droops, draw[0], 0 * draw[0])
    found = loop.settle(Given(draw, 0 * draw, np.array([[1.02]]), np.zeros((1, 1), np.int32), (0 * draw, 0 * draw)))
    assert found.still.all()
    # |U1|² = (U2² + RP + XQ)² / U2² + ((XP − RQ) / U2)², the sending end of a line by what its far end draws
    busbar, far = found.flow.voltage[0, 1] * 400, found.flow.voltage[0, 2] * 400
    awake = feed_w >= 6e3
    q = float(QU_4105.at(f(far / 400))[0]) * 60e3 * 0.484 * awake
    drop, turn = (-0.15 * feed_w + 0.2 * q) / far, (-0.2 * feed_w - 0.15 * q) / far
    assert np.hypot(far + drop, turn) == pytest.approx(busbar, rel=3e-5)
    assert found.draw_var[0, 0] == pytest.approx(q, abs=60e3 * 0.484 * 25 * 3e-5)


def test_damping_keeps_the_promised_rate_on_a_linear_grid() -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(size=(6, 6))
    x = root @ root.T / 50
    slope = 8.0
    gain = slope * np.linalg.eigvalsh(x).max()
    assert gain > 1  # undamped repetition would not be sure
    clip = lambda v: np.clip(slope * v, -1, 1)  # noqa: E731
    q, a, v0 = np.zeros(6), damping(gain), rng.normal(size=6)
    rest = q.copy()
    for _ in range(5_000):
        rest = (1 - a) * rest + a * clip(v0 - x @ rest)
    assert np.allclose(rest, clip(v0 - x @ rest), atol=1e-10)
    norm = lambda e: float(np.sqrt(e @ x @ e))  # noqa: E731
    for _ in range(40):
        new = (1 - a) * q + a * clip(v0 - x @ q)
        assert norm(new - rest) <= gain / (2 + gain) * norm(q - rest) + 1e-12
        q = new
    assert steps_bound(gain, 0.1) > 1


# --- sharing


@given(
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 50_000)), min_size=1, max_size=30),
    st.integers(0, 600_000), st.sampled_from(Sharing),
)  # fmt: skip
def test_shares_sum_to_the_watt_and_nobody_gives_more_than_it_feeds(plants, cut, sharing) -> None:
    rated = np.array([size for _, size in plants])
    feeding = np.minimum(np.array([power for power, _ in plants]), rated)
    found = shares(cut, feeding, rated, sharing, effect=rated.astype(float))
    assert found.sum() == min(cut, feeding.sum())
    assert ((found >= 0) & (found <= feeding)).all()
    left = feeding - found
    if sharing is Sharing.EQUAL and 0 < cut < feeding.sum():
        caps = left[found > 1] / rated[found > 1]
        assert np.ptp(caps) <= 2 / rated.min() if len(caps) else True
        if len(caps):  # who gives nothing is below the common cap
            assert (feeding[found == 0] / rated[found == 0] <= caps.max() + 2 / rated.min()).all()
    if sharing is Sharing.PROPORTIONAL and 0 < cut < feeding.sum():
        assert (np.abs(found - feeding * cut / feeding.sum()) <= 1 + 1e-6).all()


def test_shares_refuse_and_fairness_is_jains() -> None:
    with pytest.raises(InputError, match="not negative"):
        shares(-1, i32(1), i32(1), Sharing.EQUAL)
    with pytest.raises(InputError, match="voltage most"):
        shares(1, i32(1), i32(1), Sharing.LEAST)
    assert jain(f(2, 2, 2, 2)) == 1
    assert jain(f(3, 0, 0)) == pytest.approx(1 / 3)
    assert jain(f(0, 0)) == 1


# --- batteries


@given(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=60), st.floats(500, 20_000), st.floats(500, 9_000))
def test_batteries_stay_within_capacity_and_power(wishes: list[float], capacity: float, power: float) -> None:
    stored = np.zeros((1, 1))
    taken = given_back = 0.0
    for wish in wishes:
        least, most = bounds(stored, f(capacity), f(power), 900)
        draw = np.clip(wish * power, least, most)
        assert abs(draw[0, 0]) <= power + 1e-9
        after = advance(stored, draw, f(capacity), 900)
        assert -1e-9 <= after[0, 0] <= capacity + 1e-9
        taken, given_back = taken + max(draw[0, 0], 0) / 4, given_back + max(-draw[0, 0], 0) / 4
        stored = after
    assert given_back <= taken * EFFICIENCY**2 + 1e-6
    assert stored[0, 0] == pytest.approx(taken * EFFICIENCY - given_back / EFFICIENCY, abs=1e-5)


# --- taps


@given(st.floats(0.8, 1.2), st.integers(-4, 4), st.integers(0, 3), st.sampled_from([0.0, 900.0]))
def test_taps_stay_in_range_move_one_step_and_never_away(signal: float, tap: int, moved: int, waited: float) -> None:
    network = street()
    control = TapControl(a_day=3, delay_s=600)
    new = move(control, network, f(signal).reshape(1, 1), i32(tap).reshape(1, 1), f(waited).reshape(1, 1),
               i32(moved).reshape(1, 1))  # fmt: skip
    assert -4 <= new[0, 0] <= 4
    assert abs(new[0, 0] - tap) <= 1
    if waited < 600 or moved >= 3 or abs(signal - 1) <= control.half_band:
        assert new[0, 0] == tap
    after = signal * (1 + 0.025 * tap) / (1 + 0.025 * new[0, 0])
    assert abs(after - 1) <= abs(signal - 1) + 1e-12


def test_a_dead_band_narrower_than_a_step_is_refused_and_drops_are_compensated() -> None:
    with pytest.raises(InputError, match="narrower"):
        TapControl(half_band=0.01).fits(street())
    control = TapControl(drop_r=0.04, drop_x=0.02)
    seen = compensated(control, street(), f(1.0).reshape(1, 1), f(-80e3).reshape(1, 1), f(16e3).reshape(1, 1))
    assert seen[0, 0] == pytest.approx(1 + 0.04 * 0.5 - 0.02 * 0.1)


# --- stages


def test_each_stage_lowers_its_own_violations_and_together_none_is_left() -> None:
    network = street((30e3, 30e3, 25e3), storage_wh=60e3)
    narrow = replace(HOURLY, band=Band(high=1.10))
    alone, _ = run(network, how=narrow)
    before = narrow.band.outside(alone.voltage).sum()
    assert before > 0
    for stage in Stage:
        found, _ = run(network, stage, how=narrow)
        assert found.still.all()
        assert narrow.band.outside(found.voltage).sum() < before, stage
    everything, _ = run(network, *Stage, days=2, how=narrow)
    assert not narrow.band.outside(everything.voltage).any()
    assert everything.open_seams == 0


@pytest.mark.parametrize("sharing", list(Sharing))
def test_curtailment_keeps_the_limit_and_least_loses_least(sharing: Sharing) -> None:
    network = street((30e3, 30e3, 25e3))
    how = replace(HOURLY, sharing=sharing)
    found, draw = run(network, Stage.CURTAIL, how=how)
    assert np.nanmax(found.voltage[:, 2:]) <= 1.10 + 1e-9
    lost = (found.draw_w - draw).sum()
    assert lost > 0
    assert (found.draw_w >= draw - 1e-6).all()
    if sharing is not Sharing.LEAST:
        least, _ = run(network, Stage.CURTAIL, how=replace(how, sharing=Sharing.LEAST))
        assert (least.draw_w - draw).sum() < lost
        lower, _ = run(network, Stage.CURTAIL, how=how)
        limit = found.percent.min()
        assert 0 <= limit < 100
        assert np.array_equal(lower.percent, found.percent)
        # a point more would be too much: the limit is the highest whole per cent
        hour = int(found.percent[:, 0].argmin())
        feeding = np.minimum(draw[hour], 0)
        cap = (
            (limit + 1)
            / 100
            * (-feeding if sharing is Sharing.PROPORTIONAL else np.maximum(network.units.rated_w, -draw.min(axis=0)))
        )
        again = Model(network).flow(np.maximum(draw[hour], -cap)[None], np.zeros((1, len(draw[0]))))
        assert again.voltage[0, 2:].max() > 1.10


def test_batteries_give_back_at_night_and_days_join() -> None:
    network = street((30e3, 30e3, 25e3), storage_wh=30e3)
    found, draw = run(network, Stage.STORAGE, days=4)
    capacity = network.units.storage_wh
    assert ((found.stored_wh >= -1e-6) & (found.stored_wh <= capacity + 1e-6)).all()
    assert found.stored_wh.max() > 0
    assert found.open_seams == 0
    change = np.diff(found.stored_wh, axis=0)
    battery = (found.draw_w - draw)[1:]
    expected = np.where(battery > 0, battery * EFFICIENCY, battery / EFFICIENCY)
    assert np.allclose(change, np.where(capacity > 0, expected, 0.0), atol=2.0)


def test_taps_obey_rate_and_range_through_a_run_and_half_days_are_refused() -> None:
    network = street((40e3, 40e3))
    found, draw = run(network, Stage.TAPS, days=3)
    assert found.taps.min() >= -4
    assert np.abs(np.diff(found.taps[:, 0])).max() <= 1
    with pytest.raises(InputError, match="whole days"):
        simulate(Model(network), (draw[:25], 0 * draw[:25]), HOURLY)

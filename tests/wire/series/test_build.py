"""From samples to whole watt-hours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import InputError, SourceError
from quietgrid.wire.series.build import Samples, carry, choose_resolution, detect_step, integrate
from quietgrid.wire.series.table import SCALE


def samples(seconds: list[int], values: list[int], unit: str = "kWh") -> Samples:
    n = len(seconds)
    return Samples(
        "m", np.array(seconds), np.arange(2, n + 2), np.array(values), np.zeros(n, np.int64), np.ones(n, np.bool_), unit
    )


@given(st.lists(st.integers(0, 10**15), max_size=50), st.integers(1, 10**13))
def test_carry_never_loses_a_unit(amounts: list[int], divisor: int) -> None:
    out = carry(np.array(amounts, np.int64), divisor)
    assert (np.cumsum(out) == [sum(amounts[: i + 1]) // divisor for i in range(len(amounts))]).all()
    assert (out >= 0).all()


@given(st.lists(st.integers(0, 20 * SCALE), min_size=60, max_size=120), st.sampled_from(["W", "kW", "kWh", "Wh"]))
def test_minutes_keep_their_energy(values: list[int], unit: str) -> None:
    values = values[: len(values) // 15 * 15]
    column = integrate(samples([60 * i for i in range(len(values))], values, unit), 60, 900)
    per_unit = {"W": (1, 60), "kW": (1000, 60), "kWh": (1000, 1), "Wh": (1, 1)}[unit]
    assert column.present.all()
    assert column.imported_wh.sum() == sum(values) * per_unit[0] // (per_unit[1] * SCALE)
    exact = np.array(values).reshape(-1, 15).sum(axis=1) * per_unit[0] / (per_unit[1] * SCALE)
    assert np.abs(column.imported_wh - exact).max() <= 1


def test_an_interval_with_a_sample_missing_is_missing() -> None:
    seconds = [60 * i for i in range(45) if i != 17]
    some = samples(seconds, [SCALE // 10] * 44)
    column = integrate(some, 60, 900)
    assert column.present.tolist() == [True, False, True]
    assert column.imported_wh.tolist() == [1500, 0, 1500]
    assert some.notes["intervals left missing: some of their samples are missing"] == 1


def test_order_twins_and_off_grid() -> None:
    some = samples([3600, 0, 1800, 1800, 2000], [3 * SCALE, SCALE, 2 * SCALE, 2 * SCALE, 9 * SCALE])
    column = integrate(some, 1800, 1800)
    assert column.imported_wh.tolist() == [1000, 2000, 3000]
    assert some.notes["rows left out: the same row twice"] == 1
    assert some.notes["rows left out: not on an interval boundary"] == 1


def test_contradiction_is_named() -> None:
    with pytest.raises(SourceError, match="different values") as caught:
        integrate(samples([0, 1800, 1800], [1, 2, 3]), 1800, 1800)
    assert caught.value.where == "m, line 4"


@pytest.mark.parametrize("unit", ["kWh", "Wh", "kW", "W"])
def test_too_much_energy_is_named(unit: str) -> None:
    with pytest.raises(SourceError, match="Wh or more") as caught:
        integrate(samples([0, 900, 1800], [1, 999_999_999 * SCALE, 2], unit), 900, 900)
    assert caught.value.where == "m, line 3"


def test_step_and_resolution() -> None:
    assert detect_step(np.array([0, 1800, 3600, 9000, 5400])) == 1800
    assert choose_resolution(60, None) == 900
    assert choose_resolution(60, 1800) == 1800
    assert choose_resolution(1800, None) == 1800
    for step, wanted in ((3600, None), (1800, 900), (7, None), (900, 600), (0, None)):
        with pytest.raises(InputError):
            choose_resolution(step, wanted)
    with pytest.raises(InputError):
        detect_step(np.array([5, 5]))

"""The made-up day-ahead price."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quietgrid.demo import load, prices, replay_window
from quietgrid.errors import InputError
from quietgrid.model import Window
from quietgrid.model.interval import local_window


def test_hourly_plausible_and_repeatable() -> None:
    window = local_window(date(2016, 1, 1), date(2016, 12, 24), "Europe/Berlin", 900)
    series = prices(window)
    assert series.dtype == np.int64
    assert series.shape == (len(window),)
    assert (series.reshape(-1, 4) == series[::4, None]).all()
    assert 50_000 < series.mean() < 90_000
    assert -50_000 < series.min() < 20_000
    assert series.max() < 250_000
    assert (series % 100 == 0).all()
    assert (series < 0).mean() < 0.02
    assert (series.max() - series.min()) // 100 < 4096  # fits the weights of PROTOCOL A without rounding


def test_a_window_is_a_cut() -> None:
    whole = replay_window(5)
    part = Window(whole.first + 37, whole.first + 211, 900)
    assert (prices(part) == prices(whole)[37:211]).all()
    assert len(prices(Window(part.first, part.first, 900))) == 0


def test_sun_makes_it_cheaper() -> None:
    window = replay_window(40)
    exported = load(30, window).readings.exported_wh.sum(axis=0)
    assert np.corrcoef(prices(window), exported)[0, 1] < -0.25


def test_other_windows_are_refused() -> None:
    with pytest.raises(InputError):
        prices(Window(1000, 1048, 1800))

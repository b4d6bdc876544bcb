"""Injected attacks on the sample's sections and on London homes: what is found, and how often the watch cries wolf."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quietgrid.algorithms.detection import Series, Suspicion
from quietgrid.demo import load
from quietgrid.lab.attacks import SCENARIOS, heads, inject, try_watch
from quietgrid.model.interval import local_window
from quietgrid.wire.series import Series as File


def sections() -> Series:
    """Three months of the sample's four sections."""
    readings = load(window=local_window(date(2016, 3, 1), date(2016, 6, 1), "Europe/Berlin", 900)).readings
    net = (readings.imported_wh - readings.exported_wh).reshape(4, 30, -1).sum(axis=1).T * 4.0
    return Series(heads(net, np.random.default_rng(0)), net, 96)


@pytest.mark.slow
def test_the_sample() -> None:
    found = try_watch(sections(), months=2)
    assert all(hits == tried for name, tried, hits in found.scenarios if name.startswith("head"))
    assert found.attacked.precision >= 0.7
    assert found.quiet.alarms <= 4


@pytest.mark.slow
def test_london(lcl: File) -> None:
    imported = lcl.readings.imported_wh
    total = np.stack([imported[group::4].sum(axis=0) for group in range(4)], axis=1)[: 92 * 48] * 2.0
    found = try_watch(Series(heads(total, np.random.default_rng(0)), total, 48), months=2)
    assert all(hits == tried for name, tried, hits in found.scenarios if name.startswith("head"))
    assert found.attacked.precision >= 0.7


def test_what_is_injected_is_where_it_says() -> None:
    rng = np.random.default_rng(3)
    total = 1e4 + 100 * rng.standard_normal((400, 2))
    quiet = Series(heads(total, rng), total, 48)
    for scenario in SCENARIOS:
        attacked, attack = inject(quiet, scenario, 1, 200, rng)
        before, during = slice(0, 200), slice(attack.first, attack.end)
        assert (attacked.head_w[before] == quiet.head_w[before]).all()
        assert (attacked.head_w[attack.end :] == quiet.head_w[attack.end :]).all()
        assert not (attacked.head_w[during] == quiet.head_w[during]).all()
        moved = not (attacked.total_w == quiet.total_w).all()
        assert moved == (scenario.kind is Suspicion.LOAD)

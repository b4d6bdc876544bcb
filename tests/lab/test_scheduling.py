"""Plans computed on ciphertexts equal their twins, way by way; station-days of a series."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.algorithms.schedule.encrypted import STEP_SCHEDULES, Private, Terms
from quietgrid.algorithms.schedule.steps import Steps
from quietgrid.crypto.public.fhe import is_built
from quietgrid.errors import InputError
from quietgrid.lab.scheduling import OneStation, check, station_days
from quietgrid.model.interval import Window
from quietgrid.wire.series import read_lcl
from tests.conftest import LCL_FILE, NO_FHE

built = pytest.mark.skipif(not is_built(), reason=NO_FHE)


@built
@pytest.mark.slow
def test_every_way_equals_its_twin_on_ciphertexts() -> None:
    draw, station = random.Random(40), OneStation()
    for name, way in STEP_SCHEDULES.items():
        for n, capacity, level in ((2, 1, 1), (6, 10, 3)):
            steps = Steps(capacity, 300, 2_400)
            terms = Terms(n, steps, tuple(draw.randrange(-5, 400) for _ in range(n)), 1)
            load = tuple(draw.choice((0, 299, 300, 600, 2_100, 2_101, 2_400)) for _ in range(n))
            private = Private(load, level, tuple(draw.randrange(256) for _ in range(n)))
            assert station.plan(way, private, terms).moves == way.plain(private, terms), (name, n)


@built
@pytest.mark.slow
def test_station_days_of_the_sample_equal_their_twins() -> None:
    window = demo.replay_window(3)
    rows = station_days(demo.load(20, Window(window.first, window.end, 900)).readings, 4)
    found = check(rows, {name: STEP_SCHEDULES[name] for name in ("shave", "greedy")})
    assert [row["equal"] for row in found] == [True] * 4
    assert sum(int(str(row["moves"])) for row in found) > 4


@built
@pytest.mark.slow
def test_station_days_of_london_equal_their_twins(real_data: Path) -> None:
    rows = station_days(read_lcl(real_data / LCL_FILE).readings, 4)
    assert all(row["equal"] for row in check(rows, {name: STEP_SCHEDULES[name] for name in ("shave", "cheapest")}))


def test_station_days_are_whole_days_of_hours() -> None:
    window = demo.replay_window(3)
    readings = demo.load(4, window).readings
    rows = station_days(readings, 8)
    assert rows.shape == (8, 24)
    first = -window.first % 96
    assert np.array_equal(rows[0], readings.imported_wh[0, first : first + 96].reshape(24, 4).sum(axis=1))
    with pytest.raises(InputError, match="whole days"):
        station_days(readings, 9)

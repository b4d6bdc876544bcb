"""Storage stations: plans made on ciphertexts, carried out, and only their sums opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from quietgrid.crypto.public.fhe import is_built
from quietgrid.lab.stations import Stations, expected
from quietgrid.model.interval import DAY_S
from tests.conftest import NO_FHE
from tests.lab.pool import LIVE, Direct, Pool

built = pytest.mark.skipif(not is_built(), reason=NO_FHE)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    made = Pool(tmp_path / "state")
    yield made
    made.close()


@built
@pytest.mark.slow
def test_sixteen_stations_plans_equal_their_twins_and_only_the_sums_open(pool: Pool) -> None:
    """Every plan computed on ciphertexts is its twin's, and the opened sums are those of the twins carried out."""
    pool.at((LIVE + 1) * DAY_S)
    pool.storing.start()
    link = Direct(pool)
    until(lambda: pool.storing.view().phase == "")
    stations = Stations(pool.state, link, pool.clock, lambda: False, "greedy")
    try:
        stations.resume()
        day = stations.course.day
        assert stations.due()
        assert day == LIVE - 2
        hopes = expected(day)
        twins = []
        for station, load in zip(stations.stations, hopes.tolist(), strict=True):
            private, terms = stations.question(station, load)
            twins.append(stations._way.plain(private, terms))
        course = stations.course
        readings = stations.live()
        assert [tuple(course.plans[s.number]) for s in stations.stations] == twins
        assert any(move for twin in twins for move in twin), "all storages rest: this shows nothing"
        until(lambda: pool.storing.view().days[0].behind is not None)
        opened = pool.storing.view().days[0]
        assert opened.before is not None
        assert opened.behind is not None
        assert opened.before.answered.all()
        assert opened.behind.answered.all()
        half = len(readings.meters) // 2
        assert np.array_equal(opened.before.energy_wh, readings.imported_wh[:half].sum(axis=0))
        assert np.array_equal(opened.behind.energy_wh, readings.imported_wh[half:].sum(axis=0))
        assert (opened.before.homes == 16).all()
        assert not list((pool.state / "stations" / "platform" / "server-keys").iterdir())
        assert stations.course.day == day + 1
    finally:
        stations.close()


def until(what: Callable[[], bool], seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)

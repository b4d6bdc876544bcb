"""Publishing over real readings: 90 London homes always carry noise, 120 homes of the sample have plain sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.billing import default_tariffs
from quietgrid.lab.community import Community, Resident
from quietgrid.lab.source import series_people
from quietgrid.model.interval import Window, month_window
from quietgrid.model.party import Party
from quietgrid.model.publication import Statistic
from quietgrid.model.readings import Readings
from quietgrid.model.tariff import Tariff
from quietgrid.runtime.audit import export_bundle
from quietgrid.runtime.publishing import Publishing
from quietgrid.runtime.replay import verify_bundle
from quietgrid.wire.series import Series

pytestmark = pytest.mark.slow
WEEK = 7


def billed(
    folder: Path, people: list[Resident], readings: Readings, period: Window, tariffs: list[Tariff]
) -> Community:
    """A community with one billed period."""
    community = Community(folder, people, period, tariffs, tz=tariffs[0].tz)
    community.join()
    step = period.resolution // 900
    prices = demo.prices(Window(period.first * step, period.end * step, 900))
    community.platform.publish_prices("day-ahead", period.first, prices[::step].tolist())
    community.register_books(period)
    for number, (day, a, b) in enumerate(period.by_day(), 1):
        per_day = 86_400 // period.resolution
        community.measure(readings.cut(Window(day * per_day + a, day * per_day + b, period.resolution)))
        if number % WEEK == 0:
            community.settle()
    community.settle()
    community.periods.run(period)
    return community


def test_ninety_london_homes_are_published_with_noise(lcl: Series, tmp_path: Path) -> None:
    """PROTOCOL C, G15: fewer than 100 homes, so every figure carries noise, and it is of the stated size."""
    period = month_window(2013, 2, "Europe/London", 1800)
    readings = lcl.readings.cut(period)
    people = [Resident(p, int(pid), bits) for (p, bits), pid in zip(series_people(lcl), readings.meters, strict=True)]
    tariffs = [replace(t, name=t.kind.value, tz="Europe/London", currency="GBP") for t in default_tariffs()]
    community = billed(tmp_path / "london", people, readings, period, tariffs)
    press = Publishing(community.platform, community.periods, None, Random(90).randrange)
    plain = readings.imported_wh.sum(axis=1)
    for statistic in (Statistic.USE, Statistic.KINDS, Statistic.TARIFFS, Statistic.BANDS, Statistic.SPREAD):
        found, _ = press.publish(statistic, period, "analyst")
        assert found.homes == 90
        assert all(figure.noisy for figure in found.figures)
        if statistic in (Statistic.USE, Statistic.KINDS, Statistic.TARIFFS):
            clipped = int(np.minimum(plain, 800_000).sum())
            assert found.figures[0].value not in (clipped, int(plain.sum()))
            assert abs(found.figures[0].value - clipped) < 40 * found.scale
            assert found.margin < int(plain.sum()) // 5  # worth publishing: 17 % of a mean month, see decision 0021
    assert {row.epsilon_milli for row in press.spent()} == {2_500}
    export_bundle(community.platform, tmp_path / "bundle.zip")
    report = verify_bundle(tmp_path / "bundle.zip")
    assert report.problems == []
    assert report.checked["published statistics"] == 5
    community.close()


def test_the_sample_has_plain_sums_of_all_homes(tmp_path: Path) -> None:
    """The twin on the project's own homes: 120 are enough for a plain sum of all, and for nothing smaller."""
    period = month_window(2016, 6, "Europe/Berlin", 900)
    sample = demo.load(window=period)
    people = [
        Resident(Party(h.number, h.name, h.kind, h.feeder, h.connection_w, h.tariff), h.number, h.registers)
        for h in sample.homes
    ]
    community = billed(tmp_path / "sample", people, sample.readings, period, default_tariffs())
    press = Publishing(community.platform, community.periods, None, Random(120).randrange)
    noisy = {}
    for statistic in Statistic:
        found, _ = press.publish(statistic, period, "analyst")
        noisy[statistic] = {figure.noisy for figure in found.figures}
        if statistic in (Statistic.USE, Statistic.BANDS):
            assert sum(figure.value for figure in found.figures) == int(sample.readings.imported_wh.sum())
    assert {statistic for statistic, some in noisy.items() if some == {False}} == {Statistic.USE, Statistic.BANDS}
    assert all(some == {True} for statistic, some in noisy.items() if statistic not in ("use", "bands"))
    export_bundle(community.platform, tmp_path / "bundle.zip")
    report = verify_bundle(tmp_path / "bundle.zip")
    assert report.problems == []
    assert report.checked["published statistics"] == len(Statistic)
    community.close()

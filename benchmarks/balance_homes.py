"""Homes for the benchmark of balancing: measured loads where they are, SimBench roofs and batteries."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from quietgrid.demo import load, prices
from quietgrid.demo.profiles import TOP, profiles
from quietgrid.demo.recipes import Recipe, recipes
from quietgrid.model.interval import Window
from quietgrid.model.schedule import Ints, Objective, Outlook, Storages
from quietgrid.wire.series.lcl import read_lcl

DATA = Path(os.environ.get("QUIETGRID_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
LCL = DATA / "lcl_households_2013_30min_kwh.csv.gz"
HALF_HOUR, QUARTER = 1_800, 900
KEEPS = 950
"""SimBench's storages: 95 % each way."""
GRID_FEE, FEED_IN = 180_000, 80_000
"""Put on the made-up market price for what is taken, and paid for what is fed in; millionths a kWh."""


@dataclass(frozen=True)
class Loads:
    """Use of homes in half hours: int64 [n, t], and where it is from."""

    used_wh: Ints
    first_slot: int
    source: str
    net: bool


def loads() -> Loads:
    """London homes of 2013, or the sample's (whose own roofs and batteries are then in its net)."""
    if LCL.is_file():
        found = read_lcl(LCL).complete(99).readings
        return Loads(found.imported_wh, found.window.first, f"{len(found.imported_wh)} London homes of 2013", False)
    first = int(datetime(2013, 1, 1, tzinfo=UTC).timestamp()) // QUARTER
    own = load(window=Window(first, first + 96 * 140, QUARTER)).readings
    net = (own.imported_wh - own.exported_wh).reshape(len(own.meters), -1, 2).sum(axis=2)
    return Loads(net, first // 2, "the sample's 120 homes: measured loads were not found (QUIETGRID_DATA)", True)


def stored(count: int) -> list[Recipe]:
    """Recipes of SimBench homes with roof and battery, over and over."""
    those = [one for one in recipes(120) if one.battery_wh and one.pv_w]
    return [those[n % len(those)] for n in range(count)]


def sun_wh(first_slot: int, intervals: int, pv_w: Ints) -> Ints:
    """What roofs make in half hours, by SimBench's profiles of the same day of the year. int64 [n, t]."""
    year = profiles()
    begin = int(datetime(2013, 1, 1, tzinfo=UTC).timestamp()) // HALF_HOUR
    day, slot = divmod(np.arange(intervals) + first_slot - begin, 48)
    out = []
    for number, power in enumerate(pv_w.tolist()):
        shape = year.values[year.row[("PV3", "PV4")[number % 2]]].reshape(year.days, 48, 2).sum(axis=2)
        out.append(shape[day % year.days, slot].astype(np.int64) * power // (4 * TOP))
    return np.array(out, np.int64)


def tariff(window: Window) -> tuple[Ints, Ints]:
    """Import and export prices of a window, millionths a kWh."""
    half = window.resolution == HALF_HOUR
    market = prices(Window(window.first * 2, window.end * 2, QUARTER))[::2] if half else prices(window)
    take = np.maximum(market + GRID_FEE, 0)
    return take, np.minimum(take, FEED_IN)


def batteries(homes: list[Recipe], hours: Ints | None = None) -> Storages:
    """One row a home, half full and so again at the end; `hours` gives them other powers than SimBench does."""
    capacity = np.array([one.battery_wh for one in homes], np.int64)
    power = np.array([one.battery_w for one in homes], np.int64) if hours is None else capacity // hours
    keeps = np.full(len(homes), KEEPS, np.int64)
    level = capacity // 2
    return Storages(np.zeros(len(homes), np.int64), capacity, level, level, power, power, keeps, keeps)


def day(homes: int, day_of_year: int = 78) -> tuple[Outlook, str]:
    """One day of 96 intervals for `homes` homes, each with roof and battery; loads are moved by weeks to make many."""
    known = loads()
    count, per_week = len(known.used_wh), 48 * 7
    net = np.zeros(48, np.int64)
    for number in range(homes):
        begin = (day_of_year * 48 + number // count * per_week) % (known.used_wh.shape[1] - 48)
        net += known.used_wh[number % count, begin : begin + 48]
    owners = stored(homes)
    first = known.first_slot + day_of_year * 48
    if not known.net:
        net -= sun_wh(first, 48, np.array([one.pv_w for one in owners])).sum(axis=0)
    quarters = np.repeat(net // 2, 2)[None]
    window = Window(first * 2, first * 2 + 96, QUARTER)
    take, give = tariff(window)
    look = Outlook(window, ("all",), quarters, quarters, quarters, take, give, batteries(owners))
    return look, known.source


def month(objective: Objective, *, first_day: int = 60, days: int = 28, before: int = 28) -> tuple[Outlook, Ints, str]:
    """A month in half hours: a community of which every second home has roof and battery; and the totals before it."""
    known = loads()
    begin, start, end = ((first_day + shift) * 48 for shift in (-before, 0, days))
    net = known.used_wh[:, begin:end].sum(axis=0)
    owners = stored(len(known.used_wh) // 2)
    if not known.net:
        net = net - sun_wh(known.first_slot + begin, end - begin, np.array([one.pv_w for one in owners])).sum(axis=0)
    window = Window(known.first_slot + start, known.first_slot + end, HALF_HOUR)
    take, give = tariff(window)
    now = net[None, start - begin :]
    look = Outlook(window, ("all",), now, now, now, take, give, batteries(owners), objective=objective)
    return look, net[None, : start - begin], known.source

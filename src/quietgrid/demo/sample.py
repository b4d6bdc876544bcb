"""`load`: the sample's readings for any window of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from quietgrid.demo.appliances import appliance_wh
from quietgrid.demo.draws import CLOUDS, words
from quietgrid.demo.profiles import PER_DAY, RESOLUTION, profiles, wall_slots, winter_slots
from quietgrid.demo.recipes import COMMUNITY, Part, Recipe, recipes
from quietgrid.demo.storage import courses
from quietgrid.errors import InputError
from quietgrid.model.interval import Window, local_window
from quietgrid.model.party import PartyKind
from quietgrid.model.readings import EXPORT, IMPORT, Readings

TZ = "Europe/Berlin"
FIRST_DAY = date(2016, 6, 1)
DEMO_DAYS = 40
STORAGE_DAYS, WARM_UP_DAYS = 28, 7
"""Batteries are worked out in fixed blocks of so many UTC days, each after a week of warming up, so that a window's
readings do not depend on where it starts."""
CLOUD_WORDS = PER_DAY // 8


@dataclass(frozen=True, slots=True)
class Home:
    """One home of the sample: what a member list and a contract say of it.

    Args:
        number: From 1; also its meter id in the sample's readings.
        name: As on the contract. kind, feeder (its leaf), tariff: see `model.Party`.
        connection_w: Certified connection capacity.
        registers: Bitmap of registers its meter is capable of: 1 import, 3 import and export.
        pv_w: Peak power of its PV, 0 without. battery_wh: capacity of its battery, 0 without.
    """

    number: int
    name: str
    kind: PartyKind
    feeder: str
    connection_w: int
    tariff: str
    registers: int
    pv_w: int
    battery_wh: int


@dataclass(frozen=True)
class Sample:
    """Readings of the sample community and who they belong to.

    Args:
        readings: One row a home, 15-minute intervals; nothing missing.
        homes: In row order; homes of a feeder section follow each other.
        tz: Their time zone.
    """

    readings: Readings
    homes: list[Home]
    tz: str = TZ


def replay_window(days: int = DEMO_DAYS) -> Window:
    """The window the demo replays: `days` local days from 2016-06-01."""
    return local_window(FIRST_DAY, FIRST_DAY + timedelta(days=days), TZ, RESOLUTION)


def load(homes: int | None = None, window: Window | None = None) -> Sample:
    """The sample's readings.

    Args:
        homes: How many, from the first; 120 unless told. Feeder sections hold 30 homes each, in order. Above 120
            the community is followed by variations of itself, in sections of their own.
        window: Any window of 15-minute intervals from 1970 on; 40 local days from 2016-06-01 unless told. The stored
            year (52 weeks of 2016) follows itself, weekdays stay weekdays.

    Raises:
        InputError: no home, or a window of another resolution or before 1970.

    Cost: 120 homes × 60 days in about a third of a second on one core.
    """
    count = COMMUNITY if homes is None else homes
    where = replay_window() if window is None else window
    if count < 1:
        raise InputError(f"a sample of {count} homes is empty", where="homes", fix="ask for at least one")
    if where.resolution != RESOLUTION or where.first < PER_DAY * (STORAGE_DAYS + WARM_UP_DAYS):
        raise InputError("the sample has 15-minute intervals from 1970 on", where="window", fix="use 900 s")
    chosen = recipes(count)
    net = _net_wh(chosen, where)
    readings = Readings(
        np.arange(1, count + 1, dtype=np.uint64),
        where,
        np.maximum(net, 0),
        np.maximum(-net, 0),
        np.ones(net.shape, np.bool_),
    )
    return Sample(readings, [_home(number, one) for number, one in enumerate(chosen, start=1)])


def _home(number: int, one: Recipe) -> Home:
    registers = 1 << IMPORT | (1 << EXPORT if one.pv_w else 0)
    return Home(
        number, one.name, PartyKind(one.kind), one.feeder, one.connection_w, one.tariff, registers, one.pv_w,
        one.battery_wh,
    )  # fmt: skip


def _net_wh(chosen: list[Recipe], window: Window) -> NDArray[np.int64]:
    """Import minus export of homes. int64 [n, t]."""
    net = np.zeros((len(chosen), len(window)), np.int64)
    plain = [row for row, one in enumerate(chosen) if not one.battery_wh]
    stored = [row for row, one in enumerate(chosen) if one.battery_wh]
    net[plain] = _behind_meter_wh([chosen[row] for row in plain], window)
    if stored and len(window):
        net[stored] = _served_wh([chosen[row] for row in stored], window)
    return net


def _served_wh(chosen: list[Recipe], window: Window) -> NDArray[np.int64]:
    """Import minus export of homes with a battery. int64 [n, t]."""
    return _courses(chosen, window)[1]


def _courses(chosen: list[Recipe], window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of homes with a battery: net before and after it, its level at the end of each interval. int64 [n, t] each."""
    block, warm_up = PER_DAY * STORAGE_DAYS, PER_DAY * WARM_UP_DAYS
    first, end = window.first // block * block, -(-window.end // block) * block
    blocks = (end - first) // block
    bare = _behind_meter_wh(chosen, Window(first - warm_up, end, RESOLUTION))
    rows = np.stack([bare[:, n * block : (n + 1) * block + warm_up] for n in range(blocks)], axis=1)
    capacity = np.repeat(np.array([one.battery_wh for one in chosen], np.int64), blocks)
    power = np.repeat(np.array([one.battery_w * RESOLUTION // 3600 for one in chosen], np.int64), blocks)
    worked_out = courses(rows.reshape(len(chosen) * blocks, -1), capacity, power)
    here = slice(window.first - first, window.end - first)
    served, level = (part[:, warm_up:].reshape(len(chosen), -1)[:, here] for part in worked_out)
    return bare[:, warm_up:][:, here], served, level


@dataclass(frozen=True)
class Behind:
    """What stands behind the meters of homes with a battery or a roof. Rows of the sample, int64 columns.

    Args:
        rows: [n], from 0. capacity_wh, power_w, pv_w: [n]; 0 where there is none.
        net_wh: [n, t], use minus generation, before any battery. made_wh: [n, t], generation. served_wh: [n, t], after
            the battery, as metered. level_wh: [n, t + 1], in it before the first interval and at the end of each.
    """

    rows: NDArray[np.int64]
    capacity_wh: NDArray[np.int64]
    power_w: NDArray[np.int64]
    pv_w: NDArray[np.int64]
    net_wh: NDArray[np.int64]
    made_wh: NDArray[np.int64]
    served_wh: NDArray[np.int64]
    level_wh: NDArray[np.int64]


def behind(homes: int, window: Window) -> Behind:
    """What is behind the meters of the sample's first homes: for the simulation of what is asked of them.

    Cost: as `load` of 28 days.
    """
    every = recipes(homes)
    rows = [row for row, one in enumerate(every) if one.battery_wh or one.pv_w]
    chosen = [every[row] for row in rows]
    net = _behind_meter_wh(chosen, window)
    made, served = np.zeros_like(net), net.copy()
    level = np.zeros((len(rows), len(window) + 1), np.int64)
    roofs = [at for at, one in enumerate(chosen) if one.pv_w]
    if roofs:
        made[roofs] = _made_wh([chosen[at] for at in roofs], window)
    stored = [at for at, one in enumerate(chosen) if one.battery_wh]
    if stored:
        wide = Window(window.first - 1, window.end, RESOLUTION)
        _, after, levels = _courses([chosen[at] for at in stored], wide)
        served[stored], level[stored] = after[:, 1:], levels

    def column(name: str) -> NDArray[np.int64]:
        return np.array([getattr(one, name) for one in chosen], np.int64)

    sizes = (column("battery_wh"), column("battery_w"), column("pv_w"))
    return Behind(np.array(rows, np.int64), *sizes, net, made, served, level)


def _behind_meter_wh(chosen: list[Recipe], window: Window) -> NDArray[np.int64]:
    """Use minus own generation, before any battery. int64 [n, t]."""
    if not chosen or not len(window):
        return np.zeros((len(chosen), len(window)), np.int64)
    wall = wall_slots(window, TZ)
    first, last = int(wall.min()) // PER_DAY, int(wall.max()) // PER_DAY
    used = appliance_wh([one.seed for one in chosen], [one.appliances for one in chosen], first, last - first + 1)
    _add_parts(used, chosen, first, made=False)
    net = used.reshape(len(chosen), -1)[:, wall - first * PER_DAY]
    roofs = [row for row, one in enumerate(chosen) if one.pv_w]
    if roofs:
        net[roofs] -= _made_wh([chosen[row] for row in roofs], window)
    return net


def _made_wh(roofs: list[Recipe], window: Window) -> NDArray[np.int64]:
    """What roofs make. int64 [n, t]."""
    sun = winter_slots(window)
    first, last = int(sun[0]) // PER_DAY, int(sun[-1]) // PER_DAY
    made = np.zeros((len(roofs), last - first + 1, PER_DAY), np.int64)
    _add_parts(made, roofs, first, made=True)
    for row, roof in enumerate(roofs):
        made[row] = made[row] * _clouds(roof.seed, first, made.shape[1]) // 1024
    return made.reshape(len(roofs), -1)[:, sun - first * PER_DAY]


def _add_parts(out: NDArray[np.int64], chosen: list[Recipe], first_day: int, *, made: bool) -> None:
    """Add the parts that are used (or made) to int64 [n, days, 96], whole Wh in each slot and no Wh lost in a day."""
    year = profiles()
    days = first_day - year.first + np.arange(out.shape[1])
    for row, one in enumerate(chosen):
        for part in one.parts:
            if part.made == made:
                out[row] += _part_wh(part, days)


def _part_wh(part: Part, days: NDArray[np.int64]) -> NDArray[np.int64]:
    """One part on days counted from the start of the stored year. int64 [days, 96]."""
    year = profiles()
    shape = year.values[year.row[part.profile], (days + 7 * part.weeks) % year.days]
    if part.slots:
        shape = np.roll(shape, part.slots, axis=1)
    so_far = np.cumsum(shape, axis=1, dtype=np.int64) * part.yearly_wh // _year_sum(part.profile)
    return np.diff(so_far, axis=1, prepend=0)


@cache
def _year_sum(profile: str) -> int:
    year = profiles()
    return year.year_sum(year.row[profile])


def _clouds(seed: int, first_day: int, days: int) -> NDArray[np.int64]:
    """A roof's own share of the neighbourhood's sun, in 1024ths: passing clouds and shade. int64 [days, 96]."""
    raw = words(seed, CLOUDS, first_day, days, CLOUD_WORDS)
    noise = raw.astype("<u8").view(np.uint8).reshape(days, PER_DAY).astype(np.int64)
    smooth = noise + np.roll(noise, 1, axis=1)
    return 1024 - smooth * smooth // 600

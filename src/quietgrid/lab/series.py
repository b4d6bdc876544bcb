"""Where a simulation's readings come from: the sample, or a file of imported series (``.npz``)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from quietgrid import demo
from quietgrid.billing import default_tariffs
from quietgrid.errors import InputError
from quietgrid.lab.community import Resident
from quietgrid.model.interval import Window, check_resolution, local_window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.readings import EXPORT, IMPORT, Readings
from quietgrid.model.tariff import Tariff
from quietgrid.wire.series import Series

SECTION = 30
"""Homes in a feeder section of an imported series, twice the floor."""
CONNECTION_W = 14_500
FEED = "day-ahead"


@dataclass(frozen=True)
class Input:
    """What a simulation runs on.

    Args:
        readings: One row a resident, meter ids as in `residents`; whole local days. residents: who.
        tariffs: By the names the parties have. tz: time zone. currency: of the tariffs.
    """

    readings: Readings
    residents: tuple[Resident, ...]
    tariffs: tuple[Tariff, ...]
    tz: str


def sample_input(homes: int, days: int, resolution: int) -> Input:
    """The project's own sample from 2016-06-01."""
    check_resolution(resolution)
    if days < 1:
        raise InputError(f"{days} days are not a simulation", where="days", fix="simulate at least one")
    found = demo.load(homes, demo.replay_window(days))
    readings = coarser(found.readings) if resolution == 2 * found.readings.window.resolution else found.readings
    people = [
        (Party(h.number, h.name, PartyKind(h.kind), h.feeder, h.connection_w, h.tariff), h.registers)
        for h in found.homes
    ]
    return _input(readings, people, found.tz)


def series_input(series: Series, homes: int, days: int, resolution: int) -> Input:
    """Imported series: homes in sections of 30, whole local days from the first, the demo's tariffs in turn.

    Raises:
        InputError: fewer homes or days than asked for, or another resolution.
    """
    r = series.readings
    if r.window.resolution * 2 == resolution:
        r = coarser(r)
    if r.window.resolution != resolution:
        raise InputError(
            f"the series has {r.window.resolution} s intervals", where="resolution", fix="ask for that resolution"
        )
    if len(r.meters) < homes:
        raise InputError(f"the series has {len(r.meters)} homes", where="homes", fix="ask for fewer")
    first = r.window.start_time.astimezone(ZoneInfo(series.tz)).date()
    window = _days_from(first, days, series.tz, resolution)
    if window.first < r.window.first:
        window = _days_from(first + timedelta(days=1), days, series.tz, resolution)
    if window.end > r.window.end:
        raise InputError("the series is shorter than that", where="days", fix="ask for fewer")
    cut = r.cut(window)
    cut = Readings(cut.meters[:homes], window, cut.imported_wh[:homes], cut.exported_wh[:homes], cut.present[:homes])
    kinds = [tariff.kind.value for tariff in default_tariffs()]
    exports = cut.exported_wh.max(axis=1, initial=0) > 0
    people = [
        (
            Party(
                at + 1,
                name,
                PartyKind.RESIDENTIAL,
                f"Section {at // SECTION + 1}",
                CONNECTION_W,
                kinds[at % len(kinds)],
            ),
            1 << IMPORT | int(exports[at]) << EXPORT,
        )
        for at, name in enumerate(series.names[:homes])
    ]
    return _input(cut, people, series.tz)


def _days_from(first: date, days: int, tz: str, resolution: int) -> Window:
    return local_window(first, first + timedelta(days=days), tz, resolution)


def _input(readings: Readings, people: list[tuple[Party, int]], tz: str) -> Input:
    pids: set[int] = set()
    while len(pids) < len(people):
        pids.add(secrets.randbits(62))
    residents = tuple(
        Resident(party, pid, registers) for (party, registers), pid in zip(people, sorted(pids), strict=True)
    )
    meters = np.array([resident.pid for resident in residents], np.uint64)
    tariffs = tuple(replace(tariff, name=tariff.kind.value, tz=tz) for tariff in default_tariffs())
    return Input(replace(readings, meters=meters), residents, tariffs, tz)


def coarser(readings: Readings) -> Readings:
    """Quarter hours added up to half hours; present only where both are."""
    window = readings.window
    if window.first % 2 or window.end % 2:
        raise InputError("the window does not start at a half hour", where="resolution", fix="use 900 s")

    def pairs(cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(present, cells.reshape(len(cells), -1, 2).sum(axis=2), 0)

    quarters = readings.present.reshape(len(readings.meters), -1, 2)
    present = quarters[:, :, 0] & quarters[:, :, 1]
    half = Window(window.first // 2, window.end // 2, 2 * window.resolution)
    return Readings(readings.meters, half, pairs(readings.imported_wh), pairs(readings.exported_wh), present)


def feed_of(window: Window) -> NDArray[np.int64]:
    """Made-up day-ahead prices of a window of either resolution, int64 [t]."""
    if window.resolution == demo_resolution():
        return demo.prices(window)
    return demo.prices(Window(window.first * 2, window.end * 2, demo_resolution()))[::2]


def demo_resolution() -> int:
    """Seconds of the sample's intervals."""
    return demo.replay_window(1).resolution

"""A dispatched plan reaches batteries: what groups drew is what was planned, and homes that opted out did nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.accounts import Role, Viewer
from quietgrid.api.desk.grid import own_signals
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError
from quietgrid.household.steering import Choice, orders_of
from quietgrid.lab.devices import FILE, Devices
from quietgrid.lab.source import rows_of
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.interval import Window, local_window
from quietgrid.model.readings import Readings
from quietgrid.runtime.grid_totals import group_totals
from quietgrid.wire.steering import OwnSignals, signals_of
from tests.api.town import FIRST, Town, found_town

TZ = "Europe/Berlin"
GRID = "/api/v1/grid"
HOMES = 60
HOURS, DAYS = 8, 7


class Street:
    """The town's devices, told by its platform, interval by interval. `out`: rows that opted out."""

    def __init__(self, town: Town, folder: Path, out: tuple[int, ...] = ()) -> None:
        self.town, self.out = town, out
        self.rows = rows_of("sample", HOMES)
        self.devices = Devices(HOMES, self.rows, folder / FILE, 900)
        self.pids = town.sample.readings.meters

    def told(self) -> dict[str, OwnSignals]:
        """What each group is told, as a home of it gets it."""
        card, found = self.town.community.card, {}
        for home in (1001, 1031):
            signed = own_signals(self.town.services, Viewer(f"home {home}", Role.HOUSEHOLD, home))
            told = open_signed(signed, OwnSignals, card.platform_pk)
            found[told.group] = told
        return found

    def measure(self, window: Window, told: dict[str, OwnSignals] | None = None) -> Readings:
        """What meters see; devices are told before. Goes through keyholders and the gate."""
        for row in range(HOMES if told else 0):
            try:
                state = self.devices.state(row, window.first * 900.0)
            except NotFoundError:
                continue
            group = self.town.sample.homes[row].feeder
            assert told is not None
            choice = Choice(follow=row not in self.out, reserve_percent=10)
            self.devices.order(row, orders_of(told[group], state, choice))
        found = replace(self.devices.readings(window), meters=self.pids)
        for day, a, b in window.by_day():
            self.town.community.measure(found.cut(Window(day * 96 + a, day * 96 + b, 900)))
        self.town.community.settle()
        self.town.services.grid.step()
        return found


def community(readings: Readings) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.asarray((readings.imported_wh - readings.exported_wh).sum(axis=0) * 4, np.int64)


def totals(town: Town, window: Window) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    with town.services.store.read() as tx:
        found = group_totals(tx, town.services.grid.network().groups, window)
    assert found.known.all()
    return np.asarray(found.power_w.sum(axis=0), np.int64)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with found_town(tmp_path_factory.mktemp("dispatch"), days=2, homes=HOMES) as made:
        made.services.grid.step()
        quiet = Street(made, tmp_path_factory.mktemp("quiet"))
        for day in range(2, DAYS):
            quiet.measure(local_window(FIRST + timedelta(days=day), FIRST + timedelta(days=day + 1), TZ, 900))
        yield made


def test_totals_follow_a_plan_that_two_people_made(town: Town, tmp_path: Path) -> None:
    street = Street(town, tmp_path)
    day = local_window(FIRST + timedelta(days=DAYS), FIRST + timedelta(days=DAYS + 1), TZ, 900)
    street.measure(Window(day.first, day.first + 60, 900))  # until 15:00
    operator, analyst = town.client("operator"), town.client("analyst")
    made = operator.post(f"{GRID}/balance", json={"why": "evening peak", "aim": "peak", "hours": HOURS})
    assert made.status_code == 201, made.text
    assert analyst.post(f"{GRID}/plans/{made.json()['number']}/approve", json={"why": "yes"}).status_code == 200
    with town.services.store.read() as tx:
        plan = tx.grid.plan(made.json()["number"])
    window = plan.proposal.window
    first = day.first + 60
    told = street.told()
    assert {one.unit for signals in told.values() for one in signals_of(signals)} == {"draw_ppm"}
    seen = community(street.measure(Window(first, window.end, 900), told))[window.first - first :]
    rest = community(street.rows(window))
    planned = sum(np.array(g.storage_w, np.int64) for g in plan.proposal.groups if g.storage_w)
    assert (totals(town, window) == seen).all(), "what opened is what meters saw"
    moved = np.abs(seen - rest).sum()
    assert moved > 0.5 * np.abs(planned).sum()
    missed = np.abs(seen - (rest + planned))
    giving = planned < 0
    assert giving.sum() >= 8
    assert missed[giving].mean() <= 0.03 * np.abs(rest).max(), "what is to be given is given"
    assert missed.mean() <= 0.1 * np.abs(rest).max(), "in the afternoon some are full already and take no more"
    assert np.abs(seen).max() < 0.9 * np.abs(rest).max(), "the peak is flatter"


def test_a_household_gets_its_own_groups_over_http_and_others_none(town: Town) -> None:
    answer = town.client("household").get("/api/v1/own/signals")
    assert answer.status_code == 200
    signed = msgspec.msgpack.decode(answer.content, type=Signed)
    assert open_signed(signed, OwnSignals, town.community.card.platform_pk).group == "Orchard Hill"
    assert town.client("operator").get("/api/v1/own/signals").status_code == 403


def test_who_opts_out_does_nothing_and_a_feed_in_limit_reaches_meters(town: Town, tmp_path: Path) -> None:
    street = Street(town, tmp_path)
    clock = town.community.clock
    noon = local_window(FIRST + timedelta(days=DAYS + 1), FIRST + timedelta(days=DAYS + 2), TZ, 900)
    before = Window(noon.first, noon.first + 44, 900)
    street.measure(Window(town.community.bank.sealed_until, before.end, 900))
    start = clock.now()
    limit = SetPoint("by hand", SetPointKind.CURTAIL_PERCENT, "Orchard Hill", 10, start, start + 7_200, "test")
    with town.services.store.begin() as tx:
        tx.grid.put_set_points([limit])
    sizes = {row: street.devices.state(row, start).pv_w for row in range(30) if row in roofs(street)}
    out = max(sizes, key=lambda row: sizes[row])
    street.out = (out,)
    first = int(start) // 900
    window = Window(first, first + 8, 900)
    seen = street.measure(Window(before.end, window.end, 900), street.told())
    seen, free = seen.cut(window), street.rows(window)
    for row, pv_w in sizes.items():
        most = int(seen.exported_wh[row].max()) * 4
        if row == out:
            assert (seen.exported_wh[row] == free.exported_wh[row]).all()
            assert most > pv_w // 10
        else:
            assert most <= pv_w // 10
    assert seen.exported_wh[:30].sum() < 0.7 * free.exported_wh[:30].sum()
    assert (seen.exported_wh[30:] == free.exported_wh[30:]).all(), "the other group was told nothing"


def roofs(street: Street) -> set[int]:
    """Rows with a roof."""
    return {row for row, home in enumerate(street.town.sample.homes) if home.pv_w}

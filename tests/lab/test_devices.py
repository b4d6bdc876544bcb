"""Batteries and roofs behind the simulated meters: what was asked happens once, and the past stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietgrid.demo import replay_window
from quietgrid.demo.sample import behind
from quietgrid.errors import InputError, NotFoundError
from quietgrid.lab.devices import FILE, Devices, Doings
from quietgrid.lab.source import rows_of
from quietgrid.model.interval import Window
from quietgrid.model.readings import Readings
from quietgrid.wire.steering import NO_LIMIT, DeviceOrders

HOMES = 30
FIRST = replay_window(1).first
DAY = Window(FIRST, FIRST + 96, 900)
EVENING = FIRST + 80
ROWS = rows_of("sample", HOMES)
BEHIND = behind(HOMES, DAY)
STORED = [int(row) for row, size in zip(BEHIND.rows, BEHIND.capacity_wh, strict=True) if size]
ROW = STORED[0]
AT = int(np.flatnonzero(BEHIND.rows == ROW)[0])


def devices(folder: Path) -> Devices:
    return Devices(HOMES, ROWS, folder / FILE, 900)


def net(readings: Readings) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    return readings.imported_wh - readings.exported_wh


def give(first: int, wh: int, count: int, reserve: int = 0) -> DeviceOrders:
    return DeviceOrders(first, 900, [-wh] * count, [NO_LIMIT] * count, reserve)


def test_what_is_behind_adds_up_to_what_is_metered() -> None:
    metered = net(ROWS(DAY))[BEHIND.rows]
    assert (BEHIND.served_wh == metered).all()
    roofs = BEHIND.capacity_wh == 0
    assert (BEHIND.net_wh[roofs] == metered[roofs]).all()
    assert (BEHIND.made_wh >= 0).all()
    assert (BEHIND.made_wh.sum(axis=1) > 0).all()
    assert (BEHIND.level_wh <= BEHIND.capacity_wh[:, None]).all()


def test_a_device_that_is_asked_nothing_does_as_the_sample(tmp_path: Path) -> None:
    own = devices(tmp_path)
    assert (net(own.readings(DAY)) == net(ROWS(DAY))).all()
    own.order(ROW, DeviceOrders(DAY.end, 900, [0, 0], [NO_LIMIT, NO_LIMIT], 0))
    later = Window(DAY.end, DAY.end + 8, 900)
    assert (net(own.readings(later)) == net(ROWS(later))).all()


def test_what_is_given_on_request_crosses_the_meter_and_comes_back_later(tmp_path: Path) -> None:
    own = devices(tmp_path)
    own.readings(Window(FIRST, EVENING, 900))
    own.order(ROW, give(EVENING, 300, 4))
    evening = Window(EVENING, EVENING + 4, 900)
    change = net(own.readings(evening)) - net(ROWS(evening))
    assert change[ROW].tolist() == [-300] * 4
    assert not np.delete(change, ROW, axis=0).any(), "others do as they did"
    night = Window(EVENING + 4, EVENING + 96, 900)
    later = (net(own.readings(night)) - net(ROWS(night)))[ROW]
    assert 0.85 * 1_200 < later.sum() < 1.2 * 1_200, "what was given is missing later"
    assert not later[-8:].any(), "the next noon it is as full as ever"
    state = own.state(ROW, (EVENING + 96) * 900.0)
    assert [(one.slot, one.asked_wh, one.moved_wh) for one in state.done[:4]] == [
        (EVENING + n, -300, -300) for n in range(4)
    ]  # fmt: skip


def test_the_past_never_changes_also_over_a_restart(tmp_path: Path) -> None:
    own = devices(tmp_path)
    own.readings(Window(FIRST, EVENING, 900))
    own.order(ROW, give(EVENING, 300, 8))
    first = net(own.readings(Window(EVENING, EVENING + 4, 900)))
    own.order(ROW, give(EVENING, 0, 0))  # comes too late for what is over
    whole = Window(FIRST, EVENING + 12, 900)
    after = net(own.readings(whole))
    assert (after[:, EVENING - FIRST : EVENING - FIRST + 4] == first).all()
    again = devices(tmp_path)
    assert (net(again.readings(whole)) == after).all()
    plant = Doings(tmp_path / FILE)
    plant.refresh()
    assert plant.until == whole.end
    assert (net(plant.applied(ROWS(whole))) == after).all(), "the plant reads the same"
    more = Window(whole.end, whole.end + 20, 900)
    assert (net(again.readings(more)) == net(own.readings(more))).all(), "it goes on where it was"


def test_a_torn_last_entry_is_written_again(tmp_path: Path) -> None:
    own = devices(tmp_path)
    own.readings(Window(FIRST, EVENING, 900))
    own.order(ROW, give(EVENING, 300, 4))
    own.readings(Window(EVENING, EVENING + 4, 900))
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-3])
    again = devices(tmp_path)
    reader = Doings(path)
    reader.refresh()
    assert reader.until == EVENING
    again.readings(Window(EVENING, EVENING + 4, 900))
    reader.refresh()
    assert reader.until == EVENING + 4


def test_the_owners_reserve_is_kept(tmp_path: Path) -> None:
    size = int(BEHIND.capacity_wh[AT])
    own = devices(tmp_path)
    own.readings(Window(FIRST, EVENING, 900))
    power = int(BEHIND.power_w[AT]) // 4
    own.order(ROW, give(EVENING, power, 16, reserve=size // 2))
    for slot in range(EVENING, EVENING + 16):
        before = own.state(ROW, 0.0).level_wh
        own.readings(Window(slot, slot + 1, 900))
        state = own.state(ROW, 0.0)
        asked = next(one for one in state.done if one.slot == slot)
        assert asked.moved_wh >= 0 or state.level_wh >= size // 2, "its home may go below, a request may not"
        assert state.level_wh <= before
    assert state.level_wh < size


def test_a_feed_in_limit_holds_at_the_meter(tmp_path: Path) -> None:
    noon = Window(FIRST + 44, FIRST + 52, 900)
    own = devices(tmp_path)
    own.readings(Window(FIRST, noon.first, 900))
    roofs = [int(row) for row, size in zip(BEHIND.rows, BEHIND.pv_w, strict=True) if size]
    for row in roofs:
        own.order(row, DeviceOrders(noon.first, 900, [0] * 8, [400] * 8, 0))
    limited, free = own.readings(noon), ROWS(noon)
    assert free.exported_wh[roofs].max() > 100
    assert limited.exported_wh[roofs].max() == 100
    cut = [sum(one.cut_wh for one in own.state(row, 0.0).done) for row in roofs]
    assert sum(cut) == (free.exported_wh - limited.exported_wh)[roofs].sum()


def test_homes_without_a_device_and_orders_that_cannot_be(tmp_path: Path) -> None:
    own = devices(tmp_path)
    bare = next(row for row in range(HOMES) if row not in BEHIND.rows.tolist())
    with pytest.raises(NotFoundError):
        own.state(bare, FIRST * 900.0)
    with pytest.raises(NotFoundError):
        own.order(bare, give(FIRST, 1, 1))
    for wrong in (DeviceOrders(FIRST, 1800, [1], [1], 0), DeviceOrders(FIRST, 900, [1], [], 0)):
        with pytest.raises(InputError):
            own.order(ROW, wrong)

"""What a home's own device is told: the group's shares of the own battery, within what the owner allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import InputError, NotFoundError, UnavailableError, VerificationError
from quietgrid.household.steering import Choice, Steerer, Steering, keep_following
from quietgrid.model.interval import ManualClock
from quietgrid.wire.steering import NO_LIMIT, DeviceOrders, DeviceState, OwnSignals, SignalRow
from tests.household.village import TOWN, Village
from tests.meter.town import COMMUNITY

NOW = 100_000
DRAW, FEED = "draw_ppm", "feed_in_percent"


def row(values: list[int], unit: str = DRAW, first: int = NOW) -> SignalRow:
    return SignalRow(f"{unit} {first}", "set-point", first, first + len(values), 900, values, unit, NOW * 900.0)


@dataclass
class Grid:
    """What the platform tells. `by`: who signs it."""

    rows: list[SignalRow] = field(default_factory=list)
    community: bytes = COMMUNITY
    slot: int = NOW
    by: Identity = TOWN.platform
    away: bool = False
    unknown: bool = False
    asked: int = 0

    def signals(self) -> Signed:
        self.asked += 1
        if self.unknown:
            raise NotFoundError("no grid is known for this home", where="group", fix="nothing is asked of it")
        if self.away:
            raise UnavailableError("it does not answer", where="platform", fix="try again later")
        return self.by.sign(OwnSignals(self.community, "Mill Lane", self.slot * 900.0, self.rows))


@dataclass
class Battery:
    """A device that remembers what it was told."""

    capacity_wh: int = 8_000
    power_w: int = 4_000
    pv_w: int = 6_000
    orders: list[DeviceOrders] = field(default_factory=list)
    slot: int = NOW

    def state(self) -> DeviceState:
        if not self.capacity_wh + self.pv_w:
            raise NotFoundError("there is neither a battery nor a roof", where="device", fix="nothing can be asked")
        told = self.orders[-1] if self.orders else DeviceOrders(self.slot, 900, [], [], 0)
        return DeviceState(self.capacity_wh, self.power_w, self.pv_w, 4_000, self.slot, 900, told, [])

    def order(self, orders: DeviceOrders) -> None:
        self.orders.append(orders)


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


def steering(village: Village, grid: Grid, battery: Battery) -> Steering:
    village.clock.unix = NOW * 900.0
    return Steering(village.home().parts, grid, battery)


def test_shares_become_energy_of_the_own_battery_within_its_power(village: Village) -> None:
    grid, battery = Grid([row([50_000, -25_000, 900_000])]), Battery()
    own = steering(village, grid, battery)
    assert own.follow(own.fetch())
    assert battery.orders == [DeviceOrders(NOW, 900, [400, -200, 1_000], [NO_LIMIT] * 3, 1_600)]
    assert not own.follow(own.fetch()), "the same again is not sent"
    asked = own.asked(battery.state())
    assert [(one.window.first - NOW, len(one.window), one.draw_wh) for one in asked] == [
        (0, 1, 400), (1, 1, -200), (2, 1, 1_000)
    ]  # fmt: skip


def test_a_feed_in_limit_is_of_the_own_roof(village: Village) -> None:
    grid, battery = Grid([row([60, 100, 0], FEED, NOW + 1)]), Battery()
    own = steering(village, grid, battery)
    own.follow(own.fetch())
    assert battery.orders[0].most_out_w == [NO_LIMIT, 3_600, NO_LIMIT, 0]
    assert battery.orders[0].draw_wh == [0] * 4


def test_what_is_told_no_more_is_over(village: Village) -> None:
    grid, battery = Grid([row([50_000] * 4)]), Battery()
    own = steering(village, grid, battery)
    own.follow(own.fetch())
    grid.rows, grid.slot = [], NOW + 1
    assert own.follow(own.fetch())
    assert battery.orders[-1] == DeviceOrders(NOW + 1, 900, [], [], 1_600)


def test_a_home_that_opts_out_tells_its_device_at_once_and_nobody_else(village: Village) -> None:
    grid, battery = Grid([row([50_000] * 4)]), Battery()
    own = steering(village, grid, battery)
    own.follow(own.fetch())
    asked = grid.asked
    own.choose(Choice(follow=False, reserve_percent=50))
    assert grid.asked == asked
    assert battery.orders[-1].draw_wh == []
    assert not own.follow(own.fetch())
    assert steering(village, grid, battery).choice() == Choice(False, 50), "it is kept"
    own.choose(Choice(follow=True, reserve_percent=50))
    assert battery.orders[-1] == DeviceOrders(NOW, 900, [400] * 4, [NO_LIMIT] * 4, 4_000)
    with pytest.raises(InputError):
        own.choose(Choice(reserve_percent=101))


def test_signals_of_somebody_else_are_refused(village: Village) -> None:
    battery = Battery()
    for grid in (Grid(by=Identity.generate()), Grid(community=b"x" * 16)):
        with pytest.raises(VerificationError):
            steering(village, grid, battery).fetch()
    wrong = Grid([SignalRow("s", "set-point", NOW, NOW + 2, 900, [1], DRAW, 0.0)])
    own = steering(village, wrong, battery)
    with pytest.raises(InputError):
        own.follow(own.fetch())
    assert battery.orders == []


def test_without_the_platform_the_device_keeps_its_orders_which_end_by_themselves(village: Village) -> None:
    grid, battery = Grid([row([50_000] * 4)]), Battery()
    own = steering(village, grid, battery)
    steerer = Steerer({11: own})
    assert steerer.step() == 1
    grid.away = True
    with pytest.raises(UnavailableError):
        steerer.step()
    assert len(battery.orders) == 1
    assert battery.orders[0].first + len(battery.orders[0].draw_wh) == NOW + 4, "and then nothing is asked any more"


def test_a_process_asks_once_for_a_group_and_forgets_homes_without_a_device(village: Village) -> None:
    grid = Grid([row([50_000])])
    full, bare = Battery(), Battery(capacity_wh=0, pv_w=0)
    homes = {1: steering(village, grid, full), 2: steering(village, grid, Battery()), 3: steering(village, grid, bare)}
    steerer = Steerer(homes)
    assert steerer.step() == 2
    before = grid.asked
    grid.rows = [row([60_000])]
    assert steerer.step() == 2
    assert grid.asked == before + 1
    assert bare.orders == []


def test_a_grid_that_becomes_known_later_is_followed(village: Village) -> None:
    grid, battery = Grid([row([50_000])], unknown=True), Battery()
    steerer = Steerer({11: steering(village, grid, battery)})
    assert steerer.step() == 0
    grid.unknown = False
    assert steerer.step() == 1
    assert battery.orders[0].draw_wh == [400]


def test_it_follows_once_an_interval_and_again_after_a_failure(village: Village) -> None:
    grid, battery, clock = Grid([row([50_000])]), Battery(), ManualClock(NOW * 900.0)
    own = steering(village, grid, battery)
    turns: list[float] = []

    def wait(seconds: float) -> bool:
        turns.append(seconds)
        clock.unix += 450
        grid.away = 4 <= len(turns) < 6
        return len(turns) > 10

    keep_following(Steerer({11: own}), clock.now, 900, wait)
    assert 4 <= grid.asked <= 7
    assert 2.0 in turns

"""The page of the own battery: what is asked and done, the switch; the same as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quietgrid.homeweb import LinkSessions, PageSettings
from quietgrid.household import Home
from quietgrid.household.server import Origin
from quietgrid.household.steering import Choice
from quietgrid.model.interval import SystemClock
from quietgrid.wire.steering import DeviceDone, DeviceState
from tests.homeweb.browsing import BASE, Visitor, text_of
from tests.household.test_steering import FEED, NOW, Battery, Grid, row
from tests.household.village import Village

SETTINGS = PageSettings("http://localhost:8000", BASE)


class Remembering(Battery):
    """A battery that did what it was asked for before."""

    def state(self) -> DeviceState:
        done = [DeviceDone(NOW - 2, -500, -500, 0), DeviceDone(NOW - 1, 0, 0, 123)]
        return DeviceState(**{**_fields(super().state()), "done": done})


def _fields(state: DeviceState) -> dict[str, object]:
    return {name: getattr(state, name) for name in state.__struct_fields__}


class House:
    """A home with a device, and one visitor."""

    def __init__(self, folder: Path) -> None:
        village = Village(folder)
        village.clock.unix = NOW * 900.0
        self.grid, self.battery = Grid([row([50_000, 0, -25_000]), row([50], FEED)]), Remembering()
        home = Home(replace(village.home().parts, steering=(self.grid, self.battery)))
        assert home.steering is not None
        self.steering = home.steering
        sessions = LinkSessions(village.store, SystemClock(), folder / "households")
        self.visitor = Visitor(Origin({11: home}, sessions), SETTINGS, 11)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_page_says_what_is_asked_and_was_done(house: House) -> None:
    shown = text_of(house.visitor.page("/device"))
    assert "50 %" in shown
    assert "take 0.4 kWh" in shown
    assert "give 0.2 kWh" in shown
    assert "feed in at most" in shown
    assert "-500" in shown
    assert "123" in shown
    assert 'href="/device"' in house.visitor.page("/")


def test_the_switch_tells_the_device_at_once(house: House) -> None:
    house.visitor.post("/device", follow="yes", reserve="30")
    assert house.battery.orders[-1].draw_wh == [400, 0, -200]
    assert house.battery.orders[-1].reserve_wh == 2_400
    house.visitor.post("/device", reserve="30")  # an unticked box is not sent
    assert house.battery.orders[-1].draw_wh == []
    assert house.steering.choice() == Choice(False, 30)
    assert "checked" not in house.visitor.page("/device").split('name="follow"')[1].split(">")[0]
    assert house.visitor.client.post("/device", data={"reserve": "1"}).status_code == 403, "without the token"
    for wrong in ("", "101", "-1", "x"):
        house.visitor.post("/device", status=400, reserve=wrong)


def test_without_the_platform_or_a_device_it_says_so(house: House) -> None:
    house.grid.away = True
    assert "The platform does not answer" in house.visitor.page("/device")
    house.battery.capacity_wh = house.battery.pv_w = 0
    assert "Nothing to steer" in house.visitor.page("/device")


def test_the_same_as_json(house: House) -> None:
    client = house.visitor.client
    found = client.get("/api/own/device").json()
    assert found["battery"] == {"capacity_wh": 8_000, "power_w": 4_000, "level_wh": 4_000}
    assert [one["draw_wh"] for one in found["asked"]] == [400, -200]
    assert found["done"][0]["moved_wh"] == -500
    headers = {"Origin": BASE, "X-CSRF-Token": house.visitor.csrf}
    told = client.post("/api/own/device", json={"follow": False}, headers=headers).json()
    assert (told["follow"], told["reserve_percent"]) == (False, 20)
    assert client.post("/api/own/device", json={"reserve_percent": 900}, headers=headers).status_code == 400
    assert client.post("/api/own/device", json={"follow": True}).status_code == 403

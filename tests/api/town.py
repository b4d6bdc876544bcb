"""A real community of 60 homes and two days, its API, and one signed-in client a role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from quietgrid.accounts import Role
from quietgrid.api import Services, Settings
from quietgrid.api.auth import SESSION
from quietgrid.billing import default_tariffs
from quietgrid.demo import Sample, load, prices
from quietgrid.lab import Community
from quietgrid.lab.community import Resident
from quietgrid.model.interval import Window, local_window
from quietgrid.model.party import Party
from quietgrid.web import create_site

FIRST = date(2016, 6, 1)
BASE = "http://localhost:8000"


@dataclass
class Progress:
    """What a driver says of itself."""

    phase: str = "live"
    done: int = 2
    total: int = 2
    note: str = "live"
    speed: int = 1
    paused: bool = False


@dataclass
class Switchboard:
    """A demo's controls over a community in one process: keyholders really stop and start."""

    community: Community
    state: Progress = field(default_factory=Progress)
    steps: int = 0
    stopped: set[int] = field(default_factory=set)
    since: dict[int, float] = field(default_factory=dict)
    confirmed: dict[tuple[int, int], float] = field(default_factory=dict)

    def progress(self) -> Progress:
        return self.state

    def pause(self) -> None:
        self.state.paused = True

    def resume(self) -> None:
        self.state.paused = False

    def step(self) -> None:
        self.steps += 1

    def set_speed(self, speed: int) -> None:
        self.state.speed = speed

    def stop_keyholder(self, index: int) -> None:
        if index not in self.stopped:
            self.community.stop_keyholder(index)
            self.stopped.add(index)
            self.since[index] = self.community.clock.now()

    def start_keyholder(self, index: int) -> None:
        if index in self.stopped:
            self.community.keyholders[index] = self.community.start_keyholder(index)
            self.stopped.discard(index)
            del self.since[index]
            self.confirmed = {pair: until for pair, until in self.confirmed.items() if pair[1] != index}

    def stopped_keyholders(self) -> list[int]:
        return sorted(self.stopped)

    def stopped_since(self) -> dict[int, float]:
        return self.since

    def carry_on(self, index: int, peer: int) -> None:
        until = self.community.clock.now() + 86_400
        self.community.keyholders[index].carry_on(peer, until)
        self.confirmed[index, peer] = until

    def carrying_on(self) -> dict[tuple[int, int], float]:
        return self.confirmed


@dataclass
class Town:
    """A community with an API."""

    community: Community
    sample: Sample
    period: Window
    control: Switchboard
    settings: Settings
    app: object = None
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        return self.app.state.services  # type: ignore[attr-defined, no-any-return]

    def client(self, who: str = "") -> TestClient:
        """A client that is signed in as somebody (analyst, auditor, operator, household, neighbour) or as nobody."""
        client = TestClient(self.app, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)  # type: ignore[arg-type]
        if who:
            client.cookies.set(self.settings.cookie(SESSION), self.token(who))
            client.headers["X-CSRF-Token"] = client.get("/api/v1/session").json()["csrf"]
        return client

    def token(self, who: str) -> str:
        """A session of somebody, made once."""
        if who not in self.tokens:
            home = {"household": 1001, "neighbour": 1002}.get(who)
            role = Role.HOUSEHOLD if home else Role(who.partition("-")[0])
            _, link = self.services.accounts.found(f"Test {who}", role, home)
            self.tokens[who], _ = self.services.accounts.sign_in_by_link(link, who)
        return self.tokens[who]


def residents(sample: Sample) -> list[Resident]:
    """Homes 1001… with meters 1…"""
    return [
        Resident(Party(1000 + h.number, h.name, h.kind, h.feeder, h.connection_w, h.tariff), h.number, h.registers)
        for h in sample.homes
    ]


@contextmanager
def found_town(folder: Path, days: int = 2, homes: int = 60) -> Iterator[Town]:
    """Found a community of the project's own sample, measure and close some days, open its API."""
    period = local_window(FIRST, FIRST + timedelta(days=30), "Europe/Berlin", 900)
    window = local_window(FIRST, FIRST + timedelta(days=days), "Europe/Berlin", 900)
    sample = load(homes, window)
    epoch = Window(period.first, period.first + 96 * 70, 900)
    community = Community(folder, residents(sample), epoch, default_tariffs())
    community.join()
    community.platform.publish_prices("day-ahead", period.first, prices(period).tolist())
    community.register_books(period)
    for day, a, b in window.by_day():
        community.measure(sample.readings.cut(Window(day * 96 + a, day * 96 + b, 900)))
        community.settle()
    control = Switchboard(community)
    settings = Settings(demo=True, household_url="http://home.localhost:8001", requests_per_minute=1_000_000)
    town = Town(community, sample, period, control, settings)
    town.app = create_site(community.platform, settings, control=control)
    try:
        with TestClient(town.app, base_url=BASE):
            yield town
    finally:
        community.close()

"""The communities under attack; each is shared by tests that use different slots or leaves of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quietgrid.lab.community import Community, Resident
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from tests.scenarios.attacks.month import DAYS, PEOPLE, RULES, Month, month
from tests.scenarios.attacks.spy import D0, found_community

Found = Callable[..., Community]
Empty = Callable[[list[Resident], int, GateRules], Community]


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Found]:
    """Founds communities that are closed again when the test ends."""
    made: list[Community] = []

    def make(people: list[Resident], days: int, rules: GateRules, resolution: int = 900) -> Community:
        made.append(found_community(tmp_path / str(len(made)), people, days, rules, resolution))
        return made[-1]

    yield make
    for community in made:
        community.close()


@pytest.fixture(scope="session")
def period(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """A month of half hours, one leaf for each attack on bills and events."""
    community = found_community(tmp_path_factory.mktemp("month"), PEOPLE, DAYS + 1, RULES, 1800)
    yield month(community)
    community.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Empty]:
    """Communities of which nobody has enrolled yet."""
    made: list[Community] = []

    def make(people: list[Resident], days: int, rules: GateRules) -> Community:
        window = Window(D0 * 96, (D0 + days) * 96, 900)
        made.append(Community(tmp_path / f"empty{len(made)}", people, window, tz="UTC", rules=rules))
        return made[-1]

    yield make
    for community in made:
        community.close()

"""The community in one process: late frames, homes with several meters, a keyholder that stops and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quietgrid.errors import UnavailableError
from quietgrid.model.total import Status
from tests.runtime.hamlet import Hamlet, days


@pytest.fixture
def hamlet(tmp_path: Path) -> Iterator[Hamlet]:
    made = Hamlet(tmp_path)
    yield made
    made.close()


def test_late_frames_are_sealed_in_time_and_sent_later(hamlet: Hamlet) -> None:
    readings = hamlet.readings(days(0, 1))
    late = np.zeros(readings.present.shape, np.bool_)
    late[3, 10:12] = late[5, 11:] = True
    hamlet.community.measure(readings, late)
    assert len(hamlet.community.held) == 2
    hamlet.community.deliver()
    assert len(hamlet.community.held) == 2, "what is held does not go out with a retry"
    hamlet.community.settle()
    total = hamlet.total(days(0, 1))
    assert total.energy_wh.tolist() == np.where(late, 0, readings.imported_wh).sum(axis=0).tolist()
    assert total.homes.tolist() == (~late).sum(axis=0).tolist()
    assert hamlet.community.deliver_late() == 2
    assert hamlet.community.deliver_late() == 0
    hamlet.community.settle()
    assert hamlet.total(days(0, 1)).homes.tolist() == (~late).sum(axis=0).tolist(), "answered once"
    assert hamlet.platform.gather_late(hamlet.members, hamlet.members.window.first, days(0, 1).end) == int(late.sum())
    assert hamlet.platform.gather_late(hamlet.members, hamlet.members.window.first, days(0, 1).end) == 0


def test_a_home_with_two_meters_is_one_home(tmp_path: Path) -> None:
    hamlet = Hamlet(tmp_path / "two", meters_of_home_1=2)
    readings = hamlet.readings(days(0, 1))
    hamlet.community.measure(readings)
    hamlet.community.settle()
    total = hamlet.total(days(0, 1))
    assert total.members == 20
    assert set(total.homes.tolist()) == {20}
    assert total.energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist(), "both meters count"
    hamlet.close()


def test_a_keyholder_stops_and_comes_back(hamlet: Hamlet) -> None:
    community = hamlet.community
    community.stop_keyholder(2)
    readings = hamlet.readings(days(0, 2))
    community.measure(readings)
    outcomes = community.settle()
    assert outcomes.answered == 2
    assert hamlet.platform.keyholders.away == {2}
    assert hamlet.total(days(0, 2)).status is Status.PROVISIONAL
    community.keyholders[2] = community.start_keyholder(2)
    community.platform.resume()
    total = hamlet.total(days(0, 2))
    assert total.status is Status.CONFIRMED
    assert total.energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()
    assert hamlet.platform.keyholders.away == set()


def test_nothing_opens_with_one_keyholder_and_all_of_it_later(hamlet: Hamlet) -> None:
    community = hamlet.community
    for index in (1, 2):
        community.stop_keyholder(index)
    readings = hamlet.readings(days(0, 1))
    community.measure(readings)
    outcomes = community.settle()
    assert (outcomes.answered, outcomes.waiting) == (0, 1)
    with hamlet.store.read() as tx:
        assert tx.totals.nodes() == []
    for index in (1, 2):
        community.keyholders[index] = community.start_keyholder(index)
    assert community.platform.resume().answered == 1
    assert hamlet.total(days(0, 1)).energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()


def test_enrolling_needs_all_three(tmp_path: Path) -> None:
    from quietgrid.lab.community import Community, Resident
    from quietgrid.model.party import Party, PartyKind
    from tests.runtime.hamlet import flat

    people = [
        Resident(Party(n, f"Home {n}", PartyKind.RESIDENTIAL, "Lane", 14_500, "flat"), n, 1) for n in range(1, 21)
    ]
    community = Community(tmp_path / "halted", people, days(0, 30), flat(), tz="UTC")
    community.stop_keyholder(0)
    with pytest.raises(UnavailableError, match="keyholder"):
        community.join()
    community.keyholders[0] = community.start_keyholder(0)
    community.close()

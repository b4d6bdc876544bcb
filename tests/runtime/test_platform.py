"""The platform: what is closed, once, in rounds of many days; late cells; prices; restarts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.model.interval import Window
from quietgrid.runtime.platform import platform_at
from tests.runtime.hamlet import FIRST_DAY, PER_DAY, Hamlet, days


def closes(town: Hamlet, window: Window) -> list[tuple[int, int]]:
    with town.store.read() as tx:
        return [(c.first, c.end) for c in tx.answers.closes(0, window.first, window.end)]


def test_many_days_in_one_round(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    readings = town.readings(days(0, 5))
    town.community.measure(readings)
    outcomes = town.community.settle()
    assert outcomes.answered == 5
    assert closes(town, days(0, 5)) == [((FIRST_DAY + d) * PER_DAY, (FIRST_DAY + d + 1) * PER_DAY) for d in range(5)]
    assert town.total(days(0, 5)).energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()
    again = town.platform.close_due()
    assert (again.answered, again.waiting, again.refused) == (0, 0, [])


def test_intervals_settle_before_they_are_closed(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    morning = Window(days(0, 1).first, days(0, 1).first + 10, 1800)
    town.community.measure(town.readings(morning))
    assert town.platform.close_due().answered == 1
    assert closes(town, days(0, 1)) == [(morning.first, morning.end - 2)], "two intervals wait for stragglers"
    assert town.community.settle().answered == 1
    assert closes(town, days(0, 1))[1:] == [(morning.end - 2, morning.end)]
    assert town.platform.close_due(until=morning.end).answered == 0


def test_a_close_ends_where_a_billing_period_does(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    start = days(0, 1).first
    town.community.register_books(Window(start + 12, start + 12 + 28 * PER_DAY, 1800))
    town.community.measure(town.readings(days(0, 1)))
    town.community.settle()
    assert closes(town, days(0, 1)) == [(start, start + 12), (start + 12, start + PER_DAY)]


def test_too_few_homes_are_not_opened_and_the_rest_is(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    gone = np.zeros((20, PER_DAY), np.bool_)
    gone[:6, 20] = True
    gone[:5, 21] = True
    readings = town.readings(days(0, 1), gone)
    town.community.measure(readings)
    town.community.settle()
    total = town.total(days(0, 1))
    assert total.homes.tolist() == (~gone).sum(axis=0).tolist()
    assert np.flatnonzero(~total.answered).tolist() == [20]
    assert total.energy_wh[total.answered].tolist() == readings.imported_wh.sum(axis=0)[total.answered].tolist()
    assert total.energy_wh[20] == 0


def test_a_platform_that_restarts_goes_on_and_answers_the_same(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    readings = town.readings(days(0, 2))
    town.community.measure(readings)
    for link in town.community.links[:2]:
        link.up = False
    assert town.community.settle().waiting == 2
    town.platform.close()
    for link in town.community.links:
        link.up = True
    community = town.community
    community.platform = town.platform = platform_at(
        community.folders, community.card, community.links, community.clock, community.rules
    )
    town.store = town.platform.parts.store
    assert town.platform.close_due().answered == 0, "what is closed is not closed again"
    assert town.platform.resume().answered == 2
    assert town.platform.resume().answered == 0
    assert town.total(days(0, 2)).energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()


def test_members_of_a_time(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    assert town.platform.members(days(0, 1).first).epoch == 0
    with pytest.raises(NotFoundError, match="epoch"):
        town.platform.members(days(0, 1).first - 1)


def test_prices_are_published_once(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    town.platform.publish_prices("spot", days(0, 1).first, [1] * PER_DAY)
    town.platform.publish_prices("spot", days(0, 1).first, [1] * PER_DAY)
    with pytest.raises(ConflictError):
        town.platform.publish_prices("spot", days(0, 1).first, [2] * PER_DAY)

"""The three keyholders side by side: one that is away is left out, and gets its notices when it is back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from quietgrid.errors import VerificationError
from quietgrid.model.interval import Window
from quietgrid.registry import Listed, next_epoch, plan_cells
from quietgrid.runtime.founding import identity
from quietgrid.wire.columns import members_message
from quietgrid.wire.messages import Prices
from tests.runtime.hamlet import Hamlet, days


def price_notice(hamlet: Hamlet, feed: str) -> object:
    card = hamlet.platform.parts.card
    window = days(0, 1)
    message = Prices(card.community, feed, window.first, card.resolution, [100_000] * len(window))
    return hamlet.platform.parts.identity.sign(message)


def feeds(hamlet: Hamlet, index: int) -> list[str]:
    return list(hamlet.community.keyholders[index].memory.known.prices)


def test_notices_wait_for_a_keyholder_that_is_away(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    keyholders = town.platform.keyholders
    town.community.links[1].up = False
    answered = keyholders.notify([price_notice(town, "one")])
    assert answered == {0: [], 2: []}
    assert keyholders.away == {1}
    keyholders.notify([price_notice(town, "two")])
    assert [feeds(town, index) for index in range(3)] == [["one", "two"], [], ["one", "two"]]
    town.community.links[1].up = True
    assert keyholders.catch_up() == {1: []}
    assert feeds(town, 1) == ["one", "two"], "in order"
    assert keyholders.catch_up() == {}
    assert keyholders.away == set()


def test_refusals_come_back(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    stranger = town.community.household_keys[100].sign(
        Prices(town.platform.parts.card.community, "mine", days(0, 1).first, 1800, [1])
    )
    refusals = town.platform.keyholders.notify([stranger])
    assert {index: len(some) for index, some in refusals.items()} == {0: 1, 1: 1, 2: 1}


def test_what_is_called_wrongly_raises_and_what_is_away_does_not(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    keyholders = town.platform.keyholders

    def wrong(link: object) -> None:
        raise VerificationError("no", where="test", fix="none")

    with pytest.raises(VerificationError):
        keyholders.call(wrong)
    town.community.links[0].up = False
    assert sorted(keyholders.call(lambda link: link.index, {1, 2})) == [1, 2]
    assert keyholders.away == set(), "keyholder 0 was not asked"
    assert sorted(keyholders.call(lambda link: link.questions([]))) == [1, 2]
    assert keyholders.away == {0}


def test_votes_are_kept(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    town.community.measure(town.readings(days(0, 1)))
    town.community.settle()
    with town.store.read() as tx:
        closes = tx.answers.closes(0, days(0, 1).first, days(0, 1).end)
        assert [sorted(tx.answers.votes(close.hash)) for close in closes] == [[0, 1, 2]]


def test_a_keyholder_that_was_away_gets_the_member_list_it_missed(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet(epoch_days=40)
    community = town.community
    community.stop_keyholder(2)
    following = Window(town.members.window.end, days(40, 40).end, town.members.window.resolution)
    parties = [person.party for person in town.people]
    plan = plan_cells(parties, frozenset(), community.rules)
    enrolled = community.keyholders[0].memory.enrolments
    listed = [Listed(p.party.home, p.pid, 1, p.party.connection_w, enrolled[p.pid][1].hash()) for p in town.people]
    members, evidence = next_epoch(town.members, following, plan, listed)
    signed = identity(community.folders.registrar).sign(members_message(members, evidence))
    town.platform.adopt_members(signed)
    with town.store.read() as tx:
        assert set(tx.registry.endorsements(signed.hash())) == {0, 1}
    community.keyholders[2] = community.start_keyholder(2)
    assert (1, 0) not in community.keyholders[2].memory.known.members
    town.platform.resume()
    assert (1, 0) in community.keyholders[2].memory.known.members
    with town.store.read() as tx:
        assert set(tx.registry.endorsements(signed.hash())) == {0, 1, 2}

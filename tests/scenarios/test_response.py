"""A month with events: numbers opened through the gate, rewards, opt-outs, and a home that cheats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quietgrid.algorithms.herd import MAX_EVENTS
from quietgrid.errors import ForbiddenError, NotFoundError, VerificationError
from quietgrid.model.posting import Source, codes_of
from quietgrid.model.response import Choice, EventState, Terms
from quietgrid.runtime.response import asked_of
from quietgrid.runtime.response_run import ResponseRun
from quietgrid.runtime.response_verify import month_fact
from quietgrid.wire.response import EventChoice
from tests.scenarios.response import LEAVES, ResponseTown

DAYS = (16, 18, 23)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResponseTown]:
    """Three events; some homes opt out, some say nothing, some join and do nothing."""
    town = ResponseTown(tmp_path_factory.mktemp("season"))
    for number, day in enumerate(DAYS):
        event = town.event(day, target_wh=0 if number else 2_000)
        if event.state is EventState.PROPOSED:
            event = town.events.approve(event.id, "ana")
        with town.events.store.read() as tx:
            asked = asked_of(tx, event.id)
        doing = []
        for at, home in enumerate(asked):
            if at % 10 == number:
                town.choose(home, event, "out")
            elif at % 10 != 9:
                town.choose(home, event, "in")
                doing += [home] if at % 10 != 8 else []
        town.shift(event, doing)
        town.live(event.window.end + 4)
    town.live(town.period.end + 10)
    yield town
    town.close()


def test_every_number_is_the_sum_of_the_homes_own_readings(season: ResponseTown) -> None:
    with season.events.store.read() as tx:
        facts = {fact.name: fact for fact in tx.response.facts()}
        rewards = tx.response.rewards()
    assert facts
    assert {fact.state for fact in facts.values()} == {"opened"}
    assert rewards
    for one in rewards:
        fact = month_fact(facts[one.fact])
        assert one.number == season.plain(one.home, fact.slots)
        expected = max(0, one.number * fact.step_cents * 10_000 // (fact.days * 1_000) - 1)
        assert expected <= one.amount_micro <= season.program.terms.cap_micro
        assert one.missing == 0


def test_events_end_rewarded_and_measured(season: ResponseTown) -> None:
    with season.events.store.read() as tx:
        events = tx.response.events()
        measured = {event.id: tx.response.measured(event.id) for event in events}
    assert len(events) == len(DAYS)
    assert {event.state for event in events} == {EventState.REWARDED}
    for event in events:
        assert {one.group for one in measured[event.id]} <= set(LEAVES)
        assert len(measured[event.id]) == (2 if event.target_wh == 0 else 1), "a small target needs one section"
        for one in measured[event.id]:
            assert one.low_wh <= one.delivered_wh <= one.high_wh
            assert one.delivered_wh > 0
            assert one.homes == 30


def test_facts_per_home_stay_within_the_budget(season: ResponseTown) -> None:
    with season.events.store.read() as tx:
        facts = tx.response.facts()
        out = Counter(p.choice for event in tx.response.events() for p in tx.response.participations(event.id))
    held = Counter(home for fact in facts for home in fact.holders)
    assert max(held.values()) == 1 <= MAX_EVENTS, "one number a home and month"
    for leaf in LEAVES:
        assert len({home for fact in facts if fact.leaf == leaf for home in fact.holders}) <= 15, "the herd rule"
    assert out[Choice.OUT] * 10 >= sum(out.values()), "one in ten opted out"


def test_postings_are_the_rewards_and_sum_to_zero(season: ResponseTown) -> None:
    with season.events.store.read() as tx:
        posted = tx.postings.unsettled(codes=codes_of(Source.RESPONSE))
        rewards = tx.response.rewards()
        balances = tx.postings.balances()
    assert sum(one.amount_micro for one in posted) == sum(one.amount_micro for one in rewards if one.amount_micro > 0)
    assert {one.credit for one in posted} == {f"home:{one.home:016x}" for one in rewards if one.amount_micro > 0}
    assert sum(balances.values()) == 0


def test_a_second_look_changes_nothing(season: ResponseTown) -> None:
    with season.events.store.read() as tx:
        before = (tx.response.rewards(), tx.response.facts(), tx.postings.balances())
    assert season.run.step().opened == 0
    with season.events.store.read() as tx:
        assert (tx.response.rewards(), tx.response.facts(), tx.postings.balances()) == before


def test_a_home_that_uses_more_before_an_event_is_shown_and_bounded(tmp_path: Path) -> None:
    """Its neighbours' number follows what they did; its own follows its days: the cap bounds it, and it shows."""
    cap = 2_000_000
    town = ResponseTown(tmp_path, enrolled=6, terms=Terms(rate_cents=40, cap_micro=cap))
    try:
        cheat, honest = town.joined[0], town.joined[1]
        row = town.homes.index(cheat)
        for day in range(1, 18):  # a heater in the very hours, on every working day before
            first = town.evening(day).first - town.period.first
            town.used_wh[row, first : first + 4] += 3_000
        event = town.events.approve(town.event(18, target_wh=0).id, "ana")
        for home in town.joined:
            town.choose(home, event, "in")
        town.shift(event, [home for home in town.joined if home != cheat])
        town.live(town.period.end + 10)
        with town.events.store.read() as tx:
            facts = {fact.name: month_fact(fact) for fact in tx.response.facts()}
            rewards = {one.home: one for one in tx.response.rewards()}
        fact = facts[rewards[cheat].fact]
        asked = -sum(weight for _, weight in fact.slots if weight < 0) // fact.days
        normal = max(one.number for home, one in rewards.items() if home != cheat)
        assert rewards[cheat].number > 5 * normal, "what it claims stands out beside everybody else's"
        assert rewards[cheat].amount_micro == cap, "and earns no more than the cap"
        assert 0 < rewards[honest].amount_micro < cap
        assert asked == len(event.window)
    finally:
        town.close()


def test_a_restart_in_the_middle_goes_on(tmp_path: Path) -> None:
    """The process dies after each write of the settlement; the next one ends where an undisturbed one does."""
    town = ResponseTown(tmp_path, enrolled=3)
    try:
        event = town.events.approve(town.event(18, target_wh=0).id, "ana")
        for home in town.joined:
            town.choose(home, event, "in")
        town.shift(event, town.joined)
        while town.at < town.period.end - 1:
            town.live(min(town.period.end - 1, town.at + 48))
        verifying = town.run.verifying
        ask = verifying._ask

        def die(*_: object) -> bool:
            raise InterruptedError("killed")

        verifying._ask = die  # type: ignore[method-assign,assignment]
        with pytest.raises(InterruptedError):
            town.live(town.period.end + 1)
        with town.events.store.read() as tx:
            assert {fact.state for fact in tx.response.facts()} == {"registered"}
            assert not tx.response.rewards()
        again = ResponseRun(town.community.platform, town.community.periods, town.key_of)
        assert again.step().opened == len(LEAVES)
        assert again.step().opened == 0
        with town.events.store.read() as tx:
            assert len(tx.response.rewards()) == len(town.joined)
            assert tx.response.event(event.id).state is EventState.REWARDED
        verifying._ask = ask  # type: ignore[method-assign]
    finally:
        town.close()


def test_homes_cannot_speak_for_each_other_or_be_measured_unasked(tmp_path: Path) -> None:
    town = ResponseTown(tmp_path, enrolled=2)
    try:
        event = town.events.approve(town.event(18, target_wh=0).id, "ana")
        one, other, stranger = town.joined[0], town.joined[1], town.homes[20]
        word = EventChoice(town.community.card.community, one, event.id, "in", "hand", "", 0.0, [])
        with pytest.raises(VerificationError):
            town.events.choose(one, town.community.household_keys[other].sign(word))
        with pytest.raises(NotFoundError):
            town.choose(stranger, event, "in", consents=False)
        second = town.events.propose(replace(event, id="two", window=town.evening(19), target_wh=0), "olu")
        with pytest.raises(ForbiddenError):
            town.events.approve(second.id, "olu")
        town.choose(one, event, "in", consents=False)
        town.choose(other, event, "in")
        town.live(town.period.end + 10)
        with town.events.store.read() as tx:
            assert [reward.home for reward in tx.response.rewards()] == [other], "no consent, no number"
    finally:
        town.close()

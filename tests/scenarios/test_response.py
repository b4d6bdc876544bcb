"""A month with events: numbers opened through the gate, rewards, opt-outs, and a home that cheats."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from quietgrid.algorithms.herd import MAX_EVENTS
from quietgrid.model.posting import Source, codes_of
from quietgrid.model.response import Choice, EventState, Terms
from quietgrid.runtime.response import asked_of
from quietgrid.runtime.response_verify import month_fact
from tests.scenarios.response import LEAVES, ResponseTown

DAYS = (16, 18, 23)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> ResponseTown:
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

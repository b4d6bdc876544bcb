"""Attacks through event facts: PROTOCOL C, G5, G11, G12."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from quietgrid.algorithms.weights import price_weights
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import GateRefusal
from quietgrid.wire.messages import Consent
from quietgrid.wire.own import Withdrawal
from tests.scenarios.attacks.month import PER_DAY, PERIOD, PLANTED, Month
from tests.scenarios.attacks.spy import SECRET, off, released

EVENT = [(PLANTED + n, 1) for n in range(4)]
DAY = PLANTED // PER_DAY
SPAN = (PERIOD.first + DAY * PER_DAY, PERIOD.first + (DAY + 1) * PER_DAY)


def quiet(period: Month, leaf: str, closes: Sequence[Signed]) -> tuple[int, int]:
    """The total of a leaf over the event, and the victim's other three slots (which the attacker may well guess)."""
    total = period.spy.total(closes[DAY], leaf).values
    start = PLANTED - DAY * PER_DAY
    victim = period.read(period.victim(leaf))
    return int(total[start : start + 4].sum()), int(victim[PLANTED + 1 : PLANTED + 4].sum())


def test_all_but_one_consent(period: Month) -> None:
    """n - 1 facts and the leaf's totals are the last home's fact, to which it never agreed."""
    leaf, spy = "herd", period.spy
    victim, *others = period.homes(leaf)
    closes = period.closes(leaf)
    event = period.event(leaf, EVENT, others)
    before = released(period.community)
    with pytest.raises(GateRefusal) as refused:
        spy.event(event, closes[DAY : DAY + 1], SPAN)
    assert refused.value.rule == "herd"
    assert released(period.community) == before
    with off(period.community, "herd"):
        facts = spy.event(event, closes[DAY : DAY + 1], SPAN)
    total, rest = quiet(period, leaf, closes)
    assert victim not in facts
    assert total - sum(facts.values()) == SECRET + rest


def test_few_or_all_may_have_the_fact(period: Month) -> None:
    leaf, spy = "herd-all", period.spy
    closes = period.closes(leaf)
    event = period.event(leaf, EVENT, period.homes(leaf))
    assert spy.event(event, closes[DAY : DAY + 1], SPAN) == {
        home: int(period.read(home)[PLANTED : PLANTED + 4].sum()) for home in period.homes(leaf)
    }


def test_a_number_about_a_home_that_did_not_consent(period: Month) -> None:
    leaf, spy = "consent", period.spy
    victim, friend, *_ = period.homes(leaf)
    closes = period.closes(leaf)
    one = closes[DAY : DAY + 1]
    event = period.event(leaf, EVENT, [victim, friend], consent=False)
    period.consent(friend, "evening")

    def refusal() -> str:
        with pytest.raises(GateRefusal) as refused:
            spy.event(event, one, SPAN)
        return refused.value.rule

    assert refusal() == "consent"
    forged = Consent(period.community.card.community, victim, "evening", "reward", "platform", 1e12)
    for signer in (spy.sign, period.community.household_keys[friend].sign):
        outcomes = [link.register([signer(forged)])[0] for link in period.community.links]
        assert all(outcome is not None for outcome in outcomes)
    assert refusal() == "consent"
    period.consent(victim, "evening", recipient="a researcher")  # somebody else may have it
    period.consent(victim, "another evening")
    assert refusal() == "consent"
    given = period.consent(victim, "evening", days=1)
    period.spy.register(
        period.community.household_keys[victim].sign(
            Withdrawal(period.community.card.community, victim, given.hash(), period.community.clock.now())
        )
    )
    assert refusal() == "consent"
    period.consent(victim, "evening", days=1)
    period.community.clock.unix += 86_400
    assert refusal() == "consent"  # expired
    with off(period.community, "consent"):
        facts = spy.event(event, one, SPAN)
    assert facts[victim] == int(period.read(victim)[PLANTED : PLANTED + 4].sum())


@pytest.mark.parametrize("slots", [[(PLANTED, 1)], [(PLANTED, 4_000), *((n, 1) for n in range(480, 490))]])
def test_an_event_of_one_slot(period: Month, slots: list[tuple[int, int]]) -> None:
    """One slot, or many of which one stands out."""
    leaf, spy, name = "short", period.spy, f"short {len(slots)}"
    victim = period.victim(leaf)
    closes = period.closes(leaf)
    event = period.event(leaf, slots, [victim], name=name)
    before = released(period.community)
    with pytest.raises(GateRefusal) as refused:
        spy.event(event, closes[DAY : DAY + 1], SPAN)
    assert refused.value.rule == "event"
    assert released(period.community) == before
    with off(period.community, "herd", "thin"):
        fact = spy.event(event, closes[DAY : DAY + 1], SPAN)[victim]
    assert fact // slots[0][1] in (SECRET, SECRET + 1, SECRET + 2)


def test_a_price_and_an_event_that_differ_in_one_slot(period: Month) -> None:
    """An event weighted like the prices, but for one slot: bill minus event is that reading, whichever comes first."""
    spy = period.spy
    prices = 10_000 * np.random.default_rng(3).integers(1, 12, len(PERIOD))
    weights = price_weights(prices).weights
    slots = [(n, int(w)) for n, w in enumerate(weights.tolist()) if w]
    slots = [(n, w - 1 if n == PLANTED else w) for n, w in slots]
    span = (PERIOD.first, PERIOD.end)

    leaf = "priced-event"
    book, closes, victim = period.book(leaf), period.closes(leaf), period.victim(leaf)
    event = period.event(leaf, slots, [victim], name="early")
    assert list(spy.event(event, closes, span)) == [victim]  # before the prices are known nothing speaks against it
    spy.publish("hourly", PERIOD.first, prices)
    with pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes, prices={"hourly": prices})
    assert refused.value.rule == "event"

    leaf = "priced-event-off"
    book, closes, victim = period.book(leaf), period.closes(leaf), period.victim(leaf)
    event = period.event(leaf, slots, [victim], name="late")
    with pytest.raises(GateRefusal) as refused:
        spy.event(event, closes, span)
    assert refused.value.rule == "event"
    with off(period.community, "herd"):
        fact = spy.event(event, closes, span)[victim]
        bill = int(spy.bills(book, closes, prices={"hourly": prices})[0, 1])
    assert bill - fact == SECRET


def test_an_event_of_which_one_cell_was_delivered(period: Month) -> None:
    spy = period.spy
    missing = [1, 2, 3]
    for leaf, rules in (("thin-event", ()), ("thin-event-off", ("thin",))):
        victim, friend, *_ = period.homes(leaf)
        closes = period.closes(leaf, [(victim, PLANTED + n) for n in missing])
        event = period.event(leaf, EVENT, [victim, friend])
        with off(period.community, *rules):
            facts = spy.event(event, closes[DAY : DAY + 1], SPAN)
        assert facts[friend] == int(period.read(friend)[PLANTED : PLANTED + 4].sum())
        assert facts[victim] == (SECRET if rules else 0)


def test_two_events_that_differ_in_one_delivered_cell(period: Month) -> None:
    spy = period.spy
    shorter, longer = [(PLANTED + n, 1) for n in range(4, 8)], [(PLANTED + n, 1) for n in range(8)]
    for leaf, rules in (("event-pair", ()), ("event-pair-off", ("thin",))):
        victim, friend, *_ = period.homes(leaf)
        one = period.closes(leaf, [(victim, PLANTED + n) for n in (1, 2, 3)])[DAY : DAY + 1]
        events = [period.event(leaf, slots, [victim, friend], name=f"{len(slots)}") for slots in (shorter, longer)]
        with off(period.community, *rules):
            facts = [spy.event(event, one, SPAN) for event in events]
        assert facts[1][friend] - facts[0][friend] == int(period.read(friend)[PLANTED : PLANTED + 4].sum())
        assert facts[1][victim] - facts[0][victim] == (SECRET if rules else 0)

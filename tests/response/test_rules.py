"""What a program and an event must keep to, whom an event asks, and the laws of an event's life."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import ConflictError, ForbiddenError, InputError
from quietgrid.model.interval import Window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.response import (
    NEXT,
    Capability,
    Cause,
    Enrolment,
    Event,
    EventState,
    Program,
    Target,
    Terms,
    Utility,
)
from quietgrid.response import asked_homes, check_event, check_program, needs_approval, pack_of, packs
from quietgrid.response.rules import LONGEST_OVERRIDE_S, due

SLOT = 1_954_296  # a quarter of an hour in 2025
PACK = pack_of("DE")
UTILITY = Utility("netz", "Netz", ("DE",), "ana", 1.0)
PROGRAM = Program("evening", "Evening", "netz", "DE", "DE/1")
EVENT = Event("one", "evening", Window(SLOT, SLOT + 8, 900), Target("DE"), 10_000, 40, Cause.HAND, "peak")
NOW = SLOT * 900.0 - 10_000


def test_every_pack_says_where_its_values_come_from() -> None:
    for one in packs().values():
        assert dict(one.sources).keys() >= {"notice_s", "rate_cents", "events_a_month", "longest_s", "cap_micro"}
        assert all(said for _, said in one.sources)


@pytest.mark.parametrize(
    "terms",
    [
        Terms(notice_s=60), Terms(rate_cents=101), Terms(rate_cents=60, early_percent=80), Terms(longest_s=86_400),
        Terms(events_a_month=9), Terms(cap_micro=10**9), Terms(penalty_percent=101), Terms(scarce=((100, 5), (50, 9))),
    ],
)  # fmt: skip
def test_a_program_keeps_to_its_region(terms: Terms) -> None:
    check_program(PROGRAM, UTILITY, PACK)
    with pytest.raises(InputError):
        check_program(replace(PROGRAM, terms=terms), UTILITY, PACK)


def test_an_unverified_utility_offers_nothing() -> None:
    for utility in (replace(UTILITY, verified_by=""), replace(UTILITY, regions=("GB",))):
        with pytest.raises(ForbiddenError):
            check_program(PROGRAM, utility, PACK)


@pytest.mark.parametrize(
    "event",
    [
        replace(EVENT, window=Window(SLOT, SLOT + 3, 900)), replace(EVENT, window=Window(SLOT, SLOT + 9, 900)),
        replace(EVENT, window=Window(SLOT - 8, SLOT, 900)), replace(EVENT, rate_cents=0), replace(EVENT, target_wh=-1),
        replace(EVENT, cause=Cause.OVERRIDE, reason=" "),
    ],
)  # fmt: skip
def test_an_event_keeps_to_its_program(event: Event) -> None:
    check_event(EVENT, PROGRAM, PACK, NOW, [])
    with pytest.raises(InputError):
        check_event(event, PROGRAM, PACK, NOW, [])


def test_events_of_a_program_do_not_overlap() -> None:
    other = replace(EVENT, id="two", window=Window(SLOT + 7, SLOT + 12, 900))
    with pytest.raises(ConflictError):
        check_event(EVENT, PROGRAM, PACK, NOW, [other])


def test_an_override_needs_no_notice_and_ends_by_itself() -> None:
    now = SLOT * 900.0 - 1
    override = replace(EVENT, cause=Cause.OVERRIDE, reason="a cable fault")
    check_event(override, PROGRAM, PACK, now, [])
    assert len(override.window) * 900 <= LONGEST_OVERRIDE_S
    with pytest.raises(InputError):
        check_event(replace(override, window=Window(SLOT, SLOT + 9, 900)), PROGRAM, PACK, now, [])
    active = replace(override, state=EventState.ACTIVE)
    assert due(active, override.window.end * 900.0) is EventState.ENDED


def test_who_needs_a_second_person() -> None:
    large, unknown = replace(EVENT, target_wh=500_000), replace(EVENT, target_wh=0)
    assert needs_approval(large, PROGRAM)
    assert needs_approval(unknown, PROGRAM)
    assert not needs_approval(EVENT, PROGRAM)
    assert not needs_approval(replace(large, cause=Cause.FORECAST), PROGRAM)
    assert not needs_approval(replace(unknown, cause=Cause.OVERRIDE), PROGRAM)


@given(st.lists(st.sampled_from(list(EventState)), max_size=12))
def test_an_event_never_goes_back(states: list[EventState]) -> None:
    """Whatever is tried, an event visits states in the order of its life, each once, and ends in one that stays."""
    order, one, seen = list(EventState), EVENT, [EVENT.state]
    for state in states:
        if state in NEXT[one.state]:
            after = one.to(state)
            assert after.revision == one.revision + 1
            one = after
            seen.append(state)
        else:
            with pytest.raises(ConflictError):
                one.to(state)
    places = [order.index(state) for state in seen]
    assert places == sorted(set(places))
    assert EventState.CANCELLED not in seen[:-1]


@given(st.floats(min_value=NOW, max_value=NOW + 100_000), st.floats(min_value=0, max_value=100_000))
def test_time_moves_events_one_way(first: float, more: float) -> None:
    def at(now: float) -> EventState:
        one = replace(EVENT, state=EventState.ANNOUNCED)
        while (after := due(one, now)) is not None:
            one = one.to(after)
        return one.state

    order = list(EventState)
    assert order.index(at(first)) <= order.index(at(first + more))


def _home(home: int, **more: object) -> Enrolment:
    base = Enrolment("evening", home, (Capability.WASHING,), 600, since=1.0)
    return replace(base, **more)  # type: ignore[arg-type]


def test_whom_an_event_asks() -> None:
    parties = {
        home: Party(home, f"Home {home}", PartyKind.RESIDENTIAL, "A" if home < 5 else "B", 10_000, "flat")
        for home in range(1, 10)
    }
    hour = (SLOT * 900 // 3600) % 24
    enrolments = [
        _home(1), _home(2, blackout_hours=(hour,)), _home(3, until=2.0), _home(4, events_a_month=1),
        _home(5), _home(6, capabilities=(Capability.BATTERY,)), _home(99),
    ]  # fmt: skip

    def asked(event: Event) -> list[int]:
        return [one.home for one in asked_homes(event, PROGRAM, enrolments, parties, {4: 1}, "UTC")]

    assert asked(EVENT) == [1, 5, 6]
    assert asked(replace(EVENT, target=Target("DE", ("A",)))) == [1]
    assert asked(replace(EVENT, target=Target("DE", (), (), (Capability.BATTERY,)))) == [6]
    assert asked(replace(EVENT, target=Target("DE", (), ("commercial",)))) == []
    assert asked(replace(EVENT, cause=Cause.OVERRIDE)) == [1, 2, 4, 5, 6], "an override asks whoever is enrolled"

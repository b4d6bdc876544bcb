"""Which numbers of homes are asked: one a home and month over the events it took part in, within the herd rule.

A number is ``Σ rate × (Σ earlier days - d × event)``: the mean of d like days of the same billing period minus what was
used, each event times its rate, on sealed readings. Homes that took part in the same events share a vector. A leaf's
vectors are independent of its book and of each other and at most n - k of its n homes have one (or all): the rest are
measured in their group only. With consent to a number an event, each event is a vector of its own.

Source: PROTOCOL A, "event facts"; G5, G11; decision 0043. Privacy: membership and prices only; no reading.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.baseline import DayRule, look_back
from quietgrid.algorithms.calendar import Calendar
from quietgrid.algorithms.herd import MAX_EVENTS, check_events, slot_weights
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model.interval import Window, zone
from quietgrid.model.response import Event, Terms

Ints = NDArray[np.int64]
DAYS, LEAST_DAYS = 10, 5
RULE = DayRule(days=DAYS, least=LEAST_DAYS)


@dataclass(frozen=True)
class Part:
    """One event's part of a number.

    Args:
        event: id. window: of it. rates: cents a kWh, one an interval. days: int64 [d, t], the earlier intervals.
    """

    event: str
    window: Window
    rates: tuple[int, ...]
    days: Ints


@dataclass(frozen=True)
class MonthFact:
    """A number to register and ask.

    Args:
        events: ids. holders: homes, ascending. slots: (absolute slot, weight). days: d. step_cents: one step of a
            weight is so many cents a kWh, times d. apart: whether its homes agreed to a number an event.
    """

    events: tuple[str, ...]
    holders: tuple[int, ...]
    slots: tuple[tuple[int, int], ...]
    days: int
    step_cents: int
    apart: bool = False


def month_subject(program: str, period: Window, tz: str) -> str:
    """What a consent to the one number a home and month names.

    >>> month_subject("evening", Window(1_627_480, 1_630_360, 900), "Europe/Berlin")
    'evening/2016-06'
    """
    return f"{program}/{period.start_time.astimezone(zone(tz)):%Y-%m}"


def event_subject(event: Event) -> str:
    """What a consent to a number of one event names."""
    return f"{event.program}/{event.id}"


def rates_of(event: Event, terms: Terms) -> tuple[int, ...]:
    """Cents a kWh in each interval: more in the first, falling evenly to the rate in the last.

    >>> from quietgrid.model.response import Cause, Target
    >>> one = Event("e", "p", Window(0, 5, 900), Target(), 0, 40, Cause.HAND)
    >>> rates_of(one, Terms(early_percent=50))
    (60, 55, 50, 45, 40)
    """
    last = len(event.window) - 1
    more = [event.rate_cents * terms.early_percent * (last - at) // (100 * max(last, 1)) for at in range(last + 1)]
    return tuple(event.rate_cents + one for one in more)


def parts_of(
    events: Sequence[Event], terms: Terms, period: Window, calendar: Calendar, others: Sequence[Window] = ()
) -> tuple[list[Part], list[str]]:
    """The parts of a period's events, with the same number of earlier days each; and events that have too few.

    Args:
        events: that took place in the period. others: further event windows, whose days are left out too.
    """
    windows = [event.window for event in events] + list(others)
    found: dict[str, Ints] = {}
    short = []
    for event in events:
        rest = [window for window in windows if window != event.window]
        try:
            found[event.id] = look_back(event.window, RULE, calendar, rest, first=period.first).slots
        except InputError:
            short.append(event.id)
    days = min((len(slots) for slots in found.values()), default=0)
    parts = [
        Part(event.id, event.window, rates_of(event, terms), found[event.id][:days])
        for event in events
        if event.id in found
    ]
    return parts, short


def vector(parts: Sequence[Part]) -> tuple[tuple[tuple[int, int], ...], int]:
    """(slot, weight) of some events together, and how many cents a step is.

    >>> one = Part("e", Window(96, 98, 900), (40, 40), np.array([[0, 1], [48, 49]]))
    >>> vector([one])
    (((0, 1), (1, 1), (48, 1), (49, 1), (96, -2), (97, -2)), 40)
    """
    step = gcd(*(rate for part in parts for rate in part.rates))
    weights: defaultdict[int, int] = defaultdict(int)
    for part in parts:
        for at, rate in enumerate(part.rates):
            steps = rate // step
            weights[part.window.first + at] -= steps * len(part.days)
            for slot in part.days[:, at].tolist():
                weights[slot] += steps
    return tuple((slot, weight) for slot, weight in sorted(weights.items()) if weight), step


@dataclass
class Leaf:
    """One leaf's rules for further numbers.

    Args:
        homes: all of it, ascending. k: the floor. period: the billing period. book: int64 [f, t], of the import
            register. known: registered vectors (int64 [t], holders).
    """

    homes: tuple[int, ...]
    k: int
    period: Window
    book: Ints
    known: list[tuple[Ints, frozenset[int]]]

    def take(self, slots: Sequence[tuple[int, int]], holders: Collection[int]) -> bool:
        """Whether a vector may be asked beside the others; it is one of them from then on."""
        weights = slot_weights(slots, self.period.first, len(self.period))
        rows = [*self.known, (weights, frozenset(holders))]
        held = np.array([[home in some for _, some in rows] for home in self.homes], np.bool_)
        try:
            check_events(self.book, np.stack([row for row, _ in rows]), held, self.k)
        except GateRefusal:
            return False
        self.known = rows
        return True


def herd(homes: Sequence[int], willing: Sequence[int], k: int) -> tuple[list[int], list[int]]:
    """Who may have a number in a leaf, in order of joining, and who is measured in the group only.

    >>> herd(range(30), range(20), 15)
    ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], [15, 16, 17, 18, 19])
    >>> len(herd(range(30), range(30), 15)[0])
    30
    """
    inside = [home for home in willing if home in set(homes)]
    if len(inside) == len(homes):
        return inside, []
    most = max(0, len(homes) - k)
    return inside[:most], inside[most:]


def month_facts(
    parts: Sequence[Part], took: Mapping[int, Collection[str]], each: Collection[int], leaf: Leaf
) -> tuple[list[MonthFact], list[int]]:
    """The numbers to ask in one leaf, and homes that get none (their group's measurement counts).

    Args:
        parts: of the period's events. took: home -> ids of the events it took part in, in order of joining the
            program. each: homes that agreed to one number an event. leaf: its rules; what is found is added to it.
    """
    by_id = {part.event: part for part in parts}
    wanted = {home: frozenset(ids).intersection(by_id) for home, ids in took.items()}
    willing, left = herd(leaf.homes, [home for home, ids in wanted.items() if ids], leaf.k)
    patterns: defaultdict[frozenset[str], list[int]] = defaultdict(list)
    for home in willing:
        patterns[wanted[home]].append(home)
    out: list[MonthFact] = []

    def ask(ids: Collection[str], holders: Sequence[int], apart: bool = False) -> bool:
        slots, step = vector([by_id[one] for one in sorted(ids)])
        if not holders or not leaf.take(slots, holders):
            return False
        days = len(next(iter(by_id.values())).days)
        out.append(MonthFact(tuple(sorted(ids)), tuple(sorted(holders)), slots, days, step, apart))
        return True

    for ids, homes in sorted(patterns.items(), key=lambda item: (-len(item[1]), sorted(item[0]))):
        apart = [home for home in homes if home in each and 1 < len(ids) <= MAX_EVENTS]
        together = [home for home in homes if home not in apart]
        if together and not ask(ids, together):
            left += together
        for one in sorted(ids) if apart else ():
            if not ask([one], apart, apart=True):
                left += [home for home in apart if home not in left]
    return out, left

"""The halves of a total: the same cells, in two parts drawn by lot; and what a sum of homes can be at all.

Both halves of an interval open or neither does: one half beside the whole would be the other. So their sum is the
total, which is asked as ever, and nothing that reads totals has to know of halves.
Source: PROTOCOL A, "implausible total"; G13; decision 0020.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.plan import NOBODY, Bits, Ints, TotalsPlan, behind, by_home, counted_cells
from quietgrid.algorithms.strikes import Round, halved_closes, place_after, strike_halves
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import slots_per_day
from quietgrid.model.party import MemberList

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class HalvesPlan:
    """What a `halves` question adds up: two plans of one close.

    Args:
        homes: uint64 [h], ascending. parts: the halves; the same intervals are allowed in both.
        members: bool [2, h, t], who is in which half. bounds: int64 [2, t], the most either can carry, Wh.
        signed: Whether a sum may be negative (net totals).
    """

    homes: NDArray[np.uint64]
    parts: tuple[TotalsPlan, TotalsPlan]
    members: Bits
    bounds: Ints
    signed: bool

    @property
    def width(self) -> int:
        """Intervals: the second half's first number comes after so many."""
        return self.parts[0].b - self.parts[0].a

    @property
    def allowed(self) -> Bits:
        """bool [2 t]: the numbers that may open, first half first."""
        return np.concatenate([part.allowed for part in self.parts])

    @property
    def counts(self) -> NDArray[np.int32]:
        """int32 [2 t]: homes behind each number."""
        return np.concatenate([part.homes for part in self.parts])

    def round(self, values: Ints) -> Round:
        """What the opened numbers, int64 [2 t], show."""
        table = values.reshape(2, -1)
        low = -self.bounds if self.signed else np.zeros_like(self.bounds)
        opened = self.parts[0].allowed
        bad = ((table < low) | (table > self.bounds)) & opened
        return Round(self.homes, self.members[0] & opened, self.members[1] & opened, bad)


def halves_plan(
    members: MemberList, whole: TotalsPlan, closes: Sequence[Closed], seed: bytes, rules: GateRules,
    shared: NDArray[np.uint64] = NOBODY,
) -> HalvesPlan:  # fmt: skip
    """The plan of one halves question: the cells of a total in two parts.

    Args:
        members: The epoch's list. whole: the plan of the total. closes: its closes. rules: the gate's numbers.
        seed: From the lots in the votes on the closes (`algorithms.strikes`). shared: as for `totals_plan`.
    """
    rows = whole.rows
    present = np.concatenate([c.present for c in closes])
    cells = np.logical_or.reduce(list(whole.include.values()))
    homes, home_of_row = np.unique(members.homes[rows], return_inverse=True)
    arrived = by_home(members.homes[rows], cells)
    first = strike_halves(seed, homes, arrived)
    counted = counted_cells(whole.include, present, rules)
    sides = (first[home_of_row], (arrived & ~first)[home_of_row])
    judged = [behind(members, rows, counted & side, rules, shared) for side in sides]
    allowed = whole.allowed & judged[0][1] & judged[1][1]
    one, two = (
        replace(whole, include={r: cells & side for r, cells in whole.include.items()}, homes=count, allowed=allowed)
        for side, (count, _) in zip(sides, judged, strict=True)
    )
    both = np.stack([first, arrived & ~first])
    power = by_home(members.homes[rows], members.connection_w[rows][:, None])[:, 0]
    bounds = np.einsum("h,sht->st", power, both.astype(np.int64)) * members.window.resolution // SECONDS_AN_HOUR
    return HalvesPlan(homes, (one, two), both, bounds, len(whole.signs) > 1)


def implausible(members: MemberList, plan: TotalsPlan, values: Ints) -> Bits:
    """bool [t]: opened totals outside what the connections of the node's homes can carry.

    Args:
        members: The epoch's list. plan: what was asked. values: int64 [t], what opened.
    """
    power = by_home(members.homes[plan.rows], members.connection_w[plan.rows][:, None]).sum()
    bound = int(power) * members.window.resolution // SECONDS_AN_HOUR
    low = -bound if len(plan.signs) > 1 else 0
    outside: Bits = ((values < low) | (values > bound)) & plan.allowed
    return outside


def spans_of(closes: Iterable[Closed], members: MemberList) -> list[tuple[int, int]]:
    """(first, end) in absolute slots of each close."""
    per_day = slots_per_day(members.window.resolution)
    return [(close.day * per_day + close.a, close.day * per_day + close.b) for close in closes]


def why_whole(members: MemberList, alarmed: TotalsPlan, values: Ints, closes: Iterable[Closed], close: Closed) -> str:
    """Why a close must not be answered in halves after an alarm; empty if it may.

    Args:
        members: The epoch's list. alarmed: the plan of the total of the alarm. values: int64, what it says opened.
        closes: Of the close's leaf, those between the two and perhaps others. close: to be halved.
    """
    if len(values) != alarmed.b - alarmed.a or not implausible(members, alarmed, values).any():
        return "the total was plausible"
    end = alarmed.day * slots_per_day(members.window.resolution) + alarmed.b
    place = place_after(end, spans_of(closes, members), spans_of([close], members)[0][0])
    if place is None or place >= halved_closes(len(np.unique(members.homes[alarmed.rows]))):
        return "this close is not one of those that follow the implausible total"
    return ""

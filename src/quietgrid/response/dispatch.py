"""Merit order: the cheapest homes first until the target is reached with the confidence that the program asks for.

What one home delivers is a guess; what many do is less of one. With independent homes the sum has mean Σm and variance
Σv, so the level that is reached with a confidence c is Σm - z(c) √Σv (normal approximation: good from some ten homes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from quietgrid.errors import InputError
from quietgrid.model.response import Capability

EFFORT = {
    Capability.BATTERY: 0, Capability.EV: 1, Capability.HEAT_PUMP: 2, Capability.WASHING: 3, Capability.BY_HAND: 4,
}  # fmt: skip
"""What is asked first where it costs the same: what its people notice least."""
DELIVERS_PERCENT = {
    Capability.BATTERY: 90, Capability.EV: 70, Capability.HEAT_PUMP: 60, Capability.WASHING: 40, Capability.BY_HAND: 25,
}  # fmt: skip
"""Of its capacity, until there are events to learn from. Assumptions of this project."""
JOINS_PERCENT = 80
"""Homes that take part when asked, until there are events to learn from."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one home may deliver.

    Args:
        home: whose. capability: its best. capacity_wh: over the event, at most. cost_cents: a kWh.
        joins_percent: how often it takes part. asked: how often it was asked this month.
    """

    home: int
    capability: Capability
    capacity_wh: int
    cost_cents: int
    joins_percent: int = JOINS_PERCENT
    asked: int = 0

    @property
    def mean_wh(self) -> float:
        """Expected."""
        return self.capacity_wh * DELIVERS_PERCENT[self.capability] / 100 * self.joins_percent / 100

    @property
    def variance(self) -> float:
        """Of what it delivers: it takes part or not, and then delivers somewhere from nothing to all (uniform)."""
        p, full = self.joins_percent / 100, self.capacity_wh * DELIVERS_PERCENT[self.capability] / 100
        spread = (self.capacity_wh**2) / 12
        return p * (spread + full**2) - self.mean_wh**2


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Who is asked. homes: in merit order. expected_wh: the mean. sure_wh: with the confidence asked for."""

    homes: tuple[int, ...]
    expected_wh: int
    sure_wh: int
    cost_micro: int

    def reaches(self, target_wh: int) -> bool:
        """Whether the target is reached with the confidence asked for."""
        return self.sure_wh >= target_wh


def dispatch(offers: Sequence[Offer], target_wh: int, confidence_percent: int) -> Dispatch:
    """Ask as few as reach the target, the cheapest first; all of them if nothing less does.

    Args:
        offers: one a home. target_wh: 0: everybody is asked. confidence_percent: 50 to 99.

    Raises:
        InputError: a confidence that cannot be.

    >>> homes = [Offer(n, Capability.BATTERY, 1_000, 40) for n in range(40)]
    >>> found = dispatch(homes, 10_000, 90)
    >>> len(found.homes), found.reaches(10_000)
    (18, True)
    """
    if not 50 <= confidence_percent < 100:
        raise InputError("a confidence is 50 to 99 percent", where="dispatch", fix="80 is usual")
    z = NormalDist().inv_cdf(confidence_percent / 100)
    order = sorted(offers, key=lambda one: (one.cost_cents, EFFORT[one.capability], one.asked, one.home))
    mean = variance = cost = 0.0
    chosen: list[int] = []
    for one in order:
        if target_wh and chosen and mean - z * math.sqrt(variance) >= target_wh:
            break
        mean, variance = mean + one.mean_wh, variance + max(one.variance, 0.0)
        cost += one.mean_wh * one.cost_cents * 10
        chosen.append(one.home)
    sure = max(0, int(mean - z * math.sqrt(variance)))
    return Dispatch(tuple(chosen), int(mean), sure, int(cost))

"""Baselines that need numbers in the clear: ranked days, capped and multiplicative adjustments.

They run on opened totals of groups, or at home on a home's own readings. Nothing sealed can rank, divide or cap: what
these classes do is no weighted sum, so they have no `vector`.

Source: issue 6; the markets' rules are in `presets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.baseline.days import DayRule
from quietgrid.algorithms.baseline.linear import Shift, chosen
from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import InputError
from quietgrid.model.interval import Window

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Take(StrEnum):
    """Which of the days count, by their energy during the event's hours."""

    HIGHEST = "highest"
    MIDDLE = "middle"
    LOWEST = "lowest"


@dataclass(frozen=True)
class Scale:
    """A multiplicative same-day adjustment, capped.

    Args:
        length_s, gap_s: as in `Shift`. cap_percent: the ratio stays within 100 ± cap (or 1/(1 + cap) below, see
            `inverse`). upward_only: the baseline is never lowered. inverse: the lower bound is 1/(1 + cap).
    """

    length_s: int = 14_400
    gap_s: int = 3_600
    cap_percent: int = 20
    upward_only: bool = False
    inverse: bool = False

    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest ratio.

        >>> Scale(cap_percent=20).bounds(), Scale(cap_percent=25, inverse=True).bounds()
        ((0.8, 1.2), (0.8, 1.25))
        """
        high = 1 + self.cap_percent / 100
        low = 1 / high if self.inverse else 1 - self.cap_percent / 100
        return (1.0 if self.upward_only else low), high


@dataclass(frozen=True)
class OpenRule:
    """X of Y days: the highest, middle or lowest, with whatever adjustment.

    Args:
        days: which days there are (Y). take: how many count (X); more than there are: all. which: by rank.
        adjustment: or None. cap_percent: of a `Shift`: it moves an interval by at most this share of the baseline.
    """

    days: DayRule = field(default_factory=DayRule)
    take: int = 5
    which: Take = Take.HIGHEST
    adjustment: Shift | Scale | None = None
    cap_percent: int | None = None

    def __post_init__(self) -> None:
        if self.take < 1:
            raise InputError("at least one day counts", where="rule", fix="take 1 or more")

    def expected(
        self, readings_wh: Ints, window: Window, event: Window, calendar: Calendar, events: Sequence[Window] = ()
    ) -> Floats:
        """float64 [..., t]: the baseline of each interval of the event.

        Args:
            readings_wh: int64 [..., T] over `window`: of a home at that home, or opened totals of groups.
            event: t intervals. events: others; their days are left out.

        Raises:
            InputError: too few days.

        >>> series = np.concatenate([np.full(48, day) for day in (5, 1, 3, 9)])[None]
        >>> start = 16_190 * 48  # a Wednesday
        >>> rule = OpenRule(DayRule(days=3, least=3, alike=False), take=2)
        >>> event = Window(start + 3 * 48 + 20, start + 3 * 48 + 24, 1800)
        >>> rule.expected(series, Window(start, start + 4 * 48, 1800), event, Calendar("UTC")).tolist()
        [[4.0, 4.0, 4.0, 4.0]]
        """
        adjust = self.adjustment
        like = Shift(adjust.length_s, adjust.gap_s) if adjust is not None else None
        before, past, past_before = chosen(event, self.days, like, calendar, events, window.first)
        values = np.asarray(readings_wh, np.float64)
        days = values[..., past - window.first]
        counts = ranked(days.sum(axis=-1), min(self.take, len(past)), self.which)
        course = np.einsum("...d,...dt->...t", counts, days)
        if adjust is None:
            return np.asarray(course)
        usual = np.einsum("...d,...d->...", counts, values[..., past_before - window.first].mean(axis=-1))
        return adjusted(course, usual, values[..., before - window.first].mean(axis=-1), adjust, self.cap_percent)


def ranked(energy: Floats, take: int, which: Take) -> Floats:
    """float64 [..., d]: the share of each day: 1/take for the days that count, 0 for others; of equals, the newer.

    Args:
        energy: float64 [..., d], newest day first. take: at most d.

    >>> ranked(np.array([4.0, 1.0, 3.0, 2.0]), 2, Take.MIDDLE).tolist()
    [0.0, 0.0, 0.5, 0.5]
    """
    size = energy.shape[-1]
    order = np.argsort(-energy, axis=-1, kind="stable")
    skip = {Take.HIGHEST: 0, Take.LOWEST: size - take, Take.MIDDLE: (size - take) // 2}[which]
    out = np.zeros(energy.shape)
    np.put_along_axis(out, order[..., skip : skip + take], 1 / take, axis=-1)
    return out


def adjusted(
    course: Floats, usual: Floats, actual: Floats, adjust: Shift | Scale, cap_percent: int | None = None
) -> Floats:
    """A baseline moved or scaled by what happened before the event.

    Args:
        course: float64 [..., t]. usual: float64 [...], the baseline's mean of an interval before the event.
        actual: float64 [...], what was used then. cap_percent: of a `Shift`.

    Returns:
        float64 [..., t]. Where nothing was usual before the event, a ratio says nothing: the baseline stays.
    """
    if isinstance(adjust, Shift):
        moved = (actual - usual)[..., None]
        if cap_percent is not None:
            most = np.abs(course) * cap_percent / 100
            moved = np.clip(moved, -most, most)
        return np.asarray(course + moved)
    low, high = adjust.bounds()
    ratio = np.divide(actual, usual, out=np.ones_like(usual), where=usual > 0)
    return np.asarray(course * np.clip(ratio, low, high)[..., None])

"""What totals and heads say about each other and about yesterday: the numbers a watch looks at.

Four views of one interval of a group: does the head agree with the homes' total (*mismatch*, and its running sum
*drift*), has the head said exactly this before (*repeats*), is the total what such an hour usually is (*surprise*).

Source: drift is a two-sided CUSUM (E. S. Page, *Continuous inspection schemes*, Biometrika 41, 1954).
Privacy: sums of groups only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.network import Floats

MAD = 1.4826
"""Turns a median absolute deviation into a standard deviation (of a normal distribution)."""
SLACK = 1.0
"""Standard deviations an interval may be off before drift grows."""
SEASON_DAYS = 3
"""Days whose deviations move what is expected."""
DAYS_BACK = 14
"""Days within which a repetition is looked for."""


@dataclass(frozen=True)
class Series:
    """What is known of groups over consecutive intervals.

    Args:
        head_w: [t, g], mean active power measured at the head; NaN where not measured.
        total_w: [t, g], mean power of the homes, from opened totals; NaN where not answered.
        per_day: intervals of a day. wall: int [t], intervals the clock on the wall is ahead of UTC (people live by it);
            all 0 unless told.
    """

    head_w: Floats
    total_w: Floats
    per_day: int
    wall: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.head_w.shape != self.total_w.shape or self.head_w.ndim != 2 or self.per_day < 1:
            raise InputError("heads and totals do not fit", where="Series", fix="give [intervals, groups] of both")

    def __len__(self) -> int:
        return len(self.head_w)

    @property
    def ahead(self) -> NDArray[np.int64]:
        """`wall`, or zeros. int [t]."""
        return np.zeros(len(self), np.int64) if self.wall is None else self.wall

    @property
    def of_day(self) -> NDArray[np.int64]:
        """Number of each interval in its day by the clock on the wall, from an arbitrary start. int [t]."""
        return np.asarray((np.arange(len(self)) + self.ahead) % self.per_day, np.int64)


@dataclass(frozen=True)
class Normal:
    """What is usual, learnt from a quiet time.

    Args:
        losses: [g, 2], head − total ≈ losses[0] + losses[1] · total². noise: [g, 2], its standard deviation is
            noise[0] + noise[1] · |total|.
        spread: [per_day, g], standard deviation of the total about what was expected, by time of day.
    """

    losses: Floats
    noise: Floats
    spread: Floats


@dataclass(frozen=True)
class Features:
    """Numbers of each interval [t, g]; 0 where something is missing. All but `repeats` in standard deviations.

    Args:
        mismatch: head against total. drift: its CUSUM, the larger of both sides. surprise: total against expectation.
        repeats: int [t, g], how many intervals in a row the head repeated earlier values to the watt.
    """

    mismatch: Floats
    drift: Floats
    surprise: Floats
    repeats: NDArray[np.int64]


def learn(quiet: Series) -> Normal:
    """What is usual in a quiet time.

    Raises:
        InputError: less than five weeks, or a group without values.
    """
    if len(quiet) < 35 * quiet.per_day:
        raise InputError(
            f"{len(quiet) // quiet.per_day} days are too short to learn from", where="learn", fix="give five weeks"
        )
    groups = quiet.head_w.shape[1]
    losses, noise = np.zeros((groups, 2)), np.zeros((groups, 2))
    for group in range(groups):
        losses[group], noise[group] = _fit(quiet.head_w[:, group], quiet.total_w[:, group])
    off = quiet.total_w - expected(quiet)
    of_day = quiet.of_day
    spread = np.stack([MAD * _median(np.abs(off[of_day == slot])) for slot in range(quiet.per_day)])
    smooth = np.stack([np.roll(spread, shift, axis=0) for shift in range(-2, 3)]).mean(axis=0)
    return Normal(losses, noise, np.maximum(smooth, 1.0))


def features(series: Series, normal: Normal) -> Features:
    """The four views of every interval.

    Args:
        series: With at least a week before what is of interest. normal: of the same groups.
    """
    total, groups = series.total_w, np.arange(series.total_w.shape[1])
    usual = normal.losses[groups, 0] + normal.losses[groups, 1] * total**2
    sigma = normal.noise[groups, 0] + normal.noise[groups, 1] * np.abs(total)
    mismatch = np.nan_to_num((series.head_w - total - usual) / sigma)
    surprise = np.nan_to_num((total - expected(series)) / normal.spread[series.of_day])
    return Features(mismatch, cusum(mismatch), surprise, repeats(series))


def expected(series: Series) -> Floats:
    """The total to be expected [t, g]: the median of the same time on the same weekday of four weeks, moved by how far
    such times were off in the last days (the season) and by half of how far the last two hours were off (the weather).
    NaN in the first week. Times are those of the clock on the wall."""
    total = series.total_w
    usual = _median(_earlier(series, total, [7 * week for week in range(1, 5)]))
    usual = usual + np.nan_to_num(_median(_earlier(series, total - usual, list(range(1, 1 + SEASON_DAYS)))))
    recent = max(1, series.per_day // 12)
    off = np.nan_to_num(total - usual)
    before = np.cumsum(np.vstack([np.zeros((recent + 1, total.shape[1])), off]), axis=0)
    moved = (before[recent : recent + len(total)] - before[: len(total)]) / recent
    return np.asarray(usual + 0.5 * moved, np.float64)


def _earlier(series: Series, values: Floats, days: Sequence[int]) -> Floats:
    """Values at the same time by the clock on the wall, so many days earlier: [days, t, g], NaN before the start."""
    past = np.full((len(days), *values.shape), np.nan)
    for number, back in enumerate(days):
        now = np.arange(back * series.per_day, len(values))
        then = now - back * series.per_day
        past[number, now] = values[np.clip(then + series.ahead[now] - series.ahead[then], 0, now)]
    return past


def cusum(values: Floats, slack: float = SLACK, most: float = np.inf) -> Floats:
    """Two-sided CUSUM of standardised values [t, g], the larger side; neither grows above `most`, so that what was very
    wrong is over soon after it ends.

    >>> cusum(np.array([[0.0], [3.0], [3.0], [-1.0]])).ravel().tolist()
    [0.0, 2.0, 4.0, 2.0]
    """
    up, down, out = np.zeros(values.shape[1]), np.zeros(values.shape[1]), np.zeros(values.shape)
    for t, row in enumerate(values):
        up, down = np.clip(up + row - slack, 0.0, most), np.clip(down - row - slack, 0.0, most)
        out[t] = np.maximum(up, down)
    return out


def repeats(series: Series) -> NDArray[np.int64]:
    """How many intervals in a row the head has said, to the watt, what it said the interval before (a sensor that is
    stuck) or at the same time of one earlier day (a replay). int [t, g]."""
    head = np.where(np.isfinite(series.head_w), np.rint(series.head_w), np.inf)
    longest = np.zeros(head.shape, np.int64)
    for lag in [1, *(day * series.per_day for day in range(1, DAYS_BACK + 1))]:
        if lag >= len(head):
            break
        same = np.zeros(head.shape, np.bool_)
        same[lag:] = (head[lag:] == head[:-lag]) & np.isfinite(head[lag:])
        longest = np.maximum(longest, _runs(same))
    return longest


def _runs(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int [t, g]: length of the run of True that ends here."""
    at = np.arange(1, len(same) + 1)[:, None]
    broken = np.maximum.accumulate(np.where(same, 0, at), axis=0)
    return np.where(same, at - broken, 0)


def _fit(head: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Losses and noise of one group: least squares, then twice more without what is far off."""
    known = np.isfinite(head) & np.isfinite(total)
    if known.sum() < 100:
        raise InputError("a group has no values to learn from", where="learn", fix="measure its head")
    off, load = (head - total)[known], total[known]
    basis = np.stack([np.ones(len(load)), load**2], axis=1)
    keep = np.ones(len(load), np.bool_)
    for _ in range(3):
        found = np.linalg.lstsq(basis[keep], off[keep], rcond=None)[0]
        rest = off - basis @ found
        keep = np.abs(rest) <= 5 * MAD * np.median(np.abs(rest)) + 1e-9
    size = np.abs(rest[keep])
    slope, floor = np.polyfit(np.abs(load[keep]), size, 1) if np.ptp(load[keep]) > 0 else (0.0, float(size.mean()))
    wide = np.sqrt(np.pi / 2)  # mean absolute deviation -> standard deviation
    low = 0.1 * float(size.mean()) + 1.0
    return np.asarray(found, np.float64), np.array([max(float(floor) * wide, low), max(float(slope) * wide, 0.0)])


def _median(values: Floats) -> Floats:
    """Median over the first axis of what is there; NaN where nothing is."""
    ordered = np.sort(values, axis=0)  # NaN last
    count = np.isfinite(values).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, (np.maximum(count, 1) // 2).clip(max=len(values) - 1)[None], axis=0)[0]
    return np.asarray(np.where(count > 0, (low + high) / 2, np.nan), np.float64)

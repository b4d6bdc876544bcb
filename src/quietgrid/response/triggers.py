"""When a program starts an event by itself, how large, and at which rate.

A forecast of the program's groups together is held against the threshold: where the chance of exceeding it is high
enough, the event is laid around the highest interval, and asks for what brings the upper band down to the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import erf, sqrt

import numpy as np

from quietgrid.model.forecast import Forecast, Ints
from quietgrid.model.interval import Window
from quietgrid.model.response import WHOLE_PERCENT, Cause, Event, EventState, Program, Target, Terms, Trigger
from quietgrid.response.rules import SYSTEM


def together(forecasts: Sequence[Forecast]) -> tuple[Ints, Ints, Ints, Window] | None:
    """Low, middle and high of several groups' sum over the time all of them cover; None without one.

    The groups' peaks come together (weather, evenings), so the bands are added as they are: too wide rather than too
    narrow.
    """
    if not forecasts:
        return None
    window = forecasts[0].window
    for one in forecasts[1:]:
        window = window.intersect(one.window)
    if not len(window):
        return None
    parts = []
    for pick in ("low_wh", "middle_wh", "high_wh"):
        rows = [
            getattr(one, pick)[window.first - one.window.first : window.end - one.window.first] for one in forecasts
        ]
        parts.append(np.asarray(np.sum(rows, axis=0, dtype=np.int64)))
    return parts[0], parts[1], parts[2], window


def crossing(forecasts: Sequence[Forecast], level_wh: int, chance_percent: int, ahead: Window) -> int | None:
    """The interval, within `ahead`, in which the threshold is exceeded most surely; None if nowhere surely enough."""
    bands = together(forecasts)
    if bands is None:
        return None
    _, middle, high, window = bands
    spread = np.maximum(high - middle, 1)
    # the chance that the sum is over the level, from its median and its upper band (90 %) as one half of a normal
    z = (level_wh - middle) / (spread / 1.2816)
    chance = 50 * (1 - np.array([_erf(value) for value in z.tolist()]))
    inside = [(float(chance[slot - window.first]), -slot) for slot in range(ahead.first, ahead.end) if slot in window]
    best = max(inside, default=None)
    return None if best is None or best[0] < chance_percent else -best[1]


def _erf(z: float) -> float:
    return erf(z / sqrt(2))


def rate_of(terms: Terms, over_permille: int) -> int:
    """The rate when so much (permille of the threshold) is expected above it: the last step that is reached.

    >>> rate_of(Terms(rate_cents=40, scarce=((50, 25), (150, 100))), 80)
    50
    """
    more = max([percent for over, percent in terms.scarce if over_permille >= over], default=0)
    return terms.rate_cents * (WHOLE_PERCENT + more) // WHOLE_PERCENT


def proposed(
    program: Program, forecasts: Sequence[Forecast], now: float, notice_s: int, resolution: int
) -> Event | None:
    """The event that a program's threshold starts now, if any.

    Args:
        forecasts: of the groups it reaches, issued by now. notice_s: what homes are told before, at least.
    """
    threshold = program.threshold
    if threshold is None or threshold.trigger is not Trigger.FORECAST:
        return None
    first = -(-int(now + notice_s) // resolution)
    ahead = Window(first, max(first, int(now + threshold.lead_s) // resolution), resolution)
    at = crossing(forecasts, threshold.level, threshold.chance_percent, ahead)
    bands = together(forecasts)
    if at is None or bands is None:
        return None
    _, middle, high, window = bands
    start = max(first, at - threshold.length // 2)
    span = Window(start, start + threshold.length, resolution)
    inside = [slot - window.first for slot in range(span.first, span.end) if slot in window]
    target = int(np.maximum(high[inside] - threshold.level, 0).sum())
    over = int(1000 * (middle[at - window.first] - threshold.level) // max(threshold.level, 1))
    begins = datetime.fromtimestamp(span.first * resolution, UTC)
    return Event(
        f"{program.id}-{begins:%Y%m%dT%H%MZ}", program.id, span, Target(program.region), target,
        rate_of(program.terms, over), Cause.FORECAST,
        f"the forecast crosses {threshold.level} Wh an interval", EventState.PROPOSED, SYSTEM, SYSTEM, now,
    )  # fmt: skip


def loaded(
    program: Program, percent: int, now: float, notice_s: int, resolution: int, feeders: tuple[str, ...]
) -> Event | None:
    """The event that a loading of the grid starts now, if any: as soon as homes may be asked.

    Args:
        percent: of the fullest branch. feeders: leaves behind it.
    """
    threshold = program.threshold
    if threshold is None or threshold.trigger is not Trigger.GRID or percent < threshold.level:
        return None
    first = -(-int(now + notice_s) // resolution)
    span = Window(first, first + threshold.length, resolution)
    begins = datetime.fromtimestamp(first * resolution, UTC)
    over = 1000 * (percent - threshold.level) // max(threshold.level, 1)
    return Event(
        f"{program.id}-{begins:%Y%m%dT%H%MZ}", program.id, span, Target(program.region, feeders), 0,
        rate_of(program.terms, over), Cause.GRID, f"a branch is loaded to {percent} percent", EventState.PROPOSED,
        SYSTEM, SYSTEM, now,
    )  # fmt: skip

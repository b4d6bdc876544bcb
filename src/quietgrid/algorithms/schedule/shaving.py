"""The lowest peak that a storage in whole steps can keep, from six tries: the twin of the encrypted search.

Six caps are tried, one step apart, the highest at the connection's limit. Under a cap a storage charges where a step
fits below it, gives where the load is above it and rests between; who always charges when it may is never emptier than
anybody who keeps the cap, so a cap fails only if no plan in steps keeps it. The lowest that does not fail is kept.

Error: the plan's peak is less than one step above that of the best plan in steps, and less than two above that of the
linear programme (lossless, any power up to a step an interval), as long as the limit can be kept at all and the best
peak is not below the lowest cap. Proof: a plan that keeps a peak keeps every cap above it, and the next is less than a
step away; one step more than the programme's peak needs no storage, since it gives no more than a step at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.algorithms.schedule.steps import CHARGE, GIVE, REST, Steps
from quietgrid.errors import InputError

CAPS = 6
HOLDS = 10
"""Steps a storage may hold here at most."""


def caps_of(steps: Steps) -> tuple[int, ...]:
    """The caps that are tried, Wh an interval, rising.

    Raises:
        InputError: the lowest would be below a step (giving could then feed in), or the storage is too large.

    Example:
        >>> caps_of(Steps(4, 300, 2000))
        (500, 800, 1100, 1400, 1700, 2000)
    """
    if steps.capacity > HOLDS or steps.limit_wh < CAPS * steps.step_wh:
        raise InputError(
            "peaks cannot be shaved in these steps", where="steps", fix="at most 10 steps, the limit at least 6 of them"
        )
    return tuple(steps.limit_wh - (CAPS - 1 - cap) * steps.step_wh for cap in range(CAPS))


def counted(load_wh: Sequence[int], steps: Steps) -> tuple[int, ...]:
    """How many thresholds each load exceeds, 0 to 8: the caps, one a step below them, one a step above.

    They are public, so a station counts by itself and encrypts only the count.

    Example:
        >>> counted((200, 201, 500, 2400), Steps(4, 300, 2000))
        (0, 1, 1, 8)
    """
    first = caps_of(steps)[0] - steps.step_wh
    edges = [first + number * steps.step_wh for number in range(CAPS + 2)]
    return tuple(sum(load > edge for edge in edges) for load in load_wh)


def wish(above: int) -> int:
    """What a cap asks for when a load was counted so many above it."""
    return CHARGE if above <= 0 else REST if above == 1 else GIVE


def keeps(counts: Sequence[int], level: int, cap: int, capacity: int) -> bool:
    """Whether a storage is never asked to give what it has not."""
    for count in counts:
        level += wish(count - cap)
        if level < 0:
            return False
        level = min(level, capacity)
    return True


def shave(load_wh: Sequence[int], level: int, steps: Steps) -> tuple[int, ...]:
    """Keep the lowest cap that can be kept; the highest as well as may be where none can.

    Args:
        load_wh: Energy drawn an interval, Wh. level: steps held at the start; more than the capacity counts as full.

    Returns:
        What it does an interval, in steps.

    Example:
        >>> shave((400, 600, 1900, 700), 0, Steps(4, 300, 2000))
        (1, 0, -1, 0)
    """
    counts = counted(load_wh, steps)
    level = min(level, steps.capacity)
    failed = sum(not keeps(counts, level, cap, steps.capacity) for cap in range(CAPS))
    cap = min(failed, CAPS - 1)
    out = []
    for count in counts:
        after = min(max(level + wish(count - cap), 0), steps.capacity)
        out.append(after - level)
        level = after
    return tuple(out)

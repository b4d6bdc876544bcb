"""Who gives up how much when plants must feed in less, and how fair that is."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.network import Floats

Watts = NDArray[np.int64]


class Sharing(StrEnum):
    """How a cut is shared."""

    EQUAL = "equal"
    """Everybody may feed in the same share of rated power: one number to broadcast."""
    PROPORTIONAL = "proportional"
    """Everybody gives up the same share of what is being fed in."""
    LEAST = "least"
    """The least energy in all: those cut whose power moves the voltage most. For comparison: it hits the line's end."""


def shares(cut_w: int, feeding_w: Watts, rated_w: Watts, sharing: Sharing, effect: Floats | None = None) -> Watts:
    """Split a cut, to the watt.

    Args:
        cut_w: What the group must feed in less. feeding_w: int64 [u], fed in now. rated_w: int64 [u]. sharing: how.
            effect: [u], what a watt of each moves the voltage; for `LEAST`.

    Returns:
        int64 [u], 0 to `feeding_w` each; sums to `cut_w`, or to all that is fed in where that is less.

    Raises:
        InputError: negative powers, or no effect given for `LEAST`.

    >>> shares(1000, np.array([3000, 1000]), np.array([5000, 5000]), Sharing.PROPORTIONAL).tolist()
    [750, 250]
    >>> shares(1000, np.array([3000, 1000]), np.array([5000, 5000]), Sharing.EQUAL).tolist()
    [1000, 0]
    """
    if cut_w < 0 or (feeding_w < 0).any() or (rated_w < 0).any():
        raise InputError("a cut and powers are not negative", where="shares of a cut", fix="give what is fed in as ≥ 0")
    total = int(feeding_w.sum())
    cut = min(cut_w, total)
    if sharing is Sharing.LEAST:
        if effect is None:
            raise InputError("who moves the voltage most is not known", where="shares of a cut", fix="give `effect`")
        return _in_order(cut, feeding_w, np.argsort(-effect, kind="stable"))
    if cut == total:
        return feeding_w.astype(np.int64)
    if sharing is Sharing.PROPORTIONAL:
        return _rounded(cut, np.asarray(feeding_w * (cut / max(total, 1)), np.float64), feeding_w)
    return _rounded(cut, _above_cap(cut, feeding_w, rated_w), feeding_w)


def _in_order(cut: int, feeding_w: Watts, order: NDArray[np.intp]) -> Watts:
    found = np.zeros(len(feeding_w), np.int64)
    before = np.concatenate([[0], np.cumsum(feeding_w[order])[:-1]])
    found[order] = np.clip(cut - before, 0, feeding_w[order])
    return found


def _above_cap(cut: int, feeding_w: Watts, rated_w: Watts) -> Floats:
    """What lies above the cap (a share of rated power) that cuts as much: water poured over sorted shares."""
    rated = np.maximum(rated_w, 1).astype(np.float64)
    full = feeding_w / rated
    order = np.argsort(-full, kind="stable")
    # with the first i plants above the cap: sum(feeding - cap × rated) = cut
    sums, rates = np.cumsum(feeding_w[order]), np.cumsum(rated[order])
    caps = (sums - cut) / rates
    after = np.append(full[order][1:], -np.inf)
    cap = max(float(caps[np.argmax(caps >= after)]), 0.0)
    return np.asarray(np.maximum(feeding_w - cap * rated, 0.0), np.float64)


def _rounded(cut: int, exact: Floats, most: Watts) -> Watts:
    """Whole watts that sum to the cut: largest remainders first, nobody above what is fed in."""
    found = np.minimum(np.floor(exact).astype(np.int64), most)
    order = np.argsort(-(exact - found), kind="stable")
    left = cut - int(found.sum())
    for each in (1, max(left, 0)):  # a watt each, then whatever rounding of floats left over
        for plant in order.tolist():
            step = max(0, min(left, each, int(most[plant] - found[plant])))
            found[plant] += step
            left -= step
    for plant in order[::-1].tolist():
        step = max(0, min(-left, int(found[plant])))
        found[plant] -= step
        left += step
    return found


def jain(values: Floats) -> float:
    """Jain's fairness index: 1 if all are equal, 1 / n if one has all; 1 where there is nothing to share.

    Source: Jain, Chiu, Hawe, "A quantitative measure of fairness", DEC TR-301, 1984.

    >>> jain(np.array([1.0, 1.0])), jain(np.array([1.0, 0.0]))
    (1.0, 0.5)
    """
    squares = float((values**2).sum())
    return 1.0 if squares == 0 or not len(values) else float(values.sum()) ** 2 / (len(values) * squares)

"""Data quality per leaf and day: what was due, what arrived in time, what came late, what is estimated.

Privacy: counts cells, reads no value. Who was missing when is metadata the platform has anyway; the matrix is per
leaf and day, never per home, for whoever looks at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.closed import Closed
from quietgrid.model.interval import slots_per_day
from quietgrid.model.party import MemberList

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Quality:
    """Cells (meter × slot) by leaf and UTC day.

    Args:
        leaves: Leaf names. days: UTC days, ascending.
        expected: int64 [L, D], cells of the slots closed so far. arrived: in a close. late: came after it.
        closed: int64 [L, D], slots closed (a day without is not yet due, not missing).
    """

    leaves: tuple[str, ...]
    days: tuple[int, ...]
    expected: Ints
    arrived: Ints
    late: Ints
    closed: Ints

    @property
    def missing(self) -> Ints:
        """int64 [L, D]: due, and neither in time nor late."""
        return self.expected - self.arrived - self.late

    @property
    def missing_bp(self) -> Ints:
        """int64 [L, D]: cells not in time per ten thousand due; -1 where nothing was due."""
        return share_bp(self.expected - self.arrived, self.expected)

    def total_bp(self) -> int:
        """Cells not in time per ten thousand due, over everything; -1 where nothing was due."""
        due = self.expected.sum(keepdims=True)
        return int(share_bp(due - self.arrived.sum(keepdims=True), due)[0, 0])

    def worst(self, limit: int = 10) -> list[tuple[str, int, int]]:
        """(leaf, day, missing_bp) of the worst leaf-days, worst first; complete ones are left out."""
        shares = self.missing_bp
        order = np.argsort(-shares, axis=None, kind="stable")[:limit]
        cells = [divmod(int(flat), len(self.days)) for flat in order]
        return [(self.leaves[i], self.days[j], int(shares[i, j])) for i, j in cells if shares[i, j] > 0]


def share_bp(part: Ints, whole: Ints) -> Ints:
    """``part / whole`` in ten-thousandths, rounded *up* (a single missing cell never shows as 0 %); -1 for no whole."""
    shares: Ints = np.where(whole > 0, -(-part * 10_000 // np.maximum(whole, 1)), -1)
    return shares


def quality(
    members: MemberList, closes: Iterable[Closed], days: Sequence[int], late: Iterable[tuple[int, int]] = ()
) -> Quality:
    """The matrix of some days.

    Args:
        members: The epoch's list; the rows of a leaf are what is due.
        closes: Any closes of these days (others are skipped). days: UTC days, ascending.
        late: (leaf, day) of each cell that came after its close, once each.

    Raises:
        InputError: two closes for one slot, or more late cells than were missing.
    """
    column = {day: j for j, day in enumerate(days)}
    shape = (len(members.leaf_names), len(days))
    expected, arrived, came, closed = (np.zeros(shape, np.int64) for _ in range(4))
    limit = slots_per_day(members.window.resolution)
    for close in closes:
        if close.day not in column:
            continue
        at = close.leaf, column[close.day]
        expected[at] += len(members.rows(close.leaf)) * (close.b - close.a)
        arrived[at] += int(np.count_nonzero(close.present))
        closed[at] += close.b - close.a
        if closed[at] > limit:
            raise InputError(
                "a slot is closed twice", where=f"leaf {members.leaf_names[close.leaf]}", fix="give each close once"
            )
    for leaf, day in late:
        if day in column:
            came[leaf, column[day]] += 1
    if bool((came > expected - arrived).any()):
        raise InputError("more cells came late than were missing", where="quality", fix="give each late cell once")
    return Quality(members.leaf_names, tuple(days), expected, arrived, came, closed)


def quality_of_presence(
    present: NDArray[np.bool_], late: NDArray[np.bool_], leaves: NDArray[np.int32], leaf_names: Sequence[str],
    first_day: int, per_day: int,
) -> Quality:  # fmt: skip
    """The matrix from plain arrays of whole UTC days.

    Args:
        present, late: bool [n, D × per_day], arrived in time; arrived after the close. leaves: int32 [n], leaf of each
        row. leaf_names: Names. first_day: UTC day of the first column. per_day: 96 or 48.
    """
    if present.shape != late.shape or present.shape[1] % per_day or len(leaves) != len(present):
        raise InputError("columns differ in shape", where="quality", fix="give whole days, one row a meter")
    if bool((present & late).any()):
        raise InputError("a cell is both in time and late", where="quality", fix="give each cell once")
    n_days = present.shape[1] // per_day
    shape = (len(leaf_names), n_days)
    expected, arrived, came = (np.zeros(shape, np.int64) for _ in range(3))
    rows = np.bincount(leaves, minlength=len(leaf_names))
    expected += rows[:, None] * per_day
    np.add.at(arrived, leaves, present.reshape(len(present), n_days, per_day).sum(axis=2))
    np.add.at(came, leaves, late.reshape(len(late), n_days, per_day).sum(axis=2))
    days = tuple(range(first_day, first_day + n_days))
    return Quality(tuple(leaf_names), days, expected, arrived, came, np.full(shape, per_day, np.int64))


def estimated_share_bp(estimate_wh: Ints, measured_wh: Ints) -> int:
    """Estimated energy per ten thousand of all billed, rounded up; -1 where nothing was billed."""
    whole = np.array([int(estimate_wh.sum()) + int(measured_wh.sum())], np.int64)
    return int(share_bp(np.array([int(estimate_wh.sum())], np.int64), whole)[0])

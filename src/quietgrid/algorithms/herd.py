"""Rules about facts that only some homes have, or that rest on few cells: events and half-empty bands.

A fact of *some* homes is dangerous from both ends. If all but a few homes of a leaf have it, the leaf's totals minus
their facts say the rest's, without consent (G5); if it rests on few cells, it simply is those readings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.wide import primes, smallest_support
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model.quantity import MAX_WEIGHT

MIN_CELLS = 4
"""Intervals an event must have."""
MAX_EVENTS = 8
"""Events a home may have in one period."""


def check_events(
    book: NDArray[np.int64], events: NDArray[np.int64], holders: NDArray[np.bool_], k: int, *, where: str = "events"
) -> None:
    """Refuse event facts that would single out someone.

    Every event weighs at least 4 intervals (also after division by its largest weight, and modulo every prime);
    events are linearly independent of the book and of each other, and no combination of them all rests on fewer than
    4 intervals; a home has at most 8; the holders of an event are at most n - k homes of the leaf, or all n.

    Args:
        book: int64 [f, t], vectors of the same register in the period. events: int64 [e, t], |weight| < 4096.
        holders: bool [n, e], which homes of the leaf have which event (consents checked before).
        k: The floor.

    Raises:
        GateRefusal: rule ``herd`` (holders) or ``event`` (vectors, count). InputError: shapes that do not fit.

    Privacy: public inputs only. Cost: 20 ms. Source: PROTOCOL A, "event facts"; G5, G11.

    >>> event = np.zeros((1, 96), np.int64)
    >>> event[0, 70:76] = 1
    >>> check_events(np.ones((1, 96), np.int64), event, np.arange(30)[:, None] < 15, 15)
    >>> check_events(np.ones((1, 96), np.int64), event, np.arange(30)[:, None] < 29, 15)
    Traceback (most recent call last):
    quietgrid.errors.GateRefusal: 29 of 30 homes hold event 0 – events – let at most 15 take part, or all
    """
    if events.ndim != 2 or book.shape[1:] != events.shape[1:] or holders.shape[1:] != events.shape[:1]:
        raise InputError("book, events and holders have other shapes", where=where, fix="use [f, t], [e, t], [n, e]")
    for number, event in enumerate(events):
        _check_weights(event, f"{where} {number}")
    homes = len(holders)
    for number, held in enumerate(holders.sum(axis=0).tolist()):
        if homes - k < held < homes:
            raise GateRefusal(
                "herd",
                f"{held} of {homes} homes hold event {number}",
                where=where,
                fix=f"let at most {max(0, homes - k)} take part, or all",
            )
    most = int(holders.sum(axis=1).max(initial=0))
    if most > MAX_EVENTS:
        raise GateRefusal("event", f"a home holds {most} events", where=where, fix=f"use at most {MAX_EVENTS}")
    _check_independent(book, events, where)


def _check_weights(event: NDArray[np.int64], where: str) -> None:
    """At least four intervals, and no few of them that stand out."""
    size = np.abs(event)
    largest, divisor = int(size.max(initial=0)), int(np.gcd.reduce(size, initial=0))
    if largest >= MAX_WEIGHT:
        raise GateRefusal("weights", f"a weight is {MAX_WEIGHT} or more", where=where, fix="use smaller weights")
    if largest == 0 or int(size.sum()) < MIN_CELLS * largest:
        raise GateRefusal(
            "event", f"fewer than {MIN_CELLS} intervals carry the event", where=where, fix="use a longer event"
        )
    reduced = size[size > 0] // divisor
    for prime in primes(int(reduced.max())):
        left = int(np.count_nonzero(reduced % prime))
        if 0 < left < MIN_CELLS:
            raise GateRefusal(
                "event", f"modulo {prime} only {left} intervals carry the event", where=where, fix="use equal weights"
            )


def _check_independent(book: NDArray[np.int64], events: NDArray[np.int64], where: str) -> None:
    """Each event adds a dimension; all together leave no short combination."""
    if not len(events):
        return
    together = np.concatenate([book, events])
    full = rank(together)
    for number in range(len(events)):
        others = np.delete(together, len(book) + number, axis=0)
        if rank(others) == full:
            raise GateRefusal(
                "event",
                f"event {number} is a combination of the book and other events",
                where=where,
                fix="answer it from the facts there are",
            )
    shortest = smallest_support(together, where=where)
    if shortest < MIN_CELLS:
        raise GateRefusal(
            "event", f"a combination of facts rests on {shortest} intervals", where=where, fix="move the event"
        )


def slot_weights(slots: Sequence[tuple[int, int]], first: int, count: int) -> NDArray[np.int64]:
    """int64 [count]: an event's (absolute slot, weight) over the slots from `first` on; what lies outside is left out.

    >>> slot_weights([(9, 5), (11, -2)], 10, 3).tolist()
    [0, -2, 0]
    """
    weights = np.zeros(count, np.int64)
    for slot, weight in slots:
        if first <= slot < first + count:
            weights[slot - first] = weight
    return weights


def rests_on_enough(
    matrix: NDArray[np.int64], held: NDArray[np.bool_], cells: NDArray[np.bool_], own: int
) -> NDArray[np.bool_]:
    """Homes of whose event number, and of any combination with their other events, four delivered cells are left.

    Events that rest on fewer by themselves do not open, so they do not count.

    Args:
        matrix: int64 [e, t], all events of the leaf and register. held: bool [n, e]. cells: bool [n, t], closed cells.
        own: row of the event that is asked.

    Returns:
        bool [n].

    >>> event = np.ones((1, 6), np.int64)
    >>> rests_on_enough(event, np.ones((2, 1), bool), np.arange(6) < np.array([[6], [3]]), 0).tolist()
    [True, False]
    """
    size = np.abs(matrix)
    support = cells.astype(np.int64) @ size.T
    largest = np.stack([(size * row).max(axis=1, initial=0) for row in cells])
    alone = held & (support >= MIN_CELLS * largest) & (largest > 0)
    used = matrix.any(axis=0)
    out = np.array(alone[:, own])
    for row in np.flatnonzero(out & ~cells[:, used].all(axis=1)).tolist():
        out[row] = smallest_support(matrix[alone[row]] * cells[row]) >= MIN_CELLS
    return out


def rank(matrix: NDArray[np.int64]) -> int:
    """Rank of a small integer matrix over the rationals, exact (fraction-free elimination).

    >>> rank(np.array([[1, 2], [2, 4]]))
    1
    """
    columns = np.unique(matrix, axis=1)
    rows = [[int(value) for value in row] for row in columns]
    found, previous = 0, 1
    for column in range(columns.shape[1]):
        pivot = next((n for n in range(found, len(rows)) if rows[n][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        lead = rows[found]
        for n in range(found + 1, len(rows)):
            factor = rows[n][column]
            rows[n] = [
                (lead[column] * value - factor * top) // previous for value, top in zip(rows[n], lead, strict=True)
            ]
        previous = lead[column]
        found += 1
        if found == len(rows):
            break
    return found


def opens(weights: NDArray[np.int64], cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which bill facts rest on enough delivered cells to be opened; the others are estimated.

    A book is wide over the whole period, but a home whose meter was away may have delivered one cell of a band: its
    band sum is that reading. A fact opens if the weight on its cells is worth at least a fortieth of the intervals
    (half of what the thinnest allowed band has).

    Args:
        weights: int64 [f, t]. cells: bool [n, t], closed cells.

    Returns:
        bool [n, f].

    >>> opens(np.ones((1, 80), np.int64), np.array([[True] * 80, [True] + [False] * 79])).tolist()
    [[True], [False]]
    """
    size = np.abs(weights)
    support = cells.astype(np.float64) @ size.T.astype(np.float64)
    return np.asarray(40 * support >= cells.shape[1] * size.max(axis=1, initial=0))


def opens_together(
    registers: Sequence[int], weights: NDArray[np.int64], cells: NDArray[np.bool_], alone: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which bill facts may open next to the home's other facts of the same register.

    Two facts can each rest on many delivered cells and their difference on one: prices that are equal in every cell
    a home delivered but one, minus the plain sum, are that reading. No combination of a home's facts may rest on fewer
    than a fortieth of the intervals; where one would, none of them opens.

    Args:
        registers: Of the f vectors. weights: int64 [f, t]. cells: bool [n, t], closed cells.
        alone: bool [n, f], facts that rest on enough cells by themselves (`opens`).

    Returns:
        bool [n, f].

    Cost: 15 ms a register; as much again for each different pattern of a home that is away for long.

    >>> weights = np.ones((2, 80), np.int64)
    >>> weights[1, 40:] = 2
    >>> cells = np.arange(80) < np.array([[80], [41]])  # the second home was away from interval 41 on
    >>> opens_together([0, 0], weights, cells, opens(weights, cells)).tolist()
    [[True, True], [False, False]]
    """
    out = np.ones_like(alone)
    size = cells.shape[1]
    for register in set(registers):
        columns = np.flatnonzero(np.array(registers) == register)
        matrix = weights[columns]
        if len(columns) < 2 or int(np.abs(matrix).max(initial=0)) >= MAX_WEIGHT:  # `wide` refuses such weights
            continue
        missing = (~cells & matrix.any(axis=0)).sum(axis=1)
        away = np.flatnonzero(40 * (smallest_support(matrix) - missing) < size)
        patterns, which = np.unique(
            np.concatenate([alone[np.ix_(away, columns)], cells[away]], axis=1), axis=0, return_inverse=True
        )
        for number, pattern in enumerate(patterns):
            chosen, present = pattern[: len(columns)], pattern[len(columns) :]
            if 0 < 40 * smallest_support(matrix[chosen] * present) < size:
                out[np.ix_(away[which.reshape(-1) == number], columns)] = False
    return out


def hidden_among(
    registers: Sequence[int], counts: NDArray[np.int32], opens: NDArray[np.bool_], k: int
) -> NDArray[np.bool_]:
    """Which numbers of a batch open once those that must not are hidden among k homes' numbers.

    A number that rests on too few cells stays closed (`opens`), but the leaf's totals minus all other homes' numbers
    are that number. So where one home's is closed, the same register's numbers of others are closed too until they are
    k homes': only their sum follows. Closed are those who delivered least, whose bills hold most estimates anyway.

    Args:
        registers: Of the f vectors. counts: int32 [n, f], cells behind each number. opens: bool [n, f], which would
            open by themselves. k: The floor.

    Returns:
        bool [n, f].

    Source: PROTOCOL A, "event facts" (holders at most n - k or all); C, G5. Cost: a sort a register.

    >>> counts, opens = np.array([[9], [1], [8], [9]], np.int32), np.array([[True], [False], [True], [True]])
    >>> hidden_among([0], counts, opens, 2).T.tolist()
    [[True, False, False, True]]
    """
    out = opens.copy()
    for register in sorted(set(registers)):
        columns = np.flatnonzero(np.array(registers) == register)
        mine = counts[:, columns]
        closed = ((mine > 0) & ~opens[:, columns]).any(axis=1)
        if not closed.any():
            continue
        delivered = np.where(closed, -1, mine.sum(axis=1))
        order = [home for home in np.argsort(delivered, kind="stable").tolist() if mine[home].any()]
        out[np.ix_(order[: max(k, int(closed.sum()))], columns)] = False
    return out


def beside_late(
    registers: Sequence[int], weights: NDArray[np.int64], alone: NDArray[np.bool_], column: int
) -> list[int]:
    """Which facts of a home may not open beside a band that late cells enter.

    Late cells are in one band's fact and in no other. If the fact of that band follows from the home's others on the
    cells that came in time (prices that are constant in every band do that), the difference is its late cells.

    Args:
        registers: Of the f vectors. weights: int64 [f, t], zero where the home's cell did not come in time.
        alone: bool [f], the home's facts that would open. column: the band that late cells enter.

    Returns:
        Columns that must stay closed: those that share intervals with the band, if it follows from them.

    Cost: 0.7 ms a home where prices are in the book, else nothing.

    >>> band, price = np.array([1, 1, 0, 0]), np.array([3, 3, 5, 5])
    >>> beside_late([0, 0, 0], np.stack([band, 1 - band, price]), np.ones(3, np.bool_), 0)
    [2]
    >>> beside_late([0, 0, 0], np.stack([band, 1 - band, price + [0, 1, 0, 0]]), np.ones(3, np.bool_), 0)
    []
    """
    others = [f for f in range(len(weights)) if f != column and registers[f] == registers[column] and alone[f]]
    sharing = [f for f in others if bool((weights[f] * weights[column]).any())]
    if not sharing:
        return []
    inside, outside = np.flatnonzero(weights[column]), np.flatnonzero(weights[column] == 0)
    few = np.concatenate([some[:: len(some) // 16 + 1] for some in (inside, outside)])
    for chosen in (few, np.arange(weights.shape[1])):  # what is independent on a few intervals is so on all
        if rank(weights[[*others, column]][:, chosen]) > rank(weights[others][:, chosen]):
            return []
    return sharing

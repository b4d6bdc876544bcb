"""Is a book of weights wide enough that no answer reads a single interval? (PROTOCOL A, `wide` and `book`.)

A bill is one number over thousands of intervals, but integers hide little when one weight stands out: with every
price 300000 and one 300001 the bill modulo 1000 *is* that reading; with weight 2048 on one interval and 1 elsewhere
the bill divided by 2048 nearly is. Rank arithmetic does not see either; these tests do. The thresholds (a twentieth
of the intervals) are judgement, not proof; approximate inference is limited by them and by the floor, not excluded.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from functools import cache

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.modular import Field
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model.interval import slots_per_day
from quietgrid.model.quantity import MAX_WEIGHT
from quietgrid.model.question import Book

SHARE = 20
"""One part in so many of the intervals must carry weight."""
MAX_VECTORS, MAX_BANDS, MIN_DAYS, MIN_BAND_DAYS = 8, 6, 28, 10
_DRAWS = 200


@cache
def _all_primes() -> tuple[int, ...]:
    sieve = np.ones(MAX_WEIGHT, np.bool_)
    sieve[:2] = False
    for n in range(2, 64):
        if sieve[n]:
            sieve[n * n :: n] = False
    return tuple(int(p) for p in np.flatnonzero(sieve))


def primes(top: int) -> tuple[int, ...]:
    """The primes up to `top`, ascending; those below 4096 only (there are 564).

    >>> primes(12)
    (2, 3, 5, 7, 11)
    """
    known = _all_primes()
    return known[: bisect_right(known, top)]


def wide(weights: NDArray[np.int64], *, where: str = "vector") -> None:
    """Refuse a vector from whose sum few intervals can be read.

    With ``w' = (w - min) / gcd``: w' must stay below 4096; ``Σ|w'-m| / max|w'-m| >= t/20`` for m = 0 and the (lower)
    median; for every prime p < 4096 at least t/20 intervals lie outside the commonest residue of w' mod p.
    A constant vector passes: it is a plain sum.

    Args:
        weights: int64 [t], the weights (or prices) of one whole period. where: what to name in the refusal.

    Raises:
        GateRefusal: rule ``wide``.

    Privacy: public inputs only. Cost: 2 ms for a price vector of a month, 0.1 ms for a band.
    Source: PROTOCOL A, `wide(vector)`; G7.

    >>> wide(np.tile(np.array([0, 1]), 1344))
    >>> wide(np.r_[np.full(2687, 300_000), 300_001])
    Traceback (most recent call last):
    quietgrid.errors.GateRefusal: 1 of 2688 intervals carry the weight – vector – spread it over more intervals
    """
    column = np.asarray(weights, np.int64)
    if column.ndim != 1 or not column.size:
        raise InputError("a vector has no weights", where=where, fix="give one weight an interval")
    shifted = column - column.min()
    divisor = int(np.gcd.reduce(shifted))
    if divisor == 0:
        return
    shifted //= divisor
    if int(shifted.max()) >= MAX_WEIGHT:
        raise GateRefusal(
            "wide", f"the weights have more than {MAX_WEIGHT} steps", where=where, fix="publish in coarser steps"
        )
    size = len(shifted)
    middle = int(np.partition(shifted, (size - 1) // 2)[(size - 1) // 2])
    for centre in (0, middle):
        distance = np.abs(shifted - centre)
        support, largest = int(distance.sum()), int(distance.max())
        if SHARE * support < size * largest:
            raise GateRefusal(
                "wide",
                f"{support // largest} of {size} intervals carry the weight",
                where=where,
                fix="spread it over more intervals",
            )
    _residues(shifted, where)


def _residues(shifted: NDArray[np.int64], where: str) -> None:
    """For every prime below 4096 enough intervals must lie outside the commonest residue."""
    size, top = len(shifted), int(shifted.max())
    histogram = np.bincount(shifted, minlength=2 * MAX_WEIGHT)
    for prime in primes(top):
        rows = top // prime + 1
        commonest = int(histogram[: rows * prime].reshape(rows, prime).sum(axis=0).max())
        if SHARE * (size - commonest) < size:
            raise GateRefusal(
                "wide",
                f"all but {size - commonest} of {size} weights agree modulo {prime}",
                where=where,
                fix="publish in coarser steps",
            )
    commonest = int(histogram.max())
    if top < _all_primes()[-1] and SHARE * (size - commonest) < size:
        raise GateRefusal(
            "wide", f"all but {size - commonest} of {size} weights are equal", where=where, fix="use a plain sum"
        )


def wide_book(matrix: NDArray[np.int64], *, where: str = "book") -> None:
    """Refuse vectors of which some combination is zero on nearly all intervals, but not on all.

    Args:
        matrix: int64 [f, t], |weight| < 4096: all vectors of **one register** of a book.

    Raises:
        GateRefusal: rule ``wide``: a combination weighs fewer than a twentieth of the intervals.

    Privacy: public inputs only. Cost: 15 ms for 8 vectors and a month. Source: PROTOCOL A, `wide(book)`.

    >>> day = np.tile(np.array([0, 1]), 1344)
    >>> wide_book(np.stack([day, 1 - day]))
    >>> wide_book(np.stack([day, day + (np.arange(2688) == 5)]))
    Traceback (most recent call last):
    quietgrid.errors.GateRefusal: a combination of the vectors weighs only 1 of 2688 intervals – book – drop a vector
    """
    size = matrix.shape[1]
    support = smallest_support(matrix, where=where)
    if 0 < SHARE * support < size:
        raise GateRefusal(
            "wide",
            f"a combination of the vectors weighs only {support} of {size} intervals",
            where=where,
            fix="drop a vector",
        )


def smallest_support(matrix: NDArray[np.int64], *, where: str = "vectors") -> int:
    """On how few intervals a combination of the vectors is not zero, as far as 200 draws find one.

    The span of randomly chosen columns is grown to one less than the rank of all; the combination that vanishes on it
    vanishes on as many intervals as it can. If some combination is zero on 95 % of them, one draw finds it with
    probability 1/2 or more. The draws are seeded by the matrix: all keyholders decide alike, and 200 independent
    misses are out of reach of anyone who tries many books.

    Args:
        matrix: int64 [f, t], |weight| < 4096.

    Returns:
        The smallest number found; 0 if every weight is zero.

    Raises:
        GateRefusal: rule ``weights``: a weight out of bounds.
    """
    weights = np.asarray(matrix, np.int64)
    if weights.size and int(np.abs(weights).max()) >= MAX_WEIGHT:
        raise GateRefusal("weights", f"a weight is {MAX_WEIGHT} or more", where=where, fix="use smaller weights")
    if not weights.any():
        return 0
    seed = hashlib.sha256(b"qg1 wide book" + np.ascontiguousarray(weights, "<i8").tobytes()).digest()
    rng = np.random.Generator(np.random.Philox(int.from_bytes(seed[:16], "little")))
    field = Field.random(rng)
    columns, inverse = np.unique(weights, axis=1, return_inverse=True)
    inverse = inverse.reshape(-1)
    columns = columns[field.independent_rows(columns % field.p)] % field.p
    normals = _normals(field, columns, inverse, rng)
    outside = (field.matmul(normals, columns) != 0) @ np.bincount(inverse)
    return int(outside.min())


def _normals(
    field: Field, columns: NDArray[np.int64], inverse: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """200 combinations, each vanishing on the span of rank f-1 of randomly drawn intervals (mod p), int64 [200, f].

    First 64 intervals at random for each draw (common columns come first, as they should), then every distinct
    column once, in a random order, for draws that have not got far enough.
    """
    width, kinds = columns.shape
    picks = np.concatenate(
        [inverse[rng.integers(len(inverse), size=(_DRAWS, 64))], np.tile(rng.permutation(kinds), (_DRAWS, 1))], axis=1
    )
    basis = np.tile(np.eye(width, dtype=np.int64), (_DRAWS, 1, 1))
    alive = np.ones((_DRAWS, width), np.bool_)
    draws = np.arange(_DRAWS)
    for step in range(picks.shape[1]):
        products = (basis * columns[:, picks[:, step]].T[:, None, :] % field.p).sum(axis=2) % field.p * alive
        pivot = (products != 0).argmax(axis=1)
        lead = products[draws, pivot]
        moving = (lead != 0) & (alive.sum(axis=1) > 1)
        if moving.any():
            scaled = basis * np.where(moving, lead, 1)[:, None, None] % field.p
            taken = products[:, :, None] * basis[draws, pivot][:, None, :] % field.p
            basis = (scaled - np.where(moving[:, None, None], taken, 0)) % field.p
            alive[draws[moving], pivot[moving]] = False
        elif not (alive.sum(axis=1) > 1).any():
            break
    found: NDArray[np.int64] = basis[draws, alive.argmax(axis=1)]
    return found


def check_book(book: Book, matrix: NDArray[np.int64]) -> None:
    """Refuse a book that breaks a rule of the gate.

    At least 28 days (less the hour a time change may take); at most 8 vectors; at most 6 bands a register, each on
    at least 5 % of the intervals and on at least 10 UTC days; every vector and every register's vectors together
    `wide`.

    Args:
        book: The registered book. matrix: int64 [vectors, intervals], its weights in the book's order.

    Raises:
        GateRefusal: rule ``book`` or ``wide``. InputError: the matrix does not fit the book.

    Cost: up to 50 ms. Source: PROTOCOL A, "book"; G6, G7.
    """
    size = len(book.window)
    if matrix.shape != (len(book.vectors), size):
        raise InputError(
            f"weights of shape {matrix.shape} for {len(book.vectors)} vectors × {size} intervals",
            where=f"book of leaf {book.leaf}",
            fix="resolve the book's own vectors over its window",
        )
    _check_shape(book)
    days = np.arange(book.window.first, book.window.end) // slots_per_day(book.window.resolution)
    for vector, row in zip(book.vectors, matrix, strict=True):
        if vector.rule != "prices":
            used = int(np.count_nonzero(row))
            touched = len(np.unique(days[row != 0]))
            if SHARE * used < size or touched < MIN_BAND_DAYS:
                _refuse(book, f"band {vector.name!r} has {used} of {size} intervals on {touched} days", "widen it")
        wide(row, where=vector.name)
    for register in sorted({vector.register for vector in book.vectors}):
        wide_book(matrix[[vector.register == register for vector in book.vectors]], where=f"register {register}")


def _check_shape(book: Book) -> None:
    """Length of the period and number of vectors."""
    per_day = slots_per_day(book.window.resolution)
    if len(book.window) < MIN_DAYS * per_day - per_day // 24:
        _refuse(book, f"the period has {len(book.window) // per_day} days", f"use at least {MIN_DAYS}")
    if not 0 < len(book.vectors) <= MAX_VECTORS:
        _refuse(book, f"the book has {len(book.vectors)} vectors", f"use 1 to {MAX_VECTORS}")
    if len({vector.name for vector in book.vectors}) < len(book.vectors):
        _refuse(book, "two vectors have the same name", "rename one")
    for register in {vector.register for vector in book.vectors}:
        bands = sum(vector.register == register and vector.rule != "prices" for vector in book.vectors)
        if bands > MAX_BANDS:
            _refuse(book, f"register {register} has {bands} bands", f"use at most {MAX_BANDS}")


def _refuse(book: Book, what: str, fix: str) -> None:
    raise GateRefusal("book", what, where=f"book of leaf {book.leaf}", fix=fix)

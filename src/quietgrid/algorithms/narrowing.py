"""The subspaces behind the leverage audit: which weights on totals vanish, up to facts, on given homes.

Notation as in `algorithms.leverage`: a vector `a` has one coordinate (an *entry*) per opened total; ``A_i`` holds the
vectors that home i's own facts can cancel. A `Space` is an intersection of some A_i: entries that none of those homes
touches are free, the others are spanned by a basis that shrinks to the book's few dimensions after one or two homes.
All arithmetic is modulo a random 31-bit prime.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.modular import Field, Matrix
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model.quantity import MAX_WEIGHT
from quietgrid.model.readings import EXPORT, IMPORT

Mask = NDArray[np.bool_]

_SPARE = 12
_CHUNK = 1 << 15
"""So many products of a number below 2^31 and one below 2^7 stay below 2^53."""


@dataclass(frozen=True)
class Totals:
    """One opened total an interval.

    Args:
        terms: (register, bool [n, t] cells in it), one a register. Signs are left out: import - export reveals
            exactly what import + export would, for replacing a reading by its negative changes no rank.
    """

    terms: tuple[tuple[int, Mask], ...]


@dataclass(frozen=True)
class Facts:
    """Numbers opened about single homes: weighted sums over each home's cells.

    Args:
        register: Which register's cells. weights: int64 [f, t]. cells: bool [n, t], what counts for each home.
        holders: bool [n, f], who has which fact; everyone where None.
    """

    register: int
    weights: Matrix
    cells: Mask
    holders: Mask | None = None


def register_total(register: int, cells: Mask) -> Totals:
    """Totals of one register over `cells`, bool [n, t]: cells of capable homes in closes that were answered."""
    return Totals(((register, cells),))


def net_total(imported: Mask, exported: Mask) -> Totals:
    """Totals of import - export; `exported` is False for homes that cannot export."""
    return Totals(((IMPORT, imported), (EXPORT, exported)))


@dataclass(frozen=True)
class Space:
    """An intersection of some A_i.

    Args:
        known: bool [entries], touched by one of the homes. basis: float64 [d, entries] of whole numbers below p,
            zero elsewhere.
        guess: int64 [d, facts], for each basis row the combination of facts that cancelled it at the last home:
            the next home usually needs the same.
        free: Entries of some home that none of these homes touches.
    """

    known: Mask
    basis: NDArray[np.float64]
    guess: Matrix
    free: int

    @property
    def dimension(self) -> int:
        """Its dimension."""
        return len(self.basis) + self.free


class Answers:
    """All answers of one leaf and period, equal intervals kept at most twice.

    Intervals with the same weights and the same presence are interchangeable; two of them behave like any larger
    number (one would not: a fact over two intervals would look like a fact over one).
    """

    def __init__(self, totals: Sequence[Totals], facts: Sequence[Facts], rng: np.random.Generator) -> None:
        self.rng = rng
        self.field = Field.random(rng)
        masks = [term[1] for total in totals for term in total.terms] + [fact.cells for fact in facts]
        if not masks:
            raise InputError("there is nothing to audit", where="leverage", fix="give totals and facts")
        self.homes, slots = masks[0].shape
        _check(totals, facts, (self.homes, slots))
        facts = _merged(facts)
        keep = _distinct(totals, facts, slots, rng)
        self.slots = len(keep)
        registers = sorted({term[0] for total in totals for term in total.terms} | {fact.register for fact in facts})
        self._block = {register: slice(n * self.slots, (n + 1) * self.slots) for n, register in enumerate(registers)}
        self.entries = len(totals) * self.slots
        self._map_totals(totals, keep, len(registers) * self.slots)
        self._map_facts(facts, keep)
        self._noise = np.zeros((max(self.entries, len(registers) * self.slots), 0), np.float64)

    def _map_totals(self, totals: Sequence[Totals], keep: NDArray[np.int64], width: int) -> None:
        """`_entry` [n, cells]: the total a cell is in; -1: none."""
        self._entry = np.full((self.homes, width), -1, np.int64)
        for number, total in enumerate(totals):
            places = np.arange(number * self.slots, (number + 1) * self.slots, dtype=np.int64)
            for register, cells in total.terms:
                inside = cells[:, keep]
                part = self._entry[:, self._block[register]]
                if (part[inside] >= 0).any():
                    raise GateRefusal(
                        "partition", "a cell is in two totals", where=f"register {register}", fix="use one partition"
                    )
                np.copyto(part, places, where=inside)
        self._relevant = np.zeros(self.entries, np.bool_)
        self._relevant[self._entry[self._entry >= 0]] = True

    def _map_facts(self, facts: Sequence[Facts], keep: NDArray[np.int64]) -> None:
        self._facts = []
        first = 0
        for fact in facts:
            weights = fact.weights[:, keep].astype(np.float64)
            count = len(weights)
            holders = np.ones((self.homes, count), np.bool_) if fact.holders is None else fact.holders
            columns = slice(first, first + count)
            self._facts.append((self._block[fact.register], weights, fact.cells[:, keep], holders, columns))
            first += count
        self._fact_count = first

    def by_cells(self) -> list[int]:
        """Homes, those with most cells in totals first: they narrow most."""
        return [int(home) for home in np.argsort(-(self._entry >= 0).sum(axis=1), kind="stable")]

    def everything(self) -> Space:
        """The space of all combinations of totals."""
        none = np.zeros((0, self.entries), np.float64)
        known = np.zeros(self.entries, np.bool_)
        return Space(known, none, np.zeros((0, self._fact_count), np.int64), int(self._relevant.sum()))

    def narrow(self, space: Space, homes: Sequence[int]) -> tuple[Space, list[int]]:
        """Intersect with A_i for all `homes`; also which of them made it smaller, in order.

        A random vector of the space tells whether a home would change it at all: if the home can cancel that one,
        it can (but for a chance of 2⁻³⁰) cancel them all.
        """
        needed: list[int] = []
        position = 0
        ahead = 1
        while position < len(homes):
            part = np.array(homes[position : position + ahead], np.int64)
            misfits = np.flatnonzero(self._misfits(space, part))
            if not misfits.size:
                position, ahead = position + len(part), 8 * ahead
                continue
            position, ahead = position + int(misfits[0]) + 1, 1
            narrower = self._intersect(space, int(part[misfits[0]]))
            if narrower.dimension < space.dimension:
                needed.append(int(part[misfits[0]]))
            space = narrower
        return space, needed

    def _misfits(self, space: Space, homes: NDArray[np.int64]) -> Mask:
        """bool [homes]: True where the guessed facts do not cancel a random vector of `space`: A_i may lack it."""
        p = self.field.p
        draw = self.rng.integers(0, p, (1, len(space.basis)))
        vector = np.where(self._relevant & ~space.known, self.rng.integers(1, p, self.entries), 0)
        vector += self.field.matmul(draw, space.basis)[0]
        chosen = self.field.matmul(draw, space.guess)[0]
        want = np.append(vector, 0)[self._entry[homes]]
        for block, weights, cells, holders, columns in self._facts:
            coefficients = chosen[columns]
            if not coefficients.any():
                continue
            patterns, which = np.unique(holders[homes], axis=0, return_inverse=True)
            values = self.field.matmul(np.where(patterns, coefficients, 0), weights)
            want[:, block] -= values[which.reshape(-1)] * cells[homes]
        return np.asarray((want % p).any(axis=1))

    def _own(self, home: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Home's facts as rows over its cells [m, cells], and their positions among all facts."""
        rows, places = [], []
        for block, weights, cells, holders, columns in self._facts:
            held = np.flatnonzero(holders[home])
            masked = weights[held] * cells[home]
            used = masked.any(axis=1)
            row = np.zeros((int(used.sum()), self._entry.shape[1]), np.float64)
            row[:, block] = masked[used]
            rows.append(row)
            places.append(held[used] + columns.start)
        if not rows:
            return np.zeros((0, self._entry.shape[1]), np.float64), np.zeros(0, np.int64)
        return np.concatenate(rows), np.concatenate(places)

    def _intersect(self, space: Space, home: int) -> Space:
        """``space ∩ A_home``: solve for basis coordinates and own facts together, cell by cell."""
        depth = len(space.basis)
        own, places = self._own(home)
        entry = self._entry[home]
        inside = entry >= 0
        old = inside & space.known[entry]
        fresh = np.flatnonzero(inside & ~old)
        first_of, where_first, group = np.unique(entry[fresh], return_index=True, return_inverse=True)
        heads = fresh[where_first]
        of = heads[group.reshape(-1)]  # the cell that stands for the same total; another one in a net total
        share = np.where(inside, -own, own)
        share[:, fresh] = own[:, fresh] - own[:, of]
        width = depth + len(own) + _SPARE
        conditions = np.concatenate(
            [self._mixed(space.basis[:, entry[old]], np.flatnonzero(old), width), self._mixed(share, None, width)]
        )
        solutions = self.field.null_space(conditions.T)
        basis = self.field.matmul(solutions[:, :depth], space.basis).astype(np.float64)
        basis[:, first_of] = self._reduced(solutions[:, depth:].astype(np.float64) @ own[:, heads])
        kept = self.field.independent_rows(self._mixed(basis, None, len(basis) + _SPARE))
        guess = np.zeros((len(kept), self._fact_count), np.int64)
        guess[:, places] = solutions[kept, depth:]
        known = space.known.copy()
        known[first_of] = True
        return Space(known, basis[kept], guess, space.free - len(first_of))

    def _mixed(self, matrix: NDArray[np.float64], rows: NDArray[np.int64] | None, width: int) -> Matrix:
        """`width` random combinations of the columns of `matrix` (mod p), of the same rank.

        Column n is mixed with row ``rows[n]`` (n where None) of one fixed table of numbers below 128. A combination
        fails to raise a rank that is not full yet with probability 1/128 or less; `_SPARE` more of them than the
        rank can be make losing any of it less likely than 2⁻⁵⁰ at the usual 16 rows.
        """
        if self._noise.shape[1] < width:
            more = self.rng.integers(0, 128, (len(self._noise), width - self._noise.shape[1]))
            self._noise = np.concatenate([self._noise, more.astype(np.float64)], axis=1)
        columns = matrix.shape[1]
        noise = self._noise[:columns, :width] if rows is None else self._noise[rows, :width]
        mixed = np.zeros((len(matrix), width), np.int64)
        for first in range(0, columns, _CHUNK):
            part = slice(first, first + _CHUNK)
            mixed += self._reduced(matrix[:, part] @ noise[part])
        return mixed % self.field.p

    def _reduced(self, exact: NDArray[np.float64]) -> Matrix:
        """Whole numbers below 2^53 modulo p."""
        return exact.astype(np.int64) % self.field.p


def _check(totals: Sequence[Totals], facts: Sequence[Facts], shape: tuple[int, ...]) -> None:
    homes, slots = shape
    for total in totals:
        for register, cells in total.terms:
            if cells.shape != shape:
                raise InputError(
                    f"cells have shape {cells.shape}", where=f"total of register {register}", fix=f"use {shape}"
                )
    for fact in facts:
        count = len(fact.weights)
        fits = fact.weights.shape == (count, slots) and fact.cells.shape == shape
        if not fits or (fact.holders is not None and fact.holders.shape != (homes, count)):
            raise InputError(
                "weights, cells or holders have another shape", where=f"facts of register {fact.register}",
                fix="use [f, t], [n, t] and [n, f]",
            )  # fmt: skip
        if fact.weights.size and int(np.abs(fact.weights).max()) >= MAX_WEIGHT:
            raise GateRefusal("weights", f"a weight is {MAX_WEIGHT} or more", where=f"register {fact.register}")


def _merged(facts: Sequence[Facts]) -> list[Facts]:
    """Facts of one register on the same cells, taken together: one pass over the cells instead of one a vector."""
    merged: list[Facts] = []
    for fact in facts:
        held = np.ones((len(fact.cells), len(fact.weights)), np.bool_) if fact.holders is None else fact.holders
        for number, other in enumerate(merged):
            if other.register == fact.register and np.array_equal(other.cells, fact.cells):
                weights = np.concatenate([other.weights, fact.weights])
                holders = held if other.holders is None else np.concatenate([other.holders, held], axis=1)
                merged[number] = Facts(fact.register, weights, fact.cells, holders)
                break
        else:
            merged.append(Facts(fact.register, fact.weights, fact.cells, held))
    return merged


def _distinct(
    totals: Sequence[Totals], facts: Sequence[Facts], slots: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Intervals to keep: at most two of each kind, told apart by a random 64-bit hash."""
    masks = [term[1] for total in totals for term in total.terms] + [fact.cells for fact in facts]
    weights = [fact.weights for fact in facts]
    digest = np.zeros(slots, np.uint64)
    for table in [*masks, *weights]:
        factors = rng.integers(0, 1 << 64, len(table), dtype=np.uint64)
        digest += factors @ table.astype(np.int64).view(np.uint64)
    order = np.argsort(digest, kind="stable")
    ranked = digest[order]
    third = np.zeros(slots, np.bool_)
    third[2:] = ranked[2:] == ranked[:-2]
    return np.sort(order[~third])

"""The late pool: cells that came after their close, and how they get into bills without being seen apart.

Cells wait per leaf and band. Once k homes have some, a *late close* lets them into the next batch, inside the homes'
band sums (PROTOCOL A, "late pool"; C, G1). Which cells enter follows from what is stored; nothing is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.herd import hidden_among
from quietgrid.algorithms.plan import carries
from quietgrid.algorithms.weights import resolve
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.model.interval import DAY_S, Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Vector
from quietgrid.runtime.answering import Answering
from quietgrid.runtime.erasing import erased_homes
from quietgrid.runtime.floors import Floors
from quietgrid.runtime.platform import PlatformParts
from quietgrid.store import CloseRow, LateCells
from quietgrid.wire.columns import member_list
from quietgrid.wire.messages import LateClose, Members, QuestionMessage

MARGIN_DAYS = 7
"""Late cells enter so many days before the keyholders forget the keys of their day, or keep their estimate."""


class LatePool:
    """The pool of one platform.

    Args:
        parts: The platform's. answering: for its closes and plans.
    """

    def __init__(self, parts: PlatformParts, answering: Answering) -> None:
        self._parts = parts
        self._answering = answering
        self._lists: dict[int, MemberList] | None = None

    def entered(self, leaf: int, window: Window) -> list[LateClose]:
        """The late closes of the batch of a leaf and period."""
        return [decode(LateClose, signed.body) for signed in self.signed(leaf, window)]

    def signed(self, leaf: int, window: Window) -> list[Signed]:
        """The same, signed."""
        with self._parts.store.read() as tx:
            rows = tx.answers.closes(leaf, window.first, window.end, kind="late")
        found = [unpack_signed(row.signed) for row in rows]
        return [signed for signed in found if decode(LateClose, signed.body).first == window.first]

    def enter(self, members: MemberList, question: QuestionMessage, billed: Sequence[Window]) -> list[Signed]:
        """Signed late closes for the bands whose pool has at least k homes; those made before are kept.

        Cells of a home whose number rests on too few delivered cells to open wait for a period in which it does; so do
        cells of slots that no period bills. Those of an erased home never open.

        Args:
            members: The epoch's list. question: the batch as it would be without late cells.
            billed: Billing periods up to this one.
        """
        window = Window(question.first, question.end, members.window.resolution)
        leaf = members.leaf_names.index(question.node)
        made = self.signed(leaf, window)
        if made:
            return made
        self._lists = None
        book, plan = self._answering.bills_plan(question, members)
        with self._parts.store.read() as tx:
            gone = np.array(sorted(erased_homes(tx)), np.uint64)
        k = Floors(self._parts.store, self._parts.rules).on(window.first_day).k
        opens = hidden_among(plan.registers, plan.counts, plan.allowed, k)
        out = []
        for column, vector in enumerate(book.vectors):
            if vector.rule == "prices":
                continue
            pool = self._waiting(members, leaf, window, vector)
            due = np.zeros(len(pool), np.bool_)
            for period in billed:
                due |= (pool.slots >= period.first) & (pool.slots < period.end)
            opening = np.isin(pool.homes, plan.homes[opens[:, column]]) & ~np.isin(pool.homes, gone)
            pool = _choose(pool, due & opening)
            if len(np.unique(pool.homes)) >= k:
                out.append(self._sign(members, book, vector, pool))
        return out

    def _waiting(self, members: MemberList, leaf: int, window: Window, vector: Vector) -> LateCells:
        """The newest version of each cell that belongs to a band and has not entered it."""
        oldest = (int(self._parts.clock.now()) // DAY_S - self._parts.rules.retain_days + MARGIN_DAYS) * slots_per_day(
            window.resolution
        )
        with self._parts.store.read() as tx:
            pool = tx.totals.late(leaf, max(0, oldest), window.end, vector.name)
        pool = _newest(pool, members, vector.register)
        pool = _choose(pool, self._may_enter(members, leaf, pool))
        if not len(pool):
            return pool
        span = Window(int(pool.slots.min()), int(pool.slots.max()) + 1, window.resolution)
        return _choose(pool, resolve(vector, span)[pool.slots - span.first] > 0)

    def _may_enter(self, members: MemberList, leaf: int, pool: LateCells) -> NDArray[np.bool_]:
        """bool [n]: cells of meters of this leaf; those of earlier epochs only where meter and home were here then."""
        place = {pid: row for row, pid in enumerate(members.pids[members.rows(leaf)].tolist())}
        rows = np.array([place.get(pid, -1) for pid in pool.pids.tolist()], np.int64)
        may = rows >= 0
        before = may & (pool.slots < members.window.first)
        carried: dict[int, NDArray[np.bool_]] = {}
        for at in np.flatnonzero(before).tolist():
            old = self._list_at(int(pool.slots[at]))
            if old is not None and old.epoch not in carried:
                carried[old.epoch] = carries(leaf, old, members)
            may[at] = old is not None and bool(carried[old.epoch][rows[at]])
        return may

    def _list_at(self, slot: int) -> MemberList | None:
        """The newest list of the epoch that holds a slot."""
        if self._lists is None:
            with self._parts.store.read() as tx:
                found = [member_list(decode(Members, unpack_signed(d).body)) for d in tx.registry.all_members()]
            self._lists = {m.epoch: m for m in sorted(found, key=lambda m: (m.epoch, m.revision))}
        fitting = [m for m in self._lists.values() if m.window.first <= slot < m.window.end]
        return max(fitting, key=lambda m: m.epoch) if fitting else None

    def _sign(self, members: MemberList, book: Book, vector: Vector, pool: LateCells) -> Signed:
        """A late close of these cells, persisted."""
        parts, window = self._parts, book.window
        row_of = {int(pid): at for at, pid in enumerate(members.pids[members.rows(book.leaf)])}
        days, slots = np.divmod(pool.slots, slots_per_day(window.resolution))
        cells = [
            (row_of[int(pid)], int(day), int(slot), int(version))
            for pid, day, slot, version in zip(pool.pids, days, slots, pool.versions, strict=True)
        ]
        signed = parts.identity.sign(
            LateClose(
                parts.card.community, members.epoch, members.revision, book.leaf, window.first, window.end,
                vector.name, cells, parts.clock.now(),
            )
        )  # fmt: skip
        row = CloseRow(signed.hash(), "late", members.epoch, book.leaf, window.first, window.end, pack_signed(signed))
        with parts.store.begin() as tx:
            tx.answers.put_close(row)
            tx.totals.enter_late(book.leaf, vector.name, pool, signed.hash())
        return signed

    def counts(self, members: MemberList, book: Book, homes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """int64 [n, F]: how many of the cells in each home's sums came late (corrected cells did not)."""
        names = [vector.name for vector in book.vectors]
        row_of = {int(home): row for row, home in enumerate(homes)}
        listed = members.homes[members.rows(book.leaf)]
        out = np.zeros((len(homes), len(names)), np.int64)
        for late in self.entered(book.leaf, book.window):
            for row, _ in self.missed(members, late, Window(0, members.window.end, members.window.resolution)):
                if int(listed[row]) in row_of:  # a home that was erased since has no bill
                    out[row_of[int(listed[row])], names.index(late.vector)] += 1
        return out

    def missed(self, members: MemberList, late: LateClose, within: Window) -> list[tuple[int, int]]:
        """(row within the leaf, absolute slot) of the cells of a late close in `within` that were in no close before.

        The others are corrections: they were counted in time, and nothing was estimated for them.

        Args:
            members: The list whose rows the late close names.
        """
        per_day = slots_per_day(within.resolution)
        cells = [(row, day * per_day + slot) for row, day, slot, _ in late.cells]
        cells = [(row, at) for row, at in cells if at in within]
        if not cells:
            return []
        first, end = min(at for _, at in cells), max(at for _, at in cells) + 1
        with self._parts.store.read() as tx:
            rows = tx.answers.closes(late.leaf, first, end)
        present: dict[int, NDArray[np.bool_]] = {}
        for close in (self._answering.closed_for(members, row) for row in rows):
            start = close.day * per_day + close.a
            present |= {start + n: column for n, column in enumerate(close.present.T)}
        return [(row, at) for row, at in cells if row >= len(present[at]) or not present[at][row]]


def _choose(cells: LateCells, which: NDArray[np.bool_]) -> LateCells:
    return LateCells(cells.homes[which], cells.pids[which], cells.slots[which], cells.versions[which])


def _newest(cells: LateCells, members: MemberList, register: int) -> LateCells:
    """The newest version of each cell, of meters certified for the register."""
    able = {int(p) for p, bits in zip(members.pids, members.registers, strict=True) if int(bits) >> register & 1}
    newest: dict[tuple[int, int], int] = {}
    for at, (pid, slot) in enumerate(zip(cells.pids.tolist(), cells.slots.tolist(), strict=True)):
        if pid in able:
            newest[pid, slot] = at  # ordered by version
    which = np.zeros(len(cells), np.bool_)
    which[list(newest.values())] = True
    return _choose(cells, which)

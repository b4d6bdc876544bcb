"""Opened totals and facts, and the pool of late cells. All that the platform ever knows in plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from quietgrid.errors import ConflictError, NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.model.total import Fact, Status, Total
from quietgrid.store.schema import (
    BLOB,
    INT,
    PLATFORM,
    TEXT,
    Tables,
    column,
    key,
    put,
    signed64,
    signed_list,
    table,
    unsigned64,
    unsigned_array,
)

_total = table(
    "total",
    PLATFORM,
    key("node", TEXT),
    key("quantity", TEXT),
    key("resolution", INT),
    key("first", INT),
    column("end", INT),
    column("members", INT),
    column("status", TEXT),
    column("question", BLOB),
    column("energy_wh", BLOB),
    column("homes", BLOB),
    column("answered", BLOB),
    sa.Index("total_by_question", "question"),
)
_fact = table(
    "fact",
    PLATFORM,
    key("home", INT),
    key("vector", TEXT),
    key("register", INT),
    key("first", INT),
    key("end", INT),
    key("question", BLOB),
    column("resolution", INT),
    column("value", INT),
    column("intervals", INT),
    column("missing", INT),
    column("status", TEXT),
    sa.Index("fact_by_period", "first", "end"),
    sa.Index("fact_by_question", "question"),
)
_late = table(
    "late_cell",
    PLATFORM,
    key("leaf", INT),
    key("pid", INT),
    key("slot", INT),
    key("version", INT),
    column("home", INT),
    sa.Index("late_by_slot", "leaf", "slot"),
)
_entered = table(
    "late_entered",
    PLATFORM,
    key("leaf", INT),
    key("pid", INT),
    key("slot", INT),
    key("vector", TEXT),
    column("version", INT),
    column("close", BLOB),
    sa.Index("late_entered_by_close", "close"),
)


@dataclass(frozen=True)
class LateCells:
    """Cells that came after their close, as columns: homes, pids uint64 [m]; slots (absolute) int64, versions int16."""

    homes: NDArray[np.uint64]
    pids: NDArray[np.uint64]
    slots: NDArray[np.int64]
    versions: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.pids)


class Totals(Tables):
    """Answers in the form in which they are read: time series of totals, facts by home, late cells by leaf."""

    def put_totals(self, totals: Sequence[Total], question: bytes) -> int:
        """Keep opened totals; how many are new. A total never changes but for its status.

        Raises:
            ConflictError: other numbers are recorded for this node and window, or a slot of it.
        """
        rows = []
        for total in totals:
            window = total.window
            row: dict[str, Any] = {
                "node": total.node,
                "quantity": total.quantity.value,
                "resolution": window.resolution,
            }
            row |= {"first": window.first, "end": window.end, "members": total.members, "question": question}
            row |= {"energy_wh": total.energy_wh.astype("<i8").tobytes(), "homes": total.homes.astype("<i4").tobytes()}
            row |= {"answered": np.packbits(total.answered).tobytes(), "status": total.status.value}
            for other in self._c.execute(self._overlapping(total.node, total.quantity, window)):
                if (other.first, other.end) != (window.first, window.end):
                    raise ConflictError(
                        "a slot is answered once",
                        where=f"{total.node}, slot {other.first}",
                        fix="read what is recorded",
                    )
            rows.append(row)
        return put(self._c, _total, rows, ignore=("status",))

    def total(self, node: str, quantity: Quantity, window: Window) -> Total:
        """The totals of a node over a window; slots without an answer are not `answered`.

        Raises:
            NotFoundError: nothing is recorded in the window.
        """
        t = len(window)
        energy, homes = np.zeros(t, np.int64), np.zeros(t, np.int32)
        answered = np.zeros(t, np.bool_)
        members, statuses = 0, set()
        for row in self._c.execute(self._overlapping(node, quantity, window)):
            low, high = max(row.first, window.first), min(row.end, window.end)
            to, source = slice(low - window.first, high - window.first), slice(low - row.first, high - row.first)
            energy[to] = np.frombuffer(row.energy_wh, "<i8")[source]
            homes[to] = np.frombuffer(row.homes, "<i4")[source]
            bits = np.unpackbits(np.frombuffer(row.answered, np.uint8), count=row.end - row.first)
            answered[to] = bits[source].astype(np.bool_)
            members = max(members, int(row.members))
            statuses.add(Status(row.status))
        if not statuses:
            raise NotFoundError("no total is recorded", where=f"{node}, {quantity.value}", fix="wait for its close")
        status = min(statuses, key=list(Status).index) if len(statuses & _BAD) == 0 else min(statuses & _BAD)
        return Total(node, quantity, window, energy, homes, members, answered, status)

    def nodes(self) -> list[tuple[str, Quantity]]:
        """Every (node, quantity) with a total."""
        query = sa.select(_total.c.node, _total.c.quantity).distinct().order_by(_total.c.node, _total.c.quantity)
        return [(str(node), Quantity(quantity)) for node, quantity in self._c.execute(query)]

    def last_total(self, node: str, quantity: Quantity) -> int:
        """End (absolute slot) of the newest total of a node, 0 if there is none."""
        query = sa.select(sa.func.max(_total.c.end)).where(_total.c.node == node, _total.c.quantity == quantity.value)
        return int(self._c.execute(query).scalar() or 0)

    def implausible(self, first: int, end: int) -> list[bytes]:
        """Questions whose totals, within absolute slots [first, end), cannot be true; oldest first."""
        t = _total.c
        query = sa.select(t.question).where(t.status == Status.IMPLAUSIBLE.value, t.first >= first, t.end <= end)
        return [bytes(question) for question in self._c.execute(query.order_by(t.first)).scalars()]

    def put_facts(self, facts: Sequence[Fact], question: bytes) -> int:
        """Keep opened facts of one question; how many are new."""
        rows = [
            {"home": signed64(f.home), "vector": f.vector, "register": f.register, "first": f.window.first,
             "end": f.window.end, "question": question, "resolution": f.window.resolution, "value": f.value,
             "intervals": f.intervals, "missing": f.missing, "status": f.status.value}
            for f in facts
        ]  # fmt: skip
        return put(self._c, _fact, rows, ignore=("status",))

    def facts(self, home: int | None = None, first: int | None = None, question: bytes | None = None) -> list[Fact]:
        """Facts of a home, of the period that starts at absolute slot `first`, of a question; in order of period."""
        t = _fact.c
        query = sa.select(_fact).order_by(t.first, t.home, t.register, t.vector)
        if home is not None:
            query = query.where(t.home == signed64(home))
        if first is not None:
            query = query.where(t.first == first)
        if question is not None:
            query = query.where(t.question == question)
        return [_as_fact(row) for row in self._c.execute(query)]

    def set_total_status(self, question: bytes, status: Status) -> None:
        """Raise the status of what a question opened."""
        for target in (_total, _fact):
            self._c.execute(sa.update(target).where(target.c.question == question).values(status=status.value))

    def put_late(self, leaf: int, cells: LateCells) -> int:
        """Put cells into the leaf's late pool; how many are new."""
        columns = (signed_list(cells.pids), cells.slots.tolist(), cells.versions.tolist(), signed_list(cells.homes))
        names = ("pid", "slot", "version", "home")
        rows = [{"leaf": leaf, **dict(zip(names, cell, strict=True))} for cell in zip(*columns, strict=True)]
        return put(self._c, _late, rows)

    def late(self, leaf: int, first: int, end: int, vector: str = "") -> LateCells:
        """Late cells of a leaf in ``[first, end)``; with `vector`, only those not yet entered for it."""
        t = _late.c
        query = sa.select(t.home, t.pid, t.slot, t.version).where(t.leaf == leaf, t.slot >= first, t.slot < end)
        if vector:
            e = _entered.c
            done = sa.exists().where(e.leaf == t.leaf, e.pid == t.pid, e.slot == t.slot, e.vector == vector)
            query = query.where(~done)
        rows = self._c.execute(query.order_by(t.slot, t.pid, t.version)).all()
        slots, versions = [row.slot for row in rows], [row.version for row in rows]
        ids = unsigned_array([row.home for row in rows]), unsigned_array([row.pid for row in rows])
        return LateCells(*ids, np.array(slots, np.int64), np.array(versions, np.int16))

    def enter_late(self, leaf: int, vector: str, cells: LateCells, close: bytes) -> int:
        """Record that cells entered bills by a late close; how many are new. A cell enters once a vector."""
        columns = (signed_list(cells.pids), cells.slots.tolist(), cells.versions.tolist())
        rows = [
            {"leaf": leaf, "vector": vector, "close": close, "pid": pid, "slot": slot, "version": version}
            for pid, slot, version in zip(*columns, strict=True)
        ]
        return put(self._c, _entered, rows)

    def _overlapping(self, node: str, quantity: Quantity, window: Window) -> sa.Select[Any]:
        t = _total.c
        same = (t.node == node, t.quantity == quantity.value, t.resolution == window.resolution)
        return sa.select(_total).where(*same, t.first < window.end, t.end > window.first).order_by(t.first)


_BAD = {Status.IMPLAUSIBLE, Status.VOID}


def _as_fact(row: sa.Row[Any]) -> Fact:
    window = Window(row.first, row.end, row.resolution)
    numbers = (row.value, row.intervals, row.missing, Status(row.status))
    return Fact(unsigned64(row.home), row.vector, row.register, window, *numbers)

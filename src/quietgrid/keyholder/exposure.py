"""The catch-all: with these answers, would some home's intervals follow from what was opened before?

Puts one leaf and period into the form of `algorithms.leverage` and refuses a batch that exposes a home.
"""

from __future__ import annotations

import numpy as np

from quietgrid.algorithms.halves import halves_plan
from quietgrid.algorithms.leverage import Facts, Totals, check_leverage, net_total, register_total
from quietgrid.algorithms.plan import BillsPlan, Bits, Ints, TotalsPlan, by_home, partition, totals_plan
from quietgrid.keyholder.halving import halved_seeds
from quietgrid.keyholder.known import Known
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Quantity
from quietgrid.model.readings import EXPORT, IMPORT


def audit_leaf(members: MemberList, leaf: int, plan: BillsPlan, book: Book, known: Known, rules: GateRules) -> None:
    """Refuse the batch if it exposes a home (PROTOCOL A, "Leverage audit").

    Args:
        members: The epoch's list. leaf: leaf number. book: of the batch.
        plan: The batch; its `allowed` are the numbers that come out, those of erased homes among them: they follow.
        known: For events and late closes of the same period. rules: the gate's numbers.

    Raises:
        GateRefusal: ``leverage``.
    """
    answered = totals_of(members, leaf, plan, known, rules)
    check_leverage(answered, facts_of(members, leaf, plan, book, known), where=members.leaf_names[leaf])


def totals_of(members: MemberList, leaf: int, plan: BillsPlan, known: Known, rules: GateRules) -> list[Totals]:
    """The slot totals of the leaf's own node over the period, as cells [homes, T] per total.

    Where a close may have been answered in halves, the two halves stand for the total, which is their sum.
    """
    node = members.leaf_names[leaf]
    on = {close.day: known.rules_on(rules, close.day) for _, close in plan.pieces}
    nodes = {k: partition(members, one) for k, one in {one.k: one for one in on.values()}.items()}
    answers = {day: nodes[one.k].get(node, ((), ()))[1] for day, one in on.items()}
    quantities = dict.fromkeys(quantity for of_day in answers.values() for quantity in of_day)
    shape = (len(plan.homes), plan.weights.shape[1] + len(plan.registers))
    out = []
    for quantity in quantities:
        seeds = halved_seeds(members, node, quantity.value, [close for _, close in plan.pieces], known)
        parts = [{register: np.zeros(shape, np.bool_) for register in (IMPORT, EXPORT)} for _ in range(3)]
        for offset, close in plan.pieces:
            if quantity not in answers[close.day]:
                continue
            piece = totals_plan(members, node, quantity, [close], on[close.day])
            where = slice(offset, offset + close.b - close.a)
            whole = piece.allowed
            if close.hash in seeds:
                halves = halves_plan(members, piece, [close], seeds[close.hash], on[close.day])
                whole = whole & ~halves.parts[0].allowed
                for cells, half in zip(parts[1:], halves.parts, strict=True):
                    _add(cells, plan, half, half.allowed, where)
            _add(parts[0], plan, piece, whole, where)
        out += [_as_total(quantity, cells) for cells in (parts if seeds else parts[:1])]
    return out


def _add(cells: dict[int, Bits], plan: BillsPlan, piece: TotalsPlan, opened: Bits, where: slice) -> None:
    for register, include in piece.include.items():
        cells[register][:, where] = _of_homes(plan, include & opened)


def _as_total(quantity: Quantity, cells: dict[int, Bits]) -> Totals:
    if quantity is Quantity.NET:
        return net_total(cells[IMPORT], cells[EXPORT])
    register = IMPORT if quantity is Quantity.IMPORT else EXPORT
    return register_total(register, cells[register])


def _with_late(plan: BillsPlan, column: int, arrived: Bits, book: Book) -> tuple[Ints, Bits]:
    """One vector's weights and cells, with one more place for the late cells that enter its number.

    Late cells are in no total of the period; all of a home's late cells of a vector only ever appear together, so one
    place stands for them, whatever their number and period. A version that is replaced leaves the fact.
    """
    width = plan.weights.shape[1]
    places = len(plan.registers)
    weights = np.zeros((1, width + places), np.int64)
    weights[0, :width] = plan.weights[column]
    weights[0, width + column] = 1
    cells = np.zeros((len(plan.homes), width + places), np.bool_)
    cells[:, :width] = arrived
    per_day = slots_per_day(book.window.resolution)
    for part in plan.late:
        if part.column != column:
            continue
        homes = plan.home_of_row[part.cells[:, 0]]
        slots = part.cells[:, 1] * per_day + part.cells[:, 2] - book.window.first
        cells[homes[part.signs > 0], width + column] = True
        gone = (part.signs < 0) & (slots >= 0) & (slots < width)
        cells[homes[gone], slots[gone]] = False
    return weights, cells


def facts_of(members: MemberList, leaf: int, plan: BillsPlan, book: Book, known: Known) -> list[Facts]:
    """The batch's facts with the late cells that enter them, and those of events of the same leaf and period."""
    facts = []
    shape = (len(plan.homes), plan.weights.shape[1])
    arrived = np.zeros(shape, np.bool_)
    for offset, close in plan.pieces:
        arrived[:, offset : offset + close.b - close.a] = _of_homes(plan, close.present)
    for column, register in enumerate(plan.registers):
        able = by_home(members.homes[plan.rows], plan.able[register][:, None])[:, 0]
        weights, cells = _with_late(plan, column, arrived & able[:, None], book)
        holders = plan.allowed[:, [column]]
        facts.append(Facts(register, weights, cells, None if holders.all() else holders))
    held = [event for (_, at), event in known.events.items() if at == leaf]
    for event in held:
        weights = np.zeros((1, shape[1] + len(plan.registers)), np.int64)
        for slot, weight in event.slots:
            if slot in book.window:
                weights[0, slot - book.window.first] = weight
        if weights.any():
            holders = np.isin(plan.homes, np.array(event.holders, np.uint64))[:, None]
            cells = np.zeros((shape[0], weights.shape[1]), np.bool_)
            cells[:, : shape[1]] = arrived
            facts.append(Facts(event.register, weights, cells, holders))
    return facts


def _of_homes(plan: BillsPlan, cells: Bits) -> Bits:
    """Cells of member rows [m, t] (m <= rows) merged into homes [h, t]."""
    if len(plan.homes) == len(plan.rows) == len(cells) and np.array_equal(plan.home_of_row, np.arange(len(cells))):
        return cells
    out = np.zeros((len(plan.homes), cells.shape[1]), np.bool_)
    np.logical_or.at(out, plan.home_of_row[: len(cells)], cells)
    return out

"""From an opened answer to totals and facts."""

from __future__ import annotations

import numpy as np
import pytest

from quietgrid.algorithms.plan import bills_plan, totals_plan
from quietgrid.mdms import Answer, facts_of, total_of
from quietgrid.model.closed import Closed, GateRules
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Quantity, Vector
from quietgrid.model.total import Status

RULES = GateRules(k=3, max_share_percent=50)
WINDOW = Window(96, 192, 900)
MEMBERS = MemberList(
    bytes(16), 0, 0, Window(0, 960, 900), np.array([1, 2, 3, 4], np.uint64), np.arange(4, dtype=np.uint64) + 10,
    np.zeros(4, np.int32), np.array([3, 1, 1, 1], np.uint8), np.full(4, 8_000), ("leaf",),
)  # fmt: skip


def close(present: np.ndarray) -> Closed:
    return Closed(0, 1, 0, present.shape[1], present, np.zeros(present.shape, np.int16), bytes(32))


def answer(values: list[int], allowed: list[bool], status: Status = Status.CONFIRMED) -> Answer:
    return Answer(np.array(values), np.array(allowed), np.zeros(len(values), np.int32), status, [bytes(32)] * 3)


def total(values: list[int], quantity: Quantity = Quantity.NET, status: Status = Status.CONFIRMED) -> Status:
    present = np.ones((4, len(values)), np.bool_)
    present[1:, 0] = False
    plan = totals_plan(MEMBERS, "leaf", quantity, [close(present)], RULES)
    found = total_of("leaf", quantity, plan, MEMBERS, answer(values, plan.allowed.tolist(), status))
    assert (found.window.first, found.window.end, found.members) == (96, 96 + len(values), 4)
    assert found.homes.tolist() == [1, *[4] * (len(values) - 1)]
    assert found.answered.tolist() == [False, *[True] * (len(values) - 1)]
    return found.status


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.PROVISIONAL])
def test_a_total_within_what_the_connections_carry(status: Status) -> None:
    """Four homes of 8 kW carry 8,000 Wh in a quarter of an hour; an interval that did not open is not judged."""
    assert total([10**9, 8_000, -8_000, 0], status=status) is status


@pytest.mark.parametrize("values", [[0, 8_001], [0, -8_001], [0, 5, 1 << 40]])
def test_an_implausible_total_is_marked(values: list[int]) -> None:
    assert total(values) is Status.IMPLAUSIBLE


def test_an_import_total_is_not_negative() -> None:
    members = MemberList(*[np.ones(4, np.uint8) if f == "registers" else getattr(MEMBERS, f) for f in (
        "community", "epoch", "revision", "window", "homes", "pids", "leaves", "registers", "connection_w",
        "leaf_names")])  # fmt: skip
    plan = totals_plan(members, "leaf", Quantity.IMPORT, [close(np.ones((4, 2), np.bool_))], RULES)
    for values, status in (([0, 8_000], Status.CONFIRMED), ([0, -1], Status.IMPLAUSIBLE)):
        assert total_of("leaf", Quantity.IMPORT, plan, members, answer(values, [True, True])).status is status


def test_facts_in_the_order_of_homes_and_book() -> None:
    present = np.ones((4, 96), np.bool_)
    present[2, 90:] = False
    book = Book(0, WINDOW, (Vector("all", 0, "all"), Vector("out", 1, "all")))
    plan = bills_plan(MEMBERS, 0, WINDOW, [close(present)], ([0, 1], np.ones((2, 96), np.int64)))
    opened = plan.allowed.reshape(-1).copy()
    opened[2] = False  # home 2's numbers are not open: erased at the keyholders
    opened[3] = False
    values = [0, 11, 0, 0, 31, 0, 41, 0]
    facts = facts_of(book, plan, answer(values, opened.tolist()))
    assert [(f.home, f.vector, f.register) for f in facts[:4]] == [
        (1, "all", 0), (1, "out", 1), (2, "all", 0), (2, "out", 1),
    ]  # fmt: skip
    by_name = {(f.home, f.vector): (f.value, f.intervals, f.missing) for f in facts}
    assert by_name[1, "all"] == (0, 96, 0)
    assert by_name[2, "all"] == (0, 0, 96)  # estimated as a whole
    assert by_name[1, "out"] == (11, 96, 0)
    assert by_name[3, "all"] == (31, 90, 6)
    assert by_name[3, "out"] == (0, 0, 0)  # it cannot export
    assert all(f.window == WINDOW and f.status is Status.CONFIRMED for f in facts)

"""Bill proofs hold for honest meters, and name vector and day when they do not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest

from quietgrid.algorithms import weights
from quietgrid.billing import (
    Bill,
    BillProof,
    book_for_leaf,
    default_tariffs,
    feed_prices,
    open_records,
    price,
    prove,
    split_late,
    verify,
)
from quietgrid.billing.proof import Openings, VectorProof, locate
from quietgrid.crypto.public import pedersen
from quietgrid.crypto.public.signatures import Identity
from quietgrid.demo import load
from quietgrid.demo import prices as demo_prices
from quietgrid.errors import InputError, UnavailableError, VerificationError
from quietgrid.model.interval import day_window, month_window
from quietgrid.model.question import Book
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.messages import DayRecord
from quietgrid.wire.own import committed_name
from tests.billing.runs import FEED, usage, with_gaps

WINDOW = month_window(2016, 3, "Europe/Berlin", 900)
PID = 77


def scalar(pid: int, day: int, name: str) -> int:
    return pedersen.scalar(pid.to_bytes(32, "little"), day, name)


@cache
def march() -> tuple[Book, Bill, tuple[DayRecord, ...], dict[str, Openings]]:
    """A bill of a month with gaps and its meter's day records; the first and last UTC day lie in two periods."""
    tariffs, prices = default_tariffs(), demo_prices(WINDOW)
    book = book_for_leaf(tariffs, 0, WINDOW, 0b11)
    readings, late = with_gaps(load(60, WINDOW).readings, 0.02, 0.01, 3)
    row = int(np.argmax(readings.exported_wh.sum(axis=1)))
    bill = price(tariffs[3], book, usage(book, readings, late, {FEED: prices}), feed_prices(book, FEED, prices)).bill(
        row
    )
    delivered = readings.present[row] | late[row]
    records, openings = [], {vector.name: {} for vector in book.vectors}
    for day, a, b in WINDOW.by_day():
        part = slice(day * 96 + a - WINDOW.first, day * 96 + b - WINDOW.first)
        cells = np.ones(96, np.bool_)  # cells of the neighbouring period are there too
        cells[a:b] = delivered[part]
        points = []
        for vector in book.vectors:
            if vector.rule == "prices":
                continue
            weight = weights.resolve(vector, day_window(day, 900))[a:b]
            value = int(weight @ (readings.register(vector.register)[row, part] * delivered[part]))
            name = committed_name(vector.name, day, WINDOW)
            openings[vector.name][PID, day, name] = value, scalar(PID, day, name)
            points.append((name, pedersen.commit(*openings[vector.name][PID, day, name])))
            if name != vector.name:
                points.append((vector.name + "@0", pedersen.commit(1, 5)))
        records.append(DayRecord(b"c" * 16, PID, day, b"r" * 32, pack_bits(cells), points, []))
    return book, bill, tuple(records), openings


def proof() -> BillProof:
    book, bill, records, _ = march()
    return prove([(bill, book)], records, scalar)


def test_an_honest_bill_verifies() -> None:
    book, bill, records, _ = march()
    assert len(records) == 32
    assert any(fact.late for fact in bill.facts)
    assert any(fact.register == 1 and fact.measured for fact in bill.facts)
    released = proof()
    assert [entry.vector for entry in released.vectors] == ["night", "day", "evening", "export"]
    verify([(bill, book)], released, records)
    assert BillProof.decode(released.encode()) == released
    assert len(released.digest()) == 32
    assert len(released.encode()) < 400


@pytest.mark.parametrize("vector", ["night", "evening", "export"])
def test_one_watt_hour_more_is_found_and_named(vector: str) -> None:
    book, bill, records, openings = march()
    facts = tuple(replace(f, measured=f.measured + 1) if f.vector == vector else f for f in bill.facts)
    with pytest.raises(VerificationError, match=f"vector '{vector}'"):
        verify([(replace(bill, facts=facts), book)], proof(), records)
    # The household's own sums open every day, so the fault is in the opened number.
    assert locate(vector, [(bill, book)], records, openings[vector]) == []


def test_a_meter_that_committed_to_something_else_is_located_by_day() -> None:
    book, bill, records, openings = march()
    bad = records[9]
    day = bad.day
    value, r = openings["day"][PID, day, "day"]
    points = [(name, pedersen.commit(value + 3, r) if name == "day" else point) for name, point in bad.commitments]
    forged = [*records[:9], msgspec.structs.replace(bad, commitments=points), *records[10:]]
    with pytest.raises(VerificationError, match=f"vector 'day', days {day}"):
        verify([(bill, book)], proof(), forged, openings=openings)
    assert locate("day", [(bill, book)], forged, openings["day"]) == [day]


def test_late_cells_that_no_bill_has_opened_are_not_a_dispute_yet() -> None:
    book, bill, records, _ = march()
    waiting = tuple(
        replace(f, late=0, late_intervals=0, missing=f.missing + f.late_intervals) if f.vector == "night" else f
        for f in bill.facts
    )
    with pytest.raises(UnavailableError, match="late cells"):
        verify([(replace(bill, facts=waiting), book)], proof(), records)


def test_missing_records_scalars_and_wrong_periods_are_refused() -> None:
    book, bill, records, _ = march()
    good = proof()
    with pytest.raises(VerificationError, match="signed for"):
        verify([(bill, book)], good, records[1:])
    with pytest.raises(VerificationError, match="two records"):
        verify([(bill, book)], good, [*records, records[0]])
    with pytest.raises(VerificationError, match="no proof"):
        verify([(bill, book)], msgspec.structs.replace(good, vectors=good.vectors[1:]), records)
    with pytest.raises(VerificationError, match="another home"):
        verify([(bill, book)], msgspec.structs.replace(good, home=good.home + 1), records)
    for scalar_bytes in (b"\0" * 32, b"\xff" * 32, b"\1"):
        broken = [VectorProof("night", scalar_bytes), *good.vectors[1:]]
        with pytest.raises(VerificationError):
            verify([(bill, book)], msgspec.structs.replace(good, vectors=broken), records)
    with pytest.raises(VerificationError, match="not a valid"):
        BillProof.decode(b"\x93nope")


def run_of_two() -> tuple[list[tuple[Bill, Book]], list[DayRecord], dict[str, Openings]]:
    """Two months of one home; some March cells came too late for the March bill and entered the April sums."""
    tariff = default_tariffs()[1]
    windows = [WINDOW, month_window(2016, 4, "Europe/Berlin", 900)]
    books = [book_for_leaf([tariff], 0, window, 0b01) for window in windows]
    rows = [load(1, window).readings for window in windows]
    late = np.zeros_like(rows[0].present)
    late[0, 1000:1090] = True
    both = [usage(books[0], replace(rows[0], present=~late), np.zeros_like(late), {})]
    both.append(usage(books[1], rows[1], np.zeros_like(rows[1].present), {}))
    matrix = weights.resolve_book(books[0])
    extra = matrix[:, 1000:1090] @ rows[0].imported_wh[0, 1000:1090]
    cells = matrix[:, 1000:1090].sum(axis=1)
    april = replace(both[1], measured=both[1].measured + extra, intervals=both[1].intervals + cells)
    both[1] = split_late(april, cells[None, :])
    run = [(price(tariff, book, cells).bill(0), book) for book, cells in zip(books, both, strict=True)]
    points: dict[int, list[tuple[str, bytes]]] = {}
    openings: dict[str, Openings] = {vector.name: {} for vector in books[0].vectors}
    for window, book, readings in zip(windows, books, rows, strict=True):
        for day, a, b in window.by_day():
            part = slice(day * 96 + a - window.first, day * 96 + b - window.first)
            for vector in book.vectors:
                name = committed_name(vector.name, day, window)
                value = int(weights.resolve(vector, day_window(day, 900))[a:b] @ readings.imported_wh[0, part])
                opening = value, scalar(PID, day, name)
                openings[vector.name][PID, day, name] = opening  # type: ignore[index]
                points.setdefault(day, []).append((name, pedersen.commit(*opening)))
    cells_of_day = pack_bits(np.ones(96, np.bool_))
    records = [DayRecord(b"c" * 16, PID, day, b"r" * 32, cells_of_day, held, []) for day, held in points.items()]
    return run, records, openings


def test_late_cells_in_the_next_bill_prove_together_and_not_apart() -> None:
    run, records, openings = run_of_two()
    assert len(records) == 62
    verify(run, prove(run, records, scalar), records)
    with pytest.raises(UnavailableError, match="late cells are not on a bill"):
        verify(run[:1], prove(run[:1], records, scalar), records)
    with pytest.raises(VerificationError, match="signed for"):
        verify(run[1:], prove(run[1:], records, scalar), records)
    wrong = [
        run[0],
        (replace(run[1][0], facts=(replace(run[1][0].facts[0], measured=0), *run[1][0].facts[1:])), run[1][1]),
    ]
    with pytest.raises(VerificationError, match="vector"):
        verify(wrong, prove(run, records, scalar), records)
    assert all(locate(name, run, records, held) == [] for name, held in openings.items())


def test_a_run_must_be_one_home_and_without_gap() -> None:
    (march_bill, march_book), april = run_of_two()[0]
    for run in (
        [],
        [april, (march_bill, march_book)],
        [(march_bill, april[1])],
        [(march_bill, march_book), (replace(april[0], home=9), april[1])],
    ):
        with pytest.raises(InputError):
            prove(run, [], scalar)


def test_two_meters_of_one_home_add_up() -> None:
    book, bill, records, openings = march()
    split = []
    for record in records:
        mine, other = [], []
        for name, point in record.commitments:
            vector = name.split("@")[0]
            if name == committed_name(vector, record.day, WINDOW):
                value, r = openings[vector][PID, record.day, name]
                mine.append((name, pedersen.commit(value - value // 3, scalar(PID, record.day, name))))
                other.append((name, pedersen.commit(value // 3, scalar(PID + 1, record.day, name))))
                assert point == pedersen.commit(value, r)
        split.append(msgspec.structs.replace(record, commitments=mine))
        split.append(msgspec.structs.replace(record, pid=PID + 1, commitments=other))
    verify([(bill, book)], prove([(bill, book)], split, scalar), split)


def test_records_must_be_signed_by_the_homes_own_meters() -> None:
    _, _, records, _ = march()
    meter, other = Identity.from_seed(b"m" * 32), Identity.from_seed(b"o" * 32)
    signed = [meter.sign(record) for record in records[:3]]
    assert open_records(signed, {PID: meter.public}) == list(records[:3])
    with pytest.raises(VerificationError, match="another meter"):
        open_records([other.sign(records[0])], {PID: meter.public})
    with pytest.raises(VerificationError, match="names another"):
        open_records(signed, {PID + 1: meter.public})
    with pytest.raises(VerificationError, match="signature"):
        open_records([msgspec.structs.replace(signed[0], signature=bytes(64))], {PID: meter.public})
    with pytest.raises(VerificationError, match="two records"):
        open_records([signed[0], signed[0]], {PID: meter.public})

"""Estimates now, facts later: an earlier bill and its true-up are the plain bill, to the micro-unit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.billing import (
    balances,
    book_for_leaf,
    default_tariffs,
    feed_prices,
    postings,
    price,
    split_late,
    true_up,
    true_ups,
)  # fmt: skip
from quietgrid.billing.bill import LineKind
from quietgrid.billing.books import band_weights
from quietgrid.demo import load
from quietgrid.demo import prices as demo_prices
from quietgrid.errors import InputError
from quietgrid.model.interval import month_window
from quietgrid.model.tariff import Tariff, TariffKind
from tests.billing.plain import plain_bill
from tests.billing.runs import FEED, month_of, published, usage

JUNE, JULY = month_window(2016, 6, "Europe/Berlin", 900), month_window(2016, 7, "Europe/Berlin", 900)


@pytest.mark.parametrize("tariff", default_tariffs(), ids=lambda tariff: tariff.name)
def test_a_single_late_home_is_estimated_and_trued_up_in_the_next_bill(tariff: Tariff) -> None:
    whole = load(30, JUNE).readings
    late = np.zeros_like(whole.present)
    late[4, 300:420] = True  # one home alone: the pool must not open its cells in this period
    tariffs, prices = default_tariffs(), demo_prices(JUNE)
    book = book_for_leaf(tariffs, 0, JUNE, 0b11)
    feed = feed_prices(book, FEED, prices) if tariff.feed else None
    gone = replace(whole, present=whole.present & ~late)
    first = price(tariff, book, usage(book, gone, np.zeros_like(late), {FEED: prices}), feed).bills()
    assert first[4].estimated_wh > 0
    assert all(not bill.estimated_wh for bill in first if bill.home != first[4].home)

    again = [
        replace(bill, version=1) for bill in price(tariff, book, usage(book, gone, late, {FEED: prices}), feed).bills()
    ]
    lines = true_ups(first, again)
    assert list(lines) == [first[4].home]
    plain = plain_bill(tariff, month_of(gone, late, 4), tariffs, published(prices))
    assert first[4].net_micro + sum(line.amount_micro for line in lines[first[4].home]) == again[4].net_micro
    assert again[4].total_micro == plain.total_micro

    july_book = book_for_leaf(tariffs, 0, JULY, 0b11)
    july_prices = demo_prices(JULY)
    july_feed = feed_prices(july_book, FEED, july_prices) if tariff.feed else None
    july = usage(july_book, load(30, JULY).readings, np.zeros((30, len(JULY)), np.bool_), {FEED: july_prices})
    carried = price(tariff, july_book, july, july_feed, carried=lines).bills()
    without = price(tariff, july_book, july, july_feed).bills()
    assert carried[4].net_micro == without[4].net_micro + again[4].net_micro - first[4].net_micro
    assert carried[4].imported_wh == without[4].imported_wh  # the other month's energy is not this month's
    shown = [line for line in carried[4].lines if line.kind is LineKind.TRUE_UP]
    assert shown
    assert {line.period for line in shown} == {JUNE}
    assert carried[3] == without[3]
    home = f"home:{carried[4].home:016x}"
    assert balances(postings(carried[4]))[home] == carried[4].total_micro


@given(
    part=st.integers(0, 40),
    values=st.lists(st.integers(0, 900), min_size=40, max_size=40),
    which=st.sampled_from([0, 1, 2]),
)
@settings(max_examples=10, deadline=None)
def test_late_cells_may_come_in_parts(part: int, values: list[int], which: int) -> None:
    tariff, prices = default_tariffs()[which], demo_prices(JUNE)
    book = book_for_leaf([tariff], 0, JUNE, 0b01)
    whole = load(2, JUNE).readings
    energy = whole.imported_wh.copy()
    energy[0, 500:540] = values
    whole = replace(whole, imported_wh=energy)
    steps = []
    for come in (0, part, 40):
        late, gone = np.zeros_like(whole.present), whole.present.copy()
        gone[0, 500:540] = False
        late[0, 500 : 500 + come] = True
        cells = usage(book, replace(whole, present=gone), late, {FEED: prices})
        steps.append(price(tariff, book, cells).bill(0))
    moved = sum(line.amount_micro for a, b in pairwise(steps) for line in true_up(a, b))
    assert steps[0].net_micro + moved == steps[-1].net_micro
    assert steps[-1].estimated_wh == 0


@pytest.mark.parametrize("tariff", default_tariffs(), ids=lambda tariff: tariff.name)
def test_late_cells_inside_the_next_sums_give_the_estimate_back(tariff: Tariff) -> None:
    tariffs, home = default_tariffs(), 4
    june, july = load(30, JUNE).readings, load(30, JULY).readings
    book, later = book_for_leaf(tariffs, 0, JUNE, 0b11), book_for_leaf(tariffs, 0, JULY, 0b11)
    feed, next_feed = (feed_prices(b, FEED, demo_prices(b.window)) if tariff.feed else None for b in (book, later))
    gone = june.present.copy()
    gone[home, 300:420] = False
    none = np.zeros_like(gone)
    first = price(tariff, book, usage(book, replace(june, present=gone), none, {FEED: demo_prices(JUNE)}), feed)
    known = first.usage.rows([home])
    without = replace(known, missing=np.zeros_like(known.missing), estimate=np.zeros_like(known.estimate))
    back = true_up(first.bill(home), price(tariff, book, without, feed).bill(0))
    estimated = sum(line.amount_micro for line in first.bill(home).lines if line.estimated)
    assert estimated
    if tariff.kind is not TariffKind.BLOCK:
        assert sum(line.amount_micro for line in back) == -estimated

    clean = usage(later, july, np.zeros_like(july.present), {FEED: demo_prices(JULY)})
    extra, cells = clean.measured.copy(), clean.intervals.copy()
    for column, weight in band_weights(book).items():
        register = book.vectors[column].register
        extra[home, column] += int(weight[300:420] @ june.register(register)[home, 300:420])
        cells[home, column] += int(weight[300:420].sum())
    opened = split_late(replace(clean, measured=extra, intervals=cells), cells - clean.intervals)
    second = price(tariff, later, opened, next_feed, carried={int(june.meters[home]): back}).bill(home)
    alone = price(tariff, later, clean, next_feed).bill(home)
    total = int(june.imported_wh[home].sum()) + int(july.imported_wh[home].sum())
    kinds = (LineKind.ENERGY, LineKind.REAL_TIME, LineKind.BAND_MEAN)
    given_back = sum(line.quantity for line in back if line.register == 0 and line.mean is False)
    if tariff.kind is not TariffKind.REAL_TIME:
        assert first.bill(home).imported_wh + second.imported_wh + given_back == total
        whole = price(tariff, book, usage(book, june, none, {FEED: demo_prices(JUNE)}), feed).bill(home)
        both = first.bill(home).net_micro + second.net_micro
        slack = 20 if tariff.kind is not TariffKind.BLOCK else 20_000_000
        assert abs(both - whole.net_micro - alone.net_micro) <= slack
    assert second.imported_wh - alone.imported_wh == int(june.imported_wh[home, 300:420].sum())
    assert all(line.quantity >= 0 for line in second.lines if line.kind in kinds)


def test_versions_of_two_bills_are_not_mixed() -> None:
    tariff = default_tariffs()[0]
    book = book_for_leaf([tariff], 0, JUNE, 0b01)
    bills = price(tariff, book, usage(book, load(2, JUNE).readings, np.zeros((2, len(JUNE)), np.bool_), {})).bills()
    assert true_up(bills[0], bills[0]) == ()
    with pytest.raises(InputError, match="two different bills"):
        true_up(bills[0], bills[1])


def test_corrections_on_a_bill_are_not_corrected_again() -> None:
    tariff = default_tariffs()[0]
    book = book_for_leaf([tariff], 0, JUNE, 0b01)
    cells = usage(book, load(1, JUNE).readings, np.zeros((1, len(JUNE)), np.bool_), {})
    plain = price(tariff, book, cells).bill(0)
    line = replace(plain.lines[0], kind=LineKind.TRUE_UP, period=JUNE)
    carrying = price(tariff, book, cells, carried={plain.home: (line,)}).bill(0)
    assert carrying.net_micro == plain.net_micro + line.amount_micro
    assert true_up(carrying, plain) == true_up(plain, carrying) == ()

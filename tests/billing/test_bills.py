"""Laws of bills: energy is conserved, money balances, blocks rise without a jump, columns equal rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.billing import (
    Bill,
    Usage,
    balances,
    book_for_leaf,
    default_tariffs,
    feed_prices,
    postings,
    price,
    split_late,
    usage_of,
    usage_of_bill,
)  # fmt: skip
from quietgrid.billing.bill import LineKind
from quietgrid.billing.bills import total_of
from quietgrid.billing.real_time import FeedPrices
from quietgrid.billing.rounding import cost_column, divide_column, scale_column
from quietgrid.errors import InputError, VerificationError
from quietgrid.model.interval import month_window
from quietgrid.model.quantity import MICRO, cost_micro, divide_half_even
from quietgrid.model.question import Book
from quietgrid.model.tariff import Block, Tariff, TariffKind
from quietgrid.model.total import Fact, Status

WINDOW = month_window(2016, 6, "Europe/Berlin", 900)
TARIFFS = default_tariffs()
BOOK = book_for_leaf(TARIFFS, 0, WINDOW, 0b11)
PRICES = 100 * (500 + np.arange(len(WINDOW), dtype=np.int64) // 4 % 24 * 40)
FEED = feed_prices(BOOK, "day-ahead", PRICES)
BANDED = [i for i, vector in enumerate(BOOK.vectors) if vector.rule != "prices"]
IMPORTS = [i for i in BANDED if BOOK.vectors[i].register == 0]

energies = st.integers(0, 3_000_000)
rows = st.lists(st.tuples(*[energies] * len(BOOK.vectors)), min_size=1, max_size=4)


def made(measured: list[tuple[int, ...]], late: int = 0, estimate: int = 0) -> Usage:
    """A usage of given sums; `late` and `estimate` in every band."""
    table = np.array(measured, np.int64)
    zeros = np.zeros_like(table)
    bands = zeros.copy()
    bands[:, BANDED] = 1
    homes = np.arange(len(table), dtype=np.uint64) + 7
    return Usage(BOOK, homes, table, zeros + 600, bands * late, bands * (late > 0), bands, bands * estimate)


def feed_of(tariff: Tariff) -> FeedPrices | None:
    return FEED if tariff.feed else None


@pytest.mark.parametrize("tariff", TARIFFS, ids=lambda tariff: tariff.name)
@given(measured=rows, late=energies, estimate=energies)
@settings(max_examples=40, deadline=None)
def test_energy_is_conserved_and_money_balances(
    tariff: Tariff, measured: list[tuple[int, ...]], late: int, estimate: int
) -> None:
    usage = made(measured, late, estimate)
    table = price(tariff, BOOK, usage, feed_of(tariff))
    for row, bill in enumerate(table.bills()):
        own = sum(measured[row][i] for i in IMPORTS)
        assert bill.imported_wh == own + (late + estimate) * len(IMPORTS)
        assert bill.estimated_wh == estimate * len(IMPORTS)
        assert bill.exported_wh == measured[row][-1] + late + estimate
        batch = postings(bill)
        assert sum(balances(batch).values()) == 0
        assert balances(batch).get(f"home:{bill.home:016x}", 0) == bill.total_micro
        assert all(posting.amount_micro >= 0 for posting in batch)
        assert (bill.vat[-1:], bill.total_micro) == (total_of(bill.lines)[0][-1:], total_of(bill.lines)[1])
        assert bill.total_micro == bill.net_micro + sum(vat.amount_micro for vat in bill.vat)


@given(measured=st.lists(st.tuples(*[energies] * len(BOOK.vectors)), min_size=2, max_size=5))
@settings(max_examples=25, deadline=None)
def test_a_home_costs_the_same_alone_and_in_the_batch(measured: list[tuple[int, ...]]) -> None:
    usage = made(measured, 3, 5)
    for tariff in TARIFFS:
        together = price(tariff, BOOK, usage, feed_of(tariff)).bills()
        alone = [price(tariff, BOOK, usage.rows([row]), feed_of(tariff)).bill(0) for row in range(len(measured))]
        assert together == alone


def cost_of(tariff: Tariff, energy: int, estimate: int = 0) -> int:
    usage = made([tuple(energy if i == IMPORTS[0] else 0 for i in range(len(BOOK.vectors)))])
    guess = np.zeros_like(usage.measured)
    guess[0, IMPORTS[1]] = estimate
    return price(tariff, BOOK, usage.with_estimate(guess)).bill(0).net_micro


@given(
    bounds=st.lists(st.integers(1, 900_000), min_size=1, max_size=4, unique=True),
    prices=st.lists(st.integers(0, 900_000), min_size=5, max_size=5),
    energy=st.integers(0, 1_500_000),
    more=st.integers(0, 5_000),
)
@settings(max_examples=60, deadline=None)
def test_blocks_rise_without_a_jump(bounds: list[int], prices: list[int], energy: int, more: int) -> None:
    steps = [*sorted(bounds), None]
    blocks = tuple(Block(bound, price) for bound, price in zip(steps, prices, strict=False))
    tariff = replace(TARIFFS[2], blocks=blocks, standing_micro_per_day=0)
    low, high = cost_of(tariff, energy), cost_of(tariff, energy + more)
    slack = len(blocks)  # one rounding a block
    assert low - slack <= high <= low + cost_micro(more, max(prices)) + slack
    # Measured or estimated, the same energy costs the same, but for one more rounding.
    assert abs(cost_of(tariff, energy, more) - high) <= slack


def test_blocks_split_to_the_watt_hour() -> None:
    usage = made([(100_000, 150_000, 200_000, 0, 0)])
    bill = price(TARIFFS[2], BOOK, usage).bill(0)
    energy = [(line.name, line.quantity) for line in bill.lines if line.kind is LineKind.ENERGY]
    assert energy == [("0-120 kWh", 120_000), ("120-300 kWh", 180_000), ("over 300 kWh", 150_000)]


def test_a_thousand_homes_at_once() -> None:
    """One call prices all homes of a tariff; how fast is in `python -m benchmarks waits`."""
    rng = np.random.default_rng(1)
    table = [tuple(row) for row in rng.integers(0, 200_000, (1000, len(BOOK.vectors))).tolist()]
    usage = made(table, 10, 20)
    for tariff in TARIFFS:
        assert len(price(tariff, BOOK, usage, feed_of(tariff)).bills()) == 1000


def test_a_bill_can_be_recomputed_from_its_own_facts() -> None:
    for tariff in TARIFFS:
        bill = price(tariff, BOOK, made([(11, 22, 33, 44, 55)], 7, 9), feed_of(tariff)).bill(0)
        again = price(tariff, BOOK, usage_of_bill(bill, BOOK), feed_of(tariff)).bill(0)
        assert again == bill
        assert Bill.decode(bill.encode()) == bill


def test_a_broken_bill_does_not_decode() -> None:
    bill = price(TARIFFS[0], BOOK, made([(1, 2, 3, 4, 5)])).bill(0)
    with pytest.raises(VerificationError):
        Bill.decode(bill.encode()[:-1])


def test_due_is_in_whole_cents_and_near_the_total() -> None:
    bill = price(TARIFFS[0], BOOK, made([(12_345, 1, 2, 0, 77)])).bill(0)
    assert bill.due_micro % 10_000 == 0
    assert abs(bill.due_micro - bill.total_micro) <= 5_000


def test_export_can_outweigh_the_bill() -> None:
    bill = price(TARIFFS[0], BOOK, made([(0, 0, 0, 0, 900_000)])).bill(0)
    assert bill.total_micro < 0
    assert balances(postings(bill))[f"home:{bill.home:016x}"] == bill.total_micro


def test_fewer_standing_days_after_a_move() -> None:
    usage = made([(1, 1, 1, 1, 1), (1, 1, 1, 1, 1)])
    bills = price(TARIFFS[0], BOOK, usage, days=np.array([30, 12])).bills()
    assert [bill.days for bill in bills] == [30, 12]
    assert bills[0].net_micro - bills[1].net_micro == 18 * TARIFFS[0].standing_micro_per_day


def test_a_flat_month_by_hand() -> None:
    # 100.001 kWh at 0.2745: 27.4502745; 30 days at 0.3286: 9.858; VAT 19 %; 10 kWh fed in at 0.0778, no VAT.
    bill = price(TARIFFS[0], BOOK, made([(100_001, 0, 0, 0, 10_000)])).bill(0)
    assert bill.total_micro == 27_450_274 + 9_858_000 + round(Fraction(37_308_274 * 19, 100)) - 778_000
    assert bill.currency == "EUR"


def test_facts_make_a_usage() -> None:
    def fact(home: int, vector: int, value: int, cells: int, missing: int) -> Fact:
        named = BOOK.vectors[vector]
        return Fact(home, named.name, named.register, WINDOW, value, cells, missing, Status.CONFIRMED)

    facts = [fact(9, 0, 500, 10, 4), fact(4, 1, 70, 20, 0)]
    usage = usage_of(BOOK, facts, [fact(9, 0, 30, 1, 0), fact(9, 0, 11, 2, 0)])
    assert usage.homes.tolist() == [4, 9]
    assert usage.facts(1)[0].late == 41
    assert usage.facts(1)[0].missing == 1
    assert usage.rows_of([9]).homes.tolist() == [9]
    with pytest.raises(InputError, match="two facts"):
        usage_of(BOOK, [facts[0], facts[0]])
    with pytest.raises(InputError, match="does not belong"):
        usage_of(BOOK, [replace(facts[0], vector="lunch")])
    with pytest.raises(InputError, match="negative"):
        usage_of(BOOK, [fact(9, 0, -1, 10, 4)])


def test_what_does_not_fit_is_refused() -> None:
    usage = made([(1, 2, 3, 4, 5)])
    with pytest.raises(InputError, match="prices of the feed"):
        price(TARIFFS[3], BOOK, usage)
    flat_book = book_for_leaf([TARIFFS[0]], 0, WINDOW, 0b01)
    assert [vector.name for vector in flat_book.vectors] == ["all"]
    with pytest.raises(InputError, match="in no single band"):
        price(TARIFFS[1], flat_book, Usage(flat_book, usage.homes, *[np.zeros((1, 1), np.int64)] * 6))
    with pytest.raises(InputError, match="shape"):
        Usage(BOOK, usage.homes, *[np.zeros((1, 1), np.int64)] * 6)
    with pytest.raises(InputError, match="not billed here"):
        price(TARIFFS[0], BOOK, usage, carried={99: ()})
    with pytest.raises(InputError, match="one price an interval"):
        feed_prices(BOOK, "day-ahead", PRICES[:-1])
    bill = price(TARIFFS[0], BOOK, usage).bill(0)
    with pytest.raises(InputError, match="another book"):
        usage_of_bill(bill, Book(0, WINDOW, BOOK.vectors[:2]))


numbers = st.integers(-(1 << 61), 1 << 61)


@given(numerators=st.lists(numbers, min_size=1, max_size=6), denominator=st.integers(1, 1 << 40))
def test_columns_round_like_scalars(numerators: list[int], denominator: int) -> None:
    column = divide_column(np.array(numerators, np.int64), denominator)
    assert column.tolist() == [divide_half_even(n, denominator) for n in numerators]
    assert column.tolist() == [round(Fraction(n, denominator)) for n in numerators]


@given(st.lists(st.integers(-(1 << 50), 1 << 50), max_size=6), st.integers(-(1 << 40), 1 << 40), st.integers(1, 3000))
def test_costs_are_exact_beyond_64_bits(energy: list[int], price_sum: int, slots: int) -> None:
    column = np.array(energy, np.int64)
    wanted = [round(Fraction(e * price_sum, 1000 * slots)) for e in energy]
    if any(abs(w) >= 1 << 63 for w in wanted):
        with pytest.raises(OverflowError):
            cost_column(column, price_sum, slots)
    else:
        assert cost_column(column, price_sum, slots).tolist() == wanted


def test_scaling_by_zero_and_nothing() -> None:
    assert scale_column(np.zeros(0, np.int64), 5, 3).tolist() == []
    assert scale_column(np.array([4, -4]), 0, 3).tolist() == [0, 0]


def test_the_kinds_are_all_billed() -> None:
    assert {tariff.kind for tariff in TARIFFS} == set(TariffKind)
    assert all(tariff.valid_from < date(2016, 6, 1) for tariff in TARIFFS)
    assert MICRO == 1_000_000


@pytest.mark.parametrize("amount", [-1, 0, 1])
def test_the_smallest_amounts_are_posted_on_the_right_side(amount: int) -> None:
    bill = price(TARIFFS[0], BOOK, made([(0, 0, 0, 0, 0)])).bill(0)
    line = replace(bill.lines[0], amount_micro=amount)
    batch = postings(replace(bill, lines=(line,), vat=(), total_micro=amount))
    assert balances(batch).get(f"home:{bill.home:016x}", 0) == amount


@given(whole=st.integers(0, 10**9), cells=st.integers(1, 3000), data=st.data())
def test_late_energy_is_its_share_by_cells(whole: int, cells: int, data: st.DataObject) -> None:
    usage = made([(whole, 0, 0, 9, 0)])
    usage = replace(usage, intervals=np.full_like(usage.intervals, cells))
    late = data.draw(st.integers(0, cells))
    counts = np.full_like(usage.intervals, late)
    split = split_late(usage, counts)
    fact, price_sum = split.facts(0)[0], split.facts(0)[3]
    assert fact.measured + fact.late == whole
    assert fact.late == round(Fraction(whole * late, cells))
    assert (fact.intervals, fact.late_intervals) == (cells - late, late)
    assert (price_sum.measured, price_sum.late) == (9, 0)
    with pytest.raises(InputError, match="late cells do not fit"):
        split_late(usage, counts * 0 + cells + 1)
    with pytest.raises(InputError, match="late cells do not fit"):
        split_late(usage, counts[:, :2])

"""Bills from band sums equal the plain bill from raw readings, to the micro-unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.billing import book_for_leaf, default_tariffs, feed_prices, postings, price
from quietgrid.billing.bill import Bill, LineKind
from quietgrid.demo import load
from quietgrid.demo import prices as demo_prices
from quietgrid.model.interval import Window, month_window
from quietgrid.model.readings import Readings
from quietgrid.model.tariff import Tariff, TariffKind
from quietgrid.wire.series import Series
from tests.billing.plain import Plain, plain_bill
from tests.billing.runs import FEED, month_of, published, usage, with_gaps


def compare(
    tariffs: list[Tariff], readings: Readings, late: NDArray[np.bool_], prices: NDArray[np.int64], homes: list[int]
) -> list[Bill]:
    """Bill every home on every tariff and hold the chosen ones against the oracle."""
    book = book_for_leaf(tariffs, 0, readings.window, 0b11)
    table = usage(book, readings, late, {FEED: prices})
    feed = feed_prices(book, FEED, prices)
    announced = published(prices)
    out = []
    for tariff in tariffs:
        bills = price(tariff, book, table, feed if tariff.feed else None).bills()
        for row in homes:
            plain = plain_bill(tariff, month_of(readings, late, row), tariffs, announced)
            assert_equal(bills[row], plain)
            out.append(bills[row])
    return out


def assert_equal(bill: Bill, plain: Plain) -> None:
    assert bill.total_micro == plain.total_micro
    assert bill.imported_wh == plain.imported_wh
    ours = sorted(line.amount_micro for line in bill.lines if line.amount_micro)
    assert ours == sorted(amount for amount in plain.amounts.values() if amount)


def steps_of(prices: NDArray[np.int64]) -> NDArray[np.int64]:
    return prices // 100 * 100


@pytest.mark.parametrize("month", [3, 10])
def test_sample_with_gaps_in_both_months_with_a_time_change(month: int) -> None:
    window = month_window(2016, month, "Europe/Berlin", 900)
    assert len(window) == 31 * 96 + (-4 if month == 3 else 4)
    readings, late = with_gaps(load(60, window).readings, 0.02, 0.02, month)
    exporters = np.flatnonzero(readings.exported_wh.sum(axis=1))[:3].tolist()
    bills = compare(default_tariffs(), readings, late, demo_prices(window), [0, 1, *exporters])
    assert any(line.estimated for bill in bills for line in bill.lines)
    assert any(line.kind is LineKind.EXPORT and line.amount_micro < 0 for bill in bills for line in bill.lines)


def test_complete_sample_month_needs_no_estimate() -> None:
    window = month_window(2016, 6, "Europe/Berlin", 900)
    sample = load(30, window)
    none = np.zeros_like(sample.readings.present)
    bills = compare(default_tariffs(), sample.readings, none, demo_prices(window), [0, 7, 29])
    assert not any(line.estimated or line.kind is LineKind.BAND_MEAN for bill in bills for line in bill.lines)


def test_a_price_spike_is_clipped_and_charged_by_band_mean() -> None:
    window = month_window(2016, 6, "Europe/Berlin", 900)
    readings, late = with_gaps(load(30, window).readings, 0.01, 0.01, 5)
    prices = demo_prices(window).copy()
    prices[1000:1004] = 12 * prices.max()
    bills = compare(default_tariffs(), readings, late, prices, [0, 3])
    assert any(line.kind is LineKind.EXCESS and line.amount_micro > 0 for bill in bills for line in bill.lines)


def test_every_line_of_the_lot_is_posted() -> None:
    window = month_window(2016, 10, "Europe/Berlin", 900)
    readings, late = with_gaps(load(30, window).readings, 0.02, 0.02, 1)
    for bill in compare(default_tariffs(), readings, late, demo_prices(window), [0]):
        home = sum(p.amount_micro * (1 if p.debit.startswith("home:") else -1) for p in postings(bill))
        assert home == bill.total_micro


def london(series: Series, window: Window, homes: int) -> Readings:
    """Some of the complete London homes in one month."""
    cut = series.readings.cut(window)
    assert cut.window == window
    return Readings(cut.meters[:homes], window, cut.imported_wh[:homes], cut.exported_wh[:homes], cut.present[:homes])


def british() -> list[Tariff]:
    """The default tariffs in pounds and London hours."""
    return [replace(tariff, currency="GBP", tz="Europe/London", vat_bp=500) for tariff in default_tariffs()]


@pytest.mark.parametrize("month", [3, 10])
def test_real_london_homes(lcl: Series, month: int) -> None:
    window = month_window(2013, month, "Europe/London", 1800)
    assert len(window) == 31 * 48 + (-2 if month == 3 else 2)
    whole = london(lcl, window, 30)
    readings, late = with_gaps(whole, 0.02, 0.02, month)
    days = 50_000 + 400 * (np.arange(len(window)) % 48) ** 2
    compare(
        british(), readings, late, steps_of(days + np.random.default_rng(1).integers(0, 90_000, len(days))), [0, 1, 2]
    )


@pytest.mark.slow
def test_every_london_home_and_month_of_the_year(lcl: Series) -> None:
    homes, tariffs = len(lcl.readings.meters), british()
    assert homes == 90
    for month in range(1, 13):
        window = month_window(2013, month, "Europe/London", 1800)
        readings, late = with_gaps(london(lcl, window, homes), 0.02, 0.02, month)
        prices = steps_of(90_000 + 60_000 * (np.arange(len(window)) % 48 // 12) + 100 * (np.arange(len(window)) % 97))
        book = book_for_leaf(tariffs, 0, window, 0b01)
        table = usage(book, readings, late, {FEED: prices})
        feed = feed_prices(book, FEED, prices)
        announced = published(prices)
        for number, tariff in enumerate(tariffs):
            bills = price(tariff, book, table, feed if tariff.feed else None).bills()
            for row in range(number, homes, len(tariffs)):
                plain = plain_bill(tariff, month_of(readings, late, row), tariffs, announced)
                assert_equal(bills[row], plain)


def test_refined_tariffs_with_different_bands_agree_too() -> None:
    window = month_window(2016, 10, "Europe/Berlin", 900)
    flat, evening, *_ = default_tariffs()
    assert evening.kind is TariffKind.TIME_OF_USE
    week = tuple(0x00FF00 if day < 5 else 0 for day in range(7))
    rest = tuple(0xFFFFFF & ~mask for mask in week)
    office = replace(
        evening,
        name="office",
        bands=(replace(evening.bands[0], hours=week), replace(evening.bands[1], hours=rest)),
        valid_from=date(2016, 1, 1),
    )
    readings, late = with_gaps(load(30, window).readings, 0.02, 0.02, 9)
    compare([flat, evening, office], readings, late, demo_prices(window), [0, 5])

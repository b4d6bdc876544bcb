"""Books: the common refinement, and what does not fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms import weights
from quietgrid.billing import book_for_leaf, default_tariffs
from quietgrid.billing.books import band_weights, columns_of, feed_column, refine
from quietgrid.errors import InputError
from quietgrid.model.interval import Window, month_window
from quietgrid.model.question import Book
from quietgrid.model.tariff import Band, Tariff, TariffKind
from quietgrid.model.tariff_text import parse_hours

BERLIN = "Europe/Berlin"
WINDOW = month_window(2026, 3, BERLIN, 900)


def time_of_use(name: str, **bands: list[str]) -> Tariff:
    """A time-of-use tariff from hours in words; prices do not matter here."""
    made = tuple(Band(band, 100_000, parse_hours(lines)) for band, lines in bands.items())
    return Tariff(name, 1, "EUR", TariffKind.TIME_OF_USE, BERLIN, date(2020, 1, 1), made)


EARLY = time_of_use("early", night=["daily 22-6"], day=["daily 6-22"])
LATE = time_of_use("late", low=["daily 0-8"], high=["daily 8-24"])


def test_bands_of_two_tariffs_are_refined() -> None:
    book = book_for_leaf([EARLY, LATE], 3, WINDOW, 1)
    assert book.leaf == 3
    assert [v.name for v in book.vectors] == ["night / low", "day / low", "day / high", "night / high"]
    hours = [sum(mask.bit_count() for mask in v.hours) // 7 for v in book.vectors]
    assert hours == [6, 2, 14, 2]


def test_every_slot_is_in_one_band_also_on_the_short_day() -> None:
    bands = band_weights(book_for_leaf([EARLY, LATE, *default_tariffs()[:1]], 0, WINDOW, 3))
    rows = np.stack([w for column, w in bands.items() if column < 4])
    assert (rows.sum(axis=0) == 1).all()
    assert rows.shape[1] == 31 * 96 - 4


masks = st.lists(st.integers(1, 0xFFFFFE), min_size=7, max_size=7)


@given(st.lists(masks, min_size=1, max_size=3))
@settings(max_examples=50, deadline=None)
def test_the_refinement_prices_every_tariff(days: list[list[int]]) -> None:
    schedules = []
    for hours in days:
        rest = tuple(0xFFFFFF & ~mask for mask in hours)
        schedules.append((Band("a", 1, tuple(hours)), Band("b", 2, rest)))
    book = Book(0, Window(0, 96 * 28, 900), tuple(refine(schedules, 0, "UTC")))
    found = [v.hours if v.rule == "hours" else (0xFFFFFF,) * 7 for v in book.vectors]
    for day in range(7):
        assert sum(hours[day] for hours in found) == 0xFFFFFF  # disjoint and complete
    for bands in schedules:
        for band, columns in zip(bands, columns_of(book, bands, 0), strict=True):
            union = [sum(found[column][day] for column in columns) for day in range(7)]
            assert tuple(union) == band.hours


def test_the_same_tariff_twice_and_a_block_tariff_change_nothing() -> None:
    flat, _, block, _ = default_tariffs()
    assert book_for_leaf([EARLY, EARLY], 0, WINDOW, 1) == book_for_leaf([EARLY], 0, WINDOW, 1)
    assert [v.rule for v in book_for_leaf([flat, block], 0, WINDOW, 1).vectors] == ["all"]


def test_a_real_time_tariff_adds_its_prices_and_export_only_where_someone_exports() -> None:
    book = book_for_leaf(default_tariffs(), 0, WINDOW, 0b01)
    assert [v.rule for v in book.vectors] == ["hours", "hours", "hours", "prices"]
    assert book.vectors[feed_column(book, "day-ahead")].feed == "day-ahead"
    with pytest.raises(InputError, match="no price vector"):
        feed_column(book, "intraday")
    assert [v.name for v in book_for_leaf(default_tariffs(), 0, WINDOW, 0b11).vectors][-1] == "export"


def test_export_bands_are_refined_on_their_own() -> None:
    sun, rest = Band("sun", 1, parse_hours(["daily 9-17"])), Band("rest", 2, parse_hours(["daily 17-9"]))
    two = replace(EARLY, export_bands=(sun, rest))
    book = book_for_leaf([two, replace(LATE, export_bands=(Band("any", 3),))], 0, WINDOW, 3)
    assert [v.name for v in book.vectors if v.register == 1] == ["export rest", "export sun"]


def test_equal_names_are_told_apart() -> None:
    x = time_of_use("x", a=["daily 0-8"], b=["daily 8-24"])
    y = time_of_use("y", a=["daily 4-20"], b=["daily 20-4"])
    z = time_of_use("z", a=["daily 8-24"], b=["daily 0-8"])
    names = [v.name for v in book_for_leaf([x, y, z], 0, WINDOW, 1).vectors]
    assert names == ["a / b", "a / b (2)", "b / a", "b / a (2)"]


def test_the_books_made_pass_the_keyholders() -> None:
    book = book_for_leaf(default_tariffs(), 0, WINDOW, 3)
    prices = {"day-ahead": 100 * (300 + np.arange(len(WINDOW), dtype=np.int64) // 4 % 24 * 50)}
    weights.check_book(book, weights.resolve_book(book, prices))


@pytest.mark.parametrize(
    ("tariffs", "window", "what"),
    [
        ([], WINDOW, "has a tariff"),
        ([EARLY, replace(LATE, tz="Europe/London")], WINDOW, "time zones"),
        ([EARLY, LATE, time_of_use("x", a=["daily 3-12"], b=["daily 12-3"])], WINDOW, None),
        (
            [
                EARLY,
                LATE,
                time_of_use("x", a=["daily 3-12"], b=["daily 12-3"]),
                time_of_use("y", c=["daily 4-14"], d=["daily 14-4"]),
            ],
            WINDOW,
            "into 8 bands",
        ),
        ([time_of_use("x", a=["daily 18-19"], b=["daily 19-18"])], WINDOW, "keyholders would refuse"),
        ([time_of_use("x", off=["Sat 0-24"], on=["Mon-Fri,Sun 0-24"])], month_window(2026, 2, BERLIN, 900), "8 days"),
        ([EARLY], Window(0, 96 * 27, 900), "keyholders would refuse"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_so(tariffs: list[Tariff], window: Window, what: str | None) -> None:
    if what is None:
        assert len(book_for_leaf(tariffs, 0, window, 1).vectors) == 6
        return
    with pytest.raises(InputError, match=what) as caught:
        book_for_leaf(tariffs, 0, window, 1)
    assert caught.value.fix


def test_too_many_numbers_in_all() -> None:
    spot = default_tariffs()[3]
    feeds = [replace(spot, name=f"spot {i}", feed=f"feed {i}", export_bands=()) for i in range(6)]
    with pytest.raises(InputError, match="need 10 numbers"):
        book_for_leaf([EARLY, LATE, *feeds], 0, WINDOW, 1)

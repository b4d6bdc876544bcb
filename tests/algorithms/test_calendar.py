"""Holidays against published lists; local times over clock changes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from quietgrid.algorithms.calendar import Calendar, easter, holidays
from quietgrid.errors import InputError
from quietgrid.model.interval import Window, local_window

GB = {
    2013: "01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26",
    2020: "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28",
    2022: "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27",
    2026: "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
}
"""As gov.uk lists them for England and Wales."""


@pytest.mark.parametrize("year", sorted(GB))
def test_bank_holidays_of_england(year: int) -> None:
    assert " ".join(day.isoformat()[5:] for day in holidays("GB", year)) == GB[year]


def test_germany_and_the_netherlands() -> None:
    assert [day.isoformat()[5:] for day in holidays("DE", 2026)] == (
        ["01-01", "04-03", "04-06", "05-01", "05-14", "05-25", "10-03", "12-25", "12-26"]
    )
    assert date(2025, 4, 26) in holidays("NL", 2025)  # the 27th is a Sunday
    with pytest.raises(InputError, match="GB, DE, NL"):
        holidays("XX", 2026)


def test_easter_is_a_sunday_in_spring() -> None:
    for year in range(1900, 2101):
        found = easter(year)
        assert found.weekday() == 6
        assert date(year, 3, 22) <= found <= date(year, 4, 25)


def test_an_hour_that_is_missing_or_comes_twice_is_no_same_time() -> None:
    here = Calendar("Europe/Berlin", "DE")
    night = local_window(date(2026, 3, 30), date(2026, 3, 31), "Europe/Berlin", 900)
    at_two = Window(night.first + 8, night.first + 12, 900)
    assert here.same_time(at_two, -1) is None
    at_four = Window(night.first + 16, night.first + 20, 900)
    moved = here.same_time(at_four, -2)
    assert moved is not None
    assert np.array_equal(moved, np.arange(at_four.first, at_four.end) - 2 * 96 + 4)
    autumn = local_window(date(2026, 10, 26), date(2026, 10, 27), "Europe/Berlin", 900)
    assert here.same_time(Window(autumn.first + 8, autumn.first + 12, 900), -1) is None

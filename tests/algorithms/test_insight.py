"""Where a home stands."""

import pytest

from quietgrid.algorithms.insight import Community, Condition, Insight, from_digits, insight
from quietgrid.errors import InputError

ADVICE = ((Condition(0, True, 30), Condition(1, False, 8)), (Condition(1, True, 9),))
HERE = Community(2500, (1000, 2000, 3000), (1500,), (4, 9, 0), ADVICE)


def test_thresholds_are_reached_not_passed() -> None:
    assert insight(2500, (4, 9, 0), (30, 7), HERE) == Insight(0, 2, 1, (), (0,))
    assert insight(3000, (5, 9, 1), (29, 9), HERE) == Insight(1, 3, 1, (0, 2), (1,))
    assert insight(999, (0, 0, 0), (255, 8), HERE) == Insight(-1, 0, 0, (), ())


def test_refused() -> None:
    with pytest.raises(InputError, match="out of range"):
        insight(1 << 16, (0, 0, 0), (0, 0), HERE)
    with pytest.raises(InputError, match="hours"):
        insight(1, (0, 0), (0, 0), HERE)


def test_digits() -> None:
    assert from_digits([2, 3, 1, 0b101, 0b10], hours=3, advice=2) == Insight(1, 3, 1, (0, 2), (1,))
    with pytest.raises(InputError, match="digits"):
        from_digits([2, 3, 1, 5], hours=3, advice=2)

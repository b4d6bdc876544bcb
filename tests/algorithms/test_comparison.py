"""What a home is compared with, and what is said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.comparison import (
    CLASS_PERCENTS,
    NEVER,
    PERCENTS,
    community_of,
    scaled,
    thresholds,
    usual_of,
    verdict_of,
)
from quietgrid.algorithms.insight import Condition, Insight, insight
from quietgrid.errors import InputError
from quietgrid.model.insight import CLASSES, Features, features_of

COUNTS = st.lists(st.integers(-30, 60), min_size=4, max_size=4)
EDGES = (0, 100_000, 200_000, 400_000)


@given(COUNTS)
def test_thresholds_rise_and_stay_within_the_classes(counts: list[int]) -> None:
    found = thresholds(counts, EDGES)
    assert list(found) == sorted(found)
    assert all(0 <= wh <= 2 * EDGES[-1] for wh in found)
    assert len(found) == (len(PERCENTS) if any(count > 0 for count in counts) else 0)


@given(st.lists(st.integers(0, 799_999), min_size=1, max_size=60), st.sampled_from(PERCENTS))
def test_a_threshold_lies_in_the_class_of_its_quantile(months: list[int], percent: int) -> None:
    ends = (*EDGES[1:], 2 * EDGES[-1])
    counts = [sum(low <= month < high for month in months) for low, high in zip(EDGES, ends, strict=True)]
    (found,) = thresholds(counts, EDGES, (percent,))
    exact = sorted(months)[-(-percent * len(months) // 100) - 1]
    low, high = next((low, high) for low, high in zip(EDGES, ends, strict=True) if low <= exact < high)
    assert low <= found <= high


def test_the_profile_decides_which_hours_stand_out() -> None:
    flat = usual_of([300] * 24)
    assert set(flat) == {1000 * 150 // 2400 + 10}
    assert usual_of([]) == (NEVER,) * 24
    here = community_of(300_000, (), flat, ())
    evening = features_of(300_000, (200,) * 19 + (900,) * 2 + (200,) * 3, (0,) * 6)
    assert insight(evening.month, evening.profile, evening.values, here).hours == (19, 20)
    with pytest.raises(InputError, match="24 hours"):
        usual_of([1, 2, 3])


def test_scaling_by_averages() -> None:
    assert scaled((10_000, 20_000), 300_000, 200_000) == (15_000, 30_000)
    assert scaled((10_000,), -5, 200_000) == (10_000,)


@given(st.integers(0, 65_535), st.integers(1, 2_000_000))
def test_class_and_side_agree(month: int, average_wh: int) -> None:
    here = community_of(average_wh, (), usual_of([]), ())
    seen = verdict_of(insight(month, (0,) * 24, (0,) * 6, here), (), ())
    assert (seen.percent_low, seen.percent_high) == (0, 100)
    expected = sum(month >= average_wh * percent // 100 // 100 for percent in CLASS_PERCENTS)
    assert seen.letter == CLASSES[expected]
    assert seen.side == ("below" if month < here.average else "above" if month > here.average else "at")


def test_a_comparison_with_other_figures_is_refused() -> None:
    assert verdict_of(Insight(1, 3, 6, (), ()), (10, 20, 30), ()).percent_low == 30
    for wrong in (
        Insight(0, 4, 0, (), ()),
        Insight(0, 0, 7, (), ()),
        Insight(0, 0, 0, (), (1,)),
        Insight(2, 0, 0, (), ()),
    ):
        with pytest.raises(InputError, match="other figures"):
            verdict_of(wrong, (10, 20, 30), ("one",))


def test_features_count_what_is_too_large_as_the_largest() -> None:
    huge = features_of(10**9, (5,) + (0,) * 23, (10**6, 100, 300, -4, 0, 10**6))
    assert huge == Features(0xFFFF, (255,) + (0,) * 23, (255, 100, 255, 0, 0, 255))
    with pytest.raises(InputError, match="out of range"):
        Features(1 << 16, (0,) * 24, (0,) * 6)
    with pytest.raises(InputError, match="another number"):
        Features(1, (0,) * 23, (0,) * 6)


def test_rules_keep_their_order() -> None:
    here = community_of(1, (), usual_of([]), ((Condition(0, True, 3),), (Condition(1, False, 3),)))
    seen = insight(0, (0,) * 24, (3, 2, 0, 0, 0, 0), here)
    assert verdict_of(seen, (), ("a", "b")).advice == ("a", "b")

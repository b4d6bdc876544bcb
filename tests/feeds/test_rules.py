"""When reports make an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quietgrid.feeds import judge, refusal
from quietgrid.feeds.rules import bound, middle
from quietgrid.model.feed import FEEDS, FeedReport, feed_named

PRICE = feed_named("price")
NOW = 1_800_000_000
PRICES = st.integers(PRICE.lowest, PRICE.highest)


def report(answer: int, at: int = NOW) -> FeedReport:
    return FeedReport("price", 1, 0, answer, at, bytes(65))


def reports(*answers: int) -> dict[str, FeedReport]:
    return {f"r{n}": report(answer) for n, answer in enumerate(answers)}


def test_two_of_three_make_an_answer_and_the_third_is_named() -> None:
    found = judge(PRICE, PRICE.terms, reports(82_000, 82_400, 310_000), None)
    assert (found.answer, found.agreed, found.outliers) == (82_200, ("r0", "r1"), {"r2": 227_600})


def test_too_few_or_too_far_apart_make_none_and_say_so() -> None:
    alone = judge(PRICE, PRICE.terms, reports(82_000), None, ("r1", "r2"))
    assert (alone.answer, alone.why) == (None, "1 of 3 reporters reported, 2 are needed")
    apart = judge(PRICE, PRICE.terms, reports(0, 500_000, 900_000), None)
    assert apart.answer is None
    assert apart.why.startswith("1 of 3 reports agree within 0.010000 EUR/kWh")


def test_a_leap_needs_all_three() -> None:
    two = judge(PRICE, PRICE.terms, reports(500_000, 500_000), 80_000)
    assert two.answer is None
    assert "3 must agree, 2 do" in two.why
    assert judge(PRICE, PRICE.terms, reports(500_000, 500_000, 500_001), 80_000).answer == 500_000
    assert judge(PRICE, PRICE.terms, reports(180_000, 180_000), 80_000).answer == 180_000, "the bound itself is near"
    assert judge(PRICE, PRICE.terms, reports(180_001, 180_001), 80_000).answer is None


def test_what_cannot_count() -> None:
    def why(one: FeedReport, last: int = 0) -> str:
        return refusal(PRICE, PRICE.terms, one, last, NOW)

    assert why(report(1)) == ""
    assert why(report(1, NOW - 7_200)) == "", "as old as the heartbeat is not too old"
    assert why(report(1, NOW - 7_201)).startswith("stale: observed 7201 s ago")
    assert why(report(1, NOW + 300)) == ""
    assert why(report(1, NOW + 301)).startswith("from the future")
    assert why(report(1, NOW - 10), NOW - 9) == "older than the last answer"
    assert why(report(PRICE.highest + 1)).startswith("out of range")


@given(st.lists(PRICES, min_size=1, max_size=7))
def test_the_median_is_in_the_middle(values: list[int]) -> None:
    found = middle(values)
    assert sum(v <= found for v in values) * 2 >= len(values)
    assert sum(v >= found for v in values) * 2 >= len(values)
    assert found == middle(sorted(values, reverse=True))


@given(PRICES, st.integers(-400, 400), PRICES)
def test_one_liar_moves_the_answer_by_the_spread_at_most(honest: int, apart: int, lie: int) -> None:
    """Two that agree and one that says anything: an answer, and no further from them than the spread."""
    low, high = sorted((honest, honest + apart))
    found = judge(PRICE, PRICE.terms, reports(low, high, lie), None)
    assert found.answer is not None
    most = bound(middle([low, high, lie]), PRICE.terms.spread, PRICE.terms.smallest_spread)
    assert low - most <= found.answer <= high + most


@given(st.permutations(["r0", "r1", "r2"]), PRICES, PRICES, PRICES)
def test_the_order_of_reports_does_not_matter(order: list[str], a: int, b: int, c: int) -> None:
    held = reports(a, b, c)
    first, second = (judge(PRICE, PRICE.terms, r, None) for r in (held, {who: held[who] for who in order}))
    assert (first.answer, set(first.agreed), first.outliers) == (second.answer, set(second.agreed), second.outliers)


def test_every_feed_has_terms_that_hold_together() -> None:
    for feed in FEEDS.values():
        terms = feed.terms
        assert 2 <= terms.quorum <= terms.large_quorum <= 3, feed.name
        assert feed.lowest < feed.highest
        assert feed.shown(feed.lowest)

"""When reports make an answer: the arithmetic of `ValidatedFeed`, done here first so that a refusal can be explained.

Integers only, rounded as the contract rounds; tests hold both against each other on a real chain.

Source: `contracts/src/oracles/ValidatedFeed.sol`, `Median.sol`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quietgrid.model.feed import CLOCK_TOLERANCE_S, Feed, FeedReport, FeedTerms


@dataclass(frozen=True, slots=True)
class Verdict:
    """What some reports amount to.

    Args:
        answer: or None, and then `why` says why not. observed_at: the oldest observation that agreed.
        agreed: who. outliers: who, and how far from the median.
    """

    answer: int | None
    observed_at: int
    agreed: tuple[str, ...]
    outliers: Mapping[str, int]
    why: str = ""


def middle(values: Sequence[int]) -> int:
    """The median; of an even number the mean of the middle two, rounded down.

    >>> middle([5, 1, 3]), middle([-3, -2])
    (3, -3)
    """
    ordered = sorted(values)
    high = ordered[len(ordered) // 2]
    return high if len(ordered) % 2 else (ordered[len(ordered) // 2 - 1] + high) // 2


def bound(centre: int, share: int, smallest: int) -> int:
    """How far from a centre a value may be: a share of its size in ten-thousandths, and no less than a smallest."""
    return max(abs(centre) * share // 10_000, smallest)


def refusal(feed: Feed, terms: FeedTerms, report: FeedReport, last_observed: int, now: float) -> str:
    """Why a report cannot count, in words; empty if it can. `now`: Unix seconds of whoever takes it."""
    age = int(now) - report.observed_at
    if age > terms.heartbeat_s:
        return f"stale: observed {age} s ago, at most {terms.heartbeat_s} s"
    if -age > CLOCK_TOLERANCE_S:
        return f"from the future: observed {-age} s ahead of this clock"
    if report.observed_at < last_observed:
        return "older than the last answer"
    if not feed.lowest <= report.answer <= feed.highest:
        return f"out of range: {feed.shown(report.answer)} {feed.unit}"
    return ""


def judge(
    feed: Feed, terms: FeedTerms, reports: Mapping[str, FeedReport], last: int | None, missing: Sequence[str] = ()
) -> Verdict:
    """What reports amount to.

    Args:
        feed, terms: what and when it counts. reports: address -> report that `refusal` lets pass. last: the last
            answer, None before the first. missing: who has not reported, for the words.
    """
    if len(reports) < terms.quorum:
        why = f"{len(reports)} of {len(reports) + len(missing)} reporters reported, {terms.quorum} are needed"
        return Verdict(None, 0, (), {}, why)
    median = middle([report.answer for report in reports.values()])
    most = bound(median, terms.spread, terms.smallest_spread)
    off = {who: abs(report.answer - median) for who, report in reports.items()}
    agreed = tuple(who for who in reports if off[who] <= most)
    outliers = {who: far for who, far in off.items() if who not in agreed}
    if len(agreed) < terms.quorum:
        why = f"{len(agreed)} of {len(reports)} reports agree within {feed.shown(most)} {feed.unit}, "
        return Verdict(None, 0, agreed, outliers, f"{why}{terms.quorum} are needed")
    answer = middle([reports[who].answer for who in agreed])
    observed = min(reports[who].observed_at for who in agreed)
    why = _too_far(feed, terms, answer, last, len(agreed))
    return Verdict(None if why else answer, observed, agreed, outliers, why)


def _too_far(feed: Feed, terms: FeedTerms, answer: int, last: int | None, agreeing: int) -> str:
    if last is None or agreeing >= terms.large_quorum:
        return ""
    most = bound(last, terms.deviation, terms.smallest_deviation)
    if abs(answer - last) <= most:
        return ""
    return (
        f"{feed.shown(answer)} is more than {feed.shown(most)} {feed.unit} from the last answer: "
        f"{terms.large_quorum} must agree, {agreeing} do"
    )

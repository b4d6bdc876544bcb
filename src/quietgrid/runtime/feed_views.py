"""Feeds for people: each feed's newest answer, how old it is, who agreed and who did not, and whether the chain has it.

Made from what is kept, so that a command can show it while the platform runs or is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from quietgrid.feeds import FeedState
from quietgrid.model.feed import FEEDS, Feed, FeedAnswer
from quietgrid.runtime.feeding import chain_side, on_its_way, terms_now
from quietgrid.store.stores import PlatformTx


@dataclass(frozen=True, slots=True)
class ReporterView:
    """What one reporter did in a round.

    Args:
        address, name: who. state: ``agreed``, ``outlier``, ``silent`` or ``refused``. answer: reported, or None.
        why: of a refusal, in words.
    """

    address: str
    name: str
    state: str
    answer: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class FeedView:
    """One feed.

    Args:
        feed: which, with the terms that hold now. state: ``fresh``, ``stale`` or ``waiting`` (no answer yet).
        answer: the newest. age_s: of its oldest observation. reporters: of that round. on_chain: ``recorded``, ``on its
            way``, ``refused``, ``here only`` or ``no oracle``. round_id: newest round on the chain. note: why there is
            no newer answer.
    """

    feed: Feed
    state: str
    answer: FeedAnswer | None
    age_s: int | None
    reporters: tuple[ReporterView, ...]
    on_chain: str
    round_id: int
    note: str = ""


def feed_views(
    tx: PlatformTx, names: Mapping[str, str], now: float, states: Mapping[str, FeedState] | None = None
) -> list[FeedView]:
    """All feeds.

    Args:
        tx: of the platform. names: address -> name of reporters. now: this machine's clock. states: how far the
            present rounds are, from the collector if it runs here.
    """
    return [_view(tx, feed, names, now, (states or {}).get(feed.name) or FeedState()) for feed in FEEDS.values()]


def _view(tx: PlatformTx, feed: Feed, names: Mapping[str, str], now: float, state: FeedState) -> FeedView:
    terms = terms_now(tx, feed.contract) if feed.contract else None
    feed = feed if terms is None else replace(feed, terms=terms)
    answer = tx.feeds.latest(feed.name)
    reached = chain_side(tx, feed.contract).round_id if feed.contract else 0
    if answer is None:
        waiting = tuple(ReporterView(who, name, "silent") for who, name in names.items())
        return FeedView(feed, "waiting", None, None, _refused(waiting, state), "here only", reached, state.note)
    age = max(0, int(now) - answer.observed_at)
    return FeedView(
        feed, "stale" if age > feed.terms.heartbeat_s else "fresh", answer, age,
        _refused(_reporters(answer, names), state), _on_chain(tx, feed, answer, reached), reached, state.note,
    )  # fmt: skip


def _reporters(answer: FeedAnswer, names: Mapping[str, str]) -> tuple[ReporterView, ...]:
    everyone = [*names, *(who for who in (*answer.reports, *answer.silent) if who not in names)]
    out = []
    for who in everyone:
        report = answer.reports.get(who)
        state = "silent" if report is None else "outlier" if who in answer.outliers else "agreed"
        out.append(ReporterView(who, names.get(who, who[:10]), state, report.answer if report else None))
    return tuple(out)


def _refused(reporters: tuple[ReporterView, ...], state: FeedState) -> tuple[ReporterView, ...]:
    """Whose report of the present round cannot count, and why."""
    return tuple(
        ReporterView(one.address, one.name, "refused", one.answer, state.refused[one.address])
        if one.address in state.refused
        else one
        for one in reporters
    )


def _on_chain(tx: PlatformTx, feed: Feed, answer: FeedAnswer, reached: int) -> str:
    if not feed.contract:
        return "no oracle"
    if not answer.sending:
        return "here only"
    if answer.round_id <= reached:
        return "recorded"
    return "on its way" if on_its_way(tx, feed, answer.round_id)[0] else "refused"

"""The collector: asks reporters for a round, takes what they sign, and keeps what a quorum agrees on.

Reports are kept in memory until a round ends: after a crash the round is asked for again and reporters hand over the
same reports again. What was agreed on is kept before it goes anywhere. A round that fails is asked for again with the
newest interval; nothing else waits for a feed, and a feed that gets no answer becomes stale and says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from quietgrid.chain.reports import Place, signer
from quietgrid.errors import ConflictError, InputError, VerificationError
from quietgrid.feeds.rules import judge, refusal
from quietgrid.model.feed import FEEDS, Feed, FeedAnswer, FeedReport, FeedRequest, FeedTerms, feed_named


@dataclass(frozen=True, slots=True)
class Ground:
    """What a round of a feed stands on.

    Args:
        place: where its answer counts. reporters: who may report. terms: when it counts. round_id: of the next round.
        last, last_observed: the answer before, or None and 0.
    """

    place: Place
    reporters: tuple[str, ...]
    terms: FeedTerms
    round_id: int
    last: int | None
    last_observed: int


class Books(Protocol):
    """Where answers are kept; every call is a commit of its own."""

    def ground(self, feed: Feed) -> Ground | None:
        """What the next round stands on; None while nobody knows (no contract yet)."""

    def latest(self, feed: Feed) -> FeedAnswer | None:
        """The newest answer."""

    def keep(self, answer: FeedAnswer, place: Place) -> None:
        """Keep an answer under the next number, and send it to the chain if it can go there."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, in seconds of this machine's clock.

    Args:
        every_s: between two rounds of a feed at least. wait_s: for the rest of the reporters after the first.
        ask_s: until a request nobody answers is renewed. again_s: after a round that failed.
    """

    every_s: float = 30.0
    wait_s: float = 5.0
    ask_s: float = 10.0
    again_s: float = 5.0


@dataclass
class FeedState:
    """How far the round of a feed is.

    Args:
        asked: the open request. asked_at, first_at: when it was made, and when the first report came. reports: by
            address. refused: address -> why. note: why there is no answer, in words. rest_until: no request before.
    """

    asked: FeedRequest | None = None
    asked_at: float = 0.0
    first_at: float = 0.0
    reports: dict[str, FeedReport] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    note: str = ""
    rest_until: float = 0.0


class Collector:
    """All feeds of a community. Any thread may call.

    Args:
        books: where answers are kept. now: this machine's clock. interval: start of the community's present interval,
            Unix seconds. feeds: which. pace: how fast.
    """

    def __init__(
        self, books: Books, now: Callable[[], float], interval: Callable[[], int],
        feeds: Sequence[Feed] = tuple(FEEDS.values()), pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self._books, self._now, self._interval = books, now, interval
        self.feeds, self._pace = tuple(feeds), pace or Pace()
        self._states = {feed.name: FeedState() for feed in feeds}
        self._lock = threading.RLock()

    # -- for reporters ---------------------------------------------------------------------------------------------

    def asked(self) -> list[FeedRequest]:
        """The open requests."""
        with self._lock:
            return [state.asked for state in self._states.values() if state.asked is not None]

    def take(self, report: FeedReport) -> bool:
        """Take a report for an open round; False if it was taken before.

        Raises:
            NotFoundError: no such feed. ConflictError: another round is open, or this reporter reported otherwise.
            VerificationError: not signed by a reporter of this feed. InputError: stale, from the future, out of range.
        """
        feed = feed_named(report.feed)
        with self._lock:
            state, ground = self._states[feed.name], self._books.ground(feed)
            if state.asked is None or ground is None or not _fits(report, state.asked):
                if self._is_kept(feed, report):
                    return False
                open_ = f"round {state.asked.round_id} is open" if state.asked else "no round is open"
                raise ConflictError(open_, where=f"{feed.name} round {report.round_id}", fix="ask what is wanted now")
            place = Place(state.asked.chain_id, state.asked.contract)
            who = signer(place, report.round_id, report.answer, report.observed_at, report.signature)
            if who not in ground.reporters:
                raise VerificationError("this signer is not a reporter", where=who, fix="have it voted in")
            known = state.reports.get(who)
            if known is not None:
                if known == report:
                    return False
                raise ConflictError("one report a round", where=who, fix="the first one holds")
            why = refusal(feed, ground.terms, report, ground.last_observed, self._now())
            if why:
                state.refused[who] = why
                raise InputError(f"this report cannot count: {why}", where=f"{feed.name}, {who}", fix="look again")
            state.refused.pop(who, None)
            state.first_at = state.first_at or self._now()
            state.reports[who] = report
            return True

    # -- for the platform ------------------------------------------------------------------------------------------

    def step(self) -> list[FeedAnswer]:
        """Do what is due; the answers that were agreed on."""
        with self._lock:
            found = [self._step(feed, self._states[feed.name]) for feed in self.feeds]
        return [answer for answer in found if answer is not None]

    def state(self, feed: Feed) -> FeedState:
        """How far a feed's round is: a copy."""
        with self._lock:
            one = self._states[feed.name]
            return FeedState(
                one.asked, one.asked_at, one.first_at, dict(one.reports), dict(one.refused), one.note, one.rest_until
            )

    def _step(self, feed: Feed, state: FeedState) -> FeedAnswer | None:
        ground, now = self._books.ground(feed), self._now()
        if ground is None:
            state.asked, state.note = None, "waiting for the feed's contract"
            return None
        asked = state.asked
        if asked is not None and (asked.round_id, _place(asked)) != (ground.round_id, ground.place):
            asked = state.asked = None  # the chain went on, or back
        if asked is None:
            if now >= state.rest_until and self._is_due(feed, now):
                self._ask(feed, state, ground, now)
            return None
        everyone = len(state.reports) >= len(ground.reporters)
        if everyone or (state.reports and now - state.first_at >= self._pace.wait_s):
            return self._conclude(feed, state, ground, asked)
        if not state.reports and now - state.asked_at >= self._pace.ask_s:
            why = next(iter(state.refused.values()), "")
            state.note = f"reports refused: {why}" if why else "no reporter reported"
            self._ask(feed, state, ground, now)
        return None

    def _is_due(self, feed: Feed, now: float) -> bool:
        """A new interval and some time since the last; and once half a heartbeat, though the interval is the same."""
        last = self._books.latest(feed)
        if last is None:
            return True
        same = last.interval == self._interval()
        return now - last.at >= (feed.terms.heartbeat_s / 2 if same else self._pace.every_s)

    def _ask(self, feed: Feed, state: FeedState, ground: Ground, now: float) -> None:
        place = ground.place
        state.asked = FeedRequest(feed.name, ground.round_id, self._interval(), place.chain_id, place.contract)
        state.asked_at, state.first_at = now, 0.0
        state.reports, state.refused = {}, {}

    def _conclude(self, feed: Feed, state: FeedState, ground: Ground, asked: FeedRequest) -> FeedAnswer | None:
        now = self._now()
        silent = tuple(who for who in ground.reporters if who not in state.reports)
        verdict = judge(feed, ground.terms, state.reports, ground.last, silent)
        state.asked = None
        if verdict.answer is None:
            state.note, state.rest_until = verdict.why, now + self._pace.again_s
            return None
        answer = FeedAnswer(
            feed.name, 0, asked.round_id, asked.interval, verdict.answer, verdict.observed_at, now, "",
            dict(state.reports), verdict.agreed, tuple(verdict.outliers), silent,
        )  # fmt: skip
        self._books.keep(answer, ground.place)
        state.note = ""
        return answer

    def _is_kept(self, feed: Feed, report: FeedReport) -> bool:
        """Whether a report is one of the newest answer's, handed over once more."""
        last = self._books.latest(feed)
        return last is not None and report in last.reports.values()


def _fits(report: FeedReport, asked: FeedRequest) -> bool:
    return (report.round_id, report.interval) == (asked.round_id, asked.interval)


def _place(asked: FeedRequest) -> Place:
    return Place(asked.chain_id, asked.contract)

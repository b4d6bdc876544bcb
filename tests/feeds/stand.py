"""Reporters and a collector side by side, with a clock that is set by hand and books in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from quietgrid.chain.reports import Place, ReporterKey
from quietgrid.errors import NotFoundError
from quietgrid.feeds import Collector, Ground, Reporter
from quietgrid.feeds.collector import Pace
from quietgrid.feeds.reporter import NOWHERE
from quietgrid.model.feed import FEEDS, Feed, FeedAnswer, feed_named

NOW = 1_800_000_000.0
INTERVAL = 1_464_739_200
PRICE = feed_named("price")
PACE = Pace(every_s=30, wait_s=5, ask_s=10, again_s=5)


@dataclass
class Fixed:
    """A source that says one number, or nothing."""

    said: Decimal | None

    def value(self, at: int) -> Decimal:
        if self.said is None:
            raise NotFoundError("the source has no value for this interval", where="test")
        return self.said


@dataclass
class Shelf:
    """Books in memory. `reporters` may report; rounds count up."""

    reporters: tuple[str, ...]
    place: Place = NOWHERE
    kept: list[FeedAnswer] = field(default_factory=list)
    known: bool = True

    def ground(self, feed: Feed) -> Ground | None:
        last = self.latest(feed)
        held = (last.answer, last.observed_at) if last else (None, 0)
        return Ground(self.place, self.reporters, feed.terms, len(self.kept) + 1, *held) if self.known else None

    def latest(self, feed: Feed) -> FeedAnswer | None:
        return self.kept[-1] if self.kept else None

    def keep(self, answer: FeedAnswer, place: Place) -> None:
        self.kept.append(replace(answer, number=len(self.kept) + 1))


class Stand:
    """Three reporters of the price and the collector."""

    def __init__(self) -> None:
        self.now, self.interval = NOW, INTERVAL
        self.sources = [Fixed(Decimal("82.3")) for _ in range(3)]
        self.keys = [ReporterKey(bytes([n + 1]) * 32) for n in range(3)]
        self.shelf = Shelf(tuple(key.address for key in self.keys))
        self.reporters = [self.reporter(n) for n in range(3)]
        self.collector = self.started()

    def started(self) -> Collector:
        return Collector(self.shelf, lambda: self.now, lambda: self.interval, (PRICE,), PACE)

    def reporter(self, number: int, clock: Callable[[], float] | None = None) -> Reporter:
        return Reporter(
            self.keys[number], {"price": (self.sources[number], "EUR/MWh")}, lambda: dict.fromkeys(FEEDS, NOWHERE),
            lambda: float(self.interval), clock or (lambda: self.now),
        )  # fmt: skip

    def hand_over(self, *numbers: int) -> None:
        """These reporters answer what is asked."""
        for asked in self.collector.asked():
            for number in numbers:
                self.collector.take(self.reporters[number].answer(asked))

    def round(self, *numbers: int) -> FeedAnswer | None:
        """Half a minute later: ask, have these report, wait for the rest, conclude."""
        self.now += 30
        self.interval += 900
        self.collector.step()
        self.hand_over(*numbers)
        self.now += PACE.wait_s
        return next(iter(self.collector.step()), None)

"""`Feed`: a number from the world outside; `FeedRequest`, `FeedReport`, `FeedAnswer`: how it gets here.

Two times, never mixed. `interval` is what a number is about, by the community's clock. `observed_at` is when a reporter
looked, by the clock of its own machine: that is what becomes too old, here and on the chain. In real life both clocks
are one; in the demo the community's runs through a replayed year (decision 0026).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from quietgrid.errors import NotFoundError

NOBODY = "0x" + "00" * 20
"""The contract of a feed that is on no chain."""
CLOCK_TOLERANCE_S = 300
"""How far an observation may be ahead of the clock of whoever takes it (`ValidatedFeed.CLOCK_TOLERANCE`)."""


@dataclass(frozen=True, slots=True)
class FeedTerms:
    """When an answer counts; the same numbers as `ValidatedFeed.Config`.

    Args:
        heartbeat_s: seconds after which an observation is too old. quorum: sources that must agree. large_quorum: on an
            answer beyond the deviation bound. spread: how far a report may be from the median, in ten-thousandths of
            it. deviation: how far an answer may be from the last, likewise. smallest_spread, smallest_deviation: never
            less than this, in the unit of the answers.
    """

    heartbeat_s: int = 7_200
    quorum: int = 2
    large_quorum: int = 3
    spread: int = 200
    deviation: int = 2_000
    smallest_spread: int = 1
    smallest_deviation: int = 1


@dataclass(frozen=True, slots=True)
class Feed:
    """One quantity that reporters watch.

    Args:
        name: short. label: for people. unit: of the shown number. decimals: digits of an answer after the point.
        lowest, highest: what an answer can be. terms: see there; a vote may change them on the chain.
        contract: its oracle's name in the address book; empty for a feed that is on no chain.
    """

    name: str
    label: str
    unit: str
    decimals: int
    lowest: int
    highest: int
    terms: FeedTerms
    contract: str = ""

    def shown(self, answer: int) -> str:
        """An answer in the feed's unit, without the unit.

        >>> feed_named("price").shown(82_300), feed_named("temperature").shown(-500), feed_named("load").shown(48_200)
        ('0.082300', '-0.500', '48200')
        """
        if not self.decimals:
            return str(answer)
        whole, part = divmod(abs(answer), 10**self.decimals)
        return f"{'-' if answer < 0 else ''}{whole}.{part:0{self.decimals}d}"


FEEDS: Mapping[str, Feed] = MappingProxyType({
    feed.name: feed
    for feed in (
        Feed("price", "Energy price", "EUR/kWh", 6, -10_000_000, 10_000_000,
             FeedTerms(smallest_spread=1_000, smallest_deviation=100_000), "PriceOracle"),
        Feed("temperature", "Outdoor temperature", "°C", 3, -90_000, 60_000,
             FeedTerms(smallest_spread=1_000, smallest_deviation=8_000), "WeatherOracle"),
        Feed("load", "Grid load", "W", 0, -(10**12), 10**12,
             FeedTerms(smallest_spread=1_000, smallest_deviation=250_000), "GridOracle"),
        Feed("carbon", "Carbon intensity", "g/kWh", 0, 0, 5_000,
             FeedTerms(smallest_spread=10, smallest_deviation=300)),
    )
})  # fmt: skip
"""The community's feeds. The first three have an oracle on the chain."""


def feed_named(name: str) -> Feed:
    """A feed by its name.

    Raises:
        NotFoundError: there is none.
    """
    if name not in FEEDS:
        raise NotFoundError("there is no such feed", where=name[:40], fix="one of: " + ", ".join(FEEDS))
    return FEEDS[name]


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """What the platform asks reporters for.

    Args:
        feed: its name. round_id: the next round. interval: start of the interval it is about, Unix seconds of the
            community's clock. chain_id, contract: where the answer will be kept; 0 and `NOBODY` where on no chain.
    """

    feed: str
    round_id: int
    interval: int
    chain_id: int
    contract: str


@dataclass(frozen=True, slots=True)
class FeedReport:
    """One reporter's observation. It says nothing about a household.

    Args:
        feed, round_id, interval: as asked. answer: in the feed's unit and decimals. observed_at: Unix seconds of the
            reporter's own clock. signature: 65 bytes over EIP-712 `Report(uint80,int256,uint64)`.
    """

    feed: str
    round_id: int
    interval: int
    answer: int
    observed_at: int
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """What a quorum agreed on.

    Args:
        feed, round_id, interval, answer: see there. number: 1, 2, … as kept here. observed_at: the oldest observation
            that agreed. at: when it was taken. sending: its key in the outbox; empty if it was not sent to a chain.
        reports: reporter's address -> its report. agreed, outliers, silent: addresses.
    """

    feed: str
    number: int
    round_id: int
    interval: int
    answer: int
    observed_at: int
    at: float
    sending: str = ""
    reports: Mapping[str, FeedReport] = field(default_factory=dict)
    agreed: tuple[str, ...] = ()
    outliers: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

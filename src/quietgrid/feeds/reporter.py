"""One reporter: looks where it was told to look, signs what it saw, and for nothing else.

The platform asks; the reporter decides. It signs only for the contracts of its own address book, only about an interval
that is now by its own clock of the community, and only what its own sources say.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from quietgrid.chain.book import AddressBook
from quietgrid.chain.reports import Place, ReporterKey
from quietgrid.errors import ConfigError, ConflictError, NotFoundError, QuietgridError, RefusedError
from quietgrid.feeds.sources import Source, as_answer
from quietgrid.feeds.web import SaidNo, check_address, exchange
from quietgrid.model.feed import FEEDS, NOBODY, FeedReport, FeedRequest, feed_named

LOG = logging.getLogger("quietgrid.feeds")
ASKED, REPORTS = "/api/v1/feeds/asked", "/api/v1/feeds/reports"
MOST_BYTES = 1 << 16
NOWHERE = Place(0, NOBODY)
"""Where a feed that is on no chain is signed for."""


class Reporter:
    """Answers requests.

    Args:
        key: its account. sources: feed -> source and its unit. places: where each feed's answers count; asked anew
            every time, since contracts may come later. community: the community's clock. now: this machine's.
    """

    def __init__(
        self, key: ReporterKey, sources: Mapping[str, tuple[Source, str]], places: Callable[[], Mapping[str, Place]],
        community: Callable[[], float], now: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.key, self._sources, self._places = key, sources, places
        self._community, self._now = community, now
        self._given: dict[str, tuple[FeedRequest, FeedReport]] = {}

    def answer(self, asked: FeedRequest) -> FeedReport:
        """A signed report; for the same request the same one again.

        Raises:
            RefusedError: another contract, or an interval that is not now. NotFoundError: no source, or it has no
            value. SourceError, UnavailableError: the source cannot be read.
        """
        known = self._given.get(asked.feed)
        if known is not None and known[0] == asked:
            return known[1]
        feed = feed_named(asked.feed)
        place = self._places().get(feed.name)
        if place is None or place != Place(asked.chain_id, asked.contract):
            raise RefusedError(
                "this is not the feed's contract here", where=feed.name, fix="check --contracts and --chain-id"
            )
        self._check_now(asked, feed.terms.heartbeat_s)
        if feed.name not in self._sources:
            raise NotFoundError("this reporter has no source of this feed", where=feed.name, fix="add one")
        source, unit = self._sources[feed.name]
        answer, observed = as_answer(feed, source.value(asked.interval), unit), int(self._now())
        signature = self.key.sign(place, asked.round_id, answer, observed)
        report = FeedReport(feed.name, asked.round_id, asked.interval, answer, observed, signature)
        self._given[feed.name] = (asked, report)
        return report

    def _check_now(self, asked: FeedRequest, heartbeat_s: int) -> None:
        """Whoever asks about yesterday would get an old number under a new date."""
        now = self._community()
        if not now - heartbeat_s <= asked.interval <= now:
            raise RefusedError("this interval is not now", where=asked.feed, fix="check the reporter's clock")


def places(book: Path | None, chain_id: int) -> Callable[[], Mapping[str, Place]]:
    """Where feeds count: on no chain without a book.

    Args:
        book: addresses by chain. chain_id: which; 0: the only one that is in the book.
    """

    def found() -> dict[str, Place]:
        if book is None:
            return dict.fromkeys(FEEDS, NOWHERE)
        known = AddressBook(book).chains()
        here = chain_id or (known[0] if len(known) == 1 else 0)
        addresses = AddressBook(book).of(here)
        oracles = {f.name: Place(here, addresses[f.contract]) for f in FEEDS.values() if f.contract in addresses}
        return oracles | {f.name: NOWHERE for f in FEEDS.values() if not f.contract}

    return found


def run(reporter: Reporter, platform: str, stopping: Callable[[], bool], poll_s: float = 2.0) -> None:
    """Ask the platform what it wants to know, and report, until told to stop; troubles are logged once each.

    Args:
        reporter: see there. platform: its address. stopping: whether to end. poll_s: seconds between two looks.

    Raises:
        ConfigError: the address cannot be asked.
    """
    base = check_address(platform).rstrip("/")
    told: dict[str, str] = {}
    handed: dict[str, FeedReport] = {}
    while not stopping():
        try:
            wanted = requests_of(exchange(base + ASKED, most=MOST_BYTES))
            told.pop("platform", None)
        except ConfigError:
            raise
        except QuietgridError as error:
            _tell(told, "platform", error)
            wanted = []
        for asked in wanted:
            try:
                report = reporter.answer(asked)
                if handed.get(asked.feed) != report:
                    exchange(base + REPORTS, as_json(report), most=MOST_BYTES)
                    handed[asked.feed] = report
                told.pop(asked.feed, None)
            except SaidNo as error:
                handed[asked.feed] = report  # a refusal stays one; the next request is another
                _tell(told, asked.feed, error)
            except QuietgridError as error:
                _tell(told, asked.feed, error)
        _pause(poll_s, stopping)


def requests_of(said: Any) -> list[FeedRequest]:
    """What the platform asks for.

    Raises:
        ConflictError: it says something else.
    """
    try:
        return msgspec.convert(said["asked"], list[FeedRequest])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ConflictError("the platform asks in another form", where=ASKED, fix="run the same version") from error


def as_json(report: FeedReport) -> dict[str, Any]:
    """A report as it is handed over."""
    return {
        "feed": report.feed, "round_id": report.round_id, "interval": report.interval, "answer": report.answer,
        "observed_at": report.observed_at, "signature": "0x" + report.signature.hex(),
    }  # fmt: skip


def _tell(told: dict[str, str], what: str, error: QuietgridError) -> None:
    if told.get(what) != str(error):
        told[what] = str(error)
        LOG.warning("%s: %s", what, error)


def _pause(seconds: float, stopping: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stopping() and time.monotonic() < end:
        time.sleep(min(0.2, max(0.0, end - time.monotonic())))

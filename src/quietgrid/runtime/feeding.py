"""The feeds' collector at work: its answers in the store, its rounds on the chain, one thread that looks.

The chain has one round after the other and takes none that is too old. So of a feed at most one round is on its way; as
long as it is, or the node is away, further answers are kept here only, and the next one after that goes out. Where a
round stands is read from what contracts said (the indexer's events), so a restart or a reorganisation needs no repair.

Privacy: reports are of public quantities; no household's data comes near them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from quietgrid.chain.reports import Place, checksummed
from quietgrid.errors import NotFoundError, QuietgridError
from quietgrid.feeds import Collector, Ground
from quietgrid.feeds.collector import Pace
from quietgrid.feeds.reporter import NOWHERE
from quietgrid.model.feed import FEEDS, Feed, FeedAnswer, FeedTerms
from quietgrid.model.sending import ChainEvent, SendState
from quietgrid.runtime.onchain import OnChain
from quietgrid.store.stores import PlatformStore, PlatformTx

LOG = logging.getLogger("quietgrid.feeds")
LOOK_S = 0.5


@dataclass(frozen=True)
class ReporterFolders:
    """Where the reporters' public addresses are, and, in the demo, their own folders.

    Args:
        path: holds a folder for each: `0`, `1`, … with `address` in it.
    """

    path: Path

    def folder(self, index: int) -> Path:
        """Everything of one reporter."""
        return self.path / str(index)

    def addresses(self) -> dict[str, str]:
        """Address -> name of every reporter that is known here."""
        found = sorted(self.path.glob("*/address"), key=lambda path: path.parent.name)
        return {path.read_text(encoding="ascii").strip(): f"reporter {path.parent.name}" for path in found}


@dataclass(frozen=True, slots=True)
class ChainSide:
    """What contracts said of one feed.

    Args:
        round_id: the newest round, 0 before the first. answer, observed_at: its own. agreeing: how many agreed.
    """

    round_id: int = 0
    answer: int | None = None
    observed_at: int = 0
    agreeing: int = 0


class StoreBooks:
    """The collector's books.

    Args:
        store: the platform's. chain: what is written to, None while there is none yet. with_chain: whether this
            community has one. reporters: address -> name, for feeds that are on no chain.
    """

    def __init__(
        self, store: PlatformStore, chain: Callable[[], OnChain | None], with_chain: bool, reporters: Mapping[str, str]
    ) -> None:
        self._store, self._chain, self._with_chain, self._reporters = store, chain, with_chain, reporters

    def ground(self, feed: Feed) -> Ground | None:
        """See `feeds.Books`."""
        last = self.latest(feed)
        held, seen = (last.answer, last.observed_at) if last else (None, 0)
        if not feed.contract or not self._with_chain:
            number = last.number if last else 0
            return Ground(NOWHERE, tuple(self._reporters), feed.terms, number + 1, held, seen)
        chain = self._chain()
        if chain is None or feed.contract not in chain.addresses:
            return None
        with self._store.read() as tx:
            terms, who = _ruled(tx, feed.contract)
            if terms is None or who is None:
                return None  # the indexer has not come that far
            side = chain_side(tx, feed.contract)
            waiting, _ = on_its_way(tx, feed, side.round_id + 1)
        place = Place(chain.chain_id, chain.addresses[feed.contract])
        if waiting and last is not None:
            return Ground(place, who, terms, side.round_id + 2, held, seen)
        return Ground(place, who, terms, side.round_id + 1, side.answer, side.observed_at)

    def latest(self, feed: Feed) -> FeedAnswer | None:
        """See `feeds.Books`."""
        with self._store.read() as tx:
            return tx.feeds.latest(feed.name)

    def keep(self, answer: FeedAnswer, place: Place) -> None:
        """See `feeds.Books`."""
        feed = FEEDS[answer.feed]
        chain = self._chain() if place != NOWHERE else None
        reachable = chain is not None and chain.standing().reachable
        with self._store.begin() as tx:
            key = ""
            if chain is not None and reachable:
                side = chain_side(tx, feed.contract)
                waiting, free = on_its_way(tx, feed, side.round_id + 1)
                if not waiting and answer.round_id == side.round_id + 1:
                    key = free
                    _queue(tx, key, chain.account, place, feed, answer)
            tx.feeds.put(replace(answer, sending=key))


def chain_side(tx: PlatformTx, contract: str) -> ChainSide:
    """What contracts said of a feed last."""
    said = tx.chain.events(contract=contract, name="RoundAccepted", limit=1)
    if not said:
        return ChainSide()
    values = said[0].values
    return ChainSide(int(values["roundId"]), int(values["answer"]), int(values["observedAt"]), int(values["agreeing"]))


def terms_now(tx: PlatformTx, contract: str) -> FeedTerms | None:
    """The terms that hold now, which a vote may have changed; None while the contract has said nothing."""
    return _ruled(tx, contract)[0]


def _ruled(tx: PlatformTx, contract: str) -> tuple[FeedTerms | None, tuple[str, ...] | None]:
    """The terms and the reporters that hold now: as the contract said when they changed last."""
    terms = _newest(tx, contract, "ConfigChanged")
    who = _newest(tx, contract, "ReportersChanged")
    return (
        None if terms is None else FeedTerms(*(int(number) for number in terms.values["config"])),
        None if who is None else tuple(checksummed(one) for one in who.values["reporters"]),
    )


def _newest(tx: PlatformTx, contract: str, name: str) -> ChainEvent | None:
    return next(iter(tx.chain.events(contract=contract, name=name, limit=1)), None)


def on_its_way(tx: PlatformTx, feed: Feed, round_id: int) -> tuple[bool, str]:
    """Whether a round was sent and not refused; and the first key nobody used."""
    number = 1
    while True:
        key = f"feed {feed.name} {round_id}" + (f" try {number}" if number > 1 else "")
        try:
            if tx.chain.sending(key).state is not SendState.FAILED:
                return True, key
        except NotFoundError:
            return False, key
        number += 1


def _queue(tx: PlatformTx, key: str, account: str, place: Place, feed: Feed, answer: FeedAnswer) -> None:
    from quietgrid.chain import abi

    reports: list[Any] = [(one.answer, one.observed_at, one.signature) for _, one in sorted(answer.reports.items())]
    call = abi.call(feed.contract, place.contract, "submit", answer.round_id, reports)
    tx.chain.queue(key, account, call.to, call.data, call.what)


class FeedsWorker:
    """The thread that looks after the feeds.

    Args:
        collector: see there. books: its books. names: reporter's address -> name. with_chain: see `StoreBooks`.
    """

    def __init__(self, collector: Collector, books: StoreBooks, names: Mapping[str, str], with_chain: bool) -> None:
        self.collector, self.books, self.names, self.with_chain = collector, books, names, with_chain
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeds", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; waits at most three seconds."""
        self._stop.set()
        self._thread.join(3)

    def _run(self) -> None:
        told = ""
        while not self._stop.wait(LOOK_S):
            try:
                self.collector.step()
                told = ""
            except QuietgridError as error:
                if told != str(error):
                    LOG.warning("%s", error)
                told = str(error)


def feeds_at(
    store: PlatformStore, reporters: ReporterFolders, chain: Callable[[], OnChain | None], with_chain: bool,
    interval: Callable[[], int], pace: Pace | None = None,
) -> FeedsWorker:  # fmt: skip
    """The feeds of a platform, not started yet.

    Args:
        store: the platform's. reporters: where their addresses are. chain, with_chain: see `StoreBooks`.
        interval: start of the community's present interval, Unix seconds. pace: see `Collector`.
    """
    names = reporters.addresses()
    books = StoreBooks(store, chain, with_chain, names)
    collector = Collector(books, time.time, interval, tuple(FEEDS.values()), pace)
    return FeedsWorker(collector, books, names, with_chain)

"""Feeds on a real chain: rounds recorded, refused, lost and caught up with; the contract and the rules agree."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.book import AddressBook
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment, Placed, Plan
from quietgrid.chain.direct import send
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.indexer import Indexer
from quietgrid.chain.node import Anvil, fund
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.chain.reports import Place, ReporterKey
from quietgrid.errors import ConflictError, RevertedError, VerificationError
from quietgrid.feeds import Collector, Reporter, judge, refusal
from quietgrid.feeds.collector import Pace
from quietgrid.feeds.reporter import places
from quietgrid.feeds.rules import bound
from quietgrid.model.feed import FEEDS, FeedAnswer, FeedReport, feed_named
from quietgrid.model.interval import SystemClock
from quietgrid.runtime.feed_views import FeedView, feed_views
from quietgrid.runtime.feeding import StoreBooks
from quietgrid.runtime.onchain import OnChain, StoreJournal, Wiring
from quietgrid.store import PlatformStore, open_platform
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)
from tests.feeds.stand import INTERVAL, Fixed

pytestmark = pytest.mark.slow
PRICE = feed_named("price")
PACE = Pace(every_s=0, wait_s=0, ask_s=0, again_s=0)


@dataclass
class Square:
    """A chain with the price's oracle, three reporters in this process, a collector, an outbox."""

    anvil: Anvil
    store: PlatformStore
    folder: Path
    skew: float = 0.0
    interval: int = INTERVAL
    keys: list[ReporterKey] = field(default_factory=lambda: [ReporterKey(bytes([n + 1]) * 32) for n in range(3)])

    def __post_init__(self) -> None:
        chain = self.anvil.start()
        self.maker, self.engine = Account.generate(), Account.generate()
        for account in (self.maker, self.engine):
            fund(chain, account.address)
        terms = PRICE.terms
        config = (
            terms.heartbeat_s, terms.quorum, terms.large_quorum, terms.spread, terms.deviation, terms.smallest_spread,
            terms.smallest_deviation,
        )  # fmt: skip
        who = [key.address for key in self.keys]
        plan = (
            Placed("Manager", "AccessManager", lambda _all: [self.maker.address]),
            Placed("PriceOracle", "PriceOracle", lambda all_: [(all_["Manager"], who, config)]),
        )
        addresses = Deployment(chain, self.maker, Plan(plan, ())).run()
        AddressBook(self.folder / "addresses.json").write(CHAIN_ID, addresses)
        self.oracle = addresses["PriceOracle"]
        self.sources = [Fixed(Decimal("82.3")) for _ in range(3)]
        self.names = {key.address: f"reporter {n}" for n, key in enumerate(self.keys)}
        self.start(addresses)

    def start(self, addresses: dict[str, str]) -> None:
        """Everything of the platform, from the store: what a restart does."""
        chain, journal = self.anvil_chain(), StoreJournal(self.store)
        outbox = Outbox(chain, self.engine, journal, Terms(CHAIN_ID), SystemClock())
        indexer = Indexer(chain, {"PriceOracle": addresses["PriceOracle"]}, journal)
        self.onchain = OnChain(
            self.store, Wiring(outbox, indexer, CHAIN_ID, self.anvil.url, self.engine.address, addresses)
        )
        self.books = StoreBooks(self.store, lambda: self.onchain, True, self.names)
        self.collector = Collector(self.books, self.now, lambda: self.interval, (PRICE,), PACE)
        self.onchain.step()

    def anvil_chain(self) -> Chain:
        return Chain(self.anvil.url)

    def now(self) -> float:
        return time.time() + self.skew

    def reporter(self, number: int) -> Reporter:
        where = places(self.folder / "addresses.json", CHAIN_ID)
        return Reporter(
            self.keys[number], {"price": (self.sources[number], "EUR/MWh")}, where, lambda: self.interval, self.now
        )

    def round(self, *numbers: int) -> FeedAnswer | None:
        """A new interval: ask, have these report, conclude."""
        self.interval += 900
        self.collector.step()
        for asked in self.collector.asked():
            for number in numbers:
                self.collector.take(self.reporter(number).answer(asked))
        return next(iter(self.collector.step()), None)

    def settle(self, steps: int = 4) -> None:
        """Let the outbox send and the indexer read."""
        for _ in range(steps):
            self.onchain.step()

    def recorded(self) -> tuple[int, int]:
        """Round and answer as the contract has them."""
        chain = self.anvil_chain()
        return (
            chain.view("PriceOracle", self.oracle, "latestRound"),
            chain.view("PriceOracle", self.oracle, "latestRoundData")[1],
        )

    def view(self) -> FeedView:
        with self.store.read() as tx:
            return feed_views(tx, self.names, self.now(), {"price": self.collector.state(PRICE)})[0]

    def sent(self) -> dict[str, str]:
        with self.store.read() as tx:
            return {one.key: one.state.value for one in tx.chain.sendings()}


@pytest.fixture
def square(tmp_path: Path, anvil: Anvil) -> Iterator[Square]:  # noqa: F811
    anvil.stop()
    store = open_platform(tmp_path / "platform.db")
    yield Square(anvil, store, tmp_path)
    store.close()


def test_rounds_are_recorded_with_who_lied_and_who_was_silent(square: Square) -> None:
    assert square.round(0, 1, 2) is not None
    square.settle()
    assert square.recorded() == (1, 82_300)
    square.sources[1].said = Decimal("250")
    assert square.round(0, 1, 2) is not None
    square.settle()
    assert square.recorded() == (2, 82_300), "the liar does not move the answer"
    view = square.view()
    assert (view.state, view.on_chain, view.round_id) == ("fresh", "recorded", 2)
    assert [one.state for one in view.reporters] == ["agreed", "outlier", "agreed"]
    with square.store.read() as tx:
        (marked,) = tx.chain.events(contract="PriceOracle", name="OutlierMarked")
    assert marked.values["source"].lower() == square.keys[1].address.lower()
    assert (marked.values["answer"], marked.values["median"], marked.values["off"]) == (250_000, 82_300, 167_700)
    square.sources[0].said = Decimal("82.5")
    assert square.round(0, 2) is not None
    square.settle()
    assert square.recorded() == (3, 82_400)
    assert [one.state for one in square.view().reporters] == ["agreed", "silent", "agreed"]


def test_two_are_silent_the_feed_goes_stale_and_comes_back(square: Square) -> None:
    assert square.round(0, 1, 2) is not None
    square.settle()
    square.skew += 7_300
    square.anvil_chain().ask("evm_increaseTime", 7_300)
    square.anvil_chain().ask("evm_mine")
    assert square.round(0) is None
    view = square.view()
    assert (view.state, view.note) == ("stale", "1 of 3 reporters reported, 2 are needed")
    assert square.anvil_chain().view("PriceOracle", square.oracle, "isStale")
    with pytest.raises(RevertedError, match="Stale"):
        square.anvil_chain().view("PriceOracle", square.oracle, "freshAnswer")
    assert square.round(0, 2) is not None
    square.settle()
    assert square.view().state == "fresh"
    assert square.recorded()[0] == 2


def test_while_the_chain_is_away_answers_are_kept_here_and_the_next_goes_out(square: Square) -> None:
    assert square.round(0, 1, 2) is not None
    square.settle()
    assert square.round(0, 1, 2) is not None  # on its way as the node goes
    square.anvil.stop()
    square.settle()
    for n in range(4):
        square.sources[0].said = square.sources[1].said = square.sources[2].said = Decimal(83 + n)
        assert square.round(0, 1, 2) is not None, "feeds do not wait for the chain"
    assert (square.view().on_chain, square.view().answer.answer) == ("here only", 86_000)  # type: ignore[union-attr]
    square.anvil.start()
    square.settle()
    assert square.recorded() == (2, 82_300)
    assert square.round(0, 1, 2) is not None
    square.settle()
    assert square.recorded() == (3, 86_000)
    assert square.view().on_chain == "recorded"
    assert set(square.sent().values()) == {"confirmed"}, "nothing failed, nothing was sent twice"


def test_what_waited_too_long_is_refused_and_its_round_is_taken_again(square: Square) -> None:
    assert square.round(0, 1, 2) is not None  # queued, and the chain is not looked at for three hours
    square.skew += 3 * 3_600
    square.anvil_chain().ask("evm_increaseTime", 3 * 3_600)
    square.anvil_chain().ask("evm_mine")
    square.settle()
    assert square.sent() == {"feed price 1": "failed"}
    assert square.view().on_chain == "refused"
    assert square.round(0, 1, 2) is not None
    square.settle()
    assert square.sent()["feed price 1 try 2"] == "confirmed"
    assert square.recorded() == (1, 82_300)


def test_a_platform_that_was_killed_goes_on_where_it_was(square: Square) -> None:
    """In the middle of a round, and with one sent and not yet seen."""
    assert square.round(0, 1, 2) is not None
    addresses = dict(square.onchain.addresses)
    square.start(addresses)
    square.interval += 900
    square.collector.step()
    (asked,) = square.collector.asked()
    square.collector.take(square.reporter(0).answer(asked))
    square.start(addresses)
    square.settle()
    assert square.recorded() == (1, 82_300)
    assert square.round(0, 1, 2) is not None
    square.settle()
    assert square.recorded()[0] == 2
    with square.store.read() as tx:
        assert [one.number for one in tx.feeds.answers("price")] == [2, 1]


def test_the_same_round_twice_is_a_no_op_and_another_is_refused(square: Square) -> None:
    answer = square.round(0, 1, 2)
    assert answer is not None
    square.settle()
    before = square.recorded()
    held = [(r.answer, r.observed_at, r.signature) for _, r in sorted(answer.reports.items())]
    again = abi.call("PriceOracle", square.oracle, "submit", 1, held)
    send(square.anvil_chain(), square.maker, again)
    assert square.recorded() == before
    with pytest.raises(RevertedError, match="WrongRound"):
        square.anvil_chain().try_call(abi.call("PriceOracle", square.oracle, "submit", 1, held[:2]))
    assert not square.collector.take(next(iter(answer.reports.values())))
    with square.store.begin() as tx, pytest.raises(ConflictError):
        tx.chain.queue("feed price 1", square.engine.address, square.oracle, b"other", "PriceOracle.submit")


def test_other_reporters_and_terms_hold_as_soon_as_the_contract_says_so(square: Square) -> None:
    assert square.round(0, 1, 2) is not None
    square.settle()
    fresh, replaced = ReporterKey(b"\x09" * 32), square.keys[2]
    who = [square.keys[0].address, square.keys[1].address, fresh.address]
    chain, terms = square.anvil_chain(), PRICE.terms
    send(chain, square.maker, abi.call("PriceOracle", square.oracle, "setReporters", who))
    config = (3_600, 3, 3, terms.spread, terms.deviation, terms.smallest_spread, terms.smallest_deviation)
    send(chain, square.maker, abi.call("PriceOracle", square.oracle, "setConfig", config))
    square.settle()
    ground = square.books.ground(PRICE)
    assert ground is not None
    assert (set(ground.reporters), ground.terms.quorum, ground.terms.heartbeat_s) == (set(who), 3, 3_600)
    square.interval += 900
    square.collector.step()
    (asked,) = square.collector.asked()
    with pytest.raises(VerificationError, match="not a reporter"):
        square.collector.take(square.reporter(2).answer(asked))
    square.keys[2] = fresh
    for number in range(3):
        square.collector.take(square.reporter(number).answer(asked))
    assert len(square.collector.step()) == 1
    square.settle()
    assert square.recorded()[0] == 2
    assert replaced.address not in square.books.latest(PRICE).agreed  # type: ignore[union-attr]
    square.skew += 3_000
    assert square.view().state == "fresh"
    square.skew += 1_000
    view = square.view()
    assert (view.state, view.feed.terms.heartbeat_s) == ("stale", 3_600), "by the heartbeat that holds now, not 7,200"


def test_contract_and_rules_agree_on_every_round(square: Square) -> None:
    """A few dozen rounds of all kinds: where the rules find an answer the contract records it; else it refuses."""
    draws, chain, terms = random.Random(7), square.anvil_chain(), PRICE.terms
    place, last, last_seen, round_id = Place(CHAIN_ID, square.oracle), None, 0, 1
    outcomes = {"recorded": 0, "refused": 0}
    for _ in range(60):
        near = bound(last or 0, terms.deviation, terms.smallest_deviation)
        leaps = [last or 80_000, (last or 0) + near, (last or 0) - near - 1]
        base = draws.choice([*leaps, draws.randrange(-(10**6), 4 * 10**6)])
        edge = bound(base, terms.spread, terms.smallest_spread)
        now = int(square.anvil_chain().block().timestamp)  # type: ignore[union-attr]
        reports = {}
        for number in draws.sample(range(3), draws.choice([1, 2, 2, 3, 3, 3])):
            off = draws.choice([0, 0, 0, 1, edge - 1, edge, edge + 1, 90_000])
            answer, seen = base + draws.choice([-1, 1]) * off, max(last_seen, now - draws.randrange(4))
            signature = square.keys[number].sign(place, round_id, answer, seen)
            reports[square.keys[number].address] = FeedReport("price", round_id, 0, answer, seen, signature)
        assert not [r for r in reports.values() if refusal(PRICE, terms, r, last_seen, now)]
        verdict = judge(PRICE, terms, reports, last)
        held = [(r.answer, r.observed_at, r.signature) for r in reports.values()]
        call = abi.call("PriceOracle", square.oracle, "submit", round_id, held)
        if verdict.answer is None:
            with pytest.raises(RevertedError, match=r"NoAgreement|BeyondDeviation"):
                chain.try_call(call)
            outcomes["refused"] += 1
            continue
        send(chain, square.maker, call)
        assert chain.view("PriceOracle", square.oracle, "latestRoundData")[:3:2] == (round_id, verdict.observed_at)
        assert square.recorded() == (round_id, verdict.answer)
        last, last_seen, round_id = verdict.answer, verdict.observed_at, round_id + 1
        outcomes["recorded"] += 1
    assert min(outcomes.values()) >= 8, outcomes


def test_without_a_chain_feeds_are_kept_here(tmp_path: Path) -> None:
    store = open_platform(tmp_path / "platform.db")
    keys = [ReporterKey(bytes([n + 1]) * 32) for n in range(3)]
    books = StoreBooks(store, lambda: None, False, {key.address: "r" for key in keys})
    collector = Collector(books, time.time, lambda: INTERVAL, tuple(FEEDS.values()), PACE)
    collector.step()
    source = {name: (Fixed(Decimal(50)), unit) for name, unit in
              (("price", "EUR/MWh"), ("temperature", "°C"), ("load", "kW"), ("carbon", "g/kWh"))}  # fmt: skip
    for key in keys:
        reporter = Reporter(key, source, places(None, 0), lambda: INTERVAL)
        for asked in collector.asked():
            collector.take(reporter.answer(asked))
    assert {one.feed: one.answer for one in collector.step()} == {
        "price": 50_000, "temperature": 50_000, "load": 50_000, "carbon": 50,
    }  # fmt: skip
    with store.read() as tx:
        assert tx.chain.sendings() == []
        assert {one.on_chain for one in feed_views(tx, {}, time.time())} == {"here only", "no oracle"}
    store.close()

"""A local chain for the tests: anvil as it is used in the demo, on a port of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment, Placed, Plan
from quietgrid.chain.find import CHAIN_ID, find
from quietgrid.chain.node import Anvil, fund
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.errors import MissingExtraError
from quietgrid.model.interval import ManualClock
from quietgrid.runtime.onchain import StoreJournal
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore


def a_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def _anvil_is_there() -> None:
    try:
        find()
    except MissingExtraError as error:
        pytest.skip(f"{error.what}: {error.fix}")


@pytest.fixture
def anvil(tmp_path: Path, _anvil_is_there: None) -> Iterator[Anvil]:
    node = Anvil(tmp_path / "chain", a_port())
    node.start()
    yield node
    node.stop()


@pytest.fixture
def chain(anvil: Anvil) -> Chain:
    return Chain(anvil.url)


@dataclass
class Village:
    """A chain with the daily roots on it, an outbox before it, and a store behind that."""

    anvil: Anvil
    chain: Chain
    store: PlatformStore
    clock: ManualClock = field(default_factory=lambda: ManualClock(1_800_000_000.0))
    engine: Account = field(default_factory=Account.generate)
    deployer: Account = field(default_factory=Account.generate)
    terms: Terms = field(default_factory=lambda: Terms(CHAIN_ID))

    def __post_init__(self) -> None:
        fund(self.chain, self.engine.address)
        fund(self.chain, self.deployer.address)
        self.journal = StoreJournal(self.store)
        self.plan = Plan((Placed("Roots", "DailyRoots", lambda _all: [self.manager]),), ())
        self.manager = self._manager()
        self.roots = Deployment(self.chain, self.deployer, self.plan).run()["Roots"]
        self.outbox = Outbox(self.chain, self.engine, self.journal, self.terms, self.clock)

    def _manager(self) -> str:
        """An access manager of the engine's: as the administrator of everything it may call what no role is given."""
        plan = Plan((Placed("M", "AccessManager", lambda _all: [self.engine.address]),), ())
        maker = Account.generate()
        fund(self.chain, maker.address)
        return Deployment(self.chain, maker, plan).run()["M"]

    def queue(self, day: int, root: int = 1, key: str = "") -> None:
        """Queue the frames' root of a day."""
        call = abi.call("DailyRoots", self.roots, "anchor", day, [0], [root.to_bytes(32, "big")], [1])
        with self.store.begin() as tx:
            tx.chain.queue(key or f"roots {day}", self.engine.address, call.to, call.data, call.what)

    def root(self, day: int) -> int:
        """What the chain has for a day; 0 for none."""
        return int.from_bytes(self.chain.view("DailyRoots", self.roots, "anchorOf", day, 0)[0], "big")

    def counts(self) -> dict[str, int]:
        with self.store.read() as tx:
            return {state: n for state, n in tx.chain.sending_counts().items() if n}


@pytest.fixture
def village(anvil: Anvil, chain: Chain, tmp_path: Path) -> Iterator[Village]:
    store = open_platform(tmp_path / "platform.db")
    yield Village(anvil, chain, store)
    store.close()

"""A stop of two people is carried to a real chain, decided while the chain was away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from quietgrid.balance.deciding import Decisions
from quietgrid.balance.service import Grid
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.errors import UnavailableError
from quietgrid.model import ManualClock
from quietgrid.runtime.chain_at import GUARDIANS, ChainFolder, chain_at
from quietgrid.runtime.grid_chain import CONTRACT, REGION, GridOnChain
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_465_000_000.0)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[PlatformStore]:
    opened = open_platform(tmp_path / "platform.db", clock)
    yield opened
    opened.close()


def test_a_stop_decided_while_the_chain_is_away_reaches_it(
    store: PlatformStore, clock: ManualClock, anvil: Anvil, tmp_path: Path
) -> None:
    folder = ChainFolder(tmp_path / "state")
    onchain = chain_at(folder, anvil.url, store)
    guardians = [folder.held(f"guardian-{number}") for number in range(GUARDIANS)]
    carrier = GridOnChain(store, onchain, clock, guardians)
    assert carrier.step() == 0  # all is normal: nothing to say
    anvil.stop()
    decisions = Decisions(Grid(store, clock))
    decisions.ask_stop("olu", "smoke in the substation")
    decisions.agree_stop("ana")
    with pytest.raises(UnavailableError):
        carrier.step()
    with store.read() as tx:
        stop = tx.grid.stop()
        assert stop is not None
        assert not stop.recorded
    anvil.start()
    address = onchain.addresses[CONTRACT]
    deadline = time.monotonic() + 120
    while not onchain.node.view(CONTRACT, address, "stopped"):
        carrier.step()
        onchain.step()
        assert time.monotonic() < deadline, "the chain was not stopped within two minutes"
        time.sleep(0.1)
    assert not onchain.node.view(CONTRACT, address, "marketOpen")
    while not onchain.node.view(CONTRACT, address, "inEmergency", REGION):
        onchain.step()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with store.read() as tx:
        stop = tx.grid.stop()
        assert stop is not None
        assert stop.recorded
        keys = [one.key for one in tx.chain.sendings() if one.key.startswith("grid ")]
    assert len(keys) == 3
    assert carrier.step() == 0  # once is enough

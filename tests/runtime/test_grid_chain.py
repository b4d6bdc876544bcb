"""A stop of two people is carried to a real chain, decided while the chain was away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quietgrid.balance.deciding import Decisions
from quietgrid.balance.service import Grid
from quietgrid.chain import abi
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil, fund
from quietgrid.errors import ConflictError, InputError, RevertedError, UnavailableError
from quietgrid.model import ManualClock
from quietgrid.runtime.chain_at import GUARDIANS, ChainFolder, chain_at, treasury
from quietgrid.runtime.chain_view import view_of
from quietgrid.runtime.governing import Governing
from quietgrid.runtime.grid_chain import NORMAL, REGION, GridOnChain
from quietgrid.runtime.grid_market import CONTRACT, ChainMarket, market_said
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


def test_a_broken_circuit_is_reset_when_all_is_normal_and_a_vote_ends_a_stop(
    store: PlatformStore, clock: ManualClock, anvil: Anvil, tmp_path: Path
) -> None:
    folder = ChainFolder(tmp_path / "state")
    onchain = chain_at(folder, anvil.url, store)
    address, node = onchain.addresses[CONTRACT], onchain.node
    governing = Governing(view_of(store, node, onchain.addresses, folder.people()))
    guardians = [folder.held(f"guardian-{number}") for number in range(GUARDIANS)]
    carrier = GridOnChain(store, onchain, clock, guardians, treasury=treasury(folder, node, onchain.addresses))
    with pytest.raises(ConflictError, match="no circuit is broken"):
        carrier.reset("olu")
    with pytest.raises(InputError, match="nothing is stopped"):
        governing.resume("all is mended")

    def carry(what: Callable[[], object]) -> None:
        deadline = time.monotonic() + 120
        while not what():
            carrier.step()
            onchain.step()
            assert time.monotonic() < deadline, "not within two minutes"
            time.sleep(0.05)

    def said() -> ChainMarket:
        with store.read() as tx:
            return market_said(tx)

    grid = Grid(store, clock)
    decisions = Decisions(grid)
    decisions.ask_stop("olu", "smoke in the substation")
    decisions.agree_stop("ana")
    grid.look([], {})
    carry(lambda: said().stopped and said().broken)
    with pytest.raises(ConflictError, match="the grid is not normal"):
        carrier.reset("olu")
    decisions.end_stop("olu", "it was a barbecue")
    decisions.end_stop("ana", "it was a barbecue")
    for seconds in (0.0, grid.rules.cool_s, grid.rules.trial_s):  # the breaker closes by itself
        clock.unix += seconds
        grid.look([], {})
    with pytest.raises(ConflictError, match="NotNormal"):
        carrier.reset("olu")  # here all is normal, the chain has not heard of it
    carry(lambda: node.view(CONTRACT, address, "reportOf", REGION)[0] == NORMAL)
    call = governing.resume("it was a barbecue")
    assert call.target == address
    timelock = onchain.addresses["TimelockController"]
    node.try_call(abi.Call(call.target, call.data, "resume"), timelock)  # what a vote that passed does
    with pytest.raises(RevertedError):
        node.try_call(abi.Call(call.target, call.data, "resume"), guardians[0].address)
    node.ask("anvil_impersonateAccount", timelock)
    fund(node, timelock)
    node.ask("eth_sendTransaction", {"from": timelock, "to": call.target, "data": "0x" + call.data.hex()})
    carry(lambda: not said().stopped)
    assert said() == ChainMarket(stopped=False, broken=True)
    carrier.reset("olu")
    carry(lambda: not said().why)
    assert node.view(CONTRACT, address, "marketOpen")
    with store.read() as tx:
        assert tx.log.latest(1)[0].actor == "olu"

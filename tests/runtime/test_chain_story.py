"""The demo's story on a real chain: one vote through the timelock, one asset with five shareholders, one payment.

Every look is a new process: what comes next is on the chain, and nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.errors import ConflictError, RevertedError
from quietgrid.model.asset import Asset, AssetHistory, AssetKind, AssetPermission
from quietgrid.model.parameter import PUBLISH_BUDGET
from quietgrid.model.proposal import VoteState
from quietgrid.runtime.assets import Assets, handing_on, maintenance, paying_in, permission
from quietgrid.runtime.chain_at import ChainFolder, chain_at, story, treasury
from quietgrid.runtime.chain_story import AGAIN, ASSET, REVENUE_MICRO, SHARES_EACH, WORDS, ChainStory
from quietgrid.runtime.chain_view import view_of
from quietgrid.runtime.governing import Governing
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.operating import operate, send_own
from quietgrid.runtime.settling import KEY, Treasury
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PlatformStore]:
    opened = open_platform(tmp_path / "platform.db")
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> ChainFolder:
    return ChainFolder(tmp_path / "state")


@pytest.fixture
def onchain(folder: ChainFolder, anvil: Anvil, store: PlatformStore) -> OnChain:
    return chain_at(folder, anvil.url, store)


@pytest.fixture
def operator(folder: ChainFolder, onchain: OnChain) -> Treasury:
    return treasury(folder, onchain.node, onchain.addresses)


def later(onchain: OnChain, seconds: int) -> None:
    onchain.node.ask("evm_increaseTime", seconds)
    onchain.node.ask("evm_mine")


def issue(store: PlatformStore, operator: Treasury, amount: int) -> None:
    """Tokens for the supplier, as a settlement makes them."""
    token, safe = operator.addresses["EnergyToken"], operator.addresses["OperatorSafe"]
    held = operator.chain.view("EnergyToken", token, "reserve")
    calls = [
        abi.call("EnergyToken", token, "declareReserve", held + amount, b"\x01" * 32),
        abi.call("EnergyToken", token, "mint", amount.to_bytes(32, "big"), safe, amount),
        abi.call("EnergyToken", token, "transfer", operator.payees["supplier"], amount),
    ]
    operate(store, operator, calls, "test")


def told(folder: ChainFolder, store: PlatformStore, operator: Treasury, onchain: OnChain) -> list[str]:
    """Play until nothing comes any more at this moment, with a fresh process for every look."""
    done = []
    while said := story(folder, store, operator).step():
        done.append(said)
    onchain.step()
    return done


def the_asset(store: PlatformStore, onchain: OnChain) -> Asset:
    return Assets(view_of(store, onchain.node, onchain.addresses, onchain.people)).asset(ASSET)


def test_the_story_goes_to_its_end_once(
    folder: ChainFolder, store: PlatformStore, operator: Treasury, onchain: OnChain, anvil: Anvil
) -> None:
    later(onchain, 2)  # who proposes must have had GRID a second ago
    # as much time as a vote needs passes only where the test lets it: the first look may or may not see it open
    first = told(folder, store, operator, onchain)
    assert first[0] == "proposed"
    assert "asset registered" in first
    later(onchain, 3)
    assert [*first, *told(folder, store, operator, onchain)].count("voted for") == 3
    later(onchain, 90)
    assert told(folder, store, operator, onchain) == ["queued"]
    issue(store, operator, REVENUE_MICRO + 7)
    later(onchain, 25)
    assert told(folder, store, operator, onchain) == ["executed", "revenue paid", *["claimed"] * 5]

    governing = Governing(view_of(store, onchain.node, onchain.addresses, onchain.people))
    (proposal,) = governing.proposals()
    assert proposal.state is VoteState.EXECUTED
    assert governing.parameters()[PUBLISH_BUDGET].value == 5_000
    found = the_asset(store, onchain)
    assert (found.kind, found.owner, found.shares) == (AssetKind.SOLAR, "AssetShares", 5 * SHARES_EACH)
    assert [one.holder for one in found.holdings] == [f"member-{n}" for n in range(5)]
    assert {(one.paid_micro, one.due_micro) for one in found.holdings} == {(REVENUE_MICRO // 5, 0)}
    assert found.received_micro == found.paid_micro == REVENUE_MICRO
    assert told(folder, store, operator, onchain) == []
    one = story(folder, store, operator)
    for _ in range(3):
        one.step()
    assert one.is_over
    assert one.note == ""

    anvil.stop()
    away = the_asset(store, onchain)
    assert {one.due_micro for one in away.holdings} == {None}
    assert away.paid_micro == REVENUE_MICRO
    assert story_step_says_nothing(folder, store, operator)


def story_step_says_nothing(folder: ChainFolder, store: PlatformStore, operator: Treasury) -> bool:
    return story(folder, store, operator).step() == ""


def test_a_vote_nobody_took_part_in_is_held_again(
    folder: ChainFolder, store: PlatformStore, operator: Treasury, onchain: OnChain
) -> None:
    governing = Governing(view_of(store, onchain.node, onchain.addresses))
    later(onchain, 2)  # who proposes must have had GRID a second ago
    governing.propose(folder.account("member-0"), [governing.change("publish-budget", 5)], WORDS)
    later(onchain, 100)
    assert told(folder, store, operator, onchain)[0] == "proposed"
    assert [one.description for one in governing.proposals()] == [WORDS + AGAIN[1], WORDS]


def test_a_refusal_ends_a_chapter_and_not_the_worker(
    folder: ChainFolder, store: PlatformStore, operator: Treasury, onchain: OnChain
) -> None:
    """Without GRID nobody proposes; the asset comes all the same."""
    strangers = [folder.account(f"stranger-{n}") for n in range(5)]
    alone = ChainStory(store, operator, strangers, folder.account("supplier"))
    assert alone.step() == "asset registered"
    assert "GovernorInsufficientProposerVotes" in alone.note


def test_an_asset_lives(folder: ChainFolder, store: PlatformStore, operator: Treasury, onchain: OnChain) -> None:
    """Maintained by whoever may, shares given on, and revenue that came before stays the seller's."""
    told(folder, store, operator, onchain)
    all_, members = onchain.addresses, [folder.account(f"member-{n}") for n in range(5)]
    block = onchain.node.block()
    assert block is not None
    now = block.timestamp
    smith = folder.account("smith")
    entry = maintenance(all_, ASSET, (now - 7_200, now - 3_600), 2, b"\x07" * 32)
    with pytest.raises(RevertedError, match="NotPermitted"):
        send_own(operator, smith, entry)
    operate(store, operator, [permission(all_, ASSET, smith.address, AssetPermission.MAINTAINER, now + 86_400)], "test")
    send_own(operator, smith, entry)

    issue(store, operator, 50_000_000)
    for call in paying_in(all_, ASSET, "March", 50_000_000) * 2:  # the same payment twice is one
        send_own(operator, folder.account("supplier"), call)
    send_own(operator, members[0], handing_on(all_, ASSET, members[0].address, members[1].address, 50))
    onchain.step()
    people = folder.people()
    found = Assets(view_of(store, onchain.node, all_, people)).asset(ASSET)
    (written,) = found.entries
    assert (written.history, written.quantity, written.by) == (AssetHistory.MAINTENANCE, 2, "smith")
    assert AssetPermission.MAINTAINER in [one.permission for one in found.permits if one.account == "smith"]
    held = {one.holder: (one.shares, one.due_micro) for one in found.holdings}
    assert held["member-1"] == (SHARES_EACH + 50, 10_000_000)
    assert held["member-0"] == (SHARES_EACH - 50, 10_000_000)
    assert found.received_micro == 50_000_000

    with store.begin() as tx:
        tx.chain.queue(KEY + "bills 1", onchain.account, all_["OperatorSafe"], b"", "a settlement")
    with pytest.raises(ConflictError, match="settlement"):
        operate(store, operator, [permission(all_, ASSET, smith.address, AssetPermission.VIEWER, now + 5)], "test")

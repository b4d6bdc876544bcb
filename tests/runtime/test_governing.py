"""One proposal from the calldata to the running value, by members on a real chain, and what a restart finds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.client import Chain
from quietgrid.chain.node import Anvil
from quietgrid.errors import NotFoundError, RevertedError
from quietgrid.model.parameter import PARAMETERS, PUBLISH_BUDGET, Direction
from quietgrid.model.proposal import GRID_UNIT, ProposedCall, Support, VoteState
from quietgrid.model.publication import PublishRules
from quietgrid.runtime.chain_at import ChainFolder, chain_at
from quietgrid.runtime.chain_view import view_of
from quietgrid.runtime.governing import Governing
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.ruled import publishing
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
WHY = "Publish less: five a year are enough"
EACH = 1_000 * GRID_UNIT


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
    found = chain_at(folder, anvil.url, store)
    later(found.node, 2)  # who proposes must have had GRID a second ago
    return found


@pytest.fixture
def governing(onchain: OnChain, store: PlatformStore) -> Governing:
    return Governing(view_of(store, onchain.node, onchain.addresses, onchain.people))


def later(chain: Chain, seconds: int) -> None:
    chain.ask("evm_increaseTime", seconds)
    chain.ask("evm_mine")


def test_a_vote_changes_what_the_platform_does(
    governing: Governing, onchain: OnChain, folder: ChainFolder, store: PlatformStore, anvil: Anvil
) -> None:
    members = [folder.account(f"member-{n}") for n in range(5)]
    call = governing.change("publish-budget", 5)
    governing.propose(members[0], [call], WHY)
    onchain.step()
    found = governing.proposal("1")
    assert found.description == WHY
    assert found.proposer == "member-0"
    assert found.effects == ("publish budget 6 → 5 epsilon a home and year",)
    assert (found.state, found.quorum, found.power) == (VoteState.PENDING, None, None)
    assert governing.id_of([call], WHY) == int(found.id, 16)

    later(onchain.node, 3)
    for member, support in zip(members, (Support.FOR, Support.FOR, Support.FOR, Support.AGAINST), strict=False):
        governing.cast(member, int(found.id, 16), support, "said why" if support is Support.AGAINST else "")
    with pytest.raises(RevertedError):
        governing.cast(members[0], int(found.id, 16), Support.FOR)
    with pytest.raises(RevertedError):
        governing.queue(members[4], [call], WHY)  # the vote is not over
    onchain.step()
    found = governing.proposal(found.id)
    assert found.state is VoteState.ACTIVE
    assert [found.cast(s) for s in Support] == [EACH, 3 * EACH, 0]
    assert (found.quorum, found.power, found.quorate) == (EACH, 5 * EACH, True)
    assert found.votes[3].voter == "member-3"
    assert found.votes[3].reason == "said why"

    later(onchain.node, 70)
    assert governing.proposal("1").state is VoteState.SUCCEEDED
    governing.queue(members[4], [call], WHY)
    onchain.step()
    assert governing.proposal("1").state is VoteState.QUEUED
    with pytest.raises(RevertedError):
        governing.execute(members[4], [call], WHY)  # the timelock waits
    with store.read() as tx:
        assert publishing(tx, PublishRules()).budget_milli == 6_000
    later(onchain.node, 25)
    governing.execute(members[4], [call], WHY)
    onchain.step()
    found = governing.proposal("1")
    assert found.state is VoteState.EXECUTED
    assert found.effects == ("publish budget 6 → 5 epsilon a home and year",)  # as it was before, not as it is now
    assert found.executed_at is not None
    assert found.eta is not None
    assert found.executed_at >= found.eta
    with store.read() as tx:
        assert publishing(tx, PublishRules()).budget_milli == 5_000
        assert publishing(tx, PublishRules(budget_milli=4_000)).budget_milli == 4_000  # a stricter setting stays
    assert governing.parameters()[PUBLISH_BUDGET].value == 5_000

    anvil.stop()  # the node is away: what contracts said is there, what only it knows is not
    found = governing.proposal("1")
    assert (found.state, found.quorum, found.cast(Support.FOR)) == (VoteState.EXECUTED, None, 3 * EACH)


def test_numbers_and_words(governing: Governing, onchain: OnChain, folder: ChainFolder) -> None:
    """What each number's bounds are, and effects that are decoded from bytes, whatever the description says."""
    onchain.step()
    found = governing.parameters()
    assert [one.number for one in found] == list(range(len(PARAMETERS)))
    assert found[0].direction is Direction.UP
    assert (found[PUBLISH_BUDGET].lowest, found[PUBLISH_BUDGET].step) == (1, 3_000)
    manager, member = onchain.addresses["AccessManager"], folder.account("member-1").address
    calls = [
        abi.call("AccessManager", manager, "grantRole", 2, member, 0),
        abi.call("EnergyToken", onchain.addresses["EnergyToken"], "transfer", member, 5),
        abi.Call(member, b"", ""),
        abi.Call(manager, b"\x01\x02\x03\x04", ""),
    ]
    proposed = [ProposedCall(call.to, 0, call.data) for call in calls]
    governing.propose(folder.account("member-0"), proposed, "Nothing to see")
    onchain.step()
    role, token, nobody, unreadable = governing.proposal("1").effects
    assert role == "member-1 becomes engine"
    assert token == "EnergyToken.transfer: to member-1, value 5"
    assert "not a contract of this community" in nobody
    assert "cannot be decoded" in unreadable
    with pytest.raises(NotFoundError):
        governing.proposal("2")

"""Votes and assets of one home on a real chain: what its pages show, and what it sends from its own accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.homeweb import LinkSessions
from quietgrid.homeweb.serve import introduce
from quietgrid.household import Vault
from quietgrid.household.rewards import Node
from quietgrid.household.server import Origin
from quietgrid.household.taking_part import holder, voter
from quietgrid.model.interval import SystemClock
from quietgrid.model.proposal import GRID_UNIT, Support
from quietgrid.runtime.assets import paying_in
from quietgrid.runtime.chain_at import ChainFolder, chain_at, story, treasury
from quietgrid.runtime.chain_story import ASSET, GUEST_GRID, GUEST_SHARES
from quietgrid.runtime.chain_view import view_of
from quietgrid.runtime.governing import Governing
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.operating import operate, send_own
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)
from tests.homeweb.browsing import Visitor, text_of
from tests.homeweb.test_pages import SETTINGS
from tests.household.village import Village

CHAIN = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
WHY = "Publish less"
REVENUE = 100_000_000


@dataclass
class Place:
    """A home with pages, and a chain beside it on which the demo's people do something."""

    vault: Vault
    visitor: Visitor
    folder: ChainFolder
    onchain: OnChain
    store: PlatformStore

    def later(self, seconds: int) -> None:
        self.onchain.node.ask("evm_increaseTime", seconds)
        self.onchain.node.ask("evm_mine")


def made(tmp_path: Path, node: Node | None) -> tuple[Village, Visitor]:
    village = Village(tmp_path / "village")
    origin = Origin({11: village.home(11)}, LinkSessions(village.store, SystemClock(), tmp_path / "households"), "")
    return village, Visitor(origin, replace(SETTINGS, node=node), 11)


@pytest.fixture
def place(tmp_path: Path, anvil: Anvil) -> Iterator[Place]:  # noqa: F811
    store = open_platform(tmp_path / "platform.db")
    folder = ChainFolder(tmp_path / "chain")
    onchain = chain_at(folder, anvil.url, store)
    village, visitor = made(tmp_path, Node(anvil.url, folder.path / "addresses.json"))
    yield Place(village.home(11).parts.vault, visitor, folder, onchain, store)
    store.close()


def play(place: Place) -> list[str]:
    """The demo's story until nothing comes at this moment."""
    done = []
    paid_from = treasury(place.folder, place.onchain.node, place.onchain.addresses)
    while said := story(place.folder, place.store, paid_from).step():
        done.append(said)
    place.onchain.step()
    return done


def test_accounts_are_the_homes_own(tmp_path: Path) -> None:
    village = Village(tmp_path)
    one, other = (village.home(number).parts.vault for number in (11, 12))
    found = [voter(one).address, holder(one).address, voter(other).address, holder(other).address]
    assert len(set(found)) == 4, "nothing links a home's accounts"
    assert voter(village.home(11).parts.vault).address == found[0], "it follows from the key that is kept"


def test_without_a_chain_the_pages_say_so(tmp_path: Path) -> None:
    _, visitor = made(tmp_path, None)
    for path in ("/votes", "/assets"):
        assert "No chain here" in text_of(visitor.page(path))
    visitor.post("/votes/1", 404, answer="for")
    visitor.post("/assets/1/claim", 404)
    _, visitor = made(tmp_path / "away", Node("http://127.0.0.1:9", tmp_path / "addresses.json"))
    assert "not there yet" in text_of(visitor.page("/votes"))


@pytest.mark.parametrize("_marked", [pytest.param(None, marks=CHAIN)])
def test_a_home_votes_with_what_a_member_handed_on(place: Place, anvil: Anvil, _marked: None) -> None:  # noqa: F811
    visitor, own = place.visitor, voter(place.vault)
    page = text_of(visitor.page("/votes"))
    assert own.address in page
    assert "You have no GRID" in page
    assert f"quietgrid vote give {own.address} 10" in page
    governing = Governing(view_of(place.store, place.onchain.node, place.onchain.addresses))
    members = [place.folder.account(f"member-{n}") for n in range(2)]
    place.later(2)
    first = governing.change("publish-budget", 5)
    governing.propose(members[0], [first], WHY)
    place.later(3)
    page = text_of(visitor.page("/votes"))
    assert "publish budget 6 → 5 epsilon a home and year" in page
    assert "had no GRID when this vote opened" in page
    assert "had no GRID" in text_of(visitor.post("/votes/1", 403, answer="for").text)

    governing.hand_on(members[1], own.address, 10 * GRID_UNIT)
    place.later(2)
    assert "10 GRID, which do not count yet" in text_of(visitor.page("/votes"))
    assert visitor.post("/votes/part").headers["location"] == "/votes"
    place.later(2)
    page = text_of(visitor.page("/votes"))
    assert "10 GRID, which count in votes that open from now on" in page
    assert "Let it count" not in page
    assert "had no GRID when this vote opened" in text_of(visitor.page("/votes")), "it counts for later votes only"
    governing.propose(members[0], [governing.change("privacy-floor", 18)], "More homes behind a total")
    assert "You had 10 GRID when it opened" not in text_of(visitor.page("/votes")), "not open yet"
    place.later(3)
    page = visitor.page("/votes")
    assert "You had 10 GRID when it opened" in text_of(page)
    assert page.count('action="/votes/2"') == 1
    visitor.post("/votes/2", 400, answer="perhaps")
    visitor.post("/votes/2", 400, answer="for", why="x" * 201)
    visitor.post("/votes/9", 404, answer="for")
    assert visitor.client.post("/votes/2", data={"answer": "for"}).status_code == 403, "no token of ours"
    assert visitor.post("/votes/2", answer="for", why="a good idea").headers["location"] == "/votes"
    assert "You voted for" in text_of(visitor.page("/votes"))
    visitor.post("/votes/2", 403, answer="against")
    place.onchain.step()
    (vote,) = governing.proposal("2").votes
    assert (vote.voter.lower(), vote.weight, vote.support) == (own.address.lower(), 10 * GRID_UNIT, Support.FOR)
    assert vote.reason == "a good idea"
    with place.store.read() as tx:
        kept = str([entry.detail for entry in tx.log.entries(limit=1_000)]) + str(tx.documents.all("notice"))
    assert own.address.lower() not in kept.lower(), "the platform was not told"

    anvil.stop()
    page = text_of(visitor.page("/votes"))
    assert "cannot be reached" in page
    assert "You voted for" in page, "what was read before is shown"


@pytest.mark.parametrize("_marked", [pytest.param(None, marks=CHAIN)])
def test_the_demos_home_has_shares_and_claims_its_part(place: Place, _marked: None) -> None:
    visitor, own = place.visitor, holder(place.vault)
    assert "No asset yet" in text_of(visitor.page("/assets"))
    introduce(place.vault, place.folder.path)
    visitor.post("/votes/part")  # before there is any: it counts when it comes
    place.later(2)
    done = play(place)
    assert done.index("GRID handed on") < done.index("proposed"), "in time for the vote"
    assert "shares handed on" in done
    place.later(3)
    page = text_of(visitor.page("/votes"))
    assert f"You had {GUEST_GRID} GRID when it opened" in page or "It cannot be voted on now" in page
    page = text_of(visitor.page("/assets"))
    assert own.address in page
    assert f"Your shares {GUEST_SHARES}" in page
    visitor.post(f"/assets/{ASSET}/claim", 404)

    paid_from = treasury(place.folder, place.onchain.node, place.onchain.addresses)
    token, safe = paid_from.addresses["EnergyToken"], paid_from.addresses["OperatorSafe"]
    held = paid_from.chain.view("EnergyToken", token, "reserve")
    issue = [
        abi.call("EnergyToken", token, "declareReserve", held + REVENUE, b"\x01" * 32),
        abi.call("EnergyToken", token, "mint", REVENUE.to_bytes(32, "big"), safe, REVENUE),
        abi.call("EnergyToken", token, "transfer", paid_from.payees["supplier"], REVENUE),
    ]
    operate(place.store, paid_from, issue, "test")
    for call in paying_in(paid_from.addresses, ASSET, "March", REVENUE):
        send_own(paid_from, place.folder.account("supplier"), call)
    due = REVENUE * GUEST_SHARES // 1_000
    assert f"Due to you {due / 1e6:.2f} EUR" in text_of(visitor.page("/assets"))
    assert visitor.post(f"/assets/{ASSET}/claim").headers["location"] == "/assets"
    assert f"Received {due / 1e6:.2f} EUR" in text_of(visitor.page("/assets"))
    assert paid_from.chain.view("EnergyToken", token, "balanceOf", own.address) == due
    visitor.post(f"/assets/{ASSET}/claim", 404)
    visitor.post("/assets/9/claim", 404)

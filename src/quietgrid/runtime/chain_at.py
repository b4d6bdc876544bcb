"""From settings to a chain that is ready: the node, the keys in the state folder, the contracts, the outbox.

The embedded demo keeps every key of the chain in one folder, as it does with everything else: one operator runs all.
With a node of one's own the contracts are deployed once, by `quietgrid chain deploy`, with keys kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from quietgrid.chain.accounts import Account
from quietgrid.chain.book import GUEST, AddressBook
from quietgrid.chain.built import names
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment, Step
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.indexer import Indexer
from quietgrid.chain.node import fund
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.chain.plan import COUNCIL, DEMO_TERMS, MANAGER, OPERATOR, Seats, community_plan
from quietgrid.chain.plan import Terms as PlanTerms
from quietgrid.errors import ConfigError
from quietgrid.model.interval import SystemClock
from quietgrid.runtime.anchoring import Anchoring
from quietgrid.runtime.chain_story import ChainStory
from quietgrid.runtime.feeding import ReporterFolders
from quietgrid.runtime.grid_chain import GridOnChain
from quietgrid.runtime.onchain import ChainWork, OnChain, StoreJournal, Wiring
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.rewarding import Rewarding
from quietgrid.runtime.settling import Settling, Treasury
from quietgrid.store.anchors import AnchorRow
from quietgrid.store.stores import PlatformStore

DEEP = 12
"""Confirmations on a chain that is not our own."""


@dataclass(frozen=True)
class ChainFolder:
    """The chain's part of a state folder."""

    path: Path

    @property
    def book(self) -> AddressBook:
        """Addresses by chain."""
        return AddressBook(self.path / "addresses.json")

    def account(self, name: str) -> Account:
        """An account by name; its key is made there on first use."""
        return Account.load_or_create(self._key(name))

    def held(self, name: str) -> Account:
        """An account whose key must be here; none is made.

        Raises:
            ConfigError: it is not.
        """
        path = self._key(name)
        if not path.exists():
            raise ConfigError("this account's key is not here", where=str(path), fix="put it back, or act where it is")
        return Account.load_or_create(path)

    def holds(self, *names: str) -> bool:
        """Whether the keys of all these accounts are here."""
        return all(self._key(name).exists() for name in names)

    def _key(self, name: str) -> Path:
        return self.path / "keys" / f"{name}.key"

    def guest(self) -> dict[str, str]:
        """The addresses that the shown home's process said; empty before."""
        path = self.path / GUEST
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path.exists() else {}

    def people(self) -> dict[str, str]:
        """Address -> name of every account whose key is here."""
        return {self.account(path.stem).address: path.stem for path in sorted((self.path / "keys").glob("*.key"))}


PAYEES = ("supplier", "tax")
"""Organisations that bills pay."""
SIGNERS = ("operator-0", "operator-1")
"""Two of the owners of the operator's account, who sign settlements where their keys are."""
OWNERS, GUARDIANS, REPORTERS, FOUNDERS = 3, 2, 3, 5
GRID_EACH = 1_000 * 10**18


def seats(folder: ChainFolder) -> Seats:
    """Who sits where, by the keys of one folder: an account for each seat. In real life each has a key of its own."""

    def group(name: str, count: int) -> tuple[str, ...]:
        return tuple(folder.account(f"{name}-{number}").address for number in range(count))

    return Seats(
        folder.account("deployer").address, folder.account("engine").address, group("operator", OWNERS),
        group("council", OWNERS), group("guardian", GUARDIANS), folder.account("regulator").address,
        _reporters(folder), dict.fromkeys(group("member", FOUNDERS), GRID_EACH),
    )  # fmt: skip


def _reporters(folder: ChainFolder) -> tuple[str, ...]:
    """The addresses of the reporters' folders beside the chain's; where there are none, accounts of this folder."""
    known = tuple(ReporterFolders(folder.path.parent / "reporters").addresses())
    return known or tuple(folder.account(f"reporter-{number}").address for number in range(REPORTERS))


def deployment(folder: ChainFolder, chain: Chain) -> Deployment:
    """The community's contracts, to be put on a chain by this folder's deployer."""
    terms = DEMO_TERMS if chain.chain_id() == CHAIN_ID else PlanTerms()
    return Deployment(chain, folder.account("deployer"), community_plan(seats(folder), terms))


def deploy(folder: ChainFolder, chain: Chain, tell: Callable[[Step], None] = lambda _step: None) -> dict[str, str]:
    """Put on the chain what is missing and write the addresses down.

    Raises:
        See `Deployment.run`.
    """
    for name in PAYEES:
        folder.account(name)
    if chain.chain_id() == CHAIN_ID:
        for name in ("deployer", "engine"):
            fund(chain, folder.account(name).address)
    addresses = deployment(folder, chain).run(tell)
    folder.book.write(chain.chain_id(), addresses)
    return addresses


def chain_at(folder: ChainFolder, url: str, store: PlatformStore, confirmations: int = 0) -> OnChain:
    """A chain that is ready to be written to.

    Args:
        folder: Of keys and addresses. url: of the node. store: the platform's. confirmations: see the settings.

    Raises:
        UnavailableError: the node is away. ConfigError: nothing is deployed there, and it is not our own chain.
    """
    chain = Chain(url)
    chain_id = chain.chain_id()
    own = chain_id == CHAIN_ID
    addresses = deploy(folder, chain) if own else folder.book.of(chain_id)
    if MANAGER not in addresses:
        raise ConfigError(
            f"the community's contracts are not on chain {chain_id}", where=url,
            fix=f"`quietgrid chain deploy --rpc {url}` first",
        )  # fmt: skip
    depth = confirmations or (1 if own else DEEP)
    journal = StoreJournal(store)
    engine = folder.account("engine")
    outbox = Outbox(chain, engine, journal, Terms(chain_id, confirmations=depth), SystemClock())
    heard = {name: addresses[name] for name in names() if name in addresses}
    heard |= {f"Safe#{name}": addresses[name] for name in (OPERATOR, COUNCIL) if name in addresses}
    indexer = Indexer(chain, heard, journal, depth)
    return OnChain(store, Wiring(outbox, indexer, chain_id, url, engine.address, addresses, folder.people()))


def work_at(folder: ChainFolder, url: str, platform: Platform, confirmations: int = 0) -> ChainWork:
    """The platform's chain, ready, and what is done for it at every look: anchoring the days that are over.

    Bills are settled only where two owners' keys are; elsewhere their postings wait, unsettled.
    """
    parts = platform.parts
    onchain = chain_at(folder, url, parts.store, confirmations)

    def queue(day: int, rows: list[AnchorRow]) -> None:
        onchain.anchor(f"roots {day}", day, rows)

    anchoring = Anchoring(parts.store, platform.keyholders, parts.clock, queue)
    anchoring.again()
    tasks: list[Callable[[], object]] = [anchoring.step]
    paid_from: Treasury | None = None
    if folder.holds(*SIGNERS, *PAYEES):
        paid_from = treasury(folder, Chain(url), onchain.addresses)
        floor = platform.floors.today(parts.clock).k
        tasks.append(Settling(parts.store, onchain, paid_from, parts.card.resolution, floor).step)
        tasks.append(Rewarding(parts.store, onchain).step)
        if onchain.node.chain_id() == CHAIN_ID:
            tasks.append(story(folder, parts.store, paid_from).step)
    held = [f"guardian-{number}" for number in range(GUARDIANS)]
    guardians = [folder.held(name) for name in held] if folder.holds(*held) else []
    depth = confirmations or (1 if onchain.node.chain_id() == CHAIN_ID else DEEP)
    grid = GridOnChain(parts.store, onchain, parts.clock, guardians, depth, paid_from)
    return ChainWork(onchain, [*tasks, grid.step], grid.reset)


def story(folder: ChainFolder, store: PlatformStore, paid_from: Treasury) -> ChainStory:
    """What the demo's people do on our own chain."""
    members = [folder.account(f"member-{n}") for n in range(FOUNDERS)]
    return ChainStory(store, paid_from, members, folder.account(PAYEES[0]), folder.guest)


def treasury(folder: ChainFolder, chain: Chain, addresses: Mapping[str, str]) -> Treasury:
    """The operator's account with the keys of two of its owners, and the organisations' accounts, in one folder.

    Raises:
        ConfigError: one of the keys is not here.
    """
    payees = {name: folder.held(name).address for name in PAYEES}
    return Treasury(chain, addresses, [folder.held(name) for name in SIGNERS], payees)

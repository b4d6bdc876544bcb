"""The platform's end of the chain: what it wants written goes into the outbox; what contracts said is kept.

One thread (`ChainWorker`) looks at the node every second. While the node is away nothing else waits for it: what was
queued stays queued, and `Standing` says since when.

Privacy: only what stages give to `queue` goes out: roots over salted leaves, net amounts of organisations, events of
groups. Nothing here reads a reading, a bill or a name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietgrid.errors import QuietgridError, UnavailableError
from quietgrid.model.interval import Clock, SystemClock
from quietgrid.model.sending import ChainEvent, Sending
from quietgrid.store.anchors import AnchorRow
from quietgrid.store.stores import PlatformStore

if TYPE_CHECKING:
    from quietgrid.chain.abi import Call
    from quietgrid.chain.client import Chain
    from quietgrid.chain.indexer import Indexer
    from quietgrid.chain.outbox import Outbox, Report

PAUSE_S = 1.0


class StoreJournal:
    """The outbox's and the indexer's rows, a commit for every call."""

    def __init__(self, store: PlatformStore) -> None:
        self._store = store

    def open_sendings(self, account: str) -> list[Sending]:
        """See `chain.outbox.Journal`."""
        with self._store.read() as tx:
            return tx.chain.open_sendings(account)

    def lost_from(self, account: str, nonce: int) -> list[Sending]:
        """See `chain.outbox.Journal`."""
        with self._store.read() as tx:
            return tx.chain.lost_from(account, nonce)

    def save(self, one: Sending) -> None:
        """See `chain.outbox.Journal`."""
        with self._store.begin() as tx:
            tx.chain.save(one)

    def checkpoint(self) -> tuple[int, str] | None:
        """See `chain.indexer.EventJournal`."""
        with self._store.read() as tx:
            return tx.chain.checkpoint()

    def take_events(self, events: Sequence[ChainEvent], block: int, block_hash: str) -> None:
        """See `chain.indexer.EventJournal`."""
        with self._store.begin() as tx:
            tx.chain.take_events(events, block, block_hash)

    def rewind(self, below: int) -> int:
        """See `chain.indexer.EventJournal`."""
        with self._store.begin() as tx:
            return tx.chain.rewind(below)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the chain stands.

    Args:
        chain_id, url: Which. account: the engine's address. reachable: at the last look. away_since: unix seconds, or
            None. height: newest block taken. counts: transactions by state. note: what is wrong, in words.
    """

    chain_id: int
    url: str
    account: str
    reachable: bool
    away_since: float | None
    height: int
    counts: dict[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wiring:
    """One chain, ready to use.

    Args:
        chain_id, url: Which. account: the engine's address. addresses: the contracts by name. people: address -> name
            of accounts that are known here.
    """

    outbox: Outbox
    indexer: Indexer
    chain_id: int
    url: str
    account: str
    addresses: Mapping[str, str]
    people: Mapping[str, str] = field(default_factory=dict)


class OnChain:
    """Queues calls and looks at the chain.

    Args:
        store: The platform's. wiring: see there. clock: the machine's.
    """

    def __init__(self, store: PlatformStore, wiring: Wiring, clock: Clock | None = None) -> None:
        self._store, self._wiring = store, wiring
        self._clock = clock or SystemClock()
        self._away_since: float | None = None
        self._note = ""
        self._looked = False

    @property
    def account(self) -> str:
        """The engine's address."""
        return self._wiring.account

    @property
    def chain_id(self) -> int:
        """EIP-155."""
        return self._wiring.chain_id

    @property
    def addresses(self) -> Mapping[str, str]:
        """The contracts by name."""
        return self._wiring.addresses

    @property
    def people(self) -> Mapping[str, str]:
        """Address -> name of accounts that are known here."""
        return self._wiring.people

    @property
    def node(self) -> Chain:
        """The node, for who asks it something else."""
        return self._wiring.outbox.chain

    def queue(self, key: str, call: Call) -> bool:
        """Put a call into the outbox unless its key is known; True if it was added.

        Raises:
            ConflictError: the key is taken by another call.
        """
        with self._store.begin() as tx:
            return tx.chain.queue(key, self._wiring.account, call.to, call.data, call.what)

    def anchor(self, key: str, day: int, rows: Sequence[AnchorRow]) -> bool:
        """Put roots of a day on their way to `DailyRoots`; False if the key is known."""
        from quietgrid.chain import abi

        kinds, roots, leaves = [r.kind for r in rows], [r.root for r in rows], [r.leaves for r in rows]
        return self.queue(
            key, abi.call("DailyRoots", self.addresses["DailyRoots"], "anchor", day, kinds, roots, leaves)
        )

    def step(self) -> Report | None:
        """One look: send what is due, take what is new; None while the node is away.

        Raises:
            ConfigError: the node serves another chain.
        """
        try:
            report = self._wiring.outbox.step()
            self._wiring.indexer.step()
        except UnavailableError as error:
            self._away_since = self._away_since or self._clock.now()
            self._note = error.what
            return None
        except QuietgridError as error:
            self._note = str(error)
            raise
        self._away_since, self._note, self._looked = None, "", True
        return report

    def anchored(self, day: int, kinds: Sequence[int]) -> list[bytes]:
        """The roots of a day as the contract has them, 32 bytes each; zeros where there is none.

        Raises:
            UnavailableError: the node is away.
        """
        chain, address = self._wiring.outbox.chain, self.addresses["DailyRoots"]
        return [bytes(chain.view("DailyRoots", address, "anchorOf", day, kind)[0]) for kind in kinds]

    def standing(self) -> Standing:
        """For status, doctor and the screens."""
        with self._store.read() as tx:
            counts, held = tx.chain.sending_counts(), tx.chain.checkpoint()
        reachable = self._looked and self._away_since is None and not self._note
        one = self._wiring
        return Standing(
            one.chain_id, one.url, one.account, reachable, self._away_since, held[0] if held else 0, counts, self._note
        )


@dataclass(frozen=True, slots=True)
class ChainWork:
    """A chain that is ready, and what is done for it at every look before it is written to."""

    onchain: OnChain
    tasks: Sequence[Callable[[], object]] = ()
    reset: Callable[[str], str] | None = None
    """Closes circuits that are broken (`GridOnChain.reset`): who decided it -> the transaction."""


class ChainWorker:
    """The thread that looks at the chain.

    Args:
        prepare: Finds the node, deploys what is missing; called until it works, and again when the node has lost its
            contracts. tell: told every new trouble once, in words.
    """

    def __init__(self, prepare: Callable[[], ChainWork], tell: Callable[[str], None]) -> None:
        self._prepare, self._tell = prepare, tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chain", daemon=True)
        self.chain: OnChain | None = None
        self.reset: Callable[[str], str] | None = None
        """See `ChainWork`; None before the node was found."""
        self.note = "looking for the chain's node"

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; waits at most three seconds."""
        self._stop.set()
        self._thread.join(3)

    def _run(self) -> None:
        work: ChainWork | None = None
        while not self._stop.is_set():
            try:
                work = work or self._prepare()
                self.chain, self.reset = work.onchain, work.reset
                for task in work.tasks:
                    task()
                report = work.onchain.step()
                if report is not None and report.nowhere:
                    work = None
                self.note = ""
            except QuietgridError as error:
                if self.note != str(error):
                    self._tell(str(error))
                self.note = str(error)
            self._stop.wait(PAUSE_S)

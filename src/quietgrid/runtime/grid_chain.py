"""The grid's end of the chain: a report when the grid's state changes, and the stop that two people decided.

`GridManagement` closes the markets of a region that is reported in an emergency; the stop of everything takes two
guardians there as well. Where their keys are (in the demo) they follow what two people decided here; elsewhere they are
told by the audit log and act with keys of their own. All of it goes through outboxes: while the chain is away it waits,
and the stop holds here all the same.

What is broken there does not close by itself: the operator's account resets a circuit (`GridOnChain.reset`, where two
of its owners' keys are), a vote ends a stop (`Governing.resume`).

Privacy: a state and the hash of a reason. Nothing about a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quietgrid.balance.service import breaker
from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.node import fund
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.chain.plan import OPERATOR
from quietgrid.errors import ConflictError, RevertedError
from quietgrid.model.interval import Clock, SystemClock
from quietgrid.model.operation import BreakerState, StopState
from quietgrid.runtime.grid_market import CONTRACT
from quietgrid.runtime.onchain import OnChain, StoreJournal
from quietgrid.runtime.operating import operate
from quietgrid.runtime.settling import Treasury
from quietgrid.store.stores import PlatformStore, PlatformTx

REGION = b"community".ljust(32, b"\0")
NORMAL, ALERT, EMERGENCY = 1, 2, 3
"""`GridManagement.State`."""
DOCUMENT, NEWEST = "grid on chain", "reported"
KEY = "grid "
"""What the outbox's keys begin with."""
EVERYWHERE = bytes(32)


class GridOnChain:
    """Carries states and stops to the chain.

    Args:
        store: The platform's. onchain: the engine's outbox. clock: the community's time.
        guardians: two accounts whose keys are here, or none. depth: blocks until a transaction counts.
        treasury: the operator's account, where two of its owners' keys are here.
    """

    def __init__(
        self, store: PlatformStore, onchain: OnChain, clock: Clock, guardians: Sequence[Account] = (), depth: int = 1,
        treasury: Treasury | None = None,
    ) -> None:  # fmt: skip
        self._store, self._onchain, self._clock, self._treasury = store, onchain, clock, treasury
        self._address = onchain.addresses.get(CONTRACT, "")
        journal, terms = StoreJournal(store), Terms(onchain.node.chain_id(), confirmations=depth)
        self._guardians = list(guardians)
        self._outboxes = [Outbox(onchain.node, one, journal, terms, SystemClock()) for one in guardians]

    def step(self) -> int:
        """Queue what is due, and send what guardians signed; how many calls were queued.

        Raises:
            UnavailableError: the node is away; what was queued waits.
        """
        if not self._address:
            return 0
        queued = self._report() + self._stops()
        with self._store.read() as tx:
            waiting = [outbox for one, outbox in self._both() if tx.chain.open_sendings(one.address)]
        for outbox in waiting:
            outbox.step()
        return queued

    def reset(self, by: str) -> str:
        """Close the circuits again that are broken on the chain, by the operator's account; the transaction.

        Args:
            by: Who decided it, for the log.

        Raises:
            ConflictError: none is broken, its keys are not here, the grid is not normal or the chain has not heard of
                it, or a settlement is on its way. UnavailableError: the node is away.
        """
        if self._treasury is None:
            raise ConflictError(
                "the operator's keys are not here", where=OPERATOR,
                fix="two of its owners sign `GridManagement.resetCircuit`",
            )  # fmt: skip
        return reset_normal(self._store, self._treasury, by)

    def _both(self) -> list[tuple[Account, Outbox]]:
        return list(zip(self._guardians, self._outboxes, strict=True))

    def _report(self) -> int:
        """Report the grid's state if it is another than the last that was reported."""
        with self._store.begin() as tx:
            state = condition(tx)
            known = tx.documents.find(DOCUMENT, NEWEST)
            last, at = (int(part) for part in known.split()) if known else (NORMAL, 0)
            if state == last:
                return 0
            now = max(int(self._clock.now()), at + 1)  # the contract wants each report later than the one before
            call = abi.call(CONTRACT, self._address, "report", REGION, (state, now, 0, 0, 0))
            tx.chain.queue(f"{KEY}report {now}", self._onchain.account, call.to, call.data, call.what)
            tx.documents.replace(DOCUMENT, NEWEST, f"{state} {now}".encode())
        return 1

    def _stops(self) -> int:
        """Have both guardians ask for every stop that was decided and is not on its way."""
        with self._store.read() as tx:
            stops = tx.grid.stops(unrecorded=True)
        own = self._onchain.node.chain_id() == CHAIN_ID
        for account in self._guardians if stops and own else ():
            fund(self._onchain.node, account.address)
        queued = 0
        for stop in reversed(stops):
            reason = abi.role_hash(f"stop {stop.number}: {stop.reason}")
            with self._store.begin() as tx:
                for number, account in enumerate(self._guardians):
                    call = abi.call(CONTRACT, self._address, "requestStop", reason)
                    key = f"{KEY}stop {stop.number} {number}"
                    queued += tx.chain.queue(key, account.address, call.to, call.data, call.what)
                tx.grid.save_stop(replace(stop, recorded=True))
        return queued


def condition(tx: PlatformTx) -> int:
    """What is to be reported: an emergency while stopped or markets are halted, an alert without data, else normal."""
    stop = tx.grid.stop()
    if (stop is not None and stop.state is StopState.STOPPED) or breaker(tx, "market").state is BreakerState.OPEN:
        return EMERGENCY
    return ALERT if breaker(tx, "data").state is BreakerState.OPEN else NORMAL


_CURES = {
    ALERT: "totals have to open again: two keyholders answer", EMERGENCY: "the stop has to end and the market breaker "
    "to close, by itself, once its cause is gone",
}  # fmt: skip


def reset_normal(store: PlatformStore, treasury: Treasury, by: str) -> str:
    """Close what is broken, of the community and of everything; the transaction.

    Raises:
        ConflictError: the grid is not normal here, or was not in its last report there; no circuit is broken; a
            settlement is on its way.
        UnavailableError: the node is away.
    """
    with store.read() as tx:
        state = condition(tx)
    if state != NORMAL:
        raise ConflictError("the grid is not normal", where="circuit", fix=f"first {_CURES[state]}")
    chain, address = treasury.chain, treasury.addresses[CONTRACT]
    broken = [region for region in (REGION, EVERYWHERE) if chain.view(CONTRACT, address, "breakerOf", region)[0]]
    if not broken:
        raise ConflictError("no circuit is broken", where=CONTRACT, fix="there is nothing to reset")
    calls = [abi.call(CONTRACT, address, "resetCircuit", region) for region in broken]
    try:
        for call in calls:
            chain.try_call(call, treasury.addresses[OPERATOR])
    except RevertedError as error:
        if error.name != "NotNormal":
            raise
        raise ConflictError(
            "the last report on the chain is not of a normal grid (NotNormal)", where=CONTRACT,
            fix="wait until the platform has reported a normal state: its breakers are closed and no stop holds",
        ) from error  # fmt: skip
    return operate(store, treasury, calls, by).hash

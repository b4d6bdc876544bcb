"""The chain for people: how it stands, what is on its way, what contracts said, which roots a day has.

Privacy: only what is public on the chain anyway, and what waits to become so.
"""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.errors import NotFoundError, QuietgridError
from quietgrid.model.sending import ChainEvent, Sending, SendState
from quietgrid.runtime.claims import ClaimsStanding, claims_standing
from quietgrid.store.anchors import AnchorRow

MOST = 1000
KINDS = (
    "frames", "ledger of keyholder 0", "ledger of keyholder 1", "ledger of keyholder 2", "audit log", "bills",
)  # fmt: skip
"""What a root is over, by `DailyRoots.Kind`."""


@dataclass(frozen=True, slots=True)
class ChainState:
    """How the chain stands.

    Args:
        state: ``off``, ``starting``, ``live`` or ``away``. chain_id, node, account: which; empty before it was found.
        away_since: unix seconds or None. block: newest block taken. counts: transactions by state.
        addresses: contract -> address. last_day: newest UTC day that has roots. note: what is wrong, in words.
    """

    state: str
    chain_id: int
    node: str
    account: str
    away_since: float | None
    block: int
    counts: dict[str, int]
    addresses: dict[str, str]
    last_day: int | None
    note: str

    @property
    def waiting(self) -> int:
        """How many transactions are not confirmed and not given up."""
        return sum(self.counts[name] for name in (SendState.QUEUED, SendState.SENT, SendState.MINED))


def state(services: Services, viewer: Viewer) -> ChainState:
    """How the chain stands."""
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        counts, held, last = tx.chain.sending_counts(), tx.chain.checkpoint(), tx.anchors.last_day()
    block = held[0] if held else 0
    worker = services.chain
    if worker is None:
        return ChainState("off", 0, "", "", None, block, counts, {}, last, "this community has no chain")
    if worker.chain is None:
        return ChainState("starting", 0, "", "", None, block, counts, {}, last, worker.note)
    found = worker.chain.standing()
    name = "live" if found.reachable else "away"
    return ChainState(
        name, found.chain_id, found.url, found.account, found.away_since, block, counts,
        dict(worker.chain.addresses), last, found.note or worker.note,
    )  # fmt: skip


def outbox(services: Services, viewer: Viewer, *, only: str = "", limit: int = 100, before: int = 0) -> list[Sending]:
    """Transactions, newest first; of one state; `before`: with smaller numbers."""
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        return tx.chain.sendings(state=only, limit=min(limit, MOST), before=before)


def retry(services: Services, viewer: Viewer, number: int) -> Sending:
    """Send one that failed again.

    Raises:
        NotFoundError: there is none with this number. ConflictError: it did not fail.
    """
    require(viewer, Permission.CHAIN_RETRY)
    with services.changing(), services.store.begin() as tx:
        found = tx.chain.sendings(limit=1, before=number + 1)
        if not found or found[0].seq != number:
            raise NotFoundError("there is no such transaction", where=f"outbox {number}", fix="check the number")
        tx.chain.again(found[0].key)
        tx.log.append(viewer.account, "chain.retry", found[0].key)
        return tx.chain.sending(found[0].key)


def events(
    services: Services, viewer: Viewer, *, contract: str = "", name: str = "", limit: int = 100,
    before: tuple[int, int] | None = None,
) -> list[ChainEvent]:  # fmt: skip
    """What contracts said, newest first."""
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        return tx.chain.events(contract=contract, name=name, limit=min(limit, MOST), before=before)


@dataclass(frozen=True, slots=True)
class Followed:
    """One transaction from the outbox to what it did."""

    sending: Sending
    events: list[ChainEvent]


def follow(services: Services, viewer: Viewer, number: int) -> Followed:
    """One transaction and what it made contracts say.

    Raises:
        NotFoundError: there is none with this number.
    """
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        found = tx.chain.sendings(limit=1, before=number + 1)
        if not found or found[0].seq != number:
            raise NotFoundError("there is no such transaction", where=f"outbox {number}", fix="check the number")
        said = [e for attempt in found[0].attempts for e in tx.chain.transaction_events(attempt.hash)]
    return Followed(found[0], said)


@dataclass(frozen=True, slots=True)
class CheckedRoot:
    """One root as it is kept here and as the chain has it: ``same``, ``waiting``, ``different`` or ``unknown``."""

    row: AnchorRow
    on_chain: str


def claims(services: Services, viewer: Viewer) -> ClaimsStanding:
    """How claims stand, without any home: what is in it is on the chain too."""
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        return claims_standing(tx)


def roots(services: Services, viewer: Viewer, limit: int = 60) -> list[CheckedRoot]:
    """The newest days' roots, each compared with what the contract said when it was written."""
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        rows = tx.anchors.latest(min(limit, MOST))
        said = tx.chain.events(contract="DailyRoots", name="RootAnchored", limit=MOST)
    known = {(e.values["day"], e.values["kind"]): e.values["root"] for e in said}
    out = []
    for row in rows:
        root = known.get((row.day, row.kind))
        held = "waiting" if root is None else "same" if root == "0x" + row.root.hex() else "different"
        out.append(CheckedRoot(row, held))
    return out


def check_day(services: Services, viewer: Viewer, day: int) -> list[CheckedRoot]:
    """A day's roots compared with the contract itself, asked now.

    Raises:
        NotFoundError: the day has no roots. UnavailableError: the node is away.
    """
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        rows = tx.anchors.of_day(day)
    if not rows:
        raise NotFoundError("this day has no roots", where=f"day {day}", fix="choose another day")
    worker = services.chain
    if worker is None or worker.chain is None:
        return [CheckedRoot(row, "unknown") for row in rows]
    try:
        held = worker.chain.anchored(day, [row.kind for row in rows])
    except QuietgridError:
        return [CheckedRoot(row, "unknown") for row in rows]
    return [
        CheckedRoot(row, "same" if root == row.root else "waiting" if root == bytes(32) else "different")
        for row, root in zip(rows, held, strict=True)
    ]

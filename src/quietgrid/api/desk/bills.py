"""Bills and billing runs. A bill is a handful of sums a home and period; there is no curve in it, nor in this file."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from quietgrid.accounts import Permission, Role, Viewer, require, require_home
from quietgrid.api.services import Services
from quietgrid.api.times import period_name, period_of
from quietgrid.billing import Bill, BillProof
from quietgrid.billing.invoice import Buyer, Invoice, Seller
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ForbiddenError, NotFoundError, UnavailableError
from quietgrid.model.interval import Window, zone
from quietgrid.runtime.periods import BillingRun, bill_of
from quietgrid.store import BillRow
from quietgrid.wire.own import InvoiceHead
from quietgrid.wire.vouching import Vouching

PAY_DAYS = 14
DRAFT = "draft"


@dataclass(frozen=True, slots=True)
class BillView:
    """One bill in a list.

    Args:
        number: of the invoice. home: id. name: on the contract. period: name of the period. version: 1, 2, …
        state: ``draft``, ``approved`` or ``issued``.
    """

    number: str
    home: int
    name: str
    period: str
    window: Window
    version: int
    tariff: str
    imported_wh: int
    exported_wh: int
    estimated_wh: int
    total_micro: int
    currency: str
    state: str


@dataclass(frozen=True)
class ProofView:
    """All that is needed to check a bill without the platform.

    Args:
        bill: encoded. book: as registered. records: the meters' day records. scalars: what the household released,
            None until it has. vouching: whose meters signed, and who says so. closes: hashes of the closes the bill's
            cells are of.
    """

    bill: bytes
    book: Signed
    records: list[Signed]
    scalars: Signed | None
    vouching: Vouching
    closes: list[bytes]


@dataclass(frozen=True)
class RunView:
    """A billing period and how far its bills are.

    Args:
        state: ``waiting`` (not over or not closed), ``ready`` (to run), ``open`` (to approve), ``issued``,
            ``refused`` (the gate refused a leaf's batch).
        closed_end: slot up to which everything is closed. by: who started the run (account), "" for the clock.
        refusals: (leaf, ``rule: why``).
    """

    name: str
    window: Window
    state: str
    counts: dict[str, int]
    total_micro: int
    closed_end: int
    by: str
    at: float | None
    refusals: list[tuple[str, str]]


def bills(services: Services, viewer: Viewer, *, period: str = "", home: int | None = None) -> list[BillView]:
    """Bills, newest period first: all for those who may, the own ones for a household (drafts are not shown to it)."""
    if viewer.role is Role.HOUSEHOLD:
        require(viewer, Permission.OWN_BILLS)
        if home is not None:
            require_home(viewer, home)
        home = viewer.home
    else:
        require(viewer, Permission.BILLS)
    window = window_of(services, period) if period else None
    with services.store.read() as tx:
        rows = tx.billing.bills(home=home, first=window.first if window else None)
        names = {row.party.home: row.party.name for row in tx.registry.parties(left=True)}
    shown = [row for row in rows if row.status != DRAFT or viewer.role is not Role.HOUSEHOLD]
    ranks = _ranks(services, {row.first for row in shown})
    return [_view(services, row, names.get(row.home, ""), ranks) for row in shown]


def bill(services: Services, viewer: Viewer, home: int, period: str) -> tuple[BillRow, Bill]:
    """The newest bill of a home and period.

    Raises:
        NotFoundError: there is none (a household: or it is another's, or still a draft).
    """
    require(viewer, Permission.OWN_BILLS if viewer.role is Role.HOUSEHOLD else Permission.BILLS)
    return _bill(services, viewer, home, period)


def _bill(services: Services, viewer: Viewer, home: int, period: str) -> tuple[BillRow, Bill]:
    require_home(viewer, home, "bill")
    window = window_of(services, period)
    with services.store.read() as tx:
        row = tx.billing.bill(home, window.first)
    if viewer.role is Role.HOUSEHOLD and row.status == DRAFT:
        raise NotFoundError("there is no such bill", where="bill", fix="it is not approved yet")
    return row, bill_of(row)


def invoice(services: Services, viewer: Viewer, home: int, period: str) -> Invoice:
    """The bill as an invoice: with name, number and the digest of its proof, once the household released one."""
    row, priced = bill(services, viewer, home, period)
    card = services.card
    with services.store.read() as tx:
        party = tx.registry.party(home).party
    issued = row.made_at if row.issued_at is None else row.issued_at
    day = _local_day(issued, card.tz)
    scalars = services.own.proof(home, row.first)
    digest = b"" if scalars is None else BillProof.decode(scalars.body).digest()
    leaf = services.members(row.first)
    book = services.periods.book(int(leaf.leaves[leaf.homes == home][0]), priced.window)
    feeds = tuple(vector.name for vector in book.vectors if vector.rule == "prices")
    return Invoice(
        number=_number(row, _ranks(services, {row.first}), services.card.tz, services.card.resolution),
        issued=day, due=day + timedelta(days=PAY_DAYS),
        seller=services.settings.seller or Seller(card.name, (), ""),
        buyer=Buyer(party.name, (), str(home)), bill=priced, tariff=priced.tariff, proof=digest, price_vectors=feeds,
    )  # fmt: skip


def invoice_head(services: Services, viewer: Viewer, first: int) -> InvoiceHead:
    """What a home needs to print the invoice of its newest bill of a period itself."""
    require(viewer, Permission.OWN_BILLS)
    if viewer.home is None:
        raise ForbiddenError("only a household prints its own invoice", where=f"role {viewer.role.value}")
    window = next((w for w in services.periods.windows() if w.first == first), None)
    if window is None:
        raise NotFoundError("there is no such bill", where="bill", fix="take a period from the list of bills")
    made = invoice(services, viewer, viewer.home, period_name(window, services.card.tz))
    seller = made.seller
    return InvoiceHead(
        viewer.home, first, made.bill.version, made.number, made.issued.isoformat(), made.due.isoformat(),
        (seller.name, seller.tax_id, seller.contact, seller.bank, seller.iban, seller.bic), list(seller.address),
        made.buyer.name, list(made.price_vectors),
    )  # fmt: skip


def proof(services: Services, viewer: Viewer, home: int, period: str) -> ProofView:
    """What anyone needs who wants to check a bill against what the meters signed.

    Privacy: commitments hide; the scalars open only the sums that are on the bill already.
    """
    require(viewer, Permission.PROOFS)
    row, priced = _bill(services, viewer, home, period)
    closes = [signed.hash() for signed in services.own.closes(home, priced.window)]
    return ProofView(
        b64decode(row.detail["bill"]), services.own.book(home, row.first), services.own.records(home, priced.window),
        services.own.proof(home, row.first), services.own.vouching(home, priced.window), closes,
    )  # fmt: skip


def release(services: Services, viewer: Viewer, signed: Signed) -> None:
    """Take the scalars a household releases for one of its bills.

    Raises:
        ForbiddenError: not a household. VerificationError: not signed by this one.
    """
    require(viewer, Permission.OWN_BILLS)
    if viewer.home is None:
        raise ForbiddenError("only a household can release its proof", where=f"role {viewer.role.value}")
    services.own.prove(viewer.home, signed)


def runs(services: Services, viewer: Viewer) -> list[RunView]:
    """All billing periods, newest first."""
    if not (viewer.may(Permission.BILLING_RUN) or viewer.may(Permission.BILLING_APPROVE)):
        require(viewer, Permission.BILLING_RUN)
    return [_run(services, window) for window in reversed(services.periods.windows())]


def start_run(services: Services, viewer: Viewer, period: str) -> BillingRun:
    """Run billing of a period: ask one batch a leaf, price what opens. Drafts, until someone else approves.

    Raises:
        UnavailableError: the period is not over and closed, or fewer than two keyholders answer.
    """
    require(viewer, Permission.BILLING_RUN)
    window = window_of(services, period)
    state = _run(services, window).state
    if state == "waiting":
        raise UnavailableError(
            "the period is not over and closed yet", where=f"period {period}", fix="run it two intervals after its end"
        )
    with services.changing():
        with services.store.begin() as tx:
            tx.log.append(viewer.account, "billing.start", f"period {window.first}")
        return services.periods.run(window)


def approve(services: Services, viewer: Viewer, period: str) -> int:
    """Approve and issue the drafts of a period; how many.

    Raises:
        ForbiddenError: whoever started the run may not approve it.
    """
    require(viewer, Permission.BILLING_APPROVE)
    window = window_of(services, period)
    if not may_approve(services, viewer, window):
        raise ForbiddenError(
            "whoever ran the bills may not approve them", where=f"period {period}", fix="have another person approve"
        )
    with services.changing():
        return services.periods.approve(window, viewer.account)


def may_approve(services: Services, viewer: Viewer, window: Window) -> bool:
    """Whether this viewer is the second pair of eyes for a period."""
    started_by = _starter(services, window)[0]
    return viewer.may(Permission.BILLING_APPROVE) and not (services.settings.four_eyes and started_by == viewer.account)


def window_of(services: Services, period: str) -> Window:
    """The window of a period's name, or `NotFoundError`."""
    return period_of(period, services.periods.windows(), services.card.tz)


def _run(services: Services, window: Window) -> RunView:
    with services.store.read() as tx:
        counts = tx.billing.counts(window.first)
        newest: dict[int, int] = {row.home: row.total_micro for row in tx.billing.bills(first=window.first)}
        asked = tx.overview.asked(limit=1000, kind="bills")
    members = services.members(window.first)
    with services.store.read() as tx:
        ends = [tx.answers.last_close(leaf) for leaf in range(len(members.leaf_names))]
    mine = [row for row in asked if (row.first, row.end) == (window.first, window.end)]
    answered = {row.node for row in mine if row.status}
    refusals = [
        (row.node, text) for row in mine if row.outcome == "refused" and row.node not in answered
        for text in sorted(set(row.refusals.values()))
    ]  # fmt: skip
    by, at = _starter(services, window)
    if counts[DRAFT] or counts["approved"]:
        state = "open"
    elif counts["issued"]:
        state = "issued"
    elif refusals:
        state = "refused"
    else:
        state = "ready" if min(ends, default=0) >= window.end else "waiting"
    return RunView(
        period_name(window, services.card.tz), window, state, counts, sum(newest.values()), min(ends, default=0), by,
        at, refusals,
    )  # fmt: skip


def _starter(services: Services, window: Window) -> tuple[str, float | None]:
    subject = f"period {window.first}"
    with services.store.read() as tx:
        started = tx.log.latest(1, action="billing.start", subject=subject)
        ran = tx.log.latest(1, action="billing.run", subject=subject)
    return (started[0].actor if started else ""), (ran[0].at if ran else None)


def _ranks(services: Services, firsts: set[int]) -> dict[tuple[int, int], int]:
    """(period, home) -> number of the home among the bills of the period, from 1, by home id."""
    found: dict[tuple[int, int], int] = {}
    with services.store.read() as tx:
        for first in firsts:
            homes = sorted({row.home for row in tx.billing.bills(first=first)})
            found |= {(first, home): rank for rank, home in enumerate(homes, start=1)}
    return found


def _number(row: BillRow, ranks: dict[tuple[int, int], int], tz: str, resolution: int) -> str:
    name = period_name(Window(row.first, row.end, resolution), tz)
    again = "" if row.version == 1 else f"-{row.version}"
    return f"{name}-{ranks[row.first, row.home]:04d}{again}"


def _view(services: Services, row: BillRow, name: str, ranks: dict[tuple[int, int], int]) -> BillView:
    priced, card = bill_of(row), services.card
    window = Window(row.first, row.end, card.resolution)
    return BillView(
        _number(row, ranks, card.tz, card.resolution), row.home, name, period_name(window, card.tz), window,
        row.version, priced.tariff, priced.imported_wh, priced.exported_wh, priced.estimated_wh, row.total_micro,
        row.currency, row.status,
    )  # fmt: skip


def _local_day(unix: float, tz: str) -> date:
    return datetime.fromtimestamp(unix, zone(tz)).date()

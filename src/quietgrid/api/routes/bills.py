"""Bills as JSON, page and PDF; proofs; billing runs."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from quietgrid.accounts import Permission
from quietgrid.api import shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import bills as desk
from quietgrid.api.routes.meters import IDS, need
from quietgrid.api.times import iso
from quietgrid.billing import Bill
from quietgrid.billing.invoice_html import invoice_html
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.model.readings import REGISTER_NAMES

router = APIRouter(tags=["bills"])
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
Home = Annotated[str, Path(pattern=IDS, examples=["1017"])]
Period = Annotated[str, Path(pattern=DAY, examples=["2026-02-01"])]
Language = Annotated[str, Query(pattern="^(en|de)$")]
INVOICE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; sandbox"
"""An invoice is one file with its style inside: styles may be inline, nothing may run or load."""
_READ = need(Permission.BILLS, Permission.OWN_BILLS)


def _item(kit: Kit, b: desk.BillView) -> shapes.BillItem:
    return shapes.BillItem(
        number=b.number, home=str(b.home), name=b.name, period=b.period, start=iso(b.window.first, b.window.resolution),
        end=iso(b.window.end, b.window.resolution), version=b.version, tariff=b.tariff, imported_wh=b.imported_wh,
        exported_wh=b.exported_wh, estimated_wh=b.estimated_wh, total_micro=b.total_micro, currency=b.currency,
        state=b.state,
    )  # fmt: skip


@router.get("/bills", response_model=shapes.Bills, openapi_extra=_READ)
def bills(
    kit: Kit, viewer: Asker, period: Annotated[str, Query(pattern=DAY + "|^$", examples=["2026-02-01"])] = ""
) -> shapes.Bills:
    """Bills: sums a home and period, no curve. A household sees its own."""
    return shapes.Bills(bills=[_item(kit, b) for b in desk.bills(kit, viewer, period=period)])


@router.get("/bills/{home}/{period}.html", response_class=Response, openapi_extra=_READ, responses={
    200: {"content": {"text/html": {"schema": {"type": "string"}}}}})  # fmt: skip
def bill_html(kit: Kit, viewer: Asker, home: Home, period: Period, language: Language = "en") -> Response:
    """The invoice as one page."""
    text = invoice_html(desk.invoice(kit, viewer, int(home), period), language)
    return Response(text, media_type="text/html", headers={"Content-Security-Policy": INVOICE_POLICY})


@router.get("/bills/{home}/{period}.pdf", response_class=Response, openapi_extra=_READ, responses={
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}})  # fmt: skip
def bill_pdf(kit: Kit, viewer: Asker, home: Home, period: Period, language: Language = "en") -> Response:
    """The invoice as PDF."""
    invoice = desk.invoice(kit, viewer, int(home), period)
    headers = {"Content-Disposition": f'inline; filename="{invoice.number}.pdf"'}
    from quietgrid.billing.invoice_pdf import invoice_pdf  # half a second, for the first who prints one

    return Response(invoice_pdf(invoice, language), media_type="application/pdf", headers=headers)


@router.get("/bills/{home}/{period}", response_model=shapes.BillDocument, openapi_extra=_READ)
@router.get("/bills/{home}/{period}.json", response_model=shapes.BillDocument, openapi_extra=_READ)
def bill(kit: Kit, viewer: Asker, home: Home, period: Period) -> shapes.BillDocument:
    """One bill: lines, VAT and the sums it was computed from."""
    row, priced = desk.bill(kit, viewer, int(home), period)
    view = next(b for b in desk.bills(kit, viewer, period=period, home=int(home)) if b.version == row.version)
    return _document(_item(kit, view), priced)


def _document(item: shapes.BillItem, bill: Bill) -> shapes.BillDocument:
    lines = [
        shapes.BillLine(
            kind=line.kind.value,
            name=line.name,
            register=REGISTER_NAMES[line.register],
            quantity=line.quantity,
            price_micro=line.price_micro,
            amount_micro=line.amount_micro,
            vat_bp=line.vat_bp,
            estimated=line.estimated,
        )
        for line in bill.lines
    ]
    sums = [
        shapes.BandSum(
            vector=f.vector,
            register=REGISTER_NAMES[f.register],
            measured=f.measured,
            intervals=f.intervals,
            late=f.late,
            late_intervals=f.late_intervals,
            missing=f.missing,
            estimate=f.estimate,
        )
        for f in bill.facts
    ]
    vat = [shapes.VatItem(rate_bp=v.rate_bp, base_micro=v.base_micro, amount_micro=v.amount_micro) for v in bill.vat]
    return shapes.BillDocument(
        **item.model_dump(), days=bill.days, tariff_version=bill.tariff_version, lines=lines, vat=vat, sums=sums
    )


@router.get(
    "/bills/{home}/{period}/proof", response_model=shapes.BillProofDocument, openapi_extra=need(Permission.PROOFS)
)
def proof(kit: Kit, viewer: Asker, home: Home, period: Period) -> shapes.BillProofDocument:
    """All that is needed to check a bill against what the meters signed, offline."""
    found = desk.proof(kit, viewer, int(home), period)
    return shapes.BillProofDocument(
        bill=_b64(found.bill), book=_b64(pack_signed(found.book)),
        records=[_b64(pack_signed(record)) for record in found.records],
        scalars=_b64(pack_signed(found.scalars)) if found.scalars else None,
        vouching=_b64(found.vouching.body()),
        closes=[digest.hex() for digest in found.closes],
    )  # fmt: skip


def _b64(data: bytes) -> str:
    return b64encode(data).decode()


@router.get(
    "/billing/runs",
    response_model=shapes.Runs,
    openapi_extra=need(Permission.BILLING_RUN, Permission.BILLING_APPROVE),
    tags=["billing"],
)
def runs(kit: Kit, viewer: Asker) -> shapes.Runs:
    """Billing periods and how far their bills are."""
    found = [
        shapes.Run(period=r.name, state=r.state, bills=sum(r.counts.values()), total_micro=r.total_micro)
        for r in desk.runs(kit, viewer)
    ]
    return shapes.Runs(runs=found)


@router.post(
    "/billing/runs",
    response_model=shapes.RunResult,
    status_code=201,
    openapi_extra=need(Permission.BILLING_RUN),
    tags=["billing"],
)
def run(kit: Kit, viewer: Asker, wanted: shapes.RunRequest) -> shapes.RunResult:
    """Run billing of a period: one batch a feeder, drafts from what opens."""
    done = desk.start_run(kit, viewer, wanted.period)
    refused = [f"{node}: {refusal.rule}: {refusal.what}" for node, refusal in done.outcomes.refused]
    return shapes.RunResult(
        period=wanted.period, bills=done.bills, estimated=done.estimated, late_cells=done.late_cells, refused=refused
    )


@router.post(
    "/billing/runs/{period}/approve",
    response_model=shapes.Approved,
    openapi_extra=need(Permission.BILLING_APPROVE),
    tags=["billing"],
)
def approve(kit: Kit, viewer: Asker, period: Period) -> shapes.Approved:
    """Approve and issue the drafts of a period; by another person than the one who ran it."""
    return shapes.Approved(period=period, bills=desk.approve(kit, viewer, period))

"""A bill as paper, made at home: the invoice, and the proof that goes with it.

Number, dates and names come from the platform; the bill is the one this home checked, and the proof is its own.
Privacy: opened sums of one home. The proof opens what is on the bill, for whoever the home gives it to.
"""

from __future__ import annotations

from datetime import date

from quietgrid.billing import Bill, BillProof
from quietgrid.billing.invoice import Buyer, Invoice, Seller
from quietgrid.billing.invoice_html import invoice_html
from quietgrid.errors import NotFoundError, VerificationError
from quietgrid.homeweb.desk import Desk
from quietgrid.household.checking import decode_bill
from quietgrid.runtime.bill_document import BillDocument
from quietgrid.wire.own import InvoiceHead

POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; sandbox"
}
"""An invoice is one file with its style inside: styles may be inline, nothing may run or load."""


def head(desk: Desk, bill: Bill) -> InvoiceHead:
    """What is printed around a bill.

    Raises:
        NotFoundError: a later version took the bill's place. VerificationError: it is not of this bill.
    """
    with desk.lock:
        found = desk.home.parts.platform.invoice(bill.window.first)
    if (found.home, found.first) != (bill.home, bill.window.first):
        raise VerificationError("the head of another invoice was sent", where="invoice", fix="ask again")
    if found.version != bill.version:
        raise NotFoundError("this bill was replaced", where=f"version {bill.version}", fix="take the newest version")
    return found


def invoice(desk: Desk, bill: Bill) -> Invoice:
    """The bill as an invoice, with the digest of the home's own proof."""
    around = head(desk, bill)
    name, tax_id, contact, bank, iban, bic = around.seller
    scalars = document(desk, bill).scalars
    digest = b"" if scalars is None else BillProof.decode(scalars.body).digest()
    return Invoice(
        around.number, date.fromisoformat(around.issued), date.fromisoformat(around.due),
        Seller(name, tuple(around.address), tax_id, contact, bank, iban, bic),
        Buyer(around.buyer, (), str(bill.home)), bill, bill.tariff, digest, tuple(around.price_vectors),
    )  # fmt: skip


def document(desk: Desk, bill: Bill) -> BillDocument:
    """The bill with everything that proves it to others; without the openings where it is not what was measured."""
    with desk.lock:
        home = desk.home
        check = home.verify_bill(decode_bill(bill.encode()))
        platform = home.parts.platform
        right = check.verdict.value not in ("differs", "lost") and len(check.bills) == 1
        return BillDocument(
            bill, platform.book(bill.window.first), platform.records(bill.window), check.proof if right else None,
            platform.vouching(bill.window),
        )  # fmt: skip


def as_page(made: Invoice, language: str) -> str:
    """The invoice as one page."""
    return invoice_html(made, language)


def as_pdf(made: Invoice, language: str) -> bytes:
    """The invoice as PDF."""
    from quietgrid.billing.invoice_pdf import invoice_pdf  # half a second, for the first who prints one

    return invoice_pdf(made, language)

"""A bill as an invoice: who, what, how much, how sure, and how to check it.

`Invoice` is what is printed; `page` turns it into strings once, so that HTML (`invoice_html`) and PDF (`invoice_pdf`)
say the same. Names and addresses exist only here and in the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from quietgrid.billing.bill import ENERGY_KINDS, Bill, Line, LineKind
from quietgrid.billing.words import NOTES, Words
from quietgrid.errors import InputError
from quietgrid.model.interval import Window, zone


@dataclass(frozen=True, slots=True)
class Seller:
    """Who bills. `address`: lines. `bank`, `iban`, `bic`: where to pay; empty for no payment part."""

    name: str
    address: tuple[str, ...]
    tax_id: str
    contact: str = ""
    bank: str = ""
    iban: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who is billed. `address`: lines. `customer`: customer number."""

    name: str
    address: tuple[str, ...]
    customer: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice.

    Args:
        number: Unique and without gaps, given by the seller. issued, due: Local dates.
        tariff: Its name for people. proof: 32 bytes, `BillProof.digest`, or empty while there is none.
        price_vectors: Names of the book's price vectors, whose sums are not energy.
    """

    number: str
    issued: date
    due: date
    seller: Seller
    buyer: Buyer
    bill: Bill
    tariff: str
    proof: bytes = b""
    price_vectors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.number.strip():
            raise InputError("an invoice needs a number", where="invoice", fix="count invoices up")
        if self.due < self.issued:
            raise InputError("an invoice is due before it is issued", where=self.number, fix="swap the dates")
        if len(self.proof) not in (0, 32):
            raise InputError("a proof digest has 32 bytes", where=self.number, fix="give BillProof.digest()")


@dataclass(frozen=True, slots=True)
class Row:
    """One printed line: texts, and whether it is estimated."""

    name: str
    note: str
    quantity: str
    price: str
    amount: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the picture of the energy used: share of the whole in thousandths, from left to right."""

    name: str
    energy: str
    start: int
    width: int
    estimated: bool


@dataclass(frozen=True)
class Page:
    """Everything on an invoice as strings, in reading order. `words` holds the headings."""

    words: Words
    invoice: Invoice
    head: tuple[tuple[str, str], ...]
    headline: tuple[str, str, str]
    picture: tuple[Slice, ...]
    sections: tuple[tuple[str, tuple[Row, ...]], ...]
    net: str
    vat: tuple[tuple[str, str], ...]
    total: str
    notes: tuple[str, ...]
    payment: tuple[tuple[str, str], ...]
    pay_code: str
    proof: tuple[str, ...]
    digest: str
    command: str
    facts: tuple[tuple[str, ...], ...]


def page(invoice: Invoice, language: str = "en") -> Page:
    """Write an invoice out in one language."""
    words, bill = Words.of(language), invoice.bill
    vat = tuple(
        (f"{words['vat']} {words.rate(v.rate_bp)} {words['vat_of']} {words.money(v.base_micro, bill.currency)}",
         words.money(v.amount_micro, bill.currency))
        for v in bill.vat
    )  # fmt: skip
    return Page(
        words=words,
        invoice=invoice,
        head=_head(invoice, words),
        headline=_headline(invoice, words),
        picture=_picture(bill, words),
        sections=_sections(bill, words),
        net=words.money(bill.net_micro, bill.currency),
        vat=vat,
        total=words.money(bill.due_micro, bill.currency),
        notes=_notes(bill, words),
        payment=_payment(invoice, words),
        pay_code=pay_code(invoice),
        proof=(words["proof_text"].format(count=len(bill.facts)), *(() if invoice.proof else (words["no_proof"],))),
        digest=" ".join(invoice.proof.hex()[i : i + 8] for i in range(0, 2 * len(invoice.proof), 8)),
        command=f"quietgrid verify bill {invoice.number}.json",
        facts=_facts(invoice, words),
    )


def period_text(window: Window, tz: str, words: Words) -> str:
    """First to last local day of a period."""
    where = zone(tz)
    first = window.start_time.astimezone(where).date()
    last = (window.end_time - timedelta(seconds=1)).astimezone(where).date()
    return f"{words.day(first)} – {words.day(last)}"


def short_period(window: Window, tz: str, words: Words) -> str:
    """The same, but just month and year for a whole calendar month."""
    where = zone(tz)
    first, end = window.start_time.astimezone(where), window.end_time.astimezone(where)
    months = (end.year - first.year) * 12 + end.month - first.month
    if months == 1 and first.day == end.day == 1 and not (first.hour or first.minute or end.hour or end.minute):
        return words.month(first.date())
    return period_text(window, tz, words)


def pay_code(invoice: Invoice) -> str:
    """The text of the bank's payment code (EPC 069-12, "Girocode"), or "" if no euro are to be paid."""
    seller, due = invoice.seller, invoice.bill.due_micro
    if not seller.iban or invoice.bill.currency != "EUR" or not 10_000 <= due < 10**15:
        return ""
    euros, cents = divmod(due // 10_000, 100)
    fields = [
        "BCD", "002", "1", "SCT", seller.bic.replace(" ", ""), _plain(seller.name)[:70], seller.iban.replace(" ", ""),
        f"EUR{euros}.{cents:02d}", "", "", _plain(invoice.number)[:140],
    ]  # fmt: skip
    return "\n".join(fields)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _head(invoice: Invoice, words: Words) -> tuple[tuple[str, str], ...]:
    bill = invoice.bill
    hours = len(bill.window) * bill.window.resolution // 3600
    return (
        (words["number"], invoice.number),
        (words["issued"], words.day(invoice.issued)),
        (words["customer"], invoice.buyer.customer),
        (words["period"], period_text(bill.window, bill.tz, words)),
        ("", f"{bill.days} {words['days']}, {words.number(hours, 1, 0)} {words['hours']}, {bill.tz}"),
        (words["tariff"], invoice.tariff),
    )


def _headline(invoice: Invoice, words: Words) -> tuple[str, str, str]:
    """What to do, how much, by when."""
    due, currency = invoice.bill.due_micro, invoice.bill.currency
    if due == 0:
        return words["nothing"], words.money(0, currency), ""
    kind = "due" if due > 0 else "credit"
    return words[kind], words.money(abs(due), currency), f"{words[kind + '_by']} {words.day(invoice.due)}"


def _picture(bill: Bill, words: Words) -> tuple[Slice, ...]:
    """One slice a price; all energy of a real-time tariff has one name."""
    feed = next((line.name for line in bill.lines if line.kind is LineKind.REAL_TIME), "")
    parts: dict[tuple[str, bool], int] = {}
    for line in bill.lines:
        if line.kind in ENERGY_KINDS and line.quantity > 0:
            key = feed or line.name, line.estimated
            parts[key] = parts.get(key, 0) + line.quantity
    whole, at, out = sum(parts.values()), 0, []
    for (name, estimated), energy in parts.items():
        start, end = at * 1000 // whole, (at + energy) * 1000 // whole
        out.append(Slice(name, words.energy(energy), start, end - start, estimated))
        at += energy
    return tuple(out)


def _sections(bill: Bill, words: Words) -> tuple[tuple[str, tuple[Row, ...]], ...]:
    found: dict[str, list[Row]] = {"used": [], "fixed": [], "fed_in": [], "corrections": []}
    for line in bill.lines:
        if line.kind is LineKind.TRUE_UP:
            section = "corrections"
        elif line.kind is LineKind.STANDING:
            section = "fixed"
        else:
            section = "fed_in" if line.kind is LineKind.EXPORT else "used"
        found[section].append(_row(line, bill, words))
    return tuple((words[name], tuple(rows)) for name, rows in found.items() if rows)


def _row(line: Line, bill: Bill, words: Words) -> Row:
    days = line.kind is LineKind.STANDING
    notes = [words[NOTES[line.kind]]] if line.kind in NOTES else []
    if line.period is not None:
        notes.append(f"{words['true_up']} {short_period(line.period, bill.tz, words)}")
    if line.mean and line.kind is not LineKind.BAND_MEAN:
        notes.append(words["mean"])
    return Row(
        words.texts.get(line.name, line.name),
        ", ".join(notes),
        f"{line.quantity} {words['days']}" if days else words.energy(line.quantity),
        f"{words.price(line.price_micro)} {bill.currency}/{words['day'] if days else 'kWh'}",
        words.money(line.amount_micro, bill.currency),
        line.estimated,
    )


def _notes(bill: Bill, words: Words) -> tuple[str, ...]:
    cells = max((fact.missing for fact in bill.facts if fact.estimate), default=0)
    guessed = any(line.estimated for line in bill.lines)
    if guessed:
        cells = sum(fact.missing for fact in bill.facts if fact.estimate and fact.register == 0) or cells
        share = words.percent(bill.estimated_wh, bill.imported_wh)
        return words["estimate_note"].format(share=share, cells=words.number(cells, 1, 0)), words["rounding"]
    return (words["no_estimate"], words["rounding"]) if not any(f.missing for f in bill.facts) else (words["rounding"],)


def _payment(invoice: Invoice, words: Words) -> tuple[tuple[str, str], ...]:
    seller = invoice.seller
    if invoice.bill.due_micro <= 0 or not seller.iban:
        return ()
    rows = [("", seller.name), ("IBAN", seller.iban), ("BIC", seller.bic), (words["bank"], seller.bank)]
    return tuple((name, value) for name, value in [*rows, (words["reference"], invoice.number)] if value)


def _facts(invoice: Invoice, words: Words) -> tuple[tuple[str, ...], ...]:
    out = []
    for fact in invoice.bill.facts:
        price = fact.vector in invoice.price_vectors
        value = words.number(fact.measured, 1, 0) if price else words.energy(fact.measured + fact.late)
        cells = [
            words.number(n, 1, 0) for n in (fact.intervals + fact.late_intervals, fact.late_intervals, fact.missing)
        ]
        kind = words["weighted"] if price else words[f"register{fact.register}"]
        guess = "" if price else words.energy(fact.estimate)
        name = fact.vector if kind.lower() in fact.vector.lower() else f"{fact.vector} ({kind})"
        out.append((name, value, *cells, guess))
    return tuple(out)


def fact_headings(words: Words) -> Sequence[str]:
    """Headings of the table of facts."""
    return [words[name] for name in ("vector", "measured", "cells", "late", "missing", "guess")]

"""Bills on the household's pages: what is billed, what the home recomputed, what the bill opened about it.

The home checks three things on its own: every opened sum against its readings (`Home.verify_bill`), the meter's signed
commitments, and the arithmetic of the bill itself (here). Privacy: opened sums of one home, its own readings.
"""

from __future__ import annotations

from typing import Any

import msgspec

from quietgrid.billing import Bill, Line, LineKind
from quietgrid.billing.bill import ENERGY_KINDS
from quietgrid.billing.words import NOTES, Words
from quietgrid.errors import NotFoundError, QuietgridError
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.words import span_text
from quietgrid.household import Verdict
from quietgrid.household.checking import decode_bill
from quietgrid.household.service import BillCheck
from quietgrid.model.quantity import divide_half_even, format_energy
from quietgrid.model.question import Vector
from quietgrid.model.readings import EXPORT

Context = dict[str, Any]
CHECKED, RELEASED = "bill check", "bill proof"
STATES = {
    Verdict.HOLDS: "verified",
    Verdict.ESTIMATED: "verified",
    Verdict.WAITING: "waiting",
    Verdict.DIFFERS: "disputed",
    Verdict.LOST: "open",
}
WORDS = Words.of("en")


def bill_key(bill: Bill) -> str:
    """The id in addresses (as `household.views.bill_id`)."""
    return f"{bill.window.first}-{bill.version}"


def find(desk: Desk, key: str) -> Bill:
    """The bill with an id, or `NotFoundError`."""
    found = next((bill for bill in desk.bills() if bill_key(bill) == key), None)
    if found is None:
        raise NotFoundError("there is no such bill", where=f"bill {key[:24]}", fix="take it from the list of bills")
    return found


def row(desk: Desk, bill: Bill, *, replaced: bool = False) -> Context:
    """One line of the list."""
    return {
        "number": bill_key(bill),
        "period": span_text(bill.window, bill.tz),
        "energy_wh": bill.imported_wh,
        "estimated_wh": bill.estimated_wh,
        "amount_micro": bill.due_micro,
        "state": desk.note(CHECKED, bill_key(bill)) or "open",
        "replaced": replaced,
        "href": f"/bills/{bill_key(bill)}",
    }


def rows(desk: Desk) -> list[Context]:
    """All bills, newest first; earlier versions of a period are marked."""
    seen: set[int] = set()
    out = []
    for bill in desk.bills():
        out.append(row(desk, bill, replaced=bill.window.first in seen))
        seen.add(bill.window.first)
    return out


def check(desk: Desk, bill: Bill) -> tuple[BillCheck | None, str]:
    """Verify at home and remember the outcome; or None and why it could not be done now."""
    try:
        with desk.lock:
            done = desk.home.verify_bill(decode_bill(bill.encode()))
    except QuietgridError as error:
        if error.http_status != 503:
            raise
        return None, f"could not be done now: {error.what}; {error.fix}"
    state = STATES[done.verdict] if arithmetic(bill) == "" else "disputed"
    desk.put_note(CHECKED, state, bill_key(bill))
    return done, ""


def page(desk: Desk, bill: Bill, party: str) -> Context:
    """The context of one bill, checked now."""
    done, trouble = check(desk, bill)
    vectors = desk.vectors(bill.window.first)
    return row(desk, bill) | {
        "first": bill.window.first * bill.window.resolution,
        "end": bill.window.end * bill.window.resolution,
        "tariff": bill.tariff,
        "party": party,
        "lines": [_line(line, bill.tz) for line in bill.lines],
        "net_micro": bill.net_micro,
        "vat": [
            {"rate_bp": v.rate_bp, "base_micro": v.base_micro, "amount_micro": v.amount_micro}
            for v in bill.vat
            if v.rate_bp
        ],
        "sums": [] if done is None else _sums(done, vectors),
        "checks": _checks(bill, done, trouble),
        "left": _left(bill, vectors),
        "released": desk.note(RELEASED, bill_key(bill)) != "",
        "printed": all(o.version <= bill.version for o in desk.bills() if o.window.first == bill.window.first),
    }


def export(desk: Desk, bill: Bill) -> bytes:
    """The bill as JSON, with what the home found."""
    done, trouble = check(desk, bill)
    body = {"bill": {**msgspec.to_builtins(bill), "home": str(bill.home)}, "arithmetic": arithmetic(bill) or "holds"}
    sums = [] if done is None else _sums(done, desk.vectors(bill.window.first))
    return msgspec.json.format(msgspec.json.encode(body | {"sums": sums, "not_checked": trouble}))


def arithmetic(bill: Bill) -> str:
    """What does not add up on a bill; "" when all of it does.

    Amounts of lines with one price, VAT of each rate, the total, and the energy of the lines against the opened sums.
    """
    for line in bill.lines:
        if line.mean or line.kind is LineKind.TRUE_UP:
            continue
        unit = 1 if line.kind is LineKind.STANDING else 1000
        amount = divide_half_even(line.quantity * line.price_micro, unit)
        if abs(line.amount_micro) != abs(amount):
            return f"the line {line.name!r} is not its quantity at its price"
    for vat in bill.vat:
        base = sum(line.amount_micro for line in bill.lines if line.vat_bp == vat.rate_bp)
        if vat.base_micro != base or vat.amount_micro != divide_half_even(base * vat.rate_bp, 10_000):
            return f"VAT of {vat.rate_bp / 100:g} % is not of its lines"
    if bill.total_micro != bill.net_micro + sum(vat.amount_micro for vat in bill.vat):
        return "the total is not the sum of lines and VAT"
    return ""


def mean_price_micro(bills: list[Bill]) -> tuple[int, int] | None:
    """Mean net price of a kWh drawn and given on the newest bill; None without one."""
    for bill in bills:
        if bill.imported_wh > 0:
            kinds = ENERGY_KINDS | {LineKind.SURCHARGE, LineKind.EXCESS}
            drawn = sum(line.amount_micro for line in bill.lines if line.kind in kinds)
            given = -sum(line.amount_micro for line in bill.lines if line.kind is LineKind.EXPORT)
            sold = bill.exported_wh
            return drawn * 1000 // bill.imported_wh, given * 1000 // sold if sold > 0 else 0
    return None


def _line(line: Line, tz: str) -> Context:
    name = WORDS.texts.get(line.name, line.name)
    text = {
        LineKind.STANDING: f"Standing charge, {line.quantity} days",
        LineKind.EXPORT: "Fed in" if line.name in ("all", "export", "feed-in") else f"Fed in, {name}",
    }.get(line.kind, name[:1].upper() + name[1:] if name != "all" else "All hours")
    if line.kind in NOTES:
        text += f", {WORDS[NOTES[line.kind]]}"
    if line.period is not None:
        text = f"{text}, {WORDS['true_up']} {span_text(line.period, tz)}"
    days = line.kind is LineKind.STANDING
    return {
        "text": text,
        "energy_wh": None if days else line.quantity,
        "price_micro": None if days or line.kind is LineKind.TRUE_UP else line.price_micro,
        "mean": line.mean,
        "amount_micro": line.amount_micro,
        "estimated": line.estimated,
    }


def quantity(name: str, value: int, vectors: dict[str, Vector]) -> str:
    """An opened sum for people: energy, or money's worth for a price vector."""
    vector = vectors.get(name)
    if vector is not None and vector.rule == "prices":
        return f"{value:,} weighted Wh"
    return format_energy(value)


def band_name(name: str, vectors: dict[str, Vector]) -> str:
    """A vector for people: ``Night, used``."""
    vector = vectors.get(name)
    if vector is None:
        return name
    if vector.rule == "prices":
        return f"{vector.feed[:1].upper()}{vector.feed[1:]}, used, weighted by price"
    if vector.register == EXPORT:
        return "Fed in" if name in ("all", "export") else f"{name[:1].upper()}{name[1:]}, fed in"
    return "All hours, used" if name == "all" else f"{name[:1].upper()}{name[1:]}, used"


def _sums(done: BillCheck, vectors: dict[str, Vector]) -> list[Context]:
    return [
        {
            "name": band_name(v.vector, vectors),
            "opened": quantity(v.vector, v.opened, vectors),
            "own": quantity(v.vector, v.own, vectors),
            "intervals": v.cells,
            "late": v.late_cells,
            "verdict": v.verdict.value,
        }
        for v in done.vectors
    ]


def _checks(bill: Bill, done: BillCheck | None, trouble: str) -> list[Context]:
    out: list[Context] = []
    if done is None:
        out.append({"name": "Own readings", "ok": None, "text": trouble})
    else:
        out.append(_own_check(done))
        days = f"{done.records} signed meter day{'' if done.records == 1 else 's'}"
        if done.disputed:
            text = f"{len(done.disputed)} commitments do not open to what this home measured"
            out.append({"name": "Meter's commitments", "ok": False, "text": text})
        else:
            text = (
                f"{days} open to your home's own sums"
                if done.records
                else "not yet: your meter signs a day a week after it"
            )
            out.append({"name": "Meter's commitments", "ok": True if done.records else None, "text": text})
    wrong = arithmetic(bill)
    text = wrong or "quantity at price, VAT and total, each computed again"
    out.append({"name": "Arithmetic", "ok": not wrong, "text": text})
    missing = sum(fact.missing for fact in bill.facts if fact.register != EXPORT)
    if missing:
        text = f"{missing:,} intervals had not arrived; {format_energy(bill.estimated_wh)} were put in their place"
        out.append({"name": "Estimate", "ok": None, "text": text})
    return out


def _own_check(done: BillCheck) -> Context:
    if done.lost:
        text = "the keys of a part of this period are lost, so it cannot be checked at home"
        return {"name": "Own readings", "ok": None, "text": text}
    right = sum(v.verdict is Verdict.HOLDS for v in done.vectors)
    text = f"{right} of {len(done.vectors)} opened sums are what your home opened from its own readings"
    if len(done.bills) > 1:
        text += f", {len(done.bills)} bills taken together because of late readings"
    waiting = any(v.verdict is Verdict.WAITING for v in done.vectors)
    ok: bool | None = True
    if any(v.verdict is Verdict.DIFFERS for v in done.vectors):
        ok = False
    elif waiting:
        ok, text = None, f"{text}; late readings wait for a later bill"
    return {"name": "Own readings", "ok": ok, "text": text}


def _left(bill: Bill, vectors: dict[str, Vector]) -> list[Context]:
    return [
        {"what": band_name(f.vector, vectors), "value": quantity(f.vector, f.measured + f.late, vectors)}
        for f in bill.facts
        if f.intervals + f.late_intervals
    ]

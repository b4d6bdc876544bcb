"""Proofs at home: a bill, or an entry of the keyholders' ledgers, checked step by step in the home's own process.

Privacy: opened sums and own readings of one home, compared here; nothing leaves.
"""

from __future__ import annotations

from typing import Any

from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, NotFoundError
from quietgrid.homeweb import bills, papers, privacy
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.words import span_text
from quietgrid.household import Explained, Verdict
from quietgrid.household.ledger import QUANTITIES
from quietgrid.model.interval import Window
from quietgrid.runtime.bill_document import holds, parse_document
from quietgrid.runtime.steps import Step, outcome
from quietgrid.wire.messages import Close

Context = dict[str, Any]
LISTED = 30
"""Entries that can be chosen from the list."""
COMMAND = "quietgrid verify bill FILE"


def page(desk: Desk) -> Context:
    """What can be chosen: own bills, and the newest entries that are about this home or its section."""
    rows = desk.privacy()
    about = [row for row in rows if row.mine and row.kind != "bill"]
    ours = privacy.own_totals(desk, rows)
    chosen = sorted([*about, *ours], key=lambda row: row.at, reverse=True)[:LISTED]
    listed = [(bills.bill_key(bill), span_text(bill.window, bill.tz)) for bill in desk.bills()]
    return {
        "bills": listed,
        "entries": [(row.subject, _name(desk, row)) for row in chosen],
        "fingerprint": desk.home.parts.card.fingerprint().hex(),
        "proof": None,
    }


def own_bill(desk: Desk, key: str) -> Context:
    """Check an own bill as anybody could who is given its proof."""
    bill = bills.find(desk, key)
    steps, _ = holds(papers.document(desk, bill), desk.home.parts.card)
    return _proof(f"Bill, {span_text(bill.window, bill.tz)}", steps, COMMAND)


def document(desk: Desk, text: str) -> Context:
    """Check a bill that somebody brought.

    Raises:
        SourceError: it is none.
    """
    parts = parse_document(text.encode())
    steps, _ = holds(parts, desk.home.parts.card)
    return _proof(f"Bill of home {parts.bill.home}", steps, COMMAND)


def entry(desk: Desk, subject: str) -> Context:
    """Check one entry: in every keyholder's chain, in the same words, about what was counted, with our own sums.

    Raises:
        NotFoundError: no ledger has it, or it is not for us.
    """
    rows = desk.privacy()
    same = [row for row in rows if row.subject == subject.strip().lower()]
    if not same:
        raise NotFoundError("there is no such entry", where="privacy ledger", fix="take its hash from the list")
    row = next((row for row in same if row.kind == "fact"), same[0])
    steps = [_ledger(desk, row, n) for n in range(len(desk.home.parts.holders))]
    words = "word for word in every ledger that has it" if row.agree else "the ledgers differ: tell the auditor"
    steps.append(Step("The same words", row.agree, words))
    if row.note.closes:
        steps.append(_counted(desk, row))
    if row.kind == "fact" and not desk.trouble:
        steps.append(_own_sums(desk, row))
    return _proof(_name(desk, row), steps, "")


def check(desk: Desk, kind: str, form: dict[str, str]) -> Context:
    """Check what a form names: ``bill``, ``document`` or ``entry``."""
    if kind == "bill":
        return own_bill(desk, form.get("bill", ""))
    if kind == "document":
        return document(desk, form.get("document", ""))
    if kind == "entry":
        return entry(desk, form.get("hash", "") or form.get("entry", ""))
    raise InputError("there is no such check", where="kind", fix="send the form from the page")


def _proof(title: str, steps: list[Step], command: str) -> Context:
    shown = [{"name": step.name, "ok": step.ok, "text": step.text} for step in steps]
    return {"title": title, "ok": outcome(steps), "steps": shown, "command": command}


def _name(desk: Desk, row: Explained) -> str:
    note = row.note
    span = span_text(Window(note.first, max(note.first, note.end), note.resolution), desk.tz)
    kinds = {
        "fact": "Sums of your bill", "bill": "Sums of your bill", "refused": "A question about you, refused",
        "totals": f"Total of {note.node}, {QUANTITIES.get(note.quantity, note.quantity)}",
    }  # fmt: skip
    return f"{kinds.get(row.kind, row.kind.capitalize())}, {span}"


def _ledger(desk: Desk, row: Explained, index: int) -> Step:
    name = f"Keyholder {index}'s ledger"
    if index in desk.trouble:
        return Step(name, None, f"{desk.trouble[index].what}; {desk.trouble[index].fix}")
    if index in row.keyholders:
        return Step(name, True, "every entry from the first on follows from the one before, and this one is among them")
    return Step(name, None, "its chain holds, and has no such entry: it may have been away")


def _counted(desk: Desk, row: Explained) -> Step:
    """The signed lists of arrivals that the keyholders name, as the platform gives them to us."""
    note, card = row.note, desk.home.parts.card
    with desk.lock:
        given: list[Signed] = desk.home.parts.platform.closes(Window(note.first, note.end, note.resolution))
    for signed in given:
        open_signed(signed, Close, card.platform_pk)
    named = set(note.closes)
    ours = [signed.hash() for signed in given if signed.hash() in named]
    text = f"{len(ours)} signed lists of arrivals in your section are those that the keyholders voted on"
    missing = [signed for signed in given if signed.hash() not in named]
    if missing and row.kind in ("fact", "bill"):
        return Step("What was counted", False, f"{len(missing)} lists were not in it; tell the auditor")
    return Step("What was counted", bool(ours) or None, text)


def _own_sums(desk: Desk, row: Explained) -> Step:
    with desk.lock:
        verdict = next((said for other, said in desk.home.verify_facts() if other.subject == row.subject), None)
    texts: dict[Verdict | None, tuple[bool | None, str]] = {
        Verdict.HOLDS: (True, "your home's own readings give the same sums"),
        Verdict.ESTIMATED: (True, "nothing was opened"),
        Verdict.WAITING: (None, "late readings are still on their way to a bill"),
        Verdict.DIFFERS: (False, "your home's own readings give other sums"),
    }
    return Step("Your own readings", *texts.get(verdict, (None, "it cannot be computed here yet")))

"""Proofs, step by step: of a bill, of an answer, of a line of the log. Nothing is opened for it."""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.desk import bills
from quietgrid.api.services import Services
from quietgrid.billing import Bill
from quietgrid.errors import InputError, NotFoundError
from quietgrid.runtime.bill_document import BillDocument, holds, parse_document
from quietgrid.runtime.proving import answer_steps, line_steps
from quietgrid.runtime.steps import Step, outcome

SHORTEST = 8
"""Digits of a hash that name a question."""


@dataclass(frozen=True)
class Checked:
    """What was checked, each step, and whether all of it holds (None: some of it could not be done yet)."""

    title: str
    steps: list[Step]

    @property
    def ok(self) -> bool | None:
        """Whether everything holds."""
        return outcome(self.steps)


def document(services: Services, viewer: Viewer, text: str) -> Checked:
    """Check a bill document that somebody brought.

    Raises:
        SourceError: it is none.
    """
    require(viewer, Permission.PROOFS)
    return _bill(services, parse_document(text.encode()))


def bill(services: Services, viewer: Viewer, home: int, period: str) -> Checked:
    """Check the newest bill of a home and period, as far as the platform has its proof."""
    found = bills.proof(services, viewer, home, period)
    parts = BillDocument(Bill.decode(found.bill), found.book, found.records, found.scalars, found.vouching)
    return _bill(services, parts)


def answer(services: Services, viewer: Viewer, name: str) -> Checked:
    """Check one answer, by the beginning of its question's hash.

    Raises:
        NotFoundError: no answered question, or more than one, begins so.
    """
    require(viewer, Permission.QUESTIONS)
    name = name.strip().lower()
    if not (SHORTEST <= len(name) <= 64 and set(name) <= set("0123456789abcdef")):
        raise InputError(
            "this is no beginning of a hash", where="answer", fix=f"give {SHORTEST} to 64 of its digits, 0-9 and a-f"
        )
    with services.store.read() as tx:
        found = tx.overview.answered_like(name)
    if len(found) != 1:
        what = "no answered question begins so" if not found else "more than one question begins so"
        raise NotFoundError(what, where=name, fix="take the hash from the audit trail")
    return Checked(f"Answer {found[0].hex()[:12]}", answer_steps(services.platform, found[0]))


def line(services: Services, viewer: Viewer, number: int) -> Checked:
    """Check one line of the audit log and the chain around it."""
    require(viewer, Permission.LEDGER)
    return Checked(f"Line {number:,} of the log", line_steps(services.store, number))


def _bill(services: Services, parts: BillDocument) -> Checked:
    steps, _ = holds(parts, services.card)
    return Checked(f"Bill of home {parts.bill.home}", steps)

"""Bills as double entry: one posting a line and one a VAT rate, each with a debit and a credit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from quietgrid.billing.bill import ENERGY_KINDS, Bill, LineKind
from quietgrid.model.posting import Posting

SUPPLY, FEED_IN, VAT = "supplier:energy", "supplier:feed-in", "tax:vat"
"""Accounts on the other side of a home's."""


def home_account(home: int) -> str:
    """The account of a home."""
    return f"home:{home:016x}"


def postings(bill: Bill) -> list[Posting]:
    """What a bill makes owed. Amounts are never negative: what the home earns is posted the other way round.

    The ids are idempotency keys: posting a bill twice changes nothing. A later version of a bill is never posted
    itself; its true-up lines are, as part of the next period's bill.
    """
    home = home_account(bill.home)
    out = []
    for number, line in enumerate(bill.lines):
        other = FEED_IN if line.kind is LineKind.EXPORT or (line.kind is LineKind.TRUE_UP and line.register) else SUPPLY
        carries = line.kind in ENERGY_KINDS or line.kind in (LineKind.EXPORT, LineKind.TRUE_UP)
        energy = abs(line.quantity) if carries else 0
        out.append(_posting(f"{bill.key}:{number}", home, other, line.amount_micro, energy))
    for vat in bill.vat:
        if vat.amount_micro:
            out.append(_posting(f"{bill.key}:vat{vat.rate_bp}", home, VAT, vat.amount_micro, 0))
    return out


def balances(batch: Iterable[Posting]) -> dict[str, int]:
    """What each account owes (positive) or is owed after a batch; sums to zero over all accounts."""
    out: defaultdict[str, int] = defaultdict(int)
    for posting in batch:
        out[posting.debit] += posting.amount_micro
        out[posting.credit] -= posting.amount_micro
    return dict(out)


def _posting(key: str, home: str, other: str, amount_micro: int, energy_wh: int) -> Posting:
    debit, credit = (home, other) if amount_micro >= 0 else (other, home)
    return Posting(key, debit, credit, abs(amount_micro), energy_wh, "bill")

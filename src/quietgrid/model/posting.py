"""`Posting`: who owes whom, in money and energy; integers; every batch sums to zero."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posting:
    """One double-entry posting.

    Args:
        id: Unique; the idempotency key. debit: Account that owes. credit: Account that is owed.
        amount_micro: Money, >= 0. energy_wh: Energy it is for, >= 0. code: ``bill``, ``reward``, ``trade``.
    """

    id: str
    debit: str
    credit: str
    amount_micro: int
    energy_wh: int
    code: str

"""`Posting`: who owes whom, in money and energy; integers; every batch sums to zero. `Source`: the stage it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from quietgrid.errors import InputError


class Source(StrEnum):
    """The stage that posts."""

    BILLING = "billing"
    RESPONSE = "response"
    MARKET = "market"
    BALANCE = "balance"
    SETTLEMENT = "settlement"


CODES: Mapping[str, Source] = MappingProxyType(
    {
        "bill": Source.BILLING, "reward": Source.RESPONSE, "trade": Source.MARKET, "schedule": Source.BALANCE,
        "credit": Source.SETTLEMENT, "escrow": Source.SETTLEMENT,
    }
)  # fmt: skip
"""What each code is for: a bill's line, a reduction's reward, a trade, a schedule that was kept or not, a bill's credit
that is paid out, money put into escrow. A code belongs to one stage."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One double-entry posting.

    Args:
        id: Unique; the idempotency key. debit: Account that owes. credit: Account that is owed.
        amount_micro: Money, >= 0. energy_wh: Energy it is for, >= 0. code: One of `CODES`.
    """

    id: str
    debit: str
    credit: str
    amount_micro: int
    energy_wh: int
    code: str

    @property
    def source(self) -> Source:
        """The stage that posted it.

        Raises:
            InputError: no stage has this code.

        >>> Posting("1", "home:1", "supplier:energy", 5, 1, "bill").source
        <Source.BILLING: 'billing'>
        """
        try:
            return CODES[self.code]
        except KeyError:
            fix = f"one of: {', '.join(CODES)}"
            raise InputError("no stage posts under this code", where=self.code, fix=fix) from None


def codes_of(source: Source) -> tuple[str, ...]:
    """The codes of a stage."""
    return tuple(code for code, one in CODES.items() if one is source)

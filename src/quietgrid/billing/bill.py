"""`Bill` and its `Line`s: values only, integers only.

Amounts are seen from the home: positive is owed by it, negative is earned by it. Every line is rounded once, half
to even, to a millionth of the currency (`model.quantity.divide_half_even`); VAT is rounded once per rate over the
sum of the lines of that rate; the total is their plain sum. Nothing else is ever rounded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from quietgrid.errors import VerificationError
from quietgrid.model.interval import Window
from quietgrid.model.quantity import MICRO, divide_half_even
from quietgrid.model.readings import EXPORT, IMPORT


class LineKind(StrEnum):
    """What a line is for."""

    ENERGY = "energy"
    """Energy of a band or block at its price."""
    REAL_TIME = "real-time"
    """Energy at the price of every interval (an opened price vector)."""
    BAND_MEAN = "band-mean"
    """Energy of a real-time tariff at the feed's mean price in a band: late and estimated cells."""
    SURCHARGE = "surcharge"
    """What a real-time tariff adds to the feed's price; the same energy again."""
    EXCESS = "excess"
    """What a clipped price vector leaves out, by band mean; the same energy again."""
    EXPORT = "export"
    """Energy given to the grid; a negative amount."""
    STANDING = "standing"
    """Standing charge; the quantity is in days."""
    TRUE_UP = "true-up"
    """Difference between an earlier bill and the same bill with what arrived since."""


ENERGY_KINDS = frozenset({LineKind.ENERGY, LineKind.REAL_TIME, LineKind.BAND_MEAN})
"""Lines whose quantities add up to the imported energy of the period."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill.

    Args:
        kind: What it is for. name: of the band, block or feed. register: 0 import (and charges), 1 export.
        quantity: Wh, or days for a standing charge; signed in a true-up.
        price_micro: Per kWh or per day; for `mean` lines the mean price, rounded, for information.
        amount_micro: Signed, net of VAT. vat_bp: VAT rate of the line.
        estimated: The energy was estimated, not measured.
        mean: The amount does not come from one price.
        period: Of a true-up: the earlier period it is about.
    """

    kind: LineKind
    name: str
    register: int
    quantity: int
    price_micro: int
    amount_micro: int
    vat_bp: int
    estimated: bool = False
    mean: bool = False
    period: Window | None = None


@dataclass(frozen=True, slots=True)
class VatLine:
    """VAT at one rate: `amount_micro` on the sum `base_micro` of its lines."""

    rate_bp: int
    base_micro: int
    amount_micro: int


@dataclass(frozen=True, slots=True)
class BilledFact:
    """What a bill knows of one vector of the book: all it was computed from.

    Args:
        vector: Name. register: 0 or 1.
        measured: Opened sum over cells closed in time (Wh; weight × Wh for a price vector), of `intervals` cells.
        late: The part of late cells (Wh), `late_intervals` of them; `measured + late` is what was opened.
        missing: Cells that are still missing. estimate: Wh put in their place.
    """

    vector: str
    register: int
    measured: int
    intervals: int
    late: int
    late_intervals: int
    missing: int
    estimate: int


@dataclass(frozen=True)
class Bill:
    """The bill of one home and period.

    Args:
        home: Pseudonymous home id. window: The period. tz: Zone its local days are in. days: Days charged for.
        tariff: Name. tariff_version: Version. currency: ISO 4217.
        lines: In print order. vat: One a rate, ascending. total_micro: Sum of lines and VAT.
        facts: What it was computed from, in book order.
        version: 0, then +1 for each re-pricing with late cells (`billing.true_up`).

    Privacy: holds the opened band sums of one home, nothing finer.
    """

    home: int
    window: Window
    tz: str
    days: int
    tariff: str
    tariff_version: int
    currency: str
    lines: tuple[Line, ...]
    vat: tuple[VatLine, ...]
    total_micro: int
    facts: tuple[BilledFact, ...]
    version: int = 0

    @property
    def key(self) -> str:
        """Unique: home, first slot of the period, version."""
        return f"{self.home:016x}-{self.window.first}-{self.version}"

    @property
    def net_micro(self) -> int:
        """Sum of the lines, before VAT."""
        return sum(line.amount_micro for line in self.lines)

    @property
    def imported_wh(self) -> int:
        """Energy billed, estimated parts included, true-ups of other periods not."""
        return sum(line.quantity for line in self.lines if line.kind in ENERGY_KINDS)

    @property
    def exported_wh(self) -> int:
        """Energy credited."""
        return sum(line.quantity for line in self.lines if line.kind is LineKind.EXPORT)

    @property
    def estimated_wh(self) -> int:
        """The estimated part of `imported_wh`."""
        return sum(line.quantity for line in self.lines if line.kind in ENERGY_KINDS and line.estimated)

    @property
    def due_micro(self) -> int:
        """What is asked for: the total in whole hundredths, half to even; the rest stays on the account."""
        cent = MICRO // 100
        return divide_half_even(self.total_micro, cent) * cent

    def sums(self, register: int = IMPORT) -> dict[str, int]:
        """Measured sum (late cells included) of each vector of one register."""
        return {fact.vector: fact.measured + fact.late for fact in self.facts if fact.register == register}

    def encode(self) -> bytes:
        """MessagePack, the same bytes for the same bill."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Bill:
        """The bill in `data`, or `VerificationError` when it is not one."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except msgspec.MsgspecError as error:
            raise VerificationError("not a valid bill", where="bill", fix="fetch it again") from error

    def leaf(self, salt: bytes) -> bytes:
        """SHA-256 of `salt` (16 random bytes, kept with the bill) and the bill: its leaf in a Merkle tree."""
        return hashlib.sha256(b"qg1 bill\0" + salt + self.encode()).digest()


__all__ = ["ENERGY_KINDS", "EXPORT", "IMPORT", "Bill", "BilledFact", "Line", "LineKind", "VatLine"]

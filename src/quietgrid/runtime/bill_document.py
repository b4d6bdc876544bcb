"""A bill with everything that is needed to check it offline, and the steps of checking it.

JSON of base64 msgpack messages: ``bill``, ``book``, ``records``, ``scalars`` (null until the household released them)
and ``vouching`` (what vouches for the meters' keys). It opens nothing that is not on the bill.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quietgrid.billing import Bill, BillProof, open_records, verify
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import QuietgridError, SourceError, UnavailableError, VerificationError
from quietgrid.model.interval import Window
from quietgrid.model.question import Book
from quietgrid.runtime.steps import Step, Steps
from quietgrid.wire.columns import book_of
from quietgrid.wire.messages import BookMessage, CommunityCard, DayRecord
from quietgrid.wire.own import BillScalars
from quietgrid.wire.vouching import Vouched, Vouching, check_vouching


@dataclass(frozen=True)
class BillDocument:
    """The parts of a document, decoded but not checked."""

    bill: Bill
    book: Signed
    records: list[Signed]
    scalars: Signed | None
    vouching: Vouching

    def encode(self) -> bytes:
        """As JSON."""
        parts: dict[str, object] = {
            "bill": _text(self.bill.encode()),
            "book": _text(pack_signed(self.book)),
            "records": [_text(pack_signed(record)) for record in self.records],
            "scalars": None if self.scalars is None else _text(pack_signed(self.scalars)),
            "vouching": _text(self.vouching.body()),
        }
        return json.dumps(parts, indent=1).encode()


@dataclass(frozen=True)
class CheckedBill:
    """A bill that holds. `bands`, `days`: how many were checked. `meters`: whose signatures, and who vouches."""

    bill: Bill
    bands: int
    days: int
    meters: dict[int, Vouched]
    household: bytes


def read_document(path: Path) -> BillDocument:
    """From a file, or `SourceError`."""
    try:
        return parse_document(path.read_bytes(), str(path))
    except OSError as error:
        raise SourceError("the file cannot be read", where=str(path), fix="check the path") from error


def parse_document(data: bytes, where: str = "document") -> BillDocument:
    """From JSON, or `SourceError`.

    Args:
        where: What an error names.
    """

    def signed(text: str) -> Signed:
        return unpack_signed(b64decode(text))

    try:
        parts = json.loads(data)
        scalars = signed(parts["scalars"]) if parts["scalars"] else None
        vouching = decode(Vouching, b64decode(parts["vouching"]))
        return BillDocument(
            Bill.decode(b64decode(parts["bill"])), signed(parts["book"]), list(map(signed, parts["records"])), scalars,
            vouching,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, VerificationError) as error:
        raise SourceError("not a bill document", where=where, fix="fetch it again, as JSON") from error


def check_bill(document: BillDocument, card: CommunityCard, steps: Steps | None = None) -> CheckedBill:
    """Check everything.

    Args:
        card: Of the community, from a source the reader trusts. steps: notes each check.

    Raises:
        VerificationError: what does not hold. UnavailableError: the household has not released its scalars, or late
            cells are not on a bill yet.
    """
    steps = steps or Steps()
    bill = document.bill
    steps.check("Arithmetic", lambda: _adds_up(bill), lambda _: "the lines and VAT add up to the total")
    book = steps.check("Book", lambda: _book(document, card), lambda b: f"{len(b.vectors)} sums, registered ahead")
    scalars = steps.check("Released by the household", lambda: _released(document), lambda _: "its openings are signed")
    vouched = steps.check(
        "Whose meters", lambda: _vouched(document, card, scalars.signer, bill.window), lambda v: "; ".join(map(who, v))
    )
    keys = {meter.pid: meter.key for meter in vouched}
    records = steps.check(
        "Signed days", lambda: open_records(document.records, keys), lambda r: f"{len(r)} days signed by these meters"
    )
    proof = BillProof.decode(scalars.body)
    steps.check(
        "Sums", lambda: verify([(bill, book)], proof, records),
        lambda _: f"{len(proof.vectors)} billed sums are what the meters committed to",
    )  # fmt: skip
    days = len({record.day for record in records})
    return CheckedBill(bill, len(proof.vectors), days, {m.pid: m for m in vouched}, scalars.signer)


def who(meter: Vouched) -> str:
    """Who vouches for one meter, in words."""
    listed = " and ".join(map(str, meter.keyholders))
    return (
        f"meter {meter.pid}: certified by maker {meter.maker.hex()[:12]}, adopted by household "
        f"{meter.household.hex()[:12]}, on a list signed by keyholders {listed}"
    )


def _adds_up(bill: Bill) -> None:
    if bill.net_micro + sum(line.amount_micro for line in bill.vat) != bill.total_micro:
        raise VerificationError("the lines do not add up to the total", where="bill", fix="dispute the bill")


def _book(document: BillDocument, card: CommunityCard) -> Book:
    return book_of(open_signed(document.book, BookMessage, card.platform_pk))


def _released(document: BillDocument) -> Signed:
    if document.scalars is None:
        raise UnavailableError("the household has not released the proof", where="bill", fix="ask it to release it")
    open_signed(document.scalars, BillScalars, document.scalars.signer)
    return document.scalars


def _vouched(document: BillDocument, card: CommunityCard, household: bytes, period: Window) -> list[Vouched]:
    """The meters that signed, each vouched for, and adopted by the household that released the proof."""
    found = check_vouching(document.vouching, card, document.bill.home, period)
    signers = {decode(DayRecord, signed.body).pid for signed in document.records}
    for pid in sorted(signers):
        if pid not in found:
            raise VerificationError("nobody vouches for its key", where=f"meter {pid}", fix="ask for what vouches")
        if found[pid].household != household:
            raise VerificationError("another household released the proof", where=f"meter {pid}", fix="dispute it")
    return [found[pid] for pid in sorted(signers)]


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def holds(document: BillDocument, card: CommunityCard) -> tuple[list[Step], CheckedBill | None]:
    """The steps of checking a bill, and what was found if all of them hold: for a page."""
    steps = Steps()
    try:
        return steps.done, check_bill(document, card, steps)
    except QuietgridError:
        return steps.done, None


def as_json(checked: CheckedBill, card: CommunityCard) -> dict[str, Any]:
    """What was found, for `--json`."""
    return {
        "holds": True,
        "home": checked.bill.home,
        "total_micro": checked.bill.total_micro,
        "currency": checked.bill.currency,
        "bands": checked.bands,
        "days": checked.days,
        "meters": {
            str(pid): {
                "key": meter.key.hex(), "maker": meter.maker.hex(), "household": meter.household.hex(),
                "keyholders": list(meter.keyholders),
            }
            for pid, meter in checked.meters.items()
        },
        "household": checked.household.hex(),
        "fingerprint": card.fingerprint().hex(),
    }  # fmt: skip

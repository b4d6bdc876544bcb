"""A bill with everything that is needed to check it offline: book, day records, what the household released.

JSON of base64 msgpack messages: ``bill``, ``book``, ``records``, ``scalars`` (null until released) and, if the meters'
keys are to be checked as well, ``enrolments`` (`Signed[Enrol]`, one a meter).
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quietgrid.billing import Bill, BillProof, open_records, verify
from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import SourceError, UnavailableError, VerificationError
from quietgrid.wire.columns import book_of
from quietgrid.wire.messages import Adoption, BookMessage, Certificate, CommunityCard, DayRecord, Enrol
from quietgrid.wire.own import BillScalars


@dataclass(frozen=True)
class BillDocument:
    """The parts of a document, decoded but not checked."""

    bill: Bill
    book: Signed
    records: list[Signed]
    scalars: Signed | None
    enrolments: list[Signed]


def read_document(path: Path) -> BillDocument:
    """From a file, or `SourceError`."""

    def signed(text: str) -> Signed:
        return unpack_signed(b64decode(text))

    try:
        parts = json.loads(path.read_bytes())
        scalars = signed(parts["scalars"]) if parts["scalars"] else None
        records, enrolments = map(signed, parts["records"]), map(signed, parts.get("enrolments", []))
        return BillDocument(
            Bill.decode(b64decode(parts["bill"])), signed(parts["book"]), list(records), scalars, list(enrolments)
        )
    except OSError as error:
        raise SourceError("the file cannot be read", where=str(path), fix="check the path") from error
    except (KeyError, TypeError, ValueError, AttributeError, VerificationError) as error:
        raise SourceError("not a bill document", where=str(path), fix="fetch it again, as JSON") from error


def check_bill(document: BillDocument, card: CommunityCard) -> dict[str, Any]:
    """Check everything; what was found, for people and for JSON.

    Raises:
        VerificationError: what does not hold. UnavailableError: the household has not released its scalars, or late
            cells are not on a bill yet.
    """
    bill = document.bill
    if document.scalars is None:
        raise UnavailableError("the household has not released the proof", where="bill", fix="ask it to release it")
    if bill.net_micro + sum(line.amount_micro for line in bill.vat) != bill.total_micro:
        raise VerificationError("the lines do not add up to the total", where="bill", fix="dispute the bill")
    book = book_of(open_signed(document.book, BookMessage, card.platform_pk))
    household = document.scalars.signer
    keys = _enrolled(document, card, household) if document.enrolments else _claimed(document)
    records = open_records(document.records, keys)
    open_signed(document.scalars, BillScalars, household)
    proof = BillProof.decode(document.scalars.body)
    verify([(bill, book)], proof, records)
    return {
        "holds": True,
        "home": bill.home,
        "total_micro": bill.total_micro,
        "currency": bill.currency,
        "bands": len(proof.vectors),
        "days": len({record.day for record in records}),
        "meters": {str(pid): key.hex() for pid, key in sorted(keys.items())},
        "enrolled": bool(document.enrolments),
        "household": household.hex(),
        "fingerprint": card.fingerprint().hex(),
    }


def _claimed(document: BillDocument) -> dict[int, bytes]:
    """pid -> the key that signed its records: one a meter, but nobody vouches for it here."""
    keys: dict[int, bytes] = {}
    for signed in document.records:
        pid = decode(DayRecord, signed.body).pid
        if keys.setdefault(pid, signed.signer) != signed.signer:
            raise VerificationError("two keys signed for one meter", where=f"meter {pid}", fix="dispute the bill")
    return keys


def _enrolled(document: BillDocument, card: CommunityCard, household: bytes) -> dict[int, bytes]:
    """pid -> key of the home's meters, each certified by a known maker and adopted by this household."""
    keys: dict[int, bytes] = {}
    for signed in document.enrolments:
        enrol = open_signed(signed, Enrol, decode(Enrol, signed.body).meter_pk)
        where = f"meter {enrol.pid}"
        certificate = unpack_signed(enrol.certificate)
        if certificate.signer not in card.maker_pks:
            raise VerificationError("the maker is not recognised", where=where, fix="ask the association")
        certified = open_signed(certificate, Certificate, certificate.signer)
        adopted = open_signed(unpack_signed(enrol.adoption), Adoption, household)
        meter = enrol.community, enrol.pid, enrol.home, enrol.meter_pk
        if (adopted.community, adopted.pid, adopted.home, adopted.meter_pk) != meter or certified.meter_pk != meter[3]:
            raise VerificationError("certificate or adoption is for another meter", where=where, fix="dispute the bill")
        if (enrol.community, enrol.home) != (card.community, document.bill.home):
            raise VerificationError("the meter is at another home", where=where, fix="dispute the bill")
        keys[enrol.pid] = enrol.meter_pk
    return keys

"""What the household's origin says and understands: JSON of own series, bills, ledgers; periods in requests.

Ids (homes, meters) are strings: they are unsigned 64-bit and JavaScript is not.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.errors import InputError
from quietgrid.household.checking import BillView
from quietgrid.household.ledger import Explained
from quietgrid.household.opening import OwnSeries
from quietgrid.household.service import BillCheck
from quietgrid.model.interval import Window, local_window
from quietgrid.model.readings import REGISTER_NAMES
from quietgrid.store.household import GivenConsent

MAX_DAYS = 370
Json = dict[str, Any]
EPOCH = date(1970, 1, 1)


def period(first: str, end: str, tz: str, resolution: int) -> Window:
    """The window from the local midnight of one ISO date to that of another (exclusive).

    >>> len(period("2026-03-29", "2026-03-30", "Europe/Berlin", 900))
    92
    """
    a, b = day_of(first, "from"), day_of(end, "to")
    if not timedelta(0) < b - a <= timedelta(days=MAX_DAYS):
        raise InputError("the period is empty or longer than a year", where="from, to", fix="ask for 1 to 370 days")
    return local_window(a, b, tz, resolution)


def day_of(text: str, where: str) -> date:
    """The ISO date in a request, or `InputError`."""
    try:
        if len(text) != len("2026-01-31"):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("this is not a date", where=where, fix="write it as 2026-01-31") from error


def utc_day(text: str) -> int:
    """The UTC day number of an ISO date."""
    return (day_of(text, "days") - EPOCH).days


def series_json(series: Sequence[OwnSeries], window: Window) -> Json:
    """Own series as columns; None where nothing arrived."""
    return {
        "start": window.first * window.resolution,
        "resolution": window.resolution,
        "meters": [
            {
                "meter": str(part.pid),
                "register": REGISTER_NAMES[part.register],
                "energy_wh": [
                    value if here else None
                    for value, here in zip(part.energy_wh.tolist(), part.present.tolist(), strict=True)
                ],
                "late": int((part.present & ~part.closed).sum()),
                "corrected": int((part.version[part.present] > 0).sum()),
            }
            for part in series
        ],
    }


def bill_json(data: bytes) -> Json:
    """An encoded bill as JSON, with its id."""
    bill: Json = msgspec.msgpack.decode(data)
    view = msgspec.msgpack.decode(data, type=BillView)
    return {**bill, "home": str(view.home), "id": bill_id(view)}


def bill_id(bill: BillView) -> str:
    """``first slot of the period - version``."""
    return f"{bill.window.first}-{bill.version}"


def parse_bill_id(text: str) -> tuple[int, int]:
    """First slot and version in a bill id, or `InputError`."""
    first, dash, version = text.partition("-")
    if not (dash and first.isascii() and first.isdigit() and version.isascii() and version.isdigit()) or len(text) > 20:
        raise InputError("this is not a bill id", where="bill", fix="take it from the list of bills")
    return int(first), int(version)


def check_json(bill: BillView, check: BillCheck) -> Json:
    """A bill check as JSON."""
    return {
        "bill": bill_id(bill),
        "verdict": check.verdict.value,
        "bills": [bill_id(view) for view in check.bills],
        "vectors": [
            {
                "vector": v.vector, "register": REGISTER_NAMES[v.register], "verdict": v.verdict.value,
                "opened": v.opened, "own": v.own, "intervals": v.cells, "own_intervals": v.on_time_cells,
                "late_intervals": v.late_cells,
            }
            for v in check.vectors
        ],
        "signed_days": check.records,
        "disputed": [
            {"meter": str(pid), "day": (EPOCH + timedelta(days=day)).isoformat(), "vector": vector}
            for pid, day, vector in check.disputed
        ],
        "proof": signed_text(check.proof),
    }  # fmt: skip


def privacy_json(rows: Sequence[Explained]) -> list[Json]:
    """The privacy list as JSON, newest first."""
    return [
        {
            "at": datetime.fromtimestamp(row.at, UTC).isoformat(),
            "text": row.text,
            "mine": row.mine,
            "kind": row.kind,
            "keyholders": list(row.keyholders),
            "agree": row.agree,
            "subject": row.subject,
            "vectors": row.note.vectors,
            "values": row.note.values,
            "counts": row.note.counts,
            "rule": row.note.rule,
        }
        for row in rows
    ]


def consent_json(consent: GivenConsent) -> Json:
    """A consent as JSON."""
    names = ("subject", "recipient", "purpose", "expires")
    return {name: getattr(consent, name) for name in names}


def signed_text(signed: Signed) -> str:
    """An envelope as base64 text."""
    return b64encode(pack_signed(signed)).decode()

"""Audit trail: questions with what became of them, the log and its chain, the bundle for offline checks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from quietgrid.accounts import Permission, require
from quietgrid.api.desk import audit, disputes
from quietgrid.errors import VerificationError
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.audit import export_bundle
from quietgrid.store import LogEntry
from quietgrid.store.overview import AskedRow
from quietgrid.web import charts
from quietgrid.web.formats import clock, day
from quietgrid.web.kit import Look, Looking, Sent
from quietgrid.wire.disputes import COMPONENTS

router = APIRouter(include_in_schema=False)
ROWS = 25
RULE_OF = {"bills": "batch", "halves": "strike-halves"}
KINDS = [
    ("", "every question"), ("answered", "answered"), ("refused", "refused"), ("bills", "bills"),
    ("log", "what people did"),
]  # fmt: skip
WORDS = {"import": "total used", "export": "total fed in", "net": "net total", "": "band sums"}
CHUNK = 1 << 16


@router.get("/audit")
def trail(
    look: Looking, kind: Annotated[str, Query(max_length=10)] = "", text: Annotated[str, Query(max_length=80)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:  # fmt: skip
    """Questions, newest first, or the log."""
    return _trail(look, kind, text, page, None)


@router.post("/audit/verify")
def verify(sent: Sent) -> Response:
    """Recompute the log's hash chain."""
    look = sent.look
    try:
        chain = audit.verify(look.services, look.viewer)
        verified = {"ok": True, "text": f"{chain.entries:,} lines read again, every hash fits."}
    except VerificationError as error:
        verified = {"ok": False, "text": f"{error.what}: {error.where}. {error.fix}"}
    return _trail(look, "", "", 1, verified)


@router.get("/audit/bundle.zip")
def bundle(look: Looking) -> Response:
    """Everything an auditor needs to replay every answer offline (``quietgrid verify bundle``)."""
    require(look.viewer, Permission.LEDGER)
    folder = tempfile.TemporaryDirectory(prefix="quietgrid-bundle-")
    path = Path(folder.name) / "bundle.zip"
    size = export_bundle(look.services.platform, path)

    def chunks() -> Iterator[bytes]:
        with folder, path.open("rb") as file:
            while part := file.read(CHUNK):
                yield part

    headers = {"Content-Disposition": 'attachment; filename="audit-bundle.zip"', "Content-Length": str(size)}
    return StreamingResponse(chunks(), media_type="application/zip", headers=headers)


def _trail(look: Look, kind: str, text: str, page: int, verified: dict[str, object] | None) -> Response:
    services, viewer = look.services, look.viewer
    chain = audit.chain(services, viewer)
    entries, pages = _log(look, page) if kind == "log" else _questions(look, kind, text, page)
    days = audit.by_day(services, viewer)
    labels = [f"{datetime.fromtimestamp(number * DAY_S, UTC):%-d %b}" for number, _, _ in days]
    context: dict[str, object] = {
        "chain": {"ok": not verified or verified["ok"], "entries": chain.entries, "head": chain.head,
                  "checked_at": services.now()},
        "filters": {"kind": kind, "kinds": KINDS, "text": text}, "entries": entries, "page": min(page, pages),
        "pages": pages, "verified": verified, "export_url": "/audit/bundle.zip", "disputes": _disputes(look),
        "volume": charts.volumes(labels, [a for _, a, _ in days], [r for _, _, r in days]) if days else None,
    }  # fmt: skip
    return look.page("audit/trail.html", context, active="trail")


def _disputes(look: Look) -> list[dict[str, object]]:
    """Withheld answers in words."""
    card = look.services.card
    lines: list[dict[str, object]] = []
    for item in disputes.withheld(look.services, look.viewer):
        start, end = item.first * card.resolution, item.end * card.resolution
        span = f"{day(start, card.tz)}, {clock(start, card.tz)} to {clock(end, card.tz)}"
        if end - start > DAY_S:
            span = f"{day(start, card.tz)} to {day(end - 1, card.tz)}"
        lines.append({
            "name": item.name, "what": f"{WORDS.get(item.quantity, item.quantity)}, {span}", "about": item.node,
            "component": ", ".join(COMPONENTS[pair] for pair in item.pairs),
            "suspects": " or ".join(f"keyholder {index}" for index in item.suspects),
            "finding": disputes.words(look.services, look.viewer, item.finding), "at": item.at,
        })  # fmt: skip
    return lines


def _questions(look: Look, kind: str, text: str, page: int) -> tuple[list[dict[str, object]], int]:
    outcome = kind if kind in ("answered", "refused") else ""
    only = "bills" if kind == "bills" else ""
    services, viewer = look.services, look.viewer
    count = audit.questions(services, viewer, limit=1, kind=only, outcome=outcome, node=text).count
    pages = max(1, -(-count // ROWS))
    first = (min(page, pages) - 1) * ROWS
    found = audit.questions(services, viewer, limit=ROWS, offset=first, kind=only, outcome=outcome, node=text)
    return [_asked(look, row, count - first - n) for n, row in enumerate(found.rows)], pages


def _asked(look: Look, row: AskedRow, number: int) -> dict[str, object]:
    card = look.services.card
    start, end = row.first * card.resolution, row.end * card.resolution
    short = end - start <= DAY_S
    times = f"{day(start, card.tz)}, {clock(start, card.tz)} to {clock(end, card.tz)}"
    span = times if short else f"{day(start, card.tz)} to {day(end - 1, card.tz)}"
    rules = sorted({text.partition(":")[0] for text in row.refusals.values()})
    rule = ", ".join(rules) if row.outcome == "refused" else RULE_OF.get(row.kind, "floor")
    holders = sorted(row.refusals) if row.outcome == "refused" else []
    by = "keyholder " + ", ".join(map(str, holders)) if holders else "the keyholders"
    what = f"one home, {span}" if row.node.startswith("home:") else f"{WORDS.get(row.quantity, row.quantity)}, {span}"
    return {
        "number": number, "at": row.at, "keyholder": by, "kind": row.kind, "what": what,
        "about": row.node.replace(":", " "),
        "to": "billing" if row.kind == "bills" else "utility", "rule": rule, "outcome": row.outcome,
        "hash": row.hash.hex(),
    }  # fmt: skip


def _log(look: Look, page: int) -> tuple[list[dict[str, object]], int]:
    services, viewer = look.services, look.viewer
    count = audit.chain(services, viewer).entries
    pages = max(1, -(-count // ROWS))
    last = count - (min(page, pages) - 1) * ROWS
    lines = audit.log(services, viewer, after=max(0, last - ROWS), limit=min(ROWS, last) or 1)
    people = _names(look, lines)
    return [
        {"number": e.seq, "at": e.at, "keyholder": people.get(e.actor, e.actor), "kind": "log", "what": e.action,
         "about": people.get(e.subject, e.subject), "to": "", "rule": "log", "outcome": "logged", "hash": e.hash.hex()}
        for e in reversed(lines)
    ], pages  # fmt: skip


def _names(look: Look, lines: list[LogEntry]) -> dict[str, str]:
    with look.services.store.read() as tx:
        return {account.id: account.name for account in tx.people.accounts()}

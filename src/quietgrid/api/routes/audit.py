"""The audit log and the questions."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from quietgrid.accounts import Permission
from quietgrid.api import shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import audit as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso, iso_at

router = APIRouter(tags=["audit"])
MOST = 2**53
Limit = Annotated[int, Query(ge=1, le=desk.MOST)]


@router.get("/ledger", response_model=shapes.LogPage, openapi_extra=need(Permission.LEDGER))
def ledger(
    kit: Kit,
    viewer: Asker,
    after: Annotated[int, Query(ge=0, le=MOST)] = 0,
    limit: Limit = 100,
    action: Annotated[str, Query(max_length=60, examples=["billing"])] = "",
) -> shapes.LogPage:
    """The platform's audit log after a line, oldest first, and the head of its hash chain."""
    head = desk.chain(kit, viewer)
    lines = [
        shapes.LogLine(
            number=e.seq,
            at=iso_at(e.at),
            actor=e.actor,
            action=e.action,
            subject=e.subject,
            detail=e.detail,
            hash=e.hash.hex(),
        )
        for e in desk.log(kit, viewer, after=after, limit=limit, action=action)
    ]
    return shapes.LogPage(entries=head.entries, head=head.head, lines=lines)


@router.get("/log/verify", response_model=shapes.LogChain, openapi_extra=need(Permission.LEDGER))
def verify(kit: Kit, viewer: Asker) -> shapes.LogChain:
    """Recompute the log's hash chain; 422 names the first line that does not fit."""
    chain = desk.verify(kit, viewer)
    return shapes.LogChain(entries=chain.entries, head=chain.head)


@router.get("/questions", response_model=shapes.Questions, openapi_extra=need(Permission.QUESTIONS))
def questions(
    kit: Kit,
    viewer: Asker,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=MOST)] = 0,
    kind: Literal["", "totals", "halves", "bills", "event"] = "",
    outcome: Literal["", "answered", "refused", "open"] = "",
    node: Annotated[str, Query(max_length=120)] = "",
) -> shapes.Questions:
    """Every question to the keyholders and what became of it, newest first."""
    page = desk.questions(kit, viewer, limit=limit, offset=offset, kind=kind, outcome=outcome, node=node)
    resolution = kit.card.resolution
    found = [
        shapes.Asked(
            hash=row.hash.hex(),
            kind=row.kind,
            node=row.node,
            quantity=row.quantity,
            start=iso(row.first, resolution),
            end=iso(row.end, resolution),
            asked_at=iso_at(row.at),
            outcome=row.outcome,
            status=row.status,
            refusals=[f"keyholder {n}: {text}" for n, text in sorted(row.refusals.items())],
        )
        for row in page.rows
    ]
    return shapes.Questions(count=page.count, questions=found)

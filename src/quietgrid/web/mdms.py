"""MDMS: Quality and Roles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import GRANTABLE, ROLE_NAMES, Permission, Role, matrix, require
from quietgrid.api.desk import quality
from quietgrid.api.desk.audit import questions
from quietgrid.api.services import Services
from quietgrid.errors import InputError
from quietgrid.mdms.quality import Quality
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.question import Quantity
from quietgrid.runtime.periods import bill_of
from quietgrid.web import charts
from quietgrid.web.aggregates import chosen, spans
from quietgrid.web.kit import Look, Looking, Sent, go

router = APIRouter(include_in_schema=False)
REGISTERS = {"import": "used", "export": "fed in"}
NOON = DAY_S // 2
CLEARING = "The auditor clears it by the household's complaint: quietgrid audit clear FILE --reason TEXT."


@router.get("/mdms/quality")
def quality_page(look: Looking, period: Annotated[str, Query(max_length=12)] = "") -> Response:
    """What arrived, what is missing, what waits."""
    services, viewer = look.services, look.viewer
    require(viewer, Permission.QUALITY)
    found = spans(services, viewer, months_only=True)
    span = chosen(found, period)
    table = quality.matrix(services, viewer, span.window)
    due = int(table.expected.sum())
    floor = services.rules.k
    context: dict[str, object] = {
        "period": {"value": span.value, "label": span.label, "list": [(s.value, s.label) for s in found]},
        "summary": {
            "expected": due, "missing_share": int(table.missing.sum()) / due if due else 0.0,
            "late_share": int(table.late.sum()) / due if due else 0.0,
            "estimated_share": _estimated(services, span.window), "refused_frames": services.refused_frames,
        },
        "heat": _heat(table) if due else None,
        "late": [
            {"leaf": p.leaf, "band": p.band, "register": REGISTERS[p.register], "homes": p.homes, "floor": floor,
             "cells": p.cells}
            for p in _pools(look, span.window)
        ],
        "worst": _worst(table), "omissions": _omissions(look),
        "searches": [
            {"leaf": s.leaf, "quantity": s.quantity, "since": s.since, "closes": s.closes, "limit": s.limit,
             "telling": s.telling, "over": s.over, "found": s.found,
             "suspects": [(", ".join(map(str, one.meters)), one.strikes) for one in s.suspects]}
            for s in quality.searches(services, viewer)
        ],
    }  # fmt: skip
    return look.page("mdms/quality.html", context, active="quality")


def _heat(table: Quality) -> charts.Spec:
    days = [f"{datetime.fromtimestamp(day * DAY_S, UTC):%-d %b}" for day in table.days]
    percent: list[list[float | None]] = [
        [
            round(100 * int(due - came) / int(due), 2) if due else None
            for due, came in zip(table.expected[row].tolist(), table.arrived[row].tolist(), strict=True)
        ]
        for row in range(len(table.leaves))
    ]
    return charts.heatmap(days, list(table.leaves), percent)


def _worst(table: Quality) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for leaf, day, _ in table.worst(8):
        i, j = table.leaves.index(leaf), table.days.index(day)
        due, late, never = int(table.expected[i, j]), int(table.late[i, j]), int(table.missing[i, j])
        reason = f"{late:,} came after the close, {never:,} never" if late else "never came"
        rows.append(
            {"leaf": leaf, "day": day * DAY_S + NOON, "missing": late + never, "expected": due, "reason": reason}
        )
    return rows


def _estimated(services: Services, window: Window) -> float:
    """Share of estimated energy on the bills of the periods that touch a window; only sums, no home is shown."""
    with services.store.read() as tx:
        rows = [r for r in tx.billing.bills() if r.first < window.end and r.end > window.first]
    billed = [bill_of(row) for row in rows]
    whole = sum(b.imported_wh for b in billed)
    return sum(b.estimated_wh for b in billed) / whole if whole else 0.0


def _pools(look: Look, window: Window) -> list[quality.PoolView]:
    found = []
    for period in look.services.periods.windows():
        if period.first < window.end and period.end > window.first:
            found += quality.pool(look.services, look.viewer, period)
    return found


def _omissions(look: Look) -> list[dict[str, object]]:
    """Sections that are stopped now: a refusal for omissions, and nothing answered since."""
    page = questions(look.services, look.viewer, limit=200, outcome="refused", kind="totals")
    seen: dict[str, dict[str, object]] = {}
    with look.services.store.read() as tx:
        for row in page.rows:
            said = next((text for text in row.refusals.values() if text.startswith("omission:")), "")
            if said and row.node not in seen and tx.totals.last_total(row.node, Quantity(row.quantity)) < row.end:
                text = f"{said.partition(': ')[2].capitalize()}. {CLEARING}"
                seen[row.node] = {"leaf": row.node, "at": row.at, "text": text}
    return list(seen.values())


# -- roles -----------------------------------------------------------------------------------------------------------


@router.get("/mdms/roles")
def roles(look: Looking) -> Response:
    """People and what each role may do."""
    return _roles(look, None)


@router.post("/mdms/roles")
def add(sent: Sent) -> Response:
    """Add a person; their one-time link is in this answer and nowhere else."""
    look = sent.look
    role = Role(sent.one_of("role", *(r.value for r in Role if r is not Role.HOUSEHOLD)))
    account, token = look.services.accounts.add(look.viewer, sent.fields.get("name", ""), role)
    return _roles(look, _notice(look, f"One-time link for {account.name}, shown once.", token))


@router.post("/mdms/roles/{account}")
def change(sent: Sent, account: str) -> Response:
    """Lock, unlock, or a new link."""
    look, accounts = sent.look, sent.look.services.accounts
    do = sent.fields.get("do", "")
    if do == "lock":
        accounts.lock(look.viewer, account)
        return go("/mdms/roles", look)
    if do == "unlock":
        token = accounts.unlock(look.viewer, account)
        return _roles(look, _notice(look, "Unlocked. A new one-time link, shown once.", token))
    if do == "link":
        token = accounts.new_link(look.viewer, account)
        return _roles(look, _notice(look, "A new one-time link, shown once. Older links and sessions ended.", token))
    raise InputError("an account cannot do that", where="do", fix="lock, unlock or link")


def _notice(look: Look, text: str, token: str) -> dict[str, str]:
    return {"text": text, "link": f"{look.services.settings.public_url}/signin/{token}"}


def _roles(look: Look, notice: dict[str, str] | None) -> Response:
    services, viewer = look.services, look.viewer
    people = services.accounts.people(viewer)
    with services.store.read() as tx:
        added, seen = tx.overview.last_lines("account.add"), tx.overview.last_lines("account.sign-in")
    columns, rows = matrix()
    givable = GRANTABLE.get(viewer.role, frozenset()) - {Role.HOUSEHOLD}
    context: dict[str, object] = {
        "people": [
            {"id": p.id, "name": p.name, "role_name": ROLE_NAMES[Role(p.role)], "since": added.get(p.id, 0.0),
             "last_seen": seen.get(p.id), "locked": p.disabled}
            for p in people
        ],
        "roles": [(role.value, ROLE_NAMES[role]) for role in Role if role in givable],
        "matrix": {"columns": columns, "rows": [{"what": what.capitalize(), "allowed": yes} for what, yes in rows]},
        "notice": notice,
    }  # fmt: skip
    return look.page("mdms/roles.html", context, active="roles")

"""Proofs: paste or choose a bill, an answer or a line of the log, and see each step of checking it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from quietgrid.accounts import Permission, require
from quietgrid.api.desk import proofs as desk
from quietgrid.api.times import period_name
from quietgrid.errors import InputError
from quietgrid.web.billing import label
from quietgrid.web.kit import Look, Looking, Paper

router = APIRouter(include_in_schema=False)
COMMANDS = {
    "document": "quietgrid verify bill FILE",
    "bill": "quietgrid verify bill FILE",
    "answer": "quietgrid verify answer bundle.zip --question {asked}",
    "line": "quietgrid verify log bundle.zip",
}


@router.get("/audit/proofs")
def page(look: Looking, answer: Annotated[str, Query(max_length=64)] = "") -> Response:
    """The forms; or at once the steps of one answer."""
    require(look.viewer, Permission.PROOFS)
    return _page(look, ("answer", answer), desk.answer(look.services, look.viewer, answer)) if answer else _page(look)


@router.post("/audit/proofs")
def check(sent: Paper) -> Response:
    """Check what was pasted or chosen."""
    look, fields = sent.look, sent.fields
    services, viewer = look.services, look.viewer
    kind = sent.one_of("kind", *COMMANDS)
    if kind == "document":
        return _page(look, (kind, ""), desk.document(services, viewer, fields.get("document", "")))
    if kind == "bill":
        home, period = _number(fields.get("home", ""), "home"), fields.get("period", "")
        return _page(look, (kind, ""), desk.bill(services, viewer, home, period))
    if kind == "answer":
        asked = fields.get("answer", "")
        return _page(look, (kind, asked), desk.answer(services, viewer, asked))
    asked = fields.get("line", "")
    return _page(look, (kind, asked), desk.line(services, viewer, _number(asked, "line")))


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise InputError(f"the {what} is no number", where=what, fix="give its number")
    return int(text)


def _page(look: Look, asked: tuple[str, str] = ("", ""), found: desk.Checked | None = None) -> Response:
    services = look.services
    kind, value = asked
    proof = None
    if found is not None:
        proof = {
            "title": found.title, "ok": found.ok,
            "steps": [{"name": s.name, "ok": s.ok, "text": s.text} for s in found.steps],
            "command": COMMANDS[kind].format(asked=value.strip().lower()[:12]),
        }  # fmt: skip
    tz = services.card.tz
    context: dict[str, object] = {
        "proof": proof,
        "periods": [(period_name(w, tz), label(w, tz)) for w in reversed(services.periods.windows())],
        "fingerprint": services.card.fingerprint().hex(),
        "may": {"log": look.viewer.may(Permission.LEDGER), "answers": look.viewer.may(Permission.QUESTIONS)},
    }
    return look.page("audit/proofs.html", context, active="proofs")

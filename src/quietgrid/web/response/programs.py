"""Programs and utilities: what is offered, under which rules; put in, changed, ended, verified."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from quietgrid.api.desk import response as desk
from quietgrid.errors import InputError
from quietgrid.model.response import Program, Terms, Threshold, Trigger, Utility
from quietgrid.web.kit import Looking, Sent, go
from quietgrid.web.response.console import KEY
from quietgrid.web.response.parts import may, program_row

router = APIRouter()
Name = Annotated[str, Path(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
PAGE = "/response/programs"
EACH = 8


@router.get(PAGE)
def programs(look: Looking) -> Response:
    """The list, the editor, the regions' rules."""
    services, viewer = look.services, look.viewer
    context: dict[str, object] = {
        "programs": [program_row(one, services.now()) for one in desk.programs(services, viewer)],
        "utilities": [
            {"id": one.id, "name": one.name, "regions": ", ".join(one.regions), "verified": bool(one.verified_by)}
            for one in desk.utilities(services, viewer)
        ],
        "packs": [
            {"name": one.name, "rows": [(name, getattr(one, name), said) for name, said in one.sources]}
            for one in desk.rule_packs(services, viewer)
        ],
        "may": may(look),
    }  # fmt: skip
    return look.page("response/programs.html", context, active=KEY)


@router.post(PAGE)
def save(sent: Sent) -> Response:
    """Put a program in, or change it."""
    services, viewer, fields = sent.look.services, sent.look.viewer, sent.fields

    def whole(name: str, least: int = 0) -> int:
        text = fields.get(name, "")
        if not (text.isascii() and text.isdecimal() and len(text) < 13) or int(text) < least:
            raise InputError("this is no whole number", where=name, fix=f"{least} or more")
        return int(text)

    terms = Terms(
        rate_cents=whole("rate_cents", 1), early_percent=whole("early_percent"),
        penalty_percent=whole("penalty_percent"), notice_s=3_600 * whole("notice_h"),
        events_a_month=whole("events_a_month", 1),
    )  # fmt: skip
    level = whole("level")
    threshold = Threshold(Trigger.FORECAST, level, length=EACH) if level else None
    desk.save_program(
        services, viewer,
        Program(fields.get("id", ""), fields.get("name", "")[:100], fields.get("utility", ""), fields.get("region", ""),
                "", terms, threshold, starts=services.now()),
    )  # fmt: skip
    return go(PAGE, sent.look)


@router.post(f"{PAGE}/{{name}}/close")
def close(sent: Sent, name: Name) -> Response:
    """End a program."""
    desk.close_program(sent.look.services, sent.look.viewer, name)
    return go(PAGE, sent.look)


@router.post("/response/utilities")
def add(sent: Sent) -> Response:
    """Put a utility in."""
    fields = sent.fields
    regions = tuple(one.strip() for one in fields.get("regions", "").split(",") if one.strip())
    desk.save_utility(
        sent.look.services, sent.look.viewer, Utility(fields.get("id", ""), fields.get("name", "")[:100], regions)
    )
    return go(PAGE, sent.look)


@router.post("/response/utilities/{name}/verify")
def verify(sent: Sent, name: Name) -> Response:
    """Vouch for a utility."""
    desk.verify_utility(sent.look.services, sent.look.viewer, name)
    return go(PAGE, sent.look)

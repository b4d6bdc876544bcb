"""Alarms: what is wrong, what was, who has seen it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from quietgrid.api.desk import grid as desk
from quietgrid.web.grid.parts import EVENTS, PRIORITIES, alarm_row, entry, may, names
from quietgrid.web.kit import Looking, Sent, go, local_path

router = APIRouter()
Name = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$")]
SHOWS = [("", "lasting now"), ("unseen", "nobody has seen"), ("all", "all, with history")]
URGENT = [("", "every priority"), *((word, word) for word, _ in PRIORITIES.values())]


@router.get("/grid/alarms")
def alarms(
    look: Looking, show: Annotated[str, Query(max_length=10)] = "", priority: Annotated[str, Query(max_length=10)] = "",
    group: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    """The list: those that last first, the most urgent first."""
    show = show if show in dict(SHOWS) else ""
    priority = priority if priority in dict(URGENT) else ""
    kept = desk.alarms(look.services, look.viewer, lasting=not show, unseen=show == "unseen", limit=desk.MOST)
    elements = sorted({one.element for one in kept})
    people = names(look)
    rows = [alarm_row(one, people) for one in kept if not group or one.element == group]
    found = desk.status(look.services, look.viewer)
    context: dict[str, object] = {
        "rows": [row for row in rows if priority in ("", row["priority"])], "unseen": found.unseen,
        "lasting": len(found.alarms), "may": may(look), "network": found.state != "no network",
        "filters": {"show": show, "shows": SHOWS, "priority": priority, "priorities": URGENT, "group": group,
                    "elements": elements if group in ("", *elements) else [*elements, group]},
    }  # fmt: skip
    return look.page("grid/alarms.html", context, active=entry(look, "alarms"), live=EVENTS)


@router.post("/grid/alarms/{name}/acknowledge")
def acknowledge(sent: Sent, name: Name) -> Response:
    """Say that one was seen; back to where one was."""
    desk.acknowledge(sent.look.services, sent.look.viewer, name)
    back = local_path(sent.fields.get("next", ""))
    return go(back if back.startswith("/grid") else "/grid/alarms", sent.look)

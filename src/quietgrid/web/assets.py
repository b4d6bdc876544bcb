"""Assets: what the community owns together, its histories, who may do what, shares and revenue."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from quietgrid.api.desk import assets as desk
from quietgrid.web.asset_rows import shown
from quietgrid.web.kit import Looking

router = APIRouter(include_in_schema=False)


@router.get("/assets")
def assets(look: Looking) -> Response:
    """Every asset."""
    found = desk.assets(look.services, look.viewer)
    context: dict[str, object] = {"state": found.state, "assets": [shown(one, time.time()) for one in found.assets]}
    return look.page("audit/assets.html", context, active="assets")

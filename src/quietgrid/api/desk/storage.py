"""Storage planned under encryption, for people: sums of stations before and behind their storage. No station's own."""

from __future__ import annotations

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.balance.storing import planners
from quietgrid.runtime.storing import StoringView

MOST_DAYS = 60


def view(services: Services, viewer: Viewer, days: int = 7) -> StoringView | None:
    """How the stations stand; None where this community has none."""
    require(viewer, Permission.GRID)
    return None if services.storing is None else services.storing.view(min(days, MOST_DAYS))


def algorithms(services: Services, viewer: Viewer) -> dict[str, str]:
    """Every encrypted way to plan and what it does."""
    require(viewer, Permission.GRID)
    return {name: one.words for name, one in planners().items()}

"""Demand response for the utility and the grid operator: the console, one event's report, the programs."""

from __future__ import annotations

from fastapi import APIRouter

from quietgrid.web.response.console import router as _console
from quietgrid.web.response.event import router as _event
from quietgrid.web.response.programs import router as _programs

__all__ = ["router"]
router = APIRouter(include_in_schema=False)
for _pages in (_console, _programs, _event):
    router.include_router(_pages)

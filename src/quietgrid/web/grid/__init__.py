"""The grid operator's pages: overview, diagram, feeders, alarms, storage, frequency, the emergency stop."""

from __future__ import annotations

from fastapi import APIRouter

from quietgrid.web.grid.alarms import router as _alarms
from quietgrid.web.grid.feeder import router as _feeder
from quietgrid.web.grid.frequency import router as _frequency
from quietgrid.web.grid.live import GridLive
from quietgrid.web.grid.overview import router as _overview
from quietgrid.web.grid.stop import router as _stop
from quietgrid.web.grid.storage import router as _storage

__all__ = ["GridLive", "router"]
router = APIRouter(include_in_schema=False)
for _pages in (_overview, _feeder, _alarms, _storage, _frequency, _stop):
    router.include_router(_pages)

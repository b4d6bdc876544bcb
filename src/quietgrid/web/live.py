"""What the start page is told while it is open: new totals, the clock, bytes, keyholders."""

from __future__ import annotations

import threading

from quietgrid.accounts import Permission, Role, Viewer
from quietgrid.api.desk import evening, totals
from quietgrid.api.events import Event
from quietgrid.api.services import Services
from quietgrid.errors import NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.web.formats import clock, count, kwh

HOUSE = Viewer("pages", Role.OPERATOR)
"""Reads for the live events, which are sent only to viewers who may see each."""
EVENING_H = 8


def leaf_series(services: Services, viewer: Viewer, leaf: str, end: int) -> totals.Series:
    """The last hours of a section's total, up to slot `end`: used, or the net where used does not open.

    Raises:
        NotFoundError: the section is too small for any total.
    """
    nodes = {node.name: node for node in totals.nodes(services, viewer)}
    if leaf not in nodes:
        raise NotFoundError("this home's section is too small for a total", where=leaf, fix="show another home")
    quantity = Quantity.IMPORT if Quantity.IMPORT in nodes[leaf].quantities else Quantity.NET
    slots = EVENING_H * 3600 // services.card.resolution
    return totals.series(services, viewer, leaf, quantity, Window(max(0, end - slots), end, services.card.resolution))


def rows(stored: evening.Stored) -> list[tuple[str, str]]:
    """Meters and their newest sealed bytes, for the page."""
    return [(f"meter {pid}", text) for pid, text in stored.rows]


class Live:
    """What the start page is told when an interval closed or a keyholder came or went."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told = 0
        self._lock = threading.Lock()

    def __call__(self, status: evening.Status) -> list[Event]:
        """The events of one change."""
        services = self._services
        if not services.settings.demo or not status.closed_end:
            return []
        _, _, leaf = evening.demo_home(services)
        series = leaf_series(services, HOUSE, leaf, status.closed_end)
        stored = evening.stored(services, HOUSE)
        events = [
            Event("state", _badges(status)),
            Event("values", {"slot-clock": _clock(services, status), "stored-readings": count(stored.readings)}),
            Event("bytes", {"rows": [list(row) for row in rows(stored)]}, Permission.DEMO),
        ]
        with self._lock:
            fresh = range(max(self._told or series.window.end - 1, series.window.first), series.window.end)
            self._told = series.window.end
        for slot in fresh:
            at = slot - series.window.first
            value = int(series.energy_wh[at]) / 1000 if series.answered[at] else None
            point: dict[str, object] = {
                "chart": "utility-total-chart",
                "x": slot * services.card.resolution,
                "values": [value],
            }
            events.append(Event("series", point, Permission.TOTALS))
        if len(series.answered) and series.answered[-1]:
            text = kwh(int(series.energy_wh[-1]))
            badge = {"utility-status": {"tone": "ok" if series.status != "provisional" else "warn",
                                        "text": str(series.status)}}  # fmt: skip
            events += [
                Event("values", {"utility-total": text}, Permission.TOTALS),
                Event("state", dict(badge), Permission.TOTALS),
            ]  # fmt: skip
        return events


def _badges(status: evening.Status) -> dict[str, object]:
    words = {"up": ("ok", "running"), "stopped": ("bad", "stopped"), "away": ("warn", "catching up")}
    return {f"holder-{h.number}": dict(zip(("tone", "text"), words[h.state], strict=True)) for h in status.holders}


def _clock(services: Services, status: evening.Status) -> str:
    end = status.closed_end * services.card.resolution
    tz = services.card.tz
    return f"{clock(end - services.card.resolution, tz)}–{clock(end, tz)}"

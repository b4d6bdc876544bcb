"""What was delivered and left out, on the household's pages: period by period, and the complaint.

Privacy: counts of this home's own cells. A complaint shows frames (ciphertext) and closes to keyholders and auditor.
"""

from __future__ import annotations

from typing import Any

from quietgrid.errors import NotFoundError, QuietgridError
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.words import span_text
from quietgrid.household.omissions import LIMIT_PERCENT, Complaint, OmissionReport
from quietgrid.model.interval import Window

Context = dict[str, Any]
SHOWN = 12
"""Intervals that are listed of a period."""
SENT = "complaint"


def page(desk: Desk) -> Context:
    """The context of the section: one row a period, or why it cannot be said now."""
    rows, trouble = [], ""
    try:
        rows = [_row(desk, desk.omissions(period)[0]) for period in desk.periods()]
    except QuietgridError as error:
        if error.http_status != 503:
            raise
        trouble = f"{error.what}; {error.fix}"
    return {"omissions": {"rows": rows, "limit": LIMIT_PERCENT, "trouble": trouble}}


def complaint(desk: Desk, first: int) -> Complaint:
    """The complaint about the period that starts at a slot.

    Raises:
        NotFoundError: there is no such period, or nothing was left out of it.
    """
    period = next((period for period in desk.periods() if period.first == first), None)
    found = None if period is None else desk.omissions(period)[1]
    if found is None:
        raise NotFoundError("nothing was left out of this period", where=f"slot {first}", fix="take it from the list")
    return found


def complain(desk: Desk, first: int) -> None:
    """Show it to the keyholders, and remember that it was."""
    found = complaint(desk, first)
    with desk.lock:
        desk.home.complain(found)
    desk.put_note(SENT, repr(desk.now()), str(first))


def _row(desk: Desk, report: OmissionReport) -> Context:
    period, sent = report.period, desk.note(SENT, str(report.period.first))
    cells = sorted(report.left, key=lambda cell: cell.slot)
    return {
        "first": period.first,
        "label": span_text(period, desk.tz),
        "counted": report.counted,
        "left": len(report.left),
        "share": report.share,
        "stops": report.stops,
        "sent_at": float(sent) if sent else None,
        "cells": [
            {"span": span_text(Window(c.slot, c.slot + 1, period.resolution), desk.tz), "received": c.received_at,
             "closed": c.closed_at}
            for c in cells[:SHOWN]
        ],
        "more": max(0, len(cells) - SHOWN),
    }  # fmt: skip

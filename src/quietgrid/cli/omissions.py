"""`quietgrid household omissions`: what was delivered and left out, seen from home, and the complaint about it."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from quietgrid.cli.output import Json, emit, table
from quietgrid.cli.registry import household

__all__ = ["household"]


@household.command
def omissions(
    home: int,
    *,
    complain: Path | None = None,
    send: bool = False,
    state: Path | None = None,
    as_json: Json = False,
) -> int:
    """List, period by period, which readings were delivered in time and left out of what was counted.

    The meter's receipts are put beside the signed lists of arrivals. Over 5 % of a period, shown to the keyholders,
    they answer no more totals of the section until the auditor clears it.

    Args:
        home: Number of the home.
        complain: Write the newest complaint to this file, for the auditor.
        send: Show every complaint to the keyholders.
        state: Folder of databases and keys.
    """
    from quietgrid.cli.own import own_home
    from quietgrid.homeweb.desk import Desk
    from quietgrid.homeweb.words import span_text
    from quietgrid.model.interval import Window, zone

    rows, data, text, written = [], [], [], False
    with own_home(home, state) as own:
        desk = Desk(own)
        for period in desk.periods():
            report, complaint = desk.omissions(period)
            name = span_text(period, desk.tz)
            said = "over the limit" if report.stops else "under the limit" if report.left else "nothing left out"
            rows.append([name, f"{report.counted:,}", f"{len(report.left):,}", f"{report.share:.2%}", said])
            data.append({
                "period": name, "first": period.first, "counted": report.counted, "left_out": len(report.left),
                "stops": report.stops, "slots": sorted({cell.slot for cell in report.left}),
            })  # fmt: skip
            for cell in report.left[:5]:
                span = span_text(Window(cell.slot, cell.slot + 1, period.resolution), desk.tz)
                at = datetime.fromtimestamp(cell.received_at, zone(desk.tz)).strftime("%-d %b %H:%M")
                text.append(f"  {span}: received {at}, left out")
            if complaint is not None and send:
                own.complain(complaint)
                text.append(f"the keyholders have the complaint about {name}")
            if complaint is not None and complain is not None and not written:
                with open(os.open(complain, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(complaint.encode())
                written = True
                text.append(f"{complain}: the complaint about {name}; the auditor runs `quietgrid verify complaint`")
    columns = ["period", "counted", "left out", "share", ""]
    emit(as_json, {"home": home, "periods": data}, [*table(columns, rows), *text])
    return 0

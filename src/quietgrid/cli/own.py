"""`quietgrid open`, `bill`, `device`: a household's own data, bill, battery and roof, opened and checked at home."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quietgrid.household.service import Home

opening = command_app("open", "Open your own readings, with your own keys, on this machine.")
billing = command_app("bill", "Show your bill and check it against your own readings.")
steering = command_app("device", "Show what your battery and roof do for the grid; take part or not.")


@contextmanager
def own_home(number: int, state: Path | None) -> Iterator[Home]:
    """A home of a state folder, linked to the running platform and keyholders."""
    from quietgrid.household.hosting import Addresses, open_homes
    from quietgrid.lab.up import HOST, read_ports
    from quietgrid.model.interval import SystemClock
    from quietgrid.runtime.clock import ClockFile
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card
    from quietgrid.store import open_vault

    folders = Folders(state or load().state)
    ports = read_ports(folders.state)
    store = open_vault(folders.households / "homes.db", SystemClock())
    addresses = Addresses(
        f"http://{HOST}:{ports.platform}", ports.keyholder_urls(),
        f"http://{HOST}:{ports.meters}" if ports.meters else "",
    )  # fmt: skip
    clock = ClockFile(folders.state / "clock")
    try:
        homes = open_homes(folders.households, read_card(folders.card), store, clock, addresses)
        if number not in homes:
            raise NotFoundError(
                "there is no vault of this home here", where=f"home {number}", fix="use your own number"
            )
        yield homes[number]
    finally:
        store.close()


@opening.default
def open_own(
    home: int, *, day: date | None = None, days: int = 1, csv: bool = False, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Open a home's own readings. The platform sends ciphertext; the keys are in the home's vault and stay there.

    Args:
        home: Number of the home.
        day: First local day; the last whole days unless told.
        days: How many days.
        csv: Print every interval as CSV instead of a line a day.
        state: Folder of databases and keys.
    """
    from datetime import UTC, datetime

    import numpy as np

    from quietgrid.model.interval import Interval, local_window, zone

    if not 1 <= days <= 366:
        raise InputError("too many days at once", where="--days", fix="ask for 1 to 366")
    with own_home(home, state) as own:
        card = own.parts.card
        where = zone(card.tz)
        today = datetime.fromtimestamp(own.parts.clock.now(), UTC).astimezone(where).date()
        first = day or today - timedelta(days=days)
        window = local_window(first, first + timedelta(days=days), card.tz, card.resolution)
        readings = own.readings(window)
    used, sold = readings.imported_wh.sum(axis=0), readings.exported_wh.sum(axis=0)
    present = np.asarray(readings.present.any(axis=0), np.bool_)
    starts = [Interval(slot, window.resolution).start.astimezone(where) for slot in range(window.first, window.end)]
    lines = []
    if csv:
        lines = ["start,imported_wh,exported_wh"]
        for at, start in enumerate(starts):
            values = f"{used[at]},{sold[at]}" if present[at] else ","
            lines.append(f"{start.isoformat()},{values}")
    else:
        rows = []
        for number in range(days):
            date_of = first + timedelta(days=number)
            chosen = [at for at, start in enumerate(starts) if start.date() == date_of]
            missing = sum(not present[at] for at in chosen)
            energy = [f"{int(column[chosen].sum()) / 1000:.3f}" for column in (used, sold)]
            rows.append([date_of.isoformat(), *energy, len(chosen), missing])
        lines = table(["day", "used kWh", "sold kWh", "intervals", "missing"], rows)
    data = {
        "home": home, "tz": card.tz, "resolution": window.resolution, "first": starts[0].isoformat(),
        "imported_wh": [int(v) if p else None for v, p in zip(used, present, strict=True)],
        "exported_wh": [int(v) if p else None for v, p in zip(sold, present, strict=True)],
    }  # fmt: skip
    emit(as_json, data, lines)
    return 0


@billing.default
def bill(home: int, *, period: str = "", state: Path | None = None, as_json: Json = False) -> int:
    """Show a home's newest bill (or of a period) and check every number on it against the home's own readings.

    Args:
        home: Number of the home.
        period: Month it starts in, as YYYY-MM; the newest unless told.
        state: Folder of databases and keys.
    """
    from quietgrid.billing import Bill
    from quietgrid.model.interval import zone
    from quietgrid.model.quantity import format_energy, format_money

    with own_home(home, state) as own:
        where = zone(own.parts.card.tz)
        found = [Bill.decode(data) for data in own.bills()]
        months = {b.window.start_time.astimezone(where).strftime("%Y-%m"): b for b in found}
        if not months or (period and period not in months):
            raise NotFoundError(
                "there is no such bill yet", where=f"home {home}", fix="bills come a week after a period"
            )
        month = period or max(months)
        chosen = months[month]
        check = own.verify_bill(own.bill(chosen.window.first))
    rows = [
        [line.name, format_energy(line.quantity) if line.kind != "standing" else f"{line.quantity} days",
         format_money(line.amount_micro, chosen.currency), "estimated" if line.estimated else ""]
        for line in chosen.lines
    ]  # fmt: skip
    text = [
        f"home {home}, {month}, tariff {chosen.tariff}",
        *table(["line", "quantity", "amount", ""], rows),
        f"total with VAT  {format_money(chosen.total_micro, chosen.currency)}",
        f"checked at home: {check.verdict}",
    ]
    data = {
        "home": home, "period": month, "tariff": chosen.tariff, "total_micro": chosen.total_micro,
        "currency": chosen.currency, "verdict": str(check.verdict),
        "facts": [{"vector": f.vector, "value": f.measured + f.late, "missing": f.missing} for f in chosen.facts],
    }  # fmt: skip
    emit(as_json, data, text)
    return 0


@steering.default
def device(
    home: int, *, follow: bool | None = None, reserve: int | None = None, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Show what the home's own battery and roof are asked for and did; with an option, change that.

    Args:
        home: Number of the home.
        follow: Do what the group is asked for, or not.
        reserve: Per cent of the battery that is kept for the home.
        state: Folder of databases and keys.
    """
    from quietgrid.household.steering import Choice, steering_of

    with own_home(home, state) as own:
        steered = steering_of(own)
        if follow is not None or reserve is not None:
            before = steered.choice()
            kept = before.reserve_percent if reserve is None else reserve
            steered.choose(Choice(before.follow if follow is None else follow, kept))
        look = steered.look()
    shown = look.state
    text = [
        f"battery {shown.level_wh / 1000:.1f} of {shown.capacity_wh / 1000:.1f} kWh, {shown.power_w / 1000:.1f} kW; "
        f"roof {shown.pv_w / 1000:.1f} kW",
        f"{'takes part' if look.choice.follow else 'does not take part'}; "
        f"{look.choice.reserve_percent} % are kept for the home",
    ]
    for asked in look.asked:
        most = "" if asked.most_out_w is None else f", at most {asked.most_out_w} W fed in"
        text.append(
            f"asked {asked.window.start_time:%Y-%m-%d %H:%M} to {asked.window.end_time:%H:%M} UTC: "
            f"{asked.draw_wh:+} Wh{most}"
        )  # fmt: skip
    moved, cut = sum(one.moved_wh for one in shown.done), sum(one.cut_wh for one in shown.done)
    text.append(f"done in the last {len(shown.done)} intervals with something asked: {moved:+} Wh, {cut} Wh not made")
    emit(as_json, {"home": home, **look.as_json()}, text)
    return 0

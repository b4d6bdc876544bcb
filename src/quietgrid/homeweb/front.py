"""The contexts of Home, History and the frame on the start page. Privacy: open readings of one home."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from quietgrid.errors import InputError
from quietgrid.homeweb import bills, privacy
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.own import daily_spec, hourly_spec, interval_spec
from quietgrid.homeweb.words import days_text
from quietgrid.household.own import Own
from quietgrid.household.views import day_of
from quietgrid.model.interval import DAY_S, Window, zone

Context = dict[str, Any]
VIEWS = (("day", "Day"), ("week", "Week"), ("month", "Month"))
STALE_INTERVALS = 6
"""A meter that is silent for so many intervals is said to be."""
FRAME_INTERVALS = 32
EARLIEST = date(2000, 1, 1)


def home(desk: Desk) -> Context:
    """The context of the first page."""
    today = desk.today()
    fortnight = desk.days(today - timedelta(days=13), 14)
    own = desk.own(fortnight)
    day = own.over(desk.days(today, 1))
    mine = desk.bills()
    left, refused = privacy.counts(_this_month(desk))
    newest = mine[0] if mine else None
    return {
        "now": _now(desk, own),
        "today": {
            "import_wh": day.import_wh,
            "export_wh": day.export_wh,
            "cost_micro": _cost(day, bills.mean_price_micro(mine)),
            "yesterday_wh": _yesterday(desk, own, today),
            "spec": hourly_spec(day, desk.tz),
        },
        "month": {"label": privacy.month_name(privacy.month_of(desk.now(), desk.tz)), "left": left, "refused": refused},
        "bill": None if newest is None else bills.row(desk, newest),
        "week": daily_spec(own, [today - timedelta(days=n) for n in range(13, -1, -1)], desk.tz),
        "stale": _silence(desk, own),
        "steered": desk.home.steering is not None,
    }


def _this_month(desk: Desk) -> list[Context]:
    month = privacy.month_of(desk.now(), desk.tz)
    entries = privacy.own_entries(desk, desk.privacy())
    return [entry for entry in entries if privacy.month_of(entry["at"], desk.tz) == month]


def _now(desk: Desk, own: Own) -> Context:
    slot = own.last()
    if slot is None:
        return {"use_w": None, "at": desk.now()}
    return {"use_w": own.power_w(slot), "at": (slot + 1) * desk.resolution}


def _cost(day: Own, prices: tuple[int, int] | None) -> int | None:
    """Money for today's energy at the mean price of the newest bill; None without one."""
    if prices is None:
        return None
    return (day.import_wh * prices[0] - (day.export_wh or 0) * prices[1]) // 1000


def _yesterday(desk: Desk, own: Own, today: date) -> int:
    """What was drawn yesterday until this time."""
    midnight, before = desk.days(today, 1).first, desk.days(today - timedelta(days=1), 1)
    slot = own.last()
    gone = max(0, (midnight if slot is None else slot + 1) - midnight)
    return own.over(Window(before.first, min(before.end, before.first + gone), desk.resolution)).import_wh


def _silence(desk: Desk, own: Own) -> str:
    """How long the meter has been silent, in words; "" while it is not."""
    slot = own.last()
    since = int(desk.now()) - (own.window.first if slot is None else slot + 1) * desk.resolution
    if not own.known.any() or since <= STALE_INTERVALS * desk.resolution:
        return ""
    days, rest = divmod(since, DAY_S)
    hours, rest = divmod(rest, 3600)
    shown = [f"{days} day{'' if days == 1 else 's'}"] if days else []
    shown += [f"{hours} h"] if hours else []
    return " ".join([*shown, *([] if days else [f"{rest // 60} min"])])


# -- history ---------------------------------------------------------------------------------------------------------


def asked(desk: Desk, view: str, first: str) -> tuple[str, date, int]:
    """The view, its first local day and how many days.

    Raises:
        InputError: no such view, not a date, or a date far outside.
    """
    if view not in dict(VIEWS):
        raise InputError("there is no such view", where="view", fix="use day, week or month")
    today = desk.today()
    start = day_of(first, "first") if first else today - timedelta(days=6 if view == "week" else 0)
    if not EARLIEST <= start <= today:
        raise InputError("there are no readings of that day", where="first", fix="choose a day until today")
    if view == "month":
        start = start.replace(day=1)
        return view, start, (_next_month(start) - start).days
    return view, start, 7 if view == "week" else 1


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def history(desk: Desk, view: str, first: date, days: int) -> Context:
    """The context of one period."""
    window = desk.days(first, days)
    own = desk.own(window)
    label = f"{first:%B %Y}" if view == "month" else days_text(first, first + timedelta(days=days - 1))
    dates = [first + timedelta(days=n) for n in range(days)]
    spec = daily_spec(own, dates, desk.tz) if view == "month" else interval_spec(own, desk.tz)
    query = f"view={view}&first={first.isoformat()}"
    any_here = bool(own.present.any())
    return {
        "view": {
            "value": view,
            "first": first.isoformat(),
            "list": [(value, text, f"?view={value}&first={first.isoformat()}") for value, text in VIEWS],
            "label": label,
            "before": _before(desk, view, first),
            "after": _after(desk, view, first, days),
        },
        "spec": spec if any_here else None,
        "rows": _twin(desk, own, spec) if any_here else [],
        "facts": _facts(desk, own) if any_here else None,
        "csv_url": f"/history.csv?{query}",
        "earliest": desk.first_day.isoformat(),
        "latest": desk.today().isoformat(),
    }


def _before(desk: Desk, view: str, first: date) -> str:
    if first <= desk.first_day:
        return ""
    step = {"day": first - timedelta(days=1), "week": first - timedelta(days=7)}
    start = step.get(view) or (first - timedelta(days=1)).replace(day=1)
    return f"?view={view}&first={start.isoformat()}"


def _after(desk: Desk, view: str, first: date, days: int) -> str:
    start = first + timedelta(days=days)
    return "" if start > desk.today() else f"?view={view}&first={start.isoformat()}"


def _facts(desk: Desk, own: Own) -> Context:
    used = own.imported_wh[own.present]
    peak = int(np.argmax(np.where(own.present, own.imported_wh, -1)))
    due = np.arange(own.window.first, own.window.end) < int(desk.now()) // desk.resolution - 2
    per_hour = 3600 // desk.resolution
    return {
        "import_wh": own.import_wh,
        "export_wh": own.export_wh,
        "peak_w": int(own.imported_wh[peak]) * per_hour,
        "peak_at": (own.window.first + peak) * desk.resolution,
        "base_w": int(np.sort(used)[len(used) // 10]) * per_hour,
        "missing": int((own.known & due & ~own.present).sum()),
    }


def _twin(desk: Desk, own: Own, spec: Context) -> list[Context]:
    """The chart's numbers as rows, for a browser without scripts."""
    where = zone(desk.tz)
    names = [str(x) for x in spec["x"]]
    if spec["time"]:
        names = [f"{datetime.fromtimestamp(x, UTC).astimezone(where):%a %-d %b, %H:%M}" for x in spec["x"]]
    columns = zip(*(series["data"] for series in spec["series"]), strict=True)
    ended = int(desk.now())
    return [
        {"name": name, "values": list(values)}
        for n, (name, values) in enumerate(zip(names, columns, strict=True))
        if not spec["time"] or spec["x"][n] < ended
    ]


def history_csv(desk: Desk, first: date, days: int) -> bytes:
    """Wh per interval; an empty cell is a gap."""
    own, where = desk.own(desk.days(first, days)), zone(desk.tz)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["start", "end", "imported_wh", *(["exported_wh"] if own.exports else [])])
    for n, slot in enumerate(range(own.window.first, own.window.end)):
        if not own.known[n] or slot >= int(desk.now()) // desk.resolution:
            continue
        edges = [
            datetime.fromtimestamp(at * desk.resolution, where).isoformat(timespec="minutes") for at in (slot, slot + 1)
        ]
        values = [own.imported_wh[n], own.exported_wh[n]][: 2 if own.exports else 1]
        writer.writerow([*edges, *(int(value) if own.present[n] else "" for value in values)])
    return out.getvalue().encode()


# -- the frame -------------------------------------------------------------------------------------------------------


def glance(desk: Desk, name: str) -> tuple[Context, int]:
    """The frame's context, and the slot after its newest reading."""
    today = desk.days(desk.today(), 1)
    until = int(desk.now()) // desk.resolution
    wide = desk.own(Window(min(today.first, until - FRAME_INTERVALS - 8), max(until, today.first), desk.resolution))
    slot = wide.last()
    end = until if slot is None else slot + 1
    spec = interval_spec(wide.over(Window(end - FRAME_INTERVALS, end, desk.resolution)), desk.tz)
    spec["series"] = spec["series"][:1]
    now_w = None if slot is None else wide.power_w(slot)
    day = wide.over(Window(today.first, max(today.first, wide.window.end), desk.resolution))
    return {"home": {"name": name, "now_w": now_w, "today_wh": day.import_wh}, "spec": spec | {"digits": 2}}, end

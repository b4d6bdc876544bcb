"""Realistic contexts for every page: what the faces are given, without a server behind them."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from tests.web import samples_community, samples_grid, samples_response

EVENING = 1_773_335_700  # Thu 12 March 2026, 18:15 in Berlin
MIDNIGHT = 1_773_270_000  # the local midnight before
DAY = 86_400
LEAVES = ("North Lane 1", "North Lane 2", "Mill Street", "Station Square")


def wobble(*seed: object) -> float:
    """A fixed number in [0, 1) for a seed."""
    return int.from_bytes(hashlib.sha256(repr(seed).encode()).digest()[:4], "little") / 2**32


def load(hour: float) -> float:
    """Average use of a home at an hour of the day, kW."""
    morning = 0.45 * math.exp(-((hour - 7.5) ** 2) / 3)
    evening = 1.1 * math.exp(-((hour - 19) ** 2) / 6)
    return 0.22 + morning + evening


def evening_spec(scale: float, name: str, color: str, style: str, end: int = 74) -> dict[str, Any]:
    times = [MIDNIGHT + 900 * slot for slot in range(56, end)]
    data = [round(scale * load(slot / 4) / 4 * (0.8 + 0.4 * wobble(name, slot)), 2) for slot in range(56, end)]
    return {
        "kind": "lines", "time": True, "tz": "Europe/Berlin", "x": times, "x_title": "Interval", "unit": "kWh", "digits": 2,
        "series": [{"name": name, "color": color, "style": style, "data": data}],
    }  # fmt: skip


def base(role: str = "", **more: Any) -> dict[str, Any]:
    names = {"analyst": "Mara Lindqvist", "auditor": "Jonas Weber", "operator": "Olu Adeyemi", "household": "Home 17"}
    return {
        "lang": "en", "demo": True, "csrf": "token", "live": "", "live_every": 5, "active": "",
        "community": {"name": "Lindenhof energy community", "tz": "Europe/Berlin", "currency": "EUR"},
        "viewer": {"name": names[role], "role": role} if role else None,
        "platform_url": "http://localhost:8000", "household_url": "http://home.localhost:8001",
    } | more  # fmt: skip


def glance() -> dict[str, Any]:
    spec = evening_spec(1.0, "Home 17", "home", "area")
    spec["series"][0]["data"][9] = None
    return {
        "lang": "en",
        "live": "",
        "live_every": 5,
        "home": {"name": "Home 17", "now_w": 1312, "today_wh": 6_420},
        "spec": spec,
        "household_url": "http://home.localhost:8001",
    }


def start(spied: bool = True) -> dict[str, Any]:
    rows = [
        (f"meter {1000 + 37 * n}", " ".join(f"{int(wobble('byte', n, b) * 256):02x}" for b in range(8)) + "  " +
         " ".join(f"{int(wobble('more', n, b) * 256):02x}" for b in range(8)))
        for n in range(9)
    ]  # fmt: skip
    spy = {
        "rule": "floor", "at": EVENING + 200, "home": "Home 17", "privacy_url": "http://home.localhost:8001/privacy",
        "what": "One home is fewer than 15. No keyholder answers a question about one home's interval.",
        "fix": "Ask for a feeder: its total of 48 homes is open to you.",
        "answers": [{"name": f"Keyholder {n}", "text": "floor: this asks for one home; a total needs at least 15 homes"} for n in range(3)],
    }  # fmt: skip
    holders = [
        {"number": 0, "name": "household association", "state": "up"},
        {"number": 1, "name": "grid operator's privacy office", "state": "stopped"},
        {"number": 2, "name": "regulator", "state": "up"},
    ]
    return base(
        "analyst",
        home={"name": "Home 17", "glance_url": "/household/glance.html"},
        stored={"rows": rows, "readings": 453_120, "size_mb": 3.6},
        utility={"node": "North Lane", "homes": 48, "energy_wh": 21_400, "status": "provisional",
                 "spec": evening_spec(48, "North Lane", "grid", "step")},
        player={"at": EVENING, "end": EVENING + 900, "paused": False, "fast": False},
        spy=spy if spied else None,
        holders={"list": holders, "tone": "ok", "text": "Two of three answer: totals still open, marked provisional until the third confirms.", "alone": None},
    )  # fmt: skip


def replay() -> dict[str, Any]:
    steps = [
        {"name": "Start", "text": "3 keyholders, 1 platform", "state": "done"},
        {"name": "Enrol", "text": "118 meters, signed", "state": "done"},
        {"name": "Replay", "text": "day 17 of 40", "state": "now"},
        {"name": "Bills", "text": "February", "state": "next"},
    ]
    facts = [
        ("Readings sealed", "385,152"),
        ("Totals opened", "6,528"),
        ("Questions refused", "0"),
        ("Simulated day", "Wed 18 Feb 2026"),
    ]
    return base(replay={"day": 17, "days": 40, "left_s": 14, "steps": steps, "facts": facts, "done": False})


def signin() -> dict[str, Any]:
    return base(
        form={
            "name": "mara",
            "error": "Name, password or code is wrong, or the link was used before.",
            "next": "/",
            "code": True,
        },
        hint="There are no default passwords. The first start printed one sign-in link per person in the terminal.",
    )


def error() -> dict[str, Any]:
    problem = {
        "title": "Not available right now", "status": 503, "kind": "error", "where": "GET /api/v1/totals/North Lane 1",
        "what": "Only one of three keyholders answers, so nothing can be opened. Nothing is lost.",
        "fix": "Start a second keyholder, then try again.", "id": "7f3a91c2",
    }  # fmt: skip
    return base("analyst", problem=problem, retry="/mdms/aggregates")


def aggregates() -> dict[str, Any]:
    slots = range(96)
    used: list[float | None] = [round(48 * load(s / 4) / 4 * (0.9 + 0.2 * wobble("agg", s)), 1) for s in slots]
    sun: list[float | None] = [
        round(max(0.0, 4.5 * math.sin((s / 4 - 6.5) / 12 * math.pi)) * (0.7 + 0.3 * wobble("sun", s)), 1)
        if 26 <= s <= 74
        else 0.0
        for s in slots
    ]
    for gap in (41, 42, 43):
        used[gap] = sun[gap] = None
    spec = {
        "kind": "lines", "time": True, "tz": "Europe/Berlin", "x": [MIDNIGHT + 900 * s for s in slots], "x_title": "Interval",
        "unit": "kWh", "digits": 1,
        "series": [{"name": "Used", "color": "grid", "style": "area", "data": used},
                   {"name": "Fed in", "color": "export", "style": "dash", "data": sun}],
    }  # fmt: skip
    leaves = [
        {"name": name, "homes": 28 + n, "import_wh": 251_000 + 31_700 * n, "export_wh": None if n == 2 else 42_000 + 9_000 * n,
         "net_wh": 209_000 + 22_700 * n, "peak_wh": 9_800 + 1_100 * n, "missing_share": 0.004 * n,
         "status": ("confirmed", "certified", "provisional", "confirmed")[n]}
        for n, name in enumerate(LEAVES)
    ]  # fmt: skip
    return base(
        "analyst", active="aggregates", live="",
        filters={"node": "North Lane", "nodes": ["Community", "North Lane", *LEAVES], "quantity": "import",
                 "quantities": [("import", "Used"), ("export", "Fed in"), ("net", "Net")],
                 "period": "2026-03-12", "periods": [("2026-03-12", "Thu 12 Mar 2026"), ("2026-02", "February 2026")]},
        total={"node": "North Lane", "energy_wh": 512_400, "peak_wh": 17_300, "peak_at": EVENING + 1800, "homes": 56, "members": 58,
               "floor": 15, "missing_share": 0.031, "estimated_share": 0.0, "status": "confirmed", "spec": spec, "resolution_min": 15},
        few=None, stale_s=0, leaves=leaves, csv_url="/api/v1/totals.csv",
    )  # fmt: skip


def aggregates_few() -> dict[str, Any]:
    few = {
        "homes": 9,
        "floor": 15,
        "instead": "The net of used and fed in is shown for this feeder, and the fed-in total for North Lane as a whole.",
    }
    return aggregates() | {"few": few, "total": None, "stale_s": 34}


def quality() -> dict[str, Any]:
    days = [f"{1 + d} Mar" for d in range(12)]
    values = [
        [None if (leaf, d) == (2, 4) else round(6 * wobble("q", leaf, d) ** 4, 1) for d in range(12)]
        for leaf in range(4)
    ]
    heat = {"kind": "heatmap", "x": days, "y": list(LEAVES), "values": values, "max": 5, "unit": "%", "digits": 1,
            "x_title": "Day", "y_title": "Feeder"}  # fmt: skip
    late = [
        {"leaf": LEAVES[0], "band": "night", "register": "used", "homes": 17, "floor": 15, "cells": 61},
        {"leaf": LEAVES[2], "band": "day", "register": "used", "homes": 6, "floor": 15, "cells": 9},
    ]
    worst = [
        {
            "leaf": LEAVES[2],
            "day": MIDNIGHT - 7 * DAY,
            "missing": 2_880,
            "expected": 2_880,
            "reason": "concentrator restarted",
        },
        {"leaf": LEAVES[1], "day": MIDNIGHT - 3 * DAY, "missing": 96, "expected": 2_784, "reason": "one meter silent"},
    ]
    return base(
        "analyst", active="quality",
        period={"value": "2026-03", "label": "March 2026", "list": [("2026-03", "March 2026"), ("2026-02", "February 2026")]},
        summary={"expected": 135_936, "missing_share": 0.0212, "late_share": 0.0031, "estimated_share": 0.0184, "refused_frames": 3},
        heat=heat, late=late, worst=worst, omissions=[],
        searches=[
            {"leaf": LEAVES[3], "quantity": "import", "since": MIDNIGHT - 2 * DAY, "closes": 10, "limit": 20, "telling": 10,
             "over": True, "found": True, "suspects": [("1029", 10), ("1003", 8)]},
            {"leaf": LEAVES[1], "quantity": "net", "since": MIDNIGHT - DAY, "closes": 0, "limit": 20, "telling": 0,
             "over": False, "found": False, "suspects": []},
        ],
    )  # fmt: skip


def billing() -> dict[str, Any]:
    names = (
        "Anna Brandstätter",
        "Familie Özdemir-Hohenstein",
        "Bäckerei Sonnenschein GmbH & Co. KG",
        "Lea Novak",
        "Tom Reuter",
    )
    bills = [
        {"number": f"2026-02-{n + 1:04d}", "home": f"home {4711 + n}", "name": name, "tariff": ("Day and night", "Real time", "Blocks")[n % 3],
         "energy_wh": 212_431 + 48_107 * n, "estimated_wh": 1_240 if n == 1 else 0,
         "amount_micro": -4_310_000 if n == 3 else 58_310_000 + 12_770_000 * n,
         "state": ("open", "open", "approved", "sent", "disputed")[n]}
        for n, name in enumerate(names)
    ]  # fmt: skip
    run: dict[str, Any] = {
        "id": "r-0007", "period": "February 2026", "leaf": LEAVES[0],
        "steps": [{"name": "Collect", "text": "28 days closed, 0.4 % missing", "state": "done"},
                  {"name": "Combine", "text": "4 bands, 29 homes", "state": "done"},
                  {"name": "Open", "text": "2 of 3 keyholders answered", "state": "done"},
                  {"name": "Approve", "text": "waits for a second person", "state": "now"}],
        "action": {"do": "approve", "label": "Approve 29 bills", "text": "Approving sends the bills to the households."},
        "refusal": None, "bills": bills, "check": {"ok": True, "text": "bills and totals agree"}, "page": 1, "pages": 6,
        "totals": {"bills": 29, "energy_wh": 7_212_431, "estimated_wh": 1_240, "amount_micro": 2_061_310_000},
    }  # fmt: skip
    runs = [
        {
            "id": "r-0007",
            "period": "February 2026, North Lane 1",
            "state": "open",
            "state_text": "to approve",
            "bills": 29,
            "total_micro": 2_061_310_000,
            "at": EVENING,
        },
        {
            "id": "r-0006",
            "period": "February 2026, North Lane 2",
            "state": "refused",
            "state_text": "refused",
            "bills": 0,
            "total_micro": 0,
            "at": EVENING - 600,
        },
        {
            "id": "r-0005",
            "period": "January 2026, Mill Street",
            "state": "done",
            "state_text": "sent",
            "bills": 30,
            "total_micro": 2_114_000_000,
            "at": EVENING - 28 * DAY,
        },
    ]
    return base("analyst", active="billing", runs=runs, run=run, may_approve=True)


def billing_refused() -> dict[str, Any]:
    context = billing()
    refusal = {
        "rule": "batch",
        "what": "Another batch was already answered for this feeder and period.",
        "fix": "Corrections go through the late pool into the next period.",
    }
    context["run"] |= {"refusal": refusal, "bills": [], "action": None}
    context["run"]["steps"][2] |= {"state": "stuck", "text": "refused"}
    context["run"]["steps"][3] |= {"state": "next", "text": ""}
    return context


def roles() -> dict[str, Any]:
    people = [
        {
            "id": "mara",
            "name": "Mara Lindqvist",
            "role_name": "utility analyst",
            "since": EVENING - 40 * DAY,
            "last_seen": EVENING,
            "locked": False,
        },
        {
            "id": "jonas",
            "name": "Jonas Weber",
            "role_name": "auditor",
            "since": EVENING - 40 * DAY,
            "last_seen": None,
            "locked": False,
        },
        {
            "id": "h17",
            "name": "Home 17",
            "role_name": "household",
            "since": EVENING - 40 * DAY,
            "last_seen": EVENING - 3 * DAY,
            "locked": True,
        },
    ]
    matrix = {
        "columns": ["utility analyst", "auditor", "household"],
        "rows": [
            {"what": "See totals of groups", "allowed": [True, True, False]},
            {"what": "Run and approve bills", "allowed": [True, False, False]},
            {"what": "Read the ledger", "allowed": [False, True, False]},
            {"what": "Open own readings, at home", "allowed": [False, False, True]},
        ],
    }
    return base("analyst", active="roles", people=people, roles=[("analyst", "utility analyst"), ("auditor", "auditor")], matrix=matrix,
                notice={"text": "One-time link for Jonas Weber, shown once.", "link": "http://localhost:8000/signin/4c1d-77ab"})  # fmt: skip


def trail() -> dict[str, Any]:
    digest = hashlib.sha256(b"head").hexdigest()
    rows = [
        ("one home, 18:00 to 19:00", "Home 17", "utility", "floor", "refused"),
        ("total used, 18:00 to 18:15", "North Lane 1, 29 homes", "utility", "totals", "answered"),
        ("total fed in, 18:00 to 18:15", "North Lane, 48 homes", "utility", "union", "answered"),
        ("band sums, February", "North Lane 1, batch of 29 homes", "billing", "bills", "answered"),
        ("second batch, February", "North Lane 2", "billing", "batch", "refused"),
    ]
    entries = [
        {"number": 18_204 - n, "at": EVENING - 900 * n, "keyholder": f"keyholder {n % 3}", "kind": "totals", "what": what, "about": about,
         "to": to, "rule": rule, "outcome": outcome, "hash": hashlib.sha256(what.encode()).hexdigest()}
        for n, (what, about, to, rule, outcome) in enumerate(rows)
    ]  # fmt: skip
    volume = {
        "kind": "bars", "time": False, "x": [f"{d} Mar" for d in range(1, 13)], "x_title": "Day", "unit": "", "digits": 0,
        "series": [{"name": "Answered", "color": "grid", "style": "bar", "stack": "a", "data": [384 + int(9 * wobble(d)) for d in range(12)]},
                   {"name": "Refused", "color": "export", "style": "hatch", "stack": "a", "data": [int(60 * wobble("r", d) ** 3) for d in range(12)]}],
    }  # fmt: skip
    return base(
        "auditor", active="trail", chain={"ok": True, "entries": 18_204, "head": digest, "checked_at": EVENING},
        filters={"kind": "", "kinds": [("", "everything"), ("refused", "refused only")], "text": ""}, entries=entries, page=1, pages=912,
        disputes=[
            {"name": "9f2b41c07de3", "what": "total used, 18:00 to 18:15", "about": "North Lane 1", "component": "01",
             "suspects": "keyholder 0 or keyholder 1", "finding": "keyholder 1 lied: its mask is not what its own day key gives", "at": EVENING},
            {"name": "11d07be9a452", "what": "band sums, February", "about": "North Lane 2", "component": "12",
             "suspects": "keyholder 1 or keyholder 2", "finding": "", "at": EVENING},
        ],
        volume=volume, export_url="/audit/bundle.zip", verified={"ok": True, "text": "18,204 entries read, every hash fits."},
    )  # fmt: skip


def home() -> dict[str, Any]:
    hours = list(range(24))
    used = [round(load(h) * (0.8 + 0.4 * wobble("h", h)), 2) if h <= 18 else None for h in hours]
    sold = [
        round(max(0.0, 1.2 * math.sin((h - 6.5) / 12 * math.pi)) * wobble("s", h), 2)
        if 7 <= h <= 18
        else (0.0 if h <= 18 else None)
        for h in hours
    ]
    spec = {
        "kind": "bars", "time": True, "tz": "Europe/Berlin", "x": [MIDNIGHT + 3600 * h for h in hours], "x_title": "Hour", "unit": "kWh",
        "digits": 2, "series": [{"name": "Used", "color": "home", "style": "bar", "data": used},
                                {"name": "Sold", "color": "export", "style": "hatch", "data": sold}],
    }  # fmt: skip
    week = {
        "kind": "bars", "time": False, "x": ["Fri 27", "Sat 28", "Sun 1", "Mon 2", "Tue 3", "Wed 4", "Thu 5", "Fri 6", "Sat 7", "Sun 8", "Mon 9", "Tue 10", "Wed 11", "Thu 12"],
        "x_title": "Day", "unit": "kWh", "digits": 1,
        "series": [{"name": "Used", "color": "home", "style": "bar", "data": [round(9 + 5 * wobble("w", d), 1) for d in range(14)]}],
    }  # fmt: skip
    return base(
        "household", active="home", now={"use_w": 1312, "at": EVENING},
        today={"import_wh": 6_420, "export_wh": 4_910, "cost_micro": -310_000, "yesterday_wh": 7_080, "spec": spec},
        month={"label": "March 2026", "left": 3, "refused": 1}, stale="",
        bill={"period": "February 2026", "amount_micro": 61_204_000, "state": "verified", "href": "/bills/1969820-0"},
        week=week, steered=True,
    )  # fmt: skip


def rewards() -> dict[str, Any]:
    """What bills owe the home and what became of it."""
    return {
        "home": 54, "by_itself": True, "at": EVENING, "due_micro": 28_830_000, "promised_micro": 28_000_000,
        "claimed_micro": 24_000_000, "paid_micro": 0, "addresses": [
            {"address": "0x" + "4c" * 20, "claimed_micro": 24_000_000, "paid_micro": 0}
        ], "transactions": ["0x" + "7d" * 32], "trouble": "",
    }  # fmt: skip


def device() -> dict[str, Any]:
    """The home's own battery and roof."""
    asked = [{"start": EVENING, "end": EVENING + 900, "draw_wh": -410, "most_w": None},
             {"start": EVENING + 900, "end": EVENING + 1_800, "draw_wh": 0, "most_w": 3_200}]  # fmt: skip
    done = [{"start": EVENING - 900, "asked_wh": -380, "moved_wh": -372, "cut_wh": 0}]
    return base(
        "household", active="home",
        device={"capacity_wh": 8_000, "power_w": 4_000, "pv_w": 6_000, "level_wh": 5_200, "percent": 65, "follow": True,
                "reserve": 20, "away": False, "asked": asked, "done": done},
    )  # fmt: skip


def bills() -> dict[str, Any]:
    rows = [
        {
            "number": "1969820-0",
            "period": "February 2026",
            "energy_wh": 212_431,
            "estimated_wh": 1_240,
            "amount_micro": 61_204_000,
            "state": "open",
            "replaced": False,
            "href": "/bills/1969820-0",
        },
        {
            "number": "1966844-0",
            "period": "January 2026",
            "energy_wh": 251_002,
            "estimated_wh": 0,
            "amount_micro": 74_310_000,
            "state": "verified",
            "replaced": False,
            "href": "/bills/1966844-0",
        },
        {
            "number": "1963868-0",
            "period": "December 2025",
            "energy_wh": 244_870,
            "estimated_wh": 0,
            "amount_micro": -2_100_000,
            "state": "disputed",
            "replaced": False,
            "href": "/bills/1963868-0",
        },
    ]
    return base("household", active="bills", bills=rows, rewards=rewards())


def bill() -> dict[str, Any]:
    lines = [
        {
            "text": "Day, 06:00 to 22:00",
            "energy_wh": 148_231,
            "price_micro": 312_000,
            "amount_micro": 46_248_072,
            "estimated": False,
            "mean": False,
        },
        {
            "text": "Night",
            "energy_wh": 62_960,
            "price_micro": 224_000,
            "amount_micro": 14_103_040,
            "estimated": False,
            "mean": False,
        },
        {
            "text": "Day, 06:00 to 22:00",
            "energy_wh": 1_240,
            "price_micro": 312_000,
            "amount_micro": 386_880,
            "estimated": True,
            "mean": False,
        },
        {
            "text": "Standing charge, 28 days",
            "energy_wh": None,
            "price_micro": None,
            "amount_micro": 9_520_000,
            "estimated": False,
            "mean": False,
        },
        {
            "text": "Fed in",
            "energy_wh": 118_410,
            "price_micro": 79_400,
            "amount_micro": -9_401_754,
            "estimated": False,
            "mean": False,
        },
    ]
    checks = [
        {"name": "Own readings", "ok": True, "text": "2,676 readings opened at home give the same band sums"},
        {"name": "Signed commitments", "ok": True, "text": "28 days, two bands, signed by your meter"},
        {"name": "Receipts", "ok": True, "text": "every delivered reading is in the bill"},
        {"name": "Estimate", "ok": None, "text": "12 readings came late and wait in the pool"},
    ]
    sums = [
        {"name": "Day, used", "opened": "148.2 kWh", "own": "148.2 kWh", "intervals": 1_780, "late": 0, "verdict": "holds"},
        {"name": "Night, used", "opened": "63.0 kWh", "own": "63.0 kWh", "intervals": 896, "late": 12, "verdict": "waiting"},
    ]  # fmt: skip
    left = [
        {"what": "Day, used", "value": "148.2 kWh"},
        {"what": "Night, used", "value": "63.0 kWh"},
        {"what": "Fed in", "value": "118.4 kWh"},
    ]
    return base("household", active="bills", bill={
        "number": "1969820-0", "period": "February 2026", "first": MIDNIGHT - 39 * DAY, "end": MIDNIGHT - 11 * DAY, "tariff": "Day and night, solar credit",
        "party": "Familie Özdemir-Hohenstein", "lines": lines, "net_micro": 60_856_238, "vat": [{"rate_bp": 1900, "base_micro": 57_750_000, "amount_micro": 11_562_685}],
        "amount_micro": 72_420_000, "estimated_wh": 1_240, "state": "waiting", "checks": checks, "sums": sums, "released": False, "printed": True, "left": left,
    })  # fmt: skip


def history() -> dict[str, Any]:
    slots = range(96 * 7)
    used: list[float | None] = [round(load((s % 96) / 4) / 4 * (0.6 + 0.8 * wobble("hist", s)), 3) for s in slots]
    for gap in range(290, 312):
        used[gap] = None
    spec = {
        "kind": "lines", "time": True, "tz": "Europe/Berlin", "x": [MIDNIGHT - 7 * DAY + 900 * s for s in slots], "x_title": "Interval", "unit": "kWh",
        "digits": 3, "series": [{"name": "Used", "color": "home", "style": "area", "data": used}],
    }  # fmt: skip
    return base(
        "household", active="history", spec=spec,
        view={"value": "week", "first": "2026-03-05", "list": [(v, v.capitalize(), f"?view={v}&first=2026-03-05") for v in ("day", "week", "month")], "label": "5 to 11 March 2026", "before": "?view=week&first=2026-02-26", "after": ""},
        facts={"import_wh": 84_310, "export_wh": 31_200, "peak_w": 4_312, "peak_at": EVENING - 2 * DAY, "base_w": 142, "missing": 22},
        csv_url="/history.csv?view=week&first=2026-03-05", earliest="2026-01-31", latest="2026-03-12",
        rows=[{"name": "Thu 5 Mar, 00:00", "values": used[:1]}, {"name": "Sun 8 Mar, 01:00", "values": used[292:293]}],
    )  # fmt: skip


def privacy() -> dict[str, Any]:
    entries = [
        {"at": EVENING + 200, "number": "", "what": "Your energy, 18:00 to 19:00", "asked_by": "utility analyst", "rule": "floor", "why": "one home is fewer than 15",
         "who": "nobody", "outcome": "refused", "new": True, "hash": "ab12", "verify_url": "/privacy/18204"},
        {"at": MIDNIGHT - 10 * DAY, "number": "148.2 kWh", "what": "Day band, February 2026", "asked_by": "billing", "rule": "bills",
         "why": "one number a band and month, for all homes of the feeder together", "who": "utility, two keyholders' work", "outcome": "answered", "new": False, "hash": "cd34", "verify_url": "/privacy/17001"},
        {"at": MIDNIGHT - 10 * DAY, "number": "63.0 kWh", "what": "Night band, February 2026", "asked_by": "billing", "rule": "bills",
         "why": "one number a band and month, for all homes of the feeder together", "who": "utility, two keyholders' work", "outcome": "answered", "new": False, "hash": "ef56", "verify_url": "/privacy/17001"},
        {"at": MIDNIGHT - 10 * DAY, "number": "118.4 kWh", "what": "Fed in, February 2026", "asked_by": "billing", "rule": "bills",
         "why": "one number a band and month, for all homes of the feeder together", "who": "utility, two keyholders' work", "outcome": "answered", "new": False, "hash": "0a78", "verify_url": "/privacy/17001"},
    ]  # fmt: skip
    limits = [
        "Two keyholders who work together with the platform can open everything. In this demo one operator runs all three.",
        "A meter that lies plausibly is believed.",
        "Whoever already knows your load profile can test whether you are in a group.",
        "Keyholders keep 100 days of keys.",
    ]
    statistics = [
        {"at": MIDNIGHT, "name": "Used, by kind of party", "figure": "residential", "homes": 113, "span": "February 2026", "epsilon": "0.5",
         "text": "Noise was added: what came out is at most 1.65 times as likely with your month as with any other.", "hash": "ab12"},
        {"at": MIDNIGHT, "name": "Used by all homes", "figure": "all homes", "homes": 120, "span": "February 2026", "epsilon": "",
         "text": "An exact sum over 120 homes, yours among them.", "hash": "cd34"},
    ]  # fmt: skip
    published = {
        "rows": statistics,
        "years": [{"year": 2026, "spent": "0.5", "budget": "6"}],
        "trouble": "",
        "bad": False,
    }
    return base(
        "household", published=published, active="privacy", month={"label": "March 2026", "left": 3, "refused": 1, "months": [("2026-03", "March 2026"), ("2026-02", "February 2026")], "value": "2026-03"},
        entries=entries, counted={"homes": "46 to 48", "totals": 1_122}, chain={"ok": True, "copies": 3, "checked_at": EVENING, "trouble": []}, limits=limits,
        totals=[{"node": "North Lane 1", "what": "drawn from the grid", "intervals": 1_122, "homes": "46 to 48", "span": "1 to 12 March 2026", "agree": True}],
    )  # fmt: skip


def consents() -> dict[str, Any]:
    rows = [
        {
            "id": "c1",
            "recipient": "Energieberatung Lindenhof e. V.",
            "purpose": "advice on heating",
            "days": "1 to 7 Feb 2026",
            "until": EVENING + 30 * DAY,
            "state": "active",
            "package_url": "/consents/c1/package",
        },
        {
            "id": "c0",
            "recipient": "Solar Nord",
            "purpose": "offer for a battery",
            "days": "12 Jan 2026",
            "until": EVENING - 10 * DAY,
            "state": "ended",
            "package_url": "/consents/c1/package",
        },
    ]
    return base(
        "household", active="consents", consents=rows, recipients=[("0", "Energieberatung Lindenhof e. V."), ("1", "Solar Nord")], given="c1", home="17",
        purposes=[("advice", "Advice"), ("offer", "An offer")], earliest="2026-01-31", latest="2026-03-11", backup={"made_at": None},
    )  # fmt: skip


def entry() -> dict[str, Any]:
    one = privacy()["entries"][1]
    return base("household", active="privacy", entry={
        "text": "For bills of the period, 1 Feb 2026 00:00 to 1 Mar 2026 00:00, these sums of your home were opened: day 148.2 kWh. No single interval was.",
        "entries": [one], "hash": "cd34" * 16, "at": one["at"], "agree": True, "verdict": "holds", "closes": ["ab" * 32],
        "holders": [{"number": n, "has": n != 1, "away": n == 1} for n in range(3)],
    })  # fmt: skip


def alone() -> dict[str, Any]:
    holders = start()["holders"]
    operators = [
        {"number": 0, "name": "household association", "confirmed": True},
        {"number": 2, "name": "regulator", "confirmed": False},
    ]
    text = "Two of three answer, but nothing opens until both operators confirm. Nothing is lost."
    return holders | {"tone": "warn", "text": text, "alone": {"gone": 1, "operators": operators, "done": False}}


def steps(broken: bool = False) -> dict[str, Any]:
    listed = [
        ("Arithmetic", True, "the lines and VAT add up to the total"),
        ("Book", True, "4 sums, registered ahead"),
        ("Released by the household", True, "its openings are signed"),
        ("Whose meters", not broken, "meter 4611686018427387904: certified by maker 9f2b41c07de3, adopted by household 11d07be9a452, on a list signed by keyholders 0 and 2"),
        ("Signed days", None, "3 late cells are not on a bill yet; vector 'day'; verify with the next bill"),
    ]  # fmt: skip
    shown = [{"name": name, "ok": ok, "text": text} for name, ok, text in listed]
    return {
        "title": "Bill of home 1017",
        "ok": False if broken else None,
        "steps": shown,
        "command": "quietgrid verify bill FILE",
    }


def proofs() -> dict[str, Any]:
    periods = [("2026-02-01", "February 2026"), ("2026-01-01", "January 2026")]
    return base(
        "auditor",
        active="proofs",
        proof=steps(broken=True),
        periods=periods,
        fingerprint="9f2b41c07de3" * 5,
        may={"log": True, "answers": True},
    )


def omissions() -> dict[str, Any]:
    cells = [
        {
            "span": f"Thu 12 Mar 2026, 18:{15 * n:02d} to 18:{15 * n + 15:02d}",
            "received": EVENING + 900 * n,
            "closed": EVENING + 900 * n + 1800,
        }
        for n in range(3)
    ]
    nothing = {"sent_at": None, "more": 0, "cells": [], "left": 0, "share": 0.0, "stops": False}
    rows = [
        {"first": 1958112, "label": "1 to 12 March 2026", "counted": 1_040, "left": 72, "share": 0.0647, "stops": True, "sent_at": None, "more": 69, "cells": cells},
        {"first": 1955424, "label": "February 2026", "counted": 2_685, "left": 3, "share": 0.0011, "stops": False, "sent_at": EVENING, "more": 0, "cells": cells},
        nothing | {"first": 1952448, "label": "January 2026", "counted": 2_976},
    ]  # fmt: skip
    return {"rows": rows, "limit": 5, "trouble": ""}


def own_proofs() -> dict[str, Any]:
    entries = [
        ("9f" * 32, "Sums of your bill, February 2026"),
        ("11" * 32, "Total of North Lane 1, drawn from the grid, Thu 12 Mar 2026"),
    ]
    return base(
        "household",
        active="proofs",
        proof=steps(),
        bills=[("1955328-0", "February 2026")],
        entries=entries,
        fingerprint="9f2b41c07de3" * 5,
        omissions=omissions(),
    )


def account(has_password: bool = True) -> dict[str, Any]:
    own = {
        "name": "Mara Lindqvist",
        "role_name": "utility analyst",
        "has_password": has_password,
        "least": 12,
        "most": 256,
    }
    return base("analyst", account=own, error="", done=True)


def bars(name: str, unit: str, values: dict[str, float], margin: float) -> dict[str, Any]:
    series = {
        "name": name, "color": "grid", "style": "bar", "data": list(values.values()),
        "low": [v - margin for v in values.values()], "high": [v + margin for v in values.values()],
    }  # fmt: skip
    return {
        "kind": "bars",
        "time": False,
        "x": list(values),
        "x_title": "",
        "unit": unit,
        "digits": 0,
        "series": [series],
    }


def published() -> dict[str, Any]:
    homes = {"0 to 100 kWh": 6.0, "100 to 200 kWh": 19.0, "200 to 300 kWh": 24.0, "300 to 400 kWh": 17.0,
             "400 to 600 kWh": 16.0, "600 to 1,000 kWh": 9.0, "1,000 kWh and more": -2.0}  # fmt: skip
    use = {"January 2026": 37_420.0, "February 2026": 33_911.0}
    items = [
        {"id": "use", "name": "Used by all homes", "noisy": False, "epsilon": "0", "at": MIDNIGHT, "homes": 120, "bound": "",
         "counts": False, "spec": bars("Used by all homes", "kWh", use, 0),
         "figures": [{"name": "all homes", "homes": 120, "value": "33,911 kWh", "margin": "", "mean": "282.6 kWh"}]},
        {"id": "kinds", "name": "Used, by kind of party", "noisy": True, "epsilon": "0.5", "at": MIDNIGHT, "homes": 113,
         "bound": "800 kWh", "counts": False,
         "spec": bars("Used, by kind of party", "kWh", {"residential": 18_119.0}, 4_793),
         "figures": [{"name": "residential", "homes": 113, "value": "18,119 kWh", "margin": "4,793 kWh", "mean": "160.3 kWh"}]},
        {"id": "spread", "name": "Homes, by what they used", "noisy": True, "epsilon": "0.5", "at": MIDNIGHT, "homes": 120,
         "bound": "", "counts": True, "spec": bars("Homes, by what they used", "homes", homes, 12),
         "figures": [{"name": name, "homes": 120, "value": f"{value:.0f} homes", "margin": "12 homes", "mean": ""}
                     for name, value in homes.items()]},
    ]  # fmt: skip
    return base(
        "analyst", active="published", month={"value": "2026-02", "label": "February 2026",
                                              "list": [("2026-02", "February 2026"), ("2026-01", "January 2026")]},
        summary={"done": 3, "of": 6, "spent": "1.5", "budget": "6", "year": 2026, "floor": 100}, items=items,
        open=[{"id": "export", "name": "Fed in", "margin": "4,793 kWh"},
              {"id": "bands", "name": "Used, by band of the day", "margin": "9,586 kWh"}],
        epsilon="0.5", bound="800 kWh", may_publish=True, refusal=None, ledger=None, csv_url="/api/v1/published.csv",
    )  # fmt: skip


def published_to_the_auditor() -> dict[str, Any]:
    rows = [{"home": 1001 + n, "spent": "1.5" if n % 3 else "1", "left": "4.5" if n % 3 else "5", "statistics": 3}
            for n in range(25)]  # fmt: skip
    ledger = {"rows": rows, "homes": 120, "page": 2, "pages": 5}
    return published() | {"viewer": base("auditor")["viewer"], "may_publish": False, "ledger": ledger, "open": []}


def published_refused() -> dict[str, Any]:
    refusal = {
        "name": "Homes, by what they used", "rule": "budget",
        "what": "120 homes would pass their privacy budget of 6 for 2026",
        "fix": "0.2 is left until the year ends: ask for a smaller epsilon",
    }  # fmt: skip
    return published() | {"refusal": refusal, "items": []}


def chain(**more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(b"root").hexdigest()
    kinds = ("frames", "ledger of keyholder 0", "audit log")
    states = ("waiting", "same", "same")
    roots = [
        {"kind": kind, "root": digest, "leaves": 96, "on_chain": state, "tone": "ok" if state == "same" else "warn"}
        for kind, state in zip(kinds, states, strict=True)
    ]
    rows = [
        {"number": 42, "key": "roots 20523", "what": "DailyRoots.anchor", "state": "queued", "block": None, "gas": 0,
         "error": "", "at": EVENING, "tone": "idle"},
        {"number": 41, "key": "roots 20522", "what": "DailyRoots.anchor", "state": "failed", "block": None, "gas": 0,
         "error": "DayNotOver(day=20522)", "at": EVENING - 60, "tone": "bad"},
        {"number": 40, "key": "roots 20521", "what": "DailyRoots.anchor", "state": "confirmed", "block": 118,
         "gas": 230_882, "error": "", "at": EVENING - DAY, "tone": "ok"},
    ]  # fmt: skip
    state = {
        "state": "live", "chain_id": 31_337, "away_since": None, "block": 118, "note": "",
        "counts": {"queued": 1, "sent": 0, "mined": 0, "confirmed": 40, "failed": 1}, "waiting": 1,
    }  # fmt: skip
    names = {"": "every transaction", "failed": "failed"}
    return base(
        "auditor", active="chain", chain=state | more, tone="ok", rows=rows, older=40,
        days=[{"day": 20_523, "label": "11 March 2026", "roots": roots}],
        filters={"state": "", "states": list(names.items()), "before": 0}, contracts=[("DailyRoots", "0x" + "3c" * 20)],
        events=[{"block": 118, "name": "DailyRoots.RootAnchored", "values": "day 20521, kind 0", "transaction": digest}],
    )  # fmt: skip


def feeds(**more: Any) -> dict[str, Any]:
    def reporter(number: int, state: str, value: str, why: str = "") -> dict[str, Any]:
        tone = {"agreed": "ok", "outlier": "bad", "silent": "warn", "refused": "bad"}[state]
        address = "0x" + f"{number:x}c" * 20
        return {
            "name": f"reporter {number}",
            "address": address,
            "state": state,
            "tone": tone,
            "value": value,
            "why": why,
        }

    price = {
        "name": "price", "label": "Energy price", "unit": "EUR/kWh", "state": "fresh", "tone": "ok", "value": "0.082300",
        "interval": EVENING, "observed": EVENING, "age": "12 s", "heartbeat": "2 h", "round": 38, "on_chain": "recorded",
        "chain_tone": "ok", "chain_round": 38, "note": "", "agreed": 2,
        "reporters": [reporter(0, "agreed", "0.082300"), reporter(1, "agreed", "0.082300"), reporter(2, "outlier", "0.310000")],
    }  # fmt: skip
    warm = price | {
        "name": "temperature", "label": "Outdoor temperature", "unit": "°C", "state": "stale", "tone": "warn",
        "value": "11.400", "age": "3 h", "on_chain": "here only", "chain_tone": "warn", "agreed": 1,
        "note": "1 of 3 reporters reported, 2 are needed",
        "reporters": [reporter(0, "agreed", "11.400"), reporter(1, "silent", ""),
                      reporter(2, "refused", "", "stale: observed 7300 s ago, at most 7200 s")],
    }  # fmt: skip
    load = price | {
        "name": "load", "label": "Grid load", "unit": "W", "state": "waiting", "tone": "idle", "value": "", "age": "",
        "round": 0, "on_chain": "here only", "agreed": 0, "reporters": [reporter(n, "silent", "") for n in range(3)],
        "note": "waiting for the feed's contract", "chain_round": 0,
    }  # fmt: skip
    rounds = [
        {"label": "Energy price", "unit": "EUR/kWh", "number": 40 - n, "value": "0.082300", "interval": EVENING - n * 900,
         "observed": EVENING, "agreed": 2, "outliers": "reporter 2" if n == 0 else "", "silent": ""}
        for n in range(3)
    ]  # fmt: skip
    return (
        base(
            "auditor",
            active="feeds",
            running=True,
            feeds=[price, warm, load],
            stale=["Outdoor temperature"],
            rounds=rounds,
        )
        | more
    )


def transaction(**more: Any) -> dict[str, Any]:
    one = chain()["rows"][2] | more
    digest = "0x" + hashlib.sha256(b"tx").hexdigest()
    attempts = [{"hash": digest, "gas": 290_000, "max_fee": 2_100_000_000, "at": EVENING}]
    return base(
        "operator", active="chain", one=one, attempts=attempts, nonce=39, block_hash=digest, may_retry=True,
        events=chain()["events"],
    )  # fmt: skip


def governance(*, open_vote: bool = True) -> dict[str, Any]:
    digest = "0x" + hashlib.sha256(b"proposal").hexdigest()
    votes = [
        {
            "voter": f"member-{n}",
            "support": support,
            "grid": 1_000,
            "reason": "A year has twelve months" if support == "against" else "",
        }
        for n, support in enumerate(("for", "for", "for", "against", "abstain"))
    ]
    texts = (
        ("Proposed", "block 131"), ("Vote", "Thu 12 Mar 2026, 18:15 to Thu 12 Mar 2026, 18:16"),
        ("Accepted", "counted Thu 12 Mar 2026, 18:16"), ("Waiting in the timelock", "until Thu 12 Mar 2026, 18:17"),
        ("Executed", "by anybody, when the wait is over"),
    )  # fmt: skip
    marks = ("done", "done", "done", "now", "next")
    steps = [{"name": n, "text": t, "state": mark} for (n, t), mark in zip(texts, marks, strict=True)]
    one = {
        "number": 2, "id": digest, "description": "Publish less: five a year are enough", "proposer": "member-0",
        "effects": ["publish budget 6 → 5 epsilon a home and year"], "word": "accepted, waiting", "tone": "warn",
        "bar": [{"name": "for", "at": 0, "width": 60}, {"name": "against", "at": 60, "width": 20}, {"name": "abstain", "at": 80, "width": 20}],
        "cast": {"for": 3_000, "against": 1_000, "abstain": 1_000}, "quorum": 1_000, "power": 5_000, "quorate": True,
        "quorum_at": 20, "votes": votes, "steps": steps,
    }  # fmt: skip
    fresh = one | {
        "number": 3, "description": "The regulator's account moves", "effects": ["member-1 becomes regulator", "0x" + "3c" * 20 + " is regulator no more"],
        "word": "not open yet", "tone": "idle", "bar": [], "cast": {"for": 0, "against": 0, "abstain": 0}, "quorum": None,
        "quorate": None, "power": None, "quorum_at": None, "votes": [],
        "steps": [s | {"state": "now" if n == 0 else "next"} for n, s in enumerate(steps)],
    }  # fmt: skip
    numbers = [
        {"name": "privacy floor", "key": "privacy-floor", "unit": "homes", "value": "15", "lowest": "15", "highest": "100,000", "step": "50", "direction": "only up", "running": "15"},
        {"name": "days that day keys are kept", "key": "retain-days", "unit": "days", "value": "100", "lowest": "35", "highest": "366", "step": "60", "direction": "only down", "running": None},
        {"name": "publish budget", "key": "publish-budget", "unit": "epsilon a home and year", "value": "6", "lowest": "0.001", "highest": "100", "step": "3", "direction": "only down", "running": "6"},
    ]  # fmt: skip
    return base(
        "auditor", active="governance", state="live", proposals=[fresh, one] if open_vote else [one], numbers=numbers
    )


def own_votes(**more: Any) -> dict[str, Any]:
    """The household's page: one vote open with power, one it voted in, one it had no power in."""
    shown = governance()
    first, second = shown["proposals"]
    second |= {"proposer": "0x" + "3c" * 20}
    proposals = [
        first | {"mine": {"power": None, "answer": "", "open": False}},
        second | {"number": 5, "word": "vote open", "mine": {"power": 100, "answer": "", "open": True}},
        second | {"number": 4, "word": "vote open", "mine": {"power": 0, "answer": "", "open": True}},
        second | {"mine": {"power": 100, "answer": "for", "open": False}},
    ]  # fmt: skip
    voter = {"address": "0x" + "9a" * 20, "grid": 100, "counts": True}
    return (
        base("household", active="votes", state="live", voter=voter, proposals=proposals, numbers=shown["numbers"])
        | more
    )


def own_assets(**more: Any) -> dict[str, Any]:
    one, bare = assets()["assets"]
    mine = {"holder": "0x" + "9b" * 20, "shares": 20, "part": 0.02, "paid": 2_000_000, "due": 314_000}
    found = [one | {"mine": mine}, bare | {"mine": None}]
    return base("household", active="assets", state="live", holder="0x" + "9b" * 20, assets=found) | more


def assets(**more: Any) -> dict[str, Any]:
    digest = "0x" + hashlib.sha256(b"asset").hexdigest()
    holdings = [
        {"holder": f"member-{n}", "shares": 200, "part": 0.2, "paid": 20_000_000, "due": 3_140_000} for n in range(4)
    ]
    holdings.append({"holder": "0x" + "3c" * 20, "shares": 200, "part": 0.2, "paid": 0, "due": None})
    one = {
        "number": 1, "kind": "solar", "rule": "free", "capacity_w": 48_000, "storage_wh": 0, "location": digest,
        "owner": "AssetShares", "retired": False, "shares": 1_000, "received": 115_700_000, "paid": 80_000_000,
        "entries": [
            {"history": "maintenance", "start": EVENING - DAY, "end": EVENING - DAY + 7_200, "root": digest, "by": "smith", "quantity": "2 works"},
            {"history": "production", "start": EVENING - 9 * DAY, "end": EVENING - 2 * DAY, "root": digest, "by": "operator-0", "quantity": "1,212.4 kWh"},
        ],
        "permits": [
            {"account": "OperatorSafe", "permission": "steward", "until": EVENING + 365 * DAY, "ended": False},
            {"account": "smith", "permission": "maintainer", "until": EVENING - 60, "ended": True},
        ],
        "holdings": holdings,
        "payments": [{"payer": "supplier", "amount": 15_700_000, "block": 160}, {"payer": "supplier", "amount": 100_000_000, "block": 140}],
    }  # fmt: skip
    bare = one | {
        "number": 2, "kind": "storage", "rule": "bound", "capacity_w": 100_000, "storage_wh": 215_000, "owner": "OperatorSafe", "retired": True,
        "shares": 0, "received": 0, "paid": 0, "entries": [], "permits": [], "holdings": [], "payments": [],
    }  # fmt: skip
    return base("operator", active="assets", state="live", assets=[one, bare]) | more


def pages() -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> (template, context)."""
    empty_trail = trail() | {"disputes": [], "entries": [], "volume": None, "verified": None}
    return (
        {
            "start": ("start.html", start()),
            "start-quiet": ("start.html", start(spied=False)),
            "start-alone": ("start.html", start(spied=False) | {"holders": alone()}),
            "start-visitor": ("start.html", start(spied=False) | {"viewer": None, "hint": signin()["hint"]}),
            "replay": ("replay.html", replay()),
            "signin": ("signin.html", signin()),
            "proofs": ("audit/proofs.html", proofs()),
            "proofs-empty": ("audit/proofs.html", proofs() | {"proof": None}),
            "account": ("account.html", account()),
            "account-change": (
                "account.html",
                account() | {"error": "The current password is wrong. Try again.", "done": False},
            ),
            "account-first": ("account.html", account(has_password=False) | {"done": False}),
            "error": ("error.html", error()),
            "aggregates": ("mdms/aggregates.html", aggregates()),
            "aggregates-few": ("mdms/aggregates.html", aggregates_few()),
            "quality": ("mdms/quality.html", quality()),
            "billing": ("mdms/billing.html", billing()),
            "billing-refused": ("mdms/billing.html", billing_refused()),
            "published": ("mdms/published.html", published()),
            "published-refused": ("mdms/published.html", published_refused()),
            "published-auditor": ("mdms/published.html", published_to_the_auditor()),
            "published-empty": ("mdms/published.html", published() | {"month": {"value": "", "label": "", "list": []}}),
            "roles": ("mdms/roles.html", roles()),
            "trust": ("trust.html", base("analyst", floor=15)),
            "chain": ("audit/chain.html", chain()),
            "chain-away": ("audit/chain.html", chain(state="away", away_since=EVENING) | {"tone": "warn"}),
            "chain-off": (
                "audit/chain.html",
                chain(state="off", chain_id=0)
                | {"tone": "idle", "days": [], "rows": [], "events": [], "contracts": []},
            ),
            "feeds": ("audit/feeds.html", feeds()),
            "feeds-off": ("audit/feeds.html", feeds(running=False, stale=[], rounds=[])),
            "governance": ("audit/governance.html", governance()),
            "governance-away": ("audit/governance.html", governance(open_vote=False) | {"state": "away"}),
            "governance-empty": ("audit/governance.html", governance() | {"proposals": []}),
            "governance-off": (
                "audit/governance.html",
                governance() | {"state": "off", "proposals": [], "numbers": []},
            ),
            "assets": ("audit/assets.html", assets()),
            "assets-away": ("audit/assets.html", assets(state="away")),
            "assets-empty": ("audit/assets.html", assets(assets=[])),
            "assets-off": ("audit/assets.html", assets(state="off", assets=[])),
            "transaction": ("audit/transaction.html", transaction()),
            "transaction-failed": (
                "audit/transaction.html",
                transaction(state="failed", error="DayNotOver(day=20522)", tone="bad", block=None)
                | {"events": [], "attempts": [], "nonce": None},
            ),
            "trail": ("audit/trail.html", trail()),
            "trail-empty": ("audit/trail.html", empty_trail),
            "glance": ("household/glance.html", glance()),
            "glance-sealed": ("household/glance.html", glance() | {"home": None, "spec": None}),
            "home": ("household/home.html", home()),
            "bills": ("household/bills.html", bills()),
            "bills-empty": ("household/bills.html", bills() | {"bills": [], "rewards": None}),
            "device": ("household/device.html", device()),
            "device-none": ("household/device.html", device() | {"device": None}),
            "bill": ("household/bill.html", bill()),
            "history": ("household/history.html", history()),
            "privacy": ("household/privacy.html", privacy()),
            "privacy-empty": ("household/privacy.html", privacy() | {"entries": []}),
            "entry": ("household/entry.html", entry()),
            "consents": ("household/consents.html", consents()),
            "own-votes": ("household/votes.html", own_votes()),
            "own-votes-powerless": (
                "household/votes.html",
                own_votes(proposals=[], numbers=[], voter={"address": "0x" + "9a" * 20, "grid": 0, "counts": False}),
            ),
            "own-votes-away": (
                "household/votes.html",
                own_votes(state="away", voter={"address": "0x" + "9a" * 20, "grid": None, "counts": None}),
            ),
            "own-votes-off": ("household/votes.html", own_votes(state="off", voter=None, proposals=[], numbers=[])),
            "own-assets": ("household/assets.html", own_assets()),
            "own-assets-off": ("household/assets.html", own_assets(state="off", holder=None, assets=[])),
            "own-proofs": ("household/proofs.html", own_proofs()),
            "own-proofs-empty": (
                "household/proofs.html",
                own_proofs()
                | {
                    "bills": [],
                    "entries": [],
                    "proof": None,
                    "omissions": {"rows": [], "limit": 5, "trouble": "the meter does not answer; try again later"},
                },
            ),
            "backup": (
                "household/backup.html",
                base("household", active="consents", made={"code": "7QK2-M9RD-XW4T", "blob": "q83vEjRWeJA=" * 40}),
            ),
            "welcome": ("household/welcome.html", base(error="This sign-in link has been used or is too old.")),
            "erased": ("household/erased.html", base()),
        }
        | samples_grid.pages(base)
        | samples_response.pages(base)
        | samples_community.pages(base)
    )

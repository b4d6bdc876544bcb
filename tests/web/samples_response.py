"""Contexts of demand response's pages: an event that waits, one that was measured, a home that takes part."""

from __future__ import annotations

from typing import Any

EVENING = 1_773_335_700
MAY = {"operate": True, "approve": True}


def event(**more: Any) -> dict[str, Any]:
    return {
        "id": "evening-peak-20260312T1715Z", "program": "evening-peak", "start": EVENING, "end": EVENING + 7200,
        "state": "announced", "tone": "warn", "cause": "by forecast", "reason": "the forecast crosses 18240 Wh",
        "target_wh": 12_300, "expected_wh": 14_100, "sure_wh": 12_500, "rate_cents": 40, "asked": 30, "joined": 21,
        "out": 4, "silent": 5, "delivered_wh": None, "homes": 0, "rewards_micro": 0, "carbon": "no figure",
        "feeders": [], "own": False, "waiting": False, "emergency": False, "open": True, "capabilities": ["battery"],
    } | more  # fmt: skip


OVER = event(
    state="rewarded", tone="ok", open=False, delivered_wh=9_800, homes=21, rewards_micro=4_120_000, silent=0, joined=26
)
WAITING = event(
    id="by-hand", state="proposed", waiting=True, cause="by hand", reason="a <b>cable</b> fault", joined=0, out=0,
    silent=0, asked=0,
)  # fmt: skip
GROUPS = [
    {"group": "Orchard Hill", "baseline_wh": 31_400, "measured_wh": 26_000, "days": 10, "delivered_wh": 5_400,
     "low_wh": 2_100, "high_wh": 8_800, "homes": 30, "sure": True},
    {"group": "Mill Lane", "baseline_wh": 30_100, "measured_wh": 29_800, "days": 10, "delivered_wh": 300,
     "low_wh": -3_000, "high_wh": 3_500, "homes": 29, "sure": False},
]  # fmt: skip
FACTS = [
    {"name": "evening-peak/2026-03@Orchard Hill", "leaf": "Orchard Hill", "homes": 14, "events": 1, "state": "opened",
     "tone": "ok"},
    {"name": "evening-peak/2026-03@Mill Lane", "leaf": "Mill Lane", "homes": 12, "events": 1,
     "state": "refused: consent: a home has not consented", "tone": "warn"},
]  # fmt: skip
PROGRAM = {
    "id": "evening-peak", "name": "Evening <i>peak</i>", "utility": "Lindenhof Netz", "verified": True, "region": "DE",
    "pack": "DE/1", "rate_cents": 40, "early_percent": 25, "penalty_percent": 0, "cap_micro": 20_000_000,
    "notice_h": 2.0, "events_a_month": 8, "threshold": "forecast over 18,240 Wh an interval", "homes": 60, "events": 2,
    "running": True, "revision": 1, "baseline": "10-of-10",
}  # fmt: skip
CHART = {
    "kind": "lines", "time": True, "tz": "Europe/Berlin", "x": [EVENING, EVENING + 900], "x_title": "Interval",
    "unit": "kWh", "digits": 1, "band": [1, 3], "threshold": [{"value": 18.2, "label": "18.2 kWh"}],
    "series": [{"name": name, "color": "grid", "style": "line", "data": [14.0, 15.5]} for name in "abcd"],
}  # fmt: skip
BARS = {
    "kind": "bars", "time": False, "tz": "Europe/Berlin", "x": ["Orchard Hill", "Mill Lane"], "x_title": "Section",
    "unit": "kWh", "digits": 1, "series": [{"name": "Used", "color": "grid", "style": "bar", "data": [26.0, 29.8]}],
}  # fmt: skip
OWN = {
    "away": False, "able": [("battery", "battery"), ("washing", "washing")],
    "limits": {"events": 8, "hours": "18, 19", "reserve": 20, "share": 60, "automatic": True},
    "programs": [
        {"id": "evening-peak", "name": "Evening peak", "utility": "Lindenhof Netz", "rate": 400_000, "early": 25,
         "penalty": 20, "cap_micro": 20_000_000, "notice_h": 2.0, "enrolled": True},
        {"id": "winter", "name": "Winter mornings", "utility": "Lindenhof Netz", "rate": 300_000, "early": 0,
         "penalty": 0, "cap_micro": 20_000_000, "notice_h": 4.0, "enrolled": False},
    ],
    "events": [
        {"id": "a", "start": EVENING, "end": EVENING + 7200, "state": "announced", "tone": "warn", "rate": 400_000,
         "choice": "in", "by": "agent", "reason": "the forecast crosses", "emergency": False, "open": True},
        {"id": "b", "start": EVENING - 86400, "end": EVENING - 82800, "state": "verified", "tone": "idle",
         "rate": 400_000, "choice": "", "by": "", "reason": "a <u>fault</u>", "emergency": True, "open": False},
    ],
    "rewards": [
        {"fact": "evening-peak/2026-03", "events": 1, "amount_micro": 226_477, "missing": 0, "paid": True,
         "holds": True},
        {"fact": "evening-peak/2026-02", "events": 2, "amount_micro": -100_000, "missing": 3, "paid": False,
         "holds": None},
        {"fact": "evening-peak/2026-01", "events": 2, "amount_micro": 0, "missing": 0, "paid": False, "holds": False},
    ],
}  # fmt: skip


def pages(base: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> template and context."""
    shared = {
        "may": MAY,
        "able": OWN["able"],
        "feeders": ["Orchard Hill", "Mill Lane"],
        "example": "2026-03-12T17:15:00Z",
    }
    console = {"programs": [PROGRAM], "events": [event(), OVER, WAITING], "program": "evening-peak"} | shared
    packs = [{"name": "DE/1", "rows": [("notice_s", 7_200, "a choice"), ("rate_cents", 100, "a choice")]}]
    utilities = [
        {"id": "netz", "name": "Lindenhof Netz", "regions": "DE", "verified": True},
        {"id": "new", "name": "New & Co", "regions": "DE-NI, DE-HB", "verified": False},
    ]  # fmt: skip
    over = {"event": OVER, "groups": GROUPS, "facts": FACTS, "chart": BARS, "used": 55_800}
    return {
        "response": ("response/console.html",
                     base("analyst", active="response", chart=CHART, live_event=event(), **console)),
        "response-empty": ("response/console.html",
                           base("auditor", active="response", chart=None, live_event=None,
                                **(console | {"programs": [], "events": [], "may": {"operate": False, "approve": False}}))),
        "response-event": ("response/event.html", base("operator", active="response", may=MAY, **over)),
        "response-waiting": ("response/event.html",
                             base("analyst", active="response", may=MAY, event=WAITING, groups=[], facts=[], chart=None,
                                  used=0)),
        "response-programs": ("response/programs.html",
                              base("analyst", active="response", programs=[PROGRAM, PROGRAM | {"running": False}],
                                   utilities=utilities, packs=packs, may=MAY)),
        "household-events": ("household/events.html", base("household", active="response", response=OWN)),
        "household-no-events": ("household/events.html", base("household", active="response", response=None)),
    }  # fmt: skip

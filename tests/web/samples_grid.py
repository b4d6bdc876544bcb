"""Contexts of the grid's pages: an evening with a high voltage, a plan that waits, a stop that is asked for."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from markupsafe import Markup

from quietgrid.api.desk.grid import Strip
from quietgrid.api.desk.grid_circuit import Circuit
from quietgrid.balance.diagram import Look, diagram, shown
from quietgrid.balance.frequency import FrequencySettings, IslandStudy, island_study
from quietgrid.balance.part import part
from quietgrid.demo.grid import demo_network
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.model.interval import Window
from quietgrid.model.operation import BalancePlan, Basis, GridState, GroupPlan, GroupState, Proposal
from quietgrid.web.grid import charts
from quietgrid.web.grid.parts import Scale

TZ = "Europe/Berlin"
EVENING = 1_773_335_700  # Thu 12 March 2026, 18:15 in Berlin
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft 12"
GROUPS = ("Orchard Hill", "Mill Lane", "Church Road", LONG)
VOLTS = Scale(230.0, "V")
MAY = {"operate": True, "approve": True, "chain": True}
NOW = {
    "start": EVENING - 1800, "end": EVENING - 900, "minutes": 15, "basis": "estimated from totals and measurements",
    "tone": "ok", "age": "15 min", "stale": False, "replaying": False, "feasible": True,
}  # fmt: skip
SLOT = EVENING // 900


def strip(group: str, high: float) -> Strip:
    """A day with a gap of three intervals."""
    slots = [slot for slot in range(SLOT - 96, SLOT) if slot not in (SLOT - 30, SLOT - 29, SLOT - 28)]
    noon = [max(0.0, 1 - ((slot - SLOT + 22) / 24) ** 2) for slot in slots]
    mid = [0.99 + high * one for one in noon]
    return Strip(
        group, slots, [one - 0.012 for one in mid], list(mid), [one + 0.01 + 0.02 * high * 10 for one in mid],
        [20_000] * len(slots), [0.4] * len(slots),
    )  # fmt: skip


@cache
def states() -> list[GridState]:
    """A day of states; one without a flow."""
    return [
        GridState(
            slot, 900, Basis.MEASURED, slot != SLOT - 40,
            tuple(GroupState(name, 900 * (slot % 40) - 4_000, 29, 0.96, 0.97, 1.0, 1.03, 1.04, 0.4) for name in GROUPS),
            {} if slot == SLOT - 40 else {"Transformer": 0.3 + slot % 40 / 60}, 3_600 * (slot % 40) - 15_000, 900,
        )
        for slot in range(SLOT - 96, SLOT)
    ]  # fmt: skip


def alarm(number: int, priority: str, tone: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:012x}", "priority": priority, "tone": tone, "rule": "voltage", "element": GROUPS[number % 4],
        "said": f"{GROUPS[number % 4]}: voltages of 97.2% to 111.4% of rated", "since": EVENING - 4_000, "until": None,
        "seen_by": "", "seen_at": None,
    } | more  # fmt: skip


ALARMS = [
    alarm(0, "critical", "bad"), alarm(3, "high", "bad"),
    alarm(1, "medium", "warn", rule="high loading", seen_by="Olu Adeyemi", seen_at=EVENING - 100),
    alarm(2, "low", "idle", until=EVENING - 1_000),
]  # fmt: skip


def overview(base: Any, **more: Any) -> dict[str, Any]:
    rows = [
        {"name": name, "url": f"/grid/feeder/{number}", "homes": 29, "net": "12.40 kW", "low": "226.1", "mid": "231.0",
         "high": "244.3", "unit": "V", "loading": "41 %", "demand": None if number else "14.10 kW",
         "supply": None if number else "1.70 kW", "tone": "bad" if number == 3 else "ok",
         "word": "over a limit" if number == 3 else "within limits"}
        for number, name in enumerate(GROUPS)
    ]  # fmt: skip
    branches = [
        {"name": "Transformer", "start": "20 kV Bus 12", "end": "Bus 16", "percent": 104, "state": "over", "tone": "bad", "word": "over a limit"},
        {"name": "Line 104", "start": "Bus 16", "end": "Bus 132", "percent": 86, "state": "near", "tone": "warn", "word": "near a limit"},
        {"name": "Line 9", "start": "Bus 9", "end": "Bus 12", "percent": 22, "state": "ok", "tone": "ok", "word": "within limits"},
    ]  # fmt: skip
    breakers = [
        {"name": "market", "tone": "bad", "word": "open", "since": EVENING - 900, "why": "Transformer carries 151% of its rating", "does": "markets are halted"},
        {"name": "dispatch", "tone": "ok", "word": "closed", "since": 0, "why": "", "does": "no plan can be dispatched"},
        {"name": "data", "tone": "warn", "word": "trying", "since": EVENING - 100, "why": "totals are stale", "does": "nothing is decided automatically"},
    ]  # fmt: skip
    strips = [
        {"id": f"voltage-{number}", "group": name, "url": f"/grid/feeder/{number}", "unit": "V",
         "spec": charts.voltage(strip(name, 0.03 * (number + 1)), VOLTS, 900, TZ), "summary": f"Voltages of {name}"}
        for number, name in enumerate(GROUPS)
    ]  # fmt: skip
    return base(
        "operator", active="grid", state="running", network={"name": "Sample community", "version": 1}, unseen=2,
        lasting=3, waiting=1, now=NOW, may=MAY,
        kpis={"hz": "50.012", "hz_label": "simulated by demo-substation", "hz_age": "12 s", "loss": "1.63",
              "loss_share": "2.7 % of what crosses", "source": "60.6", "feeding": False, "loading": "104",
              "branch": "Transformer", "unexplained": "2.10 kW"},
        groups={"rows": rows, "homes": 116, "net": "57.59 kW", "demand": None, "supply": None}, branches=branches,
        alarms=ALARMS[:3], breakers=breakers, market={"open": False, "why": "Transformer carries 151% of its rating"},
        stop={"number": 2, "state": "asked", "reason": "smoke in the substation"},
        away=[{"name": "keyholder 1", "age": "12 min"}, {"name": "totals", "age": "30 min"}],
        sensors=[{"what": "voltage of", "element": "Bus 16", "source": "substation", "good": False, "value": "401,200 mV", "age": "2 h"}],
        strips=strips, loading=charts.loading(states(), TZ), powers=charts.powers(states(), TZ),
    ) | more  # fmt: skip


def overview_empty(base: Any, state: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("hz", "loss", "source", "loading", "unexplained"))
    return overview(
        base, state=state, now=None, unseen=0, lasting=0, waiting=0, alarms=[], branches=[], strips=[], sensors=[],
        stop=None, away=[], loading=None, powers=None, market={"open": True, "why": ""},
        kpis=nothing | {"hz_label": "not measured", "hz_age": "", "loss_share": "", "feeding": False, "branch": ""},
        groups={"rows": [], "homes": 0, "net": "–", "demand": None, "supply": None},
    )  # fmt: skip


@cache
def svgs(group: str = "") -> dict[str, Markup]:
    network = demo_network()
    if group:
        network, _, _ = part(network, group)
    voltage = 1.0 + 0.13 * np.arange(len(network.nodes.names)) / len(network.nodes.names)
    states_of = shown(voltage, 1.2 * np.arange(network.branches) / network.branches)
    return {name: Markup(diagram(network, states_of, Look(width, prefix=name)))
            for name, width in (("narrow", 350), ("broad", 1120))}  # fmt: skip


def diagram_page(base: Any, **more: Any) -> dict[str, Any]:
    groups = [{"name": name, "url": f"/grid/feeder/{number}"} for number, name in enumerate(GROUPS)]
    return base(
        "auditor", active="grid", state="running", network={"name": "Sample community", "version": 1}, unseen=0,
        now=NOW, svgs=svgs(), groups=groups,
    ) | more  # fmt: skip


def feeder(base: Any, **more: Any) -> dict[str, Any]:
    branches = [
        {"name": "Line 64", "start": "Bus 112", "end": "Bus 16", "closed": True, "rating": "270 A", "percent": 86, "state": "near", "tone": "warn", "word": "near a limit"},
        {"name": LONG, "start": "Bus 1", "end": "Bus 2", "closed": False, "rating": "not known", "percent": None, "state": "unknown", "tone": "idle", "word": "not known"},
    ]  # fmt: skip
    return base(
        "operator", active="grid", group="Orchard Hill", unseen=2, now=NOW | {"stale": True, "age": "2 h"}, unit="V",
        limits={"low": "207", "high": "253"}, may=MAY,
        here={"low": "225.0", "p5": "226.1", "mid": "231.0", "p95": "244.3", "high": "251.9", "net": "feeds in 3.40 kW",
              "homes": 29, "loading": "86", "tone": "warn", "word": "near a limit"},
        balance={"head": "feeds in 3.10 kW", "total": "feeds in 3.40 kW", "homes": 29, "lost": "34 W", "rest": "266 W", "share": "8.6 %"},
        room={"more": "80.10 kW", "feed": "0 W", "tightest": "voltage of Bus 125 high", "broken": True},
        week={"start": EVENING - 4 * 86_400, "word": "not kept", "tone": "bad", "known": 337, "intervals": 672, "label": "estimated bus voltages",
              "within": "93.1 %", "above": 23, "below": 0, "least": "220.8", "most": "254.1", "mid": "231.9"},
        spec=charts.voltage(strip("Orchard Hill", 0.08), VOLTS, 900, TZ), svgs=svgs("Orchard Hill"),
        others=[{"name": name, "url": f"/grid/feeder/{number}"} for number, name in enumerate(GROUPS)],
        branches=branches, more=19,
        kinds=[{"what": "connections", "count": 30, "rated": "450.00 kW"}, {"what": "storages", "count": 8, "rated": "42.30 kW"}],
        storage="84.6", alarms=ALARMS[:1],
    ) | more  # fmt: skip


def feeder_empty(base: Any) -> dict[str, Any]:
    return feeder(
        base, now=None, here=None, balance=None, room=None, week=None, spec=None, branches=[], more=0, kinds=[],
        storage="", alarms=[], may=dict.fromkeys(MAY, False),
    )  # fmt: skip


def alarms(base: Any, **more: Any) -> dict[str, Any]:
    from quietgrid.web.grid.alarms import SHOWS, URGENT

    filters = {"show": "", "shows": SHOWS, "priority": "", "priorities": URGENT, "group": "", "elements": list(GROUPS)}
    return (
        base("operator", active="alarms", rows=ALARMS, unseen=2, lasting=3, network=True, may=MAY, filters=filters)
        | more
    )


def balance_plan() -> BalancePlan:
    window = Window(SLOT, SLOT + 48, 900)
    before = tuple(20_000 + 900 * (n % 20) for n in range(48))
    storage = tuple(9_000 if n < 12 else -9_000 if n < 24 else 0 for n in range(48))
    groups = tuple(
        GroupPlan(name, before, tuple(b + s for b, s in zip(before, storage, strict=True)), storage, (5_000,) * 48)
        for name in GROUPS
    )
    point = SetPoint("p", SetPointKind.STORAGE_W, GROUPS[3], 9_000, EVENING, EVENING + 3_600)
    return BalancePlan(
        1, Proposal(window, groups, (point,), (), "mean of the same hours of 7 days"), "evening peak", "olu", EVENING
    )


def encrypted(**more: Any) -> dict[str, Any]:
    day = {
        "start": EVENING, "algorithm": "shave", "words": "keeps the lowest peak it can", "asked": 16, "planned": 15, "failed": 1, "cpu_s": 176.2,
        "seen": "0.7 MB", "before": "52.40 kW", "behind": "47.10 kW", "lowered": "10.1 % lower than without the storages",
    }  # fmt: skip
    lines = {
        "kind": "lines", "time": True, "tz": TZ, "unit": "kW", "digits": 1, "x_title": "Interval", "x": [EVENING + 1_800 * n for n in range(3)],
        "series": [{"name": "What stations use", "color": "grid", "style": "dash", "data": [1.0, 2.0, None]}],
    }  # fmt: skip
    found = {
        "running": True,
        "built": True,
        "floor": 15,
        "stations": 16,
        "note": "",
        "waiting": 2,
        "days": [day],
        "day": day | {"spec": lines, "least": 16},
    }
    return found | more


def storage(base: Any, **more: Any) -> dict[str, Any]:
    made = balance_plan()
    row = {
        "number": 1, "word": "waits for a second person", "tone": "warn", "why": "evening peak, " + LONG, "made_at": EVENING,
        "made_by": "Olu Adeyemi", "decided_by": "", "decided_at": None, "reason": "", "start": EVENING, "end": EVENING + 43_200, "hours": 12.0,
    }  # fmt: skip
    plan = row | {
        "cost_before": 55_190_000, "cost_after": -41_140_000, "saved": 14_050_000, "peak_before": "70.45 kW", "peak_after": "139.79 kW",
        "basis": "mean of the same hours of 7 days", "reasons": ["Without the plan the import cap of Mill Lane would be exceeded by 3.1 kW."],
        "groups": list(GROUPS), "group": "", "with_storage": list(GROUPS), "spec": charts.plan(made, "", 60_000, TZ), "most": "400.00 kW",
        "price": charts.price(made, [80_000 + 2_000 * n for n in range(40)] + [None] * 8, "ct/kWh", TZ), "feed": "day-ahead", "homes": 116,
        "own": False, "open": True, "live": True, "told": [{"id": "told-0", "group": LONG, "spec": charts.told([500_000, 750_000, 1_000_000], SLOT, 900, TZ)}],
        "points": [{"group": LONG, "start": EVENING, "end": EVENING + 3_600, "value": "charge 9.00 kW"}],
    }  # fmt: skip
    done = row | {
        "number": 2,
        "word": "dispatched",
        "tone": "ok",
        "decided_by": "Mara Lindqvist",
        "decided_at": EVENING,
        "reason": "agreed",
    }
    standing = [
        {"what": "storages", "element": LONG, "safe": "serve their own homes", "now": "charge 9.00 kW", "until": EVENING + 3_600, "reason": "charge: plan 1"},
        {"what": "tap changer", "element": "Transformer", "safe": "position -1", "now": None, "until": None, "reason": ""},
    ]  # fmt: skip
    return base(
        "operator", active="storage", network=True, unseen=0, may=MAY, stopped=False,
        form={"aims": [("cost", "lowest cost"), ("peak", "lowest peak")], "hours": [(12, "12 hours"), (24, "24 hours")]},
        plans=[done, row], plan=plan, standing=standing, ahead=1, encrypted=encrypted(),
    ) | more  # fmt: skip


@cache
def island() -> IslandStudy:
    network = demo_network()
    return island_study(network, dict.fromkeys(network.groups, 30e3), FrequencySettings(), loss_share=0.2)


def frequency(base: Any, **more: Any) -> dict[str, Any]:
    study = island()
    courses = {"Without the community": study.alone, "With the batteries' answer": study.helped}
    measured = [
        Measurement(MeasuredKind.FREQUENCY_MILLIHZ, "", 50_000 + (n * 37) % 90 - 45, EVENING - 60 * (1_000 - n), "demo-substation")
        for n in range(1_000)
    ]  # fmt: skip
    stages = [
        {"hz": "49.0", "groups": ", ".join(GROUPS), "share": "23 %", "wanted": "5 %", "reached": True},
        {"hz": "48.8", "groups": "none more", "share": "23 %", "wanted": "45 %", "reached": False},
    ]
    return base(
        "operator", active="frequency", unseen=0, network=True, simulated=True,
        hertz={"value": "50.012", "label": "simulated by demo-substation", "age": "12 s"},
        spec=charts.frequency(measured, "Frequency, simulated", TZ), count=1_000,
        form={"loss": 3, "losses": [1, 3, 20], "charge": 50, "charges": [0, 50, 100]},
        island={"spec": charts.island(courses), "now": True, "loss": "1.62 kW", "load": "54.08 kW", "battery": "93.00 kW", "endurance": "60 min",
                "rows": [{"name": name, "nadir": "49.636", "rocof": "-0.55", "end": "49.721", "cut": ", ".join(GROUPS)} for name in courses],
                "stages": stages},
        judged={"error": "", "start": EVENING, "hours": "1.00", "step": 1, "missing": "3 s", "mean": "50.0012", "lowest": "49.950", "highest": "50.041",
                "outside_50": "0.10 %", "outside_200": "0.000 %", "within": "100.00 %", "always": True, "given": "1.20", "taken": "0.90"},
    ) | more  # fmt: skip


def stop(base: Any, **more: Any) -> dict[str, Any]:
    asked = {
        "number": 2, "state": "asked", "word": "waits for a second person", "tone": "warn", "reason": "smoke in the substation, " + LONG,
        "asked_by": "Olu Adeyemi", "asked_at": EVENING, "agreed_by": "", "agreed_at": None, "resume_by": "", "resume_reason": "", "ended_by": "",
        "ended_at": None, "recorded": False, "asked_own": False, "resume_own": False,
    }  # fmt: skip
    ended = asked | {
        "number": 1, "state": "ended", "word": "ended", "tone": "ok", "agreed_by": "Mara Lindqvist", "agreed_at": EVENING, "resume_by": "Olu Adeyemi",
        "resume_reason": "all clear", "ended_by": "Mara Lindqvist", "ended_at": EVENING, "recorded": True,
    }  # fmt: skip
    records = [
        {
            "number": 12,
            "what": "GridManagement.requestStop",
            "key": "grid stop 1 0",
            "at": EVENING,
            "state": "confirmed",
            "tone": "ok",
            "block": 131,
        }
    ]
    return base(
        "analyst", active="grid", unseen=1, may=MAY, market={"open": False, "why": "emergency stop"}, chain=True, now=asked,
        circuit=Circuit(False, "stopped on the chain: a vote ends it", True, True),
        hour_ends=EVENING + 3_600, stops=[asked, ended], records=records,
    ) | more  # fmt: skip


def pages(base: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name -> (template, context)."""
    stopped = stop(base)["now"] | {
        "state": "stopped",
        "agreed_by": "Mara Lindqvist",
        "agreed_at": EVENING,
        "word": "stopped",
        "tone": "bad",
    }
    nobody = dict.fromkeys(MAY, False)
    return {
        "grid": ("grid/overview.html", overview(base)),
        "grid-stale": ("grid/overview.html", overview(base, now=NOW | {"stale": True, "feasible": False, "age": "3 h"})),
        "grid-replaying": ("grid/overview.html", overview(base, now=NOW | {"replaying": True, "age": "192 h"})),
        "grid-none": ("grid/overview.html", overview_empty(base, "no network")),
        "grid-waiting": ("grid/overview.html", overview_empty(base, "waiting")),
        "diagram": ("grid/diagram.html", diagram_page(base)),
        "diagram-none": ("grid/diagram.html", diagram_page(base, state="no network", now=None, groups=[])),
        "feeder": ("grid/feeder.html", feeder(base)),
        "feeder-empty": ("grid/feeder.html", feeder_empty(base)),
        "alarms": ("grid/alarms.html", alarms(base)),
        "alarms-empty": ("grid/alarms.html", alarms(base, rows=[], unseen=0, lasting=0, network=False, may=nobody)),
        "storage": ("grid/storage.html", storage(base)),
        "storage-empty": ("grid/storage.html", storage(base, plans=[], plan=None, standing=[], ahead=0, network=False, may=nobody, encrypted={"running": False, "built": False, "floor": 15})),
        "storage-stations-away": ("grid/storage.html", storage(base, encrypted={"running": False, "built": True, "floor": 15})),
        "storage-stations-few": ("grid/storage.html", storage(base, encrypted=encrypted(stations=4, day=None, days=[], waiting=0))),
        "storage-stations-start": ("grid/storage.html", storage(base, encrypted=encrypted(day=None, days=[], waiting=1, note="the stations' keyholders are starting"))),
        "frequency": ("grid/frequency.html", frequency(base)),
        "frequency-none": (
            "grid/frequency.html",
            frequency(base, simulated=False, spec=None, hertz={"value": None, "label": "not measured", "age": ""}, island=None,
                      judged={"error": "no columns of stamps and values."}),
        ),
        "stop": ("grid/stop.html", stop(base)),
        "stop-holds": ("grid/stop.html", stop(base, now=stopped)),
        "stop-never": ("grid/stop.html", stop(base, now=None, stops=[], records=[], chain=False, hour_ends=None, market={"open": True, "why": ""})),
    }  # fmt: skip

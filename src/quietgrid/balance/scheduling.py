"""Plans the storages and flexible loads of groups: from sums to set-points a group, and to what homes are told.

Pure and quick: no clock, no store. What a home does with its signal is `algorithms.schedule.follow`, at home.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import compress, pairwise
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.schedule import BUILT_IN, Schedule, aggregated, draw_wh, optimum, scheduled, trajectories
from quietgrid.algorithms.schedule.aggregate import cost_micro, peak_w
from quietgrid.balance.offers import offered
from quietgrid.errors import ForbiddenError, InputError, NotFoundError
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.quantity import MICRO
from quietgrid.model.schedule import HOUR_S, Ints, Outlook, Scheduled, Storages
from quietgrid.model.signal import Signal, SignalKind

ENTRY_POINTS = "quietgrid.schedules"
LEVEL_UNIT = "level_ppm"
"""Unit of a plan's levels: millionths of the own capacity."""


@dataclass(frozen=True)
class PlanInputs:
    """What a plan is made from.

    Args:
        id: Of the plan; set-points and signals are named after it. outlook: sums, prices, limits.
        issued: Unix seconds. schedule: name of the way to plan.

    Privacy: sums of groups; `outlook.storages` are the groups' sums of nameplates, or assets that agreed.
    """

    id: str
    outlook: Outlook
    issued: float
    schedule: str = "aggregate"


@dataclass(frozen=True)
class Plan:
    """What a plan says.

    Args:
        id: As asked. by: name of the schedule. set_points: what each group's storages draw together.
        signals: what homes are told. before_wh, after_wh: int64 [g, t], expected net without and with the plan.
        cost_before_micro, cost_after_micro: of the window, at the outlook's prices.
        peak_before_w, peak_after_w: highest mean power of an interval, either way.
        level_wh: int64 [g, t], expected in each group's storages.
        price_micro_per_kwh: int64 [g, t], what a kWh more in a group would cost; empty where unknown.
        bound: no schedule does better; minus infinity where unknown.
        reasons: sentences for people.
    """

    id: str
    by: str
    set_points: tuple[SetPoint, ...]
    signals: tuple[Signal, ...]
    before_wh: Ints
    after_wh: Ints
    cost_before_micro: int
    cost_after_micro: int
    peak_before_w: int
    peak_after_w: int
    level_wh: Ints
    price_micro_per_kwh: Ints
    bound: float
    reasons: tuple[str, ...]


@cache
def schedules() -> dict[str, Schedule]:
    """Every way to plan by its name: the built-in ones, and those that installed packages offer.

    Raises:
        InputError: a package offers something under a built-in name, or something that cannot be called.
    """
    return offered(ENTRY_POINTS, BUILT_IN, _plans, "it is called with an outlook")


def _plans(made: object) -> TypeGuard[Schedule]:
    return callable(made)


def plan(inputs: PlanInputs) -> Plan:
    """Plan a window.

    Raises:
        InfeasibleError: the caps cannot be kept; `limits` says which. NotFoundError: no schedule of that name.
        InputError: a schedule that does not fit its outlook.

    Cost: 10 ms for four groups and 96 intervals. Privacy: sees sums; says the same to every home of a group.

    >>> from quietgrid.model.interval import Window
    >>> from quietgrid.model.schedule import Storages
    >>> of = lambda *values: np.array(values)
    >>> store = Storages(of(0), of(8000), of(0), of(0), of(4000), of(4000), of(1000), of(1000))
    >>> net, price = of(500, 500, 1500, 1500)[None], of(100_000, 100_000, 300_000, 300_000)
    >>> look = Outlook(Window(0, 4, 900), ("Mill Lane",), net, net, net, price, price // 2, store)
    >>> made = plan(PlanInputs("p1", look, 0.0))
    >>> [point.value for point in made.set_points], made.cost_before_micro, made.cost_after_micro
    ([4000, -4000], 1000000, 600000)
    >>> made.signals[0].values
    (125000, 250000, 125000, 0)
    """
    known = schedules()
    if inputs.schedule not in known:
        raise NotFoundError(
            f"no schedule is called {inputs.schedule!r}", where="schedule", fix=f"use one of {', '.join(known)}"
        )
    given = aggregated(inputs.outlook)
    done = known[inputs.schedule](inputs.outlook)
    if done.level_wh.shape != (len(given.groups), len(given.window)):
        raise InputError(
            f"the schedule {inputs.schedule!r} gave levels of shape {done.level_wh.shape}", where=inputs.schedule,
            fix="one storage a group, one level an interval",
        )  # fmt: skip
    idle = _idle(given)
    return Plan(
        inputs.id, done.by, _set_points(inputs, given, done), _signals(inputs, given, done), idle, done.net_wh,
        cost_micro(given, idle), done.cost_micro, peak_w(given, idle), done.peak_w, done.level_wh,
        done.price_micro_per_kwh, done.bound, _reasons(given, idle, done),
    )  # fmt: skip


@dataclass(frozen=True)
class AssetPlan:
    """What each asset that agreed is to do.

    Args:
        names: Of the assets that agreed, in order. draw_w: int64 [n, t], what each draws (negative: gives).
        level_wh: int64 [n, t], in each at the end of each interval. schedule: what comes of it.
    """

    names: tuple[str, ...]
    draw_w: Ints
    level_wh: Ints
    schedule: Scheduled


def plan_each(inputs: PlanInputs, names: Sequence[str], agreed: NDArray[np.bool_]) -> AssetPlan:
    """Plan assets one by one, those that agreed to it; the others' doings stay in the groups' net.

    Args:
        inputs: `inputs.outlook.storages` has one row an asset. names: n. agreed: bool [n], whose owner consents to be
            planned by name for this window.

    Raises:
        ForbiddenError: nobody agreed. InputError: lists that do not fit. InfeasibleError: the caps cannot be kept.

    Privacy: sees levels and limits of the assets that agreed, and of no other: other rows are dropped first.
    Cost: 12 CPU seconds for 1,000 assets and 96 intervals.
    """
    store = inputs.outlook.storages
    if len(names) != len(store) or agreed.shape != (len(store),):
        raise InputError(f"{len(names)} names and {len(agreed)} consents for {len(store)} assets", where="assets")
    if not agreed.any():
        raise ForbiddenError("no asset agreed to be planned by name", where=inputs.id, fix="plan the groups' sums")
    own = Storages(*(getattr(store, field.name)[agreed] for field in fields(Storages)))
    outlook = replace(inputs.outlook, storages=own)
    done = optimum(outlook, by="each")
    watts = draw_wh(own, done.level_wh) * HOUR_S // outlook.window.resolution
    return AssetPlan(tuple(compress(names, agreed.tolist())), watts, done.level_wh, done)


def _idle(outlook: Outlook) -> Ints:
    """Net without a plan: storages rest, flexible loads take what they need as soon as they can."""
    level = np.repeat(outlook.storages.level_wh[:, None], len(outlook.window), axis=1)
    taken = []
    for load in outlook.flexible:
        so_far, row = 0, np.zeros(len(outlook.window), np.int64)
        for t in range(len(row)):
            row[t] = max(min(int(load.power_wh[t]), int(load.most_wh[t]) - so_far), 0)
            so_far += int(row[t])
        taken.append(row)
    moved = np.array(taken, np.int64).reshape(-1, len(outlook.window))
    return scheduled(outlook, level, moved, by="none").net_wh


def _set_points(inputs: PlanInputs, outlook: Outlook, done: Scheduled) -> tuple[SetPoint, ...]:
    """Power of each group's storages, one set-point for each run of equal values."""
    window = outlook.window
    draw = draw_wh(outlook.storages, done.level_wh)
    watts = np.rint(draw * HOUR_S / window.resolution).astype(np.int64)
    out = []
    for number, name in enumerate(outlook.groups):
        if not outlook.storages.capacity_wh[number]:
            continue
        changes = [0, *(np.flatnonzero(np.diff(watts[number])) + 1).tolist(), len(window)]
        for first, end in pairwise(changes):
            value = int(watts[number, first])
            verb = "charge" if value > 0 else "give" if value < 0 else "rest"
            starts, ends = (float((window.first + slot) * window.resolution) for slot in (first, end))
            name_of = f"{inputs.id}:{name}:{window.first + first}"
            why = f"{verb}: plan {inputs.id} ({done.by})"
            out.append(SetPoint(name_of, SetPointKind.STORAGE_W, name, value, starts, ends, why))
    return tuple(out)


def _signals(inputs: PlanInputs, outlook: Outlook, done: Scheduled) -> tuple[Signal, ...]:
    """The levels each group's storages are planned to follow. Loads that can be moved are not told anything: no home
    follows them yet, so a plan must not count on them."""
    out = []
    for number, told in enumerate(trajectories(outlook, done)):
        if outlook.storages.capacity_wh[number]:
            name, many = f"{inputs.id}:{told.group}:{LEVEL_UNIT}", tuple(told.level_ppm.tolist())
            out.append(Signal(name, SignalKind.SET_POINT, told.group, told.window, many, LEVEL_UNIT, inputs.issued))
    return tuple(out)


def _reasons(outlook: Outlook, idle: Ints, done: Scheduled) -> tuple[str, ...]:
    """Why the plan is as it is, in sentences."""
    saved = (cost_micro(outlook, idle) - done.cost_micro) / MICRO
    before, after = peak_w(outlook, idle) / 1_000, done.peak_w / 1_000
    said = [
        f"Schedule {done.by!r}, aim {outlook.objective.aim.value}: cost {saved:+.2f} lower, "
        f"peak {before:.1f} kW to {after:.1f} kW over {len(outlook.window)} intervals."
    ]
    for number, cap in enumerate(outlook.caps):
        rows = slice(None) if number == len(outlook.groups) else slice(number, number + 1)
        for side, now, limit in (("import", idle, cap.import_wh), ("export", -idle, cap.export_wh)):
            over = now[rows].sum(axis=0) - limit
            if over.max() > 0:
                power = int(over.max()) * HOUR_S / outlook.window.resolution / 1_000
                said.append(f"Without the plan the {side} cap of {cap.name} would be exceeded by {power:.1f} kW.")
    return tuple(said)

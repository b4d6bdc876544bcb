"""Plans for the coming hours: what groups drew at these hours of the last days, known prices, the feeders' ratings.

The forecast is the mean of the same hours of the last week, its band their lowest and highest: what needs no more than
totals. How full the homes' storages are nobody here knows; without a dispatch they count as half full, and after one
as full as what was asked of them left them (`believed`). Every home scales what it is told to its own.

Privacy: totals of groups, sums of nameplates, set-points of groups.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.schedule.local import steps_wh
from quietgrid.balance.rules import holds
from quietgrid.balance.scheduling import Plan, PlanInputs, plan
from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.interval import DAY_S, Clock, Window
from quietgrid.model.network import Network
from quietgrid.model.operation import GroupPlan, Proposal
from quietgrid.model.schedule import FULL, HOUR_S, Aim, Caps, Objective, Outlook, Storages
from quietgrid.runtime.grid_totals import group_totals
from quietgrid.store.stores import PlatformStore

Ints = NDArray[np.int64]
DAYS = 7
EFFICIENCY = 950
"""Thousandths that arrive, and that come out: 90 % there and back (Fraunhofer ISE, home storage, 2021)."""
ASSUMED_LEVEL = 500
"""Thousandths of the capacity."""
MOST_HOURS = 48
BELIEVED_S, FORGETS_S = 1.0 * DAY_S, 9.0 * HOUR_S
"""So far back set-points are looked at; in so long half of what they moved is forgotten (decision 0036)."""


class Planning:
    """Makes proposals.

    Args:
        store, clock: The platform's. resolution: seconds of an interval. network: gives what is in force.
    """

    def __init__(
        self, store: PlatformStore, clock: Clock, resolution: int, network: Callable[[], Network]
    ) -> None:  # fmt: skip
        self._store, self._clock, self._resolution, self._network = store, clock, resolution, network

    def proposal(self, aim: str, hours: int, schedule: str) -> tuple[int, Proposal]:
        """A plan that could be, under the number it would have.

        Args:
            aim: ``cost`` or ``peak``. hours: 1 to 48, from the next interval on. schedule: name of the way to plan.

        Raises:
            InputError: hours or aim. NotFoundError: no network, storages, totals, schedule. InfeasibleError: limits.
        """
        if not 1 <= hours <= MOST_HOURS or aim not in (Aim.COST.value, Aim.PEAK.value):
            raise InputError("this cannot be planned", where=f"{aim}, {hours} hours", fix="cost or peak, 1 to 48 hours")
        network, now = self._network(), self._clock.now()
        first = int(now) // self._resolution + 1
        window = Window(first, first + hours * HOUR_S // self._resolution, self._resolution)
        storages = storages_of(network)
        if not storages.capacity_wh.any():
            raise NotFoundError("there is no storage in this network", where=network.name, fix="nothing to plan")
        with self._store.read() as tx:
            number = tx.grid.next_plan()
            points = tx.grid.set_points(now - BELIEVED_S, now + self._resolution)
            storages = believed(storages, network.groups, points, first * self._resolution)
            most = storages.level_wh + steps_wh(storages, self._resolution)[0] * len(window)
            storages = storages.at(storages.level_wh, np.minimum(storages.end_wh, most))
            net, low, high, days = self._forecast(network, window)
            prices, known, feed = self._prices(window)
        objective = Objective(Aim(aim) if known else Aim.PEAK)
        if objective.aim is Aim.PEAK:
            low = high = net  # a peak is lowered where it is expected; that of the band's edge would hide it
        outlook = Outlook(
            window, network.groups, net, low, high, prices, prices, storages, (), caps_of(network, window), objective
        )
        made = plan(PlanInputs(f"plan {number}", outlook, now, schedule))
        priced = f"prices of {feed}" if known else "no prices known: the lowest peak is planned"
        full = round(100 * int(storages.level_wh.sum()) / int(storages.capacity_wh.sum()))
        basis = (
            f"mean of the same hours of {days} day{'s' if days > 1 else ''}; {priced}; storages taken to be "
            f"{full} % full"
        )
        return number, _proposal(window, network, storages, made, basis)

    def _forecast(self, network: Network, window: Window) -> tuple[Ints, Ints, Ints, int]:
        """int64 [g, t] each: mean, lowest, highest of the same hours of past days (0 where never known); known days."""
        per_day = DAY_S // self._resolution
        past = []
        with self._store.read() as tx:
            closed = tx.answers.last_close(0)
            begin = -(-(window.end - closed) // per_day)  # so many days back everything was closed
            for days in range(max(1, begin), max(1, begin) + DAYS):
                back = Window(window.first - days * per_day, window.end - days * per_day, self._resolution)
                if back.first >= 0:
                    totals = group_totals(tx, network.groups, back)
                    wh = totals.power_w * self._resolution // HOUR_S
                    past.append(np.where(totals.known, wh.astype(np.float64), np.nan))
        stack = np.array(past)
        if not stack.size or np.isnan(stack).all():
            raise NotFoundError("no totals to forecast from", where="grid", fix="wait for the first whole day")
        filled = np.where(np.isnan(stack), 0.0, stack)
        count = np.maximum((~np.isnan(stack)).sum(axis=0), 1)
        mean = np.rint(filled.sum(axis=0) / count).astype(np.int64)
        low = np.minimum(np.where(np.isnan(stack), np.inf, stack).min(axis=0), mean)
        high = np.maximum(np.where(np.isnan(stack), -np.inf, stack).max(axis=0), mean)
        return mean, low.astype(np.int64), high.astype(np.int64), int((~np.isnan(stack)).any(axis=(1, 2)).sum())

    def _prices(self, window: Window) -> tuple[Ints, bool, str]:
        """int64 [t], whether all are known, and of which feed."""
        with self._store.read() as tx:
            for feed in tx.registry.feeds():
                values, known = tx.registry.prices(feed, window)
                if known.all():
                    return values.astype(np.int64), True, feed
        return np.zeros(len(window), np.int64), False, ""


def storages_of(network: Network) -> Storages:
    """One storage a group: the sums of the nameplates of what can store."""
    groups = len(network.groups)
    capacity, power = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    units = network.units
    for group in range(groups):
        mine = (network.unit_groups == group) & (units.storage_wh > 0) & units.closed
        capacity[group] = int(units.storage_wh[mine].sum())
        power[group] = int(units.rated_w[mine].sum())
    level = capacity * ASSUMED_LEVEL // 1_000
    shares = np.full(groups, EFFICIENCY, np.int64)
    return Storages(np.arange(groups), capacity, level, level.copy(), power, power.copy(), shares, shares.copy())


def believed(storages: Storages, groups: Sequence[str], points: Sequence[SetPoint], now: float) -> Storages:
    """Storages as full as the set-points of the last day have left them, as far as anybody outside the homes can know.

    What was asked moves the level away from half; serving their homes brings storages back: half of the way in
    `FORGETS_S`. The belief lies between half (all is forgotten) and what the set-points add up to (nothing is), and
    never beyond the capacity. At the end of a plan storages should be half full again, or as near as they can come.

    Args:
        groups: in the rows' order. points: of storages among others, in order of issue; of two that overlap the later
            one counts. now: Unix seconds, to where the belief is carried.

    Privacy: set-points of groups and sums of nameplates; nothing that a home said.
    """
    moved = np.zeros(len(groups))
    for row, group in enumerate(groups):
        mine = [p for p in points if p.kind is SetPointKind.STORAGE_W and p.element == group and p.start < now]
        edges = sorted({edge for p in mine for edge in (p.start, min(p.end, now))})
        half = storages.capacity_wh[row] * ASSUMED_LEVEL // FULL
        for start, end in pairwise(edges):
            held = holds(mine, SetPointKind.STORAGE_W, group, start)
            watts = 0 if held is None else held.value
            share = storages.charge_permille[row] / FULL if watts > 0 else FULL / storages.discharge_permille[row]
            moved[row] = moved[row] * _kept(end - start) + watts * share * (end - start) / HOUR_S
            moved[row] = np.clip(moved[row], -half, storages.capacity_wh[row] - half)
        if edges:
            moved[row] *= _kept(now - edges[-1])
    level = np.clip(storages.level_wh + np.rint(moved).astype(np.int64), 0, storages.capacity_wh)
    return storages.at(level, storages.end_wh)


def _kept(seconds: float) -> float:
    return float(0.5 ** (seconds / FORGETS_S))


def caps_of(network: Network, window: Window) -> tuple[Caps, ...]:
    """The most that may enter and leave each group, and all of them: the ratings of what feeds them."""
    t, hours = len(window), window.resolution / HOUR_S
    caps = []
    for row, group in enumerate(network.groups):
        watts = sum(_rating_w(network, branch) for branch, behind in network.heads if behind == row)
        caps.append(_cap(group, watts * hours, t))
    total = float(network.transformers.rated_va.sum()) if len(network.transformers.names) else float("inf")
    return (*caps, _cap("community", total * hours, t))


def _rating_w(network: Network, branch: int) -> float:
    lines = len(network.lines.names)
    if branch >= lines:
        return float(network.transformers.rated_va[branch - lines])
    volts = float(network.nodes.rated_v[network.lines.from_node[branch]])
    return float(network.lines.rated_a[branch]) * volts * 3**0.5


def _cap(name: str, wh: float, t: int) -> Caps:
    most = np.full(t, int(min(wh, 1e15)), np.int64)
    return Caps(name, most, most.copy())


def _proposal(window: Window, network: Network, storages: Storages, made: Plan, basis: str) -> Proposal:
    to_w = HOUR_S / window.resolution

    def watts(row: Ints) -> tuple[int, ...]:
        return tuple(np.rint(row * to_w).astype(np.int64).tolist())

    groups = []
    for row, name in enumerate(network.groups):
        there = bool(storages.capacity_wh[row])
        draws = made.after_wh[row] - made.before_wh[row]
        level = tuple(made.level_wh[row].tolist()) if there else ()
        groups.append(
            GroupPlan(name, watts(made.before_wh[row]), watts(made.after_wh[row]), watts(draws) if there else (), level)
        )
    return Proposal(
        window, tuple(groups), made.set_points, made.signals, basis, made.reasons, made.cost_before_micro,
        made.cost_after_micro, made.peak_before_w, made.peak_after_w,
    )  # fmt: skip

"""Plans for the coming hours: what groups drew at these hours of the last days, known prices, the feeders' ratings.

The forecast is the mean of the same hours of the last week, its band their lowest and highest: what needs no more than
totals. How full the homes' storages are nobody here knows; they count as half full now and at the end, and every home
scales what it is told to its own.

Privacy: totals of groups, sums of nameplates.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quietgrid.balance.scheduling import Plan, PlanInputs, plan
from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.interval import DAY_S, Clock, Window
from quietgrid.model.network import Network
from quietgrid.model.operation import GroupPlan, Proposal
from quietgrid.model.schedule import HOUR_S, Aim, Caps, Objective, Outlook, Storages
from quietgrid.runtime.grid_totals import group_totals
from quietgrid.store.stores import PlatformStore

Ints = NDArray[np.int64]
DAYS = 7
EFFICIENCY = 950
"""Thousandths that arrive, and that come out: 90 % there and back (Fraunhofer ISE, home storage, 2021)."""
ASSUMED_LEVEL = 500
"""Thousandths of the capacity."""
MOST_HOURS = 48


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
        basis = (
            f"mean of the same hours of {days} day{'s' if days > 1 else ''}; {priced}; storages taken to be "
            f"{ASSUMED_LEVEL // 10} % full"
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

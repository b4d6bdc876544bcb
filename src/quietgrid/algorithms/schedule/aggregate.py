"""From a solution to a schedule in whole Wh, and to the trajectory that is broadcast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quietgrid.algorithms.schedule.local import draw_wh, keep
from quietgrid.algorithms.schedule.lp import Found, solve
from quietgrid.errors import InfeasibleError
from quietgrid.model.interval import Interval
from quietgrid.model.quantity import MICRO, WH_PER_KWH
from quietgrid.model.schedule import FULL, HOUR_S, WHOLE, Aim, Ints, Outlook, Scheduled, Trajectory

WASTE_WH = 5
"""Energy that goes to waste in an interval from which the programme is solved again with fixed directions."""


def aggregated(outlook: Outlook) -> Outlook:
    """The same with one storage a group, made of the sums."""
    return replace(outlook, storages=outlook.storages.added(len(outlook.groups)))


def optimum(outlook: Outlook, by: str = "optimum") -> Scheduled:
    """The best schedule of the outlook's storages, each by itself: one a group, or one a home that agreed.

    Raises:
        InfeasibleError: no schedule keeps the caps.

    Cost: 5 ms for one storage a group; 12 CPU seconds for 1,000 storages and 96 intervals.
    """
    found = solve(outlook)
    done = _whole(outlook, found, by, found.objective)
    if _wasteful(outlook, found, done):
        done = _whole(outlook, solve(outlook, directions=found.takes), by, found.objective)
    check_caps(outlook, done.net_wh)
    return done


def _wasteful(outlook: Outlook, found: Found, done: Scheduled) -> bool:
    """Whether the programme reached its solution by taking and giving at once, or by letting a level drain."""
    if len(outlook.storages) and bool((np.minimum(found.charged_wh, found.given_wh).sum(axis=0) > WASTE_WH).any()):
        return broken_caps(outlook, done.net_wh) or bool((outlook.import_price < 0).any())
    return broken_caps(outlook, done.net_wh)


def _whole(outlook: Outlook, found: Found, by: str, bound: float) -> Scheduled:
    wanted = np.rint(found.level_wh).astype(np.int64)
    level = keep(outlook.storages, wanted, outlook.window.resolution)
    so_far = np.rint(np.cumsum(found.taken_wh, axis=1)).astype(np.int64)
    taken: Ints = np.diff(so_far, axis=1, prepend=np.int64(0))
    price = np.rint(found.price * MICRO).astype(np.int64)
    return scheduled(outlook, level, taken, by=by, bound=bound, price=price)


def scheduled(
    outlook: Outlook, level_wh: Ints, taken_wh: Ints, *, by: str, bound: float = -np.inf, price: Ints | None = None
) -> Scheduled:
    """Figures of a schedule that is given as levels [n, t] and energy taken [m, t]."""
    net = outlook.net_wh.copy()
    np.add.at(net, outlook.storages.groups, draw_wh(outlook.storages, level_wh))
    for number, load in enumerate(outlook.flexible):
        net[load.group] += taken_wh[number]
    return Scheduled(
        by, level_wh, taken_wh, net, cost_micro(outlook, net), peak_w(outlook, net),
        objective(outlook, net, level_wh), bound, np.zeros((0, 0), np.int64) if price is None else price,
    )  # fmt: skip


def cost_micro(outlook: Outlook, net_wh: Ints) -> int:
    """What the community's net costs at the outlook's prices, rounded to a millionth."""
    net = net_wh.sum(axis=0)
    priced = np.maximum(net, 0) * outlook.import_price - np.maximum(-net, 0) * outlook.export_price
    return round(int(priced.sum()) / WH_PER_KWH)


def peak_w(outlook: Outlook, net_wh: Ints) -> int:
    """Highest mean power of an interval, either way."""
    return int(np.abs(net_wh.sum(axis=0)).max()) * HOUR_S // outlook.window.resolution


def objective(outlook: Outlook, net_wh: Ints, level_wh: Ints) -> float:
    """What the outlook wants small, in currency units; peaks alone in kW, over the forecast's band."""
    aim, store = outlook.objective, outlook.storages
    cost = cost_micro(outlook, net_wh) / MICRO
    if len(store):
        fall = np.maximum(-np.diff(level_wh, axis=1, prepend=store.level_wh[:, None]), 0)
        given = (fall * store.discharge_permille[:, None] // FULL).sum()
        cost += float(given * aim.wear_micro_per_kwh - level_wh[:, -1].sum() * aim.stored_micro_per_kwh) / 1e9
    high, low = net_wh + outlook.high_wh - outlook.net_wh, net_wh + outlook.low_wh - outlook.net_wh
    peak = max(peak_w(outlook, high), peak_w(outlook, low), aim.peak_before_w) / 1_000
    if aim.aim is Aim.PEAK:
        return peak
    return cost + peak * aim.peak_micro_per_kw / MICRO if aim.aim is Aim.MIX else cost


def broken_caps(outlook: Outlook, net_wh: Ints) -> bool:
    """Whether a net (with the forecast's band around it) exceeds a cap."""
    return any(excess.max() > 0 for _, _, excess in _excess(outlook, net_wh))


def check_caps(outlook: Outlook, net_wh: Ints) -> None:
    """Refuse a schedule whose net, at either end of the forecast's band, exceeds a cap.

    Raises:
        InfeasibleError: names the caps.
    """
    broken = [(name, side, excess) for name, side, excess in _excess(outlook, net_wh) if excess.max() > 0]
    if broken:
        name, side, excess = max(broken, key=lambda one: int(one[2].max()))
        when = Interval(outlook.window.first + int(excess.argmax()), outlook.window.resolution).start
        power = int(excess.max()) * HOUR_S / outlook.window.resolution / 1_000
        raise InfeasibleError(
            f"the {side} cap of {name} is exceeded by {power:.1f} kW at {when:%Y-%m-%d %H:%M} UTC",
            limits=tuple(f"{name} {side}" for name, side, _ in broken), where="outlook",
            fix="raise that limit, curtail or shed, or ask less of the storages",
        )  # fmt: skip


def _excess(outlook: Outlook, net_wh: Ints) -> list[tuple[str, str, Ints]]:
    out = []
    up, down = outlook.high_wh - outlook.net_wh, outlook.net_wh - outlook.low_wh
    for number, cap in enumerate(outlook.caps):
        rows = slice(None) if number == len(outlook.groups) else slice(number, number + 1)
        out.append((cap.name, "import", (net_wh + up)[rows].sum(axis=0) - cap.import_wh))
        out.append((cap.name, "export", -(net_wh - down)[rows].sum(axis=0) - cap.export_wh))
    return out


def trajectories(outlook: Outlook, done: Scheduled) -> list[Trajectory]:
    """What each group is told, from a schedule with one storage a group.

    Groups without a storage are told to be at 0.
    """
    out = []
    for number, name in enumerate(outlook.groups):
        here = outlook.storages.groups == number
        level, capacity = done.level_wh[here].sum(axis=0), int(outlook.storages.capacity_wh[here].sum())
        ppm = (2 * WHOLE * level + capacity) // max(2 * capacity, 1)
        along = {}
        for load, taken in zip(outlook.flexible, done.flexible_wh, strict=True):
            if load.group == number:
                room = load.most_wh - load.least_wh
                along[load.name] = WHOLE * (np.cumsum(taken) - load.least_wh) // np.maximum(room, 1)
        out.append(Trajectory(name, outlook.window, ppm, along))
    return out

"""Two schedules that only compare prices: for a small computer, for checking, for computing on sealed numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quietgrid.algorithms.schedule.aggregate import aggregated, check_caps, scheduled
from quietgrid.algorithms.schedule.local import steps_wh
from quietgrid.model.schedule import FULL, Ints, Outlook, Scheduled, Storages

LOW, HIGH = 25, 75
"""Percentiles of the prices below which the greedy schedule charges, above which it gives."""


def thresholds(prices: Ints, storages: Storages) -> tuple[int, int]:
    """Price up to which to charge and from which to give, far enough apart to earn back the losses."""
    low = int(np.percentile(prices, LOW, method="lower"))
    high = int(np.percentile(prices, HIGH, method="higher"))
    worst = int((storages.charge_permille * storages.discharge_permille).min(initial=FULL * FULL))
    return low, max(high, low * FULL * FULL // worst + 1)


def greedy(outlook: Outlook) -> Scheduled:
    """Charge from surplus and while it is cheap, give while it is dear; each group by itself.

    Raises:
        InfeasibleError: the caps do not hold (this schedule cannot trade one interval for another).
    """
    outlook = aggregated(outlook)
    low, high = thresholds(outlook.import_price, outlook.storages)
    cheap, dear = outlook.import_price <= low, outlook.import_price >= high
    return _walk(outlook, np.where(cheap, 1, np.where(dear, -1, 0)), "greedy")


def cheapest(outlook: Outlook) -> Scheduled:
    """Charge in the k cheapest intervals that fill the storages once, give in the k dearest that empty them.

    Raises:
        InfeasibleError: the caps do not hold.
    """
    outlook = aggregated(outlook)
    rise, fall = steps_wh(outlook.storages, outlook.window.resolution)
    capacity = int(outlook.storages.capacity_wh.sum())
    _, high = thresholds(outlook.import_price, outlook.storages)
    order = np.argsort(outlook.import_price, kind="stable")
    wish = np.zeros(len(outlook.window), np.int64)
    fill, drain = (-(-capacity // max(int(step.sum()), 1)) for step in (rise, fall))
    wish[order[:fill]] = 1
    last = order[::-1][:drain]
    wish[last[outlook.import_price[last] >= min(high, int(outlook.import_price.max()))]] = -1
    if high > int(outlook.import_price.max()):
        wish[:] = 0
    return _walk(outlook, wish, "cheapest")


def _walk(outlook: Outlook, wish: Ints, by: str) -> Scheduled:
    """Follow a wish an interval (1 charge, -1 give, 0 only what is over) within storages, caps, and the wanted end."""
    store, seconds = outlook.storages, outlook.window.resolution
    rise, fall = steps_wh(store, seconds)
    taken = np.array([_latest(load.least_wh) for load in outlook.flexible], np.int64).reshape(-1, len(wish))
    base = outlook.net_wh.copy()
    for number, load in enumerate(outlook.flexible):
        base[load.group] += taken[number]
    level = store.level_wh.copy()
    out = np.empty((len(store), len(wish)), np.int64)
    for t in range(len(wish)):
        left = len(wish) - 1 - t
        room_up, room_down = _headroom(outlook, base, t)
        up = np.minimum(rise, room_up * store.charge_permille // FULL)
        down = np.minimum(fall, room_down * FULL // store.discharge_permille)
        over = np.maximum(-base[:, t], 0) * store.charge_permille // FULL
        if wish[t] > 0:
            step = up
        elif wish[t] < 0:
            step = -np.minimum(down, np.maximum(base[:, t], 0) * FULL // store.discharge_permille)
        else:
            step = np.minimum(up, over)
        needed = store.end_wh - rise * left
        level = np.clip(np.clip(level + step, np.minimum(needed, level + up), None), 0, store.capacity_wh)
        out[:, t] = level
    done = scheduled(outlook, out, taken, by=by)
    check_caps(outlook, done.net_wh)
    return done


def _latest(least_wh: Ints) -> Ints:
    """As late as is allowed: exactly the least curve."""
    return np.diff(least_wh, prepend=0)


def _headroom(outlook: Outlook, base: Ints, t: int) -> tuple[Ints, Ints]:
    """What each group may draw more and give more in interval `t`. Two int64 [g]."""
    g = len(outlook.groups)
    if not outlook.caps:
        far = np.full(g, 1 << 40, np.int64)
        return far, far
    high = base[:, t] + outlook.high_wh[:, t] - outlook.net_wh[:, t]
    low = base[:, t] + outlook.low_wh[:, t] - outlook.net_wh[:, t]
    imports = np.array([cap.import_wh[t] for cap in outlook.caps])
    exports = np.array([cap.export_wh[t] for cap in outlook.caps])
    up = np.maximum(np.minimum(imports[:g] - high, (imports[g] - high.sum()) // g), 0)
    down = np.maximum(np.minimum(exports[:g] + low, (exports[g] + low.sum()) // g), 0)
    return up, down


SIMPLE: dict[str, Callable[[Outlook], Scheduled]] = {"greedy": greedy, "cheapest": cheapest}

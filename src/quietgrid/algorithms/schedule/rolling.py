"""Planning again and again: each time for a horizon, from the forecast known then, of which the first part is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from quietgrid.algorithms.schedule.aggregate import cost_micro, peak_w
from quietgrid.algorithms.schedule.local import draw_wh, keep, steps_wh
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.interval import Window
from quietgrid.model.schedule import FULL, HOUR_S, Aim, Caps, Flexible, Ints, Objective, Outlook, Scheduled

NEAR = 0.02
"""A net within this share of the horizon's largest counts as near zero."""


@dataclass(frozen=True)
class Bands:
    """A forecast of one group: int64 [t] each, low <= middle <= high."""

    low_wh: Ints
    middle_wh: Ints
    high_wh: Ints


class Forecast(Protocol):
    """A way to foresee totals: called with the totals opened so far and how many intervals are asked for."""

    def __call__(self, opened_wh: Ints, intervals: int) -> Bands:
        """Bands for the intervals after `opened_wh`, int64 [t]: one group's net, oldest first."""


@dataclass(frozen=True)
class SeasonalNaive:
    """As it was a season ago, moved by what is left of the last error; bands from the errors this made before.

    Args:
        season: Intervals, usually a week. fades: intervals after which half of the last error is forgotten, 0: at once.
        low, high: quantiles of past errors in thousandths. seasons: how many seasons of errors to look at.

    Privacy: totals that were opened anyway.
    """

    season: int = 672
    fades: int = 8
    low: int = 100
    high: int = 900
    seasons: int = 3

    def __call__(self, opened_wh: Ints, intervals: int) -> Bands:
        """See `Forecast`.

        Raises:
            InputError: fewer than two seasons are known, or more than a season is asked for.
        """
        known = len(opened_wh)
        if known < 2 * self.season or intervals > self.season:
            raise InputError(
                f"{known} totals known, {intervals} asked for", where="forecast",
                fix=f"two seasons of {self.season} first, at most one at a time",
            )  # fmt: skip
        error = opened_wh[self.season :] - opened_wh[: -self.season]
        ahead = np.arange(1, intervals + 1)
        stays = 0.5 ** (ahead / self.fades) if self.fades else np.zeros(intervals)
        usual = opened_wh[known - self.season : known - self.season + intervals]
        middle = np.rint(usual + stays * error[-1]).astype(np.int64)
        low, high = self._bands(error[-self.seasons * self.season :], stays)
        return Bands(np.minimum(middle + low, middle), middle, np.maximum(middle + high, middle))

    def _bands(self, error: Ints, stays: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[Ints, Ints]:
        """Quantiles, by how far ahead, of the errors that were left when the last one was carried on."""
        low, high = np.empty(len(stays), np.int64), np.empty(len(stays), np.int64)
        for step, stay in enumerate(stays.tolist(), start=1):
            left = error[step:] - stay * error[:-step]
            low[step - 1], high[step - 1] = np.quantile(left, (self.low / 1000, self.high / 1000))
        return low, high


@dataclass(frozen=True)
class Rolled:
    """What rolling operation came to.

    Args:
        level_wh: int64 [n, t]. net_wh: int64 [g, t], what the feeders then carried.
        cost_micro, peak_w: of the community's net. plans: how many were made.
        refused: How many found no way to keep the caps at both ends of the forecast's band; the storages rested then.
    """

    level_wh: Ints
    net_wh: Ints
    cost_micro: int
    peak_w: int
    plans: int
    refused: int


@dataclass(frozen=True)
class Rhythm:
    """How operation goes on.

    Args:
        horizon: Intervals to plan. step: of each plan so many are carried out.
        live: Feeder heads are measured while an interval runs: where the plan has the community live off its own (a net
            near zero), storages take up what the forecast missed; where peaks count, what would exceed the plan's.
    """

    horizon: int
    step: int = 1
    live: bool = False


def roll(
    outlook: Outlook,
    known_wh: Ints,
    plan: Callable[[Outlook], Scheduled],
    rhythm: Rhythm,
    forecast: Forecast | None,
) -> Rolled:
    """Operate storages and flexible loads over the whole window of `outlook`, planning a horizon at a time.

    Args:
        outlook: Of the whole window; its `net_wh` is what really happens, one storage a group.
        known_wh: int64 [g, h], totals opened before it starts. plan: makes a schedule. rhythm: how often, how far.
        forecast: None: the truth is known (perfect foresight).

    Returns:
        What happened. Prices of the horizon are known, as from a day-ahead auction or a tariff. A peak that was reached
        is not paid twice.

    Raises:
        InputError: what the forecast refuses.
    """
    step, live = rhythm.step, rhythm.live
    t, store, seconds = len(outlook.window), outlook.storages, outlook.window.resolution
    truth = np.concatenate([known_wh, outlook.net_wh], axis=1)
    level, out = store.level_wh, np.empty((len(store), t), np.int64)
    moved = np.zeros((len(outlook.flexible), t), np.int64)
    net, plans, refused = outlook.net_wh.copy(), 0, 0
    for first in range(0, t, step):
        end, take = min(first + rhythm.horizon, t), slice(first, min(first + step, t))
        bands = [
            _seen(forecast, row[: known_wh.shape[1] + first], outlook.net_wh[group, first:end], end - first)
            for group, row in enumerate(truth)
        ]
        part = _part(outlook, bands, (first, end), level, moved[:, :first].sum(axis=1))
        part = replace(part, objective=_sunk(outlook, net[:, :first]))
        plans += 1
        try:
            done = plan(part)
        except InfeasibleError:
            refused += 1
            out[:, take] = level[:, None]
            moved[:, take] = [np.diff(load.least_wh, prepend=0)[: take.stop - first] for load in part.flexible] or 0
        else:
            wanted = done.level_wh[:, : take.stop - first]
            out[:, take] = keep(
                part.storages, _taken_up(part, done, outlook.net_wh[:, take]) if live else wanted, seconds
            )
            moved[:, take] = done.flexible_wh[:, : take.stop - first]
        draw = draw_wh(part.storages, out[:, take])
        np.add.at(net[:, take], store.groups, draw)
        for number, load in enumerate(outlook.flexible):
            net[load.group, take] += moved[number, take]
        level = out[:, take.stop - 1].copy()
    return Rolled(out, net, cost_micro(outlook, net), peak_w(outlook, net), plans, refused)


def _taken_up(part: Outlook, done: Scheduled, truth_wh: Ints) -> Ints:
    """Levels that also take up what each group's net differs from the forecast, where the community's is near zero."""
    steps, store = truth_wh.shape[1], part.storages
    missed = truth_wh - part.net_wh[:, :steps]
    near = np.abs(done.net_wh[:, :steps].sum(axis=0)) <= NEAR * max(int(np.abs(part.net_wh.sum(axis=0)).max()), 1)
    draw = draw_wh(store, done.level_wh)[:, :steps] - np.where(near, missed[store.groups], 0)
    if part.objective.aim is not Aim.COST:
        peak = max(done.peak_w, part.objective.peak_before_w) * part.window.resolution // HOUR_S
        net = truth_wh.sum(axis=0) + draw.sum(axis=0)
        share = store.charge_w[:, None] / max(int(store.charge_w.sum()), 1)
        draw = draw - np.rint((np.maximum(net - peak, 0) - np.maximum(-net - peak, 0)) * share).astype(np.int64)
    rise = np.where(draw > 0, draw * store.charge_permille[:, None] // FULL, 0)
    fall = np.where(draw < 0, -draw * FULL // store.discharge_permille[:, None], 0)
    return np.asarray(store.level_wh[:, None] + np.cumsum(rise - fall, axis=1), np.int64)


def _part(outlook: Outlook, bands: list[Bands], span: tuple[int, int], level: Ints, taken: Ints) -> Outlook:
    """The intervals `span` as they are seen when they begin; the level wanted at the very end counts only there."""
    first, end = span
    here, whole = slice(first, end), outlook.window
    at_end = outlook.storages.end_wh if end == len(whole) else np.zeros_like(level)
    rise, _ = steps_wh(outlook.storages, whole.resolution)
    return replace(
        outlook, window=Window(whole.first + first, whole.first + end, whole.resolution),
        net_wh=np.stack([band.middle_wh for band in bands]), low_wh=np.stack([band.low_wh for band in bands]),
        high_wh=np.stack([band.high_wh for band in bands]), import_price=outlook.import_price[here],
        export_price=outlook.export_price[here],
        storages=outlook.storages.at(level, np.minimum(at_end, level + rise * (end - first))),
        flexible=tuple(
            Flexible(load.name, load.group, load.power_wh[here], np.maximum(load.least_wh[here] - so_far, 0),
                     load.most_wh[here] - so_far)
            for load, so_far in zip(outlook.flexible, taken.tolist(), strict=True)
        ),
        caps=tuple(Caps(cap.name, cap.import_wh[here], cap.export_wh[here]) for cap in outlook.caps),
    )  # fmt: skip


def _sunk(outlook: Outlook, net_wh: Ints) -> Objective:
    """The objective with the peak that was reached before."""
    before = peak_w(outlook, net_wh) if net_wh.shape[1] else 0
    return replace(outlook.objective, peak_before_w=max(before, outlook.objective.peak_before_w))


def _seen(forecast: Forecast | None, opened_wh: Ints, truth_wh: Ints, intervals: int) -> Bands:
    if forecast is None:
        return Bands(truth_wh, truth_wh, truth_wh)
    return forecast(opened_wh, intervals)

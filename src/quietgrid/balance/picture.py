"""From opened totals to the state of the grid: where nothing but totals and yearly means is known.

A group's total is spread over its units: what they draw together by their yearly means, what they feed in together by
their rated power. It is right for what a feeder carries and for its mean voltage; where within the group somebody
draws stays unknown, and must. Measurements, where there are any, are used by `balance.state`.

Privacy: totals of groups and yearly means; no load curve of a home goes in or could come out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow import Flow, Model
from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.network import NO_GROUP, Floats, Network, Rows
from quietgrid.model.operation import Basis, GridState, GroupState, SensorState

HOURS_A_YEAR = 8_766.0
FULLEST = 20
"""Branches whose loading is kept."""


@dataclass(frozen=True)
class GroupTotals:
    """What groups drew, over t intervals.

    Args:
        window: The intervals. power_w: int64 [groups, t], mean power of an interval. homes: int32 [groups, t], behind
            it. known: bool [groups, t], False where no total is open. whole: bool [groups, t], every home is behind it;
            None: all are. fed_w: [groups, t], what was fed in, positive, NaN where only the net opened; None: it did.

    Raises:
        InputError: shapes that do not fit the window.
    """

    window: Window
    power_w: NDArray[np.int64]
    homes: NDArray[np.int32]
    known: NDArray[np.bool_]
    whole: NDArray[np.bool_] | None = None
    fed_w: Floats | None = None

    def __post_init__(self) -> None:
        if not (
            self.power_w.shape == self.homes.shape == self.known.shape and self.power_w.shape[1] == len(self.window)
        ):
            raise InputError(
                "totals do not fit their window", where=f"slot {self.window.first}", fix="one column a slot"
            )


def spread(network: Network, totals: GroupTotals) -> tuple[Floats, Floats]:
    """What each unit is taken to draw: [t, units] watts and vars.

    Where a group has no total, its units draw (and feed in) their yearly means.
    """
    units, t = network.units, len(totals.window)
    yearly = np.where(np.isfinite(units.yearly_wh), units.yearly_wh, 0.0) * units.closed
    mean_w = units.sign * yearly / HOURS_A_YEAR
    draw = np.tile(mean_w, (t, 1))
    for group in range(len(network.groups)):
        mine = network.unit_groups == group
        taking = _shares(mine & ~units.generating, yearly, units.rated_w)
        feeding = _shares(mine & units.generating, units.rated_w, units.rated_w)
        power = totals.power_w[group].astype(np.float64)
        rows = totals.known[group]
        back = feeding if feeding.any() else taking
        spread_w = np.maximum(power, 0)[:, None] * taking + np.minimum(power, 0)[:, None] * back
        draw[np.ix_(rows, mine)] = spread_w[np.ix_(rows, mine)]
    factor = np.divide(units.rated_var, units.rated_w, out=np.zeros_like(units.rated_w), where=units.rated_w > 0)
    return draw, np.maximum(draw, 0) * factor


@dataclass(frozen=True)
class Measured:
    """What instruments said of a window.

    Args:
        heads: branch -> [t] watts measured into the group behind it, or group -> into it through all its heads; NaN
            where nothing was measured. frequency: [t] Hz, NaN likewise; None without any.
        flow: estimated from measurements too (`balance.state`); None without a sensor a flow can be compared with.
        sensors: an interval each, how they fit that flow; empty without one.
        taps: int32 [t, transformers], as told; None where nothing is told.
    """

    heads: Mapping[str, Floats] = field(default_factory=dict)
    frequency: Floats | None = None
    flow: Flow | None = None
    taps: Rows | None = None
    sensors: Sequence[tuple[SensorState, ...]] = ()


def states(model: Model, totals: GroupTotals, measured: Measured | None = None) -> list[GridState]:
    """The states of a window, from totals and what was measured.

    Cost: see `Model.flow`.
    """
    said = measured or Measured()
    flow = said.flow or model.flow(*spread(model.network, totals), taps=said.taps)
    return [_state(model.network, totals, flow, at, said) for at in range(len(totals.window))]


def _shares(rows: NDArray[np.bool_], by: Floats, otherwise: Floats) -> Floats:
    weights = np.where(rows, by, 0.0)
    if not weights.any():
        weights = np.where(rows, otherwise, 0.0)
    return np.asarray(weights / weights.sum()) if weights.any() else weights


def _state(network: Network, totals: GroupTotals, flow: Flow, at: int, said: Measured) -> GridState:
    heads, frequency = said.heads, said.frequency
    feasible = bool(flow.converged[at])
    groups = tuple(_group(network, totals, flow, at, group, heads) for group in range(len(network.groups)))
    hertz = np.nan if frequency is None else frequency[at]
    measured = said.flow is not None or bool(np.isfinite(hertz))
    known = bool(totals.known[:, at].any())
    basis = Basis.MEANS if not known else Basis.MEASURED if measured else Basis.TOTALS
    loading: dict[str, float] = {}
    if feasible:
        for branch in np.argsort(-flow.loading[at], kind="stable")[:FULLEST].tolist():
            loading[network.branch_names[branch]] = round(float(flow.loading[at, branch]), 4)
    return GridState(
        totals.window.first + at, totals.window.resolution, basis, feasible, groups, loading,
        round(float(flow.source_w[at])) if feasible else 0, round(float(flow.loss_w[at])) if feasible else 0,
        _unexplained(network, totals, flow, at, heads) if feasible else None,
        round(float(hertz) * 1000) if np.isfinite(hertz) else None, said.sensors[at] if said.sensors else (),
    )  # fmt: skip


def _group(
    network: Network, totals: GroupTotals, flow: Flow, at: int, group: int, heads: Mapping[str, Floats]
) -> GroupState:
    voltage = flow.voltage[at, network.nodes.groups == group]
    voltage = voltage[np.isfinite(voltage)]
    low, p5, p50, p95, high = (
        [round(float(v), 5) for v in np.quantile(voltage, (0, 0.05, 0.5, 0.95, 1))] if len(voltage) else [np.nan] * 5
    )
    touching = (network.nodes.groups[network.branch_from] == group) | (network.nodes.groups[network.branch_to] == group)
    loading = flow.loading[at, touching]
    fullest = float(np.nanmax(loading)) if len(loading) and np.isfinite(loading).any() else np.nan
    if totals.known[group, at]:
        power, homes = int(totals.power_w[group, at]), int(totals.homes[group, at])
    else:
        power, homes = round(_mean_w(network, group)), 0
    measured = head_w(network, group, heads)
    head = round(float(measured[at])) if measured is not None and np.isfinite(measured[at]) else None
    return GroupState(network.groups[group], power, homes, low, p5, p50, p95, high, round(fullest, 4), head)


def head_w(network: Network, group: int, heads: Mapping[str, Floats]) -> Floats | None:
    """[t]: what was measured into a group, by its name or as the sum of all its heads; None where neither is, NaN where
    nothing was said. Args: heads: see `Measured`."""
    own = [network.branch_names[branch] for branch, behind in network.heads if behind == group]
    whole = bool(own) and all(name in heads for name in own) and not _shared(network, group)
    summed = np.sum([heads[name] for name in own], axis=0) if whole else None
    direct = heads.get(network.groups[group])
    if direct is None or summed is None:
        return summed if direct is None else direct
    return np.where(np.isfinite(direct), direct, summed)


def _mean_w(network: Network, group: int) -> float:
    units = network.units
    yearly = np.where(np.isfinite(units.yearly_wh), units.yearly_wh, 0.0) * units.closed
    return float((units.sign * yearly)[network.unit_groups == group].sum() / HOURS_A_YEAR)


def _shared(network: Network, group: int) -> bool:
    """Whether another group is fed through this one: then its heads measure both."""
    mine = {branch for branch, behind in network.heads if behind == group}
    return any(branch in mine and behind != group for branch, behind in network.heads)


def _unexplained(network: Network, totals: GroupTotals, flow: Flow, at: int, heads: Mapping[str, Floats]) -> int | None:
    """Watts that enter the groups from outside and are neither used nor lost in them; None unless all is."""
    if totals.whole is not None and not totals.whole[:, at].all():
        return None  # what a missing home used is no loss
    groups = network.nodes.groups
    inside = (groups[network.branch_from] != NO_GROUP) | (groups[network.branch_to] != NO_GROUP)
    losses = flow.from_w[at] + flow.to_w[at]
    lost = float(losses[inside].sum())
    direct = [float(heads[name][at]) for name in network.groups if name in heads]
    if len(direct) == len(network.groups) and np.isfinite(direct).all() and totals.known[:, at].all():
        between = inside & (groups[network.branch_from] != groups[network.branch_to])
        between &= (groups[network.branch_from] != NO_GROUP) & (groups[network.branch_to] != NO_GROUP)
        twice = float(losses[between].sum())  # a branch between two groups is a head of both
        return round(sum(direct) - float(totals.power_w[:, at].sum()) - lost - twice)
    outer = [
        branch for branch, _ in network.heads
        if NO_GROUP in (groups[network.branch_from[branch]], groups[network.branch_to[branch]])
    ]  # fmt: skip
    measured = [float(heads[network.branch_names[b]][at]) for b in outer if network.branch_names[b] in heads]
    if len(measured) < len(outer) or not np.isfinite(measured).all() or not totals.known[:, at].all():
        return None
    return round(sum(measured) - float(totals.power_w[:, at].sum()) - lost)

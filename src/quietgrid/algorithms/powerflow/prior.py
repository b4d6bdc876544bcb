"""What a grid is expected to do before a sensor is read: totals of groups shared out by yearly means.

`Inputs` is everything the estimator is given. A test holds that none of its columns has both an interval and a home.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import NO_GROUP, Flags, Floats, Network, Rows

HOURS = 8_766.0
"""Of a mean year."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor. Args: kind: what it measures. element: the group, branch, node or transformer it is at."""

    kind: MeasuredKind
    element: str


def _axes(*names: str) -> dict[str, tuple[str, ...]]:
    return {"axes": names}


@dataclass(frozen=True)
class Inputs:
    """All the estimator is given: t intervals, m sensors, g groups, u units.

    Args:
        sensors: m. measured: [t, m], W, var, V (line to line), tap position, by the sensor's kind; NaN where it was
            silent. Powers are positive into a group (by its name: over all its heads, measured outside it) and
            into a branch at its feeding end.
        drawn_w, fed_w: [t, g], mean power the homes of a group took and fed in together: the opened totals; NaN where
            none opened. net_w: [t, g], the difference, where only that opened.
        yearly_wh: [u], energy a year of each unit, one number each; NaN where unknown.

    Privacy: totals that the gate opened, sensors in the street, one yearly mean a unit. No series of a home.
    """

    sensors: tuple[Sensor, ...] = field(metadata=_axes("sensor"))
    measured: Floats = field(metadata=_axes("interval", "sensor"))
    drawn_w: Floats = field(metadata=_axes("interval", "group"))
    fed_w: Floats = field(metadata=_axes("interval", "group"))
    net_w: Floats = field(metadata=_axes("interval", "group"))
    yearly_wh: Floats = field(metadata=_axes("unit"))

    def check(self, network: Network) -> None:
        """Raises InputError where a column does not fit the network, for example one a home where one a group goes."""
        sizes = {"interval": len(self.measured), "sensor": len(self.sensors), "group": len(network.groups),
                 "unit": len(network.units)}  # fmt: skip
        for name, part in Inputs.__dataclass_fields__.items():
            axes = part.metadata["axes"]
            wanted = tuple(sizes[axis] for axis in axes)
            got = np.shape(getattr(self, name))
            if name != "sensors" and got != wanted:
                raise InputError(f"{name} has shape {got}, not {wanted}", where=f"state of {network.name}",
                                 fix=f"give it the axes {', '.join(axes)}")  # fmt: skip


@dataclass(frozen=True)
class Sigmas:
    """Standard deviations of everything the estimator is told.

    Args:
        power_share, power_w: of a head's power: class 0.5 of the value, and a floor in W (var).
        voltage: of a voltage sensor, relative (class 0.5 at 95 %).
        source: of the upstream voltage where nobody measures it, relative.
        total_share, total_w: of a group's opened total: MID class B meters, and a floor in W.
        load_spread, plant_spread: of one home's (plant's) power about its share of the total, relative to that share.
        node_w: floor of a node's power, W (var).
        tangent: of reactive by active power. unopened: of a group's power about its yearly mean where no total opened;
            its homes spread as much more.
    """

    power_share: float = 0.005
    power_w: float = 50.0
    voltage: float = 0.0025
    source: float = 0.01
    total_share: float = 0.01
    total_w: float = 20.0
    load_spread: float = 1.0
    plant_spread: float = 0.3
    node_w: float = 20.0
    tangent: float = 0.3
    unopened: float = 1.5


@dataclass(frozen=True)
class Points:
    """Where something can be drawn or fed in: each (node, feeds in or not) that has units; p points.

    Args:
        column: int32 [p], column of `load_nodes`. group: int32 [p], g for what group g draws, g + groups for what it
            feeds in, -1 without a group. share: [p], of its group's total. square: [p], sum of the squared shares of
            its units. tangent: [p], reactive by active draw. mean_w: [p], of a year, positive draws.
    """

    column: Rows
    group: Rows
    share: Floats
    square: Floats
    tangent: Floats
    mean_w: Floats
    feeding: Flags


def points_of(network: Network, load_nodes: Rows, yearly_wh: Floats) -> Points:
    """The points of a network and how its groups' totals are shared out among them."""
    units, groups = network.units, len(network.groups)
    yearly = _known(np.where(units.closed, yearly_wh, 0.0), np.where(units.closed, units.rated_w, 0.0))
    feeding = units.generating
    unit_group = np.where(network.unit_groups == NO_GROUP, -1, network.unit_groups + groups * feeding)
    share = np.zeros(len(units))
    for group in np.unique(unit_group):
        here = (unit_group == group) & units.closed
        weight = yearly[here]
        share[here] = weight / weight.sum() if weight.sum() > 0 else 1.0 / max(here.sum(), 1)
    keys, point = np.unique(np.stack([units.nodes, feeding]), axis=1, return_inverse=True)
    point = point.reshape(-1)
    count = keys.shape[1]

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(point, weights=values, minlength=count), np.float64)

    tangent = np.divide(units.rated_var, units.rated_w, out=np.zeros(len(units)), where=units.rated_w > 0)
    total = summed(share)
    first = np.zeros(count, np.int64)
    first[point[::-1]] = np.arange(len(units))[::-1]
    return Points(
        np.searchsorted(load_nodes, keys[0]).astype(np.int32), unit_group[first].astype(np.int32), total,
        summed(share**2), np.divide(summed(share * tangent), total, out=np.zeros(count), where=total > 0),
        summed(yearly * units.sign) / HOURS, keys[1].astype(np.bool_),
    )  # fmt: skip


def _known(yearly: Floats, rated: Floats) -> Floats:
    """Yearly energies; an unknown one has as many hours at rated power as the known ones have together."""
    known = np.isfinite(yearly)
    hours = yearly[known].sum() / rated[known].sum() if rated[known].sum() > 0 else 1_000.0
    return np.where(known, np.abs(yearly), rated * hours)


@dataclass(frozen=True)
class Prior:
    """What is expected, and how far off it may be; columns: p points in W, p in var, 2 g levels, s sources.

    Args:
        mean_w, mean_var: [t, p]. variance: [t, 2 p + 2 g + s]. opened: bool [t, 3 g], where a total ties points: of
            what is drawn, fed in, net. total_variance: [t, 3 g], of those totals.
    """

    mean_w: Floats
    mean_var: Floats
    variance: Floats
    opened: Flags
    total_variance: Floats


def prior_of(points: Points, inputs: Inputs, sigmas: Sigmas, sources: int) -> Prior:
    """Totals shared out by yearly means; where none opened, the yearly mean itself with a wide common factor."""
    groups = inputs.drawn_w.shape[1]
    of_group = np.eye(2 * groups)[points.group] * (points.group >= 0)[:, None]
    mean_level = points.mean_w @ of_group
    told = np.concatenate([inputs.drawn_w, -inputs.fed_w], axis=1)
    has = np.asarray(of_group.any(axis=0), np.bool_)
    told = _without_a_plant(told, has, groups)
    opened = np.isfinite(told) & has
    level = np.where(opened, told, mean_level)
    net = inputs.net_w
    only_net = np.isfinite(net) & ~(opened[:, :groups] | opened[:, groups:]) & (has[:groups] | has[groups:])
    taken = np.where(has[:groups], np.maximum(net - level[:, groups:] * has[groups:], 0.0), 0.0)
    taken = np.where(has[groups:], taken, net)
    level = np.where(np.tile(only_net, 2), np.concatenate([taken, net - taken], axis=1), level)
    inside = points.group >= 0
    mean_w = np.where(inside, level[:, points.group] * points.share, points.mean_w)
    spread = np.where(points.feeding, sigmas.plant_spread, sigmas.load_spread)
    spread = spread * np.where(inside & opened[:, points.group], 1.0, 1.0 + sigmas.unopened)
    relative = np.divide(np.sqrt(points.square), points.share, out=np.ones(len(points.share)), where=points.share > 0)
    sd_w = np.abs(mean_w) * spread * relative + sigmas.node_w
    mean_var = mean_w * points.tangent
    sd_var = sigmas.tangent * (np.abs(mean_w) + sd_w) + sigmas.node_w
    common = np.where(opened, 0.0, sigmas.unopened * np.maximum(np.abs(mean_level), np.abs(level)))
    source = np.full((len(told), sources), sigmas.source)
    variance = np.concatenate([sd_w, sd_var, common, source], axis=1) ** 2
    ties = np.nan_to_num(np.concatenate([told, net], axis=1))
    total_variance = (sigmas.total_share * np.abs(ties) + sigmas.total_w) ** 2
    return Prior(mean_w, mean_var, variance, np.concatenate([opened, only_net], axis=1), total_variance)


def _without_a_plant(told: Floats, has: Flags, groups: int) -> Floats:
    """What a group feeds in while no plant of it is known lessens what it draws."""
    told = told.copy()
    for group in np.flatnonzero(~has[groups:] & has[:groups]):
        fed = told[:, groups + group]
        told[:, group] += np.nan_to_num(fed)
    return told

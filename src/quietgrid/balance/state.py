"""The state of the grid over a window, from opened totals, measurements of sensors in the street, and yearly means.

Those three are all there is to it; `algorithms.powerflow.Inputs` lists them and a test holds that no column has both an
interval and a home.

Privacy: totals of groups, sensors at heads and busbars, one yearly mean a unit. What comes out about a node is what
its yearly mean and its group's total say, with a band as wide as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow import Estimate, Estimator, Flow, Inputs, Model, Sensor, Sigmas
from quietgrid.balance.picture import GroupTotals
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.model.interval import Window
from quietgrid.model.network import Floats, Network
from quietgrid.model.operation import Fit, SensorState

ELECTRICAL = (MeasuredKind.HEAD_W, MeasuredKind.HEAD_VAR, MeasuredKind.VOLTAGE_MV, MeasuredKind.TAP)
"""Kinds a flow can be compared with; frequency is not one."""


@dataclass(frozen=True)
class NetworkState:
    """A window's state, as arrays; `model.operation.GridState` is what is kept of it.

    Args:
        window: t intervals. sensors: m that were used. estimate: voltages, flows, losses and their uncertainty.
        low, middle, high: [t, g], voltages of each group's nodes, relative: the 5th percentile a standard deviation
            and two thirds lower (p5 of what may be), the median, the 95th likewise higher.
    """

    window: Window
    sensors: tuple[Sensor, ...]
    estimate: Estimate
    low: Floats
    middle: Floats
    high: Floats

    @property
    def flow(self) -> Flow:
        """The most likely flow."""
        return self.estimate.flow

    def fits(self) -> list[tuple[SensorState, ...]]:
        """How the sensors fit the state, an interval each; those that were silent are not in it."""
        found = self.estimate
        names = [f"{one.element} {one.kind.value}" for one in self.sensors if one.kind is not MeasuredKind.TAP]
        fit = np.where(found.removed, Fit.BAD, np.where(found.unverifiable, Fit.UNVERIFIABLE, Fit.GOOD)).tolist()
        off = np.abs(found.normalised).round(2).tolist()
        return [
            tuple(SensorState(names[m], Fit(fit[at][m]), off[at][m]) for m in np.flatnonzero(found.spoke[at]).tolist())
            for at in range(len(self.window))
        ]


def network_state(
    model: Model, totals: GroupTotals, measured: Sequence[Measurement], *, sigmas: Sigmas | None = None
) -> NetworkState:
    """The state of a window.

    Args:
        totals: Opened totals of groups; one that misses a home gives way where the group's head is measured. What is
            drawn and what is fed in count apart where both opened.
        measured: what sensors said; those of other networks are left out.

    Cost: see `Estimator.estimate`.
    """
    network = model.network
    sensors, values = columns(network, measured, totals.window)
    net = np.where(totals.known & ~_outdone(network, totals, sensors, values), totals.power_w, np.nan)
    net = net.T.astype(np.float64)
    unknown = np.full_like(net, np.nan)
    fed = unknown if totals.fed_w is None else np.where(np.isfinite(net), totals.fed_w.T, np.nan)
    inputs = Inputs(sensors, values, net + fed, fed, net, network.units.yearly_wh)
    estimate = Estimator(model, sigmas=sigmas).estimate(inputs)
    return NetworkState(totals.window, sensors, estimate, *_bands(network, estimate))


def measured_state(model: Model, totals: GroupTotals, measured: Sequence[Measurement]) -> NetworkState | None:
    """The state of a window; None where no sensor of this network said anything a flow can use."""
    if not columns(model.network, measured, totals.window)[0]:
        return None
    return network_state(model, totals, measured)


def columns(network: Network, measured: Sequence[Measurement], window: Window) -> tuple[tuple[Sensor, ...], Floats]:
    """Sensors and what they said, as the estimator wants it: means of an interval in W, var and V, the last tap.

    What a sensor itself doubts, what is outside the window and what sits at no element of the network is left out.
    """
    powers = {*network.branch_names, *(network.groups[group] for _, group in network.heads)}
    places = {
        MeasuredKind.HEAD_W: powers, MeasuredKind.HEAD_VAR: powers, MeasuredKind.TAP: {*network.transformers.names},
        MeasuredKind.VOLTAGE_MV: {*network.nodes.names},
    }  # fmt: skip
    used = [
        one for one in measured
        if one.good and one.element in places.get(one.kind, ()) and int(one.at) // window.resolution in window
    ]  # fmt: skip
    sensors = tuple(Sensor(kind, name) for kind, name in sorted({(one.kind, one.element) for one in used}))
    column = {sensor: i for i, sensor in enumerate(sensors)}
    sums, counts = np.zeros((len(window), len(sensors))), np.zeros((len(window), len(sensors)))
    for one in sorted(used, key=lambda one: one.at):
        at = int(one.at) // window.resolution - window.first, column[Sensor(one.kind, one.element)]
        if one.kind is MeasuredKind.TAP:
            sums[at], counts[at] = one.value, 1
        else:
            sums[at] += one.value / 1000 if one.kind is MeasuredKind.VOLTAGE_MV else one.value
            counts[at] += 1
    return sensors, np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _outdone(network: Network, totals: GroupTotals, sensors: Sequence[Sensor], values: Floats) -> NDArray[np.bool_]:
    """bool [groups, t]: homes are missing behind the total, and the group's head says more than it."""
    out = np.zeros(totals.known.shape, np.bool_)
    if totals.whole is None:
        return out
    for column, sensor in enumerate(sensors):
        if sensor.kind is MeasuredKind.HEAD_W and sensor.element in network.groups:
            row = network.groups.index(sensor.element)
            out[row] = ~totals.whole[row] & np.isfinite(values[:, column])
    return out


def _bands(network: Network, estimate: Estimate) -> tuple[Floats, Floats, Floats]:
    """[t, g] three times; NaN where there is no state, or no node that has a voltage."""
    volts, off = estimate.flow.voltage, 1.645 * estimate.voltage_sigma
    shape = (len(volts), len(network.groups))
    bands = tuple(np.full(shape, np.nan) for _ in range(3))
    for group in range(shape[1]):
        own = np.flatnonzero((network.nodes.groups == group) & np.isfinite(volts).any(axis=0))
        if len(own):
            for band, values, part in zip(bands, (volts - off, volts, volts + off), (0.05, 0.5, 0.95), strict=True):
                band[:, group] = np.quantile(values[:, own], part, axis=1)
    return bands[0], bands[1], bands[2]

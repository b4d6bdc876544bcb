"""Where sensors sit, and what they would read of a flow.

The convention is that of `algorithms.measurable.power_of`: the power of a group is the sum over its heads, measured
outside it; the power of a branch is what enters it at its feeding end.
"""

from __future__ import annotations

import numpy as np

from quietgrid.algorithms.measurable import behind_branch
from quietgrid.algorithms.powerflow.engine import Flow
from quietgrid.algorithms.powerflow.prior import Sensor, Sigmas
from quietgrid.algorithms.powerflow.sensitivity import Sensitivity
from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import NO_GROUP, Floats, Network, Rows

POWERS = {MeasuredKind.HEAD_W: "w", MeasuredKind.HEAD_VAR: "var"}
Terms = tuple[tuple[str, int], ...]
"""Columns of `Flow` whose sum a sensor reads: name and row."""


class Places:
    """Sensors of a network.

    Args:
        sensors: What there is; those of taps tell the flow its taps, the others are compared with it.

    Raises:
        InputError: one sits where nothing is, or measures what no flow has.
    """

    def __init__(self, network: Network, sensors: tuple[Sensor, ...]) -> None:
        self.network = network
        self.terms: list[Terms] = []
        self.columns: list[int] = []
        self.tap_columns: list[tuple[int, int]] = []
        scales = []
        for column, sensor in enumerate(sensors):
            if sensor.kind is MeasuredKind.TAP:
                self.tap_columns.append((column, _row(network.transformers.names, sensor)))
                continue
            terms, scale = _terms(network, sensor)
            self.columns.append(column)
            self.terms.append(terms)
            scales.append(scale)
        self.scale = np.array(scales, np.float64)
        self.volts = np.array([terms[0][0] == "voltage" for terms in self.terms], np.bool_)

    def rows(self, slopes: Sensitivity) -> Floats:
        """[sensors without taps, x]."""
        found = [sum(getattr(slopes, table)[row] for table, row in terms) for terms in self.terms]
        return np.array(found, np.float64).reshape(-1, slopes.voltage.shape[1])

    def observed(self, flow: Flow) -> Floats:
        """[t, sensors without taps]: what they would read; voltages relative."""
        found = [sum(getattr(flow, table)[:, row] for table, row in terms) for terms in self.terms]
        return np.array(found, np.float64).reshape(-1, len(flow.converged)).T

    def scaled(self, measured: Floats, sigmas: Sigmas) -> tuple[Floats, Floats]:
        """[t, sensors without taps]: values (voltages relative) and their variances."""
        values = measured[:, self.columns] / self.scale
        of_power = sigmas.power_share * np.abs(np.nan_to_num(values)) + sigmas.power_w
        return values, np.where(self.volts, sigmas.voltage, of_power) ** 2

    def taps(self, measured: Floats) -> Rows | None:
        """int32 [t, k]: tap positions; None where nothing tells them."""
        if not self.tap_columns:
            return None
        taps = np.tile(self.network.transformers.tap, (len(measured), 1)).astype(np.int32)
        for column, row in self.tap_columns:
            told = measured[:, column]
            taps[:, row] = np.where(np.isfinite(told), np.nan_to_num(told), taps[:, row])
        return taps


def _terms(network: Network, sensor: Sensor) -> tuple[Terms, float]:
    """The columns a sensor reads, and its unit in theirs."""
    if sensor.kind is MeasuredKind.VOLTAGE_MV:
        row = _row(network.nodes.names, sensor)
        return (("voltage", row),), float(network.nodes.rated_v[row])
    if sensor.kind not in POWERS:
        raise InputError(f"a sensor of {sensor.kind} says nothing about a flow", where=sensor.element,
                         fix="leave it out of the state's sensors")  # fmt: skip
    unit, groups = POWERS[sensor.kind], network.nodes.groups
    if sensor.element in network.groups:
        row = network.groups.index(sensor.element)
        heads = [branch for branch, group in network.heads if group == row]
        if not heads:
            raise InputError("a sensor measures a group that nothing feeds", where=sensor.element, fix="close a head")
        return tuple((f"{'from' if groups[network.branch_from[b]] != row else 'to'}_{unit}", b) for b in heads), 1.0
    row = _row(network.branch_names, sensor)
    behind = behind_branch(network, row)
    start, end = network.branch_from[row], network.branch_to[row]
    at_to = behind[start] or (not behind.any() and groups[start] != NO_GROUP and groups[end] == NO_GROUP)
    return ((f"{'to' if at_to else 'from'}_{unit}", row),), 1.0


def _row(names: tuple[str, ...], sensor: Sensor) -> int:
    if sensor.element not in names:
        raise InputError("a sensor sits where nothing is", where=f"{sensor.kind} {sensor.element}",
                         fix="name a group, branch, node or transformer of the network")  # fmt: skip
    return names.index(sensor.element)

"""pandapower's own state estimator on the inputs of `estimation`, as far as it takes them."""

from __future__ import annotations

import importlib
from functools import partial

import numpy as np

from benchmarks.measure import cpu_seconds
from benchmarks.simbench_grid import Year
from quietgrid.algorithms.powerflow import Inputs, Model, Sigmas
from quietgrid.algorithms.powerflow.prior import points_of, prior_of
from quietgrid.algorithms.powerflow.sensing import Places
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import Floats

Row = tuple[str, str, int, float, float, str | None]
"""Measurement type, element type, element, value, standard deviation (MW, Mvar, relative), side."""


def estimates(year: Year, model: Model, told: Inputs, steps: int) -> tuple[float, Floats]:
    """CPU seconds a step of pandapower's weighted least squares, and voltages [steps, n]; NaN where it found none.

    It is told the same sensors, and each node's share of its group's total with the same standard deviation. The totals
    themselves, which tie the shares together, it cannot be told.
    """
    estimation = importlib.import_module("pandapower.estimation")
    pandas = importlib.import_module("pandas")
    pandas.set_option("mode.chained_assignment", None)  # its warnings, of which there are many, would cost time
    net, found, seconds = year.net, [], 0.0
    source, idle = int(model.network.sources.nodes[0]), set(range(len(net.bus))) - set(model.load_nodes.tolist())
    idle = {int(net.bus.index[node]) for node in idle - {source}}
    work = partial(estimation.estimate, net, algorithm="wls", init="flat", zero_injection=sorted(idle))
    names = ["measurement_type", "element_type", "element", "value", "std_dev", "side"]
    for step, rows in enumerate(_rows(year, model, told, steps)):
        net.measurement = pandas.DataFrame(rows, columns=names).assign(name=None)
        if step == 0:
            work()  # compiles
        net.res_bus_est = net.res_bus_est.iloc[:0]
        seconds += cpu_seconds(work)
        volts = net.res_bus_est.vm_pu.to_numpy()
        found.append(volts if len(volts) == len(net.bus) else np.full(len(net.bus), np.nan))
    return seconds / steps, np.array(found)


def _rows(year: Year, model: Model, told: Inputs, steps: int) -> list[list[Row]]:
    """The table of measurements of each step."""
    net, network, sigmas = year.net, model.network, Sigmas()
    points = points_of(network, model.load_nodes, told.yearly_wh)
    prior = prior_of(points, told, sigmas, len(network.sources.names))
    at, p = np.eye(len(model.load_nodes))[points.column], len(points.column)
    tables = {
        "p": (prior.mean_w @ at, np.sqrt(prior.variance[:, :p] @ at)),
        "q": (prior.mean_var @ at, np.sqrt(prior.variance[:, p : 2 * p] @ at)),
    }
    places = Places(network, told.sensors)
    values, variance = places.scaled(told.measured, sigmas)
    bus, line = net.bus.index.to_numpy(), net.line.index.to_numpy()
    out: list[list[Row]] = []
    for step in range(steps):
        source = int(bus[network.sources.nodes[0]])
        rows: list[Row] = [("v", "bus", source, float(network.sources.voltage[0]), sigmas.source, None)]
        for sensor, terms, value, sd in zip(
            told.sensors, places.terms, values[step].tolist(), np.sqrt(variance[step]).tolist(), strict=True
        ):
            (column, row) = terms[0]
            if sensor.kind is MeasuredKind.VOLTAGE_MV:
                rows.append(("v", "bus", int(bus[row]), value, sd, None))
            else:
                kind = "p" if sensor.kind is MeasuredKind.HEAD_W else "q"
                rows.append((kind, "line", int(line[row]), value / 1e6, sd / 1e6, column.partition("_")[0]))
        for kind, (mean, sigma) in tables.items():
            rows += [
                (kind, "bus", int(bus[node]), float(mean[step, i]) / 1e6, float(sigma[step, i]) / 1e6, None)
                for i, node in enumerate(model.load_nodes.tolist())
            ]
        out.append(rows)
    return out

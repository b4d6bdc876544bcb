"""The instruments: what they report of the true state, with noise, and what can be wrong with them.

Noise is Gaussian and drawn from a seed: power by a share of what is measured and a floor, as of instruments of class
0.5 (IEC 61557-12); voltage by class 0.2; the frequency by 1 mHz. Taps are exact.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.random import Generator

from quietgrid.algorithms.measurable import measurable, power_of
from quietgrid.errors import ConfigError
from quietgrid.lab.plant.frequency import Frequency
from quietgrid.lab.plant.truth import Truth
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.model.network import Network

Element = tuple[MeasuredKind, str]
DAY_S = 86_400.0


class FaultKind(StrEnum):
    """What can be wrong."""

    DEAD = "dead"
    """The sensor reports nothing."""
    DOUBTFUL = "doubtful"
    """It reports, and says that it does not trust itself."""
    FROZEN = "frozen"
    """It repeats its last value as if it were new."""
    REPLAYED = "replayed"
    """It reports what it reported a day before, at that time of day."""
    FALSE = "false"
    """Somebody adds `value` to what it reports."""
    ALTERED = "altered"
    """Nothing is wrong with the sensor: somebody really switches on `value` watts in a group."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. Args: kind; sensor: ``kind element``, or for `ALTERED` a group; value: in its unit."""

    kind: FaultKind
    sensor: str
    value: int = 0


@dataclass(frozen=True)
class Noise:
    """Standard deviations. Args: power: share of the value. power_floor: W or var. voltage: share. frequency: mHz."""

    power: float = 0.005
    power_floor: float = 20.0
    voltage: float = 0.002
    frequency: float = 1.0


def sensors_of(network: Network, floor: int, far: int = 1) -> list[Element]:
    """The instruments of a station: power of groups and transformers, voltage of busbars and of far nodes, taps.

    Args:
        network: The grid. floor: homes behind any sum. far: voltages a group, at the nodes that are furthest from the
            sources and where no home hangs.
    """
    allowed = measurable(network, floor)
    busbars = {int(node) for node in network.transformers.to_node}
    found: list[Element] = [(MeasuredKind.FREQUENCY_MILLIHZ, "")]
    found += [(MeasuredKind.TAP, name) for name in network.transformers.names]
    found += [(kind, name) for name in (*network.transformers.names, *network.groups)
              for kind in (MeasuredKind.HEAD_W, MeasuredKind.HEAD_VAR)]  # fmt: skip
    found += [(MeasuredKind.VOLTAGE_MV, network.nodes.names[node]) for node in sorted(busbars)]
    away = _distance(network)
    for row in range(len(network.groups)):
        mine = [n for n in np.flatnonzero(network.nodes.groups == row).tolist()
                if (MeasuredKind.VOLTAGE_MV, network.nodes.names[n]) in allowed]  # fmt: skip
        mine.sort(key=lambda n: (-away[n], n))
        found += [(MeasuredKind.VOLTAGE_MV, network.nodes.names[n]) for n in mine[:far]]
    return [one for one in dict.fromkeys(found) if one in allowed]


def _distance(network: Network) -> dict[int, float]:
    """Ohms of the way from a source to each node."""
    import networkx as nx

    graph = nx.Graph()
    resistance = [*network.lines.r_ohm.tolist(), *[0.0] * len(network.transformers.names)]
    ends = zip(network.branch_from.tolist(), network.branch_to.tolist(), resistance, network.branch_closed, strict=True)
    graph.add_weighted_edges_from((a, b, ohm) for a, b, ohm, closed in ends if closed)
    graph.add_nodes_from(range(len(network.nodes.names)))
    found: dict[int, float] = nx.multi_source_dijkstra_path_length(graph, set(network.sources.nodes.tolist()))
    return {n: found.get(n, -1.0) for n in range(len(network.nodes.names))}


class Sensors:
    """Instruments of one grid.

    Args:
        network: The grid. elements: what they measure. source: their name. seed, noise: of their errors.
        frequency: of the system.
    """

    def __init__(
        self, network: Network, elements: Sequence[Element], source: str, seed: int, noise: Noise,
        frequency: Frequency,
    ) -> None:  # fmt: skip
        self._network, self.elements, self._source = network, list(elements), source
        self._random: Generator = np.random.default_rng([seed, 1])
        self._noise, self._frequency = noise, frequency
        self._said: dict[Element, list[tuple[float, int]]] = {}

    def report(self, truth: Truth, faults: Sequence[Fault] = ()) -> list[Measurement]:
        """What the instruments say of some intervals, in order of time, stamped with their last second. An interval
        without a state
        (the power flow found none) is reported by nobody."""
        wrong = {fault.sensor: fault for fault in faults if fault.kind is not FaultKind.ALTERED}
        columns = {element: self._true(element, truth) for element in self.elements}
        found = []
        for t, end in enumerate(truth.at.tolist()):
            if not truth.flow.converged[t]:
                continue
            for element in self.elements:
                value = self._noisy(element[0], float(columns[element][t]))
                said = self._faulty(element, value, end, wrong.get(" ".join(element).strip()))
                if said is not None:
                    found.append(Measurement(element[0], element[1], said[0], end, self._source, said[1]))
        return found

    def _true(self, element: Element, truth: Truth) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        kind, name = element
        network, flow = self._network, truth.flow
        if kind is MeasuredKind.HEAD_W:
            return power_of(network, name, flow.from_w, flow.to_w)
        if kind is MeasuredKind.HEAD_VAR:
            return power_of(network, name, flow.from_var, flow.to_var)
        if kind is MeasuredKind.VOLTAGE_MV:
            node = network.nodes.names.index(name)
            return np.asarray(np.nan_to_num(flow.voltage[:, node]) * network.nodes.rated_v[node] * 1000, np.float64)
        if kind is MeasuredKind.TAP:
            return truth.taps[:, network.transformers.names.index(name)].astype(np.float64)
        draws = np.nan_to_num(flow.source_w).tolist()
        ends = truth.at.tolist()
        return np.array([self._frequency(end, round(w)) for end, w in zip(ends, draws, strict=True)], np.float64)

    def _noisy(self, kind: MeasuredKind, value: float) -> int:
        noise, drawn = self._noise, float(self._random.standard_normal())
        if kind in (MeasuredKind.HEAD_W, MeasuredKind.HEAD_VAR):
            return round(value + drawn * (noise.power * abs(value) + noise.power_floor))
        if kind is MeasuredKind.VOLTAGE_MV:
            return round(value * (1 + drawn * noise.voltage))
        return round(value + (drawn * noise.frequency if kind is MeasuredKind.FREQUENCY_MILLIHZ else 0))

    def _faulty(self, element: Element, value: int, at: float, fault: Fault | None) -> tuple[int, bool] | None:
        said = self._said.setdefault(element, [])
        while said and said[0][0] < at - 2 * DAY_S:
            said.pop(0)
        if fault is None:
            said.append((at, value))
            return value, True
        if fault.kind is FaultKind.DEAD:
            return None
        if fault.kind is FaultKind.DOUBTFUL:
            return value, False
        if fault.kind is FaultKind.FALSE:
            return value + fault.value, True
        if fault.kind is FaultKind.FROZEN:
            return (said[-1][1] if said else value), True
        before = [old for when, old in said if when <= at - DAY_S]
        said.append((at, value))
        return (before[-1] if before else value), True


def altered(faults: Sequence[Fault]) -> dict[str, int]:
    """Group -> watts that are really switched on."""
    return {fault.sensor: fault.value for fault in faults if fault.kind is FaultKind.ALTERED}


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Order faults of a running plant; none to end them all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps([asdict(fault) for fault in faults]))
    os.replace(fresh, path)


def read_faults(path: Path) -> list[Fault]:
    """The faults that were ordered.

    Raises:
        ConfigError: the file cannot be used.
    """
    try:
        rows = json.loads(path.read_text())
        return [Fault(FaultKind(row["kind"]), str(row["sensor"]), int(row["value"])) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError("the list of faults cannot be used", where=str(path), fix="delete it") from error

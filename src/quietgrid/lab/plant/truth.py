"""The true state of the simulated grid: what homes really draw, and what follows from it. Never leaves the process.

Simplified: a home draws at one power factor all interval long. Its battery and its plant are inside its readings, and
so is what they do because the grid asks for it (`lab.devices`): nothing of storages or feed-in limits is added here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.powerflow import Flow, Model
from quietgrid.lab.plant.controls import Target
from quietgrid.model.grid import SetPointKind
from quietgrid.model.network import Floats, Network, Rows, UnitKind
from quietgrid.model.readings import Readings


@dataclass(frozen=True)
class Truth:
    """t intervals of the grid. Args: flow: see there. at: [t], their last seconds. taps: int32 [t, transformers]."""

    flow: Flow
    at: Floats
    taps: Rows


class TrueGrid:
    """The grid and what hangs on it.

    Args:
        network: The grid. homes: int32 [homes], the unit each home's readings are of, in their order.
    """

    def __init__(self, network: Network, homes: Rows) -> None:
        self.network = network
        self._homes = homes
        self._model = Model(network)
        units = network.units
        self._factor = np.where(units.rated_w > 0, units.rated_var / np.maximum(units.rated_w, 1.0), 0.0)[homes]
        plants = units.of(UnitKind.PV)
        at = np.zeros(len(network.nodes.names))
        np.add.at(at, units.nodes[plants], units.rated_w[plants])
        self._feed_w = at[units.nodes[homes]]

    def over(self, readings: Readings, controls: Mapping[Target, int], altered_w: Mapping[str, int]) -> Truth:
        """What really happens in some intervals.

        Args:
            readings: Of the homes, in their order; an interval without a reading counts as no draw.
            controls: What holds in all of them. altered_w: group -> W that an attacker switches on, spread evenly.
        """
        window, network = readings.window, self.network
        hours, t = window.resolution / 3600, len(window)
        import_w = (readings.imported_wh / hours).T
        net_w = import_w - (readings.exported_wh / hours).T
        draw_w, draw_var = np.zeros((2, t, len(network.units)))
        groups = network.unit_groups[self._homes]
        reactive = import_w * self._factor
        for row, name in enumerate(network.groups):
            mine = groups == row
            reactive[:, mine] += self._feed_w[mine] * controls.get((SetPointKind.REACTIVE_PERCENT, name), 0) / 100
            if mine.any():
                net_w[:, mine] += altered_w.get(name, 0) / int(mine.sum())
        draw_w[:, self._homes], draw_var[:, self._homes] = net_w, reactive
        for row, name in enumerate(network.groups):
            if controls.get((SetPointKind.SHED, name), 0):
                off = network.unit_groups == row
                draw_w[:, off], draw_var[:, off] = 0.0, 0.0
        taps = np.tile(self._taps(controls), (t, 1))
        at = np.arange(window.first + 1, window.end + 1, dtype=np.float64) * window.resolution - 1
        return Truth(self._model.flow(draw_w, draw_var, taps=taps), at, taps)

    def _taps(self, controls: Mapping[Target, int]) -> Rows:
        table = self.network.transformers
        asked = [
            controls.get((SetPointKind.TAP, name), int(tap)) for name, tap in zip(table.names, table.tap, strict=True)
        ]
        return np.asarray(np.clip(np.array(asked, np.int32), table.tap_min, table.tap_max), np.int32)

"""The true state of the simulated grid: what homes really draw, and what follows from it. Never leaves the process.

Simplified: a home draws at one power factor all interval long. Its own battery and plant are inside its readings; what
a set-point asks of storages comes on top, out of a part of them that the community may use. A curtailment changes what
flows, not what the simulated meters have measured; the difference shows up as a loss.
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

HALF = 0.5


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
        self._stored_wh = units.storage_wh * HALF

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
            percent = controls.get((SetPointKind.CURTAIL_PERCENT, name), 100)
            if percent < 100:
                net_w[:, mine] = np.maximum(net_w[:, mine], -self._feed_w[mine] * max(0, percent) / 100)
            reactive[:, mine] += self._feed_w[mine] * controls.get((SetPointKind.REACTIVE_PERCENT, name), 0) / 100
            if mine.any():
                net_w[:, mine] += altered_w.get(name, 0) / int(mine.sum())
        draw_w[:, self._homes], draw_var[:, self._homes] = net_w, reactive
        self._store(draw_w, controls, hours)
        for row, name in enumerate(network.groups):
            if controls.get((SetPointKind.SHED, name), 0):
                off = network.unit_groups == row
                draw_w[:, off], draw_var[:, off] = 0.0, 0.0
        taps = np.tile(self._taps(controls), (t, 1))
        at = np.arange(window.first + 1, window.end + 1, dtype=np.float64) * window.resolution - 1
        return Truth(self._model.flow(draw_w, draw_var, taps=taps), at, taps)

    def _store(self, draw_w: Floats, controls: Mapping[Target, int], hours: float) -> None:
        """Add what storages take or give, as far as their energy and power allow."""
        units = self.network.units
        for row, name in enumerate(self.network.groups):
            wanted = controls.get((SetPointKind.STORAGE_W, name), 0)
            mine = units.of(UnitKind.STORAGE) & (self.network.unit_groups == row)
            if not wanted or not mine.any():
                continue
            share = wanted * units.rated_w[mine] / units.rated_w[mine].sum()
            share = np.clip(share, -units.rated_w[mine], units.rated_w[mine])
            for interval in draw_w:
                stored = self._stored_wh[mine]
                given = np.clip(share, -stored / hours, (units.storage_wh[mine] - stored) / hours)
                self._stored_wh[mine] = stored + given * hours
                interval[mine] += given

    def _taps(self, controls: Mapping[Target, int]) -> Rows:
        table = self.network.transformers
        asked = [
            controls.get((SetPointKind.TAP, name), int(tap)) for name, tap in zip(table.names, table.tap, strict=True)
        ]
        return np.asarray(np.clip(np.array(asked, np.int32), table.tap_min, table.tap_max), np.int32)

"""What a device does at a voltage: a line through points, the same for all devices of a group.

A characteristic is broadcast once; a device then acts on the voltage at its own terminals and reports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from quietgrid.errors import InputError
from quietgrid.model.network import Floats


@dataclass(frozen=True)
class Characteristic:
    """A share of what a device can do, by voltage: straight between points, constant outside them.

    Args:
        name: For people. voltages: relative to rated, rising. shares: one a point, from -1 to 1, never falling or
            never rising. source: where the points are from.

    Raises:
        InputError: points that rise and fall, or voltages that do not rise.

    >>> float(QU_4105.at(np.array([1.05])).round(6)[0])
    0.5
    """

    name: str
    voltages: tuple[float, ...]
    shares: tuple[float, ...]
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        rises, changes = np.diff(self.voltages), np.diff(self.shares)
        if len(self.voltages) < 2 or len(self.voltages) != len(self.shares) or not (rises > 0).all():
            raise InputError("voltages of a characteristic must rise, with one share each", where=self.name,
                             fix="give at least two points in order")  # fmt: skip
        if not ((changes >= 0).all() or (changes <= 0).all()) or max(abs(share) for share in self.shares) > 1:
            raise InputError("a characteristic must be monotone, within -1 and 1", where=self.name,
                             fix="a curve that turns back makes inverters swing against each other")  # fmt: skip

    def at(self, voltage: Floats) -> Floats:
        """The share at each voltage, any shape; NaN where the voltage is."""
        return np.asarray(np.interp(voltage, self.voltages, self.shares), np.float64)

    @property
    def slope(self) -> float:
        """The steepest change of the share, a relative volt."""
        return float(np.max(np.abs(np.diff(self.shares) / np.diff(self.voltages))))


QU_4105 = Characteristic(
    "Q(U)", (0.93, 0.97, 1.03, 1.07), (-1.0, 0.0, 0.0, 1.0), source="VDE-AR-N 4105:2018-11, Q(U) standard points"
)
"""Reactive draw (positive: under-excited, lowers the voltage) as a share of `reactive_reach`."""
PU_1_12 = Characteristic("P(U)", (1.10, 1.12), (1.0, 0.0), source="TOR Erzeuger Typ A (AT), P(U); EN 50549-1, 4.7.3")
"""The most a plant feeds in, as a share of its rated power. It begins where EN 50160 ends."""
PU_BELOW_LIMIT = Characteristic("P(U)", (1.08, 1.10), (1.0, 0.0), source="the shape of EN 50549-1, 4.7.3, 2 % earlier")
"""The same two per cent earlier, so that 1.10 is kept."""
SUPPORT = Characteristic(
    "battery", (0.93, 0.97, 1.03, 1.05, 1.08), (-1.0, -0.3, -0.3, 0.0, 1.0), source="Quietgrid's own"
)
"""Draw of a battery as a share of its rated power: it charges above 1.05 and gives back below, slowly from 1.03."""

SMALL_VA = 4_600.0
REACH_SMALL, REACH = 0.329, 0.484
"""Reactive power a plant must be able to take, of its rated watts: power factor 0.95 up to 4.6 kVA, 0.90 above."""


def reactive_reach(rated_w: Floats) -> Floats:
    """The most reactive power of each plant, var.

    Args:
        rated_w: [u], rated feed-in, W.

    Source: VDE-AR-N 4105:2018-11, 5.7.2; EN 50549-1:2019, 4.7.2.2 (Q up to 0.484 of rated active power).
    """
    return np.asarray(rated_w * np.where(rated_w <= SMALL_VA, REACH_SMALL, REACH), np.float64)

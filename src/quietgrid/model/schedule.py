"""Schedules of storages and loads: what can be moved, within what caps, to what end (`Outlook`), what came out.

Integers: energy in Wh, power in W, prices in millionths a kWh, efficiencies in thousandths. A *net* is what a group
imports minus what it exports in an interval, a *draw* what a storage takes minus what it gives, as in `model.network`.
A storage's course is told by its *level* at the end of each interval, which has no sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.interval import Window

Ints = NDArray[np.int64]
FULL = 1_000
"""An efficiency of one, in thousandths."""
WHOLE = 1_000_000
"""A whole capacity, or the whole way between two curves, in the millionths that are broadcast (decision 0030)."""
HOUR_S = 3_600


@dataclass(frozen=True)
class Storages:
    """Batteries, one row each: of one home, or of a whole group added up.

    Args:
        groups: int64 [n], row of the group it belongs to.
        capacity_wh: int64 [n]. level_wh: int64 [n], what is in it now. end_wh: int64 [n], at least in it at the end.
        charge_w, discharge_w: int64 [n], the most it takes and gives.
        charge_permille, discharge_permille: int64 [n], of 1,000 Wh taken so many arrive; of 1,000 Wh let out so many
            reach the grid.

    Raises:
        InputError: columns of different lengths, or values no battery has.
    """

    groups: Ints
    capacity_wh: Ints
    level_wh: Ints
    end_wh: Ints
    charge_w: Ints
    discharge_w: Ints
    charge_permille: Ints
    discharge_permille: Ints

    def __post_init__(self) -> None:
        columns = (self.groups, self.capacity_wh, self.level_wh, self.end_wh, self.charge_w, self.discharge_w,
                   self.charge_permille, self.discharge_permille)  # fmt: skip
        if any(column.shape != self.groups.shape or column.ndim != 1 for column in columns):
            raise InputError("the columns of a storage table differ in length", where="storages", fix="one row each")
        wrong = min((int(column.min(initial=0)) for column in columns), default=0) < 0
        for level in (self.level_wh, self.end_wh):
            wrong |= bool((level > self.capacity_wh).any())
        for share in (self.charge_permille, self.discharge_permille):
            wrong |= bool(((share < 1) | (share > FULL)).any())
        if wrong:
            raise InputError(
                "a storage holds or keeps more than it can, or has a negative size", where="storages",
                fix="levels within the capacity, efficiencies of 1 to 1000 thousandths",
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self.groups)

    def added(self, groups: int) -> Storages:
        """One storage a group: sums of energy and power, the best efficiency of any.

        Alike batteries with alike levels add up to exactly the storage they are together; otherwise the sum can do more
        than they can, so that its optimum is a lower bound of theirs. Groups without a storage get one of size nothing.
        """

        def total(column: Ints) -> Ints:
            out = np.zeros(groups, np.int64)
            np.add.at(out, self.groups, column)
            return out

        charge, discharge = total(self.charge_w), total(self.discharge_w)
        best = np.zeros((2, groups), np.int64)
        for row, share in enumerate((self.charge_permille, self.discharge_permille)):
            np.maximum.at(best[row], self.groups, share)
        best[best == 0] = FULL
        return Storages(
            np.arange(groups), total(self.capacity_wh), total(self.level_wh), total(self.end_wh), charge, discharge,
            best[0], best[1],
        )  # fmt: skip

    def at(self, level_wh: Ints, end_wh: Ints | None = None) -> Storages:
        """The same with other levels, and another level wanted at the end."""
        return replace(self, level_wh=level_wh, end_wh=self.end_wh if end_wh is None else end_wh)

    def charge_wh(self, resolution: int) -> Ints:
        """int64 [n]: the most it takes in one interval of `resolution` seconds."""
        return self.charge_w * resolution // HOUR_S

    def discharge_wh(self, resolution: int) -> Ints:
        """int64 [n]: the most it gives in one interval."""
        return self.discharge_w * resolution // HOUR_S


@dataclass(frozen=True)
class Flexible:
    """Load of a group that may be moved: the energy it has taken by the end of each interval lies between two curves.

    Args:
        name: For people, such as ``EV``. group: row of its group.
        power_wh: int64 [t], the most it takes in an interval.
        least_wh, most_wh: int64 [t], bounds of the energy taken since the start of the window, neither ever falling.

    Raises:
        InputError: bounds that fall, cross, or rise faster than the power allows.
    """

    name: str
    group: int
    power_wh: Ints
    least_wh: Ints
    most_wh: Ints

    def __post_init__(self) -> None:
        fits = self.power_wh.ndim == 1 and self.power_wh.shape == self.least_wh.shape == self.most_wh.shape
        if not fits:
            raise InputError("curves of different lengths", where=self.name, fix="one value an interval in each")
        steps = (np.diff(self.least_wh, prepend=0), np.diff(self.most_wh, prepend=0))
        if any((step < 0).any() for step in steps) or (self.least_wh > self.most_wh).any():
            raise InputError("bounds of energy taken fall or cross", where=self.name, fix="add up from the start")
        if (steps[0] > self.power_wh).any():
            raise InputError(
                "needs more energy in an interval than its power can bring", where=self.name,
                fix="a later departure, less energy, or more power",
            )  # fmt: skip


@dataclass(frozen=True)
class Caps:
    """The most that may flow into and out of one feeder, or the whole community, in each interval.

    Args:
        name: Of the feeder. import_wh, export_wh: int64 [t].
    """

    name: str
    import_wh: Ints
    export_wh: Ints


class Aim(StrEnum):
    """What a schedule is for."""

    COST = "cost"
    """Least cost at the given prices."""
    PEAK = "peak"
    """Lowest highest flow either way; cost decides among equals."""
    MIX = "mix"
    """Least cost, the peak priced per kW."""


@dataclass(frozen=True)
class Objective:
    """What is to be small.

    Args:
        aim: See `Aim`. peak_micro_per_kw: price of the highest mean power of an interval (MIX).
        stored_micro_per_kwh: what a kWh left in a storage at the end is worth.
        wear_micro_per_kwh: what a kWh taken out of a storage costs it.
        peak_before_w: a peak that has been reached already (in this month, say) and costs nothing more.
    """

    aim: Aim = Aim.COST
    peak_micro_per_kw: int = 0
    stored_micro_per_kwh: int = 0
    wear_micro_per_kwh: int = 0
    peak_before_w: int = 0


@dataclass(frozen=True)
class Outlook:
    """What a schedule is made from: sums of groups, prices, limits.

    Args:
        window: The t intervals to plan. groups: g names.
        net_wh: int64 [g, t], expected net without the storages and flexible loads.
        low_wh, high_wh: int64 [g, t], band of the forecast: caps hold, and peaks count, at both its ends.
        import_price, export_price: int64 [t], millionths a kWh; feeding in never earns more than taking costs.
        storages, flexible: what can be moved. caps: one a group in order, then one for the community, or nothing.
        objective: What for.

    Raises:
        InputError: shapes that do not fit, or prices that would pay for passing energy through.

    Privacy: sums of groups, and limits of assets that agreed to give them.
    """

    window: Window
    groups: tuple[str, ...]
    net_wh: Ints
    low_wh: Ints
    high_wh: Ints
    import_price: Ints
    export_price: Ints
    storages: Storages
    flexible: tuple[Flexible, ...] = ()
    caps: tuple[Caps, ...] = ()
    objective: Objective = Objective()

    def __post_init__(self) -> None:
        g, t = len(self.groups), len(self.window)
        shapes = {part.shape for part in (self.net_wh, self.low_wh, self.high_wh)} == {(g, t)}
        shapes &= self.import_price.shape == self.export_price.shape == (t,)
        shapes &= all(part.power_wh.shape == (t,) and 0 <= part.group < g for part in self.flexible)
        shapes &= all(cap.import_wh.shape == cap.export_wh.shape == (t,) for cap in self.caps)
        shapes &= len(self.caps) in (0, g + 1) and not bool((self.storages.groups >= g).any())
        if not shapes or not t:
            raise InputError(
                f"inputs that do not fit {g} groups and {t} intervals", where="outlook",
                fix="[g, t] of energy, [t] of prices, curves and caps, a cap for each group and one for all",
            )  # fmt: skip
        if (self.low_wh > self.net_wh).any() or (self.high_wh < self.net_wh).any():
            raise InputError("the band does not hold the forecast", where="outlook", fix="low <= net <= high")
        if (self.export_price > self.import_price).any():
            raise InputError(
                "feeding in earns more than taking costs", where="prices",
                fix="an export price no higher than the import price",
            )  # fmt: skip


@dataclass(frozen=True)
class Scheduled:
    """What came out.

    Args:
        by: Name of the schedule. level_wh: int64 [n, t], in each storage at the end of each interval.
        flexible_wh: int64 [m, t], taken by each flexible load. net_wh: int64 [g, t], expected with all of it.
        cost_micro: At the outlook's prices, of the community's net. peak_w: its highest mean power either way.
        objective: What was minimised, in currency units. bound: no schedule does better; minus infinity where unknown.
        price_micro_per_kwh: int64 [g, t], what a kWh more in a group would have cost; empty where unknown.
    """

    by: str
    level_wh: Ints
    flexible_wh: Ints
    net_wh: Ints
    cost_micro: int
    peak_w: int
    objective: float
    bound: float
    price_micro_per_kwh: Ints


@dataclass(frozen=True)
class Trajectory:
    """What homes are told: how full to be, and how far along, at the end of each interval; nothing about any home.

    Args:
        group: Name. window: The intervals.
        level_ppm: int64 [t], level of a storage, in millionths of its capacity.
        along_ppm: by name of a flexible load int64 [t], energy taken, in millionths of the way from least to most.
    """

    group: str
    window: Window
    level_ppm: Ints
    along_ppm: dict[str, Ints]

"""`Network`: nodes, lines, transformers, sources and the units that hang on them; columns, SI units.

Electrical quantities are floats in SI units (volts, amperes, ohms, watts, vars): they are physics, not accounts. What a
unit takes from the grid is its *draw* (positive takes, negative feeds in), in watts and vars; energy that is counted or
paid stays in whole watt-hours elsewhere. Tables refer to each other by row number.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError

Floats = NDArray[np.float64]
Rows = NDArray[np.int32]
Flags = NDArray[np.bool_]
NO_GROUP = -1
"""Group of a node that belongs to none (a busbar, the upstream grid)."""


class UnitKind(StrEnum):
    """What hangs on a node."""

    LOAD = "load"
    PV = "pv"
    WIND = "wind"
    GENERATOR = "generator"
    STORAGE = "storage"
    HEAT_PUMP = "heat-pump"
    CHARGER = "charger"


GENERATING = frozenset({UnitKind.PV, UnitKind.WIND, UnitKind.GENERATOR})
"""Kinds whose rated power feeds in."""


@dataclass(frozen=True)
class Nodes:
    """Where things meet.

    Args:
        names: n, unique. rated_v: [n] line to line. groups: int32 [n], row of `Network.groups` or `NO_GROUP`.
        x, y: [n] coordinates for drawing, NaN where unknown (any unit; only proportions matter).
    """

    names: tuple[str, ...]
    rated_v: Floats
    groups: Rows
    x: Floats
    y: Floats


@dataclass(frozen=True)
class Lines:
    """Lines and cables, and bus couplers (all impedances zero).

    Args:
        names: m, unique. from_node, to_node: int32 [m]. r_ohm, x_ohm: [m], of the whole line (positive sequence).
        c_farad: [m], of the whole line. rated_a: [m], the most it may carry; infinite where unknown.
        from_closed, to_closed: bool [m], the switch at each end.
    """

    names: tuple[str, ...]
    from_node: Rows
    to_node: Rows
    r_ohm: Floats
    x_ohm: Floats
    c_farad: Floats
    rated_a: Floats
    from_closed: Flags
    to_closed: Flags

    @property
    def couplers(self) -> Flags:
        """bool [m]: which are couplers: no impedance at all."""
        return np.asarray((self.r_ohm == 0) & (self.x_ohm == 0), np.bool_)


@dataclass(frozen=True)
class Transformers:
    """Two-winding transformers; `from` is the high-voltage side.

    Args:
        names: k, unique. from_node, to_node: int32 [k]. from_v, to_v: rated voltages [k]. rated_va: [k].
        short_circuit: relative short-circuit voltage uk [k] (0.04 = 4 %). copper_w, iron_w: losses at rated current and
            without load [k]. no_load: relative no-load current i0 [k]. clock: int32 [k], vector group's number (5 of
            Dyn5). tap, tap_min, tap_max, tap_neutral: int32 [k]. tap_size: relative step [k] (0.025 = 2.5 % of the
            winding with the changer). tap_at_to: bool [k], the changer sits at the low-voltage side.
        on_load: bool [k], whether the changer moves under load (OLTC). from_closed, to_closed: bool [k].
    """

    names: tuple[str, ...]
    from_node: Rows
    to_node: Rows
    from_v: Floats
    to_v: Floats
    rated_va: Floats
    short_circuit: Floats
    copper_w: Floats
    iron_w: Floats
    no_load: Floats
    clock: Rows
    tap: Rows
    tap_min: Rows
    tap_max: Rows
    tap_neutral: Rows
    tap_size: Floats
    tap_at_to: Flags
    on_load: Flags
    from_closed: Flags
    to_closed: Flags


@dataclass(frozen=True)
class Sources:
    """The upstream grid.

    Args:
        names: s. nodes: int32 [s]. voltage: [s], relative to the node's rated voltage. closed: bool [s].
    """

    names: tuple[str, ...]
    nodes: Rows
    voltage: Floats
    closed: Flags


@dataclass(frozen=True)
class Units:
    """What draws or feeds in: loads, plants, storages, heat pumps, charging points.

    Args:
        names: u, unique. nodes: int32 [u]. kinds: u. rated_w: [u], the most it draws (feeds in, where it generates).
        rated_var: [u], reactive draw at `rated_w`. storage_wh: [u], 0 where it stores nothing.
        yearly_wh: [u], energy of a year it draws (feeds in); NaN where unknown. The pseudo-load of the estimator.
        profiles: u, names of relative profiles; empty where none. closed: bool [u], connected.
    """

    names: tuple[str, ...]
    nodes: Rows
    kinds: tuple[UnitKind, ...]
    rated_w: Floats
    rated_var: Floats
    storage_wh: Floats
    yearly_wh: Floats
    profiles: tuple[str, ...]
    closed: Flags

    def __len__(self) -> int:
        return len(self.names)

    def of(self, *kinds: UnitKind) -> Flags:
        """bool [u]: which are of these kinds."""
        return np.array([kind in kinds for kind in self.kinds], np.bool_)

    @property
    def generating(self) -> Flags:
        """bool [u]: which feed in."""
        return self.of(*GENERATING)

    @property
    def sign(self) -> Floats:
        """[u]: -1 where rated power feeds in, else 1: rated_w × sign is a draw."""
        return np.where(self.generating, -1.0, 1.0)


@dataclass(frozen=True)
class Network:
    """One grid.

    Args:
        name: For people. nodes, lines, transformers, sources, units: see there. groups: names of the groups of nodes
            (feeders): where totals open, limits hold and events are called. frequency_hz: rated.

    Raises:
        InputError: columns of different lengths, a row number that does not exist, a value no device has.

    Branches are numbered lines first, then transformers.
    """

    name: str
    nodes: Nodes
    lines: Lines
    transformers: Transformers
    sources: Sources
    units: Units
    groups: tuple[str, ...] = field(default=())
    frequency_hz: float = 50.0

    def __post_init__(self) -> None:
        _same_length(self)
        n = len(self.nodes.names)
        for what, rows in (
            ("lines.from_node", self.lines.from_node), ("lines.to_node", self.lines.to_node),
            ("transformers.from_node", self.transformers.from_node),
            ("transformers.to_node", self.transformers.to_node),
            ("sources.nodes", self.sources.nodes), ("units.nodes", self.units.nodes),
        ):  # fmt: skip
            if len(rows) and not (rows.min() >= 0 and rows.max() < n):
                raise InputError(f"a row of {what} names a node that is not there", where=self.name, fix="check ids")
        if len(self.nodes.groups) and self.nodes.groups.max() >= len(self.groups):
            raise InputError("a node is in a group that is not there", where=self.name, fix="name every group")

    @property
    def branches(self) -> int:
        """How many branches there are: lines and transformers."""
        return len(self.lines.names) + len(self.transformers.names)

    @cached_property
    def branch_names(self) -> tuple[str, ...]:
        """Names of the branches, lines first."""
        return self.lines.names + self.transformers.names

    @cached_property
    def branch_from(self) -> Rows:
        """int32 [branches]."""
        return np.concatenate([self.lines.from_node, self.transformers.from_node])

    @cached_property
    def branch_to(self) -> Rows:
        """int32 [branches]."""
        return np.concatenate([self.lines.to_node, self.transformers.to_node])

    @cached_property
    def branch_closed(self) -> Flags:
        """bool [branches]: both ends closed."""
        lines, transformers = self.lines, self.transformers
        return np.concatenate([lines.from_closed & lines.to_closed, transformers.from_closed & transformers.to_closed])

    @cached_property
    def unit_groups(self) -> Rows:
        """int32 [u]: the group each unit hangs in, or `NO_GROUP`."""
        return self.nodes.groups[self.units.nodes]

    @cached_property
    def heads(self) -> tuple[tuple[int, int], ...]:
        """Where groups are fed: (branch, group) of every closed branch between a group's node and one outside it.

        A branch between two groups heads both. A group may have several heads (a section of two feeders).
        """
        start, end = self.nodes.groups[self.branch_from], self.nodes.groups[self.branch_to]
        found = []
        for branch in np.flatnonzero((start != end) & self.branch_closed).tolist():
            found += [(branch, int(group)) for group in (start[branch], end[branch]) if group != NO_GROUP]
        return tuple(found)

    def tapped(self, taps: Rows) -> Network:
        """The same grid with other tap positions. Args: taps: int32 [k]."""
        return replace(self, transformers=replace(self.transformers, tap=np.asarray(taps, np.int32)))


def _same_length(network: Network) -> None:
    tables = (network.nodes, network.lines, network.transformers, network.sources, network.units)
    for table in tables:
        lengths = {name: len(column) for name, column in vars(table).items()}
        if len(set(lengths.values())) > 1:
            odd = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise InputError("columns differ in length", where=f"{type(table).__name__} of {network.name}: {odd}",
                             fix="one row a device")  # fmt: skip
        names = vars(table)["names"]
        if len(set(names)) != len(names):
            raise InputError("two devices have one name", where=f"{type(table).__name__} of {network.name}",
                             fix="name each once")  # fmt: skip

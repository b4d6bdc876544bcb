"""`Imported`, and pieces every format needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from quietgrid.errors import InputError, SourceError
from quietgrid.model.network import (
    NO_GROUP,
    Flags,
    Floats,
    Lines,
    Network,
    Nodes,
    Rows,
    Sources,
    Transformers,
    UnitKind,
    Units,
)
from quietgrid.wire.grid.table import joined, unique

Part = TypeVar("Part", Nodes, Lines, Transformers, Sources, Units)
MAX_NODES = 50_000
DEGREES_AN_HOUR = 30
HOURS = 12
LONGITUDE, LATITUDE = 180, 90


@dataclass(frozen=True)
class Imported:
    """A grid as it came from someone's file.

    Args:
        network: The grid. format: simbench, pandapower or pgm.
        notes: What was left out, changed or taken for something, in words, with counts.
    """

    network: Network
    format: str
    notes: tuple[str, ...] = ()


@dataclass
class Draft:
    """What an importer has found so far; `finished` makes the network of it.

    Args:
        where: The file, for messages. format: its own. name: of the grid.
    """

    where: str
    format: str
    name: str
    frequency_hz: float = 50.0
    notes: list[str] = field(default_factory=list)
    lines: list[Lines] = field(default_factory=list)
    transformers: list[Transformers] = field(default_factory=list)
    sources: list[Sources] = field(default_factory=list)
    units: list[Units] = field(default_factory=list)
    nodes: Nodes | None = None
    groups: tuple[str, ...] = ()

    def finished(self) -> Imported:
        """The network.

        Raises:
            SourceError: no nodes, no source, too many nodes, or what `Network` refuses.
        """
        if self.nodes is None or not self.nodes.names:
            raise SourceError("there are no nodes", where=self.where, fix="give a grid")
        if len(self.nodes.names) > MAX_NODES:
            raise SourceError(f"{len(self.nodes.names):,} nodes are too many", where=self.where,
                              fix=f"give a part of the grid, {MAX_NODES:,} nodes at most")  # fmt: skip
        if not any(len(part.names) for part in self.sources):
            raise SourceError("nothing feeds this grid", where=self.where, fix="add the upstream grid: a source")
        lines: Lines = joined([_no_lines(), *self.lines])
        transformers: Transformers = joined([_no_transformers(), *self.transformers])
        sources: Sources = joined(self.sources)
        units: Units = joined([_no_units(), *self.units])
        try:
            network = Network(
                self.name, _named(self.nodes, self.notes, "node"), _named(lines, self.notes, "line"),
                _named(transformers, self.notes, "transformer"), _named(sources, self.notes, "source"),
                _named(units, self.notes, "unit"), self.groups, self.frequency_hz,
            )  # fmt: skip
        except InputError as error:
            raise SourceError(error.what, where=f"{self.where}: {error.where}", fix=error.fix) from error
        return Imported(network, self.format, tuple(self.notes))

    def grouped(self, names: Sequence[str]) -> Rows:
        """Groups by the names nodes give them ("" is none): int32 [n]. Sets `groups`."""
        self.groups = tuple(dict.fromkeys(name for name in names if name))
        row = {name: at for at, name in enumerate(self.groups)}
        return np.array([row.get(name, NO_GROUP) for name in names], np.int32)


def _named(part: Part, notes: list[str], what: str) -> Part:
    return replace(part, names=unique(part.names, notes, what))


def proportioned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Coordinates of which only proportions matter; what can only be longitude and latitude is made so.

    >>> x, _ = proportioned(np.array([11.4, 11.5]), np.array([60.0, 60.0]))
    >>> round(float(x[1] - x[0]), 3)
    0.05
    """
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any() or np.abs(x[known]).max() > LONGITUDE or np.abs(y[known]).max() > LATITUDE:
        return x, y
    return x * np.cos(np.radians(y[known].mean())), y


def clocks(degrees: Floats, notes: list[str]) -> Rows:
    """Vector groups' numbers of phase shifts: int32 [k], 0..11. What is no whole hour is rounded and noted."""
    hours = np.rint(degrees / DEGREES_AN_HOUR)
    off = int((np.abs(hours * DEGREES_AN_HOUR - degrees) > 0.5).sum())
    if off:
        notes.append(f"{off} transformers turn the phase by no multiple of 30°; the nearest is taken (angles only)")
    return np.asarray(hours % HOURS, np.int32)


def units_of(
    names: Sequence[str], nodes: Rows, kinds: Sequence[UnitKind], watts: Floats, var: Floats, closed: Flags
) -> Units:
    """Units without storage, yearly energy or profile.

    Args:
        watts: [u], what each draws (negative: feeds in) at its rated power; a load that feeds in becomes a generator,
            a plant that draws a load. var: [u], reactive draw with it.
    """
    kind = [_kind(one, float(draw)) for one, draw in zip(kinds, watts, strict=True)]
    u = len(names)
    return Units(
        tuple(names), nodes, tuple(kind), np.abs(watts), var, np.zeros(u), np.full(u, np.nan), ("",) * u, closed
    )


def _kind(kind: UnitKind, draw: float) -> UnitKind:
    if draw < 0 and kind is UnitKind.LOAD:
        return UnitKind.GENERATOR
    if draw > 0 and kind in (UnitKind.PV, UnitKind.WIND, UnitKind.GENERATOR):
        return UnitKind.LOAD
    return kind


def couplers(names: Sequence[str], start: Rows, end: Rows, rated_a: Floats, closed: Flags) -> Lines:
    """Switches between two nodes, as lines without impedance."""
    none = np.zeros(len(names))
    return Lines(tuple(names), start, end, none, none, none, rated_a, closed, closed)


def _no_lines() -> Lines:
    i, f, b = np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.bool_)
    return Lines((), i, i, f, f, f, f, b, b)


def _no_transformers() -> Transformers:
    i, f, b = np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.bool_)
    return Transformers((), i, i, f, f, f, f, f, f, f, i, i, i, i, i, f, b, b, b, b)


def _no_units() -> Units:
    i, f, b = np.zeros(0, np.int32), np.zeros(0), np.zeros(0, np.bool_)
    return Units((), i, (), f, f, f, f, (), b)

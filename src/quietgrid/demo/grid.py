"""`demo_network`: the low-voltage grid that the homes of the sample hang on.

>>> network = demo_network()
>>> network.groups, len(network.nodes.names)
(('Orchard Hill', 'Mill Lane', 'Church Road', 'Station Road'), 131)
>>> network.units.names[:3], network.nodes.names[network.units.nodes[0]]
(('home-1', 'pv-1', 'battery-1'), 'Bus 112')

Nodes, cables and transformer are SimBench's `1-LV-rural3--2-sw`; see ATTRIBUTION.md for what was added to it. Data
under ODbL, not MIT.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from io import StringIO

import numpy as np
from numpy.typing import NDArray

from quietgrid.demo.appliances import appliance_wh
from quietgrid.demo.profiles import data_bytes, profiles
from quietgrid.demo.recipes import COMMUNITY, Recipe, recipes, roman
from quietgrid.errors import InputError
from quietgrid.model.network import (
    NO_GROUP,
    Floats,
    Lines,
    Network,
    Nodes,
    Rows,
    Sources,
    Transformers,
    UnitKind,
    Units,
)  # fmt: skip

HOUR_SLOTS = 4
NOT_SHADED = 1 - (255**2 + (256**2 - 1) / 6) / 600 / 1024
"""What clouds of its own leave of a roof's profile, on average (`sample._clouds`: the mean of a square)."""
REACTIVE = 0.4
"""var a W of whatever is no plant and no battery: SimBench's figure for these homes (a power factor of 0.93)."""
APART = 1.25
"""Copies of the grid are drawn side by side, so many widths apart."""
FLEXIBLE = {"Air": UnitKind.HEAT_PUMP, "Soi": UnitKind.HEAT_PUMP, "HLS": UnitKind.CHARGER, "APL": UnitKind.CHARGER}
"""Kind of unit by the first letters of a profile; the rest is ordinary use."""
Row = dict[str, str]
Places = dict[tuple[int, str], int]
"""Row of a node by copy and name."""


def demo_network(homes: int | None = None) -> Network:
    """The sample's grid: four sections behind one transformer, and what hangs on it.

    Units are called `home-7` (ordinary use), `pv-7`, `battery-7`, `heat-pump-7`, `charger-7` after the number of their
    home, and hang on its node. `home_units` gives the row of each home.

    Args:
        homes: How many, from the first; 120 unless told. Above 120 the grid is followed by copies of itself behind
            transformers of their own at the same 20 kV busbar; their sections are called `Orchard Hill II` and so on.
            Groups are the sections that have homes.

    Raises:
        InputError: no home.

    Cost: a millisecond a home (a year of its appliances is added up), once.
    """
    count = COMMUNITY if homes is None else homes
    if count < 1:
        raise InputError(f"a grid of {count} homes is empty", where="homes", fix="ask for at least one")
    return _made(count)


def home_units(network: Network) -> Rows:
    """Row of the unit of each home's ordinary use, by number: int32 [homes]."""
    row = {name: number for number, name in enumerate(network.units.names)}
    count = sum(name.startswith("home-") for name in network.units.names)
    return np.array([row[f"home-{number}"] for number in range(1, count + 1)], np.int32)


@cache
def _made(count: int) -> Network:
    chosen, tables = recipes(count), _tables()
    groups = tuple(dict.fromkeys(one.feeder for one in chosen))
    copies = range(-(-count // COMMUNITY))
    nodes, row = _nodes(tables, copies, groups)
    lines = _lines(tables, copies, row)
    transformers = _transformers(tables, copies, row)
    upstream = tables["transformers"][0]
    sources = Sources(
        ("Upstream grid",), np.array([row[0, upstream["from"]]], np.int32),
        np.array([float(upstream["source_percent"]) / 100]), np.ones(1, np.bool_),
    )  # fmt: skip
    return Network("Sample community", nodes, lines, transformers, sources, _units(tables, chosen, row), groups)


@cache
def _tables() -> dict[str, list[Row]]:
    return {
        name: list(csv.DictReader(StringIO(data_bytes(f"grid/{name}.csv").decode())))
        for name in ("nodes", "lines", "transformers", "homes")
    }


def _nodes(tables: dict[str, list[Row]], copies: range, groups: tuple[str, ...]) -> tuple[Nodes, Places]:
    """The nodes, and the row of each by copy and name; the upstream busbar is in every copy the same."""
    upstream = tables["transformers"][0]["from"]
    width = APART * np.ptp([float(one["east_m"]) for one in tables["nodes"]])
    row: Places = {}
    names: list[str] = []
    columns: list[tuple[float, int, float, float]] = []
    for copy in copies:
        for one in tables["nodes"]:
            if copy and one["name"] == upstream:
                row[copy, upstream] = row[0, upstream]
                continue
            row[copy, one["name"]] = len(names)
            names.append(_named(one["name"], copy))
            section = _named(one["section"], copy)
            group = groups.index(section) if section in groups else NO_GROUP
            columns.append((float(one["voltage_v"]), group, float(one["east_m"]) + copy * width, float(one["north_m"])))
    volts, groups_of, east, north = np.array(columns).T
    return Nodes(tuple(names), volts, groups_of.astype(np.int32), east, north), row


def _lines(tables: dict[str, list[Row]], copies: range, row: Places) -> Lines:
    every = [(copy, one) for copy in copies for one in tables["lines"]]
    closed, rows = np.ones(len(every), np.bool_), [one for _, one in every]
    return Lines(
        names=tuple(_named(one["name"], copy) for copy, one in every),
        from_node=np.array([row[copy, one["from"]] for copy, one in every], np.int32),
        to_node=np.array([row[copy, one["to"]] for copy, one in every], np.int32),
        r_ohm=_column(rows, "r_ohm"), x_ohm=_column(rows, "x_ohm"), c_farad=_column(rows, "c_nf", 1e-9),
        rated_a=_column(rows, "rated_a"), from_closed=closed, to_closed=closed,
    )  # fmt: skip


def _transformers(tables: dict[str, list[Row]], copies: range, row: Places) -> Transformers:
    every = [(copy, one) for copy in copies for one in tables["transformers"]]
    yes, rows = np.ones(len(every), np.bool_), [one for _, one in every]
    return Transformers(
        names=tuple(_named(one["name"], copy) for copy, one in every),
        from_node=np.array([row[copy, one["from"]] for copy, one in every], np.int32),
        to_node=np.array([row[copy, one["to"]] for copy, one in every], np.int32),
        from_v=_column(rows, "from_v"), to_v=_column(rows, "to_v"), rated_va=_column(rows, "rated_va"),
        short_circuit=_column(rows, "short_circuit_percent", 0.01), copper_w=_column(rows, "copper_w"),
        iron_w=_column(rows, "iron_w"), no_load=_column(rows, "no_load_percent", 0.01),
        clock=_whole(rows, "clock"), tap=_whole(rows, "tap"), tap_min=_whole(rows, "tap_min"),
        tap_max=_whole(rows, "tap_max"), tap_neutral=_whole(rows, "tap_neutral"),
        tap_size=_column(rows, "tap_percent", 0.01),
        tap_at_to=np.array([one["tap_side"] == "lv" for one in rows], np.bool_),
        on_load=yes, from_closed=yes, to_closed=yes,
    )  # fmt: skip


def _column(rows: list[Row], name: str, unit: float = 1.0) -> Floats:
    return np.array([float(one[name]) for one in rows]) * unit


def _whole(rows: list[Row], name: str) -> Rows:
    return np.array([int(one[name]) for one in rows], np.int32)


def _named(name: str, copy: int) -> str:
    return f"{name} {roman(copy + 1)}" if copy and name else name


@dataclass(frozen=True, slots=True)
class _Unit:
    name: str
    node: int
    kind: UnitKind
    rated_w: float
    yearly_wh: float
    profile: str = ""
    storage_wh: float = 0.0


def _units(tables: dict[str, list[Row]], chosen: list[Recipe], row: Places) -> Units:
    at = [one["node"] for one in tables["homes"]]
    first = profiles().first
    year = appliance_wh([one.seed for one in chosen], [one.appliances for one in chosen], first, profiles().days)
    found: list[_Unit] = []
    for number, (one, appliances) in enumerate(zip(chosen, year.sum(axis=(1, 2)).tolist(), strict=True), start=1):
        copy, place = divmod(number - 1, COMMUNITY)
        found += _of_home(number, row[copy, at[place]], one, int(appliances))
    watts = np.array([one.rated_w for one in found], np.float64)
    reactive = np.array([one.kind not in (UnitKind.PV, UnitKind.STORAGE) for one in found])
    return Units(
        tuple(one.name for one in found), np.array([one.node for one in found], np.int32),
        tuple(one.kind for one in found), watts, np.where(reactive, REACTIVE * watts, 0.0),
        np.array([one.storage_wh for one in found], np.float64), np.array([one.yearly_wh for one in found], np.float64),
        tuple(one.profile for one in found), np.ones(len(found), np.bool_),
    )  # fmt: skip


def _of_home(number: int, node: int, one: Recipe, appliances_wh: int) -> list[_Unit]:
    """Units of one home. The battery's yearly energy is 0: it gives back what it takes, but for a twelfth."""
    use, made = float(appliances_wh), 0.0
    flexible: dict[UnitKind, _Unit] = {}
    for part in one.parts:
        kind = FLEXIBLE.get(part.profile[:3])
        if part.made:
            made += part.yearly_wh * NOT_SHADED
        elif kind:
            peak = round(part.yearly_wh * HOUR_SLOTS * _peak_share(part.profile))
            before = flexible.get(kind, _Unit(f"{kind}-{number}", node, kind, 0, 0, part.profile))
            flexible[kind] = replace(before, rated_w=before.rated_w + peak, yearly_wh=before.yearly_wh + part.yearly_wh)
        else:
            use += part.yearly_wh
    units = [_Unit(f"home-{number}", node, UnitKind.LOAD, one.connection_w, use)]
    if one.pv_w:
        units.append(_Unit(f"pv-{number}", node, UnitKind.PV, one.pv_w, round(made)))
    if one.battery_wh:
        units.append(_Unit(f"battery-{number}", node, UnitKind.STORAGE, one.battery_w, 0, storage_wh=one.battery_wh))
    return units + list(flexible.values())


@cache
def _peak_share(profile: str) -> float:
    """The largest slot of a profile, of its year."""
    values: NDArray[np.int32] = profiles().values[profiles().row[profile]]
    return int(values.max()) / int(values.sum(dtype=np.int64))

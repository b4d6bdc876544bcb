"""pandapower's JSON, as `pandapower.to_json` saves a net; read as it stands, without pandapower.

Source: pandapower's documentation, "Datastructure and elements" and "File I/O" (format versions 2 and 3): one pandas
table a kind of device, in the orientation "split". kV, kA, MW, Mvar, MVA, km, nF.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from quietgrid.errors import SourceError
from quietgrid.model.network import Flags, Floats, Lines, Nodes, Rows, Sources, Transformers, UnitKind
from quietgrid.wire.grid.imported import Draft, Imported, clocks, couplers, proportioned, units_of
from quietgrid.wire.grid.table import Table, counted, decoded, mapping, read_bytes

FORMAT = "pandapower"
MEGA, KILO, NANO, PERCENT = 1e6, 1e3, 1e-9, 0.01
R_TO_X = 2.0
"""Of a switch with an impedance (pandapower's default `switch_rx_ratio`)."""
NOT_TAKEN = (
    "trafo3w", "impedance", "dcline", "ward", "xward", "motor", "svc", "ssc", "vsc", "tcsc", "bus_dc", "line_dc",
    "asymmetric_load", "asymmetric_sgen", "vsc_stacked", "vsc_bipolar",
)  # fmt: skip
PASSED_OVER = {"measurement": "measurements", "controller": "controllers", "pwl_cost": "costs", "poly_cost": "costs"}
PLANTS = {"pv": UnitKind.PV, "wp": UnitKind.WIND, "wind": UnitKind.WIND}
DEPENDS_ON_VOLTAGE = tuple(f"const_{kind}_{what}percent" for kind in "zi" for what in ("", "p_", "q_"))
Ends = tuple[Rows, Rows]
Shut = tuple[Flags, Flags]
TAPPED = frozenset({"ratio", "symmetrical"})


def read_pandapower(path: Path) -> Imported:
    """Read a net saved by `pandapower.to_json`.

    Raises:
        SourceError: with table, row and column.
    """
    return from_json(read_bytes(path), path.name)


def from_json(body: bytes, where: str) -> Imported:
    """`read_pandapower` of a text."""
    return _Reader(mapping(decoded(body, where), where), where).read()


def is_pandapower(document: object) -> bool:
    """Whether a JSON document is a net of pandapower."""
    return isinstance(document, dict) and (document.get("_class") == "pandapowerNet" or "bus" in document)


class _Reader:
    def __init__(self, document: dict[str, Any], where: str) -> None:
        self.where = where
        self.parts = mapping(document.get("_object", document), where)
        name = self.parts.get("name")
        hertz = self.parts.get("f_hz", 50.0)
        self.draft = Draft(
            where,
            FORMAT,
            name[:200] if isinstance(name, str) and name else Path(where).stem.removesuffix(".pandapower"),
        )
        if isinstance(hertz, bool) or not isinstance(hertz, int | float) or not 1 <= hertz <= 1000:
            raise SourceError("the frequency is no number of hertz", where=f"{where}, f_hz", fix="give 50 or 60")
        self.draft.frequency_hz = float(hertz)
        self.bus = self.table("bus")
        self.row: dict[Hashable, int] = {key: at for at, key in enumerate(self.keys("bus"))}
        self.alive = self.bus.flags("in_service", True)

    def table(self, name: str) -> Table:
        """A table of the net; empty where it is not there."""
        where = f"{self.where}, table {name}"
        frame = _frame(self.parts.get(name), where)
        columns, index, data = (frame.get(key, []) for key in ("columns", "index", "data"))
        if not all(isinstance(part, list) for part in (columns, index, data)):
            raise SourceError("this is no table in the orientation 'split'", where=where, fix="save it with to_json")
        if len(index) != len(data) or not all(isinstance(row, list) and len(row) == len(columns) for row in data):
            raise SourceError("rows differ in length", where=where, fix="save the net anew")
        names = [str(column) for column in columns]
        rows = [dict(zip(names, row, strict=True)) for row in data]
        keys = [f"row {str(key)[:20]} ({str(row.get('name'))[:40]})" for key, row in zip(index, rows, strict=True)]
        return Table(where, rows, keys)

    def keys(self, name: str) -> list[Hashable]:
        """The index of a table."""
        index = _frame(self.parts.get(name), name).get("index", [])
        if not all(isinstance(key, str | int) for key in index) or len(set(index)) != len(index):
            raise SourceError("rows have no number or share one", where=f"{self.where}, table {name}",
                              fix="reset the table's index")  # fmt: skip
        return list(index)

    def _names(self, name: str, table: Table) -> tuple[str, ...]:
        """Names of a table's rows; rows without one are called after their number."""
        return tuple(one or f"{name} {key}" for one, key in zip(table.texts("name", ""), self.keys(name), strict=True))

    def read(self) -> Imported:
        """The whole net."""
        for name in NOT_TAKEN:
            table = self.table(name)
            if len(table) and table.flags("in_service", True).any():
                raise SourceError(f"{counted(len(table), name)} cannot be taken over", where=table.where,
                                  fix="replace by lines, two-winding transformers and loads")  # fmt: skip
        for name, what in PASSED_OVER.items():
            if name in self.parts and len(self.table(name)):
                self.draft.notes.append(f"{what} left out")
        self._nodes()
        switches = self.table("switch")
        kinds = np.array(switches.texts("et", ""))
        self._lines(*self._ends("line", ("from_bus", "to_bus"), switches.pick(kinds == "l")))
        self._switches(switches.pick(kinds == "b"))
        self._transformers(*self._ends("trafo", ("hv_bus", "lv_bus"), switches.pick(kinds == "t")))
        self._sources()
        self._units()
        return self.draft.finished()

    def _nodes(self) -> None:
        bus = self.bus
        places = [_place(value) for value in (row.get("geo") for row in bus.rows)]
        old = self.table("bus_geodata")
        if len(old) and not any(np.isfinite(x) for x, _ in places):
            for key, x, y in zip(
                self.keys("bus_geodata"), old.numbers("x", np.nan), old.numbers("y", np.nan), strict=True
            ):
                if key in self.row:
                    places[self.row[key]] = (x, y)
        out = int((~self.alive).sum())
        if out:
            self.draft.notes.append(f"{counted(out, 'bus')} out of service: what is at them is switched off")
        self.draft.nodes = Nodes(
            self._names("bus", bus), bus.numbers("vn_kv") * KILO, self.draft.grouped(bus.texts("zone", "")),
            *proportioned(np.array([x for x, _ in places], np.float64), np.array([y for _, y in places], np.float64)),
        )  # fmt: skip

    def _ends(self, name: str, columns: tuple[str, str], switches: Table) -> tuple[Table, Ends, Shut]:
        """A table of branches, its two columns of nodes, and whether each end is closed."""
        table = self.table(name)
        nodes = table.rows_of(columns[0], self.row, "bus"), table.rows_of(columns[1], self.row, "bus")
        works = table.flags("in_service", True) & self.alive[nodes[0]] & self.alive[nodes[1]]
        closed = works.copy(), works.copy()
        row: dict[Hashable, int] = {key: at for at, key in enumerate(self.keys(name))}
        element, bus = switches.rows_of("element", row, name), switches.rows_of("bus", self.row, "bus")
        for at, (branch, node, shut) in enumerate(zip(element, bus, switches.flags("closed", True), strict=True)):
            ends = [end for end in (0, 1) if nodes[end][branch] == node]
            if not ends:
                raise SourceError(f"this switch is at no end of its {name}", where=switches.where_row(at, "bus"),
                                  fix="name one of the bus bars it begins or ends at")  # fmt: skip
            closed[ends[0]][branch] &= shut
        return table, nodes, closed

    def _lines(self, table: Table, nodes: Ends, closed: Shut) -> None:
        length, parallel = table.numbers("length_km"), table.numbers("parallel", 1.0)
        if (parallel < 1).any():
            raise SourceError("fewer than one parallel line", where=table.where, fix="give 1 or more in `parallel`")
        if (table.numbers("g_us_per_km", 0.0) != 0).any():
            self.draft.notes.append("conductance of lines (g_us_per_km) left out")
        self.draft.lines.append(Lines(
            self._names("line", table), *nodes, table.numbers("r_ohm_per_km") * length / parallel,
            table.numbers("x_ohm_per_km") * length / parallel,
            table.numbers("c_nf_per_km", 0.0) * length * parallel * NANO,
            table.numbers("max_i_ka", np.inf, endless=True) * KILO * table.numbers("df", 1.0) * parallel, *closed,
        ))  # fmt: skip

    def _switches(self, table: Table) -> None:
        """Switches between two buses."""
        start, end = (table.rows_of(column, self.row, "bus") for column in ("bus", "element"))
        closed = table.flags("closed", True) & self.alive[start] & self.alive[end]
        rated = table.numbers("in_ka", np.inf, endless=True) * KILO
        lines = couplers(table.texts("name", ""), start, end, rated, closed)
        ohm = table.numbers("z_ohm", 0.0)
        reactance = np.maximum(ohm, 0.0) / sqrt(1 + R_TO_X**2)
        self.draft.lines.append(replace(lines, r_ohm=R_TO_X * reactance, x_ohm=reactance))

    def _transformers(self, table: Table, nodes: Ends, closed: Shut) -> None:
        parallel, notes = table.numbers("parallel", 1.0), self.draft.notes
        va = table.numbers("sn_mva") * MEGA * parallel
        side = [text.lower() for text in table.texts("tap_side", "")]
        tap, neutral = self._taps(table, side)
        if (table.numbers("tap_step_degree", 0.0) != 0).any():
            notes.append("tap changers that turn the phase (tap_step_degree) are taken as changing the voltage only")
        if (table.numbers("df", 1.0) != 1).any():
            notes.append("rating factors of transformers (df) left out")
        if table.has("tap2_pos"):
            notes.append("second tap changers (tap2_pos) left out")
        on_load = table.flags("oltc", False)
        self.draft.transformers.append(Transformers(
            self._names("trafo", table), *nodes, table.numbers("vn_hv_kv") * KILO, table.numbers("vn_lv_kv") * KILO,
            va, table.numbers("vk_percent") * PERCENT,
            table.numbers("vkr_percent") * PERCENT * va, table.numbers("pfe_kw", 0.0) * KILO * parallel,
            table.numbers("i0_percent", 0.0) * PERCENT, clocks(table.numbers("shift_degree", 0.0), notes), tap,
            _whole(table.numbers("tap_min", 0.0)), _whole(table.numbers("tap_max", 0.0)), neutral,
            table.numbers("tap_step_percent", 0.0) * PERCENT, np.array([one == "lv" for one in side], np.bool_),
            on_load, *closed,
        ))  # fmt: skip

    def _taps(self, table: Table, side: list[str]) -> tuple[Rows, Rows]:
        """Positions and neutral positions; a changer that pandapower passes over stands in neutral."""
        neutral = table.numbers("tap_neutral", 0.0)
        tap = np.array([table.number(at, "tap_pos", float(neutral[at])) for at in range(len(table))])
        if any("tap_changer_type" in row for row in table.rows):
            works = np.array([kind.lower() in TAPPED for kind in table.texts("tap_changer_type", "")], np.bool_)
        else:
            works = np.ones(len(table), np.bool_)
        works &= np.array([one in ("hv", "lv") for one in side], np.bool_)
        off = int((~works & (tap != neutral)).sum())
        if off:
            self.draft.notes.append(
                f"tap position of {counted(off, 'transformer')} without a tap_changer_type or side not taken over: "
                "pandapower passes over it too"
            )
        return _whole(np.where(works, tap, neutral)), _whole(neutral)

    def _sources(self) -> None:
        table = self.table("ext_grid")
        at = table.rows_of("bus", self.row, "bus")
        closed = table.flags("in_service", True) & self.alive[at]
        self.draft.sources.append(Sources(self._names("ext_grid", table), at, table.numbers("vm_pu", 1.0), closed))

    def _units(self) -> None:
        for name, sign in (("load", 1), ("sgen", -1), ("gen", -1), ("storage", 1), ("shunt", 1)):
            table = self.table(name)
            if not len(table):
                continue
            factor = sign * MEGA * table.numbers("scaling" if name != "shunt" else "step", 1.0)
            at = table.rows_of("bus", self.row, "bus")
            kinds = [_kind(name, kind) for kind in table.texts("type", "")]
            units = units_of(self._names(name, table), at, kinds, table.numbers("p_mw", 0.0) * factor,
                             table.numbers("q_mvar", 0.0) * factor,
                             table.flags("in_service", True) & self.alive[at])  # fmt: skip
            columns: dict[str, Any] = {"profiles": tuple(table.texts("profile", ""))}
            if name == "storage":
                columns["storage_wh"] = table.numbers("max_e_mwh", 0.0) * MEGA
                columns["rated_w"] = _largest(units.rated_w, table)
            self.draft.units.append(replace(units, **columns))
            if any((table.numbers(column, 0.0) != 0).any() for column in DEPENDS_ON_VOLTAGE):
                self.draft.notes.append(f"{name}s that depend on voltage are taken as drawing constant power")
            if name == "gen":
                self.draft.notes.append(f"{counted(len(table), 'generator')} feed in without keeping a voltage")
            if name == "shunt":
                self.draft.notes.append(f"{counted(len(table), 'shunt')} taken as what they draw at rated voltage")


def _frame(value: object, where: str) -> dict[str, Any]:
    """A pandas table as it was saved."""
    if value is None:
        return {}
    if isinstance(value, dict) and "_object" in value:
        value = value["_object"]
    if isinstance(value, str):
        value = decoded(value, where)
    return mapping(value, where)


def _place(value: object) -> tuple[float, float]:
    """Coordinates of a GeoJSON point; NaN where there are none."""
    try:
        found = decoded(value, "") if isinstance(value, str) else value
    except SourceError:
        found = None
    pair = found.get("coordinates") if isinstance(found, dict) else None
    if isinstance(pair, list) and len(pair) >= 2 and all(_finite(part) for part in pair[:2]):
        return float(pair[0]), float(pair[1])
    return float("nan"), float("nan")


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def _whole(values: Floats) -> Rows:
    return np.asarray(np.clip(np.rint(values), -(2**15), 2**15), np.int32)


def _largest(watts: Floats, table: Table) -> Floats:
    """A storage's rated power: apparent power where given, else the largest power it may have, else what it has."""
    limits = np.maximum(np.abs(table.numbers("max_p_mw", 0.0)), np.abs(table.numbers("min_p_mw", 0.0))) * MEGA
    apparent = table.numbers("sn_mva", 0.0) * MEGA
    return np.asarray(np.where(apparent > 0, apparent, np.where(limits > 0, limits, watts)), np.float64)


def _kind(table: str, kind: str) -> UnitKind:
    if table in ("load", "shunt"):
        return UnitKind.LOAD
    if table == "storage":
        return UnitKind.STORAGE
    return PLANTS.get(kind.lower(), UnitKind.GENERATOR)

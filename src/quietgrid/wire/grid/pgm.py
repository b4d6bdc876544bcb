"""power-grid-model's JSON, in and out: the plain form and its dataset form.

Source: power-grid-model's documentation, "JSON serialization format specification" and "Components". Volts, amperes,
ohms, watts: as here. What the format has no place for (names, groups, coordinates, yearly energy) is written beside its
attributes; power-grid-model passes over what it does not know, and reading it back here gives the same `Network`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from quietgrid.errors import SourceError
from quietgrid.model.network import (
    GENERATING,
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
from quietgrid.wire.grid.imported import Draft, Imported, units_of
from quietgrid.wire.grid.table import Table, counted, decoded, joined, mapping, read_bytes

FORMAT = "pgm"
VERSION = "1.0"
TAKEN = ("node", "line", "link", "transformer", "source", "sym_load", "sym_gen", "asym_load", "asym_gen", "shunt")
NOT_TAKEN = ("generic_branch", "three_winding_transformer", "asym_line")
LINE, LINK = 0, 1
STIFF_VA = 1e10
"""Short-circuit power of sources in files: power-grid-model's own default."""
WYE_N, DELTA = 1, 2
HOURS, YEAR_H = 12, 8760
Row = dict[str, Any]


def read_pgm(path: Path) -> Imported:
    """Read a grid of power-grid-model.

    Raises:
        SourceError: with component, row and attribute.
    """
    return from_json(read_bytes(path), path.name)


def from_json(body: bytes, where: str) -> Imported:
    """`read_pgm` of a text."""
    return _Reader(mapping(decoded(body, where), where), where).read()


def is_pgm(document: object) -> bool:
    """Whether a JSON document is a grid of power-grid-model."""
    return isinstance(document, dict) and ("data" in document or "node" in document)


class _Reader:
    def __init__(self, document: dict[str, Any], where: str) -> None:
        self.where = where
        data = document.get("data", document)
        if document.get("is_batch") is True or document.get("type", "input") != "input":
            raise SourceError(
                "this is a batch or a result, not a grid", where=where, fix="give a dataset of type input"
            )
        self.data = mapping(data, where)
        self.attributes = mapping(document.get("attributes") or {}, f"{where}, attributes")
        beside = document.get("quietgrid")
        self.beside = beside if isinstance(beside, dict) else {}
        name = self.beside.get("name")
        self.draft = Draft(where, FORMAT, name if isinstance(name, str) and 0 < len(name) <= 200 else Path(where).stem)
        hertz = self.beside.get("frequency_hz", 50.0)
        if isinstance(hertz, int | float) and 1 <= hertz <= 1000:
            self.draft.frequency_hz = float(hertz)

    def table(self, name: str) -> Table:
        """A component's rows; empty where there are none. Rows are objects, or lists after `attributes`."""
        where = f"{self.where}, {name}"
        rows = self.data.get(name, [])
        columns = self.attributes.get(name, [])
        if not isinstance(rows, list) or not isinstance(columns, list):
            raise SourceError("this is no list", where=where, fix="give the file as power-grid-model saved it")
        found: list[Row] = []
        for row in rows:
            if isinstance(row, list) and len(row) == len(columns):
                found.append(dict(zip(map(str, columns), row, strict=True)))
            elif isinstance(row, dict):
                found.append(row)
            else:
                raise SourceError(f"row {len(found) + 1} is no component", where=where,
                                  fix="give an object, or a list as long as its attributes")  # fmt: skip
        return Table(where, found, [f"id {str(row.get('id'))[:20]}" for row in found])

    def read(self) -> Imported:
        """The whole grid."""
        for name in NOT_TAKEN:
            if len(self.table(name)):
                raise SourceError(f"{name} cannot be taken over", where=f"{self.where}, {name}",
                                  fix="replace by lines and two-winding transformers")  # fmt: skip
        known = {*TAKEN, *NOT_TAKEN, "transformer_tap_regulator"}
        rest = [name for name in self.data if name not in known and self.data[name]]
        if rest:
            self.draft.notes.append(f"left out: {', '.join(sorted(rest)[:10])}")
        nodes = self.table("node")
        self.row: dict[Hashable, int] = {int(key): at for at, key in enumerate(nodes.whole("id"))}
        if len(self.row) != len(nodes):
            raise SourceError("two nodes have one id", where=nodes.where, fix="number each once")
        x, y = (nodes.numbers(name, np.nan) for name in "xy")
        groups = self.draft.grouped(nodes.texts("group", ""))
        self.draft.nodes = Nodes(tuple(_names(nodes, "node")), nodes.numbers("u_rated"), groups, x, y)
        self._groups_in_order()
        self._lines()
        self._transformers()
        source = self.table("source")
        self.draft.sources.append(Sources(
            tuple(_names(source, "source")), source.rows_of("node", self.row, "node"), source.numbers("u_ref", 1.0),
            source.flags("status", True),
        ))  # fmt: skip
        self._units()
        return self.draft.finished()

    def _groups_in_order(self) -> None:
        """Groups as the file lists them: some may be empty, and order matters."""
        wanted = self.beside.get("groups")
        if not (isinstance(wanted, list) and all(isinstance(name, str) and name for name in wanted)):
            return
        if len(set(wanted)) != len(wanted) or not set(self.draft.groups) <= set(wanted) or self.draft.nodes is None:
            return
        row = [wanted.index(name) for name in self.draft.groups]
        moved = [NO_GROUP if group == NO_GROUP else row[group] for group in self.draft.nodes.groups.tolist()]
        self.draft.groups = tuple(wanted)
        self.draft.nodes = replace(self.draft.nodes, groups=np.array(moved, np.int32))

    def _lines(self) -> None:
        parts: list[Lines] = []
        ids: list[Rows] = []
        for name in ("line", "link"):
            table = self.table(name)
            zero = np.zeros(len(table))
            line = name == "line"
            if line and (table.numbers("tan1", 0.0) != 0).any():
                self.draft.notes.append("losses of lines' insulation (tan1) left out")
            parts.append(Lines(
                tuple(_names(table, name)), *self._ends(table), table.numbers("r1") if line else zero,
                table.numbers("x1") if line else zero, table.numbers("c1", 0.0) if line else zero,
                table.numbers("i_n", np.inf, endless=True), *_status(table),
            ))  # fmt: skip
            ids.append(table.whole("id"))
        self.draft.lines.append(_in_order(joined(parts), ids))

    def _ends(self, table: Table) -> tuple[Rows, Rows]:
        return table.rows_of("from_node", self.row, "node"), table.rows_of("to_node", self.row, "node")

    def _transformers(self) -> None:
        table = self.table("transformer")
        from_v, to_v = table.numbers("u1"), table.numbers("u2")
        at_to = table.flags("tap_side", False)
        lowest, highest = table.whole("tap_min", 0), table.whole("tap_max", 0)
        side = np.where(at_to, to_v, from_v)
        regulated = set(self.table("transformer_tap_regulator").whole("regulated_object").tolist())
        on_load = np.array([number in regulated for number in table.whole("id").tolist()], np.bool_)
        self.draft.transformers.append(Transformers(
            tuple(_names(table, "transformer")), *self._ends(table), from_v, to_v, table.numbers("sn"),
            table.numbers("uk"), table.numbers("pk"), table.numbers("p0", 0.0), table.numbers("i0", 0.0),
            table.whole("clock", 0) % HOURS, table.whole("tap_pos", 0), np.minimum(lowest, highest),
            np.maximum(lowest, highest), table.whole("tap_nom", 0),
            np.divide(table.numbers("tap_size", 0.0), side, out=np.zeros(len(table)), where=side != 0), at_to,
            on_load | table.flags("on_load", False), *_status(table),
        ))  # fmt: skip

    def _units(self) -> None:
        parts: list[Units] = []
        ids: list[Rows] = []
        for name, sign in (("sym_load", 1), ("sym_gen", -1), ("asym_load", 1), ("asym_gen", -1), ("shunt", 1)):
            table = self.table(name)
            if not len(table):
                continue
            at = table.rows_of("node", self.row, "node")
            watts, var = self._draws(table, name, at)
            default = UnitKind.GENERATOR if sign < 0 else UnitKind.LOAD
            kinds = [_kind(kind, default) for kind in table.texts("kind", default)]
            units = units_of(_names(table, name), at, kinds, sign * watts, sign * var, table.flags("status", True))
            rated = {column: table.numbers(column, np.nan) for column in ("rated_w", "rated_var")}
            parts.append(replace(
                units, storage_wh=table.numbers("storage_wh", 0.0), yearly_wh=table.numbers("yearly_wh", np.nan),
                profiles=tuple(table.texts("profile", "")),
                rated_w=np.where(np.isnan(rated["rated_w"]), units.rated_w, np.abs(rated["rated_w"])),
                rated_var=np.where(np.isnan(rated["rated_var"]), units.rated_var, rated["rated_var"]),
            ))  # fmt: skip
            ids.append(table.whole("id"))
        if parts:
            self.draft.units.append(_in_order(joined(parts), ids))

    def _draws(self, table: Table, name: str, at: Rows) -> tuple[Floats, Floats]:
        """What rows draw or give, in their own direction."""
        if name == "shunt":
            self.draft.notes.append(f"{counted(len(table), 'shunt')} taken as what they draw at rated voltage")
            assert self.draft.nodes is not None
            square = self.draft.nodes.rated_v[at] ** 2
            return table.numbers("g1", 0.0) * square, -table.numbers("b1", 0.0) * square
        if name.startswith("asym"):
            self.draft.notes.append(f"{counted(len(table), name)} taken as balanced")
            rows = [
                {**row, **{key: _sum(row.get(key)) for key in ("p_specified", "q_specified")}} for row in table.rows
            ]
            table = Table(table.where, rows, table.keys)
        return table.numbers("p_specified", 0.0), table.numbers("q_specified", 0.0)


def _sum(value: object) -> object:
    """Of three phases; what is no list stays, for the reader to refuse."""
    if isinstance(value, list) and all(isinstance(part, int | float) and not isinstance(part, bool) for part in value):
        return math.fsum(part for part in value if abs(part) < 1e30)
    return value


def _kind(name: str, default: UnitKind) -> UnitKind:
    return UnitKind(name) if name in list(UnitKind) else default


def _status(table: Table) -> tuple[Flags, Flags]:
    return table.flags("from_status", True), table.flags("to_status", True)


def _names(table: Table, what: str) -> list[str]:
    return [name or f"{what} {number}" for name, number in zip(table.texts("name", ""), table.whole("id"), strict=True)]


def _in_order(part: Any, ids: list[Rows]) -> Any:
    """A table of the model in the order of its rows' numbers."""
    order = np.argsort(np.concatenate(ids), kind="stable")
    return replace(part, **{
        name: tuple(column[at] for at in order.tolist()) if isinstance(column, tuple) else column[order]
        for name, column in vars(part).items()
    })  # fmt: skip


def write_pgm(network: Network) -> bytes:
    """A network as power-grid-model's JSON (dataset form, a row an object); `from_json` gives the same network back.

    In it units draw or feed in their mean of the year, or rated power where that is unknown; storages do nothing.
    """
    n, m, k = len(network.nodes.names), len(network.lines.names), len(network.transformers.names)
    s = len(network.sources.names)
    data: dict[str, list[Row]] = {"node": _node_rows(network), "line": [], "link": []}
    for row, coupler in zip(_line_rows(network, n), network.lines.couplers.tolist(), strict=True):
        if coupler:
            row = {key: value for key, value in row.items() if key not in ("r1", "x1", "c1", "tan1")}
        data["link" if coupler else "line"].append(row)
    data["transformer"] = _transformer_rows(network, n + m)
    sources = network.sources
    data["source"] = [
        {"id": n + m + k + i, "node": int(sources.nodes[i]), "status": int(sources.closed[i]),
         "u_ref": float(sources.voltage[i]), "sk": STIFF_VA, "name": sources.names[i]} for i in range(s)
    ]  # fmt: skip
    data["sym_load"], data["sym_gen"] = [], []
    for row, kind in zip(_unit_rows(network, n + m + k + s), network.units.kinds, strict=True):
        data["sym_gen" if kind in GENERATING else "sym_load"].append(row)
    beside = {"name": network.name, "groups": list(network.groups), "frequency_hz": network.frequency_hz}
    document = {"version": VERSION, "type": "input", "is_batch": False, "attributes": {}, "data": data,
                "quietgrid": beside}  # fmt: skip
    return msgspec.json.encode(document) + b"\n"


def _node_rows(network: Network) -> list[Row]:
    nodes = network.nodes
    rows = []
    for i, name in enumerate(nodes.names):
        row: Row = {"id": i, "u_rated": float(nodes.rated_v[i]), "name": name}
        if nodes.groups[i] != NO_GROUP:
            row["group"] = network.groups[nodes.groups[i]]
        rows.append(row | _known(x=nodes.x[i], y=nodes.y[i]))
    return rows


def _known(**columns: float) -> Row:
    """Those that are finite."""
    return {name: float(value) for name, value in columns.items() if math.isfinite(value)}


def _line_rows(network: Network, first: int) -> list[Row]:
    lines = network.lines
    return [
        {"id": first + i, "from_node": int(lines.from_node[i]), "to_node": int(lines.to_node[i]),
         "from_status": int(lines.from_closed[i]), "to_status": int(lines.to_closed[i]), "r1": float(lines.r_ohm[i]),
         "x1": float(lines.x_ohm[i]), "c1": float(lines.c_farad[i]), "tan1": 0.0, "name": name}
        | _known(i_n=lines.rated_a[i])
        for i, name in enumerate(lines.names)
    ]  # fmt: skip


def _transformer_rows(network: Network, first: int) -> list[Row]:
    tf = network.transformers
    return [
        {"id": first + i, "from_node": int(tf.from_node[i]), "to_node": int(tf.to_node[i]),
         "from_status": int(tf.from_closed[i]), "to_status": int(tf.to_closed[i]), "u1": float(tf.from_v[i]),
         "u2": float(tf.to_v[i]), "sn": float(tf.rated_va[i]), "uk": float(tf.short_circuit[i]),
         "pk": float(tf.copper_w[i]), "i0": float(tf.no_load[i]), "p0": float(tf.iron_w[i]),
         "winding_from": DELTA if tf.clock[i] % 2 else WYE_N, "winding_to": WYE_N, "clock": int(tf.clock[i]),
         "tap_side": int(tf.tap_at_to[i]), "tap_pos": int(tf.tap[i]), "tap_min": int(tf.tap_min[i]),
         "tap_max": int(tf.tap_max[i]), "tap_nom": int(tf.tap_neutral[i]),
         "tap_size": float(tf.tap_size[i] * (tf.to_v[i] if tf.tap_at_to[i] else tf.from_v[i])), "name": name,
         "on_load": bool(tf.on_load[i])}
        for i, name in enumerate(tf.names)
    ]  # fmt: skip


def _mean_share(units: Units, row: int) -> float:
    """What a unit draws on average, of its rated power."""
    if units.kinds[row] is UnitKind.STORAGE or not units.rated_w[row]:
        return 0.0
    yearly = float(units.yearly_wh[row])
    return 1.0 if math.isnan(yearly) else min(1.0, yearly / YEAR_H / float(units.rated_w[row]))


def _unit_rows(network: Network, first: int) -> list[Row]:
    units = network.units
    rows = []
    for i, (name, kind, profile) in enumerate(zip(units.names, units.kinds, units.profiles, strict=True)):
        share, sign = _mean_share(units, i), -1 if kind in GENERATING else 1
        row: Row = {
            "id": first + i, "node": int(units.nodes[i]), "status": int(units.closed[i]), "type": 0,
            "p_specified": share * float(units.rated_w[i]), "q_specified": sign * share * float(units.rated_var[i]),
            "name": name, "kind": str(kind), "rated_w": float(units.rated_w[i]),
            "rated_var": float(units.rated_var[i]), "storage_wh": float(units.storage_wh[i]),
        }  # fmt: skip
        if profile:
            row["profile"] = profile
        rows.append(row | _known(yearly_wh=units.yearly_wh[i]))
    return rows

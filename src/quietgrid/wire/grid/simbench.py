"""SimBench's CSV format: a folder (or a ZIP archive) with a file a table, semicolons, NULL for nothing.

Source: S. Meinecke et al., *SimBench – Documentation*, 2021, chapter "Data format" (Node, Line, LineType, Transformer,
TransformerType, Switch, ExternalNet, Load, RES, PowerPlant, Storage, Coordinates). MW, Mvar, kV, km, A.

A switch at the end of a line stands in this format between a busbar and an *auxiliary* node at which the line begins.
Such an auxiliary node is left out: the line begins at the busbar, and its end is open where the switch is.
"""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from dataclasses import replace
from io import BytesIO, StringIO
from math import pi
from pathlib import Path
from typing import Any

import numpy as np

from quietgrid.errors import SourceError
from quietgrid.model.network import Floats, Lines, Nodes, Rows, Sources, Transformers, UnitKind
from quietgrid.wire.grid.imported import Draft, Imported, clocks, couplers, proportioned, units_of
from quietgrid.wire.grid.table import MAX_BYTES, Table, counted, read_bytes

FORMAT = "simbench"
NEEDED = ("Node", "Line", "LineType", "ExternalNet")
READ = (*NEEDED, "Transformer", "TransformerType", "Switch", "Load", "RES", "PowerPlant", "Storage", "Coordinates")
NOT_TAKEN = ("Shunt", "Transformer3W", "DCLine")
FIRM = ("vavm", "vvm")
MEGA, KILO, PERCENT = 1e6, 1e3, 0.01
PLANTS = {"pv": UnitKind.PV, "wind": UnitKind.WIND, "wind onshore": UnitKind.WIND, "wp": UnitKind.WIND}
FREQUENCY_HZ = 50.0


def read_simbench(path: Path) -> Imported:
    """Read a grid.

    Args:
        path: Folder of CSV files, one of them, or a ZIP archive of them.

    Raises:
        SourceError: with file, row and column.
    """
    files = _files(path)
    missing = [name for name in NEEDED if name not in files]
    if missing:
        raise SourceError(f"{', '.join(f'{name}.csv' for name in missing)} is not there", where=path.name,
                          fix="give the folder of a SimBench grid")  # fmt: skip
    tables = {name: _table(files[name], f"{name}.csv") if name in files else Table(f"{name}.csv", []) for name in READ}
    for name in NOT_TAKEN:
        if name in files and len(_table(files[name], f"{name}.csv")):
            raise SourceError(f"{name} is not supported", where=f"{name}.csv",
                              fix="give a grid of lines and two-winding transformers")  # fmt: skip
    if not len(tables["Node"]):
        raise SourceError("there are no nodes", where="Node.csv", fix="give a grid")
    name = path.parent.name if path.suffix == ".csv" else path.stem
    return _Reader(tables, Draft(path.name, FORMAT, name or "SimBench", FREQUENCY_HZ)).read()


def _files(path: Path) -> dict[str, bytes]:
    """Every table's text by name."""
    folder = path.parent if path.suffix.lower() == ".csv" else path
    if folder.is_dir():
        return {name: read_bytes(file) for name in (*READ, *NOT_TAKEN) if (file := folder / f"{name}.csv").is_file()}
    try:
        with zipfile.ZipFile(BytesIO(read_bytes(path))) as archive:
            inside = [one for one in archive.infolist() if Path(one.filename).stem in (*READ, *NOT_TAKEN)]
            if sum(one.file_size for one in inside) > MAX_BYTES:
                raise SourceError(f"the archive holds more than {MAX_BYTES >> 20} MiB", where=path.name,
                                  fix="leave profiles out")  # fmt: skip
            return {Path(one.filename).stem: archive.read(one) for one in inside}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise SourceError("this is no ZIP archive that can be read", where=path.name, fix="give a folder") from error


def _table(body: bytes, where: str) -> Table:
    try:
        head, *rows = [row for row in csv.reader(StringIO(body.decode("utf-8-sig")), delimiter=";") if row] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError("this is no CSV file", where=where, fix="use UTF-8 and semicolons") from error
    found: list[dict[str, Any]] = []
    for line, row in enumerate(rows, start=2):
        if len(row) != len(head):
            raise SourceError(f"{len(row)} cells under {len(head)} columns", where=f"{where}, line {line}",
                              fix="write one cell a column, NULL for nothing")  # fmt: skip
        found.append({name: None if cell == "NULL" else cell for name, cell in zip(head, row, strict=True)})
    return Table(where, found, [_key(row, line) for line, row in enumerate(found, start=2)])


def _key(row: dict[str, Any], line: int) -> str:
    return f"line {line} ({str(row['id'])[:40]})" if row.get("id") else f"line {line}"


class _Reader:
    def __init__(self, tables: dict[str, Table], draft: Draft) -> None:
        self.tables, self.draft = tables, draft
        nodes = tables["Node"]
        self.ids = nodes.texts("id")
        twice = [name for name, times in Counter(self.ids).items() if times > 1]
        if twice:
            raise SourceError(f"two nodes are called {twice[0]}", where=nodes.where, fix="name each once")
        self.row = {name: at for at, name in enumerate(self.ids)}
        self.kept = np.ones(len(self.ids), np.bool_)
        self.stands_for = np.arange(len(self.ids), dtype=np.int32)
        self.closed_at = np.ones(len(self.ids), np.bool_)

    def read(self) -> Imported:
        """The whole grid."""
        switches = self._fold_switches()
        new = (np.cumsum(self.kept) - 1).astype(np.int32)
        self._nodes()
        self._lines(new)
        self._switches(switches, new)
        self._transformers(new)
        self._sources(new)
        self._units(new)
        return self.draft.finished()

    def _fold_switches(self) -> Table:
        """Leave auxiliary nodes out that join one switch and one branch; the other switches."""
        switches, tables = self.tables["Switch"], self.tables
        ends = Counter(
            self.row.get(str(row.get(column)))
            for name, columns in (("Line", ("nodeA", "nodeB")), ("Transformer", ("nodeHV", "nodeLV")))
            for row in tables[name].rows for column in columns
        )  # fmt: skip
        start = switches.rows_of("nodeA", self.row, "node")
        end = switches.rows_of("nodeB", self.row, "node")
        at_switch = Counter([*start.tolist(), *end.tolist()])
        kinds = tables["Node"].texts("type", "busbar")
        held = {
            self.row.get(str(row.get("node")))
            for name in ("Load", "RES", "PowerPlant", "Storage", "ExternalNet") for row in tables[name].rows
        }  # fmt: skip

        def folds(node: int) -> bool:
            auxiliary = kinds[node].startswith("aux")
            return auxiliary and at_switch[node] == 1 and ends[node] == 1 and node not in held

        closed, stays = switches.flags("cond", True), np.ones(len(switches), np.bool_)
        for at, pair in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
            for node, busbar in (pair, pair[::-1]):
                if folds(node) and not folds(busbar):
                    self.kept[node], self.stands_for[node] = False, busbar
                    self.closed_at[node], stays[at] = closed[at], False
                    break
        return switches.pick(stays)

    def _nodes(self) -> None:
        kept = self.tables["Node"].pick(self.kept)
        x, y = proportioned(*self._places(kept))
        volts = kept.numbers("vmR") * KILO
        groups = self.draft.grouped(["" for _ in range(len(kept))])
        self.draft.nodes = Nodes(tuple(kept.texts("id")), volts, groups, x, y)

    def _places(self, nodes: Table) -> tuple[Floats, Floats]:
        where = self.tables["Coordinates"]
        by_id = dict(zip(where.texts("id"), zip(where.numbers("x"), where.numbers("y"), strict=True), strict=True))
        found = [by_id.get(name, (np.nan, np.nan)) for name in nodes.texts("coordID", "")]
        return np.array([x for x, _ in found], np.float64), np.array([y for _, y in found], np.float64)

    def _lines(self, new: Rows) -> None:
        table, kinds = self.tables["Line"], self.tables["LineType"]
        kind = table.rows_of("type", _by_id(kinds), "line type")
        length = table.numbers("length")
        start, end = (table.rows_of(column, self.row, "node") for column in ("nodeA", "nodeB"))
        per_km = {name: kinds.numbers(name)[kind] for name in ("r", "x", "b", "iMax")}
        self.draft.lines.append(Lines(
            tuple(table.texts("id")), new[self.stands_for[start]], new[self.stands_for[end]], per_km["r"] * length,
            per_km["x"] * length, per_km["b"] * 1e-6 * length / (2 * pi * FREQUENCY_HZ),
            per_km["iMax"] * table.numbers("loadingMax", 100.0) * PERCENT, self.closed_at[start], self.closed_at[end],
        ))  # fmt: skip

    def _switches(self, table: Table, new: Rows) -> None:
        start, end = (table.rows_of(column, self.row, "node") for column in ("nodeA", "nodeB"))
        self.draft.lines.append(
            couplers(table.texts("id"), new[self.stands_for[start]], new[self.stands_for[end]],
                     np.full(len(table), np.inf), table.flags("cond", True))
        )  # fmt: skip

    def _transformers(self, new: Rows) -> None:
        table, kinds = self.tables["Transformer"], self.tables["TransformerType"]
        kind = table.rows_of("type", _by_id(kinds), "transformer type")
        start, end = (table.rows_of(column, self.row, "node") for column in ("nodeHV", "nodeLV"))

        def of_kind(column: str, unit: float) -> Floats:
            return np.asarray(kinds.numbers(column, 0.0)[kind] * unit, np.float64)

        va = kinds.numbers("sR")[kind] * MEGA
        changer = kinds.flags("tapable", False)[kind]
        if (of_kind("dVa", 1) != 0).any():
            self.draft.notes.append("tap changers that turn the phase (dVa) are taken as changing the voltage only")
        neutral, lowest, highest = (
            kinds.whole(column, 0)[kind] * changer for column in ("tapNeutr", "tapMin", "tapMax")
        )  # fmt: skip
        at_to = np.array([side.upper() == "LV" for side in kinds.texts("tapside", "HV")], np.bool_)[kind]
        self.draft.transformers.append(Transformers(
            tuple(table.texts("id")), new[self.stands_for[start]], new[self.stands_for[end]], of_kind("vmHV", KILO),
            of_kind("vmLV", KILO), va, of_kind("vmImp", PERCENT), of_kind("pCu", KILO), of_kind("pFe", KILO),
            of_kind("iNoLoad", PERCENT), clocks(of_kind("va0", 1.0), self.draft.notes),
            np.asarray(table.whole("tappos", 0) * changer, np.int32), np.asarray(lowest, np.int32),
            np.asarray(highest, np.int32), np.asarray(neutral, np.int32), of_kind("dVm", PERCENT) * changer, at_to,
            table.flags("autoTap", False), self.closed_at[start], self.closed_at[end],
        ))  # fmt: skip

    def _sources(self, new: Rows) -> None:
        table = self.tables["ExternalNet"]
        firm = np.array([kind.lower() in FIRM for kind in table.texts("calc_type", "vavm")], np.bool_)
        if not firm.all():
            self.draft.notes.append(f"{counted(int((~firm).sum()), 'external net')} of no firm voltage left out")
        table = table.pick(firm)
        at = table.rows_of("node", self.row, "node")
        volts = self.tables["Node"].numbers("vmSetp", 1.0)[at]
        self.draft.sources.append(Sources(tuple(table.texts("id")), new[at], volts, np.ones(len(table), np.bool_)))

    def _units(self, new: Rows) -> None:
        for name, watts, var, sign in (
            ("Load", "pLoad", "qLoad", 1), ("RES", "pRES", "qRES", -1), ("PowerPlant", "pPP", "qPP", -1),
            ("Storage", "pStor", "qStor", 1),
        ):  # fmt: skip
            table = self.tables[name]
            if not len(table):
                continue
            draw = sign * table.numbers(watts, 0.0) * MEGA
            kinds = [self._kind(name, kind) for kind in table.texts("type", "")]
            reactive = sign * table.numbers(var, 0.0) * MEGA
            units = units_of(table.texts("id"), new[table.rows_of("node", self.row, "node")], kinds, draw, reactive,
                             np.ones(len(table), np.bool_))  # fmt: skip
            columns: dict[str, Any] = {"profiles": tuple(table.texts("profile", ""))}
            if name == "Storage":
                columns["rated_w"] = table.numbers("sR", 0.0) * MEGA
                columns["storage_wh"] = table.numbers("eStore", 0.0) * MEGA
            self.draft.units.append(replace(units, **columns))
        plants = self.tables["PowerPlant"]
        if len(plants):
            self.draft.notes.append(
                f"{counted(len(plants), 'power plant')} taken as feeding in without keeping a voltage"
            )

    @staticmethod
    def _kind(table: str, kind: str) -> UnitKind:
        if table == "Load":
            return UnitKind.LOAD
        if table == "Storage":
            return UnitKind.STORAGE
        return PLANTS.get(kind.lower(), UnitKind.GENERATOR)


def _by_id(table: Table) -> dict[Any, int]:
    return {name: at for at, name in enumerate(table.texts("id"))}

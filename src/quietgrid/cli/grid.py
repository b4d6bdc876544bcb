"""`quietgrid grid`: bring a grid in, check it, draw it, show it, go back to an earlier one.

`app` is what other commands of `quietgrid grid` hang on.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import InputError, NotFoundError, SourceError

if TYPE_CHECKING:
    from quietgrid.balance.findings import Finding
    from quietgrid.model.network import Network
    from quietgrid.wire.grid import Imported

app = command_app("grid", "The grid: import, check, draw, show, export, undo; and how it runs.")
Format = Literal["auto", "simbench", "pandapower", "pgm"]
Groups = Annotated[str, Parameter(help="file (as the file has them), feeders, or a CSV file: node,group.")]
SAMPLE = "demo"
"""Stands for the sample's grid where a file is asked for."""
FOUND_ERRORS = 2
MARKS = {"error": "■", "warning": "▲", "note": "·"}


@app.command(name="import")
def import_(
    file: Path, *, format: Format = "auto", groups: Groups = "file", by: str = "operator",
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Bring a grid in and put it in force; the one before is kept, `undo` goes back.

    Args:
        file: SimBench folder or ZIP, JSON of pandapower or power-grid-model, or `demo`.
        format: Told from the file unless given.
        by: Who does it, for the audit log.
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import platform_tx
    from quietgrid.runtime.grid_network import pack

    found = _read(file, format, groups)
    network, wrong = found.network, _findings(found.network)
    errors = [one for one in wrong if one.severity == "error"]
    if errors:
        first = errors[0]
        raise InputError(f"{first.said}; {len(errors)} errors in all", where=f"{file}: {first.element}",
                         fix=f"{first.fix}; `quietgrid grid check {file}` lists them")  # fmt: skip
    with platform_tx(state) as tx:
        before = tx.grid.network_version()
        version = tx.grid.put_network(network.name, pack(network), by)
        if version != before:
            tx.log.append(by, "grid.network", f"version {version}", {"nodes": len(network.nodes.names)})
    same = "; it was in force already" if version == before else ""
    emit(as_json, {"version": version, "changed": version != before, **_about(network), "notes": list(found.notes),
                   "findings": [_finding(one) for one in wrong]},
         [f"{_counts(network)}: in force as version {version}{same}", *_notes(found), *map(_line, wrong)])  # fmt: skip
    return 0


@app.command
def check(file: Path, *, format: Format = "auto", groups: Groups = "file", as_json: Json = False) -> int:
    """Look for what is wrong with a grid; exit code 2 if there are errors.

    Args:
        file: SimBench folder or ZIP, JSON of pandapower or power-grid-model, or `demo`.
        format: Told from the file unless given.
    """
    found = _read(file, format, groups)
    wrong = _findings(found.network)
    errors = sum(one.severity == "error" for one in wrong)
    text = [f"{_counts(found.network)} ({found.format})", *_notes(found), *map(_line, wrong)]
    emit(as_json, {**_about(found.network), "format": found.format, "notes": list(found.notes), "errors": errors,
                   "findings": [_finding(one) for one in wrong]},
         text if wrong else [*text, "nothing is wrong"])  # fmt: skip
    return FOUND_ERRORS if errors else 0


@app.command
def draw(
    file: Path | None = None, *, out: Path, format: Format = "auto", groups: Groups = "file", width: int = 1440,
    map: Annotated[bool, Parameter(negative="")] = False, mean: Annotated[bool, Parameter(negative="")] = False,
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Draw the one-line diagram of a grid as SVG.

    Args:
        file: What to draw; the grid in force unless told. `demo` is the sample's.
        out: SVG file to write.
        format: Told from the file unless given.
        width: Pixels it is made for: 390 for a telephone.
        map: Draw nodes where they are.
        mean: Colour by voltages and loadings at everybody's mean of the year.
        state: Folder of databases and keys.
    """
    from quietgrid.balance.diagram import Look, diagram

    network = _read(file, format, groups).network if file else _in_force(state)[1]
    states = _at_mean(network) if mean else None
    svg = diagram(network, states, Look(width=width, places=map, alone=True))
    try:
        out.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise InputError("the picture cannot be written", where=str(out), fix=str(error.strerror)) from error
    emit(as_json, {"file": str(out), "bytes": len(svg.encode()), **_about(network)}, [f"{out}: {_counts(network)}"])
    return 0


@app.command
def show(*, state: Path | None = None, as_json: Json = False) -> int:
    """Show the grid in force: what it holds, its groups, its versions.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import platform_tx

    version, network = _in_force(state)
    with platform_tx(state) as tx:
        rows = tx.grid.networks()
    groups = _groups(network)
    versions = [{"version": r.version, "name": r.name, "by": r.by, "at": r.at} for r in rows]
    text = [f"version {version}: {_counts(network)}", ""]
    text += table(["group", "nodes", "units", "fed through"], [list(one.values()) for one in groups])
    text += ["", *table(["version", "name", "by", "since"], [[r.version, r.name, r.by, _when(r.at)] for r in rows])]
    emit(as_json, {"version": version, **_about(network), "groups": groups, "versions": versions}, text)
    return 0


@app.command
def undo(*, to: int | None = None, by: str = "operator", state: Path | None = None, as_json: Json = False) -> int:
    """Put an earlier grid in force again, as a new version; twice brings back what was undone.

    Args:
        to: Which version; the one before unless told.
        by: Who does it, for the audit log.
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import platform_tx

    with platform_tx(state) as tx:
        newest = tx.grid.network_version()
        wanted = newest - 1 if to is None else to
        row = next((one for one in tx.grid.networks() if one.version == wanted), None)
        if row is None:
            raise NotFoundError("there is no such version of the grid", where=f"version {wanted}",
                                fix="`quietgrid grid show` lists them")  # fmt: skip
        version = tx.grid.put_network(row.name, row.body, by)
        if version != newest:
            tx.log.append(by, "grid.network", f"version {version}", {"again": wanted})
    emit(as_json, {"version": version, "again": wanted}, [f"version {wanted} is in force again, as version {version}"])
    return 0


@app.command
def export(file: Path | None = None, *, out: Path, format: Format = "auto", groups: Groups = "file",
           state: Path | None = None, as_json: Json = False) -> int:  # fmt: skip
    """Write a grid as JSON of power-grid-model; `import` reads it back without loss.

    Args:
        file: What to write; the grid in force unless told.
        out: JSON file to write.
        format: Told from the file unless given.
        state: Folder of databases and keys.
    """
    from quietgrid.wire.grid import write_pgm

    network = _read(file, format, groups).network if file else _in_force(state)[1]
    try:
        out.write_bytes(write_pgm(network))
    except OSError as error:
        raise InputError("the grid cannot be written", where=str(out), fix=str(error.strerror)) from error
    emit(as_json, {"file": str(out), **_about(network)}, [f"{out}: {_counts(network)}"])
    return 0


def _read(file: Path, format_: str, groups: str) -> Imported:
    """A file's grid, with the groups that were asked for."""
    from dataclasses import replace

    from quietgrid.balance.topology import grouped_by_feeder
    from quietgrid.demo import demo_network
    from quietgrid.wire.grid import Imported, read_grid

    sample = str(file) == SAMPLE and not file.exists()
    found = Imported(demo_network(), SAMPLE) if sample else read_grid(file, format_)
    if groups == "file":
        return found
    if groups == "feeders":
        return replace(found, network=grouped_by_feeder(found.network))
    return replace(found, network=_with_groups(found.network, Path(groups)))


def _with_groups(network: Network, path: Path) -> Network:
    """Groups of nodes from a CSV file with the columns node and group."""
    from dataclasses import replace

    import numpy as np

    from quietgrid.model.network import NO_GROUP

    try:
        rows = list(csv.DictReader(StringIO(path.read_text(encoding="utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError("the groups cannot be read", where=str(path), fix="file, feeders, or a CSV file") from error
    row = {name: at for at, name in enumerate(network.nodes.names)}
    groups, of = list[str](), np.full(len(row), NO_GROUP, np.int32)
    for line, one in enumerate(rows, start=2):
        node, group = one.get("node") or "", one.get("group") or ""
        if node not in row:
            raise SourceError(f"there is no node {node[:40]!r}", where=f"{path.name}, line {line}, column node",
                              fix="name a node of the grid; the header is node,group")  # fmt: skip
        if group and group not in groups:
            groups.append(group)
        of[row[node]] = groups.index(group) if group else NO_GROUP
    return replace(network, nodes=replace(network.nodes, groups=of), groups=tuple(groups))


def _in_force(state: Path | None) -> tuple[int, Network]:
    """The grid in force and its version."""
    from quietgrid.cli.chain import platform_tx
    from quietgrid.runtime.grid_network import unpack

    with platform_tx(state) as tx:
        row = tx.grid.network()
    if row is None:
        raise NotFoundError("no grid is in force", where="grid", fix="`quietgrid grid import FILE` brings one")
    return row.version, unpack(row.body)


def _findings(network: Network) -> list[Finding]:
    from quietgrid.balance.findings import findings

    return findings(network)


def _at_mean(network: Network) -> Any:
    """Voltages and loadings where every unit draws its mean of the year; unknown ones draw nothing."""
    import numpy as np

    from quietgrid.algorithms.powerflow import Model
    from quietgrid.balance.diagram import shown

    units = network.units
    mean = np.nan_to_num(units.yearly_wh / 8760) * units.sign
    share = np.divide(np.abs(mean), units.rated_w, out=np.zeros(len(units)), where=units.rated_w > 0)
    flow = Model(network).flow(mean[None], (units.rated_var * share)[None])
    return shown(flow.voltage[0], flow.loading[0])


def _about(network: Network) -> dict[str, Any]:
    return {
        "name": network.name, "nodes": len(network.nodes.names), "lines": len(network.lines.names),
        "transformers": len(network.transformers.names), "units": len(network.units),
    }  # fmt: skip


def _groups(network: Network) -> list[dict[str, Any]]:
    return [
        {"group": name, "nodes": int((network.nodes.groups == at).sum()),
         "units": int((network.unit_groups == at).sum()),
         "heads": ", ".join(network.branch_names[branch] for branch, group in network.heads if group == at)}
        for at, name in enumerate(network.groups)
    ]  # fmt: skip


def _counts(network: Network) -> str:
    kinds = {"nodes": len(network.nodes.names), "lines": len(network.lines.names),
             "transformers": len(network.transformers.names), "units": len(network.units),
             "groups": len(network.groups)}  # fmt: skip
    return f"{network.name}: " + ", ".join(f"{n:,} {what if n != 1 else what[:-1]}" for what, n in kinds.items())


def _finding(one: Finding) -> dict[str, str]:
    return {"rule": one.rule, "severity": one.severity.value, "element": one.element, "said": one.said, "fix": one.fix}


def _line(one: Finding) -> str:
    return f"{MARKS[one.severity.value]} {one.severity.value} [{one.rule}] {one.said} – {one.fix}"


def _notes(found: Imported) -> list[str]:
    return [f"· {note}" for note in found.notes]


def _when(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M UTC")

"""SimBench's CSV: what its auxiliary nodes become, and errors that name file, line and column."""

import shutil
import zipfile
from pathlib import Path

import pytest

from quietgrid.errors import SourceError
from quietgrid.wire.grid import read_grid, read_simbench
from tests.wire.grid.networks import GRIDS, assert_same


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GRIDS / "urban6", tmp_path / "urban6"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def switch_of(folder: Path, line: str) -> str:
    """The row of the switch at the begin of a line."""
    begin = next(
        row.split(";")[1] for row in (folder / "Line.csv").read_text().splitlines() if row.startswith(line + ";")
    )
    return next(row for row in (folder / "Switch.csv").read_text().splitlines() if f";{begin};" in row)


def test_auxiliary_nodes_are_left_out(folder: Path) -> None:
    network = read_simbench(folder).network
    assert len((folder / "Node.csv").read_text().splitlines()) > 2 * len(network.nodes.names)
    assert not any("_" in name for name in network.nodes.names)
    assert network.lines.from_closed.all()


def test_an_open_switch_opens_its_end(folder: Path) -> None:
    before = read_simbench(folder).network
    row = switch_of(folder, before.lines.names[3])
    cells = row.split(";")
    cells[4] = "0"
    change(folder / "Switch.csv", row, ";".join(cells))
    after = read_simbench(folder).network
    assert [at for at, shut in enumerate(after.lines.from_closed) if not shut] == [3]
    assert after.lines.to_closed.all()


def test_an_archive_is_the_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "urban6.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"inside/{file.name}")
    assert_same(read_grid(tmp_path / "urban6.zip").network, read_grid(folder).network)


@pytest.mark.parametrize(("file", "old", "new", "where", "what"), [
    ("Line.csv", "NAYY 4x240SE 0.6/1kV;0.", "NAYY;0.", "column type", "no line type NAYY"),
    ("Node.csv", ";0.4;", ";low;", "column vmR", "no number"),
    ("Load.csv", ";LV6.201 Bus", ";LV9 Bus", "column node", "no node"),
    ("Transformer.csv", ";0.63 MVA", ";630 kVA", "column type", "no transformer type"),
    ("Node.csv", "busbar;", "busbar;NULL;NULL;", "Node.csv, line", "13 cells under 11 columns"),
])  # fmt: skip
def test_a_wrong_cell_is_named(folder: Path, file: str, old: str, new: str, where: str, what: str) -> None:
    change(folder / file, old, new)
    with pytest.raises(SourceError) as refused:
        read_simbench(folder)
    assert refused.value.where.startswith(f"{file}, line ")
    assert where in refused.value.where
    assert what in refused.value.what


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "LineType.csv").unlink()
    with pytest.raises(SourceError, match=r"LineType\.csv is not there"):
        read_simbench(folder)


def test_no_archive_no_folder(tmp_path: Path) -> None:
    broken = tmp_path / "x.zip"
    broken.write_bytes(b"PK not really")
    with pytest.raises(SourceError, match="no ZIP"):
        read_grid(broken)
    with pytest.raises(SourceError, match="no such file"):
        read_grid(tmp_path / "nowhere")

"""`vectors/suite1.json` is what `vectors/make.py` makes, and every file has its source."""

from __future__ import annotations

import runpy
from pathlib import Path

VECTORS = Path(__file__).parents[2] / "vectors"


def test_suite1_is_what_the_script_makes() -> None:
    assert runpy.run_path(str(VECTORS / "make.py"))["make"]() == (VECTORS / "suite1.json").read_text()


def test_the_script_uses_nothing_of_the_project() -> None:
    assert "quietgrid" not in (VECTORS / "make.py").read_text()


def test_every_file_has_a_source() -> None:
    sources = (VECTORS / "SOURCES.md").read_text()
    assert all(f"`{path.name}`" in sources for path in VECTORS.glob("*.json"))

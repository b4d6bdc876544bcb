"""Fixtures for all tests, and a line at the end that says what was skipped for want of the real data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from quietgrid.demo import Sample, load, replay_window
from quietgrid.wire.series import Series, read_lcl

NO_DATA = "real data not found"
LCL_FILE = "lcl_households_2013_30min_kwh.csv.gz"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of measured data beside the project (or in QUIETGRID_DATA); skips where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("QUIETGRID_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(NO_DATA)
    return folder


@pytest.fixture(scope="session")
def lcl(real_data: Path) -> Series:
    """The 90 complete London homes of 2013. Its twin without the real data is `sample`."""
    if not (real_data / LCL_FILE).is_file():
        pytest.skip(NO_DATA)
    return read_lcl(real_data / LCL_FILE).complete(99)


@pytest.fixture(scope="session")
def sample() -> Sample:
    """The project's own sample: 120 homes, 40 days."""
    return load(window=replay_window())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests did not see real data."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NO_DATA in str(report.longrepr)]
    why = f": {NO_DATA} (QUIETGRID_DATA)" if skipped else ""
    terminalreporter.write_line(f"{len(skipped)} tests on measured data were skipped{why}")

"""Fixtures for all tests; long tests wait for CI; the last line says what was skipped for want of the real data."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from quietgrid.demo import Sample, load, replay_window
from quietgrid.wire.series import Series, read_lcl

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

NO_DATA = "real data not found"
NO_FHE = "quietgrid_fhe is not built (make fhe)"
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs the long tests too; where CI is set they always run."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to CI, to `--slow`, to ``-m`` and to whoever names a test file; give them an hour."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(3_600))
    named = any(".py" in word for word in config.invocation_params.args)
    if os.environ.get("CI") or config.getoption("--slow") or config.getoption("-m") or named:
        return
    long = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests did not see real data."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NO_DATA in str(report.longrepr)]
    why = f": {NO_DATA} (QUIETGRID_DATA)" if skipped else ""
    terminalreporter.write_line(f"{len(skipped)} tests on measured data were skipped{why}")
    unbuilt = [report for report in terminalreporter.stats.get("skipped", []) if NO_FHE in str(report.longrepr)]
    if unbuilt:
        terminalreporter.write_line(f"{len(unbuilt)} tests on encrypted numbers were skipped: {NO_FHE}")

"""The demo's clock file."""

from pathlib import Path

import pytest

from quietgrid.errors import ConfigError
from quietgrid.runtime.clock import ClockFile, Tick


def test_what_is_written_is_read_by_another(tmp_path: Path) -> None:
    ClockFile(tmp_path / "clock").write(Tick(1_700_000_000.5, 42))
    assert ClockFile(tmp_path / "clock").read() == Tick(1_700_000_000.5, 42)
    assert ClockFile(tmp_path / "clock").now() == 1_700_000_000.5


def test_time_never_goes_back(tmp_path: Path) -> None:
    clock = ClockFile(tmp_path / "clock")
    clock.write(Tick(100.0, 1))
    with pytest.raises(ConfigError, match="go back"):
        clock.write(Tick(99.0, 1))
    assert clock.now() == 100.0


def test_a_missing_or_broken_clock_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no clock"):
        ClockFile(tmp_path / "clock").now()
    (tmp_path / "clock").write_bytes(b"x" * 24)
    with pytest.raises(ConfigError, match="not a clock"):
        ClockFile(tmp_path / "clock").now()

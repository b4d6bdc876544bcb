"""Imported readings as one file."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from quietgrid.demo import Sample
from quietgrid.errors import SourceError
from quietgrid.runtime.series_file import load_series, save_series
from quietgrid.wire.series import Series


def series(sample: Sample) -> Series:
    readings = sample.readings
    present = readings.present.copy()
    present[3, 5:9] = False
    held = type(readings)(
        readings.meters, readings.window, np.where(present, readings.imported_wh, 0),
        np.where(present, readings.exported_wh, 0), present,
    )  # fmt: skip
    return Series(tuple(home.name for home in sample.homes), held, sample.tz, ("a note",))


def test_what_is_kept_comes_back(sample: Sample, tmp_path: Path) -> None:
    given = series(sample)
    path = tmp_path / "x.npz"
    save_series(given, path)
    found = load_series(path)
    assert (found.names, found.tz, found.notes) == (given.names, given.tz, given.notes)
    assert found.readings.window == given.readings.window
    for column in ("meters", "imported_wh", "exported_wh", "present"):
        assert np.array_equal(getattr(found.readings, column), getattr(given.readings, column)), column
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_no_notes_is_no_note(sample: Sample, tmp_path: Path) -> None:
    given = series(sample)
    save_series(Series(given.names, given.readings, given.tz), tmp_path / "x.npz")
    assert load_series(tmp_path / "x.npz").notes == ()


def test_what_is_no_such_file(sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(SourceError, match="no such file"):
        load_series(path)
    save_series(series(sample), path)
    whole = path.read_bytes()
    for broken in (b"", b"text", whole[: len(whole) // 2], whole[:-1000] + bytes(1000)):
        path.write_bytes(broken)
        with pytest.raises(SourceError, match="not a file of readings"):
            load_series(path)
    np.savez(path, window=np.array([object()], dtype=object))
    with pytest.raises(SourceError, match="not a file of readings"):
        load_series(path)

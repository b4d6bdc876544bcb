"""Measured frequency from files of several shapes; what cannot be read says where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from quietgrid.errors import SourceError
from quietgrid.wire.frequency import read_frequency


@pytest.mark.parametrize(
    "text",
    [
        "time,frequency\n2026-01-05T00:00:00Z,49.98\n2026-01-05T00:00:01Z,50.01\n2026-01-05T00:00:03Z,50.02\n",
        "Time;f_Hz\n05.01.2026 00:00:00;49,98\n05.01.2026 00:00:01;50,01\n05.01.2026 00:00:03;50,02\n",
        "1767571200;49.98\n1767571201;50.01\n1767571203;50.02\n",
        "time,mHz\n1767571200,49980\n1767571201,50010\n1767571203,50020\n",
        "time,value\n1767571203,20\n1767571201,10\n1767571200,-20\n",
    ],
)
def test_shapes_of_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "f.csv").write_text(text)
    found = read_frequency(tmp_path / "f.csv")
    assert (found.start, found.step_s) == (1767571200, 1)
    assert np.allclose(found.hz, [49.98, 50.01, np.nan, 50.02], equal_nan=True)


def test_local_clock(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("time,frequency\n2026-07-01 00:00:00,50\n2026-07-01 00:00:10,50\n")
    assert read_frequency(tmp_path / "f.csv", "Europe/Berlin").start == 1782856800
    assert read_frequency(tmp_path / "f.csv").step_s == 10


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("time,frequency\n", "no columns|empty|no rows"),
        ("when,what\na,b\n", "time stamp"),
        ("time,frequency\n1767571200,230\n1767571201,231\n", "not a frequency"),
        ("time,frequency\n1767571200,50\n1767571200,50\n", "there twice"),
        ("time,frequency\n1767571200,50\n1767571202,50\n1767571205,50\n", "evenly"),
        ("time,frequency\n1000000000,50\n1000000001,50\n1767571205,50\n", "over a year"),
        ("time,frequency\n1767571200,fast\n", "no number"),
        ("time,frequency\n1767571200,\n", "not a frequency"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(SourceError, match=what):
        read_frequency(tmp_path / "f.csv")

"""Open-Meteo's CSV and JSON: the same values, units, gaps, and when they were known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.errors import SourceError
from quietgrid.model.interval import Window
from quietgrid.wire.weather import read_csv, read_json

TEXT = """latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation
52.52,13.40,38.0,3600,Europe/Berlin,CET

time,temperature_2m (°C),wind_speed_100m (km/h)
2026-01-01T01:00,1.0,36
2026-01-01T02:00,3.0,18
2026-01-01T03:00,,18
2026-01-01T04:00,7.0,18
"""
FIRST = 20454 * 96  # 1 January 2026, 00:00 UTC
SAID = {
    "utc_offset_seconds": 3600,
    "hourly_units": {"time": "iso8601", "temperature_2m": "°C", "wind_speed_100m": "km/h"},
    "hourly": {
        "time": [f"2026-01-01T0{hour}:00" for hour in (1, 2, 3, 4)],
        "temperature_2m": [1.0, 3.0, None, 7.0],
        "wind_speed_100m": [36, 18, 18, 18],
    },
}


def test_a_file_and_a_service_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text(TEXT, encoding="utf-8")
    window = Window(FIRST - 1, FIRST + 30, 900)
    one, other = read_csv(tmp_path / "w.csv", window, 1_000.0), read_json(SAID, window, 1_000.0)
    assert one.names == other.names == ("temperature_2m", "wind_speed_100m")
    assert np.array_equal(one.values, other.values, equal_nan=True)
    assert one.values[0, 1:6].tolist() == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert one.values[0, 9] == pytest.approx(5.0)  # across the missing hour
    assert one.values[1, 1] == pytest.approx(10.0)
    assert np.isnan(one.values[:, 0]).all()
    assert np.isnan(one.values[:, -1]).all()
    assert (one.known_at == 1_000).all()
    assert np.isnan(one.as_of(999).values).all()


def test_what_is_measured_is_not_known_before(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text(TEXT, encoding="utf-8")
    found = read_csv(tmp_path / "w.csv", Window(FIRST, FIRST + 8, 900))
    assert (found.known_at >= (np.arange(FIRST, FIRST + 8) + 4) * 900).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "begins with time"),
        (TEXT.replace("°C", "K"), "no unit"),
        (TEXT.replace("7.0", "warm"), "line 8"),
        (TEXT.replace("3.0,18", "3.0"), "line 6"),
    ],
)
def test_a_file_that_cannot_be_used_says_where(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "w.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=words):
        read_csv(tmp_path / "w.csv", Window(FIRST, FIRST + 4, 900))


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
@settings(max_examples=60, deadline=None)
def test_other_answers_are_refused(said: object) -> None:
    for answer in (said, {"hourly": said}, {"hourly": {"time": said, "temperature_2m": said}}):
        try:
            read_json(answer, Window(FIRST, FIRST + 4, 900))
        except SourceError:
            continue
        assert isinstance(answer, dict)

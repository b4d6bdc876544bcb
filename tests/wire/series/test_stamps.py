"""Stamps: forms, zones and the two odd days of a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import InputError, SourceError
from quietgrid.wire.series.stamps import Stamps, parse_stamps, to_utc
from quietgrid.wire.series.table import read_table

MOMENT = int(datetime(2013, 1, 31, 23, 30, tzinfo=UTC).timestamp())


def stamps(tmp_path: Path, *texts: str) -> Stamps:
    path = tmp_path / "t.csv"
    path.write_text("time;x\n" + "".join(f"{text};1\n" for text in texts))
    return parse_stamps(read_table(path), 0)


@pytest.mark.parametrize(
    ("text", "aware"),
    [
        ("2013-01-31 23:30", False),
        ("2013-01-31T23:30:00", False),
        ("2013-01-31 23:30:00.0000000", False),
        ("31.01.2013 23:30", False),
        ("2013-01-31T23:30:00Z", True),
        ("2013-02-01T00:30:00+01:00", True),
        (str(MOMENT), True),
    ],
)
def test_forms(tmp_path: Path, text: str, aware: bool) -> None:
    one = stamps(tmp_path, text)
    assert one.seconds.tolist() == [MOMENT]
    assert one.aware.tolist() == [aware]
    mixed = stamps(tmp_path, text, "2013-01-31 23:30:00", text)
    assert mixed.seconds.tolist() == [MOMENT] * 3


@pytest.mark.parametrize("text", ["01/02/2013 10:00", "yesterday", "", "2013-13-01 00:00", "2013-02-30 00:00:00", "12"])
def test_others_are_refused_at_their_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError) as caught:
        stamps(tmp_path, "2013-01-31 23:30:00", text)
    assert caught.value.where == "t.csv, line 3, column 'time'"


@given(
    st.sampled_from(["Europe/London", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]), st.integers(0, 700)
)
def test_a_local_clock_read_in_order_gives_back_every_moment(tz: str, start_day: int) -> None:
    first = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) + start_day * 86_400
    moments = np.arange(first, first + 3 * 86_400, 1800)
    where = ZoneInfo(tz)
    wall = [datetime.fromtimestamp(m, where).replace(tzinfo=UTC).timestamp() for m in moments.tolist()]
    local = Stamps(np.array(wall).astype(np.int64), np.zeros(len(moments), np.bool_))
    seconds, exists, notes = to_utc(local, tz, np.zeros(len(moments), np.int64))
    assert exists.all()
    assert (seconds == moments).all()
    assert not notes


def test_the_doubled_hour_is_counted_for_each_meter() -> None:
    wall = int(datetime(2013, 10, 27, 1, 30, tzinfo=UTC).timestamp())
    four = Stamps(np.full(4, wall), np.zeros(4, np.bool_))
    seconds, _, notes = to_utc(four, "Europe/London", np.array([0, 1, 0, 1]))
    assert (seconds - wall).tolist() == [-3600, -3600, 0, 0]
    assert not notes
    once, _, notes = to_utc(Stamps(four.seconds[:1], four.aware[:1]), "Europe/London", np.array([0]))
    assert (once - wall).tolist() == [-3600]
    assert "there once only" in notes[0]


def test_the_skipped_hour_is_left_out_and_said() -> None:
    wall = int(datetime(2013, 3, 31, 0, 30, tzinfo=UTC).timestamp()) + 1800 * np.arange(4)
    _, exists, notes = to_utc(Stamps(wall, np.zeros(4, np.bool_)), "Europe/London", np.zeros(4, np.int64))
    assert exists.tolist() == [True, False, False, True]
    assert notes[0].startswith("2 rows left out")


def test_an_offset_in_the_stamp_wins_over_the_zone(tmp_path: Path) -> None:
    aware = stamps(tmp_path, "2013-03-31T01:30:00+00:00", "2013-10-27T01:30:00+00:00")
    seconds, exists, notes = to_utc(aware, "Europe/London", np.zeros(2, np.int64))
    assert exists.all()
    assert not notes
    assert seconds[0] == datetime(2013, 3, 31, 1, 30, tzinfo=UTC).timestamp()
    assert timedelta(seconds=int(seconds[1] - seconds[0])) == timedelta(days=210)


def test_unknown_zone() -> None:
    with pytest.raises(InputError, match="Mars"):
        to_utc(Stamps(np.zeros(1, np.int64), np.zeros(1, np.bool_)), "Mars/Base", np.zeros(1, np.int64))

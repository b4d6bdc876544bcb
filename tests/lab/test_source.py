"""What the demo measures: parties, sections, registers and windows of imported readings; how it ends."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.errors import ConfigError, InputError, SourceError
from quietgrid.lab.changes import State
from quietgrid.lab.demo_state import prepare
from quietgrid.lab.source import rows_of, series_people, source_of, whole_days
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window, local_window
from quietgrid.model.readings import Readings
from quietgrid.runtime.commissioning import SAMPLE
from quietgrid.runtime.series_file import save_series
from quietgrid.wire.series import Series
from tests.lab.stage import Stage

LONDON = "Europe/London"


def half_hours(homes: int, days: int, start: int = 0) -> Series:
    """The sample's first homes as somebody else's file: half hours, names of its own, some of them missing."""
    first = demo.replay_window().first // 96 * 96 + start
    r = demo.load(homes, Window(first, first + 96 * days, 900)).readings
    imported, exported = (c.reshape(homes, -1, 2).sum(axis=2) for c in (r.imported_wh, r.exported_wh))
    present = np.ones(imported.shape, np.bool_)
    present[1, 30:40] = imported[1, 30:40] = exported[1, 30:40] = 0
    window = Window(first // 2, first // 2 + 48 * days, 1800)
    names = tuple(f"MAC{n:06}" for n in range(homes))
    return Series(names, Readings(r.meters, window, imported, exported, present), LONDON, ())


def test_people_come_from_what_was_observed() -> None:
    series = half_hours(65, 3)
    people = series_people(series)
    assert [party.name for party, _ in people] == list(series.names)
    sections = [party.feeder for party, _ in people]
    assert {name: sections.count(name) for name in sections} == {"Section 1": 33, "Section 2": 32}
    r = series.readings
    for row, (party, registers) in enumerate(people):
        assert registers == (3 if r.exported_wh[row].any() else 1)
        highest = max(r.imported_wh[row].max(), r.exported_wh[row].max()) * 2
        assert party.connection_w >= 1.5 * highest
        assert party.connection_w <= max(3000, 1.5 * highest + 500)
        assert party.tariff == "time-of-use"
    assert [party.home for party, _ in series_people(series, 20)] == list(range(1, 21))


def test_only_whole_local_days_are_replayed(tmp_path: Path) -> None:
    """In summer London's day starts an hour before UTC's."""
    series = half_hours(16, 5)
    whole = whole_days(series)
    assert (series.readings.window.start_time.isoformat()[:13], len(series.readings.window)) == ("2016-05-31T00", 240)
    assert whole == local_window(date(2016, 6, 1), date(2016, 6, 5), LONDON, 1800)
    assert whole.first == series.readings.window.first + 46
    save_series(series, tmp_path / "own.npz")
    source = source_of(str(tmp_path / "own.npz"), None, 40)
    assert (source.window, source.end, source.tz) == (whole, whole.end, LONDON)
    assert source_of(str(tmp_path / "own.npz"), None, 2).window == Window(whole.first, whole.first + 96, 1800)
    assert {tariff.tz for tariff in source.tariffs} == {LONDON}
    with pytest.raises(InputError, match="no whole day"):
        whole_days(half_hours(2, 1))
    with pytest.raises(SourceError):
        source_of(str(tmp_path / "nothing.npz"), None, 40)


def test_rows_are_absent_where_a_file_has_none(tmp_path: Path) -> None:
    series = half_hours(16, 2)
    save_series(series, tmp_path / "own.npz")
    rows, window = rows_of(str(tmp_path / "own.npz"), 16), series.readings.window
    inside = Window(window.first + 5, window.first + 9, 1800)
    assert np.array_equal(rows(inside).imported_wh, series.readings.cut(inside).imported_wh)
    for moved in (-5, 5, 1000, -1000):
        asked = Window(window.first + moved, window.end + moved, 1800)
        found = rows(asked)
        assert found.window == asked
        slots = np.arange(asked.first, asked.end)
        there = (slots >= window.first) & (slots < window.end)
        assert not found.present[:, ~there].any()
        at = slots[there] - window.first
        assert np.array_equal(found.imported_wh[:, there], series.readings.imported_wh[:, at])
        assert np.array_equal(found.present[:, there], series.readings.present[:, at])


def test_a_sample_home_is_the_same_in_any_window() -> None:
    rows, window = rows_of(SAMPLE, 4), demo.replay_window(1)
    assert np.array_equal(rows(window).imported_wh, demo.load(4, window).readings.imported_wh)


def test_a_street_that_is_too_small_is_refused(tmp_path: Path) -> None:
    save_series(half_hours(14, 3), tmp_path / "own.npz")
    for _ in range(2):
        with pytest.raises(InputError, match="14 homes are too few"):
            prepare(tmp_path / "state", None, 1, GateRules(), str(tmp_path / "own.npz"))


def test_a_state_folder_keeps_its_source(tmp_path: Path) -> None:
    save_series(half_hours(16, 3), tmp_path / "own.npz")
    first = prepare(tmp_path / "state", None, 1, GateRules(), str(tmp_path / "own.npz"), "Our street")
    assert first.fresh
    card = State(tmp_path / "state").card
    assert (card.name, card.tz, card.resolution) == ("Our street", LONDON, 1800)
    assert not prepare(tmp_path / "state", 5, 1, GateRules()).fresh
    assert not prepare(tmp_path / "state", 5, 1, GateRules(), str(tmp_path / "own.npz")).fresh
    with pytest.raises(ConfigError, match="other readings"):
        prepare(tmp_path / "state", 5, 1, GateRules(), SAMPLE)
    (tmp_path / "own.npz").unlink()
    with pytest.raises(ConfigError, match="are gone"):
        prepare(tmp_path / "state", 5, 1, GateRules())


@pytest.mark.slow
def test_time_stands_still_where_the_readings_end(tmp_path: Path) -> None:
    series = half_hours(16, 4)
    save_series(series, tmp_path / "own.npz")
    stage = Stage(tmp_path / "state", None, str(tmp_path / "own.npz"))
    end = State(stage.state).plan.end
    stage.run_days(2, steps=60)
    try:
        assert stage.progress.note == "the readings end here: time stands still"
        assert (stage.progress.phase, stage.progress.paused) == ("live", True)
        with stage.platform.parts.store.read() as tx:
            assert tx.answers.last_close(0) == end
            (node, quantity), *_ = tx.totals.nodes()
            total = tx.totals.total(node, quantity, Window(end - 48, end, 1800))
        plain = series.readings.cut(Window(end - 48, end, 1800))
        assert (total.homes == 16).all()
        net = plain.imported_wh - (plain.exported_wh if quantity.value == "net" else 0)
        assert np.array_equal(total.energy_wh, net.sum(axis=0))
    finally:
        stage.stop()

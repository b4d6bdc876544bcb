"""`simulate`: exact, honest about what it checked, and its check can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.errors import InputError, SourceError
from quietgrid.lab.series import sample_input
from quietgrid.lab.simulate import Simulation, Timer, billing_periods, simulate
from quietgrid.model.interval import local_window, month_window
from quietgrid.runtime.series_file import save_series
from quietgrid.wire.series import Series


def test_a_day_of_thirty_homes() -> None:
    seen: list[tuple[str, int, int]] = []
    report = simulate(30, 1, progress=lambda stage, done, of: seen.append((stage, done, of)))
    assert report.exact
    assert (report.homes, report.leaves, report.days, report.intervals) == (30, 1, 1, 96)
    assert report.totals_opened == 2 * 96, "import and export of one section with 20 roofs"
    assert report.totals_refused == {}
    assert (report.periods, report.bills) == (0, 0)
    assert 8 <= report.sealed_bytes / report.readings_sealed < 10
    assert report.ledger_entries > 0
    assert set(report.cpu_s) == {"load", "join", "seal", "ingest", "totals", "check"}
    assert seen[-1] == ("days", 2, 2), "a local day touches two UTC days"
    assert report.as_dict()["exact"] is True


@pytest.mark.slow
def test_four_weeks_with_missing_and_late_readings_and_bills() -> None:
    report = simulate(30, 28, missing=0.02, late=0.02, seed=5)
    assert report.exact
    cells = 30 * 28 * 96
    assert 0.018 * cells < report.cells_missing < 0.022 * cells
    assert 0.018 * cells < report.cells_late < 0.022 * cells
    assert report.late_cells_billed >= report.cells_late, "each in its import band, and in export where there is any"
    assert report.bills == report.bills_checked == report.bills_equal == report.bills_estimated == 30
    whole = demo.load(30, demo.replay_window(28)).readings
    assert report.imported_wh < whole.imported_wh.sum()


def test_half_hours() -> None:
    report = simulate(30, 1, 1800)
    assert report.exact
    assert report.intervals == 48
    assert report.imported_wh == demo.load(30, demo.replay_window(1)).readings.imported_wh.sum()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_gaps() -> None:
    one, two, other = (simulate(20, 1, missing=0.1, late=0.1, seed=seed) for seed in (3, 3, 4))
    assert (one.cells_missing, one.cells_late) == (two.cells_missing, two.cells_late)
    assert (one.cells_missing, one.cells_late) != (other.cells_missing, other.cells_late)


def test_imported_series(tmp_path: Path) -> None:
    found = demo.load(40, demo.replay_window(3)).readings
    there = found.present.copy()
    there[3, 100:140] = False
    gaps = replace(
        found, imported_wh=np.where(there, found.imported_wh, 0), exported_wh=found.exported_wh, present=there
    )
    save_series(Series(tuple(f"M{n}" for n in range(40)), gaps, "Europe/Berlin"), tmp_path / "s.npz")
    report = simulate(35, 2, source=str(tmp_path / "s.npz"))
    assert report.exact
    assert (report.homes, report.days, report.leaves) == (35, 2, 1)
    assert report.cells_missing == 40
    for homes, days, match in ((41, 2, "40 homes"), (35, 4, "shorter")):
        with pytest.raises(InputError, match=match):
            simulate(homes, days, source=str(tmp_path / "s.npz"))
    with pytest.raises(SourceError):
        simulate(20, 1, source=str(tmp_path / "none.npz"))


@pytest.mark.parametrize(("missing", "late"), [(-0.1, 0.0), (0.2, 0.1), (0.0, 0.5)])
def test_shares_that_make_no_sense(missing: float, late: float) -> None:
    with pytest.raises(InputError, match="missing or late"):
        simulate(20, 1, missing=missing, late=late)


def test_no_days_and_too_few_homes() -> None:
    with pytest.raises(InputError, match="days"):
        simulate(20, 0)
    with pytest.raises(InputError, match="too few"):
        simulate(5, 1)


def test_the_check_of_totals_can_fail(tmp_path: Path) -> None:
    given = sample_input(20, 1, 900)
    simulation = Simulation(given, tmp_path, Timer(), lambda stage, done, of: None)
    wrong = given.readings.imported_wh.copy()
    wrong[4, 50] += 1
    for column, equal in ((given.readings.imported_wh, True), (wrong, False)):
        if equal:
            simulation._round(simulation._days, (0.0, 0.0), 1)
        simulation._readings = replace(given.readings, imported_wh=column)
        simulation._check_totals()
        assert simulation._report.totals_equal is equal
    assert not simulation._report.exact
    simulation._community.close()


def test_billing_periods() -> None:
    tz = "Europe/Berlin"
    june = month_window(2016, 6, tz, 900)
    assert billing_periods(demo.replay_window(40), tz) == [june]
    assert billing_periods(demo.replay_window(30), tz) == [june]
    assert billing_periods(demo.replay_window(27), tz) == []
    assert [len(w) for w in billing_periods(demo.replay_window(28), tz)] == [28 * 96]
    assert billing_periods(demo.replay_window(61), tz) == [june, month_window(2016, 7, tz, 900)]
    from datetime import date

    spring = local_window(date(2016, 3, 1), date(2016, 4, 1), tz, 900)
    assert billing_periods(spring, tz) == [spring]
    assert len(spring) == 31 * 96 - 4

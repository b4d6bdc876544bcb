"""What `quietgrid up` does besides starting processes: orders that were given on the start page."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from quietgrid.lab.up import obey
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.driver import CARRY_ON_HOURS, DemoDriver
from quietgrid.runtime.founding import Folders
from quietgrid.runtime.periods import Periods
from tests.lab.stage import Stage


def test_carrying_on_is_ordered_as_the_command_does(tmp_path: Path) -> None:
    """The driver leaves a note; `up`, every operator of the demo, writes each order into a keyholder's folder."""
    stage = Stage(tmp_path / "state", 30)
    stage.start()
    plan = Commissioning.load(stage.state / "commissioning")
    driver = DemoDriver(stage.platform, Periods(stage.platform), stage.folders, plan, 0.0, threading.RLock())
    try:
        clock = ClockFile(stage.state / "clock")
        began = clock.read()
        driver.stop_keyholder(1)
        assert driver.stopped_since() == {1: began.unix}
        later = began.unix + 2 * 86_400
        clock.write(Tick(later, began.deliver))
        assert driver.stopped_since() == {1: began.unix}
        for index in (0, 2):
            driver.carry_on(index, 1)
        until = later + CARRY_ON_HOURS * 3600
        assert driver.carrying_on() == {(0, 1): until, (2, 1): until}
        assert obey(stage.state) is False
        for index in (0, 2):
            order = Folders(stage.state).keyholder(index) / "carry-on"
            assert json.loads(order.read_text()) == [1, CARRY_ON_HOURS]
            order.unlink()
        obey(stage.state)
        assert not (Folders(stage.state).keyholder(0) / "carry-on").exists(), "an order is given once"
        driver.start_keyholder(1)
        assert driver.carrying_on() == {}
        assert driver.stopped_since() == {}
    finally:
        stage.stop()

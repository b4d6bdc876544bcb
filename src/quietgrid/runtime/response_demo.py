"""The demo's program: a verified utility, one program, one evening of the replayed history with an event of its own.

Nothing is made up here but the offer: the event comes from a forecast that crosses the threshold, homes decide by
themselves in their process, their devices shift, and the numbers go through the gate like all others.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from quietgrid.demo import response as demo
from quietgrid.errors import QuietgridError
from quietgrid.model.interval import DAY_S, Window, zone
from quietgrid.model.party import Party
from quietgrid.model.response import EventState, Program, Terms, Threshold, Trigger, Utility
from quietgrid.runtime.response_run import ResponseRun

LOG = logging.getLogger("quietgrid.response")
FIRST_DAYS = 21
"""Days of history before the evening: ten working days to compare with, and a forecast."""
NOON_S = 12 * 3_600
HALTED = 8
"""Intervals after a halt in which the clock still stands there: closing waits for some."""
BY = "demo"


class DemoResponse:
    """Offers the program and looks after every close.

    Args:
        run: Demand response of the platform. parties: who lives here. history: what is replayed.
    """

    def __init__(self, run: ResponseRun, parties: Sequence[Party], history: Window) -> None:
        self._run, self._history = run, history
        self._joining = [party.home for party in parties if demo.joins(party.home)]
        self._homes = len(parties)

    def offer(self) -> None:
        """Put the utility and its program in, if they are not there."""
        events = self._run.events
        with events.store.read() as tx:
            if any(one.id == demo.PROGRAM for one in tx.response.programs()):
                return
        events.save_utility(Utility(demo.UTILITY, demo.UTILITY_NAME, (demo.REGION,)), BY)
        events.verify_utility(demo.UTILITY, BY)
        threshold = Threshold(Trigger.FORECAST, demo.LEVEL_WH * self._homes, 50, DAY_S // 2, demo.INTERVALS)
        terms = Terms(rate_cents=40, early_percent=25, scarce=((100, 25),), notice_s=7_200, confidence_percent=95)
        events.save_program(
            Program(demo.PROGRAM, demo.PROGRAM_NAME, demo.UTILITY, demo.REGION, terms=terms, threshold=threshold), BY
        )

    def halts(self) -> list[int]:
        """Where the history stops for an event: noon of the first Monday that has enough days before it."""
        resolution, where = self._history.resolution, zone(self._run.events.card.tz)
        day = self._history.start_time.astimezone(where) + timedelta(days=FIRST_DAYS)
        day = (day + timedelta(days=-day.weekday() % 7)).replace(hour=12, minute=0)
        at = int(day.timestamp()) // resolution
        return [at] if at + DAY_S // resolution < self._history.end and day.day > 14 else []

    def look(self) -> None:
        """After a close. In the history nothing starts before the homes that join have done so."""
        slot = int(self._run.events.clock.now()) // self._history.resolution
        replaying = slot < self._history.end
        halting = any(at <= slot < at + HALTED for at in self.halts())
        try:
            self._run.step(starting=not replaying or (halting and self._all_joined()))
        except QuietgridError as error:
            LOG.warning("%s", error)

    def ready(self) -> bool:
        """Whether history may go on: the event is announced and everybody it asks has decided."""
        events = self._run.events
        with events.store.read() as tx:
            found = tx.response.events(demo.PROGRAM, limit=1)
            if not found:
                return False
            counters = tx.response.counters(found[0])
        return found[0].state is not EventState.ANNOUNCED or (counters.asked > 0 and counters.silent == 0)

    def _all_joined(self) -> bool:
        with self._run.events.store.read() as tx:
            enrolled = {one.home for one in tx.response.enrolments(demo.PROGRAM)}
        return enrolled >= set(self._joining)

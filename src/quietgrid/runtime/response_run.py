"""One look at demand response: what time did, what a threshold starts, what has to be measured, asked and paid.

In a real community it is made every few seconds; in the demo after every close, with the community's time. Forecasts
are made four times a day of that time, from opened totals alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Protocol

from quietgrid.algorithms.calendar import Calendar
from quietgrid.errors import ConflictError, InputError, MissingExtraError, NotFoundError
from quietgrid.model.forecast import Forecast, Forecaster, History
from quietgrid.model.interval import Window
from quietgrid.model.response import Event, EventState, Program, Trigger
from quietgrid.response import proposed
from quietgrid.response.rules import SYSTEM, due
from quietgrid.response.triggers import loaded
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.response import Response
from quietgrid.runtime.response_verify import Verifying

FORECAST_EVERY_S = 6 * 3_600.0
AHEAD_S = 36 * 3_600
"""So far ahead the console shows a forecast."""


class Models(Protocol):
    """Who makes forecasts."""

    def __call__(self, calendar: Calendar) -> Forecaster:
        """A forecaster for a community's calendar."""


@dataclass(frozen=True)
class Looked:
    """What one look did: events begun or ended, started by a threshold, measured; numbers opened; events paid."""

    moved: int = 0
    started: int = 0
    measured: int = 0
    opened: int = 0
    paid: int = 0


class ResponseRun:
    """Demand response of a running platform.

    Args:
        platform, periods: as wired. household_key: home -> its key. forecaster: calendar -> what makes forecasts.
    """

    def __init__(
        self, platform: Platform, periods: Periods, household_key: Callable[[int], bytes],
        forecaster: Models | None = None,
    ) -> None:  # fmt: skip
        parts = platform.parts
        self.events = Response(parts.store, parts.clock, parts.card, household_key)
        self.verifying = Verifying(self.events, platform, periods)
        self._platform, self._make = platform, forecaster or default_forecaster
        self._forecasts: dict[str, Forecast] = {}
        self._made_at: dict[str, float] = {}
        self._looked = threading.Lock()

    def step(self, *, starting: bool = True) -> Looked:
        """One look. What cannot be done now (a keyholder is away) is done by a later one.

        Args:
            starting: whether thresholds may start events.

        Raises:
            QuietgridError: a keyholder refused or is away; what came before it stays done.
        """
        if not self._looked.acquire(blocking=False):
            return Looked()
        try:
            moved = self._move()
            started = self._start() if starting else 0
            measured = self.verifying.measure_ended()
            return Looked(moved, started, measured, self.verifying.settle_due(), self.verifying.pay_due())
        finally:
            self._looked.release()

    # -- time ------------------------------------------------------------------------------------------------------

    def _move(self) -> int:
        events, now, moved = self.events, self._platform.parts.clock.now(), 0
        states = (EventState.PROPOSED, EventState.ANNOUNCED, EventState.ACTIVE)
        with events.store.read() as tx:
            waiting = tx.response.events(states=states)
        for event in waiting:
            while (after := due(event, now)) is not None:
                kept = event.to(after)
                if after is EventState.CANCELLED:
                    kept = replace(kept, cancelled="nobody approved it in time")
                with events.store.begin() as tx:
                    tx.response.save_event(kept)
                    tx.log.append(SYSTEM, f"response.{after}", event.id)
                events.tell("event.cancelled" if after is EventState.CANCELLED else "event.changed", kept)
                event, moved = kept, moved + 1
        return moved

    # -- thresholds ------------------------------------------------------------------------------------------------

    def _start(self) -> int:
        events, now = self.events, self._platform.parts.clock.now()
        with events.store.read() as tx:
            programs = [p for p in tx.response.programs() if p.threshold is not None and p.runs(now)]
        started = 0
        for program in programs:
            event = self.wanted(program, now)
            if event is None or self._often(program, event):
                continue
            with events.store.read() as tx:
                if not events.who(tx, event, program):
                    continue
            try:
                events.propose(event, SYSTEM)
                started += 1
            except (ConflictError, InputError, NotFoundError):
                continue  # there is one then already, or not enough time
        return started

    def wanted(self, program: Program, now: float) -> Event | None:
        """The event that a program's threshold asks for now, if any."""
        threshold = program.threshold
        if threshold is None:
            return None
        pack = self.events.pack(program.pack)
        notice = max(program.terms.notice_s, pack.notice_s)
        resolution = self._platform.parts.card.resolution
        if threshold.trigger is Trigger.FORECAST:
            return proposed(program, self.forecasts(program, now), now, notice, resolution)
        with self.events.store.read() as tx:
            state = tx.grid.last_state()
        if state is None:
            return None
        fullest = max(state.groups, key=lambda group: group.loading, default=None)
        if fullest is None or isnan(fullest.loading):
            return None
        return loaded(program, int(100 * fullest.loading), now, notice, resolution, (fullest.group,))

    def _often(self, program: Program, event: Event) -> bool:
        """Whether the program asked often enough in 31 days, or has one on that day."""
        per_day = 86_400 // event.window.resolution
        with self.events.store.read() as tx:
            others = tx.response.events(program.id, first=max(1, event.window.first - 31 * per_day))
        alive = [one for one in others if one.state is not EventState.CANCELLED]
        near = any(abs(one.window.first - event.window.first) < per_day * 3 // 4 for one in others)
        return near or len(alive) >= program.terms.events_a_month

    # -- forecasts -------------------------------------------------------------------------------------------------

    def forecasts(self, program: Program, now: float) -> list[Forecast]:
        """The newest forecast of each leaf a program reaches, made anew every few hours; those that can be made."""
        names = self._groups(program, now)
        return [one for one in (self.forecast(name, now) for name in names) if one is not None]

    def forecast(self, group: str, now: float) -> Forecast | None:
        """The newest forecast of a leaf; None while there is too little history."""
        if now - self._made_at.get(group, float("-inf")) < FORECAST_EVERY_S:
            return self._forecasts.get(group)
        resolution = self._platform.parts.card.resolution
        with self.events.store.read() as tx:
            reached = tx.answers.last_close(0)
            history, _ = self.verifying.history(tx, group, Window(max(reached - 1, 0), reached, resolution))
        if not reached:
            return None
        first = -(-int(now) // resolution)
        window = Window(first, first + AHEAD_S // resolution, resolution)
        self._made_at[group] = now
        found = self._made(history, window, now)
        if found is not None:
            self._forecasts[group] = found
        return found

    def _made(self, history: History, window: Window, now: float) -> Forecast | None:
        card = self._platform.parts.card
        try:
            return self._make(Calendar(card.tz, "")).forecast(history, window, now)
        except InputError:
            return None

    def _groups(self, program: Program, now: float) -> Sequence[str]:
        names = self._platform.members(int(now) // self._platform.parts.card.resolution).leaf_names
        return [name for name in names if not program.target.feeders or name in program.target.feeders]


class Best:
    """Gradient-boosted trees with a calibrated band; the same time last week while there is too little to learn from.

    Args:
        calendar: of the community's place.
    """

    def __init__(self, calendar: Calendar) -> None:
        from quietgrid.algorithms.forecast import Trees, WeekBefore

        self._each: tuple[Forecaster, ...] = (Trees(calendar), WeekBefore())
        self.method = self._each[0].method

    def forecast(self, history: History, window: Window, issued: float) -> Forecast:
        """See `Forecaster`; the forecast says how it was made."""
        for one in self._each[:-1]:
            try:
                return one.forecast(history, window, issued)
            except (InputError, MissingExtraError):
                continue
        return self._each[-1].forecast(history, window, issued)


def default_forecaster(calendar: Calendar) -> Forecaster:
    """What the platform forecasts with."""
    return Best(calendar)

"""The grid as it is watched: takes measurements, keeps states, raises and ends alarms, turns breakers.

One look (`Grid.look`) takes what was opened since the last one, and does all of it in one transaction. What people
decide is in `balance.deciding`.

Privacy: totals of groups, measurements of heads and busbars; alarms name groups, branches, sensors, parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from quietgrid.balance import rules as decide
from quietgrid.balance.rules import Level, OperatingRules
from quietgrid.errors import InputError
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement
from quietgrid.model.interval import DAY_S, Clock
from quietgrid.model.operation import Breaker, BreakerState, GridState, Held, PlanState, StopState
from quietgrid.store.stores import PlatformStore, PlatformTx

BREAKERS = {
    "market": "markets are halted",
    "dispatch": "no plan can be dispatched",
    "data": "nothing is decided automatically; devices go to their safe values",
}
"""What each breaker does when it is open."""
KEEP_S = 100.0 * DAY_S
"""How long measurements and states are kept."""
AHEAD_S = 300.0
"""How far a sensor's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look did: states kept, alarms raised and ended (ids), breakers that turned."""

    states: int
    raised: tuple[str, ...]
    ended: int
    turned: tuple[Breaker, ...]


class Grid:
    """The grid of one community.

    Args:
        store: The platform's. clock: the community's time. rules: see `OperatingRules`.
        silent_s: a sensor that said something within so many seconds of this machine's time is not stale, however old
            it is: a simulated clock jumps, and sensors follow.
    """

    def __init__(
        self, store: PlatformStore, clock: Clock, rules: OperatingRules | None = None, *, silent_s: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.store, self.clock = store, clock
        self.rules = rules or OperatingRules()
        self.silent_s, self._monotonic = silent_s, monotonic
        self._heard: dict[str, tuple[float, float]] = {}

    def take(self, measurements: Sequence[Measurement]) -> int:
        """Keep measurements; how many were new. The same ones again change nothing.

        Raises:
            InputError: one was measured in the future.
        """
        latest = self.clock.now() + AHEAD_S
        for one in measurements:
            if one.at > latest:
                raise InputError(
                    "a measurement is from the future", where=f"{one.kind.value} {one.element}",
                    fix="set the sensor's clock",
                )  # fmt: skip
        if not measurements:
            return 0
        with self.store.begin() as tx:
            return tx.grid.put_measurements(measurements)

    def sensors(self) -> list[Measurement]:
        """The newest measurement of every sensor."""
        with self.store.read() as tx:
            return tx.grid.newest_measurements()

    def look(
        self, states: Sequence[GridState], away: Mapping[str, float], now: float | None = None,
        levels: Sequence[Level] = (),
    ) -> Look:  # fmt: skip
        """Keep new states and draw the consequences.

        Args:
            states: of intervals since the last look, oldest first; may be none. One that was kept before is replaced
                and raises nothing any more.
            away: part -> for how many seconds it has not answered, 0 where it does (`model.operation.Away`).
            now: Unix seconds; the clock's unless told. levels: more to watch, as of now.

        Alarms of past intervals are raised and ended at the end of their interval; parts and breakers are looked at
        now.
        """
        at = self.clock.now() if now is None else now
        with self.store.begin() as tx:
            before = tx.grid.last_state()
            raised, ended = [], 0
            tx.grid.put_states(states)
            for state in states:
                if before is None or state.ends > before.ends:
                    held = tx.grid.held_alarms()
                    one = self._watch(tx, held, decide.grid_levels(state, self.rules, held), state.ends)
                    raised += one[0]
                    ended += one[1]
            parts = decide.part_levels({**away, **self.ages(tx, at)}, self.rules)
            one = self._watch(tx, tx.grid.held_alarms(), [*parts, *levels], at)
            turned = self._turn(tx, tx.grid.last_state(), away, at)
            self._lapse(tx, at)
            tx.grid.prune_grid(at - KEEP_S)
        return Look(len(states), (*raised, *one[0]), ended + one[1], turned)

    def breaker(self, name: str) -> Breaker:
        """One breaker."""
        with self.store.read() as tx:
            return breaker(tx, name)

    # -- inside one transaction ------------------------------------------------------------------------------------

    def _watch(
        self, tx: PlatformTx, held: Sequence[Held], levels: Sequence[decide.Level], at: float
    ) -> tuple[list[str], int]:
        changes = decide.watch(held, levels, at, self.rules.hold_s)
        raised = []
        for level in changes.raised:
            name = alarm_id(level.rule, level.element, at)
            alarm = Alarm(name, level.rule, level.element, level.priority, level.said, at)
            if tx.grid.raise_alarm(alarm):
                raised.append(name)
        for over in changes.ended:
            tx.grid.end_alarm(over.rule, over.element, at)
        tx.grid.hold_alarms([one for one in changes.held if one not in held])
        return raised, len(changes.ended)

    def ages(self, tx: PlatformTx, now: float) -> dict[str, float]:
        """Seconds since each sensor's newest measurement; several kinds of one element are one sensor a kind."""
        ages: dict[str, float] = {}
        for one in tx.grid.newest_measurements():
            name = sensor(one)
            ages[name] = min(ages.get(name, now), max(0.0, now - one.at))
            if one.at != self._heard.get(name, (None, 0.0))[0]:
                self._heard[name] = one.at, self._monotonic()
        if self.silent_s:
            heard = self._monotonic() - self.silent_s
            ages.update((name, 0.0) for name, (_, since) in self._heard.items() if name in ages and since > heard)
        return ages

    def _turn(
        self, tx: PlatformTx, state: GridState | None, away: Mapping[str, float], now: float
    ) -> tuple[Breaker, ...]:
        """Turn the breakers; what an open data breaker means happens here."""
        stop = tx.grid.stop()
        stopped = stop is not None and stop.state is StopState.STOPPED
        causes = {
            "market": decide.market_cause(state, stopped, self.rules),
            "data": decide.data_cause(away, self.rules),
            "dispatch": decide.dispatch_cause(tx.grid.decisions_since(now - 3600.0), now, self.rules),
        }
        turned = []
        for name, cause in causes.items():
            before = breaker(tx, name)
            after = decide.turned(before, cause, now, self.rules)
            if after == before:
                continue
            tx.grid.save_breaker(after)
            if after.state is before.state:
                continue
            turned.append(after)
            tx.log.append("grid", f"grid.breaker.{after.state.value}", name, {"why": after.why})
            if name == "data" and after.state is BreakerState.OPEN:
                tx.grid.cut_set_points(now)
        return tuple(turned)

    def _lapse(self, tx: PlatformTx, now: float) -> None:
        """Plans nobody approved in time and stops nobody agreed to are over."""
        for plan in tx.grid.plans(state=PlanState.PROPOSED, limit=1_000):
            if plan.proposal.window.end * plan.proposal.window.resolution <= now:
                tx.grid.save_plan(replace(plan, state=PlanState.LAPSED, decided_at=now, reason="nobody approved it"))
        stop = tx.grid.stop()
        if stop is not None and stop.state is StopState.ASKED and now - stop.asked_at >= self.rules.stop_s:
            tx.grid.save_stop(replace(stop, state=StopState.LAPSED, ended_at=now))
            tx.log.append("grid", "grid.stop.lapsed", f"stop {stop.number}")


def breaker(tx: PlatformTx, name: str) -> Breaker:
    """A breaker by its name; closed if it never moved."""
    return tx.grid.breakers().get(name, Breaker(name))


def sensor(one: Measurement) -> str:
    """What a measurement's sensor is called in alarms."""
    where = "system" if one.kind is MeasuredKind.FREQUENCY_MILLIHZ else one.element
    return f"sensor {where} {one.kind.value} ({one.source})"


def alarm_id(rule: str, element: str, at: float) -> str:
    """The id of an alarm: short, and the same again for the same beginning."""
    return sha256(f"{rule}|{element}|{at}".encode()).hexdigest()[:12]

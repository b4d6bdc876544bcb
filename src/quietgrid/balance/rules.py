"""What is an alarm, when a breaker opens, what a device does by itself: pure decisions.

**Alarms** have hysteresis twice: a value has to fall clearly below what raised the alarm, and stay there for `hold_s`.
So an alarm lasts at least that long, and a value that trembles around a limit raises one alarm, not many. What is not
known (a frequency nobody measures, a state nobody can compute) neither raises nor ends an alarm.

**Breakers** open on a cause, at once; they close by themselves, in two steps: after `cool_s` without a cause they are
half-open, after `trial_s` more they are closed; a cause in between opens them again.

**Fallback.** A set-point carries its end. Behind it the safe value holds, which every device knows beforehand; so
nothing has to reach a device to make it safe.

Source: EN 50160:2010 (voltage within 10 %, or +10/-15 %, of rated; frequency within 1 %); Commission Regulation (EU)
2017/1485 (200 mHz is the largest steady deviation of the continent).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from quietgrid.algorithms.detection import Suspicion
from quietgrid.model.grid import Priority, SetPoint, SetPointKind
from quietgrid.model.network import Network
from quietgrid.model.operation import Breaker, BreakerState, Fit, GridState, Held, SensorState, Standing

SAFE: Mapping[SetPointKind, int] = {
    SetPointKind.STORAGE_W: 0,
    SetPointKind.CURTAIL_PERCENT: 100,
    SetPointKind.REACTIVE_PERCENT: 0,
    SetPointKind.SHED: 0,
}
"""What holds without a set-point: storages serve their own homes, plants run, feeders are closed. A tap changer goes to
the network's own position."""

EVERYWHERE = "grid"
"""Element of an alarm about all groups together."""
TOUCH = 1e-9
"""A voltage at its limit is within it."""


@dataclass(frozen=True, slots=True)
class OperatingRules:
    """Numbers of alarms and breakers; voltages of rated, times in seconds.

    Args:
        low, high: voltages outside are an alarm (EN 50160, 95 % of a week). lowest, highest: outside is critical.
        voltage_band: how far inside a voltage must come back. full, over: loading that is an alarm, and an overload;
            loading_band: how far below it must fall. infeasible: loading at which markets halt.
        frequency_mhz: deviations (mHz) that are a low, a high, a critical alarm. unexplained, unexplained_w: share of
            what the heads measure that is neither used nor lost, and the least power, to be an alarm.
        stale_s: a measurement older is an alarm. totals_s: totals older are, and open the data breaker.
        patience_s: so long a part may be away. hold_s: an alarm has to be calm for so long to end.
        dispatches_an_hour: more open the dispatch breaker. cool_s, trial_s: see above.
        stop_s: how long a request for a stop waits for the second person.
    """

    low: float = 0.90
    high: float = 1.10
    lowest: float = 0.85
    highest: float = 1.15
    voltage_band: float = 0.005
    full: float = 0.80
    over: float = 1.00
    loading_band: float = 0.05
    infeasible: float = 1.50
    frequency_mhz: tuple[int, int, int] = (100, 200, 500)
    unexplained: float = 0.05
    unexplained_w: int = 2_000
    stale_s: float = 1_800.0
    totals_s: float = 7_200.0
    patience_s: float = 300.0
    hold_s: float = 1_800.0
    dispatches_an_hour: int = 6
    cool_s: float = 1_800.0
    trial_s: float = 900.0
    stop_s: float = 3_600.0


@dataclass(frozen=True, slots=True)
class Level:
    """One thing that is watched: the alarm is raised at `value >= over` and calm at `value < under`.

    Args:
        rule, element: which alarm. said: the sentence of the alarm if it is raised now.
    """

    rule: str
    element: str
    priority: Priority
    value: float
    over: float
    under: float
    said: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a look does to alarms: new ones, those that are over, those that last (with their calm)."""

    raised: list[Level] = field(default_factory=list)
    ended: list[Held] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)


def watch(held: Sequence[Held], levels: Sequence[Level], at: float, hold_s: float) -> Changes:
    """Which alarms begin, go on, end.

    Args:
        held: alarms that last. levels: what is known now; one that is missing leaves its alarm as it is.
        at: Unix seconds. hold_s: see the module.
    """
    lasting = {(one.rule, one.element): one for one in held}
    changes = Changes()
    for level in levels:
        one = lasting.pop((level.rule, level.element), None)
        if one is None:
            if level.value >= level.over:
                changes.raised.append(level)
            continue
        calm_since = (at if one.calm_since is None else one.calm_since) if level.value < level.under else None
        if calm_since is not None and at - calm_since >= hold_s:
            changes.ended.append(one)
        else:
            changes.held.append(replace(one, calm_since=calm_since))
    changes.held.extend(lasting.values())
    return changes


# -- what is watched -------------------------------------------------------------------------------------------------


def grid_levels(state: GridState, rules: OperatingRules, held: Sequence[Held] = ()) -> list[Level]:
    """What a state says: voltages by group, branches, frequency, losses, whether there is a state at all.

    Args:
        held: alarms that last. A branch that is not among the fullest any more carries less than they do.
    """
    cannot = 0.0 if state.feasible else 1.0
    levels = [
        Level("infeasible", "grid", Priority.CRITICAL, cannot, 1, 1, "no power flow carries what is drawn"),
    ]
    for group in state.groups:
        if isfinite(group.lowest):
            levels += _voltage(group.group, group.lowest, group.highest, rules)
    known = dict(state.loading) if state.feasible else {}
    least = min(known.values(), default=0.0)
    for one in held if known else ():
        if one.rule in ("loading", "overload"):
            known.setdefault(one.element, least)
    for branch, loading in known.items():
        said = f"{branch} carries {loading:.0%} of its rating"
        band = rules.loading_band
        levels.append(Level("loading", branch, Priority.MEDIUM, loading, rules.full, rules.full - band, said))
        levels.append(Level("overload", branch, Priority.HIGH, loading, rules.over, rules.over - band, said))
    if state.frequency_millihz is not None:
        levels += _frequency(state.frequency_millihz, rules)
    if state.unexplained_w is not None:
        levels.append(_unexplained(state, state.unexplained_w, rules))
    for sensor in state.sensors:
        levels += _sensor(sensor)
    return levels


def part_levels(away: Mapping[str, float], rules: OperatingRules) -> list[Level]:
    """What parts that do not answer say. Args: away: part -> seconds, 0 where it answers (`model.operation.Away`)."""
    levels = []
    for part, seconds in away.items():
        kind, _, _ = part.partition(" ")
        over = {"totals": rules.totals_s, "sensor": rules.stale_s}.get(kind, rules.patience_s)
        priority = {"totals": Priority.HIGH, "keyholder": Priority.HIGH}.get(kind, Priority.MEDIUM)
        what = "is stale" if kind in ("totals", "sensor") else "is away"
        said = f"{part} {what} for {seconds / 60:.0f} minutes"
        rule = "stale" if kind in ("totals", "sensor") else "away"
        levels.append(Level(rule, part, priority, seconds, over, over / 2, said))
    return levels


def attack_levels(strengths: Mapping[tuple[Suspicion, str], float]) -> list[Level]:
    """What a watch over totals and heads suspects.

    Args:
        strengths: (why, group or ``grid`` for all together) -> relative to its threshold, 0 where nothing is suspected.
    """
    said = {
        Suspicion.FALSE_DATA: "the head says something else than its homes together: false data, theft, or a meter",
        Suspicion.REPLAY: "the head repeats to the watt what it said before: a replay, or it is stuck",
        Suspicion.LOAD: "the load is unusual for this hour",
    }
    return [
        Level(
            why.value, group, Priority.MEDIUM if why is Suspicion.LOAD else Priority.HIGH, strength, 1.0, 1.0,
            f"{'all groups' if group == EVERYWHERE else group}: {said[why]} ({strength:.1f} × the threshold)",
        )
        for (why, group), strength in strengths.items()
    ]  # fmt: skip


def _voltage(group: str, lowest: float, highest: float, rules: OperatingRules) -> list[Level]:
    said = f"{group}: voltages of {lowest:.1%} to {highest:.1%} of rated"
    out = []
    for rule, priority, low, high in (
        ("voltage", Priority.HIGH, rules.low, rules.high),
        ("voltage-critical", Priority.CRITICAL, rules.lowest, rules.highest),
    ):
        beyond = max(low - lowest, highest - high)  # positive outside
        out.append(Level(rule, group, priority, beyond, TOUCH, -rules.voltage_band, said))
    return out


def _frequency(millihz: int, rules: OperatingRules) -> list[Level]:
    off = abs(millihz - 50_000)
    said = f"the system's frequency is {millihz / 1000:.3f} Hz"
    named = zip(
        ("frequency-low", "frequency-high", "frequency-critical"),
        (Priority.LOW, Priority.HIGH, Priority.CRITICAL), rules.frequency_mhz, strict=True,
    )  # fmt: skip
    return [Level(rule, "system", priority, off, over, over * 0.8, said) for rule, priority, over in named]


def _unexplained(state: GridState, unexplained_w: int, rules: OperatingRules) -> Level:
    measured = sum(abs(group.head_w) for group in state.groups if group.head_w is not None)
    bar = max(rules.unexplained * measured, rules.unexplained_w)
    said = f"{unexplained_w / 1000:.1f} kW enter the groups and are neither used nor lost"
    return Level("unexplained-losses", "grid", Priority.HIGH, abs(unexplained_w) / bar, 1.0, 0.8, said)


def _sensor(one: SensorState) -> list[Level]:
    off = f"sensor {one.sensor} is {one.off:.0f} standard deviations off"
    said = {
        Fit.BAD: f"{off} what the others say and is left out: check its scaling, wiring and clock",
        Fit.UNVERIFIABLE: f"{off} what is usual and nothing else measures the same: read it on the spot, add a second",
    }
    rules = {Fit.BAD: "bad-sensor", Fit.UNVERIFIABLE: "unverifiable-sensor"}
    return [
        Level(rules[fit], f"sensor {one.sensor}", Priority.MEDIUM, one.fit is fit, 1, 1, words)
        for fit, words in said.items()
    ]


# -- breakers --------------------------------------------------------------------------------------------------------


def market_cause(state: GridState | None, stopped: bool, rules: OperatingRules) -> str:
    """Why markets must halt; nothing if they need not."""
    if stopped:
        return "emergency stop"
    if state is None:
        return ""
    if not state.feasible:
        return "no power flow carries what is drawn"
    fullest = max(state.loading.values(), default=0.0)
    if fullest >= rules.infeasible:
        return f"a branch carries {fullest:.0%} of its rating"
    for group in state.groups:
        if group.lowest < rules.lowest or group.highest > rules.highest:
            return f"{group.group}: voltages of {group.lowest:.1%} to {group.highest:.1%} of rated"
    return ""


def data_cause(away: Mapping[str, float], rules: OperatingRules) -> str:
    """Why nothing can be decided: the totals are too old."""
    age = away.get("totals", 0.0)
    return f"the newest totals are {age / 60:.0f} minutes old" if age >= rules.totals_s else ""


def dispatch_cause(times: Sequence[float], at: float, rules: OperatingRules) -> str:
    """Why nothing more may be dispatched: so many in the last hour already. Args: times: when others were."""
    many = sum(at - 3600.0 < time <= at for time in times)
    return f"{many} dispatches within an hour" if many >= rules.dispatches_an_hour else ""


def turned(held: Breaker, cause: str, at: float, rules: OperatingRules) -> Breaker:
    """A breaker after one look. Args: cause: why it must be open, or nothing."""
    if cause:
        if held.state is BreakerState.OPEN:
            return replace(held, why=cause, calm_since=None)
        return Breaker(held.name, BreakerState.OPEN, at, cause)
    if held.state is BreakerState.OPEN:
        if held.calm_since is None:
            return replace(held, calm_since=at)
        if at - held.calm_since >= rules.cool_s:
            return Breaker(held.name, BreakerState.HALF_OPEN, at, held.why)
    elif held.state is BreakerState.HALF_OPEN and at - held.since >= rules.trial_s:
        return Breaker(held.name, BreakerState.CLOSED, at, held.why)
    return held


# -- what devices do by themselves -----------------------------------------------------------------------------------


def holds(points: Sequence[SetPoint], kind: SetPointKind, element: str, at: float) -> SetPoint | None:
    """The set-point a device follows at a moment; None: its safe value. Args: points: in order of issue."""
    mine = [p for p in points if p.kind is kind and p.element == element and p.start <= at < p.end]
    return mine[-1] if mine else None


def standing(network: Network, points: Sequence[SetPoint], at: float) -> list[Standing]:
    """What every device of a network does at a moment if nothing else reaches it: the fallback schedule.

    Groups have storages, plants, inverters and a feeder only where the network has such units.
    """
    rows = []
    for number, transformer in enumerate(network.transformers.names):
        if network.transformers.on_load[number]:
            rows.append((SetPointKind.TAP, transformer, int(network.transformers.tap[number])))
    for number, group in enumerate(network.groups):
        mine = network.unit_groups == number
        if bool((mine & (network.units.storage_wh > 0)).any()):
            rows.append((SetPointKind.STORAGE_W, group, SAFE[SetPointKind.STORAGE_W]))
        if bool((mine & network.units.generating).any()):
            rows += [
                (kind, group, SAFE[kind]) for kind in (SetPointKind.CURTAIL_PERCENT, SetPointKind.REACTIVE_PERCENT)
            ]
        rows.append((SetPointKind.SHED, group, SAFE[SetPointKind.SHED]))
    return [Standing(kind.value, element, safe, holds(points, kind, element, at)) for kind, element, safe in rows]

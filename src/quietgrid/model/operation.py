"""Running a grid: what an interval looked like, plans and who approved them, breakers, the emergency stop.

Nothing here is about one home: groups, busbars, branches, the system.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from quietgrid.model.grid import SetPoint
from quietgrid.model.interval import Window
from quietgrid.model.signal import Signal


class Basis(StrEnum):
    """What a picture rests on; shown beside every number of it."""

    TOTALS = "estimated from totals"
    MEASURED = "estimated from totals and measurements"
    MEANS = "estimated from yearly means"
    """No total is open: what homes usually draw."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group of nodes in one interval.

    Args:
        group: Name. power_w: what its homes draw together (negative: feed in), the interval's mean.
        homes: behind the total; 0 where the power comes from yearly means.
        lowest, p5, p50, p95, highest: voltages of its nodes, of rated; NaN where no state was found.
        loading: of the fullest branch that starts or ends in it, of its rating.
        head_w: measured at its heads, None without a measurement.
    """

    group: str
    power_w: int
    homes: int
    lowest: float
    p5: float
    p50: float
    p95: float
    highest: float
    loading: float
    head_w: int | None = None


class Fit(StrEnum):
    """How a sensor's values fit what is known beside it."""

    GOOD = "fits"
    BAD = "contradicts the others"
    """Left out of the state."""
    UNVERIFIABLE = "is unusual and cannot be checked"
    """Nothing else measures the same: it counts less."""


@dataclass(frozen=True, slots=True)
class SensorState:
    """A sensor in one interval. Args: sensor: element and kind. fit: see there. off: standard deviations it is off."""

    sensor: str
    fit: Fit
    off: float


@dataclass(frozen=True, slots=True)
class GridState:
    """The grid in one interval.

    Args:
        slot: Absolute. resolution: seconds. basis: what it rests on. feasible: whether a power flow exists.
        groups: in the network's order. loading: branch -> of its rating, the fullest first, at most twenty.
        source_w: from upstream. loss_w: lost in branches. unexplained_w: measured at heads and neither used nor lost,
            None without measurements. frequency_millihz: measured, None if nobody measures it.
        sensors: those that were compared with the state.
    """

    slot: int
    resolution: int
    basis: Basis
    feasible: bool
    groups: tuple[GroupState, ...]
    loading: dict[str, float]
    source_w: int
    loss_w: int
    unexplained_w: int | None = None
    frequency_millihz: int | None = None
    sensors: tuple[SensorState, ...] = ()

    @property
    def ends(self) -> float:
        """Unix seconds at which the interval ends."""
        return float((self.slot + 1) * self.resolution)


class BreakerState(StrEnum):
    """As in a switchboard: closed is normal, open lets nothing through, half-open tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """An automatic circuit breaker.

    Args:
        name: ``market``, ``dispatch`` or ``data``. state, since: and since when. why: what opened it last.
        calm_since: since when an open one has had no cause; None while there is one.
    """

    name: str
    state: BreakerState = BreakerState.CLOSED
    since: float = 0.0
    why: str = ""
    calm_since: float | None = None


class PlanState(StrEnum):
    """How far a plan is."""

    PROPOSED = "proposed"
    DISPATCHED = "dispatched"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    """Nobody approved it before its first interval."""


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """One group's part of a plan, a value an interval.

    Args:
        group: Name. before_w, after_w: what it draws without and with the plan. storage_w: what its storages draw.
        level_wh: what is expected in them at the end of each interval; empty where it has none.
    """

    group: str
    before_w: tuple[int, ...]
    after_w: tuple[int, ...]
    storage_w: tuple[int, ...] = ()
    level_wh: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a plan would do.

    Args:
        window: its intervals. groups: see there. set_points, signals: what is sent if it is approved; signals to homes.
        basis: where forecast and prices come from, a sentence. reasons: sentences of the planner.
        cost_before_micro, cost_after_micro: of the window. peak_before_w, peak_after_w: highest mean power, either way.
    """

    window: Window
    groups: tuple[GroupPlan, ...]
    set_points: tuple[SetPoint, ...]
    signals: tuple[Signal, ...]
    basis: str
    reasons: tuple[str, ...] = ()
    cost_before_micro: int = 0
    cost_after_micro: int = 0
    peak_before_w: int = 0
    peak_after_w: int = 0


@dataclass(frozen=True, slots=True)
class BalancePlan:
    """A proposal that somebody made, and what became of it.

    Args:
        number: Unique. proposal: see there. why: of who made it. made_by, made_at: account, when.
        state: see there. decided_by, decided_at: who approved or cancelled it. reason: theirs.
    """

    number: int
    proposal: Proposal
    why: str
    made_by: str
    made_at: float
    state: PlanState = PlanState.PROPOSED
    decided_by: str = ""
    decided_at: float | None = None
    reason: str = ""


class StopState(StrEnum):
    """How far an emergency stop is."""

    ASKED = "asked"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """No second person agreed within the hour."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class EmergencyStop:
    """A stop that two people decide, and two people end.

    Args:
        number: Unique. state: see there. asked_by, asked_at, reason: of the first. agreed_by, agreed_at: the second.
        resume_by, resume_at, resume_reason: the first of the two who end it. ended_by, ended_at: the second.
        recorded: transactions that carry it to the chain were queued.
    """

    number: int
    state: StopState
    asked_by: str
    asked_at: float
    reason: str
    agreed_by: str = ""
    agreed_at: float | None = None
    resume_by: str = ""
    resume_at: float | None = None
    resume_reason: str = ""
    ended_by: str = ""
    ended_at: float | None = None
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What devices do by themselves when nobody tells them anything: published ahead, one line a device.

    Args:
        kind, element: of a set-point. value: the safe one. active: the set-point that holds now, None if none does.
    """

    kind: str
    element: str
    value: int
    active: SetPoint | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An alarm that lasts, as the rules remember it.

    Args:
        rule, element: which. since: when it was raised. calm_since: since when it has been calm, None while it is not.
    """

    rule: str
    element: str
    since: float
    calm_since: float | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """Parts that do not answer.

    Args:
        seconds: part -> for how long, 0 where it answers. Parts: ``keyholder 1``, ``prices``, ``chain``, ``totals``,
            ``sensor NAME``.
    """

    seconds: dict[str, float] = field(default_factory=dict)

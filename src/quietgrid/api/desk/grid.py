"""The grid for people and devices: how it stands, its history, alarms, plans, the emergency stop, set-points.

Everything here is about groups, busbars, branches, the system. Powers are W (a draw: negative feeds in), means of an
interval; voltages and loadings are of rated (1.0 = rated); times are Unix seconds in the community's time.

Privacy: opened totals and measurements above the floor; the network without what is known of single homes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TypeVar

from quietgrid.accounts import Permission, Role, Viewer, require
from quietgrid.api.services import Services
from quietgrid.balance.deciding import reason_of
from quietgrid.balance.rules import holds
from quietgrid.balance.service import BREAKERS, breaker
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import NotFoundError
from quietgrid.model.grid import Alarm, MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.network import Network, UnitKind
from quietgrid.model.operation import BalancePlan, Breaker, EmergencyStop, GridState, PlanState, Standing
from quietgrid.model.signal import Signal
from quietgrid.runtime.grid_limits import tightest
from quietgrid.runtime.grid_signals import group_signals
from quietgrid.runtime.grid_totals import GroupFlow
from quietgrid.runtime.grid_watch import Watching
from quietgrid.runtime.telemetry import SourceStanding
from quietgrid.wire.steering import OwnSignals, row_of

Decided = TypeVar("Decided", BalancePlan, EmergencyStop, Alarm)
NOT_MEASURED = "not measured"
SIMULATED = "demo-"
"""What the names of sources begin with that make up what they say."""
REPLAYING = "replaying"
MOST = 500
AHEAD_S = 2.0 * DAY_S
"""How far ahead set-points are handed out."""
UNITS = {
    MeasuredKind.HEAD_W: "W", MeasuredKind.HEAD_VAR: "var", MeasuredKind.VOLTAGE_MV: "mV",
    MeasuredKind.FREQUENCY_MILLIHZ: "mHz", MeasuredKind.TAP: "position",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frequency:
    """The system's frequency: `hz` and `at`, or None and ``not measured``. label: who measured it, in words."""

    hz: float | None
    at: float | None
    label: str


@dataclass(frozen=True, slots=True)
class Market:
    """Whether markets are open; why not."""

    open: bool
    why: str


@dataclass(frozen=True, slots=True)
class GridStatus:
    """How the grid stands now.

    Args:
        state: ``running``, ``waiting`` (nothing was opened yet) or ``no network``. now: the community's time.
        network, version: of what is in force; empty and 0 without one.
        latest: the newest interval's state, with what it rests on; None before the first.
        frequency, market: see there. alarms: those that last, the most urgent first. unseen: how many nobody has
            acknowledged. breakers: all three, with what each does in `BREAKERS`. stop: the newest emergency stop.
        waiting: plans that wait for approval. away: parts that do not answer -> seconds.
        sensors: newest measurement of each sensor. sources: how gateways and devices stand; none where another process
            takes their measurements. watch: how far the watch for attacks is.
        replaying: whether this is a demo that replays history: its clock jumps, and the newest state lags behind it.
    """

    state: str
    now: float
    network: str
    version: int
    latest: GridState | None
    frequency: Frequency
    market: Market
    alarms: list[Alarm]
    unseen: int
    breakers: list[Breaker]
    stop: EmergencyStop | None
    waiting: int
    away: dict[str, float]
    sensors: list[Measurement]
    sources: list[SourceStanding]
    watch: Watching
    replaying: bool = False


def status(services: Services, viewer: Viewer) -> GridStatus:
    """How the grid stands."""
    require(viewer, Permission.GRID)
    run, now = services.grid, services.now()
    model = run.model()
    with services.store.read() as tx:
        latest, alarms = tx.grid.last_state(), tx.grid.alarms(lasting=True, limit=MOST)
        unseen = len(tx.grid.alarms(unseen=True, limit=MOST))
        breakers, stop = [breaker(tx, name) for name in BREAKERS], tx.grid.stop()
        waiting = len(tx.grid.plans(state=PlanState.PROPOSED, limit=MOST))
        sensors, version = tx.grid.newest_measurements(), tx.grid.network_version()
    state = "no network" if model is None else "waiting" if latest is None else "running"
    name = "" if model is None else model.network.name
    return GridStatus(
        state, now, name, version, latest, _frequency(sensors), Market(*run.market()), alarms, unseen, breakers, stop,
        waiting, run.away(), sensors, services.telemetry.standing() if services.telemetry else [], run.watch(),
        services.control is not None and services.control.progress().phase == REPLAYING,
    )  # fmt: skip


def flows(services: Services, viewer: Viewer) -> list[GroupFlow]:
    """Demand and supply by group, in the newest interval whose total is open."""
    require(viewer, Permission.GRID)
    return services.grid.flows()


def history(services: Services, viewer: Viewer, window: Window) -> list[GridState]:
    """The states of a window, oldest first; intervals without one are missing. At most 40 days."""
    require(viewer, Permission.GRID)
    most = 40 * DAY_S // window.resolution
    with services.store.read() as tx:
        return tx.grid.states(Window(max(window.first, window.end - most), window.end, window.resolution))


@dataclass(frozen=True, slots=True)
class Strip:
    """A group's voltages over a window, one value an interval with a state: percentiles over its nodes, of rated."""

    group: str
    slots: list[int]
    p5: list[float | None]
    p50: list[float | None]
    p95: list[float | None]
    power_w: list[int]
    loading: list[float | None]


def strips(services: Services, viewer: Viewer, window: Window) -> list[Strip]:
    """Every group's voltage strip over a window, in the network's order."""
    states = history(services, viewer, window)
    names = list(dict.fromkeys(group.group for state in states for group in state.groups))
    out = []
    for name in names:
        rows = [(state.slot, group) for state in states for group in state.groups if group.group == name]
        out.append(
            Strip(
                name, [slot for slot, _ in rows], [_number(g.p5) for _, g in rows], [_number(g.p50) for _, g in rows],
                [_number(g.p95) for _, g in rows], [g.power_w for _, g in rows], [_number(g.loading) for _, g in rows],
            )
        )  # fmt: skip
    return out


@dataclass(frozen=True, slots=True)
class Branch:
    """A line or transformer: between which nodes, how loaded (None if not among the fullest), its rating (A or VA)."""

    name: str
    start: str
    end: str
    closed: bool
    loading: float | None
    rating: float | None


@dataclass(frozen=True, slots=True)
class Feeder:
    """One group: its newest state, its day of voltages, its branches, what hangs on it, its alarms.

    Args:
        kinds: kind of unit -> how many of it. rated_w: kind -> watts together. storage_wh: of all storages.
    """

    group: str
    latest: GridState | None
    strip: Strip | None
    branches: list[Branch]
    kinds: dict[str, int]
    rated_w: dict[str, int]
    storage_wh: int
    alarms: list[Alarm]


def feeder(services: Services, viewer: Viewer, group: str) -> Feeder:
    """One group in detail.

    Raises:
        NotFoundError: there is no network, or no such group.
    """
    require(viewer, Permission.GRID)
    network = services.grid.network()
    if group not in network.groups:
        raise NotFoundError("there is no such group", where="group", fix="one of: " + ", ".join(network.groups))
    number = network.groups.index(group)
    with services.store.read() as tx:
        latest, alarms = tx.grid.last_state(), tx.grid.alarms(lasting=True, limit=MOST)
    strip = None
    if latest is not None:
        day = DAY_S // latest.resolution
        window = Window(max(0, latest.slot + 1 - day), latest.slot + 1, latest.resolution)
        strip = next((one for one in strips(services, viewer, window) if one.group == group), None)
    touching = [
        branch for branch in range(network.branches)
        if number in network.nodes.groups[[network.branch_from[branch], network.branch_to[branch]]].tolist()
    ]  # fmt: skip
    branches = [_branch(network, branch, latest) for branch in touching]
    mine = {group, *(one.name for one in branches)}
    kinds, rated = _units(network, number)
    return Feeder(
        group, latest, strip, branches, kinds, rated,
        round(float(network.units.storage_wh[network.unit_groups == number].sum())),
        [alarm for alarm in alarms if alarm.element in mine],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class NetworkView:
    """The network in force without what is known of single homes: nodes, branches, groups with their sums."""

    name: str
    version: int
    groups: list[str]
    nodes: list[tuple[str, float, str, float | None, float | None]]
    """Name, rated V, group (or nothing), x, y."""
    branches: list[Branch]
    transformers: list[tuple[str, int, int, int, bool]]
    """Name, tap, lowest, highest, whether it moves under load."""
    kinds: dict[str, dict[str, int]]
    """Group -> kind of unit -> how many."""
    rated_w: dict[str, dict[str, int]]
    """Group -> kind of unit -> watts together."""


def network(services: Services, viewer: Viewer) -> NetworkView:
    """The network in force.

    Raises:
        NotFoundError: there is none.
    """
    require(viewer, Permission.GRID)
    found = services.grid.network()
    with services.store.read() as tx:
        version, latest = tx.grid.network_version(), tx.grid.last_state()
    nodes, changers = found.nodes, found.transformers
    groups = [found.groups[g] if g >= 0 else "" for g in nodes.groups.tolist()]
    units = [_units(found, number) for number in range(len(found.groups))]
    return NetworkView(
        found.name, version, list(found.groups),
        [
            (name, float(volts), group, _number(float(x)), _number(float(y)))
            for name, volts, group, x, y in zip(
                nodes.names, nodes.rated_v.tolist(), groups, nodes.x.tolist(), nodes.y.tolist(), strict=True
            )
        ],
        [_branch(found, branch, latest) for branch in range(found.branches)],
        [
            (name, int(changers.tap[k]), int(changers.tap_min[k]), int(changers.tap_max[k]), bool(changers.on_load[k]))
            for k, name in enumerate(changers.names)
        ],
        {group: kinds for group, (kinds, _) in zip(found.groups, units, strict=True)},
        {group: rated for group, (_, rated) in zip(found.groups, units, strict=True)},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Headroom:
    """How much more a group alone could draw and feed in, W, beyond what it did; see `model.limits.Limits`."""

    group: str
    import_w: int
    export_w: int


@dataclass(frozen=True, slots=True)
class LimitsNow:
    """The limits around the newest interval with totals. tightest: name of the limit with the least room, of rated."""

    slot: int
    resolution: int
    groups: list[Headroom]
    tightest: str


def limits(services: Services, viewer: Viewer) -> LimitsNow:
    """How much more each group could draw or feed in before a voltage or a branch is at its limit.

    Raises:
        NotFoundError: there is no network, or no total is open yet.
    """
    require(viewer, Permission.GRID)
    found = services.grid.limits()
    groups = [
        Headroom(name, int(found.import_w[row, 0]), int(found.export_w[row, 0]))
        for row, name in enumerate(found.groups)
    ]
    return LimitsNow(found.window.first, found.window.resolution, groups, tightest(found))


# -- alarms ----------------------------------------------------------------------------------------------------------


def alarms(
    services: Services, viewer: Viewer, *, lasting: bool = False, unseen: bool = False, limit: int = 100
) -> list[Alarm]:
    """Alarms: those that last first, the most urgent first, then the newest."""
    require(viewer, Permission.GRID)
    with services.store.read() as tx:
        return tx.grid.alarms(lasting=lasting, unseen=unseen, limit=min(limit, MOST))


def acknowledge(services: Services, viewer: Viewer, name: str) -> Alarm:
    """Say that an alarm was seen.

    Raises:
        NotFoundError: there is none of this id.
    """
    require(viewer, Permission.GRID_OPERATE)
    return services.grid.decisions.acknowledge(name, viewer.account)


# -- the emergency stop ----------------------------------------------------------------------------------------------


def stops(services: Services, viewer: Viewer, limit: int = 20) -> list[EmergencyStop]:
    """Emergency stops, the newest first."""
    require(viewer, Permission.GRID)
    with services.store.read() as tx:
        return tx.grid.stops(limit=min(limit, MOST))


def ask_stop(services: Services, viewer: Viewer, why: str) -> EmergencyStop:
    """Ask for the stop of everything; see `Decisions.ask_stop`."""
    require(viewer, Permission.GRID_APPROVE)
    return services.grid.decisions.ask_stop(viewer.account, why)


def agree_stop(services: Services, viewer: Viewer) -> EmergencyStop:
    """Agree to the stop somebody else asked for; see `Decisions.agree_stop`."""
    require(viewer, Permission.GRID_APPROVE)
    return services.grid.decisions.agree_stop(viewer.account)


def withdraw_stop(services: Services, viewer: Viewer) -> EmergencyStop:
    """Take the own request back; see `Decisions.withdraw_stop`."""
    require(viewer, Permission.GRID_APPROVE)
    return services.grid.decisions.withdraw_stop(viewer.account)


def end_stop(services: Services, viewer: Viewer, why: str) -> EmergencyStop:
    """Ask for the end of a stop, or agree to what another asked; see `Decisions.end_stop`."""
    require(viewer, Permission.GRID_APPROVE)
    return services.grid.decisions.end_stop(viewer.account, why)


WHO = ("made_by", "decided_by", "asked_by", "agreed_by", "resume_by", "ended_by", "seen_by")


def named(services: Services, viewer: Viewer, one: Decided) -> Decided:
    """A plan, stop or alarm with people's names in the place of their accounts, as far as the viewer may see people.

    What is stored are accounts; names are looked up when somebody looks.
    """
    known = {viewer.account: viewer.name or viewer.account}
    if viewer.may(Permission.PEOPLE):
        known |= {account.id: account.name for account in services.accounts.people(viewer)}
    found = {field: getattr(one, field) for field in WHO if hasattr(one, field)}
    return replace(one, **{field: known.get(who, who) for field, who in found.items()})


# -- what devices pull -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Instructions:
    """What devices do: now and ahead.

    Args:
        now: Unix seconds. standing: one line a device, with its safe value and what holds now.
        ahead: set-points that hold within two days, in order of issue: of two that overlap the later one holds.
            Behind the end of each the safe value holds, without anybody saying so.
    """

    now: float
    standing: list[Standing]
    ahead: list[SetPoint]


def set_points(services: Services, viewer: Viewer) -> Instructions:
    """What devices do now, ahead, and by themselves."""
    require(viewer, Permission.GRID_SIGNALS)
    now = services.now()
    with services.store.read() as tx:
        ahead = tx.grid.set_points(now, now + AHEAD_S)
    mine = _own_group(services, viewer)
    standing = [one for one in services.grid.standing(now) if not mine or one.element == mine]
    return Instructions(now, standing, [point for point in ahead if not mine or point.element == mine])


def signals(services: Services, viewer: Viewer) -> list[Signal]:
    """What homes are told by the set-points in force; a household gets that of its own group.

    What was cut (a cancelled plan, an emergency stop) is not handed out any more.
    """
    require(viewer, Permission.GRID_SIGNALS)
    try:
        network = services.grid.network()
    except NotFoundError:
        return []
    now, mine = services.now(), _own_group(services, viewer)
    with services.store.read() as tx:
        return [
            signal
            for group in network.groups if not mine or group == mine
            for signal in group_signals(tx, network, group, now, services.card.resolution)
        ]  # fmt: skip


def own_signals(services: Services, viewer: Viewer) -> Signed:
    """The same for a household's process, signed by the platform: a `Signed[OwnSignals]`.

    Raises:
        NotFoundError: the viewer is no household, or there is no network with its group.
    """
    group = _own_group(services, viewer)
    if group not in services.grid.network().groups:
        raise NotFoundError("no grid is known for this home", where="group", fix="nothing is asked of it")
    rows = [row_of(signal) for signal in signals(services, viewer)]
    parts = services.platform.parts
    return parts.identity.sign(OwnSignals(parts.card.community, group, services.now(), rows))


def holding(services: Services, viewer: Viewer, kind: SetPointKind, element: str, at: float) -> SetPoint | None:
    """The set-point one device follows at a moment; None: its safe value."""
    require(viewer, Permission.GRID_SIGNALS)
    with services.store.read() as tx:
        return holds(tx.grid.set_points(at, at + 1), kind, element, at)


# -- plans -----------------------------------------------------------------------------------------------------------


def plans(services: Services, viewer: Viewer, limit: int = 50) -> list[BalancePlan]:
    """Plans, the newest first."""
    require(viewer, Permission.GRID)
    with services.store.read() as tx:
        return tx.grid.plans(limit=min(limit, MOST))


def plan(services: Services, viewer: Viewer, number: int) -> BalancePlan:
    """One plan, before and after.

    Raises:
        NotFoundError: there is none with this number.
    """
    require(viewer, Permission.GRID)
    with services.store.read() as tx:
        return tx.grid.plan(number)


def propose(
    services: Services, viewer: Viewer, why: str, *, aim: str = "cost", hours: int = 24, schedule: str = "aggregate"
) -> BalancePlan:
    """Plan the storages of the coming hours; a second person approves it.

    Args:
        aim: ``cost`` or ``peak``. hours: 1 to 48. schedule: name of the way to plan.

    Raises:
        NotFoundError: no network, no storages, no totals to forecast from, no schedule of that name.
        InfeasibleError: the feeders' limits cannot be kept.
    """
    require(viewer, Permission.GRID_OPERATE)
    reason_of(why)
    run = services.grid
    number, made = run.planning.proposal(aim, hours, schedule)
    return run.decisions.propose(number, made, viewer.account, why)


def approve(services: Services, viewer: Viewer, number: int, why: str = "") -> BalancePlan:
    """Dispatch a plan somebody else made; see `Decisions.approve`."""
    require(viewer, Permission.GRID_APPROVE)
    return services.grid.decisions.approve(number, viewer.account, why)


def cancel(services: Services, viewer: Viewer, number: int, why: str) -> BalancePlan:
    """Take a plan back; see `Decisions.cancel`."""
    require(viewer, Permission.GRID_APPROVE)
    return services.grid.decisions.cancel(number, viewer.account, why)


def _own_group(services: Services, viewer: Viewer) -> str:
    """The group of a household's home; nothing for others, who see all."""
    if viewer.role is not Role.HOUSEHOLD or viewer.home is None:
        return ""
    with services.store.read() as tx:
        return tx.registry.party(viewer.home).party.feeder


def _frequency(sensors: list[Measurement]) -> Frequency:
    found = [one for one in sensors if one.kind is MeasuredKind.FREQUENCY_MILLIHZ and one.good]
    if not found:
        return Frequency(None, None, NOT_MEASURED)
    newest = max(found, key=lambda one: one.at)
    verb = "simulated" if newest.source.startswith(SIMULATED) else "measured"
    return Frequency(newest.value / 1000, newest.at, f"{verb} by {newest.source}")


def _branch(network: Network, branch: int, latest: GridState | None) -> Branch:
    lines = len(network.lines.names)
    rating = network.lines.rated_a[branch] if branch < lines else network.transformers.rated_va[branch - lines]
    name = network.branch_names[branch]
    nodes = network.nodes.names
    return Branch(
        name, nodes[network.branch_from[branch]], nodes[network.branch_to[branch]], bool(network.branch_closed[branch]),
        None if latest is None else latest.loading.get(name), _number(float(rating)),
    )  # fmt: skip


def _units(network: Network, group: int) -> tuple[dict[str, int], dict[str, int]]:
    """Of a group: kind -> how many, kind -> rated watts together (plants: what they feed in at most)."""
    mine = network.unit_groups == group
    kinds: dict[str, int] = {}
    rated: dict[str, int] = {}
    for kind in UnitKind:
        chosen = mine & network.units.of(kind)
        if chosen.any():
            kinds[kind.value] = int(chosen.sum())
            rated[kind.value] = round(float(network.units.rated_w[chosen].sum()))
    return kinds, rated


def _number(value: float) -> float | None:
    return value if isfinite(value) else None

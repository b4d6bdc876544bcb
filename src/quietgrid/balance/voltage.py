"""What is told to devices so that voltages stay in their band: from states of the grid to set-points.

Pure: the same states and set-points give the same decision. What is told goes to transformers and to groups; inverters
and batteries of a group share it by themselves and go on following their own characteristic at their own terminals.
Set-points end by themselves (`VoltageSettings.valid_s`), then the safe value holds again. Nothing is decided on a state
that is old or rests on yearly means: then nobody here knows more than the devices do.

Order: tap changer, reactive power and batteries together, feed-in limits last and only after the others were told.

Privacy: reads groups' voltage figures (`GridState`), which are *estimated bus voltages*; nothing about a home.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, isfinite

import numpy as np

from quietgrid.algorithms.powerflow import Model
from quietgrid.algorithms.voltage import QU_4105, Band, Characteristic, TapControl, behind, move
from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.network import Floats, Network, UnitKind
from quietgrid.model.operation import Basis, GridState, GroupState

FULL = 100
REACH_PERCENT = 48.4
"""Reactive power of every plant, per cent of rated (EN 50549-1:2019, 4.7.2.2); devices that can less give less."""
RELIEF = Characteristic("relief", (0.93, 0.97, 1.05, 1.08), (-1.0, 0.0, 0.0, 1.0), source="Quietgrid's own")
"""What batteries of a group are asked for: only where voltages need it; the rest is their owners' business."""


@dataclass(frozen=True)
class VoltageSettings:
    """How decisions are made.

    Args:
        band: what must be kept. taps, reactive, support: as in `algorithms.voltage`. margin: of the band's top, where
            feed-in limits begin to be lifted again. lift: points a decision lifts at most. valid_s: how long a
            set-point holds. stale_s: age of a state that is too old to act on.
    """

    band: Band = field(default_factory=Band)
    taps: TapControl = field(default_factory=lambda: TapControl(by_range=True))
    reactive: Characteristic = QU_4105
    support: Characteristic = RELIEF
    margin: float = 0.005
    lift: int = 10
    valid_s: float = 1_800.0
    stale_s: float = 2_700.0


@dataclass(frozen=True)
class Means:
    """What a group can do: [groups] each.

    Args:
        plants_w: rated feed-in. storage_w: rated power of batteries. rise: what a per cent of the group's rated feed-in
            raises its own highest voltage by.
    """

    plants_w: Floats
    storage_w: Floats
    rise: Floats


def means_of(network: Network) -> Means:
    """What the groups of a network can do.

    Cost: a power flow a group, and one.
    """
    units, groups = network.units, len(network.groups)
    own = network.unit_groups[None, :] == np.arange(groups)[:, None]
    plants = own & (units.of(UnitKind.PV, UnitKind.WIND) & units.closed)
    storages = own & (units.of(UnitKind.STORAGE) & units.closed)
    feeding = np.concatenate([np.zeros((1, len(units))), np.where(plants, -units.rated_w, 0.0)])
    voltage = Model(network).flow(feeding, np.zeros_like(feeding)).voltage
    inside = network.nodes.groups[None, :] == np.arange(groups)[:, None]
    rises = np.where(inside, np.nan_to_num(voltage[1:] - voltage[0]), 0.0).max(axis=1, initial=0.0) / FULL
    return Means(plants @ units.rated_w, storages @ units.rated_w, rises)


def decide(
    states: Sequence[GridState],
    network: Network,
    settings: VoltageSettings,
    now: float,
    held: Sequence[SetPoint] = (),
    since: Mapping[str, float] | None = None,
) -> tuple[SetPoint, ...]:
    """What devices are told now.

    Args:
        states: The last intervals, oldest first; decisions rest on the newest, delays on those before. network: in
            force. now: Unix seconds. held: set-points that hold now; what is told replaces those of its device.
        since: transformer -> when its tap last changed, Unix seconds. A tap moves again only on states that began an
            interval after that: older ones show the grid as it was before, and acting on them swings.

    Returns:
        A set-point for each device that should do something else than its safe value; nothing on a state that is stale,
        infeasible or known from yearly means only.

    Cost: a power flow a group.
    """
    if not states:
        return ()
    newest = states[-1]
    if now - newest.ends > settings.stale_s or not newest.feasible or newest.basis is Basis.MEANS:
        return ()
    means = means_of(network)
    told = _Told(settings, now)
    tapped = _taps(told, states, network, held, since or {})
    known = {group.group: group for group in newest.groups if isfinite(group.highest) and isfinite(group.lowest)}
    for row, name in enumerate(network.groups):
        if name in known:
            _group(told, known[name], means, row, held, waits=name in tapped)
    return tuple(told.points)


def taps_since(network: Network, points: Sequence[SetPoint], at: float) -> dict[str, float]:
    """When each transformer's tap last changed, Unix seconds; those that did not change are left out.

    Args:
        points: tap set-points of the last hours, in order of issue. at: now.
    """
    found: dict[str, float] = {}
    for row, name in enumerate(network.transformers.names):
        safe = value = int(network.transformers.tap[row])
        until = float("-inf")
        for one in points:
            if one.kind is not SetPointKind.TAP or one.element != name or one.start > at:
                continue
            before = value if one.start <= until else safe
            if one.value != before:
                found[name] = one.start
            value, until = one.value, one.end
        if value != safe and until <= at:
            found[name] = until
    return found


class _Told:
    """Set-points as they are decided."""

    def __init__(self, settings: VoltageSettings, now: float) -> None:
        self.settings, self.now = settings, now
        self.points: list[SetPoint] = []

    def tell(self, kind: SetPointKind, element: str, value: int, reason: str) -> None:
        name = f"voltage {kind.value} {element} {int(self.now)}"
        self.points.append(SetPoint(name, kind, element, value, self.now, self.now + self.settings.valid_s, reason))


def _taps(
    told: _Told, states: Sequence[GridState], network: Network, held: Sequence[SetPoint], since: Mapping[str, float]
) -> set[str]:
    """Tap changers; names of groups behind one that moves now, so that their feed-in limits wait."""
    tf, control = network.transformers, told.settings.taps
    below = behind(network)
    taps = np.array([_held(held, SetPointKind.TAP, name, int(tf.tap[row])) for row, name in enumerate(tf.names)])
    waiting: set[str] = set()
    for row in np.flatnonzero(tf.on_load).tolist():
        inside = {network.groups[group] for group in np.unique(network.nodes.groups[below == row]) if group >= 0}
        changed = since.get(tf.names[row], float("-inf"))
        after = [state for state in states if state.ends - 2 * state.resolution >= changed]
        if not after:  # nothing is known of the grid as it is now
            if int(taps[row]) != int(tf.tap[row]):
                reason = f"{tf.names[row]} stays at tap {int(taps[row])}: what its last move did is not seen yet."
                told.tell(SetPointKind.TAP, tf.names[row], int(taps[row]), reason)
            continue
        signals = [_middle(state, inside) for state in after]
        waited = 0.0
        for state, signal in zip(reversed(after), reversed(signals), strict=True):
            if not isfinite(signal) or not control.outside(np.array(signal)):
                break
            waited += state.resolution
        each = np.full((1, len(taps)), np.nan)
        each[0, row] = signals[-1]
        new = move(control, network, each, taps[None, :].astype(np.int32), np.full_like(each, waited),
                   np.zeros((1, len(taps)), np.int32))[0, row]  # fmt: skip
        moved = int(new) != int(taps[row])
        if moved:
            waiting |= inside
        if moved or int(new) != int(tf.tap[row]):
            told.tell(
                SetPointKind.TAP, tf.names[row], int(new),
                f"Estimated bus voltages behind {tf.names[row]} lie around {signals[-1]:.1%} of rated "
                f"(aim {control.target:.1%} ± {control.half_band:.1%}): tap {int(new)}.",
            )  # fmt: skip
    return waiting


def _middle(state: GridState, groups: set[str]) -> float:
    known = [group for group in state.groups if group.group in groups and isfinite(group.lowest)]
    if not known:
        return float("nan")
    return (min(group.lowest for group in known) + max(group.highest for group in known)) / 2


def _group(told: _Told, group: GroupState, means: Means, row: int, held: Sequence[SetPoint], *, waits: bool) -> None:
    settings, name = told.settings, group.group
    # the end that is farther from rated decides; a group that has both is the tap changer's
    worst = group.highest if group.highest - 1 >= 1 - group.lowest else group.lowest
    said = f"Estimated bus voltages in {name} reach {worst:.1%} of rated"
    reactive = round(REACH_PERCENT * float(settings.reactive.at(np.array(worst))))
    if reactive and means.plants_w[row] > 0:
        what = "draw" if reactive > 0 else "give"
        told.tell(SetPointKind.REACTIVE_PERCENT, name, reactive,
                  f"{said}: inverters {what} {abs(reactive)} % of rated power as reactive power.")  # fmt: skip
    storage = round(float(means.storage_w[row]) * float(settings.support.at(np.array(worst))))
    if storage:
        what = "charge with" if storage > 0 else "give back"
        told.tell(SetPointKind.STORAGE_W, name, storage, f"{said}: batteries {what} {abs(storage) / 1e3:.1f} kW.")
    if means.plants_w[row] > 0:
        before = _held(held, SetPointKind.CURTAIL_PERCENT, name, FULL)
        told_others = any(
            one.element == name and one.kind in (SetPointKind.REACTIVE_PERCENT, SetPointKind.STORAGE_W) for one in held
        )
        others = bool(reactive or storage) and not told_others
        limit = limit_percent(group.highest, before, float(means.rise[row]), settings)
        if limit < before and (waits or others):
            limit = before  # first see what the others do
        if limit < FULL:
            told.tell(
                SetPointKind.CURTAIL_PERCENT, name, limit,
                f"Estimated bus voltages in {name} reach {group.highest:.1%} of rated "
                f"(limit {settings.band.high:.1%}): every plant may feed in at most {limit} % of its rated power.",
            )  # fmt: skip


def limit_percent(highest: float, before: int, rise: float, settings: VoltageSettings) -> int:
    """The feed-in limit that follows a voltage: down by what is needed, up again slowly; never up as voltages rise.

    Args:
        highest: estimated voltage. before: the limit that holds. rise: relative voltage a per cent of rated feed-in.
    """
    over = highest - settings.band.high
    if over > 0:
        return max(0, before - max(1, ceil(over / rise))) if rise > 0 else 0
    room = -over - settings.margin
    if room <= 0:
        return before
    return min(FULL, before + (min(settings.lift, floor(room / rise)) if rise > 0 else settings.lift))


def _held(held: Sequence[SetPoint], kind: SetPointKind, element: str, otherwise: int) -> int:
    return next((one.value for one in held if one.kind is kind and one.element == element), otherwise)

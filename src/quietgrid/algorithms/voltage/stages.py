"""A grid under voltage control, interval by interval, its stages switched on one after the other.

Causal: what a device does in an interval follows from that interval's voltages and from what it remembers (tap, time
outside the dead band, battery content). To be fast all days go side by side: interval 0 of every day, then interval 1
and so on. A day begins with what the day before ended with; days whose beginning turns out different are worked out
again, until all seams fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow import Model
from quietgrid.algorithms.voltage.characteristic import (
    PU_BELOW_LIMIT,
    QU_4105,
    SUPPORT,
    Characteristic,
    reactive_reach,
)
from quietgrid.algorithms.voltage.curtailing import FULL, find_percent, least_cuts, limits_w
from quietgrid.algorithms.voltage.quality import Band
from quietgrid.algorithms.voltage.settling import Droops, Given, Loop, Settled
from quietgrid.algorithms.voltage.sharing import Sharing
from quietgrid.algorithms.voltage.storing import advance, bounds
from quietgrid.algorithms.voltage.taps import TapControl, behind, compensated, middle, move
from quietgrid.errors import InputError
from quietgrid.model.network import Flags, Floats, Rows, UnitKind

PASSES = 12
"""Times seams between days are tried; a real year needs two or three."""
SEAM_WH = 1.0
PROBE_W = 1e3


class Stage(StrEnum):
    """What acts, in the order it is meant to be asked for: what costs least energy first."""

    TAPS = "taps"
    REACTIVE = "reactive"
    STORAGE = "storage"
    ACTIVE = "active"
    CURTAIL = "curtail"


@dataclass(frozen=True)
class Settings:
    """How each stage acts.

    Args:
        taps: of the tap changer. reactive, active, support: characteristics. band: what must be kept. sharing: of
            curtailment. seconds: of an interval. per_day: intervals a day.
    """

    taps: TapControl = field(default_factory=TapControl)
    reactive: Characteristic = QU_4105
    active: Characteristic = PU_BELOW_LIMIT
    support: Characteristic = SUPPORT
    band: Band = field(default_factory=Band)
    sharing: Sharing = Sharing.EQUAL
    seconds: int = 900
    per_day: int = 96


@dataclass(frozen=True)
class Outcome:
    """What happened, over t intervals.

    Args:
        voltage: [t, n]. loading: [t, branches]. draw_w, draw_var: [t, u], what units drew. stored_wh: [t, u], in the
            batteries at the end of each interval. taps: int32 [t, k]. percent: [t, groups], feed-in limits broadcast
            (100: none; with `Sharing.LEAST` always 100, it has no broadcast number). source_w, loss_w: [t].
            still: bool [t], whether devices came to rest. passes: how often days were worked out. open_seams: days left
            whose beginning does not fit. gain: of the loop (see `Loop`).
    """

    voltage: Floats
    loading: Floats
    draw_w: Floats
    draw_var: Floats
    stored_wh: Floats
    taps: Rows
    percent: NDArray[np.int64]
    source_w: Floats
    loss_w: Floats
    still: Flags
    passes: int
    open_seams: int
    gain: float


@dataclass
class _Memory:
    """What days carry from interval to interval: tap [d, k], seconds outside, steps today, Wh stored [d, u]."""

    taps: Rows
    waited_s: Floats
    moved: Rows
    stored_wh: Floats

    def of(self, days: NDArray[np.intp]) -> _Memory:
        return _Memory(*(getattr(self, one.name)[days].copy() for one in fields(self)))


def simulate(
    model: Model,
    draws: tuple[Floats, Floats],
    settings: Settings,
    stages: frozenset[Stage] = frozenset(Stage),
    *,
    source_voltage: Floats | None = None,
) -> Outcome:
    """Run a span of whole days under the given stages.

    Args:
        model: The grid; tap changers that move are those `on_load`. draws: (W, var) [t, u] without any control;
            batteries' columns are what they draw for their owners (0: nothing). stages: which act. source_voltage:
            [t, sources]; the network's unless told.

    Raises:
        InputError: not whole days, or a dead band that would hunt.

    Cost: without control 60 µs an interval; with everything some ten times that.
    Privacy: works on draws of single units: for simulated grids, or of those who agreed. Never of sealed homes.
    """
    source = np.tile(model.network.sources.voltage, (len(draws[0]), 1)) if source_voltage is None else source_voltage
    return _Run(model, (*draws, source), settings, stages).outcome()


class _Run:
    """One simulation: what does not change, and the tables that are filled."""

    def __init__(
        self, model: Model, given: tuple[Floats, Floats, Floats], settings: Settings, stages: frozenset[Stage]
    ) -> None:
        self.model, self.network, self.settings, self.stages = model, model.network, settings, stages
        t = len(given[0])
        if t == 0 or t % settings.per_day:
            raise InputError(f"{t} intervals are not whole days of {settings.per_day}", where=model.network.name,
                             fix="give whole days")  # fmt: skip
        if Stage.TAPS in stages:
            settings.taps.fits(model.network)
        self.days = t // settings.per_day
        shape = (self.days, settings.per_day)
        self.given = tuple(column.reshape(*shape, -1) for column in given)
        units, k = self.network.units, len(self.network.transformers.names)
        inverters = units.of(UnitKind.PV, UnitKind.WIND) & units.closed
        self.batteries = units.of(UnitKind.STORAGE) & units.closed
        self.feeding = np.where(inverters, np.maximum(units.rated_w, -given[0].min(axis=0)), 0.0)
        droops = Droops(
            settings.reactive if Stage.REACTIVE in stages else None, reactive_reach(self.feeding),
            settings.active if Stage.ACTIVE in stages else None, self.feeding,
            settings.support if Stage.STORAGE in stages else None, np.where(self.batteries, units.rated_w, 0.0),
        )  # fmt: skip
        high_noon = int(np.argmin(given[0][:, inverters].sum(axis=1)))
        at = (given[0][high_noon], given[1][high_noon])
        self.loop = Loop(model, droops, *at)
        self.effect = self._effect(*at) if Stage.CURTAIL in stages and settings.sharing is Sharing.LEAST else None
        self.below = behind(self.network)
        n, b, u, g = len(self.network.nodes.names), self.network.branches, len(units), len(self.network.groups)
        self.tables: dict[str, NDArray[np.float64]] = {
            name: np.full((*shape, width), np.nan)
            for name, width in (("voltage", n), ("loading", b), ("draw_w", u), ("draw_var", u), ("stored_wh", u),
                                ("taps", k), ("percent", g), ("flow", 3))
        }  # fmt: skip

    def _effect(self, w: Floats, var: Floats) -> Floats:
        """[u, n]: what a watt of feed-in raises each node by, at the time of most feed-in."""
        probed = np.tile(w, (len(w) + 1, 1))
        probed[np.arange(1, len(w) + 1), np.arange(len(w))] -= PROBE_W
        voltage = self.model.flow(probed, np.tile(var, (len(w) + 1, 1))).voltage
        return np.asarray(np.nan_to_num((voltage[1:] - voltage[0]) / PROBE_W), np.float64)

    def outcome(self) -> Outcome:
        units, tf = self.network.units, self.network.transformers
        k, u = len(tf.names), len(units)
        begin = _Memory(np.tile(tf.tap, (self.days, 1)), np.zeros((self.days, k)), np.zeros((self.days, k), np.int32),
                        np.zeros((self.days, u)))  # fmt: skip
        days, passes = np.arange(self.days), 0
        end = begin.of(days)
        while len(days) and passes < PASSES:
            passes += 1
            memory = begin.of(days)
            memory.moved[:] = 0
            for step in range(self.settings.per_day):
                self._interval(days, step, memory)
            for one in fields(_Memory):
                getattr(end, one.name)[days] = getattr(memory, one.name)
            days = self._seams(begin, end)
        flat = {name: table.reshape(self.days * self.settings.per_day, -1) for name, table in self.tables.items()}
        source, loss, still = flat["flow"].T
        return Outcome(
            flat["voltage"], flat["loading"], flat["draw_w"], flat["draw_var"], flat["stored_wh"],
            flat["taps"].astype(np.int32), flat["percent"].astype(np.int64), source, loss, still.astype(np.bool_),
            passes, len(days), self.loop.gain,
        )  # fmt: skip

    def _seams(self, begin: _Memory, end: _Memory) -> NDArray[np.intp]:
        """Days that began otherwise than the day before ended; `begin` is set right."""
        off = (begin.taps[1:] != end.taps[:-1]).any(axis=1)
        off |= (np.abs(begin.stored_wh[1:] - end.stored_wh[:-1]) > SEAM_WH).any(axis=1)
        begin.taps[1:], begin.stored_wh[1:] = end.taps[:-1], end.stored_wh[:-1]
        begin.waited_s[1:] = end.waited_s[:-1]
        return np.flatnonzero(off) + 1

    def _interval(self, days: NDArray[np.intp], step: int, memory: _Memory) -> None:
        w, var, source = (table[days, step] for table in self.given)
        before = None
        if step and len(self.loop.units):
            drawn = self.tables["draw_w"][days, step - 1], self.tables["draw_var"][days, step - 1]
            before = (drawn[0] + w - self.given[0][days, step - 1], drawn[1] + var - self.given[1][days, step - 1])
        capacity = self.network.units.storage_wh
        room = bounds(memory.stored_wh, capacity, self.loop.droops.power_w, self.settings.seconds)
        given = Given(w, var, source, memory.taps, room)
        found = self.loop.settle(given, before)
        if Stage.TAPS in self.stages:
            given = self._tapped(found, given, memory)
        percent = np.full((len(days), len(self.network.groups)), FULL)
        if Stage.CURTAIL in self.stages:
            self._curtailed(found, given, percent)
        battery = np.where(self.batteries, found.draw_w - w, 0.0)
        memory.stored_wh = advance(memory.stored_wh, battery, capacity, self.settings.seconds)
        flow = found.flow
        for name, value in (
            ("voltage", flow.voltage), ("loading", flow.loading), ("draw_w", found.draw_w),
            ("draw_var", found.draw_var), ("stored_wh", memory.stored_wh), ("taps", memory.taps), ("percent", percent),
            ("flow", np.stack([flow.source_w, flow.loss_w, found.still], axis=1)),
        ):  # fmt: skip
            self.tables[name][days, step] = value

    def _signal(self, found: Settled) -> Floats:
        """[d, k]: what each tap changer watches."""
        control, tf = self.settings.taps, self.network.transformers
        voltage, flow = found.flow.voltage, found.flow
        if control.by_range:
            return middle(voltage, self.below, len(tf.names))
        first = len(self.network.lines.names)
        through = -flow.to_w[:, first:], -flow.to_var[:, first:]
        return compensated(control, self.network, voltage[:, tf.to_node], *through)

    def _tapped(self, found: Settled, given: Given, memory: _Memory) -> Given:
        control, seconds = self.settings.taps, self.settings.seconds
        signal = self._signal(found)
        memory.waited_s = np.where(control.outside(signal), memory.waited_s + seconds, 0.0)
        for _ in range(control.rate):
            taps = move(control, self.network, signal, memory.taps, memory.waited_s, memory.moved)
            rows = np.flatnonzero((taps != memory.taps).any(axis=1))
            if not len(rows):
                break
            memory.moved = memory.moved + (taps != memory.taps)
            memory.taps = taps
            given = replace(given, taps=taps)
            found.put(self.loop.settle(given.of(rows), (found.draw_w[rows], found.draw_var[rows])), rows)
            signal = self._signal(found)
        memory.waited_s = np.where(control.outside(signal), memory.waited_s, 0.0)
        return given

    def _curtailed(self, found: Settled, given: Given, percent: NDArray[np.int64]) -> None:
        """Lower feed-in limits where voltages are too high; fills `found` and `percent`."""
        high, sharing, plants = self.settings.band.high, self.settings.sharing, self.feeding > 0
        grouped = self.network.nodes.groups >= 0
        rows = np.flatnonzero((np.nan_to_num(found.flow.voltage[:, grouped]) > high).any(axis=1))
        if not len(rows):
            return
        here = given.of(rows)
        feeding = np.where(plants, np.maximum(-here.w, 0.0), 0.0)
        began = found.draw_w[rows], found.draw_var[rows]

        def settled(some: NDArray[np.intp], most: Floats) -> Settled:
            limit = np.where(plants, -most, -np.inf)
            lowered = here.of(some)
            lowered = replace(lowered, w=np.maximum(lowered.w, limit))
            return self.loop.settle(lowered, (np.maximum(began[0][some], limit), began[1][some]))

        def voltages(some: NDArray[np.intp], most: Floats) -> Floats:
            return np.where(grouped, settled(some, most).flow.voltage, np.nan)

        if self.effect is not None:
            most = least_cuts(high, feeding, self.effect, voltages)
        else:
            percent[rows] = find_percent(self.network, high, feeding, self.feeding, sharing, voltages)
            most = limits_w(percent[rows], feeding, self.feeding, self.network.unit_groups, sharing)
        found.put(settled(np.arange(len(rows)), most), rows)

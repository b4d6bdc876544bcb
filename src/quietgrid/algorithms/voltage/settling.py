"""What inverters and batteries come to that all act on their own voltage: the fixed point, many intervals at once.

Every device draws `g(V)` at its own voltage, and voltages follow from what all draw. Round by round: a true flow; then
`x <- (1 - a) x + a g(V(x))` on the linear grid through that flow until it stands still; then the true flow again, until
it is where the linear grid said.

Convergence. On the linear grid V = V0 - X q, with X the sensitivities (symmetric, positive semi-definite in a radial
grid), and every answer rises with the voltage, with slopes in [0, L]. In the norm of X^(1/2) one step is then a
contraction for every a < 2 / (1 + rho), rho the largest eigenvalue of L^(1/2) X L^(1/2) (`Loop.gain`). We take
a = 2 / (2 + rho) (`damping`), the best, with factor rho / (2 + rho), which bounds the steps (`steps_bound`). Undamped
repetition (a = 1) is sure only below rho = 1. Active and reactive power together have no such norm: there the same a is
a rule of thumb. Intervals that do not come to rest are marked, whatever the reason.

Source: Andrén, Bletterie, Kadam, Kotsampopoulos, Bucher, "On the stability of local voltage control in distribution
networks with a high penetration of inverter-based generation", IEEE Trans. Industrial Electronics 62(4), 2015, for the
question; the bound is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.powerflow import Flow, Model
from quietgrid.algorithms.voltage.characteristic import Characteristic
from quietgrid.model.network import Flags, Floats, Rows

TOLERANCE = 1e-5
"""Relative voltage: devices stand still when no voltage moves by more."""
MOST_ROUNDS, MOST_STEPS = 12, 400
PROBE_VA = 1e3
SAME_W = 1e-3
"""Draws as close as this are the same: rounding."""
AWAKE = 0.1
"""An inverter takes part in Q(U) from this share of its rated power (VDE-AR-N 4105:2018-11, 5.7.2)."""


@dataclass(frozen=True)
class Droops:
    """Which units act on their own voltage, and how; columns of [units], zero where one does not take part.

    Args:
        reactive: Q(U) or None. reach_var: [u], what share 1 means. active: P(U) or None. feeding_w: [u], rated
            feed-in. support: of batteries, or None. power_w: [u], their rated power.
    """

    reactive: Characteristic | None
    reach_var: Floats
    active: Characteristic | None
    feeding_w: Floats
    support: Characteristic | None
    power_w: Floats

    @property
    def acting(self) -> NDArray[np.intp]:
        """Rows of the units that act."""
        acts = np.zeros(len(self.feeding_w), np.bool_)
        if self.reactive is not None:
            acts |= self.reach_var > 0
        if self.active is not None:
            acts |= self.feeding_w > 0
        if self.support is not None:
            acts |= self.power_w > 0
        return np.flatnonzero(acts)

    def of(self, units: NDArray[np.intp]) -> Droops:
        """The same for some units only."""
        return replace(self, reach_var=self.reach_var[units], feeding_w=self.feeding_w[units],
                       power_w=self.power_w[units])  # fmt: skip

    @property
    def any(self) -> bool:
        """Whether anything acts at all."""
        return self.reactive is not None or self.active is not None or self.support is not None

    def answer(
        self, voltage: Floats, draw_w: Floats, draw_var: Floats, room_w: tuple[Floats, Floats]
    ) -> tuple[Floats, Floats]:
        """What each unit draws at its own voltage.

        Args:
            voltage: [t, u] at each unit. draw_w, draw_var: [t, u], what it would draw. room_w: (least, most) [t, u] a
                battery may draw (what its content allows).
        """
        w, var = draw_w, draw_var
        if self.reactive is not None:
            awake = -draw_w >= AWAKE * np.maximum(self.feeding_w, 1.0)
            var = draw_var + np.where(awake, self.reach_var * self.reactive.at(voltage), 0.0)
        if self.active is not None:
            most = np.where(self.feeding_w > 0, self.feeding_w * self.active.at(voltage), np.inf)
            w = np.maximum(w, -most)
        if self.support is not None:
            battery = np.clip(self.support.at(voltage) * self.power_w, *room_w)
            w = np.where(self.power_w > 0, draw_w + battery, w)
        return w, var


@dataclass(frozen=True)
class Given:
    """What is given from outside, over t intervals.

    Args:
        w, var: [t, u], what units would draw. source: [t, sources], upstream voltages. taps: int32 [t, k].
        room_w: (least, most) [t, u] a battery may draw.
    """

    w: Floats
    var: Floats
    source: Floats
    taps: Rows
    room_w: tuple[Floats, Floats]

    def of(self, rows: NDArray[np.intp]) -> Given:
        """Some intervals of it."""
        least, most = self.room_w
        return Given(self.w[rows], self.var[rows], self.source[rows], self.taps[rows], (least[rows], most[rows]))


@dataclass(frozen=True)
class Settled:
    """Where devices came to rest: the flow, and what units drew in it.

    Args:
        flow: Of these draws. draw_w, draw_var: [t, u]. still: bool [t]; False where voltages still moved. rounds: most
            flows any interval took.
    """

    flow: Flow
    draw_w: Floats
    draw_var: Floats
    still: Flags
    rounds: int

    def put(self, new: Settled, rows: NDArray[np.intp]) -> None:
        """Overwrite some intervals."""
        for name, column in vars(new.flow).items():
            getattr(self.flow, name)[rows] = column
        self.draw_w[rows], self.draw_var[rows], self.still[rows] = new.draw_w, new.draw_var, new.still


class Loop:
    """A grid and the devices in it that answer to voltages, ready to settle.

    Args:
        model: The grid. droops: who acts. w, var: [u], the operating point sensitivities are taken at.

    Cost: a flow for each unit that acts and each kind of power it acts with.
    """

    def __init__(self, model: Model, droops: Droops, w: Floats, var: Floats) -> None:
        self.model, self.droops = model, droops
        self.units = droops.acting
        self._here = droops.of(self.units)
        self._nodes = model.network.units.nodes[self.units]
        self._falls_w, self._falls_var = self._sensitivities(w, var)
        self.gain = self._gain()
        """rho: how strongly devices answer to what they cause themselves; see the module."""

    def _sensitivities(self, w: Floats, var: Floats) -> tuple[Floats, Floats]:
        """[cause, effect]: by how much a watt and a var that one unit draws lower the voltage at another."""
        a = len(self.units)
        probed_w, probed_var = np.tile(w, (2 * a + 1, 1)), np.tile(var, (2 * a + 1, 1))
        probed_w[np.arange(a), self.units] += PROBE_VA
        probed_var[np.arange(a, 2 * a), self.units] += PROBE_VA
        voltage = self.model.flow(probed_w, probed_var).voltage[:, self._nodes]
        falls = np.nan_to_num((voltage[-1] - voltage[:-1]) / PROBE_VA)
        return falls[:a], falls[a:]

    def _gain(self) -> float:
        here, a = self._here, len(self.units)
        if not a:
            return 0.0
        reactive = here.reactive.slope * here.reach_var if here.reactive else np.zeros(a)
        active = here.active.slope * here.feeding_w if here.active else np.zeros(a)
        active = active + (here.support.slope * here.power_w if here.support else 0.0)
        causes = np.concatenate([self._falls_w * active[:, None], self._falls_var * reactive[:, None]])
        joint = np.concatenate([causes, causes], axis=1)
        return float(np.max(np.abs(np.linalg.eigvals(joint))))

    def settle(self, given: Given, start: tuple[Floats, Floats] | None = None) -> Settled:
        """Let every device act on its own voltage until voltages stand still.

        Args:
            given: What does not answer. start: (W, var) [t, u] to begin from, for example of the interval before.

        Cost: one flow an interval where nothing has to answer anew, else two or three.
        """
        w, var = (given.w.copy(), given.var.copy()) if start is None else (start[0].copy(), start[1].copy())
        flow = self.model.flow(w, var, taps=given.taps, source_voltage=given.source)
        found = Settled(flow, w, var, flow.converged.copy(), 1)
        if not len(self.units):
            return found
        found.still[:] = flow.converged & self._rest(flow.voltage, w, var, given)
        rows = np.flatnonzero(flow.converged & ~found.still)
        rounds = 1
        while len(rows) and rounds < MOST_ROUNDS:
            some = given.of(rows)
            new_w, new_var, expected, rests = self._linear(found.flow.voltage[rows], w[rows], var[rows], some)
            w[rows], var[rows] = new_w, new_var
            flow = self.model.flow(new_w, new_var, taps=some.taps, source_voltage=some.source)
            off = np.abs(flow.voltage[:, self._nodes] - expected).max(axis=1)
            found.put(Settled(flow, new_w, new_var, rests & (off <= TOLERANCE), 1), rows)
            rows = rows[~found.still[rows] & flow.converged]
            rounds += 1
        return replace(found, rounds=rounds)

    def _rest(self, voltage: Floats, w: Floats, var: Floats, given: Given) -> Flags:
        """bool [t]: where devices would move no voltage if they answered once more."""
        units, least, most = self.units, *given.room_w
        asked = given.w[:, units], given.var[:, units]
        goal = self._here.answer(voltage[:, self._nodes], *asked, (least[:, units], most[:, units]))
        moves = (goal[0] - w[:, units]) @ self._falls_w + (goal[1] - var[:, units]) @ self._falls_var
        others = np.ones(w.shape[1], np.bool_)
        others[units] = False
        apart = np.maximum(np.abs(w - given.w), np.abs(var - given.var))[:, others].max(axis=1, initial=0.0)
        return np.asarray((apart <= SAME_W) & (np.abs(moves).max(axis=1) <= TOLERANCE), np.bool_)

    def _linear(self, voltage: Floats, w: Floats, var: Floats, given: Given) -> tuple[Floats, Floats, Floats, Flags]:
        """Rest on the linear grid through a flow: draws [t, u], the voltages it expects, which intervals rest."""
        units, part = self.units, damping(self.gain)
        at, here = voltage[:, self._nodes], self._here
        base_w, base_var = w[:, units], var[:, units]
        asked = given.w[:, units], given.var[:, units]
        room = given.room_w[0][:, units], given.room_w[1][:, units]
        x_w, x_var, expected = base_w.copy(), base_var.copy(), at.copy()
        rests = np.zeros(len(at), np.bool_)
        for _ in range(MOST_STEPS):
            rows = np.flatnonzero(~rests)
            if not len(rows):
                break
            goal_w, goal_var = here.answer(expected[rows], asked[0][rows], asked[1][rows],
                                           (room[0][rows], room[1][rows]))  # fmt: skip
            x_w[rows] += part * (goal_w - x_w[rows])
            x_var[rows] += part * (goal_var - x_var[rows])
            new = at[rows] - (x_w - base_w)[rows] @ self._falls_w - (x_var - base_var)[rows] @ self._falls_var
            rests[rows] = np.abs(new - expected[rows]).max(axis=1) <= part * TOLERANCE / 10
            expected[rows] = new
        # units that do not answer draw what they would
        new_w, new_var = given.w.copy(), given.var.copy()
        new_w[:, units], new_var[:, units] = x_w, x_var
        return new_w, new_var, expected, rests


def damping(gain: float) -> float:
    """The share of each step to take.

    >>> damping(0.0), damping(2.0)
    (1.0, 0.5)
    """
    return 2 / (2 + gain)


def steps_bound(gain: float, first: float, tolerance: float = TOLERANCE) -> int:
    """Steps after which a change that began as `first` is below the tolerance, for one kind of power.

    >>> steps_bound(1.0, 0.1)
    9
    """
    factor = gain / (2 + gain)
    return 1 if factor <= 0 or first <= tolerance else ceil(log(tolerance / first) / log(factor))

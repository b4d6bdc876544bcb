"""A single control area after a disturbance: inertia, load damping, governor, turbine, secondary control.

``2H·df/dt = ΔPm + support − ΔPl − D·df`` with everything per unit of the area's base power and rated frequency;
governor and turbine are first-order lags, the secondary control (AGC) integrates the area control error ``ACE = B·df``.
The linear part is stepped exactly (matrix exponential); limits, droop responses and relays act from step to step.

Source: P. Kundur, *Power System Stability and Control*, 1994, 11.1. Assumption: one frequency everywhere in the area.
What it does not give: swings between machines, voltage, protection of single plants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf

import numpy as np

from quietgrid.algorithms.frequency.response import Response
from quietgrid.algorithms.frequency.shedding import Relay, Stage
from quietgrid.errors import InputError
from quietgrid.model.network import Floats


@dataclass(frozen=True, slots=True)
class Area:
    """What an area consists of. The defaults are textbook values, to be replaced by those of one's own grid.

    Args:
        base_w: Power that 1 per unit stands for. rated_hz: frequency at which everything is at rest.
        inertia_s: H, kinetic energy at rated speed over base power, seconds (virtual inertia of inverters counts).
        damping: D, how much load falls with frequency, per unit power per unit frequency.
        droop: R, frequency deviation at which governors would give 1 per unit; infinite: no governor.
        governor_s, turbine_s: time constants. reserve: the most governors and AGC add or take, per unit.
        agc_per_s: integral gain on the area control error; 0: no secondary control.
        bias: B of the area control error, per unit; 0: 1/R + D, the area's own stiffness.
    """

    base_w: float
    inertia_s: float = 4.0
    damping: float = 1.0
    droop: float = 0.05
    governor_s: float = 0.2
    turbine_s: float = 0.5
    reserve: float = inf
    agc_per_s: float = 0.0
    bias: float = 0.0
    rated_hz: float = 50.0

    def __post_init__(self) -> None:
        wrong = [name for name in ("base_w", "inertia_s", "droop", "governor_s", "turbine_s", "rated_hz")
                 if not getattr(self, name) > 0]  # fmt: skip
        wrong += [name for name in ("damping", "reserve", "agc_per_s", "bias") if not getattr(self, name) >= 0]
        if wrong:
            raise InputError(f"{', '.join(wrong)}: no area has such a value", where="Area", fix="use positive values")

    @property
    def stiffness(self) -> float:
        """1/R + D: per unit of power that one per unit of frequency costs once governors have answered."""
        return (0.0 if isinf(self.droop) else 1 / self.droop) + self.damping

    def steady_hz(self, loss_w: float) -> float:
        """Deviation that remains after a loss of generation without AGC, within the reserve; the closed form.

        >>> round(Area(base_w=1e6).steady_hz(30e3), 4)  # -50·0.03/(1/0.05 + 1)
        -0.0714
        """
        return -self.rated_hz * loss_w / self.base_w / self.stiffness

    def first_rocof(self, loss_w: float) -> float:
        """Hz/s at which frequency begins to fall; the closed form.

        >>> Area(base_w=1e6).first_rocof(30e3)  # -50·0.03/(2·4)
        -0.1875
        """
        return -self.rated_hz * loss_w / self.base_w / (2 * self.inertia_s)


@dataclass(frozen=True, slots=True)
class Event:
    """From `at_s` on, so much more load than generation (negative: less), on top of earlier events, W."""

    at_s: float
    loss_w: float


@dataclass(frozen=True)
class Course:
    """What happened.

    Args:
        time_s, hz: [t]. governor_w: [t], what governors and AGC add. support_w: [t], what responses give.
        shed_w: [t], load that relays have cut. trips: (seconds, name of the block) in order.
    """

    time_s: Floats
    hz: Floats
    governor_w: Floats
    support_w: Floats
    shed_w: Floats
    trips: tuple[tuple[float, str], ...]

    @property
    def nadir_hz(self) -> float:
        """The lowest frequency."""
        return float(self.hz.min())

    @property
    def zenith_hz(self) -> float:
        """The highest frequency."""
        return float(self.hz.max())

    @property
    def end_hz(self) -> float:
        """The last frequency."""
        return float(self.hz[-1])

    @property
    def rocof_hz_per_s(self) -> float:
        """The steepest change over half a second, with its sign: what relays would measure."""
        width = max(1, round(0.5 / float(self.time_s[1] - self.time_s[0])))
        slopes = (self.hz[width:] - self.hz[:-width]) / (self.time_s[width] - self.time_s[0])
        return float(slopes[np.argmax(np.abs(slopes))])


STEPS = 2_000_000
"""More steps than this are refused: a day at 0.05 s."""


def simulate(
    area: Area, events: Sequence[Event], *, seconds: float = 120.0, step_s: float = 0.02,
    responses: Sequence[Response] = (), stages: Sequence[Stage] = (),
) -> Course:  # fmt: skip
    """The course of frequency after events.

    Args:
        area: See there. events: in any order. seconds: how long. step_s: of the simulation; responses and relays see
            the frequency of the step before. responses: droop of assets. stages: of load shedding, by rising effort.

    Returns: `Course` with ``seconds / step_s + 1`` points; the first is at rest.

    Raises:
        InputError: nothing to simulate, or too much.

    Cost: about 6 µs a step.
    """
    steps = round(seconds / step_s) if step_s > 0 else 0
    if not 1 <= steps <= STEPS:
        raise InputError(f"{steps} steps", where="simulate", fix=f"simulate between one step and {STEPS:,}")
    matrix, entry = _exact(area, step_s)
    rows, inputs, limit, rated, base = matrix.tolist(), entry.tolist(), area.reserve, area.rated_hz, area.base_w
    relay = Relay(stages)
    running = [response.start() for response in responses]
    out = np.zeros((steps + 1, 4))
    loss = _losses(events, steps, step_s).tolist()
    df = valve = mech = agc = 0.0
    for k in range(steps):
        now_hz = rated * (1 + df)
        support = sum(one.step(now_hz - rated, step_s) for one in running)
        shed = relay.step(now_hz, k * step_s, step_s)
        out[k] = now_hz, mech * base, support, shed
        push = (support + shed - loss[k]) / base
        a, b, c, d = (
            row[0] * df + row[1] * valve + row[2] * mech + row[3] * agc + gain * push
            for row, gain in zip(rows, inputs, strict=True)
        )
        df, mech = a, c
        valve, agc = min(limit, max(-limit, b)), min(limit, max(-limit, d))
    out[steps] = rated * (1 + df), mech * base, out[steps - 1, 2], out[steps - 1, 3]
    time_s = np.arange(steps + 1, dtype=np.float64) * step_s
    return Course(time_s, out[:, 0], out[:, 1], out[:, 2], out[:, 3], tuple(relay.trips))


def _losses(events: Sequence[Event], steps: int, step_s: float) -> Floats:
    loss = np.zeros(steps)
    for event in events:
        loss[max(0, round(event.at_s / step_s)) :] += event.loss_w
    return loss


def _exact(area: Area, step_s: float) -> tuple[Floats, Floats]:
    """Transition of (df, valve, mech, agc) over one step, and what a constant push adds."""
    stiff = 0.0 if isinf(area.droop) else 1 / area.droop
    lag, turbine, twice = 1 / area.governor_s, 1 / area.turbine_s, 1 / (2 * area.inertia_s)
    whole = np.zeros((5, 5))
    whole[0, :3] = -area.damping * twice, 0.0, twice
    whole[1, :4] = -stiff * lag, -lag, 0.0, lag
    whole[2, 1:3] = turbine, -turbine
    whole[3, 0] = -area.agc_per_s * (area.bias or area.stiffness)
    whole[0, 4] = twice
    exact = _expm(whole * step_s)
    return exact[:4, :4], exact[:4, 4]


def _expm(matrix: Floats) -> Floats:
    """Matrix exponential by scaling and squaring of its series; fine for a handful of rows."""
    halvings = max(0, int(np.ceil(np.log2(max(float(np.abs(matrix).sum(axis=1).max()), 1e-300)))) + 4)
    scaled, term, total = matrix / 2**halvings, np.eye(len(matrix)), np.eye(len(matrix))
    for order in range(1, 13):
        term = term @ scaled / order
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return np.asarray(total, np.float64)

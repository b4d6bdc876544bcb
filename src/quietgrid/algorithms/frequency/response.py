"""What a community's assets do by themselves when frequency leaves 50 Hz: FCR, LFSM-O, LFSM-U.

Each asset measures frequency where it stands; nothing is commanded, nobody's use is needed. A response is a
characteristic (which power belongs to which deviation), a speed, and an energy it can keep that up with.

Source: FCR: Regulation (EU) 2017/1485 (SO GL), annex V, Continental Europe: fully active at ±200 mHz, within 30 s,
insensitivity and dead band together at most 10 mHz; article 156(9): 15 to 30 minutes in alert state. LFSM-O: Regulation
(EU) 2016/631 (RfG), article 13(2): threshold 50.2 to 50.5 Hz, droop 2 to 12 %. LFSM-U: article 15(2)(c): threshold 49.8
to 49.5 Hz, same droops. National rules choose within these ranges: set your own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import copysign, inf, isnan
from typing import Protocol

from quietgrid.errors import InputError
from quietgrid.model.network import Floats


class Running(Protocol):
    """A response while it runs."""

    def step(self, deviation_hz: float, step_s: float) -> float:
        """Power it gives now, W (negative: takes)."""


class Response(Protocol):
    """Something that answers to frequency."""

    def start(self) -> Running:
        """A fresh run of it, at rest."""


@dataclass(frozen=True, slots=True)
class Containment:
    """Frequency containment reserve (FCR): proportional to the deviation, both ways.

    Args:
        power_w: Given at full deviation (and taken at the opposite one). full_hz: full deviation.
        deadband_hz: Nothing within it; beyond it, the characteristic is followed from the origin.
        full_in_s: From rest to full power at most this fast; 0: at once.
        give_wh, take_wh: Energy it can give and take before it is exhausted: its endurance.
    """

    power_w: float
    full_hz: float = 0.2
    deadband_hz: float = 0.01
    full_in_s: float = 30.0
    give_wh: float = inf
    take_wh: float = inf

    def __post_init__(self) -> None:
        if not (self.power_w >= 0 and self.full_hz > self.deadband_hz >= 0 and self.full_in_s >= 0):
            raise InputError("no droop has these numbers", where="Containment", fix="0 ≤ dead band < full deviation")

    def wanted_w(self, deviation_hz: float) -> float:
        """What the characteristic asks for, W.

        >>> fcr = Containment(1_000)
        >>> [round(fcr.wanted_w(hz)) for hz in (-0.3, -0.1, -0.005, 0.1)]
        [1000, 500, 0, -500]
        """
        if abs(deviation_hz) <= self.deadband_hz:
            return 0.0
        return -copysign(min(1.0, abs(deviation_hz) / self.full_hz), deviation_hz) * self.power_w

    def start(self) -> Running:
        """A fresh run of it."""
        return _Ramped(self)

    @property
    def endurance_s(self) -> float:
        """How long full power lasts, whichever way is shorter."""
        return inf if self.power_w == 0 else min(self.give_wh, self.take_wh) * 3600 / self.power_w


@dataclass(frozen=True, slots=True)
class LimitedSensitive:
    """Limited frequency sensitive mode: one-sided, beyond a threshold.

    Args:
        base_w: Power the droop refers to (rated power of the plants, or what they feed in). most_w: the most they can
            change (what they feed in now; the reserve they hold back). start_hz: deviation at which it begins
            (+0.2: LFSM-O, less is fed in; −0.2: LFSM-U, more is fed in). droop: relative frequency for all of `base_w`.
        full_in_s: From nothing to all of `base_w` at most this fast.
    """

    base_w: float
    most_w: float
    start_hz: float = 0.2
    droop: float = 0.05
    full_in_s: float = 2.0
    rated_hz: float = 50.0

    def __post_init__(self) -> None:
        if not (self.base_w >= 0 and self.most_w >= 0 and self.start_hz != 0 and self.droop > 0 <= self.full_in_s):
            raise InputError("no droop has these numbers", where="LimitedSensitive", fix="use a droop above 0")

    def wanted_w(self, deviation_hz: float) -> float:
        """What the characteristic asks for, W.

        >>> over = LimitedSensitive(10_000, 8_000)
        >>> [round(over.wanted_w(hz)) for hz in (0.1, 0.2, 0.45, 2.7, -1.0)]
        [0, 0, -1000, -8000, 0]
        """
        beyond = (deviation_hz - self.start_hz) * copysign(1.0, self.start_hz)
        if beyond <= 0:
            return 0.0
        return -copysign(min(self.most_w, beyond / self.rated_hz / self.droop * self.base_w), self.start_hz)

    @property
    def power_w(self) -> float:
        """What its speed refers to."""
        return self.base_w

    @property
    def give_wh(self) -> float:
        """No limit: plants are not emptied."""
        return inf

    @property
    def take_wh(self) -> float:
        """No limit."""
        return inf

    def start(self) -> Running:
        """A fresh run of it."""
        return _Ramped(self)


@dataclass
class _Ramped:
    """Follows a characteristic no faster than its speed and no longer than its energy."""

    of: Containment | LimitedSensitive
    now_w: float = 0.0
    left: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.left = [self.of.give_wh * 3600, self.of.take_wh * 3600]

    def step(self, deviation_hz: float, step_s: float) -> float:
        wanted = self.of.wanted_w(deviation_hz)
        most = inf if self.of.full_in_s == 0 else self.of.power_w / self.of.full_in_s * step_s
        now = self.now_w + min(most, max(-most, wanted - self.now_w))
        store = 0 if now > 0 else 1
        now = copysign(min(abs(now), self.left[store] / step_s), now)
        self.left[store] -= abs(now) * step_s
        self.now_w = now
        return now


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a response does along a measured frequency.

    Args:
        given_wh, taken_wh: energy. longest_full_s: longest time at full power. exhausted_s: time it could not follow.
    """

    given_wh: float
    taken_wh: float
    longest_full_s: float
    exhausted_s: float


def along(response: Containment, hz: Floats, step_s: float, rated_hz: float = 50.0) -> Delivered:
    """What a droop response does along a measured frequency.

    Args:
        response: See there. hz: [t], NaN where not measured: the response rests there. step_s: between values.
    """
    running = response.start()
    given = taken = full = longest = exhausted = 0.0
    for value in hz.tolist():
        deviation = 0.0 if isnan(value) else value - rated_hz
        power, wanted = running.step(deviation, step_s), response.wanted_w(deviation)
        given, taken = given + max(power, 0.0) * step_s / 3600, taken + max(-power, 0.0) * step_s / 3600
        full = full + step_s if response.power_w and abs(power) >= 0.999 * response.power_w else 0.0
        longest = max(longest, full)
        exhausted += step_s if abs(power) < 0.5 * abs(wanted) and _empty(running, power) else 0.0
    return Delivered(given, taken, longest, exhausted)


def _empty(running: Running, power: float) -> bool:
    return isinstance(running, _Ramped) and min(running.left) <= 0.0

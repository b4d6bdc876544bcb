"""What a community can do for frequency: droop of its assets, island mode, load shedding; and what it cannot.

Frequency belongs to the whole synchronous system. A community of a hundred homes cannot hold it; it can answer to it
(as part of the reserve that a transmission operator buys), survive on its own (island mode, if an inverter forms the
grid), and prepare what is cut last. No home's use is needed: batteries and plants are known by
their ratings, groups by their totals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from quietgrid.algorithms.frequency import (
    Area,
    Block,
    Containment,
    Course,
    Delivered,
    Event,
    FrequencyQuality,
    LimitedSensitive,
    Response,
    Stage,
    along,
    frequency_quality,
    shedding_plan,
    simulate,
)
from quietgrid.errors import InputError
from quietgrid.model.network import Floats, Network, UnitKind


@dataclass(frozen=True, slots=True)
class FrequencySettings:
    """Numbers of a community's answer to frequency; all can be set.

    Args:
        inertia_s, damping, droop, reserve: of the island (see `Area`): an inverter that forms the grid emulates
            inertia; its own reserve is what it holds back, relative to the load.
        containment_share: share of the batteries' power offered as containment reserve. full_in_s: how fast (SO GL
            allows 30 s; batteries answer within one). charge: assumed state of charge, 0 to 1.
        high_hz, low_hz: deviations at which plants lower, batteries raise their power beyond containment (LFSM-O, -U).
        limited_droop: of both. delay_s: relays and breakers of load shedding.
        priorities: group -> 0 never cut, larger numbers are cut earlier; 1 unless told.
    """

    inertia_s: float = 1.0
    damping: float = 1.0
    droop: float = 0.05
    reserve: float = 0.02
    containment_share: float = 1.0
    full_in_s: float = 0.5
    charge: float = 0.5
    high_hz: float = 0.2
    low_hz: float = -0.2
    limited_droop: float = 0.05
    delay_s: float = 0.15
    priorities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assets:
    """What answers to frequency, all together.

    Args:
        battery_w: power of batteries (either way). give_wh, take_wh: energy until they are empty or full.
        feeding_w: what plants feed in now, which they can lower.
    """

    battery_w: float
    give_wh: float
    take_wh: float
    feeding_w: float

    @property
    def endurance_s(self) -> float:
        """How long full power lasts, whichever way is shorter; FCR asks for 15 to 30 minutes."""
        return inf if not self.battery_w else min(self.give_wh, self.take_wh) * 3600 / self.battery_w


def assets_of(network: Network, charge: float = 0.5, feeding_w: float | None = None) -> Assets:
    """The assets of a network that are connected.

    Args:
        network: With storages and plants as units. charge: state of charge of the batteries, 0 to 1.
        feeding_w: What plants feed in now; their rated power unless told.

    Raises:
        InputError: a state of charge that is none.
    """
    if not 0 <= charge <= 1:
        raise InputError(f"a state of charge of {charge}", where="charge", fix="give a number from 0 to 1")
    units = network.units
    storage, plants = units.of(UnitKind.STORAGE) & units.closed, units.generating & units.closed
    energy = float(units.storage_wh[storage].sum())
    rated = float(units.rated_w[plants].sum())
    feeding = rated if feeding_w is None else min(max(feeding_w, 0.0), rated)
    return Assets(float(units.rated_w[storage].sum()), energy * charge, energy * (1 - charge), feeding)


def responses(assets: Assets, settings: FrequencySettings, rated_hz: float = 50.0) -> tuple[Response, ...]:
    """What the assets do by themselves: batteries hold (containment), plants lower at high frequency."""
    found: list[Response] = []
    if assets.battery_w > 0:
        power = assets.battery_w * settings.containment_share
        found.append(Containment(power, full_in_s=settings.full_in_s, give_wh=assets.give_wh, take_wh=assets.take_wh))
        left = assets.battery_w - power
        if left > 0:
            found.append(LimitedSensitive(left, left, settings.low_hz, settings.limited_droop, rated_hz=rated_hz))
    if assets.feeding_w > 0:
        found.append(
            LimitedSensitive(
                assets.feeding_w, assets.feeding_w, settings.high_hz, settings.limited_droop, rated_hz=rated_hz
            )
        )
    return tuple(found)


def shedding(load_w: Mapping[str, float], settings: FrequencySettings) -> tuple[Stage, ...]:
    """The load-shedding plan of groups, by priority.

    Args:
        load_w: group -> what it draws (its total, opened by the gate, or measured at its head).

    Raises:
        InputError: nothing draws power.
    """
    blocks = [Block(name, float(load), settings.priorities.get(name, 1)) for name, load in sorted(load_w.items())]
    return shedding_plan(blocks, delay_s=settings.delay_s)


@dataclass(frozen=True)
class IslandStudy:
    """A loss in island mode.

    Args:
        area: the island. loss_w: what is lost. alone: without the community's answer. helped: with it.
        plan: of load shedding; it acts in both.
    """

    area: Area
    loss_w: float
    alone: Course
    helped: Course
    plan: tuple[Stage, ...]


def island_study(
    network: Network, load_w: Mapping[str, float], settings: FrequencySettings, *, loss_share: float = 0.03,
    feeding_w: float = 0.0, seconds: float = 60.0,
) -> IslandStudy:  # fmt: skip
    """What follows when the community, cut off from the system, loses part of its generation.

    Args:
        network: Whose assets answer. load_w: group -> what it draws. loss_share: of that load, lost after one second.
        feeding_w: what plants feed in. seconds: how long to look.

    Raises:
        InputError: nothing draws power; a share that is none.
    """
    total = sum(max(load, 0.0) for load in load_w.values())
    if not 0 < loss_share <= 1:
        raise InputError(f"a loss of {loss_share:.0%}", where="loss", fix="give a share above 0 and at most 1")
    plan = shedding(load_w, settings)
    area = Area(total, settings.inertia_s, settings.damping, settings.droop, reserve=settings.reserve,
                rated_hz=network.frequency_hz)  # fmt: skip
    loss = [Event(1.0, loss_share * total)]
    answer = responses(assets_of(network, settings.charge, feeding_w), settings, network.frequency_hz)
    alone = simulate(area, loss, seconds=seconds, stages=plan)
    helped = simulate(area, loss, seconds=seconds, stages=plan, responses=answer)
    return IslandStudy(area, loss_share * total, alone, helped, plan)


@dataclass(frozen=True, slots=True)
class FrequencyReport:
    """A measured frequency and what the community's batteries would have done along it.

    Args:
        quality: of the frequency; None where nothing was measured. delivered: as containment reserve.
        endurance_s: how long full power lasts.
    """

    quality: FrequencyQuality | None
    delivered: Delivered
    endurance_s: float


def frequency_report(hz: Floats, step_s: float, assets: Assets, settings: FrequencySettings) -> FrequencyReport:
    """What a stretch of measured frequency was like, and what containment reserve along it costs in energy.

    Args:
        hz: [t], NaN where not measured. step_s: between values.
    """
    share = settings.containment_share
    reserve = Containment(
        assets.battery_w * share, full_in_s=settings.full_in_s, give_wh=assets.give_wh, take_wh=assets.take_wh
    )
    return FrequencyReport(frequency_quality(hz, step_s), along(reserve, hz, step_s), assets.endurance_s)


def sample_course(course: Course, every_s: float = 0.5) -> Sequence[tuple[float, float]]:
    """A course thinned for a chart: (seconds, Hz)."""
    step = max(1, round(every_s / float(course.time_s[1] - course.time_s[0])))
    return list(zip(course.time_s[::step].tolist(), course.hz[::step].tolist(), strict=True))

"""What people switch on: cooking, kettles, washing. Made up, seeded per home, in local time.

SimBench has five household profiles; these events are what makes 113 households differ from each other the
way real ones do. The figures are ordinary ones for a home (a washing cycle 0.7-0.9 kWh, a dishwasher about
1 kWh, a kettle 0.1 kWh); they are not fitted to anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.demo.draws import EVENTS, HABITS, below, words
from quietgrid.demo.profiles import PER_DAY


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that may happen once a day.

    Args:
        start: Usual local slot (0..95). spread: up to so many slots earlier or later.
        per_mille: How often, on a working day and at the weekend.
        shape_wh: Use in its successive slots.
    """

    start: int
    spread: int
    per_mille: tuple[int, int]
    shape_wh: tuple[int, ...]


DAY: tuple[Event, ...] = (
    Event(27, 5, (850, 500), (95,)),  # kettle and toaster before work
    Event(37, 7, (250, 700), (110, 60)),  # late breakfast
    Event(48, 5, (350, 700), (320, 260, 120)),  # lunch
    Event(60, 9, (450, 600), (100,)),  # tea
    Event(73, 7, (820, 700), (380, 420, 200, 80)),  # dinner
    Event(81, 9, (500, 450), (90,)),  # evening kettle
    Event(44, 20, (230, 480), (380, 90, 60, 110, 130)),  # washing machine
    Event(82, 10, (380, 400), (330, 120, 70, 360, 120)),  # dishwasher
    Event(40, 16, (120, 300), (180, 160)),  # hoover, iron
    Event(29, 5, (300, 300), (700, 250)),  # shower with an electric heater
)
WORDS_A_DAY = 3 * len(DAY)
WEEKEND = 2
"""Day number 0 was a Thursday, so day numbers 2 and 3 (mod 7) are Saturday and Sunday."""


def appliance_wh(seeds: list[int], levels: list[int], first_day: int, days: int) -> NDArray[np.int64]:
    """Energy of the appliances of several homes.

    Args:
        seeds: One a home. levels: per cent of the ordinary size and frequency; 0 for a firm, which has none.
        first_day: Local day number. days: how many.

    Returns:
        int64 [homes, days, 96], Wh per local slot.
    """
    out = np.zeros((len(seeds), days * PER_DAY), np.int64)
    weekend = np.isin((first_day + np.arange(days)) % 7, (WEEKEND, WEEKEND + 1))
    for row, (seed, level) in enumerate(zip(seeds, levels, strict=True)):
        if level:
            _one_home(out[row], seed, level, first_day, weekend)
    return out.reshape(len(seeds), days, PER_DAY)


def _one_home(out: NDArray[np.int64], seed: int, level: int, first_day: int, weekend: NDArray[np.bool_]) -> None:
    """Add one home's events to its row of the result."""
    days = len(weekend)
    habit = words(seed, HABITS, 0, 1, WORDS_A_DAY)[0]
    raw = words(seed, EVENTS, first_day, days, WORDS_A_DAY)
    for number, event in enumerate(DAY):
        often, early, size = (below(habit[3 * number + i : 3 * number + i + 1], 101)[0] for i in range(3))
        per_mille = np.where(weekend, event.per_mille[1], event.per_mille[0]) * (40 + often) // 90
        happens = below(raw[:, 3 * number], 1000) < per_mille * level // 100
        wide = 2 * event.spread + 1
        moved = (below(raw[:, 3 * number + 1], wide) + below(raw[:, 3 * number + 1] << np.uint64(32), wide)) // 2
        usual = event.start - event.spread + (early - 50) * event.spread // 60
        start = np.clip(usual + moved, 0, PER_DAY - len(event.shape_wh))
        percent = 60 + size * 7 // 10 + below(raw[:, 3 * number + 2], 31)
        first = np.flatnonzero(happens) * PER_DAY + start[happens]
        for step, energy in enumerate(event.shape_wh):
            out[first + step] += energy * percent[happens] * level // 10_000

"""Storage and load schedules from the sums of groups: what to broadcast, what a home makes of it, what it is worth."""

from __future__ import annotations

from typing import Protocol

from quietgrid.algorithms.schedule.aggregate import aggregated, check_caps, optimum, scheduled, trajectories
from quietgrid.algorithms.schedule.flexible import charging, heating, together
from quietgrid.algorithms.schedule.local import combine, draw_wh, follow, follow_load
from quietgrid.algorithms.schedule.respond import respond
from quietgrid.algorithms.schedule.rolling import Bands, Forecast, Rhythm, Rolled, SeasonalNaive, roll
from quietgrid.algorithms.schedule.rounds import Answer, Repaired, answer_of, answering, repair
from quietgrid.algorithms.schedule.simple import cheapest, greedy
from quietgrid.model.schedule import Outlook, Scheduled


class Schedule(Protocol):
    """A way to make a schedule: anything called with an outlook. The entry point group is ``quietgrid.schedules``.

    It sees what the outlook holds, and nothing else; it raises `InfeasibleError` where the caps cannot hold. Its
    levels are of one storage a group.
    """

    def __call__(self, outlook: Outlook) -> Scheduled:
        """The schedule of `outlook`."""


def aggregate(outlook: Outlook) -> Scheduled:
    """The best schedule of one storage a group, made of the sums: what is broadcast unless told otherwise."""
    return optimum(aggregated(outlook), by="aggregate")


BUILT_IN: dict[str, Schedule] = {"aggregate": aggregate, "greedy": greedy, "cheapest": cheapest}

__all__ = [
    "BUILT_IN", "Answer", "Bands", "Forecast", "Repaired", "Rhythm", "Rolled", "Schedule", "SeasonalNaive", "aggregate",
    "aggregated", "answer_of", "answering", "charging", "cheapest", "check_caps", "combine", "draw_wh", "follow",
    "follow_load", "greedy", "heating", "optimum", "repair", "respond", "roll", "scheduled", "together", "trajectories",
]  # fmt: skip

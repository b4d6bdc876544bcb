"""The EN 50160 week of each node group, from the states that are kept: groups' extremes, no bus by name.

A kept state has the highest and the lowest estimated bus voltage of a group, not every bus. So a mean counts as outside
when *any* bus of the group is: at least as strict as the standard, which asks it of each bus alone.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO

import numpy as np

from quietgrid.algorithms.voltage.quality import PERCENTILES, WEEK_S, Band, Verdict, Week
from quietgrid.errors import InputError
from quietgrid.model.network import Network
from quietgrid.model.operation import GridState, GroupState

LABEL = "estimated bus voltages, means of whole intervals"


def supply_weeks(
    states: Sequence[GridState], network: Network, start: int, seconds: int, band: Band | None = None
) -> tuple[Week, ...]:
    """Weeks of every group, from `start` to the last state.

    Args:
        states: Kept states, any order. start: Unix seconds a week begins. seconds: of an interval.

    Returns:
        `Week`s in order of time and group; `worst_bus` is empty, a gap is an interval without a state, counts are of
        intervals with any bus outside; p5 is of lowest, p50 of median, p95 of highest voltages.

    Raises:
        InputError: intervals that do not fill a week.
    """
    if seconds <= 0 or WEEK_S % seconds:
        raise InputError(f"intervals of {seconds} s do not fill a week", where=network.name, fix="give 600 or 900")
    kept = band or Band()
    slots = {state.slot: state for state in states if state.resolution == seconds and state.slot * seconds >= start}
    length, found = WEEK_S // seconds, []
    for begin in range(start // seconds, max(slots, default=-1) + 1, length):
        inside = [slots[slot] for slot in range(begin, begin + length) if slot in slots]
        for row, name in enumerate(network.groups):
            known = [one for state in inside for one in state.groups if one.group == name and np.isfinite(one.highest)]
            buses = int((network.nodes.groups == row).sum())
            found.append(_week(known, (name, begin * seconds, buses, length), kept))
    return tuple(found)


def _week(known: Sequence[GroupState], named: tuple[str, int, int, int], band: Band) -> Week:
    length = named[3]
    if not known:
        no = float("nan")
        return Week(*named, length, "", no, 0, 0, 0, no, no, no, no, no, Verdict.UNKNOWN)
    low, mid, high = (np.array([getattr(one, name) for one in known]) for name in ("lowest", "p50", "highest"))
    above, below = high > band.high, low < band.low
    within = float(1 - (above | below).mean())
    beyond = int((above | (low < band.lowest)).sum())
    verdict = Verdict.KEPT if within >= band.share and not beyond else Verdict.BROKEN
    p5, p50, p95 = (float(np.percentile(part, at)) for part, at in zip((low, mid, high), PERCENTILES, strict=True))
    return Week(
        *named, length - len(known), "", within, int(above.sum()), int(below.sum()), beyond, p5, p50, p95,
        float(low.min()), float(high.max()), verdict,
    )  # fmt: skip


def as_csv(weeks: Sequence[Week]) -> str:
    """The weeks as CSV: voltages relative to rated, `start` in Unix seconds."""
    out = StringIO()
    writer = csv.DictWriter(out, list(Week.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(week) for week in weeks)
    return out.getvalue()

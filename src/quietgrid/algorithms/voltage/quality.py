"""EN 50160: a week's voltages against the band a supply must keep.

The standard counts 10-minute means of RMS voltage at supply terminals, each phase. Ours are means of whole intervals of
symmetric *estimated bus voltages*: the verdict says what is likely, it is no measurement at a terminal.

Source: EN 50160:2010+A1:2015, 4.2.2: 95 % of a week's means within ±10 % of nominal, all of them within +10 % / -15 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.network import Flags, Floats, Network, Rows

WEEK_S = 7 * 86_400
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class Band:
    """What voltages must keep, relative to rated.

    Args:
        low, high: of nearly all means of a week. share: how many of them. lowest: of all (`high` holds for all).
    """

    low: float = 0.90
    high: float = 1.10
    share: float = 0.95
    lowest: float = 0.85

    def outside(self, voltage: Floats) -> Flags:
        """Which are outside `low` to `high`; gaps are not."""
        return np.asarray((voltage < self.low) | (voltage > self.high), np.bool_)


class Verdict(StrEnum):
    """What a week was like."""

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    """Nothing is known of any bus of the group."""


@dataclass(frozen=True)
class Week:
    """A week of one group of nodes.

    Args:
        group: Its name. start: Unix seconds. buses: how many. intervals: that a week has. gaps: means of buses that
            are not known. worst_bus: the one with the greatest share outside, then the farthest from rated; empty if
            nothing is known. worst_within: share of its known means within the band. above, below: means of all buses
            above `high`, below `low`. beyond: means outside +10 % / -15 %. p5, p50, p95: of all known means of all
            buses. least, most: lowest and highest mean. verdict: whether every bus kept the band.
    """

    group: str
    start: int
    buses: int
    intervals: int
    gaps: int
    worst_bus: str
    worst_within: float
    above: int
    below: int
    beyond: int
    p5: float
    p50: float
    p95: float
    least: float
    most: float
    verdict: Verdict


def weeks(voltage: Floats, network: Network, start: int, seconds: int, band: Band | None = None) -> tuple[Week, ...]:
    """Every week and group, weeks counted from `start`; a week that is not full has gaps.

    Args:
        voltage: [t, n] relative to rated, NaN where not known; means of intervals of `seconds`. start: Unix seconds of
            the first. band: EN 50160's unless told.

    Raises:
        InputError: columns that are not the network's nodes, or intervals that do not fill a week.

    Privacy: buses, not homes; groups' figures are what people see.
    """
    if voltage.ndim != 2 or voltage.shape[1] != len(network.nodes.names):
        raise InputError("one column a node is needed", where=network.name, fix="give voltages as [intervals, nodes]")
    if seconds <= 0 or WEEK_S % seconds:
        raise InputError(f"intervals of {seconds} s do not fill a week", where=network.name, fix="give 600 or 900")
    kept, length = band or Band(), WEEK_S // seconds
    found = []
    for first in range(0, len(voltage), length):
        part = voltage[first : first + length]
        whole = np.full((length, voltage.shape[1]), np.nan)
        whole[: len(part)] = part
        for group, name in enumerate(network.groups):
            nodes = np.flatnonzero(network.nodes.groups == group).astype(np.int32)
            if len(nodes):
                found.append(_week(whole[:, nodes], network, nodes, (name, start + first * seconds), kept))
    return tuple(found)


def _week(values: Floats, network: Network, nodes: Rows, named: tuple[str, int], band: Band) -> Week:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    here = values[known]
    if not len(here):
        unknown = float("nan")
        return Week(*named, len(nodes), len(values), values.size, "", unknown, 0, 0, 0, unknown, unknown, unknown,
                    unknown, unknown, Verdict.UNKNOWN)  # fmt: skip
    above, below = values > band.high, values < band.low
    beyond = above | (values < band.lowest)
    within: NDArray[np.float64] = 1 - (above | below).sum(axis=0) / np.maximum(count, 1)
    far = np.nanmax(np.where(known, np.abs(values - 1), 0.0), axis=0)
    within_known = np.where(count > 0, within, np.inf)
    worst = int(np.lexsort((-far, within_known))[0])
    kept = bool((within_known >= band.share).all()) and not beyond.any()
    p5, p50, p95 = np.percentile(here, PERCENTILES)
    return Week(
        *named, len(nodes), len(values), int(values.size - count.sum()), network.nodes.names[nodes[worst]],
        float(within[worst]), int(above.sum()), int(below.sum()), int(beyond.sum()), float(p5), float(p50), float(p95),
        float(here.min()), float(here.max()), Verdict.KEPT if kept else Verdict.BROKEN,
    )  # fmt: skip

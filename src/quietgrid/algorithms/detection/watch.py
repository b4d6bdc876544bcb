"""A watch over totals: thresholds fixed on a quiet time for a stated rate of false alarms, then alarms.

What it can find: a head that says something else than the homes (false data, theft, a broken sensor), a head that says
what it said before (replay, stuck), load that is unusual for the hour in one group or in all at once (load altered from
outside). What it cannot: false data small against the noise, an attacker who holds heads and a group's meters at once,
load altered within what is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.detection.features import Features, Normal, Series, cusum, features, learn
from quietgrid.errors import InputError
from quietgrid.model.network import Floats

REPEATED = 4
"""So many intervals repeated to the watt are no chance."""
MERGE = 8
"""Flagged intervals at most so far apart are one alarm."""
EVERYWHERE = -1
"""Group of an alarm that is about all groups together."""
MARGIN = 1.2
"""A threshold is so much above what the quiet time would have allowed; chosen on other quarters than are scored."""
FEW_DAYS, WIDER = 28.0, 12.0
"""Where fewer days were known, thresholds are wider by so much times what the reciprocals differ: the largest of few
days is no bound for a month."""
EARLIEST_DAYS, FULL_DAYS = 8, 28
"""Days until a load is expected at all, and until it is as well as it ever is."""


class Suspicion(StrEnum):
    """Why there is an alarm."""

    FALSE_DATA = "false-data"
    """The head and the homes disagree."""
    REPLAY = "replay"
    """The head repeats itself."""
    LOAD = "load"
    """The load is unusual for the hour."""


@dataclass(frozen=True)
class Watch:
    """What is usual, and from where on it is not.

    Args:
        normal: See there. mismatch, drift, surprise: thresholds of one group. together: of all groups' surprise.
        false_a_month: alarms a month the quiet time had at these thresholds, per suspicion, before the margin.
        days: of the quiet time, those whose loads were judged and known (mean of the groups).
    """

    normal: Normal
    mismatch: float
    drift: float
    surprise: float
    together: float
    false_a_month: float
    days: float = FEW_DAYS


@dataclass(frozen=True, slots=True)
class Found:
    """One alarm.

    Args:
        suspicion: why. group: which, or `EVERYWHERE`. first, last: intervals, inclusive. strength: the largest value,
            relative to its threshold.
    """

    suspicion: Suspicion
    group: int
    first: int
    last: int
    strength: float


def calibrate(quiet: Series, false_a_month: float = 1.0) -> Watch:
    """Fix thresholds on a quiet time.

    Args:
        quiet: Two months or more without attacks. false_a_month: how many alarms of each kind, over all groups
            together, the quiet time may have in 30 days.

    Raises:
        InputError: too short a time; a rate that is none.

    Cost: a second for two months of four groups.
    """
    if not false_a_month > 0:
        raise InputError(f"{false_a_month} false alarms a month", where="calibrate", fix="give a rate above 0")
    normal = learn(quiet)
    found = features(quiet, normal)
    # a load is expected best after four weeks; a short time is judged from earlier on, else there is nothing to judge
    judged = min(FULL_DAYS, max(EARLIEST_DAYS, len(quiet) // quiet.per_day - FULL_DAYS)) * quiet.per_day
    heads = np.isfinite(quiet.head_w) & np.isfinite(quiet.total_w)
    loads = np.isfinite(quiet.total_w[judged:])

    def threshold(view: Floats, known: NDArray[np.bool_]) -> float:
        days = max(float(known.sum(axis=0).mean()) / quiet.per_day, 1.0)
        wider = 1.0 + WIDER * max(0.0, 1 / days - 1 / FEW_DAYS)
        return MARGIN * wider * _threshold(view, false_a_month / 2 * days / 30)

    return Watch(
        normal, threshold(np.abs(found.mismatch), heads), threshold(found.drift, heads),
        threshold(np.abs(found.surprise[judged:]), loads), threshold(np.abs(_together(found))[judged:, None], loads),
        false_a_month, float(loads.sum(axis=0).mean()) / quiet.per_day,
    )  # fmt: skip


def watch(series: Series, using: Watch, start: int = 0) -> list[Found]:
    """Alarms from interval `start` on, oldest first.

    Args:
        series: With four weeks before `start`, so that there is an expectation. using: from `calibrate`.
    """
    found, groups = features(series, using.normal), series.head_w.shape[1]
    drift = cusum(found.mismatch, most=2 * using.drift)
    together = _together(found)
    alarms = []
    for group in range(groups):
        data = np.maximum(np.abs(found.mismatch[:, group]) / using.mismatch, drift[:, group] / using.drift)
        alarms += _merged(data, Suspicion.FALSE_DATA, group, start)
        alarms += _merged(found.repeats[:, group] / REPEATED, Suspicion.REPLAY, group, start)
        alarms += _merged(np.abs(found.surprise[:, group]) / using.surprise, Suspicion.LOAD, group, start)
    alarms += _merged(np.abs(together) / using.together, Suspicion.LOAD, EVERYWHERE, start)
    return sorted(alarms, key=lambda alarm: (alarm.first, alarm.group, alarm.suspicion.value))


def _together(found: Features) -> Floats:
    """[t]: surprise of all groups at once; an attack from outside moves them the same way."""
    return np.asarray(found.surprise.sum(axis=1) / np.sqrt(found.surprise.shape[1]), np.float64)


def _threshold(values: Floats, allowed: float) -> float:
    """The smallest threshold at which all columns [t, g] together have at most `allowed` alarms."""
    peaks = [peak for column in values.T for peak in _peaks(column)]
    return float(np.sort(peaks)[::-1][min(int(allowed), len(peaks) - 1)])


def _peaks(values: Floats) -> list[float]:
    """The largest value of every stretch of `MERGE` intervals: alarms a threshold below it would give."""
    padded = np.concatenate([values, np.zeros(-len(values) % MERGE)])
    return [float(peak) for peak in padded.reshape(-1, MERGE).max(axis=1)]


def _merged(over: Floats, suspicion: Suspicion, group: int, start: int) -> list[Found]:
    at: NDArray[np.int64] = np.flatnonzero(over[start:] >= 1.0) + start
    found: list[Found] = []
    for t in at.tolist():
        if found and t - found[-1].last <= MERGE:
            found[-1] = replace(found[-1], last=t, strength=max(found[-1].strength, float(over[t])))
        else:
            found.append(Found(suspicion, group, t, t, float(over[t])))
    return found


@dataclass(frozen=True, slots=True)
class Attack:
    """What was injected: kind, group (or `EVERYWHERE`), intervals [first, end)."""

    kind: Suspicion
    group: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Score:
    """How a watch did.

    Args:
        attacks: injected. found: of them, with any alarm that overlaps in time and place. alarms: raised.
        false: alarms that overlap no attack.
    """

    attacks: int
    found: int
    alarms: int
    false: int

    @property
    def recall(self) -> float:
        """Share of attacks that were found."""
        return self.found / self.attacks if self.attacks else 1.0

    @property
    def precision(self) -> float:
        """Share of alarms that were attacks."""
        return 1 - self.false / self.alarms if self.alarms else 1.0


def score(alarms: Sequence[Found], attacks: Sequence[Attack], late: int = MERGE) -> Score:
    """Compare alarms with what was injected; an alarm may come up to `late` intervals after the attack's end."""

    def meets(alarm: Found, attack: Attack) -> bool:
        place = EVERYWHERE in (alarm.group, attack.group) or alarm.group == attack.group
        return place and alarm.first < attack.end + late and alarm.last >= attack.first

    hit = sum(any(meets(alarm, attack) for alarm in alarms) for attack in attacks)
    false = sum(not any(meets(alarm, attack) for attack in attacks) for alarm in alarms)
    return Score(len(attacks), hit, len(alarms), false)

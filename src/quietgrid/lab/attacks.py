"""Attacks on a simulated grid, to see whether a watch finds them. The truth is known here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.detection import EVERYWHERE, Attack, Score, Series, Suspicion, calibrate, score, watch
from quietgrid.model.network import Floats

ACCURACY, FLOOR_W = 0.005, 30.0
"""Noise of a head's meter: half a per cent of the value and 30 W (class 0.5, its current transformers, the clock)."""
LOSSES = 0.02
"""Losses of a group at its highest load, relative."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is injected.

    Args:
        name: For the table. kind: what the watch should suspect. size: relative to the group's mean load (false data,
            altered load) or 0. hours: how long. everywhere: all groups at once. ramp: grows to its size.
    """

    name: str
    kind: Suspicion
    size: float = 0.0
    hours: float = 6.0
    everywhere: bool = False
    ramp: bool = False


SCENARIOS = (
    Scenario("head says 20 % less", Suspicion.FALSE_DATA, -0.20),
    Scenario("head says 10 % more", Suspicion.FALSE_DATA, 0.10),
    Scenario("head drifts to 5 % less", Suspicion.FALSE_DATA, -0.05, hours=48, ramp=True),
    Scenario("head says 2 % more", Suspicion.FALSE_DATA, 0.02, hours=24),
    Scenario("head repeats yesterday", Suspicion.REPLAY, hours=6),
    Scenario("head is stuck", Suspicion.REPLAY, hours=3),
    Scenario("head repeats yesterday, noise added", Suspicion.FALSE_DATA, hours=12),
    Scenario("load of one group doubled", Suspicion.LOAD, 1.0, hours=2),
    Scenario("load of one group +50 %", Suspicion.LOAD, 0.5, hours=2),
    Scenario("load of all groups +50 %", Suspicion.LOAD, 0.5, hours=2, everywhere=True),
    Scenario("load of all groups +25 %", Suspicion.LOAD, 0.25, hours=2, everywhere=True),
)


def heads(total_w: Floats, rng: np.random.Generator) -> Floats:
    """What honest heads measure: [t, g], from the homes' total with losses and noise."""
    highest = np.maximum(np.abs(total_w).max(axis=0), 1.0)
    truth = total_w + LOSSES * total_w**2 / highest
    return np.asarray(truth * (1 + ACCURACY * rng.standard_normal(truth.shape)) + FLOOR_W * rng.standard_normal(
        truth.shape), np.float64)  # fmt: skip


def inject(quiet: Series, scenario: Scenario, group: int, at: int, rng: np.random.Generator) -> tuple[Series, Attack]:
    """A copy of `quiet` with one attack from interval `at` on."""
    length = max(1, round(scenario.hours / 24 * quiet.per_day))
    end = min(len(quiet), at + length)
    head, total = quiet.head_w.copy(), quiet.total_w.copy()
    where = slice(None) if scenario.everywhere else slice(group, group + 1)
    mean = np.abs(total).mean(axis=0)[where]
    size = scenario.size * mean * (np.linspace(0, 1, end - at)[:, None] if scenario.ramp else 1.0)
    if scenario.kind is Suspicion.LOAD:  # real: homes and heads both see it
        total[at:end, where] += size
        head[at:end, where] += size
    elif scenario.size:
        head[at:end, where] += size
    elif "stuck" in scenario.name:
        head[at:end, where] = head[at - 1, where]
    else:
        earlier = quiet.head_w[at - quiet.per_day : end - quiet.per_day, where]
        noisy = "noise" in scenario.name
        head[at:end, where] = earlier + (FLOOR_W * rng.standard_normal(earlier.shape) if noisy else 0.0)
    return Series(head, total, quiet.per_day, quiet.wall), Attack(
        scenario.kind, EVERYWHERE if scenario.everywhere else group, at, end
    )


@dataclass(frozen=True)
class Trials:
    """Result of many attacked months.

    Args:
        scenarios: (name, attacks, found) of each. attacked: score of all attacked months together. quiet: of the same
            month left alone: all its alarms are false. days: of a month.
    """

    scenarios: tuple[tuple[str, int, int], ...]
    attacked: Score
    quiet: Score
    days: float


def try_watch(series: Series, *, quiet_days: int = 61, months: int = 8, seed: int = 1) -> Trials:
    """Fix thresholds on the first `quiet_days`, score on the rest: once left alone, then `months` times with one attack
    of every scenario in it.

    Args:
        series: Three months without attacks. quiet_days: of them to learn from. months: how often to attack the rest.
    """
    start = quiet_days * series.per_day
    using = calibrate(_until(series, start))
    rng, found = np.random.default_rng(seed), np.zeros(len(SCENARIOS), np.int64)
    sums = np.zeros(4, np.int64)
    first, end = start + series.per_day, len(series) - 2 * series.per_day
    for month in range(months):
        now, attacks = series, []
        places = np.linspace(first, end, len(SCENARIOS) + 1).astype(int)
        for place, number in enumerate(rng.permutation(len(SCENARIOS)).tolist()):
            at = int(rng.integers(places[place], max(places[place] + 1, places[place + 1] - series.per_day)))
            now, attack = inject(now, SCENARIOS[number], (month + number) % series.head_w.shape[1], at, rng)
            attacks.append((number, attack))
        alarms = watch(now, using, start)
        whole = score(alarms, [attack for _, attack in attacks])
        sums += (whole.attacks, whole.found, whole.alarms, whole.false)
        for number, attack in attacks:
            found[number] += score(alarms, [attack]).found
    named = tuple((one.name, months, int(hit)) for one, hit in zip(SCENARIOS, found, strict=True))
    days = (len(series) - start) / series.per_day
    return Trials(named, Score(*sums.tolist()), score(watch(series, using, start), []), days)


def false_alarms(series: Series, learnt: int = 35, ahead: int = 14, known: float = 1.0) -> dict[Suspicion, float]:
    """Alarms a month of each kind on a time without attacks, as a young community has them: learn, watch a fortnight,
    learn anew a fortnight later, and so on.

    Args:
        series: Without attacks. learnt, ahead: days to learn from and to watch. known: share of the days whose total is
            whole, a group at a time; the others are dropped, as where homes are late.
    """
    day, total = series.per_day, series.total_w.copy()
    gone = np.random.default_rng(3).random((len(total) // day + 1, total.shape[1])) >= known
    total[np.repeat(gone, day, axis=0)[: len(total)]] = np.nan
    whole = Series(series.head_w, total, day, series.wall)
    found, watched = dict.fromkeys(Suspicion, 0), 0
    for first in range(0, len(total) // day - learnt - ahead + 1, ahead):
        now = first + learnt
        using = calibrate(_part(whole, first * day, now * day))
        back = min(now, 35)
        for alarm in watch(_part(whole, (now - back) * day, (now + ahead) * day), using, back * day):
            found[alarm.suspicion] += 1
        watched += ahead
    return {why: 30 * number / max(1, watched) for why, number in found.items()}


def _until(series: Series, end: int) -> Series:
    return _part(series, 0, end)


def _part(series: Series, first: int, end: int) -> Series:
    wall = None if series.wall is None else series.wall[first:end]
    return Series(series.head_w[first:end], series.total_w[first:end], series.per_day, wall)

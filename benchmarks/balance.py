"""`balance`: schedules of 1,000 batteries from sums against the full linear programme; a month of operation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.balance_homes import batteries, day, month, stored
from benchmarks.measure import alternate, bar, cpu_seconds
from quietgrid.algorithms.schedule import (
    Rhythm,
    Rolled,
    SeasonalNaive,
    aggregate,
    aggregated,
    answer_of,
    answering,
    cheapest,
    combine,
    follow,
    greedy,
    optimum,
    repair,
    roll,
    scheduled,
    trajectories,
)
from quietgrid.model.schedule import Aim, Ints, Objective, Outlook, Scheduled

NAME = "balance"

HOMES, PEAK_PRICE = 1_000, 5_000_000
WITHIN, TIMES_LESS, CLOSER = 0.01, 100, 0.005
MONTH = Objective(Aim.MIX, peak_micro_per_kw=PEAK_PRICE, stored_micro_per_kwh=230_000)


@dataclass(frozen=True)
class Reached:
    """What homes reach: by following alone and after price rounds; what was the best; how long that took to find."""

    followed: float
    mixed: float
    bound: float
    best: float
    rounds: int
    full_s: float


def reached(look: Outlook, gap: float = WITHIN) -> Reached:
    """Announce, follow, ask in rounds where following is not good enough; and the full programme."""
    first = aggregate(look)
    kept: list[Ints] = [follow(look.storages, told.level_ppm, 900) for told in trajectories(aggregated(look), first)]
    followed = scheduled(look, kept[0], first.flexible_wh, by="followed").objective
    done = repair(
        aggregated(look), answer_of(look, look.storages, kept[0]), answering(look, look.storages, kept), gap=gap
    )
    mixed = scheduled(look, combine(np.stack(kept), done.weights[:, 0]), first.flexible_wh, by="mixed").objective
    best: list[Scheduled] = []
    full_s = cpu_seconds(lambda: best.append(optimum(look)))
    return Reached(followed, mixed, done.bound, best[0].bound, len(done.prices), full_s)


def operated(days: int, step: int) -> tuple[dict[str, Rolled], Outlook, str]:
    """A month of operation: at rest, by simple schedules, with forecasts, with perfect foresight."""
    look, known, source = month(MONTH, days=days)
    look = aggregated(look)
    daily = SeasonalNaive(season=48, seasons=21)
    ways = {
        "greedy, forecast": (greedy, daily),
        "cheapest, forecast": (cheapest, daily),
        "aggregate, forecast": (aggregate, daily),
        "aggregate, foresight": (aggregate, None),
    }
    found = {"rest": at_rest(look)}
    for name, (way, forecast) in ways.items():
        found[name] = roll(look, known, way, Rhythm(48, step, live=forecast is not None), forecast)
    return found, look, source


def at_rest(look: Outlook) -> Rolled:
    """Nothing moves."""
    level = np.repeat(look.storages.level_wh[:, None], len(look.window), axis=1)
    done = scheduled(look, level, np.zeros((0, len(look.window)), np.int64), by="rest")
    return Rolled(level, done.net_wh, done.cost_micro, done.peak_w, 0, 0)


def run(quick: bool) -> dict[str, Any]:
    """A day of 1,000 homes three ways, and the month."""
    homes = 60 if quick else HOMES
    look, source = day(homes)
    alike = reached(look)
    sums = alternate({"sums": lambda: trajectories(aggregated(look), aggregate(look))}, 3 if quick else 9)["sums"]
    hours = np.random.default_rng(1).choice([1, 2, 4], homes)
    differing = reached(replace(look, storages=batteries(stored(homes), hours)), CLOSER)
    months, _, _ = operated(7 if quick else 28, 4 if quick else 1)
    rest = months["rest"]
    shown = {
        name: {
            "cost": round(one.cost_micro / 1e6, 2),
            "peak_kw": round(one.peak_w / 1e3, 1),
            "with_peak_price": round(_priced(one), 2),
            "saved_percent": round(100 * (1 - _priced(one) / _priced(rest)), 1),
        }
        for name, one in months.items()
    }
    saved = [_priced(rest) - _priced(months[f"aggregate, {how}"]) for how in ("forecast", "foresight")]
    lost = abs(alike.followed - alike.best) / abs(alike.best)
    lost_mixed = (differing.mixed - differing.best) / abs(differing.best)
    return {
        "name": NAME,
        "work": f"{homes:,} homes with a battery each, 96 intervals, least cost of the community's net; then "
        f"{len(rest.net_wh[0]) // 48} days of rolling operation in half hours",
        "ours": {
            "sums_cpu_s": round(sums, 5),
            "alike_followed": round(alike.followed, 3),
            "alike_rounds": alike.rounds,
            "differing_followed": round(differing.followed, 3),
            "differing_after_rounds": round(differing.mixed, 3),
            "differing_bound": round(differing.bound, 3),
            "differing_rounds": differing.rounds,
            **{f"month, {name}": figures for name, figures in shown.items()},
        },
        "peers": {
            "full LP, alike": {"cpu_s": round(alike.full_s, 3), "objective": round(alike.best, 3)},
            "full LP, differing": {"cpu_s": round(differing.full_s, 3), "objective": round(differing.best, 3)},
        },
        "ratios": {"full LP": alike.full_s / sums},
        "bars": [
            bar(
                "share of the full LP's objective that homes reach by following (1 % off at most)", 1 - WITHIN, 1 - lost
            ),
            bar("times less CPU than the full LP", TIMES_LESS, alike.full_s / sums),
            bar("the same share where batteries differ, after price rounds", 1 - WITHIN, 1 - lost_mixed),
            bar("share of perfect foresight's saving that forecasts reach in a month", 0.5, saved[0] / saved[1]),
        ],
        "note": f"Loads: {source}, moved by weeks to make {homes:,}; roofs and batteries: SimBench, one each; market "
        "price made up. Full LP: HiGHS interior point without crossover, one column set a battery. Homes' own work "
        "(following, answering prices) is theirs and not in `sums`. Month: every second home has roof and battery, "
        "forecast = yesterday's same half hour and its last error; peak price 5 a kW; the peak is of the whole month.",
    }


def _priced(one: Rolled) -> float:
    """Cost and peak price."""
    return one.cost_micro / 1e6 + one.peak_w / 1e3 * PEAK_PRICE / 1e6

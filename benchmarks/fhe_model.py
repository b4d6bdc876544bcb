"""Trains `src/quietgrid/algorithms/heating.toml`: ``python -m benchmarks.fhe_model`` (add ``--write`` to replace it).

Data: winter months of the project's own sample (SimBench profiles, ODbL), whose recipes say which home has a heat pump.
Homes whose recipe number is a multiple of 3 are held out, with all their variations. No reading of a household is used.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.heating import LEVELS, NAMES, Heating, numbers, read
from quietgrid.demo.recipes import COMMUNITY, recipes
from quietgrid.demo.sample import TZ, load
from quietgrid.household.insight import features_of_month
from quietgrid.household.insight_month import month_of
from quietgrid.model.insight import Features
from quietgrid.model.interval import local_window
from quietgrid.model.readings import Readings

Ints = NDArray[np.int64]
HOMES, MONTHS = 480, ((2016, 11), (2016, 12), (2017, 1), (2017, 2))
ROUNDS, RATE, SHRINK = 80, 0.3, 1.0
HEATED = ("Air_", "Soil_")
MODEL = Path(__file__).resolve().parents[1] / "src/quietgrid/algorithms/heating.toml"


def features_of_homes(readings: Readings, tz: str) -> list[Features]:
    """A month of each home."""
    rows = zip(readings.imported_wh, readings.present, strict=True)
    return [features_of_month(month_of(energy, present, readings.window, tz)) for energy, present in rows]


def labelled() -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Numbers int64 [n, 8], whether heated [n], whether held out [n]; a row a home and month."""
    chosen = recipes(HOMES)
    heated = [int(any(part.profile.startswith(HEATED) for part in one.parts)) for one in chosen]
    held = [(row % COMMUNITY) % 3 == 0 for row in range(HOMES)]
    found = []
    for year, month in MONTHS:
        window = local_window(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1), TZ, 900)
        found += [numbers(one) for one in features_of_homes(load(HOMES, window).readings, TZ)]
    times = len(MONTHS)
    return np.array(found, np.int64), np.array(heated * times, np.int64), np.array(held * times)


def edges_of(column: Ints) -> tuple[int, ...]:
    """At most 15 values that part a column into equal parts."""
    at = np.sort(column)[[len(column) * i // LEVELS for i in range(1, LEVELS)]]
    return tuple(sorted({int(value) for value in at if value > column.min()}))


def boosted(levels: Ints, heated: Ints) -> NDArray[np.float64]:
    """Tables [8, 16] whose sum is a home's log-odds, but for a constant: Newton steps, each one split of one number."""
    tables = np.zeros((len(NAMES), LEVELS))
    mean = heated.mean()
    constant = float(np.log(mean / (1 - mean)))
    for _ in range(ROUNDS):
        odds = constant + sum(tables[f][levels[:, f]] for f in range(len(NAMES)))
        chance = 1 / (1 + np.exp(-odds))
        best = (-1.0, 0, 0, 0.0, 0.0)
        for f in range(len(NAMES)):
            slope = np.bincount(levels[:, f], heated - chance, LEVELS)
            bend = np.bincount(levels[:, f], chance * (1 - chance), LEVELS)
            for split in range(1, LEVELS):
                parts = [(slope[part].sum(), bend[part].sum() + SHRINK) for part in (slice(split), slice(split, None))]
                gain = sum(g * g / h for g, h in parts)
                if gain > best[0] + 1e-9:
                    best = (gain, f, split, *(RATE * g / h for g, h in parts))
        _, f, split, low, high = best
        tables[f, :split] += low
        tables[f, split:] += high
    return tables


def rounded(edges: tuple[tuple[int, ...], ...], tables: NDArray[np.float64], levels: Ints, heated: Ints) -> Heating:
    """The model in small whole numbers, all sums within 16 below and 15 above the edge: the best scale and edge."""
    for name, row in enumerate(edges):
        tables[name, len(row) + 1 :] = tables[name, len(row)]
    above = tables - tables.min(axis=1)[:, None]
    best = (-1.0, Heating(edges, ((0,) * LEVELS,) * len(NAMES), 0))
    for most in range(31, 12, -1):
        counts = np.rint(above * (most / above.max(axis=1).sum())).astype(np.int64)
        sums = np.take_along_axis(counts.T, levels, axis=0).sum(axis=1)
        total = int(counts.max(axis=1).sum())
        for edge in range(max(1, total - LEVELS + 1), LEVELS + 1):
            right = float(((sums >= edge) == (heated == 1)).mean())
            if right > best[0]:
                best = (right, Heating(edges, tuple(tuple(row) for row in counts.tolist()), edge))
    return best[1]


def trained() -> tuple[Heating, dict[str, float]]:
    """The model and how it does on homes it has not seen."""
    values, heated, held = labelled()
    edges = tuple(edges_of(values[~held, f]) for f in range(len(NAMES)))
    levels = np.array([np.searchsorted(row, values[:, f], "right") for f, row in enumerate(edges)]).T
    seen = levels[~held], heated[~held]
    model = rounded(edges, boosted(*seen), *seen)
    said = np.array([model.decide(row) for row in levels.tolist()])
    truth = heated == 1
    return model, {
        "homes held out": int(held.sum()) // len(MONTHS),
        "heated found": round(float(said[held & truth].mean()), 3),
        "others wrongly": round(float(said[held & ~truth].mean()), 3),
        "right": round(float((said == truth)[held].mean()), 3),
    }


def written(model: Heating, found: dict[str, float]) -> str:
    """The model as a table."""
    head = (
        "# Whether a home is heated by electricity, from a winter month. Loaded by `quietgrid.algorithms.heating`.",
        "# Made by `python -m benchmarks.fhe_model --write` from the project's own sample; no household's data.",
        f"# Homes held out of training: {', '.join(f'{name} {value}' for name, value in found.items())}.",
        "#",
        "# edges   where a number's level rises by one (units of `quietgrid.model.insight`; hours in per mille)",
        "# counts  what each of the 16 levels counts; a home is heated by electricity where the sum reaches `edge`",
        "",
        f"edge = {model.edge}",
    )
    rows = zip(NAMES, model.edges, model.tables, strict=True)
    body = [f"\n[number.{name}]\nedges = {list(edges)}\ncounts = {list(counts)}" for name, edges, counts in rows]
    return "\n".join([*head, *body, ""])


if __name__ == "__main__":
    made = written(*trained())
    if "--write" in sys.argv:
        read(made)
        MODEL.write_text(made, encoding="utf-8")
    print(made, end="")

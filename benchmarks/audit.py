"""`audit`: the leverage audit of a month, 1,000 homes in leaves of 30 (PROTOCOL A, "Leverage audit").

Ours alone: no other project is known to run this test. The baseline is the definition itself, ranks of the matrix of
all answers, on one small leaf.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import bar, peak_memory_mb
from quietgrid.algorithms.leverage import Facts, Totals, audit, net_total, register_total
from quietgrid.algorithms.modular import Field
from quietgrid.algorithms.weights import price_weights

NAME = "audit"

HOMES, LEAF, DAYS, INTERVALS = 1000, 30, 28, 96
BAR_S = 1.0

Leaf = tuple[list[Totals], list[Facts]]


def _book(slots: int, prices: bool, rng: np.random.Generator) -> NDArray[np.int64]:
    """Six bands, or five and a real-time price."""
    hours = np.arange(slots) // 4
    bands = 5 if prices else 6
    rows = [(hours % 24 * bands // 24 == band).astype(np.int64) for band in range(bands)]
    if prices:
        curve = 8_000 + 4_000 * np.sin(hours * 2 * np.pi / 24) + 2_500 * rng.normal(size=hours[-1] + 1)[hours]
        rows.append(price_weights(curve.astype(np.int64) * 10).weights)
    return np.stack(rows)


def leaf(case: str, homes: int, rng: np.random.Generator, days: int = DAYS) -> Leaf:
    """Answers of one leaf and month: cells 2 % missing, 2 % late, as `case` names it."""
    slots = days * INTERVALS
    weights = _book(slots, "prices" in case, rng)
    arrived = np.ones((homes, slots), np.bool_)
    late = np.zeros((homes, slots), np.bool_)
    if "complete" not in case:
        kind = rng.random((homes, slots))
        arrived, late = kind >= 0.04, kind < 0.02
    facts = [Facts(0, weights, arrived)]
    facts += [Facts(0, weights[f : f + 1], late & (weights[f] > 0)) for f in range(len(weights)) if "late" in case]
    if "net" not in case:
        return [register_total(0, arrived)], facts
    exports = arrived & (np.arange(homes) < 6)[:, None]
    return [net_total(arrived, exports)], [*facts, Facts(1, weights[:2], exports)]


def _seconds(case: str, homes: int, rng: np.random.Generator) -> float:
    """CPU seconds for all leaves of a sound month."""
    sizes = [LEAF] * (homes // LEAF) + ([homes % LEAF] if homes % LEAF else [])
    leaves = [leaf(case, size, rng) for size in sizes]
    begin = time.process_time()
    exposed = sum(audit(totals, facts).size for totals, facts in leaves)
    seconds = time.process_time() - begin
    if exposed:
        raise RuntimeError("a sound month was refused")
    return seconds


def _by_definition(rng: np.random.Generator) -> dict[str, float]:
    """The same small leaf by ranks of the whole matrix and by the audit, CPU seconds."""
    homes, days = 5, 1
    totals, facts = leaf("missing", homes, rng, days)
    cells, weights = totals[0].terms[0][1], facts[0].weights
    slots = cells.shape[1]
    rows = np.zeros((slots + homes * len(weights), homes, slots), np.int64)
    rows[np.arange(slots), :, np.arange(slots)] = cells.T
    for home in range(homes):
        first = slots + home * len(weights)
        rows[first : first + len(weights), home] = weights * cells[home]
    field = Field.random(rng)
    begin = time.process_time()
    whole = field.rank(rows.reshape(len(rows), -1))
    for home in range(homes):
        rest = field.rank(np.delete(rows, home, axis=1).reshape(len(rows), -1))
        if whole - rest - field.rank(weights * cells[home]) > 0:
            raise RuntimeError("the small leaf is not safe")
    middle = time.process_time()
    audit(totals, facts)
    return {"definition_s": round(middle - begin, 4), "audit_s": round(time.process_time() - middle, 4)}


def run(quick: bool) -> dict[str, Any]:
    """Time the audit on several kinds of month; CPU seconds, one core, median of three."""
    rng = np.random.default_rng(7)
    homes = 90 if quick else HOMES
    cases = ["bands complete", "bands missing late", "bands net missing late", "prices missing late"]
    ours: dict[str, Any] = {}
    for case in cases:
        found = sorted(_seconds(case, homes, rng) for _ in range(1 if quick else 3))
        ours[f"{case}, cpu_s"] = round(found[len(found) // 2], 4)
    slowest = max(ours.values())
    ours["peak_memory_mb"] = peak_memory_mb()
    small = _by_definition(rng)
    return {
        "name": NAME,
        "work": f"{homes} homes in leaves of {LEAF}, {DAYS} days × {INTERVALS} intervals: every home tried",
        "ours": ours,
        "peers": {"ranks of the whole matrix": small},
        "ratios": {"ranks of the whole matrix": round(small["definition_s"] / small["audit_s"], 1)},
        "bars": [bar("homes a CPU second, slowest case (1,000 homes in under 1 s)", HOMES / BAR_S, homes / slowest)],
        "note": "Peer: 5 homes, 1 day. Modulo a random 31-bit prime; tests/algorithms show equality with exact rank.",
    }

"""`audit`: the leverage audit of a month, 1,000 homes in leaves of 30 (PROTOCOL A, "Leverage audit").

Ours alone: no other project is known to run this test. The baseline is the definition itself, ranks of the matrix of
all answers, on one small leaf.
"""

from __future__ import annotations

import resource
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def _seconds(case: str, homes: int, rng: np.random.Generator) -> tuple[float, int]:
    """CPU seconds for all leaves and how many homes are exposed."""
    sizes = [LEAF] * (homes // LEAF) + ([homes % LEAF] if homes % LEAF else [])
    leaves = [leaf(case, size, rng) for size in sizes]
    begin = time.process_time()
    exposed = sum(audit(totals, facts).size for totals, facts in leaves)
    return time.process_time() - begin, exposed


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
    return {"definition_s": middle - begin, "audit_s": time.process_time() - middle}


def run(quick: bool) -> dict[str, Any]:
    """Time the audit on several kinds of month; CPU seconds, one core, median of three."""
    rng = np.random.default_rng(7)
    homes = 90 if quick else HOMES
    cases = ["bands complete", "bands missing late", "bands net missing late", "prices missing late"]
    ours: dict[str, Any] = {}
    for case in cases:
        found = sorted(_seconds(case, homes, rng) for _ in range(1 if quick else 3))
        seconds, exposed = found[len(found) // 2]
        ours[case] = {"cpu_s": round(seconds, 4), "exposed": exposed}
    ours["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    small = _by_definition(rng)
    slowest = max(ours[case]["cpu_s"] for case in cases)
    need = BAR_S * homes / HOMES
    return {
        "name": NAME,
        "work": f"{homes} homes in leaves of {LEAF}, {DAYS} days × {INTERVALS} intervals: every home tried",
        "ours": ours,
        "peers": {"ranks of the whole matrix (5 homes, 1 day)": small},
        "ratios": {"ranks of the whole matrix": round(small["definition_s"] / small["audit_s"], 1)},
        "bars": [
            {
                "what": "CPU seconds, slowest case",
                "need": f"< {need:g}",
                "got": slowest,
                "holds": slowest < need,
            }
        ],
        "note": "Modulo a random 31-bit prime; equality with exact rational rank is tested in tests/algorithms.",
    }

"""`powerflow`: a year of quarter-hour flows on SimBench's urban6 and rural3, beside pandapower."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import bar, cpu_seconds, peak_memory_mb
from benchmarks.simbench_grid import Year, pandapower, years
from quietgrid.algorithms.powerflow import Model
from quietgrid.model.network import Floats

NAME = "powerflow"

GRIDS = ("1-LV-urban6--2-sw", "1-LV-rural3--2-sw")
SAMPLE, QUICK_SAMPLE = 672, 24
BAR_SPEED, BAR_EQUAL = 100.0, 1e-8
PIECE = 4_096


def _ours(year: Year, steps: int) -> tuple[float, Floats]:
    """CPU seconds of `steps` intervals, network to voltages, loading and losses; the voltages."""
    found: list[Floats] = []

    def work() -> None:
        found.clear()
        model = Model(year.network)
        for first in range(0, steps, PIECE):
            here = slice(first, min(first + PIECE, steps))
            flow = model.flow(year.draw_w[here], year.draw_var[here])
            if not flow.converged.all():
                raise ValueError("an interval has no state")
            found.append(flow.voltage)

    seconds = cpu_seconds(work)
    return seconds, np.concatenate(found)


def _set(net: Any, year: Year, row: int) -> None:
    loads, plants = len(net.load), len(net.sgen)
    net.load["p_mw"], net.load["q_mvar"] = year.draw_w[row, :loads] / 1e6, year.draw_var[row, :loads] / 1e6
    net.sgen["p_mw"] = -year.draw_w[row, loads : loads + plants] / 1e6
    net.storage["p_mw"] = year.draw_w[row, loads + plants :] / 1e6


def _theirs(year: Year, rows: np.ndarray[Any, Any]) -> tuple[float, float, Floats]:
    """CPU seconds a step: as anybody calls it, and with its own recycling of what does not change; voltages."""
    net, found = year.net, list[Floats]()
    options = {"trafo_model": "pi", "calculate_voltage_angles": True, "tolerance_mva": 1e-9}
    pandapower.runpp(net, **options)

    def plain() -> None:
        found.clear()
        for row in rows.tolist():
            _set(net, year, row)
            pandapower.runpp(net, **options)
            found.append(net.res_bus.vm_pu.to_numpy().copy())

    def recycled() -> None:
        for row in rows.tolist():
            _set(net, year, row)
            pandapower.runpp(net, init="results", recycle={"bus_pq": True, "trafo": False, "gen": False}, **options)

    seconds = cpu_seconds(plain) / len(rows)
    return seconds, cpu_seconds(recycled) / len(rows), np.array(found)


def run(quick: bool) -> dict[str, Any]:
    """The whole year for ours; for pandapower steps spread over the year, scaled."""
    grids = years(*GRIDS)
    ours: dict[str, Any] = {}
    peers: dict[str, Any] = {}
    ratios: dict[str, float] = {}
    bars = []
    for name, year in grids.items():
        steps = 960 if quick else len(year.draw_w)
        Model(year.network).flow(year.draw_w[:8], year.draw_var[:8])
        seconds, voltage = _ours(year, steps)
        ours |= {f"{name}_seconds": round(seconds, 2), f"{name}_us_a_step": round(seconds / steps * 1e6, 1)}
        if year.net is None:
            continue
        rows = np.linspace(0, steps - 1, QUICK_SAMPLE if quick else SAMPLE).astype(np.int64)
        plain, recycled, expected = _theirs(year, rows)
        off = float(np.abs(voltage[rows] - expected).max())
        peers.setdefault("pandapower", {}).update(
            {f"{name}_seconds": round(plain * steps, 1), f"{name}_recycled_seconds": round(recycled * steps, 1)}
        )
        ratios |= {
            f"pandapower, {name}": round(plain * steps / seconds, 1),
            f"pandapower recycling, {name}": round(recycled * steps / seconds, 1),
        }
        ours[f"{name}_most_dv_pu"] = off
        bars += [
            bar(f"{name}: times less CPU than pandapower", BAR_SPEED, plain * steps / seconds),
            bar(f"{name}: 1e-8 pu by the largest difference of voltage", 1.0, BAR_EQUAL / max(off, 1e-18)),
        ]
    sample = f"pandapower measured on {QUICK_SAMPLE if quick else SAMPLE} steps spread over the year, scaled linearly"
    peer = f"{sample} (Newton-Raphson with numba, `trafo_model='pi'`); 'recycling' keeps its admittance matrix and the "
    peer += "state before it." if peers else ""
    return {
        "name": NAME,
        "work": f"{'960 steps' if quick else 'a year of quarter hours'} on {', '.join(grids)}: voltages, loading, "
        "losses; CPU seconds",
        "ours": {**ours, "peak_memory_mb": peak_memory_mb()},
        "peers": peers,
        "ratios": ratios,
        "bars": bars,
        "note": (
            peer if peers else "simbench and pandapower are not installed: the sample's own grid, no peer, no bar."
        )
        + " Ours is power-grid-model in batch, iterative current (one factorisation), one thread, from what units "
        "draw to results.",
    }

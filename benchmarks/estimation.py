"""`estimation`: how right the voltages of a state estimate are, with and without feeder totals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.curves import curves
from benchmarks.estimation_peer import estimates
from benchmarks.measure import bar, cpu_seconds, peak_memory_mb
from benchmarks.simbench_grid import Year, years
from quietgrid.algorithms.powerflow import Estimate, Estimator, Flow, Inputs, Model, Sensor, Sigmas
from quietgrid.algorithms.powerflow.sensing import Places
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.network import Floats

NAME = "estimation"

GRIDS = ("1-LV-urban6--2-sw", "1-LV-rural3--2-sw")
STEPS, SEEDS = 1_008, 5
PLOT = Path(__file__).resolve().parents[1] / "docs" / "reference" / "estimation.svg"
CASES = {
    "yearly means": "", "busbar": "v", "totals": "t", "totals, busbar": "tv", "heads, busbar": "hv",
    "totals, heads, busbar": "thv",
}  # fmt: skip
"""What is known: t the opened totals of feeders, v the busbar's voltage, h power at feeder heads."""
WITHOUT, WITH = "busbar", "totals, busbar"
ALL, PEER_STEPS, QUICK_PEER_STEPS = "totals, heads, busbar", 96, 8


def _world(year: Year, seed: int, steps: int) -> tuple[Model, Flow, Inputs]:
    """True states of random steps under an upstream voltage nobody knows, and what sensors and meters say of them."""
    rng, sigmas, network = np.random.default_rng(seed), Sigmas(), year.network
    rows = np.sort(rng.choice(len(year.draw_w), steps, replace=False))
    model, draw_w = Model(network), year.draw_w[rows]
    source = network.sources.voltage + sigmas.source * rng.standard_normal((steps, 1))
    true = model.flow(draw_w, year.draw_var[rows], source_voltage=source)
    busbar = network.nodes.names[int(network.transformers.to_node[0])]
    sensors = (
        *(Sensor(kind, name) for kind in (MeasuredKind.HEAD_W, MeasuredKind.HEAD_VAR) for name in network.groups),
        Sensor(MeasuredKind.VOLTAGE_MV, busbar),
    )
    places = Places(network, sensors)
    exact = places.observed(true)
    off = np.where(places.volts, sigmas.voltage, sigmas.power_share * np.abs(exact) + sigmas.power_w)
    measured = (exact + off * rng.standard_normal(exact.shape)) * places.scale
    member = (network.unit_groups[:, None] == np.arange(len(network.groups))).astype(np.float64)
    drawn, fed = np.maximum(draw_w, 0) @ member, np.maximum(-draw_w, 0) @ member
    nothing = np.full_like(drawn, np.nan)
    return model, true, Inputs(sensors, measured, drawn, fed, nothing, network.units.yearly_wh)


def _told(inputs: Inputs, case: str) -> Inputs:
    """The inputs with what a case does not know taken away."""
    kinds = {MeasuredKind.HEAD_W: "h", MeasuredKind.HEAD_VAR: "h", MeasuredKind.VOLTAGE_MV: "v"}
    kept = [i for i, sensor in enumerate(inputs.sensors) if kinds[sensor.kind] in case]
    sensors, measured = tuple(inputs.sensors[i] for i in kept), inputs.measured[:, kept]
    unknown = 1.0 if "t" in case else np.nan
    return Inputs(sensors, measured, inputs.drawn_w * unknown, inputs.fed_w * unknown, inputs.net_w, inputs.yearly_wh)


def _figures(errors: Floats, sigmas: Floats, struck: float) -> dict[str, float]:
    """rms, 95th percentile and largest error of voltage, 1e-3 pu; share within the 90 % band; false alarms."""
    size = np.abs(errors)
    return {
        "rms": round(float(np.sqrt(np.mean(errors**2))) * 1e3, 3),
        "p95": round(float(np.quantile(size, 0.95)) * 1e3, 3),
        "most": round(float(size.max()) * 1e3, 2),
        "in_band_percent": round(float((size < 1.645 * sigmas).mean()) * 100, 1),
        "false_alarms_percent": round(struck * 100, 2),
    }


def _estimate(model: Model, told: Inputs, found: list[Estimate]) -> None:
    found.append(Estimator(model).estimate(told))


def _peer(year: Year, world: tuple[Model, Flow, Inputs], steps: int) -> dict[str, Any]:
    """pandapower's estimator and ours on the same first steps, all that is known told to both; `dv` is in 1e-3 pu."""
    model, true, inputs = world
    found: list[Estimate] = []
    own = cpu_seconds(partial(_estimate, model, _told(inputs, CASES[ALL]), found)) / len(inputs.measured)
    theirs, volts = estimates(year, model, _told(inputs, CASES[ALL]), steps)
    mine = found[0].flow.voltage[:steps]
    errors = [(one - true.voltage[:steps])[:, 1:] for one in (mine, volts)]
    rms = [round(float(np.sqrt(np.nanmean(error**2))) * 1e3, 3) for error in errors]
    most = np.nanmax(np.abs(mine - volts)[:, 1:]) * 1e3
    return {
        "steps": steps, "found": int(np.isfinite(volts).all(axis=1).sum()), "ms_a_step": round(theirs * 1e3, 1),
        "our_ms_a_step": round(own * 1e3, 2), "rms": rms[1], "our_rms": rms[0], "most_dv": round(float(most), 4),
    }  # fmt: skip


def run(quick: bool) -> dict[str, Any]:
    """Every case on the same steps and the same noise; an error is of one node in one step."""
    steps, seeds = (96, 2) if quick else (STEPS, SEEDS)
    ours: dict[str, Any] = {}
    ratios: dict[str, float] = {}
    peers: dict[str, Any] = {}
    bars, lines = [], {}
    seconds = 0.0
    for grid, year in years(*GRIDS).items():
        worlds = [_world(year, seed, steps) for seed in range(seeds)]
        spread: dict[str, list[float]] = {}
        for name, case in CASES.items():
            errors, sigmas, struck = [], [], []
            for model, true, inputs in worlds:
                found: list[Estimate] = []
                seconds += cpu_seconds(partial(_estimate, model, _told(inputs, case), found))
                errors.append(found[0].flow.voltage[:, 1:] - true.voltage[:, 1:])
                sigmas.append(found[0].voltage_sigma[:, 1:])
                struck.append(float(found[0].suspicious.mean()))
            spread[name] = [float(np.sqrt(np.mean(error**2))) for error in errors]
            ours[f"{grid}: {name}"] = _figures(np.concatenate(errors), np.concatenate(sigmas), float(np.mean(struck)))
            lines[f"{grid}: {name}"] = np.abs(np.concatenate(errors)).ravel()
        gains = [without / with_ for without, with_ in zip(spread[WITHOUT], spread[WITH], strict=True)]
        ratios[f"no totals, {grid}, least of {seeds} seeds"] = round(min(gains), 2)
        if year.net is not None:
            peer = peers[f"pandapower, {grid}"] = _peer(year, worlds[0], QUICK_PEER_STEPS if quick else PEER_STEPS)
            ratios[f"pandapower, {grid}, CPU"] = round(peer["ms_a_step"] / peer["our_ms_a_step"], 1)
        bars.append(bar(f"{grid}: times less rms error with feeder totals, least of {seeds} seeds", 1.0, min(gains)))
    count = steps * seeds * len(CASES) * (len(lines) // len(CASES))
    if not quick:
        PLOT.write_text(
            curves(lines, "error of a node's voltage, per cent of rated", "share of nodes and steps, per cent")
        )
    return {
        "name": NAME,
        "work": f"{steps} steps of a SimBench year × {seeds} noise seeds, voltages of all nodes; errors in 1e-3 pu",
        "ours": {**ours, "ms_a_step": round(seconds / count * 1e3, 2), "peak_memory_mb": peak_memory_mb()},
        "peers": peers,
        "ratios": ratios,
        "bars": bars,
        "note": "True states come from SimBench's profiles of single homes, which the estimator never gets; it gets "
        "totals of feeders, yearly means, and sensors with the noise of `Sigmas`; the upstream voltage to 1 %. "
        "`in_band_percent` is how many true voltages lie in the estimated 90 % band; false alarms are of the bad-data "
        "test at 0.1 %, where nothing is bad. pandapower's estimator (WLS) gets the same sensors and each node's share "
        "with the same standard deviation, not the totals that tie shares together (it has no place for them); its rms "
        "is of its own steps, ours beside it of the same; its CPU is that of single steps, ours of a batch, with bands "
        "and bad-data test. Grid `sample` is the demo's own, where simbench is not installed.",
    }

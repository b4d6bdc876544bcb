"""`voltage`: a year of quarter hours with much PV: each control stage alone and all together, before and after.

The lab's side: units have series of their own here. The platform never has them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import simbench_grid
from benchmarks.measure import bar, peak_memory_mb
from quietgrid.algorithms.powerflow import Model
from quietgrid.algorithms.voltage import Characteristic, Outcome, Settings, Sharing, Stage, jain, simulate
from quietgrid.demo.grid import demo_network, home_units
from quietgrid.demo.profiles import PER_DAY, profiles
from quietgrid.demo.sample import load
from quietgrid.model.interval import Window
from quietgrid.model.network import Floats, Network, UnitKind

NAME = "voltage"
CODE, SCALE, RISE = "1-LV-rural3--2-sw", 4, 0.03
"""SimBench's future grid, PV and batteries times four; the upstream voltage rises by 3 % with the sun, because the
grids beside it feed in at the same time."""
PROFILES = ("PV1", "PV3", "PV4", "PV7")
"""Of plants of the sample's grid."""
SUPPORT = Characteristic("battery", (0.93, 0.97, 1.06, 1.08, 1.10), (-1.0, -0.3, -0.3, 0.0, 1.0))
"""Later than usual: this grid stands at 1.05 without any load."""
POSITIONS = 4
"""Tap positions to each side of the one the grid has."""
QUICK_DAYS, MIDSUMMER = 4, 165
HOURS = 0.25
SECONDS = 900
ROWS: dict[str, tuple[frozenset[Stage], Sharing]] = {
    "none": (frozenset(), Sharing.EQUAL),
    "tap changer": (frozenset({Stage.TAPS}), Sharing.EQUAL),
    "Q(U)": (frozenset({Stage.REACTIVE}), Sharing.EQUAL),
    "batteries": (frozenset({Stage.STORAGE}), Sharing.EQUAL),
    "P(U)": (frozenset({Stage.ACTIVE}), Sharing.EQUAL),
    "curtailment, equal": (frozenset({Stage.CURTAIL}), Sharing.EQUAL),
    "curtailment, proportional": (frozenset({Stage.CURTAIL}), Sharing.PROPORTIONAL),
    "curtailment, least": (frozenset({Stage.CURTAIL}), Sharing.LEAST),
    "batteries, curtailment": (frozenset({Stage.STORAGE, Stage.CURTAIL}), Sharing.EQUAL),
    "all": (frozenset(Stage), Sharing.EQUAL),
}


@dataclass(frozen=True)
class Scenario:
    """A grid and what its units draw without control; [t, u]; upstream [t, 1]."""

    what: str
    network: Network
    w: Floats
    var: Floats
    upstream: Floats


def _with_sun(what: str, network: Network, w: Floats, var: Floats) -> Scenario:
    sun = -w[:, network.units.generating].sum(axis=1)
    upstream = network.sources.voltage + (RISE * np.maximum(sun, 0) / sun.max())[:, None]
    tf = network.transformers
    moved = replace(
        tf, on_load=np.ones(len(tf.names), np.bool_), tap_min=tf.tap - POSITIONS, tap_max=tf.tap + POSITIONS
    )
    return Scenario(what, replace(network, transformers=moved), w, var, upstream)


def simbench_scenario() -> Scenario:
    """SimBench's year; its batteries belong to the control here, so their own schedule is left out."""
    year = simbench_grid.year(CODE)
    units, w = year.network.units, year.draw_w.copy()
    plants, storages = units.generating, units.of(UnitKind.STORAGE)
    w[:, plants] *= SCALE
    w[:, storages] = 0.0
    capacity = np.zeros(len(units))
    capacity[storages] = year.net.storage.max_e_mwh.to_numpy() * 1e6 * SCALE
    rated = np.where(plants | storages, units.rated_w * SCALE, units.rated_w)
    network = replace(year.network, units=replace(units, rated_w=rated, storage_wh=capacity))
    return _with_sun(f"{CODE}, PV and batteries × {SCALE}", network, w, year.draw_var)


def demo_scenario(days: int) -> Scenario:
    """The sample's own grid and readings around midsummer, every plant times eight; its homes keep their batteries."""
    network, scale = demo_network(), 2 * SCALE
    shapes = profiles()
    units = network.units
    first = shapes.first + MIDSUMMER
    window = Window(first * PER_DAY, (first + days) * PER_DAY, SECONDS)
    readings = load(window=window).readings
    net = (readings.imported_wh.astype(np.float64) - readings.exported_wh).T / HOURS
    w = np.zeros((days * PER_DAY, len(units)))
    w[:, home_units(network)] = net
    plants = units.of(UnitKind.PV)
    for row in np.flatnonzero(plants).tolist():
        profile = shapes.row[units.profiles[row] or PROFILES[row % len(PROFILES)]]
        shape = shapes.values[profile, MIDSUMMER : MIDSUMMER + days].reshape(-1) / shapes.year_sum(profile)
        w[:, row] = -(scale - 1) * units.yearly_wh[row] * shape / HOURS
    rated = np.where(plants, units.rated_w * (scale - 1), units.rated_w)
    return _with_sun(f"the sample's grid, plants × {scale}", replace(network, units=replace(units, rated_w=rated)), w,
                     np.zeros_like(w))  # fmt: skip


def _figures(scenario: Scenario, found: Outcome, seconds: float, settings: Settings) -> dict[str, Any]:
    plants = scenario.network.units.generating
    outside = settings.band.outside(found.voltage)
    cut = np.maximum(found.draw_w - scenario.w, 0.0)[:, plants].sum(axis=0) * HOURS
    could = -np.minimum(scenario.w, 0.0)[:, plants].sum(axis=0) * HOURS
    cut = np.where(cut < 1.0, 0.0, cut)
    share: NDArray[np.float64] = np.divide(cut, could, out=np.zeros_like(cut), where=could > 0)
    return {
        "violations": int(outside.sum()),
        "intervals": int(outside.any(axis=1).sum()),
        "highest": round(float(np.nanmax(found.voltage)), 4),
        "lowest": round(float(np.nanmin(found.voltage)), 4),
        "curtailed_mwh": round(float(cut.sum()) / 1e6, 2),
        "curtailed_percent": round(100 * float(cut.sum() / could.sum()), 2),
        "fairness": round(jain(share), 3),
        "worst_plant_percent": round(100 * float(share.max()), 1),
        "tap_operations": int(np.abs(np.diff(found.taps, axis=0)).sum()),
        "losses_mwh": round(float(np.nansum(found.loss_w)) * HOURS / 1e6, 1),
        "overloaded_intervals": int((found.loading > 1).any(axis=1).sum()),
        "unsettled": int((~found.still).sum()),
        "gain": round(found.gain, 2),
        "open_seams": found.open_seams,
        "cpu_s": round(seconds, 1),
    }


def run(quick: bool) -> dict[str, Any]:
    """Every row of `ROWS` on one scenario: SimBench's year where it is installed, else days of the sample's."""
    whole = not quick and simbench_grid.simbench is not None
    scenario = simbench_scenario() if whole else demo_scenario(QUICK_DAYS if quick else 28)
    model = Model(scenario.network)
    rows: dict[str, dict[str, Any]] = {}
    for name, (stages, sharing) in ROWS.items():
        settings = Settings(sharing=sharing, support=SUPPORT)
        begin = time.process_time()
        found = simulate(model, (scenario.w, scenario.var), settings, stages, source_voltage=scenario.upstream)
        seconds = time.process_time() - begin
        rows[name] = _figures(scenario, found, seconds, settings)
    before = max(rows["none"]["violations"], 1)
    shown = ("violations", "intervals", "curtailed_mwh", "tap_operations", "fairness", "cpu_s")
    return {
        "name": NAME,
        "work": f"{scenario.what}, upstream + {RISE:.0%} with the sun: {len(scenario.w):,} intervals of 15 min, "
        f"{len(scenario.network.nodes.names)} nodes; violations are bus-intervals outside 90 to 110 %",
        "ours": {
            **{name: ", ".join(f"{figures[key]:,} {key}" for key in shown) for name, figures in rows.items()},
            "peak_memory_mb": peak_memory_mb(),
        },
        "stages": rows,
        "peers": {},
        "ratios": {},
        "bars": [
            bar("violations without control", 1, rows["none"]["violations"]),
            bar("share of violations that all stages remove", 0.99, 1 - rows["all"]["violations"] / before),
            bar("share of violations that curtailment alone removes", 0.99,
                1 - rows["curtailment, equal"]["violations"] / before),
            bar("share of intervals in which devices came to rest, worst row", 0.999,
                1 - max(row["unsettled"] for row in rows.values()) / len(scenario.w)),
            bar("energy lost by equal curtailment over that of the least", 1.0,
                rows["curtailment, equal"]["curtailed_mwh"] / max(rows["curtailment, least"]["curtailed_mwh"], 0.01)),
        ],
        "note": "Violations are of simulated bus voltages, means of 15 minutes where EN 50160 asks for 10. Overloaded "
        "branches are counted; no stage here is there to relieve them.",
    }  # fmt: skip

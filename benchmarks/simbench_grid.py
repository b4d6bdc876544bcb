"""SimBench's low-voltage grids as `Network`, with their year of quarter hours; the sample's own where it is missing."""

from __future__ import annotations

import importlib
import importlib.util
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from quietgrid.demo.grid import demo_network
from quietgrid.demo.profiles import profiles
from quietgrid.model.network import (
    NO_GROUP,
    Floats,
    Lines,
    Network,
    Nodes,
    Rows,
    Sources,
    Transformers,
    UnitKind,
    Units,
)

simbench: Any = importlib.import_module("simbench") if importlib.util.find_spec("simbench") else None
"""Grids and profiles (code BSD, data ODbL); in requirements-bench.txt only."""
pandapower: Any = importlib.import_module("pandapower") if importlib.util.find_spec("pandapower") else None
"""The peer (BSD); in requirements-bench.txt only."""

KINDS = {"load": UnitKind.LOAD, "sgen": UnitKind.PV, "storage": UnitKind.STORAGE}


@dataclass(frozen=True)
class Year:
    """A grid and what every unit of it draws.

    Args:
        name: For people. net: as pandapower has it, None for the sample. network: the same as ours.
        draw_w, draw_var: [35,136 (sample: 34,944), units], quarter hours.
    """

    name: str
    net: Any
    network: Network
    draw_w: Floats
    draw_var: Floats


def years(*codes: str) -> dict[str, Year]:
    """SimBench grids by short name; the sample's grid alone where simbench or pandapower is not installed."""
    if simbench is None or pandapower is None:
        return {"sample": sample_year()}
    return {code.split("-")[2]: year(code) for code in codes}


def sample_year() -> Year:
    """The demo's grid; every unit follows a profile of its kind, scaled to its yearly mean."""
    network, shapes = demo_network(), profiles()
    names = {
        feeds: sorted(name for name in shapes.row if name.startswith("PV") == feeds and name[:2] in ("PV", "H0"))
        for feeds in (False, True)
    }
    units = network.units
    rows = [shapes.row[names[feeds][i % len(names[feeds])]] for i, feeds in enumerate(units.generating.tolist())]
    shape = shapes.values[rows].reshape(len(rows), -1).T.astype(np.float64)
    draw_w = units.sign * shape / shape.mean(axis=0) * np.nan_to_num(units.yearly_wh) / 8_766
    tangent = np.divide(units.rated_var, units.rated_w, out=np.zeros(len(units)), where=units.rated_w > 0)
    return Year("the sample's grid", None, network, draw_w, np.maximum(draw_w, 0) * tangent)


def year(code: str) -> Year:
    """A SimBench grid with its profiles, for example ``1-LV-urban6--2-sw``."""
    net = simbench.get_simbench_net(code)
    net.trafo["vector_group"], net.trafo["tap_changer_type"] = "Dyn5", "Ratio"  # left out by simbench 1.6
    absolute = simbench.get_absolute_values(net, True)
    draws = [absolute["load", "p_mw"].to_numpy(), -absolute["sgen", "p_mw"].to_numpy(),
             absolute["storage", "p_mw"].to_numpy()]  # fmt: skip
    draw_w = np.concatenate([draw for draw in draws if draw.shape[1]], axis=1) * 1e6
    draw_var = np.zeros_like(draw_w)
    draw_var[:, : len(net.load)] = absolute["load", "q_mvar"].to_numpy() * 1e6
    return Year(code, net, as_network(net, np.abs(draw_w).sum(axis=0) / 4), draw_w, draw_var)


def as_network(net: Any, yearly_wh: Floats) -> Network:
    """A pandapower net of lines, two-winding transformers and closed switches, as `Network`; feeders are groups."""
    row = {bus: i for i, bus in enumerate(net.bus.index)}

    def at(column: Any) -> Rows:
        return np.array([row[bus] for bus in column], np.int32)

    def whole(column: Any) -> Rows:
        return np.asarray(column, np.float64).astype(np.int32)

    line, trafo = net.line, net.trafo
    length, n = line.length_km.to_numpy(), len(net.bus)
    lines = Lines(
        tuple(line.name), at(line.from_bus), at(line.to_bus), line.r_ohm_per_km.to_numpy() * length,
        line.x_ohm_per_km.to_numpy() * length, line.c_nf_per_km.to_numpy() * length * 1e-9,
        line.max_i_ka.to_numpy() * 1e3, np.ones(len(line), np.bool_), np.ones(len(line), np.bool_),
    )  # fmt: skip
    if not net.switch.closed.all():
        raise ValueError("only grids with every switch closed")
    sn, closed = trafo.sn_mva.to_numpy() * 1e6, np.ones(len(trafo), np.bool_)
    transformers = Transformers(
        tuple(trafo.name), at(trafo.hv_bus), at(trafo.lv_bus), trafo.vn_hv_kv.to_numpy() * 1e3,
        trafo.vn_lv_kv.to_numpy() * 1e3, sn, trafo.vk_percent.to_numpy() / 100, trafo.vkr_percent.to_numpy() / 100 * sn,
        trafo.pfe_kw.to_numpy() * 1e3, trafo.i0_percent.to_numpy() / 100, whole(trafo.shift_degree / 30),
        whole(trafo.tap_pos), whole(trafo.tap_min), whole(trafo.tap_max), whole(trafo.tap_neutral),
        trafo.tap_step_percent.to_numpy() / 100, (trafo.tap_side == "lv").to_numpy(), ~closed, closed, closed,
    )  # fmt: skip
    groups = _feeders(lines, int(transformers.to_node[0]), n)
    nodes = Nodes(tuple(net.bus.name), net.bus.vn_kv.to_numpy() * 1e3, groups, np.full(n, np.nan), np.full(n, np.nan))
    sources = Sources(tuple(net.ext_grid.name), at(net.ext_grid.bus), net.ext_grid.vm_pu.to_numpy(),
                      np.ones(len(net.ext_grid), np.bool_))  # fmt: skip
    names: list[str] = []
    places: list[Rows] = []
    kinds: list[UnitKind] = []
    rated: list[Floats] = []
    rated_var: list[Floats] = []
    for table, kind in KINDS.items():
        some = net[table]
        names += some.name.tolist()
        places.append(at(some.bus))
        kinds += [kind] * len(some)
        rated.append(np.abs(some.p_mw.to_numpy()) * 1e6)
        rated_var.append(np.abs(some.q_mvar.to_numpy()) * 1e6 if kind is UnitKind.LOAD else np.zeros(len(some)))
    units = Units(tuple(names), np.concatenate(places), tuple(kinds), np.concatenate(rated), np.concatenate(rated_var),
                  np.zeros(len(names)), yearly_wh, ("",) * len(names), np.ones(len(names), np.bool_))  # fmt: skip
    feeders = tuple(f"F{i + 1}" for i in range(int(groups.max()) + 1))
    return Network(net.name or "simbench", nodes, lines, transformers, sources, units, feeders, float(net.f_hz))


def _feeders(lines: Lines, busbar: int, n: int) -> Rows:
    """int32 [n]: which line out of the busbar a node hangs behind; the busbar and what is above it in none."""
    beside = defaultdict(list)
    for a, b in zip(lines.from_node.tolist(), lines.to_node.tolist(), strict=True):
        beside[a].append(b)
        beside[b].append(a)
    groups = np.full(n, NO_GROUP, np.int32)
    for feeder, first in enumerate(beside[busbar]):
        waiting = [first]
        while waiting:
            node = waiting.pop()
            if node != busbar and groups[node] == NO_GROUP:
                groups[node] = feeder
                waiting += beside[node]
    return groups

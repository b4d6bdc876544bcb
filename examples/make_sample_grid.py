"""Makes the grid of the sample community in `src/quietgrid/demo/data/grid` from SimBench.

Needs `pip install simbench`, in an environment of its own, like `make_sample.py` beside it:

    python examples/make_sample_grid.py src/quietgrid/demo/data/grid

It takes the nodes, cables and the transformer of `1-LV-rural3--2-sw` (ODbL, see
`src/quietgrid/demo/ATTRIBUTION.md`), puts every node in the feeder section that `make_sample.py` made of its
feeder, and names the node of every home. What it changes:

* the two firms that SimBench does not have get a node of their own, at the end of 25 m of the same cable: the inn
  at the first junction of Station Road, the cold store at the transformer's busbar;
* the tap changer moves under load.

Coordinates become metres east and north of the transformer. The same SimBench version gives the same bytes.
"""

from __future__ import annotations

import csv
import json
import sys
from math import cos, pi, radians
from pathlib import Path
from typing import Any

import networkx as nx
import pandapower.topology as topology
import simbench
from make_sample import GRID, SECTIONS, sections

SERVICE_M = 25.0
EARTH_M = 40_075_017 / 360
Row = dict[str, object]


def section_of(net: Any, homes: list[list[int]]) -> dict[int, str]:
    """The section of every node on a feeder: that of most homes of the feeder, but a home's own where it differs."""
    graph = nx.Graph(topology.create_nxgraph(net, include_trafos=False))
    graph.remove_node(int(net.trafo.lv_bus.iloc[0]))
    own = {bus: SECTIONS[number] for number, buses in enumerate(homes) for bus in buses}
    found: dict[int, str] = {}
    for part in nx.connected_components(graph):
        of_homes = [own[bus] for bus in part if bus in own]
        if of_homes:
            most = max(SECTIONS, key=of_homes.count)
            found |= {int(bus): own.get(bus, most) for bus in part}
    return found


def nodes(net: Any, section: dict[int, str]) -> list[Row]:
    """Rows of `nodes.csv`."""
    origin = json.loads(net.bus.geo[int(net.trafo.hv_bus.iloc[0])])["coordinates"]
    found: list[Row] = []
    for bus, row in net.bus.iterrows():
        longitude, latitude = json.loads(row.geo)["coordinates"]
        found.append({
            "name": short(row["name"]), "voltage_v": round(row.vn_kv * 1000), "section": section.get(int(bus), ""),
            "east_m": round((longitude - origin[0]) * EARTH_M * cos(radians(origin[1]))),
            "north_m": round((latitude - origin[1]) * EARTH_M),
        })  # fmt: skip
    return found


def lines(net: Any) -> list[Row]:
    """Rows of `lines.csv`."""
    return [
        cable(net, short(row["name"]), short(net.bus.name[row.from_bus]), short(net.bus.name[row.to_bus]),
              1000 * row.length_km)
        for _, row in net.line.iterrows()
    ]  # fmt: skip


def cable(net: Any, name: str, start: str, end: str, metres: float) -> Row:
    """One cable; SimBench has one type in this grid."""
    assert net.line.std_type.nunique() == 1
    kind = net.line.iloc[0]
    return {
        "name": name, "from": start, "to": end, "length_m": f"{metres:.3f}",
        "r_ohm": f"{metres / 1000 * kind.r_ohm_per_km:.9f}", "x_ohm": f"{metres / 1000 * kind.x_ohm_per_km:.9f}",
        "c_nf": f"{metres / 1000 * kind.c_nf_per_km:.6f}", "rated_a": round(1000 * kind.max_i_ka),
    }  # fmt: skip


def transformer(net: Any) -> Row:
    """The row of `transformers.csv`."""
    row = net.trafo.iloc[0]
    return {
        "name": "Transformer", "from": short(net.bus.name[row.hv_bus]), "to": short(net.bus.name[row.lv_bus]),
        "from_v": round(row.vn_hv_kv * 1000), "to_v": round(row.vn_lv_kv * 1000), "rated_va": round(row.sn_mva * 1e6),
        "short_circuit_percent": row.vk_percent, "copper_w": round(row.vkr_percent / 100 * row.sn_mva * 1e6),
        "iron_w": round(row.pfe_kw * 1000), "no_load_percent": round(row.i0_percent, 5),
        "clock": round(row.shift_degree / 30), "tap": round(row.tap_pos), "tap_min": round(row.tap_min),
        "tap_max": round(row.tap_max), "tap_neutral": round(row.tap_neutral), "tap_percent": row.tap_step_percent,
        "tap_side": row.tap_side, "source_percent": round(100 * float(net.ext_grid.vm_pu.iloc[0]), 3),
    }  # fmt: skip


def short(name: str) -> str:
    """A SimBench name without the grid's own."""
    return name.replace("LV3.101 ", "").replace("MV1.101 ", "20 kV ")


def add_firms(net: Any, homes: list[list[int]], tables: dict[str, list[Row]]) -> None:
    """Nodes and service cables of the two firms that are made up, next to the nodes they hang on."""
    by_name = {row["name"]: row for row in tables["nodes"]}
    first = short(net.bus.name[homes[3][0]])
    busbar = short(net.bus.name[int(net.trafo.lv_bus.iloc[0])])
    for number, (name, at, angle) in enumerate((("Inn", first, pi / 3), ("Cold store", busbar, -pi / 3)), start=119):
        place = by_name[at]
        tables["nodes"].append({
            "name": name, "voltage_v": 400, "section": SECTIONS[3],
            "east_m": round(int(str(place["east_m"])) + 60 * cos(angle)),
            "north_m": round(int(str(place["north_m"])) + 60 * (1 if angle > 0 else -1)),
        })  # fmt: skip
        tables["lines"].append(cable(net, f"{name} service", at, name, SERVICE_M))
        tables["homes"].append({"home": number, "node": name})


def main(target: Path) -> None:
    """Make the four files."""
    target.mkdir(parents=True, exist_ok=True)
    net = simbench.get_simbench_net(GRID)
    homes = sections(net)
    buses = [bus for part in homes for bus in part]
    tables: dict[str, list[Row]] = {
        "nodes": nodes(net, section_of(net, homes)),
        "lines": lines(net),
        "transformers": [transformer(net)],
        "homes": [{"home": n, "node": short(net.bus.name[bus])} for n, bus in enumerate(buses, start=1)],
    }
    add_firms(net, homes, tables)
    for name, rows in tables.items():
        with (target / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            out = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            out.writeheader()
            out.writerows(rows)
    print(", ".join(f"{len(rows)} {name}" for name, rows in tables.items()))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))

"""Makes `grids/`: two SimBench grids in two formats and how they flow, by pandapower. Imports nothing of the project.

    pip install simbench pandapower   # in an environment of its own
    python vectors/make_grids.py vectors/grids

`NAME/*.csv`: SimBench's own format, without profiles. `NAME.pandapower.json`: the same grid as `pandapower.to_json`
writes it, without profiles, results and standard types. `NAME.flows.json`: what every unit draws at four moments of
2016, and the voltages and losses pandapower finds for it. `cigre-mv`: a grid with open switches, at rated power.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as networks
import simbench
from simbench.networks.extract_simbench_grids_from_csv import (
    complete_data_path,
    get_extracted_csv_data,
    get_relevant_subnets,
    get_simbench_code_and_parameters,
)
from simbench.networks.loadcases import filter_loadcases

GRIDS = {"rural3": "1-LV-rural3--2-sw", "urban6": "1-LV-urban6--2-sw"}
MOMENTS = (3_000, 14_448, 17_300, 33_000)
"""Quarter hours of the year: a winter morning, a noon in May and the first of July, a December evening."""
ITERATIONS, TOLERANCE = 50, 2e-11
KEPT = (
    "Coordinates", "ExternalNet", "Line", "LineType", "Load", "Node", "RES", "Storage", "Substation", "Switch",
    "Transformer", "TransformerType",
)  # fmt: skip
LEFT_OUT = ("profiles", "loadcases", "std_types", "substation")


def write_csv(code: str, folder: Path) -> None:
    """The grid in SimBench's own format."""
    folder.mkdir(parents=True, exist_ok=True)
    _, parameters = get_simbench_code_and_parameters(code)
    data = get_extracted_csv_data(get_relevant_subnets(parameters, complete_data_path(2)), complete_data_path(2))
    filter_loadcases(data)
    types = {"LineType": data["Line"]["type"], "TransformerType": data["Transformer"]["type"]}
    for name in KEPT:
        table = data[name]
        if name in types:
            table = table[table["id"].isin(types[name])]
        if len(table):
            table.to_csv(folder / f"{name}.csv", sep=";", index=False, na_rep="NULL", lineterminator="\n")


def flows(net: Any) -> dict[str, Any]:
    """Draws and voltages at the moments."""
    profiles = simbench.get_absolute_values(net, True)
    found: dict[str, Any] = {
        "units": [*net.load.name, *net.sgen.name, *net.storage.name], "nodes": list(net.bus.name), "moments": [],
    }  # fmt: skip
    for moment in MOMENTS:
        for kind, column in (("load", "p_mw"), ("load", "q_mvar"), ("sgen", "p_mw"), ("storage", "p_mw")):
            net[kind][column] = np.round(profiles[kind, column].iloc[moment], 9)
        pp.runpp(net, trafo_model="pi", trafo_loading="power", tolerance_mva=TOLERANCE, max_iteration=ITERATIONS)
        draw = np.concatenate([net.load.p_mw, -net.sgen.p_mw, net.storage.p_mw]) * 1e6
        reactive = np.concatenate([net.load.q_mvar, -net.sgen.q_mvar, net.storage.q_mvar]) * 1e6
        found["moments"].append({
            "draw_w": np.round(draw, 3).tolist(), "draw_var": np.round(reactive, 3).tolist(),
            "voltage": np.round(net.res_bus.vm_pu, 12).tolist(),
            "source_w": round(float(net.res_ext_grid.p_mw.sum()) * 1e6, 3),
            "transformer_loading": np.round(net.res_trafo.loading_percent / 100, 9).tolist(),
            "largest_line_loading": round(float(net.res_line.loading_percent.max()) / 100, 9),
        })  # fmt: skip
    return found


def grid(code: str) -> Any:
    """A SimBench grid whose tap changer counts: pandapower 3 passes over those without a type."""
    net = simbench.get_simbench_net(code)
    net.trafo["tap_changer_type"] = "Ratio"
    net.trafo["vector_group"] = "Dyn5"
    return net


def saved(net: Any) -> str:
    """The net as `pandapower.to_json` writes it, without what a grid does not need."""
    whole = json.loads(pp.to_json(net))
    whole["_object"] = {
        key: value for key, value in whole["_object"].items()
        if not key.startswith(("res_", "_", *LEFT_OUT))
        and not (isinstance(value, dict) and '"data":[]' in str(value.get("_object", "")))
    }  # fmt: skip
    return json.dumps(whole, separators=(",", ":")) + "\n"


def cigre(target: Path) -> None:
    """CIGRE's medium-voltage benchmark as pandapower has it: two transformers, open switches at one end of lines."""
    net = networks.create_cigre_network_mv(with_der="pv_wind")
    (target / "cigre-mv.pandapower.json").write_text(saved(net))
    pp.runpp(net, trafo_model="pi", tolerance_mva=1e-10, max_iteration=ITERATIONS)
    voltage = [None if np.isnan(one) else round(one, 12) for one in net.res_bus.vm_pu]
    (target / "cigre-mv.flows.json").write_text(json.dumps({"voltage": voltage}, separators=(",", ":")) + "\n")


def main(target: Path) -> None:
    """Make the files of every grid."""
    for name, code in GRIDS.items():
        write_csv(code, target / name)
        (target / f"{name}.flows.json").write_text(json.dumps(flows(grid(code)), separators=(",", ":")) + "\n")
        (target / f"{name}.pandapower.json").write_text(saved(grid(code)))
    cigre(target)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))

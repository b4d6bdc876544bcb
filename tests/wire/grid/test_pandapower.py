"""pandapower's JSON: switches, taps, parallel lines, what is out of service; wrong cells are named."""

import json
from typing import Any

import numpy as np
import pytest

from quietgrid.errors import SourceError
from quietgrid.model.network import NO_GROUP, UnitKind
from quietgrid.wire.grid.pandapower import from_json

BUS = {"name": "bus", "vn_kv": 0.4, "in_service": True, "zone": None, "geo": None}
LINE = {"name": "line", "from_bus": 1, "to_bus": 2, "length_km": 2.0, "r_ohm_per_km": 0.2, "x_ohm_per_km": 0.1,
        "c_nf_per_km": 100.0, "max_i_ka": 0.27, "df": 1.0, "parallel": 1, "in_service": True}  # fmt: skip
TRAFO = {"name": "trafo", "hv_bus": 0, "lv_bus": 1, "sn_mva": 0.4, "vn_hv_kv": 20.0, "vn_lv_kv": 0.4,
         "vk_percent": 6.0, "vkr_percent": 1.2, "pfe_kw": 1.2, "i0_percent": 0.3, "shift_degree": 150.0,
         "tap_side": "hv", "tap_neutral": 0, "tap_min": -2, "tap_max": 2, "tap_step_percent": 2.5, "tap_pos": -1,
         "parallel": 1, "in_service": True}  # fmt: skip


def grid() -> dict[str, list[dict[str, Any]]]:
    """Three buses: 20 kV, busbar, end of one line with a load."""
    return {
        "bus": [{**BUS, "name": "MV", "vn_kv": 20.0}, {**BUS, "name": "busbar"}, {**BUS, "name": "end"}],
        "line": [dict(LINE)], "trafo": [dict(TRAFO)], "ext_grid": [{"name": "up", "bus": 0, "vm_pu": 1.02}],
        "load": [{"name": "load", "bus": 2, "p_mw": 0.01, "q_mvar": 0.004, "scaling": 0.5, "in_service": True}],
    }  # fmt: skip


def frame(rows: list[dict[str, Any]], index: list[Any] | None = None) -> dict[str, Any]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    body = {
        "columns": columns,
        "index": index or list(range(len(rows))),
        "data": [[row.get(c) for c in columns] for row in rows],
    }
    return {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": json.dumps(body), "orient": "split"}


def saved(tables: dict[str, list[dict[str, Any]]], **beside: object) -> bytes:
    parts: dict[str, Any] = {name: frame(rows) for name, rows in tables.items()}
    return json.dumps(
        {"_class": "pandapowerNet", "_object": {"name": "small", "f_hz": 50.0, **parts, **beside}}
    ).encode()


def switched(*switches: dict[str, Any], **change: Any) -> Any:
    return from_json(saved({**grid(), **change, "switch": list(switches)}), "small.json").network


def test_units_of_measure() -> None:
    network = from_json(saved(grid()), "small.json").network
    assert network.nodes.rated_v.tolist() == [20_000, 400, 400]
    assert network.lines.r_ohm[0] == pytest.approx(0.4)
    assert network.lines.c_farad[0] == pytest.approx(200e-9)
    assert network.lines.rated_a[0] == pytest.approx(270)
    assert network.transformers.copper_w[0] == pytest.approx(4_800)
    assert network.transformers.clock[0] == 5
    assert network.transformers.tap[0] == -1
    assert (network.units.rated_w[0], network.units.rated_var[0]) == (5_000, 2_000)
    assert network.sources.voltage[0] == 1.02


def test_switches_open_the_end_they_are_at() -> None:
    line = {"et": "l", "element": 0, "closed": False}
    assert switched({**line, "bus": 1}).lines.from_closed.tolist() == [False]
    assert switched({**line, "bus": 1}).lines.to_closed.tolist() == [True]
    assert switched({**line, "bus": 2}).lines.to_closed.tolist() == [False]
    trafo = switched({"et": "t", "element": 0, "bus": 0, "closed": False}).transformers
    assert (trafo.from_closed[0], trafo.to_closed[0]) == (False, True)


def test_a_switch_between_buses_is_a_coupler() -> None:
    lines = switched({"et": "b", "element": 2, "bus": 1, "closed": False, "name": "tie"}).lines
    assert lines.names == ("line", "tie")
    assert lines.couplers.tolist() == [False, True]
    assert lines.from_closed.tolist() == [True, False]
    ohmic = switched({"et": "b", "element": 2, "bus": 1, "closed": True, "z_ohm": 0.1}).lines
    assert np.hypot(ohmic.r_ohm[1], ohmic.x_ohm[1]) == pytest.approx(0.1)


def test_parallel_lines_and_transformers() -> None:
    network = switched(line=[{**LINE, "parallel": 2, "df": 0.5}], trafo=[{**TRAFO, "parallel": 3}])
    assert network.lines.r_ohm[0] == pytest.approx(0.2)
    assert network.lines.c_farad[0] == pytest.approx(400e-9)
    assert network.lines.rated_a[0] == pytest.approx(270)
    assert network.transformers.rated_va[0] == pytest.approx(1.2e6)
    assert network.transformers.iron_w[0] == pytest.approx(3_600)


def test_a_bus_out_of_service_switches_off_what_is_at_it() -> None:
    tables = grid()
    tables["bus"][2]["in_service"] = False
    found = from_json(saved(tables), "small.json")
    assert not found.network.lines.from_closed[0]
    assert not found.network.units.closed[0]
    assert "out of service" in found.notes[0]


def test_a_tap_changer_pandapower_passes_over_stands_in_neutral() -> None:
    found = from_json(saved({**grid(), "trafo": [{**TRAFO, "tap_changer_type": None}]}), "small.json")
    assert found.network.transformers.tap[0] == 0
    assert "pandapower passes over it too" in found.notes[0]
    with_type = from_json(saved({**grid(), "trafo": [{**TRAFO, "tap_changer_type": "Ratio"}]}), "small.json")
    assert with_type.network.transformers.tap[0] == -1
    assert not with_type.notes


def test_plants_storages_and_shunts() -> None:
    network = switched(
        sgen=[{"name": "roof", "bus": 2, "p_mw": 0.005, "q_mvar": 0.001, "type": "PV"},
              {"name": "mill", "bus": 2, "p_mw": 0.1, "q_mvar": 0.0, "type": "WP"}],
        storage=[{"name": "battery", "bus": 2, "p_mw": -0.001, "max_e_mwh": 0.01, "sn_mva": 0.003}],
        shunt=[{"name": "coil", "bus": 1, "q_mvar": 0.01, "p_mw": 0.0, "step": 2}],
    ).units  # fmt: skip
    row = {name: at for at, name in enumerate(network.names)}
    assert network.kinds[row["roof"]] is UnitKind.PV
    assert network.kinds[row["mill"]] is UnitKind.WIND
    assert network.rated_var[row["roof"]] == -1_000
    assert (network.rated_w[row["battery"]], network.storage_wh[row["battery"]]) == (3_000, 10_000)
    assert network.rated_var[row["coil"]] == 20_000


def test_zones_are_groups_and_points_are_places() -> None:
    tables = grid()
    tables["bus"][2] |= {"zone": "North", "geo": '{"type":"Point","coordinates":[11.4,53.6]}'}
    network = from_json(saved(tables), "small.json").network
    assert network.groups == ("North",)
    assert network.nodes.groups.tolist() == [NO_GROUP, NO_GROUP, 0]
    assert network.nodes.y[2] == 53.6
    assert network.nodes.x[2] == pytest.approx(11.4 * np.cos(np.radians(53.6)))
    assert np.isnan(network.nodes.x[0])


def test_rows_are_found_by_index_not_by_place() -> None:
    tables: dict[str, Any] = {name: frame(rows) for name, rows in grid().items()}
    tables["bus"] = frame(grid()["bus"], index=[2, 0, 1])
    network = from_json(json.dumps({"_class": "pandapowerNet", "_object": tables}).encode(), "x.json").network
    assert network.nodes.names[network.lines.from_node[0]] == "end"


def test_equal_names_are_told_apart() -> None:
    tables = grid()
    tables["bus"][2]["name"] = "busbar"
    found = from_json(saved(tables), "small.json")
    assert found.network.nodes.names == ("MV", "busbar", "busbar (2)")
    assert found.notes == ("1 node had no name or that of another and were given one",)


@pytest.mark.parametrize(("table", "column", "value", "where", "what"), [
    ("line", "to_bus", 9, "table line, row 0 (line), column to_bus", "no bus 9"),
    ("line", "length_km", "far", "table line, row 0 (line), column length_km", "no number"),
    ("trafo", "vk_percent", None, "table trafo, row 0 (trafo), column vk_percent", "nothing"),
    ("bus", "vn_kv", True, "table bus, row 0 (MV), column vn_kv", "no number"),
])  # fmt: skip
def test_a_wrong_cell_is_named(table: str, column: str, value: object, where: str, what: str) -> None:
    tables = grid()
    tables[table][0][column] = value
    with pytest.raises(SourceError) as refused:
        from_json(saved(tables), "small.json")
    assert where in refused.value.where
    assert what in refused.value.what


@pytest.mark.parametrize(("change", "what"), [
    ({"trafo3w": [{"hv_bus": 0}]}, "cannot be taken over"),
    ({"switch": [{"et": "l", "element": 0, "bus": 0, "closed": True}]}, "at no end"),
    ({"line": [{**LINE, "parallel": 0}]}, "fewer than one"),
    ({"ext_grid": []}, "nothing feeds"),
])  # fmt: skip
def test_what_cannot_be_taken_over_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(SourceError, match=what):
        from_json(saved({**grid(), **change}), "small.json")

"""power-grid-model's JSON: out and in again is the same network; its own engine reads what is written."""

import json

import numpy as np
import power_grid_model as pgm
import pytest
from hypothesis import given, settings
from power_grid_model.utils import json_deserialize, json_serialize

from quietgrid.algorithms.powerflow import Model
from quietgrid.algorithms.powerflow.engine import as_input
from quietgrid.demo import demo_network
from quietgrid.errors import SourceError
from quietgrid.model.network import Network, UnitKind
from quietgrid.wire.grid import network_of, read_grid, write_pgm
from quietgrid.wire.grid.pgm import from_json
from tests.wire.grid.networks import GRIDS, assert_same, radial

PLAIN = {
    "node": [{"id": 1, "u_rated": 10_500.0}, {"id": 2, "u_rated": 10_500.0}, {"id": 6, "u_rated": 400.0}],
    "line": [{"id": 3, "from_node": 1, "to_node": 2, "from_status": 1, "to_status": 0, "r1": 0.25, "x1": 0.2,
              "c1": 1e-5, "tan1": 0.0, "i_n": 100.0}],
    "transformer": [{"id": 8, "from_node": 2, "to_node": 6, "from_status": 1, "to_status": 1, "u1": 10_500.0,
                     "u2": 400.0, "sn": 4e5, "uk": 0.06, "pk": 3e3, "i0": 0.01, "p0": 500.0, "winding_from": 2,
                     "winding_to": 1, "clock": 5, "tap_side": 0, "tap_pos": 1, "tap_min": 2, "tap_max": -2,
                     "tap_size": 262.5}],
    "source": [{"id": 10, "node": 1, "status": 1, "u_ref": 1.02}],
    "sym_load": [{"id": 4, "node": 6, "status": 1, "type": 0, "p_specified": 1e3, "q_specified": 2e2}],
    "sym_gen": [{"id": 5, "node": 6, "status": 0, "type": 0, "p_specified": 5e3, "q_specified": 1e2}],
    "sym_voltage_sensor": [{"id": 11, "measured_object": 1, "u_measured": 1e4, "u_sigma": 1.0}],
    "transformer_tap_regulator": [{"id": 12, "regulated_object": 8, "status": 1, "control_side": 1}],
}  # fmt: skip


@given(radial())
@settings(max_examples=60, deadline=None)
def test_round_trip(network: Network) -> None:
    assert_same(network, network_of(write_pgm(network)))


@pytest.mark.parametrize("network", [demo_network(), demo_network(130), read_grid(GRIDS / "rural3").network])
def test_round_trip_of_real_grids(network: Network) -> None:
    assert_same(network, network_of(write_pgm(network)))


def test_its_own_engine_reads_it() -> None:
    network = demo_network()
    draw = np.nan_to_num(network.units.yearly_wh / 8760 * network.units.sign)[None]
    share = np.divide(draw, network.units.rated_w * network.units.sign)
    ours = Model(network).flow(draw, network.units.rated_var * share)
    data = json_deserialize(write_pgm(network).decode())
    theirs = pgm.PowerGridModel(data).calculate_power_flow()
    assert theirs["node"]["u_pu"] == pytest.approx(ours.voltage[0], abs=1e-5)  # its source is less stiff


def test_its_own_dataset_form_is_read() -> None:
    network = demo_network()
    for compact in (True, False):
        text = json_serialize(as_input(network), use_compact_list=compact)
        back = from_json(text.encode(), "x.json").network
        np.testing.assert_array_equal(back.lines.r_ohm, network.lines.r_ohm)
        np.testing.assert_array_equal(back.transformers.tap, network.transformers.tap)
        np.testing.assert_allclose(back.transformers.tap_size, network.transformers.tap_size)


def test_plain_form_and_its_components() -> None:
    found = from_json(json.dumps(PLAIN).encode(), "plain.json")
    network = found.network
    assert network.nodes.names == ("node 1", "node 2", "node 6")
    assert (network.lines.from_closed[0], network.lines.to_closed[0]) == (True, False)
    assert (network.transformers.tap_min[0], network.transformers.tap_max[0]) == (-2, 2)
    assert network.transformers.tap_size[0] == pytest.approx(0.025)
    assert network.transformers.on_load[0]
    assert network.units.kinds == (UnitKind.LOAD, UnitKind.GENERATOR)
    assert network.units.rated_var.tolist() == [200.0, -100.0]
    assert network.units.closed.tolist() == [True, False]
    assert found.notes == ("left out: sym_voltage_sensor",)


@pytest.mark.parametrize(("component", "attribute", "value", "where", "what"), [
    ("line", "to_node", 99, "line, id 3, column to_node", "no node 99"),
    ("line", "r1", "much", "line, id 3, column r1", "no number"),
    ("line", "r1", None, "line, id 3, column r1", "nothing"),
    ("line", "from_status", 7, "line, id 3, column from_status", "neither yes nor no"),
    ("transformer", "tap_pos", 0.5, "transformer, id 8, column tap_pos", "no whole number"),
    ("transformer", "sn", 1e40, "transformer, id 8, column sn", "beyond all bounds"),
    ("sym_load", "node", [1], "sym_load, id 4, column node", "no node"),
    ("node", "id", 10**30, "node", "no whole number"),
])  # fmt: skip
def test_a_wrong_cell_is_named(component: str, attribute: str, value: object, where: str, what: str) -> None:
    changed = json.loads(json.dumps(PLAIN))
    changed[component][0][attribute] = value
    with pytest.raises(SourceError) as refused:
        from_json(json.dumps(changed).encode(), "plain.json")
    assert where in refused.value.where
    assert what in refused.value.what
    assert refused.value.fix


@pytest.mark.parametrize(("document", "what"), [
    ({"data": {"node": []}}, "no nodes"),
    ({"data": PLAIN, "is_batch": True}, "batch"),
    ({"data": {**PLAIN, "three_winding_transformer": [{"id": 99}]}}, "cannot be taken over"),
    ({"data": {**PLAIN, "source": []}}, "nothing feeds"),
    ({"data": {**PLAIN, "node": [*PLAIN["node"], {"id": 1, "u_rated": 1}]}}, "one id"),
    ({"data": {**PLAIN, "node": [[1, 2, 3]]}}, "no component"),
    ({"data": []}, "no JSON object"),
])  # fmt: skip
def test_what_is_no_grid_is_refused(document: object, what: str) -> None:
    with pytest.raises(SourceError, match=what):
        from_json(json.dumps(document).encode(), "x.json")

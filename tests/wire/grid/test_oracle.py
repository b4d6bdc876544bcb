"""The same grid in SimBench's and in pandapower's format is one network, and flows as pandapower says."""

import json

import numpy as np
import pytest

from quietgrid.algorithms.powerflow import Model
from quietgrid.model.network import Network, UnitKind
from quietgrid.wire.grid import network_of, read_grid, read_pandapower, read_simbench, write_pgm
from tests.wire.grid.networks import GRIDS

NAMES = ("rural3", "urban6")
CLOSE = 1e-8
READERS = {
    "simbench": lambda name: read_simbench(GRIDS / name).network,
    "pandapower": lambda name: read_pandapower(GRIDS / f"{name}.pandapower.json").network,
    "pgm": lambda name: network_of(write_pgm(read_simbench(GRIDS / name).network)),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reader", READERS)
def test_flows_as_pandapower(name: str, reader: str) -> None:
    network = READERS[reader](name)
    oracle = json.loads((GRIDS / f"{name}.flows.json").read_text(encoding="utf-8"))
    units = [oracle["units"].index(unit) for unit in network.units.names]
    nodes = [oracle["nodes"].index(node) for node in network.nodes.names]
    moments = oracle["moments"]

    def column(of: str) -> np.ndarray:
        return np.array([moment[of] for moment in moments])

    flow = Model(network).flow(column("draw_w")[:, units], column("draw_var")[:, units])
    assert flow.converged.all()
    assert np.abs(flow.voltage - column("voltage")[:, nodes]).max() < CLOSE
    assert flow.source_w == pytest.approx(column("source_w"), abs=0.01)
    assert flow.loading[:, -1] == pytest.approx(column("transformer_loading")[:, 0], abs=1e-6)
    assert flow.loading[:, :-1].max(axis=1) == pytest.approx(column("largest_line_loading"), abs=1e-6)


def test_open_switches_flow_as_in_pandapower() -> None:
    network = read_pandapower(GRIDS / "cigre-mv.pandapower.json").network
    voltage = json.loads((GRIDS / "cigre-mv.flows.json").read_text(encoding="utf-8"))["voltage"]
    assert (~network.lines.from_closed | ~network.lines.to_closed).sum() == 3
    units = network.units
    flow = Model(network).flow((units.sign * units.rated_w)[None], units.rated_var[None])
    assert flow.voltage[0] == pytest.approx(np.array(voltage), abs=CLOSE)


@pytest.mark.parametrize("name", NAMES)
def test_both_formats_are_one_network(name: str) -> None:
    one, two = READERS["simbench"](name), READERS["pandapower"](name)
    assert sorted(one.units.names) == sorted(two.units.names)
    assert _by_name(one) == _by_name(two)
    assert (
        one.transformers.tap.tolist()
        == two.transformers.tap.tolist()
        == [-1 if name == "rural3" else one.transformers.tap[0]]
    )
    assert one.nodes.x == pytest.approx(two.nodes.x)
    storages = one.units.of(UnitKind.STORAGE)
    assert (one.units.storage_wh[storages] > 0).all()


def _by_name(network: Network) -> dict[str, tuple[object, ...]]:
    names, lines, units = network.nodes.names, network.lines, network.units
    found: dict[str, tuple[object, ...]] = {}
    for row, line in enumerate(lines.names):
        ends = {names[lines.from_node[row]], names[lines.to_node[row]]}
        found[line] = (frozenset(ends), round(float(lines.r_ohm[row]), 9), round(float(lines.c_farad[row]), 15))
    for row, unit in enumerate(units.names):
        where = names[units.nodes[row]]
        found[unit] = (where, units.kinds[row], round(float(units.rated_w[row]), 3), units.profiles[row])
    return found


def test_a_vector_that_is_moved_is_noticed() -> None:
    network = READERS["simbench"]("urban6")
    draw = np.zeros((1, len(network.units)))
    flow, moved = Model(network).flow(draw, draw), Model(network.tapped(network.transformers.tap + 1)).flow(draw, draw)
    assert np.abs(flow.voltage - moved.voltage).max() > 1e6 * CLOSE


def test_the_format_is_told_from_the_file() -> None:
    assert read_grid(GRIDS / "urban6").format == "simbench"
    assert read_grid(GRIDS / "urban6" / "Node.csv").format == "simbench"
    assert read_grid(GRIDS / "urban6.pandapower.json").format == "pandapower"

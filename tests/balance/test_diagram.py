"""The one-line diagram: every element once, in places that do not overlap, nothing a strict policy refuses."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from quietgrid.balance.diagram import Look, State, diagram, shown
from quietgrid.balance.layout import layout
from quietgrid.balance.topology import grouped_by_feeder
from quietgrid.demo import demo_network
from quietgrid.errors import InputError
from quietgrid.model.network import Network
from quietgrid.wire.grid import read_grid
from tests.balance.test_topology import opened, ringed
from tests.wire.grid.networks import radial

GRIDS = Path(__file__).parents[2] / "vectors" / "grids"
WIDTHS = (390, 1440)
NS = "{http://www.w3.org/2000/svg}"


def drawn(svg: str, kind: str) -> list[str]:
    return [one.attrib[f"data-{kind}"] for one in ET.fromstring(svg).iter(f"{NS}g") if f"data-{kind}" in one.attrib]


def bright(network: Network) -> Network:
    """Names as the picture has them: without characters XML refuses."""
    names = tuple("".join(c if c.isprintable() else " " for c in name) for name in network.nodes.names)
    return replace(network, nodes=replace(network.nodes, names=tuple(f"{at} {n}" for at, n in enumerate(names))))


@given(radial())
@settings(max_examples=60, deadline=None)
def test_every_element_is_drawn_once(network: Network) -> None:
    network = bright(network)
    svg = diagram(network)
    assert sorted(drawn(svg, "node")) == sorted(network.nodes.names)
    assert sorted(drawn(svg, "branch")) == sorted(network.branch_names)


@given(radial())
@settings(max_examples=60, deadline=None)
def test_no_two_nodes_in_one_place(network: Network) -> None:
    found = layout(network)
    assert len(set(zip(found.column.tolist(), found.row.tolist(), strict=True))) == len(network.nodes.names)
    for node, above in enumerate(found.tree.parent.tolist()):
        if above >= 0:
            assert found.column[node] == found.column[above] + 1
            assert found.row[node] >= found.row[above]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("places", [False, True])
def test_the_sample_is_drawn_in_full(width: int, places: bool) -> None:
    network = demo_network()
    svg = diagram(network, look=Look(width=width, places=places))
    assert sorted(drawn(svg, "node")) == sorted(network.nodes.names)
    assert sorted(drawn(svg, "branch")) == sorted(network.branch_names)
    assert int(re.match(r'.*?viewBox="0 0 (\d+) ', svg)[1]) == width  # type: ignore[index]
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))


def test_lines_of_the_tree_do_not_cross() -> None:
    found = layout(grouped_by_feeder(read_grid(GRIDS / "rural3").network))
    uprights = []
    for node, above in enumerate(found.tree.parent.tolist()):
        if above >= 0 and found.row[node] > found.row[above] and above not in found.bars:
            uprights.append((found.column[above], found.row[above], found.row[node]))
    assert uprights
    for column, top, bottom in uprights:
        for node, above in enumerate(found.tree.parent.tolist()):
            if above >= 0:
                crosses = found.column[above] < column < found.column[node] and top < found.row[node] < bottom
                on_it = found.column[node] == column and top < found.row[node] < bottom
                assert not crosses
                assert not on_it


def test_the_same_grid_is_the_same_picture() -> None:
    assert diagram(demo_network(30)) == diagram(demo_network(30))


def test_nothing_a_strict_policy_refuses() -> None:
    svg = diagram(demo_network(), shown(np.full(131, 1.0), np.full(130, 0.5)))
    for refused in ("<style", "<script", "style=", "href", "onclick", "url("):
        assert refused not in svg
    assert "<style>" in diagram(demo_network(30), look=Look(alone=True))


def test_names_cannot_break_out() -> None:
    network = demo_network(3)
    evil = replace(network, nodes=replace(network.nodes, names=('"><script>x</script>&', *network.nodes.names[1:])))
    svg = diagram(evil)
    assert "<script" not in svg
    assert '"><script>x</script>&' in drawn(svg, "node")


def test_states_have_a_second_cue() -> None:
    network = demo_network()
    voltage, loading = np.ones(131), np.full(130, 0.2)
    voltage[5], voltage[9], voltage[11] = 1.12, 0.92, np.nan
    loading[3], loading[8] = 1.3, 0.9
    states = shown(voltage, loading)
    assert [states.voltage_state[at] for at in (5, 9, 11, 0)] == [State.OVER, State.NEAR, State.DEAD, State.OK]
    svg = diagram(network, states)
    root = {one.attrib.get("id"): one for one in ET.fromstring(svg).iter(f"{NS}g")}
    over, near, fine = (root[f"g-branch-{at}"] for at in (3, 8, 0))
    dashes = [one.find(f"{NS}path").attrib.get("stroke-dasharray") for one in (over, near, fine)]  # type: ignore[union-attr]
    assert len(set(dashes)) == 3
    assert "130 %" in "".join(over.itertext())
    shapes = [root[f"g-node-{at}"][1].tag for at in (5, 9, 0)]
    assert len({root[f"g-node-{at}"].attrib["class"] for at in (5, 9, 0)}) == 3
    assert shapes[0] != shapes[1]
    assert "1 node and 1 branch over a limit" in svg


def test_open_lines_and_loops_are_drawn() -> None:
    network = opened(ringed(demo_network()), 49)
    svg = diagram(network)
    assert sorted(drawn(svg, "branch")) == sorted(network.branch_names)
    assert "Not fed" in svg
    assert ", open</title>" in svg


def test_large_grids_collapse_and_count_what_they_hide() -> None:
    network = demo_network(240)
    svg = diagram(network, look=Look(most_rows=12))
    hidden = sum(
        int(one.attrib["data-nodes"]) for one in ET.fromstring(svg).iter(f"{NS}g") if "data-nodes" in one.attrib
    )
    assert hidden > 50
    assert len(drawn(svg, "node")) + hidden == len(network.nodes.names)
    assert layout(network, 12).rows <= 12


def test_a_bundle_shows_the_worst_of_what_it_hides() -> None:
    network = demo_network()
    hidden = layout(network, 6).collapsed
    voltage = np.ones(131)
    voltage[min(hidden)] = 1.2
    svg = diagram(network, shown(voltage, np.zeros(130)), Look(most_rows=6))
    assert svg.count('class="bundle over"') == 1


@pytest.mark.parametrize(("look", "states", "what"), [
    (Look(width=100), None, "cannot be read"),
    (Look(), shown(np.ones(3), np.ones(2)), "another network"),
])  # fmt: skip
def test_what_cannot_be_drawn(look: Look, states: object, what: str) -> None:
    with pytest.raises(InputError, match=what):
        diagram(demo_network(), states, look)  # type: ignore[arg-type]


def test_a_map_needs_coordinates() -> None:
    network = demo_network(30)
    nowhere = replace(network, nodes=replace(network.nodes, x=network.nodes.x * np.nan))
    with pytest.raises(InputError, match="no coordinates"):
        diagram(nowhere, look=Look(places=True))

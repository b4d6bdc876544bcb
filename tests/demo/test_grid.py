"""The sample's grid: whole, fed, and its units are the homes of the sample."""

from datetime import date

import numpy as np
import pytest

from quietgrid.algorithms.powerflow import Model
from quietgrid.demo import demo_network, home_units, load
from quietgrid.demo.recipes import recipes
from quietgrid.errors import InputError
from quietgrid.model.interval import local_window
from quietgrid.model.network import NO_GROUP


def test_every_home_hangs_in_its_own_section() -> None:
    network, homes = demo_network(), load().homes
    rows = home_units(network)
    assert [network.units.names[row] for row in rows] == [f"home-{home.number}" for home in homes]
    assert [network.groups[network.unit_groups[row]] for row in rows] == [home.feeder for home in homes]
    assert len(set(network.units.nodes[rows].tolist())) == len(homes)


def test_plants_and_batteries_are_those_of_the_members() -> None:
    units = demo_network().units
    for home in load().homes:
        of_home = {name.rsplit("-", 1)[0]: row for row, name in enumerate(units.names)
                   if name.rsplit("-", 1)[1] == str(home.number)}  # fmt: skip
        assert ("pv" in of_home) == bool(home.pv_w)
        assert ("battery" in of_home) == bool(home.battery_wh)
        assert len(set(units.nodes[list(of_home.values())].tolist())) == 1
        if home.pv_w:
            assert units.rated_w[of_home["pv"]] == home.pv_w
        if home.battery_wh:
            assert units.storage_wh[of_home["battery"]] == home.battery_wh


def test_yearly_energy_is_that_of_the_readings() -> None:
    year = local_window(date(2016, 1, 1), date(2016, 12, 30), "Europe/Berlin", 900)
    units, net = demo_network(30).units, load(30, year).readings
    for home, one in enumerate(recipes(30)):
        if not one.battery_wh:  # a battery loses a part of what it takes
            own = [row for row, name in enumerate(units.names) if name.rsplit("-", 1)[1] == str(home + 1)]
            measured = int(net.imported_wh[home].sum()) - int(net.exported_wh[home].sum())
            assert float((units.sign * units.yearly_wh)[own].sum()) == pytest.approx(measured, abs=60_000)


def test_the_sample_flows() -> None:
    network, readings = (
        demo_network(),
        load(window=local_window(date(2016, 6, 5), date(2016, 6, 7), "Europe/Berlin", 900)).readings,
    )
    draw = np.zeros((len(readings.window), len(network.units)))
    draw[:, home_units(network)] = (readings.imported_wh - readings.exported_wh).T * 4.0
    flow = Model(network).flow(draw, 0.4 * np.maximum(draw, 0))
    assert flow.converged.all()
    assert np.isfinite(flow.voltage).all()
    assert 0.9 < flow.voltage.min() < flow.voltage.max() < 1.1
    assert flow.loading.max() < 1


def test_more_homes_hang_on_copies_of_the_grid() -> None:
    network = demo_network(250)
    rows = home_units(network)
    assert [network.groups[group] for group in network.unit_groups[rows]] == [home.feeder for home in load(250).homes]
    assert len(network.transformers.names) == 3
    assert len(set(network.transformers.from_node.tolist())) == 1


def test_fewer_homes_leave_sections_out() -> None:
    network = demo_network(31)
    assert network.groups == ("Orchard Hill", "Mill Lane")
    assert (network.nodes.groups == NO_GROUP).sum() > 60
    assert len(home_units(network)) == 31


def test_no_home_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        demo_network(0)

"""The simulated grid: what is true follows from the homes and the set-points; what is said of it has its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quietgrid.demo import demo_network, home_units, replay_window
from quietgrid.errors import ConfigError
from quietgrid.lab.plant import (
    Controls,
    Fault,
    FaultKind,
    Noise,
    Plant,
    PlantParts,
    Sensors,
    TrueGrid,
    read_faults,
    sensors_of,
    simulated_frequency,
    write_faults,
)
from quietgrid.lab.plant.controls import Target, safe_values
from quietgrid.lab.source import rows_of
from quietgrid.model.grid import MeasuredKind, Measurement, SetPoint, SetPointKind
from quietgrid.model.interval import Window
from quietgrid.runtime.clock import ClockFile, Tick

HOMES = 60
FIRST = replay_window(1).first
NOON = Window(FIRST + 44, FIRST + 52, 900)
NETWORK = demo_network(HOMES)
ROWS = rows_of("sample", HOMES)
GROUP = NETWORK.groups[0]
QUIET = Noise(0.0, 0.0, 0.0, 0.0)
HEAD, VOLTAGE = MeasuredKind.HEAD_W, MeasuredKind.VOLTAGE_MV


def said(
    controls: dict[Target, int] | None = None, faults: tuple[Fault, ...] = (), noise: Noise = QUIET, seed: int = 1,
    window: Window = NOON,
) -> dict[tuple[MeasuredKind, str], list[int]]:  # fmt: skip
    """Values by element, in order of time."""
    altered = {f.sensor: f.value for f in faults if f.kind is FaultKind.ALTERED}
    truth = TrueGrid(NETWORK, home_units(NETWORK)).over(ROWS(window), safe_values(NETWORK) | (controls or {}), altered)
    sensors = Sensors(NETWORK, sensors_of(NETWORK, 15), "plant", seed, noise, simulated_frequency(seed))
    found: dict[tuple[MeasuredKind, str], list[int]] = {}
    for one in sensors.report(truth, faults):
        found.setdefault((one.kind, one.element), []).append(one.value)
    return found


def test_a_sections_head_is_what_its_homes_draw_and_its_cables_lose() -> None:
    readings = ROWS(NOON)
    groups = NETWORK.unit_groups[home_units(NETWORK)]
    net_w = 4 * (readings.imported_wh - readings.exported_wh)
    for row, name in enumerate(NETWORK.groups):
        homes_w = net_w[groups == row].sum(axis=0)
        lost = np.array(said()[HEAD, name]) - homes_w
        assert (lost >= -1).all()
        assert (lost <= 0.05 * np.abs(homes_w) + 200).all()


def test_the_instruments_say_nothing_about_one_home() -> None:
    elements = sensors_of(NETWORK, 15)
    assert len(elements) < 20
    homes = {NETWORK.nodes.names[n] for n in NETWORK.units.nodes[home_units(NETWORK)]}
    assert not {name for _, name in elements} & (homes | set(NETWORK.units.names))


def test_a_tap_moves_the_voltage() -> None:
    busbar = next(e for e in sensors_of(NETWORK, 15) if e[0] is VOLTAGE)
    before, after = said()[busbar], said({(SetPointKind.TAP, "Transformer"): 1})[busbar]
    assert np.mean(before) / np.mean(after) == pytest.approx(1.05, abs=0.005), "two steps of 2.5 %"


def test_what_homes_do_on_request_is_in_their_readings_and_not_added_again() -> None:
    for kind, value in ((SetPointKind.STORAGE_W, 40_000), (SetPointKind.CURTAIL_PERCENT, 0)):
        assert said({(kind, GROUP): value}) == said()


def test_a_shed_section_draws_nothing() -> None:
    assert max(map(abs, said({(SetPointKind.SHED, GROUP): 1})[HEAD, GROUP])) < 50


def test_noise_is_as_stated_and_drawn_from_the_seed() -> None:
    day = Window(FIRST, FIRST + 96, 900)
    noise = Noise()
    clean, noisy = said(window=day), said(noise=noise, window=day)
    assert noisy == said(noise=noise, window=day)
    assert noisy != said(noise=noise, seed=2, window=day)
    busbar = next(e for e in clean if e[0] is VOLTAGE)
    errors = np.array(noisy[busbar]) / np.array(clean[busbar]) - 1
    assert errors.std() == pytest.approx(noise.voltage, rel=0.3)
    assert noisy[MeasuredKind.TAP, "Transformer"] == clean[MeasuredKind.TAP, "Transformer"]


def test_the_frequency_wanders_around_fifty_hertz() -> None:
    at = simulated_frequency(1)
    values = np.array([at(60.0 * n, 0) for n in range(5_000)])
    assert values.mean() == pytest.approx(50_000, abs=5)
    assert values.std() == pytest.approx(20, rel=0.2)
    near = np.corrcoef(values[:-1], values[1:])[0, 1]
    assert near == pytest.approx(np.exp(-60 / 300), abs=0.05), "a minute later it has gone back by a fifth"


@pytest.mark.parametrize("kind", FaultKind)
def test_every_fault_is_seen_where_it_is_and_nowhere_else(kind: FaultKind) -> None:
    sensor = GROUP if kind is FaultKind.ALTERED else f"head-w {GROUP}"
    fault = Fault(kind, sensor, 5_000)
    truth = TrueGrid(NETWORK, home_units(NETWORK)).over(ROWS(NOON), safe_values(NETWORK), {})
    worse = TrueGrid(NETWORK, home_units(NETWORK)).over(
        ROWS(NOON), safe_values(NETWORK), {GROUP: 5_000} if kind is FaultKind.ALTERED else {}
    )
    sensors = Sensors(NETWORK, sensors_of(NETWORK, 15), "plant", 1, QUIET, simulated_frequency(1))
    well = {(m.kind, m.element, m.at): m for m in sensors.report(truth)}
    later = replace(worse, at=worse.at + 86_400)
    ill = {(m.kind, m.element, m.at - 86_400): m for m in sensors.report(later, [fault])}
    same = {key for key in well if key in ill and (ill[key].value, ill[key].good) == (well[key].value, True)}
    differs = {key for key in well.keys() - same if key[0] is not MeasuredKind.FREQUENCY_MILLIHZ}
    mine = {key for key in differs if key[:2] == (HEAD, GROUP)}
    if kind is FaultKind.ALTERED:
        more = [ill[key].value - well[key].value for key in well if key[:2] == (HEAD, GROUP)]
        assert np.mean(more) == pytest.approx(5_000, rel=0.1), "the draw is real: other instruments see it, too"
        assert differs - mine
        return
    assert differs == mine
    values = [ill[key].value for key in sorted(ill, key=lambda key: key[2]) if key[:2] == (HEAD, GROUP)]
    own = [well[key].value for key in sorted(well, key=lambda key: key[2]) if key[:2] == (HEAD, GROUP)]
    match kind:
        case FaultKind.DEAD:
            assert values == []
        case FaultKind.DOUBTFUL:
            assert values == own
            assert not any(m.good for key, m in ill.items() if key[:2] == (HEAD, GROUP))
        case FaultKind.FROZEN:
            assert values == [own[-1]] * len(own)
        case FaultKind.FALSE:
            assert values == [value + 5_000 for value in own]
        case FaultKind.REPLAYED:
            assert values == own, "what was said at this time a day before"


def test_orders_of_faults_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "control" / "plant.faults"
    assert read_faults(path) == []
    orders = [Fault(FaultKind.FALSE, "head-w Mill Lane", 2_000), Fault(FaultKind.DEAD, "tap Transformer")]
    write_faults(path, orders)
    assert read_faults(path) == orders
    path.write_text('[{"kind": "bored"}]')
    with pytest.raises(ConfigError):
        read_faults(path)


def test_set_points_hold_while_they_are_told_and_until_they_end() -> None:
    seconds = [0.0]
    tap, storage = (SetPointKind.TAP, "T"), (SetPointKind.STORAGE_W, "F")
    controls = Controls({tap: 0, storage: 0}, 30.0, lambda: seconds[0])
    controls.told([SetPoint("1", *tap, 2, 100.0, 200.0), SetPoint("2", SetPointKind.SHED, "nobody", 1, 0.0, 1e9)])
    assert controls.at(99.0) == {tap: 0, storage: 0}
    assert controls.at(100.0) == {tap: 2, storage: 0}
    assert controls.at(200.0) == {tap: 0, storage: 0}
    seconds[0] = 30.5
    assert controls.at(150.0) == {tap: 0, storage: 0}, "nobody was heard of for half a minute"
    controls.write(storage, 500)
    assert controls.at(150.0)[storage] == 0, "a value does not hold before the watchdog moves"
    controls.alive()
    assert controls.at(150.0)[storage] == 500
    seconds[0] = 61.0
    assert controls.at(150.0)[storage] == 0
    controls.alive()
    assert controls.at(150.0)[storage] == 0, "what had fallen back has to be written again"


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[int], Plant]:
    """A plant whose clock says that so many slots are over."""
    clock = ClockFile(tmp_path / "clock")

    def at(slots: int) -> Plant:
        clock.write(Tick((FIRST + slots) * 900.0, FIRST + slots))
        return made

    sensors = Sensors(NETWORK, sensors_of(NETWORK, 15), "plant", 1, QUIET, simulated_frequency(1))
    parts = PlantParts(
        TrueGrid(NETWORK, home_units(NETWORK)), ROWS, sensors, Controls(safe_values(NETWORK)), clock,
        tmp_path / "faults", 900, FIRST,
    )  # fmt: skip
    made = Plant(parts)
    return at


def times(measured: list[Measurement]) -> set[int]:
    """Slots (1 is the first) of which something was measured."""
    return {int(m.at) // 900 + 1 - FIRST for m in measured}


def test_a_plant_reports_every_interval_once(plant: Callable[[int], Plant]) -> None:
    assert times(plant(0).step()) == set()
    assert times(plant(3).step()) == {1, 2, 3}
    assert times(plant(3).step()) == set()
    assert times(plant(4).step()) == {4}
    assert times(plant(8 * 96).step()) == set(range(2 * 96 + 1, 8 * 96 + 1)), "after a jump, six days"


def test_a_set_point_shows_at_once_and_is_not_reported_twice(plant: Callable[[int], Plant]) -> None:
    one = plant(4)
    one.step()
    before = one.latest[MeasuredKind.TAP, "Transformer"]
    one.parts.controls.alive()
    one.parts.controls.write((SetPointKind.TAP, "Transformer"), 2)
    assert one.step() == []
    assert (before.value, one.latest[MeasuredKind.TAP, "Transformer"].value) == (-1, 2)


def test_intervals_that_are_over_are_worked_out_by_what_held_in_them(plant: Callable[[int], Plant]) -> None:
    """The demo's clock is ahead of what meters have delivered: a set-point of now is not for the intervals before."""
    one, tap = plant(8), (SetPointKind.TAP, "Transformer")

    def at(slots: int) -> float:
        return (FIRST + slots) * 900.0

    one.parts.controls.told([SetPoint("1", *tap, 0, at(2), at(20))], at(2))
    one.parts.controls.told([SetPoint("2", *tap, 1, at(4), at(20))], at(4))
    one.parts.controls.told([], at(6))  # cut: the second would have held for longer
    said = {int(m.at) // 900 - FIRST: m.value for m in one.step() if m.kind is MeasuredKind.TAP}
    assert said == {0: -1, 1: -1, 2: 0, 3: 0, 4: 1, 5: 1, 6: -1, 7: -1}

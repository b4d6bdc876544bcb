"""The simulated grid beside a real platform: what goes over the wire is about groups, and the truth stays away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.demo import demo_network, home_units
from quietgrid.errors import VerificationError
from quietgrid.lab.gateway import GATEWAY, TELEMETRY, found_plant
from quietgrid.lab.plant import Fault, FaultKind, sensors_of, write_faults
from quietgrid.lab.source import rows_of
from quietgrid.lab.up import supervise
from quietgrid.model.grid import Measurement
from quietgrid.model.interval import Window
from quietgrid.runtime.founding import platform_database
from quietgrid.store import open_platform
from quietgrid.wire.telemetry import TelemetryBatch, measurements_of
from tests.scenarios.processes import searching
from tests.scenarios.processes.small import HOMES, Small, until

pytestmark = pytest.mark.slow
PATIENCE_S = 120.0


class Measured(Small):
    """A small demo with its plant, whose telemetry goes through a recording proxy."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, days=2, pace_s=0.5)
        assert found_plant(self.state, self.demo.plan)
        self.supervisor = supervise(self.state, self.ports, 0.5)
        self.proxy = searching.Proxy(self.ports.platform)
        (plant,) = (child for child in self.supervisor._children if child.name == "plant")
        plant.arguments = [
            word.replace(self.url("platform"), f"http://127.0.0.1:{self.proxy.port}") for word in plant.arguments
        ]
        monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
        self.supervisor.start()
        monkeypatch.delenv("PYTHONPROFILEIMPORTTIME")

    def sensors(self) -> list[Measurement]:
        """The newest measurement of every sensor, as the platform has them; its database is only read."""
        store = open_platform(platform_database(self.demo.folders))
        try:
            with store.read() as tx:
                return tx.grid.newest_measurements()
        finally:
            store.close()

    def batches(self) -> list[TelemetryBatch]:
        """What went to the platform."""
        return [batch for stream in list(self.proxy.streams) for batch in batches(bytes(stream))]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    patch = pytest.MonkeyPatch()
    one = Measured(tmp_path_factory.mktemp("measured"), patch)
    try:
        one.wait_phase("live", PATIENCE_S)
        until(lambda: len(one.sensors()) == len(sensors_of(demo_network(HOMES), 15)), PATIENCE_S, one.logs())
        yield one
    finally:
        one.stop()
        one.proxy.close()
        patch.undo()


def batches(recorded: bytes) -> list[TelemetryBatch]:
    """The batches in recorded traffic."""
    found = []
    for head in re.finditer(rb"POST " + TELEMETRY.encode() + rb" HTTP/1\.1\r\n(.*?)\r\n\r\n", recorded, re.DOTALL):
        length = re.search(rb"content-length: (\d+)", head[1], re.IGNORECASE)
        assert length is not None
        body = recorded[head.end() : head.end() + int(length[1])]
        try:
            found.append(decode(TelemetryBatch, unpack_signed(body).body))
        except VerificationError:
            assert len(body) < int(length[1]), "only the last one may be cut off"
    return found


def test_what_is_sent_is_about_groups_and_busbars(town: Measured) -> None:
    network = demo_network(HOMES)
    allowed = {(kind, name) for kind, name in sensors_of(network, 15)}
    sent = [m for batch in town.batches() for m in measurements_of(batch)]
    assert len(sent) > 1_000
    assert {(m.kind, m.element) for m in sent} == allowed
    assert {m.source for m in sent} == {GATEWAY}
    names = {*network.units.names, *(network.nodes.names[n] for n in network.units.nodes[home_units(network)])}
    assert not {m.element for m in sent} & names


def test_no_homes_series_is_in_it(town: Measured) -> None:
    """No element's values follow a home's: they follow the sum of a group."""
    first = town.demo.plan.first
    rows = rows_of("sample", HOMES)(Window(first, first + 96, 900))
    homes = {tuple(row) for row in (4 * (rows.imported_wh - rows.exported_wh)).tolist()}
    series: dict[tuple[str, str], dict[int, int]] = {}
    for batch in town.batches():
        for m in measurements_of(batch):
            series.setdefault((m.kind, m.element), {})[int(m.at) // 900 - first] = m.value
    whole = {key: [at[slot] for slot in range(96)] for key, at in series.items() if set(range(96)) <= set(at)}
    assert whole
    for key, values in whole.items():
        assert not any(max(abs(a - b) for a, b in zip(home, values, strict=True)) < 50 for home in homes), key


def test_the_platform_has_nothing_of_the_lab(town: Measured) -> None:
    log = (town.state / "logs" / "platform.log").read_text(errors="replace")
    imported = set(re.findall(r"\|\s+(\S+)$", log, re.MULTILINE))
    assert "quietgrid.runtime.telemetry" in imported
    assert not {name for name in imported if name.startswith(("quietgrid.lab", "pymodbus"))}
    plant = (town.state / "logs" / "plant.log").read_text(errors="replace")
    assert "quietgrid.lab.plant.truth" in set(re.findall(r"\|\s+(\S+)$", plant, re.MULTILINE)), "the log does show it"


def test_a_sensor_that_dies_grows_old_and_comes_back(town: Measured) -> None:
    orders = town.state / "control" / "plant.faults"

    def ages() -> dict[str, float]:
        now = max(m.at for m in town.sensors())
        return {f"{m.kind.value} {m.element}".strip(): now - m.at for m in town.sensors()}

    write_faults(orders, [Fault(FaultKind.DEAD, "tap Transformer")])
    until(lambda: ages()["tap Transformer"] >= 3 * 900, PATIENCE_S, "it grows old")
    assert ages()["frequency-millihz"] < 3 * 900, "the others do not"
    write_faults(orders, [])
    until(lambda: ages()["tap Transformer"] < 900, PATIENCE_S, "it reports again")


def test_a_plant_that_restarts_goes_on_after_its_last_number(town: Measured) -> None:
    count = town.state / "plant" / "sequence"
    before = int(count.read_text())
    (plant,) = (child for child in town.supervisor._children if child.name == "plant")
    assert plant.process is not None
    plant.process.kill()
    plant.process.wait(10)
    newest = max(m.at for m in town.sensors())
    town.supervisor.look()
    until(lambda: max(m.at for m in town.sensors()) > newest, PATIENCE_S, town.logs())
    assert int(count.read_text()) > before

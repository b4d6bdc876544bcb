"""The plant's process: works out each interval, publishes what the instruments say, obeys set-points.

It signs batches with its gateway's key and sends them to the platform; the answer is what holds. With a Modbus port it
is a device that can be asked and told, too. The series of the homes stay in here.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quietgrid.demo import demo_network
from quietgrid.demo.grid import home_units
from quietgrid.errors import ConfigError, QuietgridError, UnavailableError
from quietgrid.lab.devices import FILE, Doings
from quietgrid.lab.gateway import GATEWAY, GatewayLink, gateway_identity
from quietgrid.lab.plant.controls import SILENCE_S, Controls, Target, safe_values
from quietgrid.lab.plant.frequency import simulated_frequency
from quietgrid.lab.plant.modbus import ModbusPort, Registers, plant_map
from quietgrid.lab.plant.sensors import Element, Fault, Noise, Sensors, altered, read_faults, sensors_of
from quietgrid.lab.plant.truth import TrueGrid
from quietgrid.lab.source import Rows, rows_of
from quietgrid.model.closed import GateRules
from quietgrid.model.grid import Measurement
from quietgrid.model.interval import DAY_S, Window
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.commissioning import SAMPLE, Commissioning
from quietgrid.runtime.founding import Folders, read_card
from quietgrid.wire.telemetry import MOST_ROWS, set_points_of

LOG = logging.getLogger("quietgrid.plant")
SEED = 1
CATCH_UP_DAYS = 6
"""After a jump of the demo's clock only so many days are worked out."""
PIECE = 96
WAITING = 20_000
"""Measurements kept while the platform is away; then the oldest go."""
STILL_S = 5.0
"""So often the platform is asked for set-points while nothing new is measured."""


@dataclass(frozen=True)
class PlantParts:
    """What a plant is made of.

    Args:
        grid: The truth. rows: readings of the homes. sensors, controls: of the grid. clock: the demo's.
        faults: where orders of faults are. resolution: seconds of an interval. first: slot the demo starts at.
        doings: what the homes' devices did; None: nothing.
    """

    grid: TrueGrid
    rows: Rows
    sensors: Sensors
    controls: Controls
    clock: ClockFile
    faults: Path
    resolution: int
    first: int
    doings: Doings | None = None


class Plant:
    """Steps through the intervals."""

    def __init__(self, parts: PlantParts) -> None:
        self.parts = parts
        self._at = parts.first
        self._known: tuple[object, object] = (None, None)
        self.latest: dict[Element, Measurement] = {}
        """What the instruments said last, without those that are silent."""

    def step(self) -> list[Measurement]:
        """Work out the intervals that are over since the last step; what the instruments say of them.

        When set-points or faults changed, the last interval is worked out again for `latest` only.
        """
        parts = self.parts
        now = parts.clock.now()
        over = int(now) // parts.resolution
        if parts.doings is not None:
            parts.doings.refresh()
            over = over if parts.doings.until is None else min(over, parts.doings.until)
        controls, faults = parts.controls.at(now), read_faults(parts.faults)
        start = max(self._at, over - CATCH_UP_DAYS * DAY_S // parts.resolution)
        found: list[Measurement] = []
        if start < over:
            for first, end, held in self._pieces(start, over):
                found += self._work(first, end, held, faults)
            self._at = over
        elif (controls, faults) != self._known and self._at > parts.first:
            self._work(self._at - 1, self._at, controls, faults)
        self._known = controls, faults
        return found

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, int, dict[Target, int]]]:
        """[start, end) in pieces in which the same set-points held, each by what held in the middle of its intervals:
        an interval is worked out when it is long over."""
        resolution, at = self.parts.resolution, start
        held = self.parts.controls.at((start + 0.5) * resolution)
        for slot in range(start + 1, end + 1):
            then = held if slot == end else self.parts.controls.at((slot + 0.5) * resolution)
            if slot == end or then != held or slot - at >= PIECE:
                yield at, slot, held
                at, held = slot, then

    def _work(self, first: int, end: int, controls: dict[Target, int], faults: list[Fault]) -> list[Measurement]:
        parts = self.parts
        readings = parts.rows(Window(first, end, parts.resolution))
        if parts.doings is not None:
            readings = parts.doings.applied(readings)
        said = parts.sensors.report(parts.grid.over(readings, controls, altered(faults)), faults)
        last = end * float(parts.resolution) - 1
        self.latest = {(m.kind, m.element): m for m in said if m.at == last}
        return said


def plant_at(state: Path, silence_s: float = SILENCE_S) -> Plant:
    """The plant of a demo's state directory.

    Raises:
        ConfigError: there is no demo, or its homes' grid is not known.
    """
    plan = Commissioning.load(state / "commissioning")
    if plan.source != SAMPLE:
        raise ConfigError("no grid is known for these readings", where=plan.source, fix="run the sample's demo")
    count = plan.connections
    network = demo_network(count)
    sensors = Sensors(network, sensors_of(network, GateRules().k), GATEWAY, SEED, Noise(), simulated_frequency(SEED))
    parts = PlantParts(
        TrueGrid(network, home_units(network)), rows_of(plan.source, count), sensors,
        Controls(safe_values(network), silence_s), ClockFile(state / "clock"), state / "control" / "plant.faults",
        read_card(Folders(state).card).resolution, plan.first, Doings(state / "fleet" / FILE),
    )  # fmt: skip
    return Plant(parts)


def run(state: Path, url: str, stop: Callable[[], bool], modbus: int = 0, silence_s: float = SILENCE_S) -> None:
    """Run the plant until `stop` says so.

    Args:
        state: The demo's directory. url: of the platform; empty: measurements are only read over Modbus.
        modbus: port to serve Modbus TCP at, on this machine; 0: none. silence_s: after which set-points fall back.
    """
    plant = plant_at(state, silence_s)
    parts = plant.parts
    link = None
    if url:
        card = read_card(Folders(state).card)
        link = GatewayLink(url, card, gateway_identity(state), GATEWAY, state / "plant" / "sequence")
    registers = Registers(plant_map(parts.sensors.elements, parts.controls.safe), parts.controls, parts.clock.now)
    port = ModbusPort(registers, modbus) if modbus else None
    if port is not None:
        (state / "plant").mkdir(exist_ok=True, mode=0o700)
        (state / "plant" / "registers.csv").write_text(registers.table.as_csv())
        port.start()
    waiting: deque[Measurement] = deque(maxlen=WAITING)
    sent = 0.0
    try:
        while not stop():
            waiting.extend(plant.step())
            registers.measured(plant.latest)
            if link is not None and (waiting or time.monotonic() - sent > STILL_S):
                sent = time.monotonic()
                if not _send(link, waiting, parts.controls):
                    time.sleep(1.0)
            time.sleep(0.1)
    finally:
        if link is not None:
            link.close()
        if port is not None:
            port.stop()


def _send(link: GatewayLink, waiting: deque[Measurement], controls: Controls) -> bool:
    """Send the oldest that waits; whether the platform answered."""
    part = [waiting.popleft() for _ in range(min(MOST_ROWS, len(waiting)))]
    try:
        answer = link.send(part)
        controls.told(set_points_of(answer), answer.at)
    except UnavailableError:
        waiting.extendleft(reversed(part))
        return False
    except QuietgridError as error:
        LOG.warning("a batch was refused: %s", error)
        return False
    return True

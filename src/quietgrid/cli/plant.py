"""`quietgrid plant`: the simulated grid of the demo, its registers, and what can be made to go wrong in it."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from types import FrameType

from quietgrid.cli.output import Json, command_app, emit, table

app = command_app("plant", "The simulated grid of the demo: its instruments, its registers, its faults.")
FAULTS = Path("control") / "plant.faults"


def _state(state: Path | None) -> Path:
    from quietgrid.runtime.config import load

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return state or settings.state


@app.command(name="run")
def run(*, platform: str = "", modbus: int = 0, silence: float = 30.0, state: Path | None = None) -> int:
    """Run the simulated grid until SIGTERM.

    Args:
        platform: Address of the platform; without it nothing is sent.
        modbus: Port to serve Modbus TCP at, on this machine only (extra `scada`); 0 for none.
        silence: Seconds without a word after which set-points fall back to safe values.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.plant.run import run as work

    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    work(_state(state), platform, lambda: bool(stopping), modbus, silence)
    return 0


@app.command(name="map")
def registers(*, state: Path | None = None, as_json: Json = False) -> int:
    """Print the register map of the plant's Modbus server, as the platform reads it.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.lab.plant.modbus import plant_map
    from quietgrid.lab.plant.run import plant_at

    parts = plant_at(_state(state)).parts
    rows = plant_map(parts.sensors.elements, parts.controls.safe).as_csv().splitlines()
    emit(as_json, {"map": rows}, rows)
    return 0


@app.command(name="fault")
def fault(kind: str, sensor: str, *, value: int = 0, state: Path | None = None, as_json: Json = False) -> int:
    """Make something go wrong in the running plant: dead, doubtful, frozen, replayed, false or altered.

    Args:
        kind: What. `altered` really switches on `--value` watts in a group; `false` adds it to what a sensor says.
        sensor: Kind and element, such as "head-w Mill Lane"; of `altered` a group.
        value: In the sensor's unit.
        state: Folder of databases and keys.
    """
    from quietgrid.errors import InputError
    from quietgrid.lab.plant.run import plant_at
    from quietgrid.lab.plant.sensors import Fault, FaultKind, read_faults, write_faults

    folder = _state(state)
    if kind not in list(FaultKind):
        raise InputError("there is no such fault", where=kind, fix=f"use {', '.join(FaultKind)}")
    parts = plant_at(folder).parts
    known = parts.grid.network.groups if kind == FaultKind.ALTERED else [
        " ".join(element).strip() for element in parts.sensors.elements
    ]  # fmt: skip
    if sensor not in known:
        raise InputError("the plant has no such sensor or group", where=sensor, fix=f"use {', '.join(known)}")
    faults = [one for one in read_faults(folder / FAULTS) if one.sensor != sensor]
    faults.append(Fault(FaultKind(kind), sensor, value))
    write_faults(folder / FAULTS, faults)
    return _show(folder, as_json)


@app.command(name="faults")
def faults(*, clear: bool = False, state: Path | None = None, as_json: Json = False) -> int:
    """List what is wrong in the plant on purpose.

    Args:
        clear: End all of it.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.plant.sensors import write_faults

    folder = _state(state)
    if clear:
        write_faults(folder / FAULTS, [])
    return _show(folder, as_json)


def _show(folder: Path, as_json: bool) -> int:
    from quietgrid.lab.plant.sensors import read_faults

    found = read_faults(folder / FAULTS)
    rows = [[one.kind.value, one.sensor, one.value] for one in found]
    said = table(["fault", "sensor or group", "value"], rows) if rows else ["nothing is wrong on purpose"]
    emit(as_json, {"faults": [{"kind": k, "sensor": s, "value": v} for k, s, v in rows]}, said)
    return 0

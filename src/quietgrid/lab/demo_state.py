"""The demo's state directory: made on the first `quietgrid up`, gone on after with every later one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from quietgrid import demo
from quietgrid.errors import ConfigError
from quietgrid.lab.commission import commission, demo_parties
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.founding import Folders, found, read_card

NAME, TZ, CURRENCY, RESOLUTION = "Lindenhof", "Europe/Berlin", "EUR", 900
MARKER = "quietgrid-demo"


@dataclass(frozen=True)
class DemoState:
    """A prepared state directory. `fresh`: it was made just now."""

    folders: Folders
    plan: Commissioning
    fresh: bool


def prepare(state: Path, homes: int, history_days: int, rules: GateRules) -> DemoState:
    """Make the demo's keys, vaults, meters and first list; or read them when they are there.

    Raises:
        ConfigError: the directory holds something else.
    """
    folders = Folders(state)
    plan = state / "commissioning"
    if plan.exists():
        read_card(folders.card)
        return DemoState(folders, Commissioning.load(plan), fresh=False)
    if state.exists() and any(state.iterdir()) and not (state / MARKER).exists():
        raise ConfigError("the state directory is not empty", where=str(state), fix="choose an empty one with --state")
    if (state / MARKER).exists():
        reset(state)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / MARKER).write_text(
        "A Quietgrid demo: one operator runs all parties. Delete with `quietgrid reset --demo`.\n"
    )
    window = demo.replay_window(history_days)
    clock = ClockFile(state / "clock")
    clock.write(Tick(float(window.first * window.resolution - DAY_S), window.first))
    card = found(folders, NAME, TZ, RESOLUTION, CURRENCY)
    made = commission(folders, card, demo_parties(homes), window, clock, rules=rules)
    made.save(plan)
    return DemoState(folders, made, fresh=True)


def reset(state: Path) -> None:
    """Delete a demo's state directory.

    Raises:
        ConfigError: it is not a demo's.
    """
    if not state.exists():
        return
    if not (state / MARKER).exists():
        raise ConfigError(
            "this is not a demo's state directory", where=str(state), fix="delete it by hand if you mean it"
        )
    shutil.rmtree(state)

"""The demo's state directory: made on the first `quietgrid up`, gone on after with every later one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from quietgrid.errors import ConfigError
from quietgrid.lab.changes import State
from quietgrid.lab.commission import commission
from quietgrid.lab.source import source_of
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.commissioning import SAMPLE, Commissioning
from quietgrid.runtime.founding import Folders, found, read_card

NAME, CURRENCY = "Lindenhof", "EUR"
MARKER = "quietgrid-demo"


@dataclass(frozen=True)
class DemoState:
    """A prepared state directory. `fresh`: it was made just now."""

    folders: Folders
    plan: Commissioning
    fresh: bool


def prepare(
    state: Path, homes: int | None, history_days: int, rules: GateRules, source: str = "", name: str = NAME,
) -> DemoState:  # fmt: skip
    """Make the demo's keys, vaults, meters and first list; or read them when they are there.

    Args:
        homes: How many; all of a file unless given. source: ``sample``, or a file of imported readings; what is there
            unless given. name: of the community.

    Raises:
        ConfigError: the directory holds something else. SourceError: the file cannot be read.
    """
    folders = Folders(state)
    plan = state / "commissioning"
    if plan.exists():
        read_card(folders.card)
        known = Commissioning.load(plan)
        if source and known.source not in (source, str(Path(source).absolute())):
            raise ConfigError(
                "this demo runs on other readings", where=str(state),
                fix="choose another folder with --state, or `quietgrid reset --demo` first",
            )  # fmt: skip
        if known.source != SAMPLE and not Path(known.source).exists():
            raise ConfigError(
                "the readings this demo runs on are gone", where=known.source, fix="put the file back where it was"
            )
        changes = State(state)
        changes.finish()
        if changes.due or any(batch.ready for batch in changes.batches()):
            changes.settle_moves()
        return DemoState(folders, changes.plan, fresh=False)
    given = source_of(source or SAMPLE, homes, history_days)
    if state.exists() and any(state.iterdir()) and not (state / MARKER).exists():
        raise ConfigError("the state directory is not empty", where=str(state), fix="choose an empty one with --state")
    if (state / MARKER).exists():
        reset(state)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / MARKER).write_text(
        "A Quietgrid demo: one operator runs all parties. Delete with `quietgrid reset --demo`.\n"
    )
    window = given.window
    clock = ClockFile(state / "clock")
    clock.write(Tick(float(window.first * window.resolution - DAY_S), window.first))
    card = found(folders, name, given.tz, window.resolution, CURRENCY)
    made = commission(
        folders, card, given.people, window, clock, rules=rules, source=given.name, end=given.end,
        tariffs=given.tariffs,
    )  # fmt: skip
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

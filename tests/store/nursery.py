"""Workers that write and acknowledge until they are killed. Run as `python -m tests.store.nursery KIND FOLDER`.

For each line read it forks a worker, prints its pid and, once it is dead, `gone`. A worker goes on where the disk says
it was, and after every commit that has returned writes one byte to the file `acknowledged`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from quietgrid.balance.deciding import Decisions
from quietgrid.balance.service import Grid
from quietgrid.concentrator.rules import REJECTED
from quietgrid.model import ManualClock
from quietgrid.model.grid import Alarm, Priority, SetPoint, SetPointKind
from quietgrid.model.interval import Window
from quietgrid.model.operation import PlanState, Proposal
from quietgrid.store import LedgerDraft, SealedFrames, open_fleet, open_keyholder, open_platform
from tests.concentrator.plant import DAY, Plant, plant

METERS = 20
Acknowledge = Callable[[], int]


def step_frames(p: Plant, step: int) -> list[bytes]:
    """What all meters send in one step: one slot each."""
    return [p.frame(row, day=DAY - 30 + step // 96, first=step % 96, count=1, seq=step + 1) for row in range(METERS)]


def concentrate(folder: Path, done: int, acknowledge: Acknowledge) -> None:
    """Accept one step after the other, beginning with the last one that may be half done."""
    p = plant(folder, METERS)
    step = done
    while True:
        if (p.concentrator.accept(step_frames(p, step)).status == REJECTED).any():
            os._exit(3)
        acknowledge()
        step += 1


def vote(folder: Path, done: int, acknowledge: Acknowledge) -> None:
    """Vote, release and write the ledger, all in one commit."""
    store = open_keyholder(folder / "keyholder.db", ManualClock(0))
    step = done
    while True:
        subject = step.to_bytes(32, "little")
        with store.begin() as tx:
            fresh = tx.votes.put_release(subject, b"sums" + subject)
            tx.votes.vote_close(0, step, step + 1, subject, b"vote" + subject)
            if fresh:
                tx.ledger.append_many([LedgerDraft("vote", None, bytes(16), subject)] * 3)
        acknowledge()
        step += 1


def seal(folder: Path, done: int, acknowledge: Acknowledge) -> None:
    """Bind frames to marks, going on from the marks on disk."""
    store = open_fleet(folder / "fleet.db", ManualClock(0))
    pids = np.arange(METERS, dtype=np.uint64)
    with store.begin() as tx:
        if not len(tx.meters.pids()):
            tx.meters.add(pids, [b""] * METERS)
        step = int(tx.meters.marks(pids).seq[0])
    while True:
        seqs = np.full(METERS, step + 1, np.uint64)
        frames = [b"%d" % step] * METERS
        with store.begin() as tx:
            tx.meters.commit(SealedFrames(pids, seqs, frames, step // 96, 1, 0, step, step + 1))
        acknowledge()
        step += 1


def proposal(step: int) -> Proposal:
    """A plan of one group and one set-point, an hour long."""
    first = (step + 1) * 8
    start = first * 900.0
    name = f"plan {step + 1}:Mill Lane:{first}"
    point = SetPoint(name, SetPointKind.STORAGE_W, "Mill Lane", 500, start, start + 3600)
    return Proposal(Window(first, first + 4, 900), (), (point,), (), "a test")


def platform_address(folder: Path) -> Path | str:
    """Where a worker's platform is: what the file `address` says, else a file of its folder."""
    told = folder / "address"
    return told.read_text() if told.exists() else folder / "platform.db"


def dispatch(folder: Path, done: int, acknowledge: Acknowledge) -> None:
    """Plan, approve and raise an alarm, going on with a plan that was not approved. Two hours a step."""
    clock = ManualClock(0.0)
    store = open_platform(platform_address(folder), clock)
    decisions, step = Decisions(Grid(store, clock)), done
    while True:
        clock.unix = step * 7_200.0
        with store.read() as tx:
            fresh = tx.grid.next_plan() == step + 1
        if fresh:
            decisions.propose(step + 1, proposal(step), "ann", "evening peak")
        with store.read() as tx:
            waits = tx.grid.plan(step + 1).state is PlanState.PROPOSED
        if waits:
            decisions.approve(step + 1, "bob", "agreed")
        with store.begin() as tx:
            tx.grid.raise_alarm(Alarm(f"{step:012x}", "stale", f"sensor {step}", Priority.LOW, "a test", clock.unix))
        acknowledge()
        step += 1


def main(kind: str, folder: Path) -> None:
    """Fork workers on demand."""
    work = {"concentrate": concentrate, "vote": vote, "seal": seal, "dispatch": dispatch}[kind]
    path = folder / "acknowledged"
    path.touch()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            log = os.open(path, os.O_WRONLY | os.O_APPEND)
            work(folder, path.stat().st_size, partial(os.write, log, b"."))
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

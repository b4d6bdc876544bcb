"""SIGKILL at random moments in meters, platform and keyholders while 40 days are replayed and time goes on.

Nothing acknowledged is lost, no mask is used twice, nothing is answered twice or wrongly, votes and chains hold.
SIGKILL does not test fsync: what the kernel has taken is kept.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from pathlib import Path

import pytest

from quietgrid.errors import VerificationError
from tests.scenarios.processes.aftermath import Truth, check_answers, check_bundle, check_frames, check_keyholders
from tests.scenarios.processes.small import NAMES, Forked, Small, until
from tests.scenarios.processes.witness import Witness

VICTIMS = tuple(name for name in NAMES if name != "household")
LIVE_SLOTS = 12


def run(folder: Path, days: int, kills: int, pause_s: float, seed: int) -> None:
    """Run a demo, kill its processes again and again, let it come to rest, look at everything it left."""
    small = Small(folder, days, pace_s=0.2)
    witness = Witness(small.state / "fleet" / "meters.db")
    forked = Forked(small, VICTIMS)
    moments = random.Random(seed)
    try:
        for name in VICTIMS:
            forked.start(name)
        done = _kill(forked, kills, pause_s, moments)
        _rest(small, forked)
    finally:
        forked.close()
        witness.close()
    assert not witness.trouble
    platform = small.open_platform()
    try:
        truth = Truth(small, platform)
        frames, cells, numbers = _check(truth, witness, [small.demo.folders.keyholder(i) for i in range(3)])
        report = check_bundle(truth, folder / "bundle.zip")
    finally:
        platform.close()
    _show_that_checks_fail(small, witness)
    print(f"kills {done}, by themselves {forked.ended}, frames {frames}, cells {cells}, numbers {numbers}")
    print(f"days {len(truth.window) / 96:.1f}, replayed {dict(report.checked)}")
    assert sum(done.values()) >= kills
    assert min(done.values()) > 0
    assert frames > 0
    assert not forked.ended, small.logs()


def _check(truth: Truth, witness: Witness, keyholders: list[Path]) -> tuple[int, int, int]:
    """All checks of what was left; how many frames, cells and numbers were looked at."""
    cells = witness.cells()
    frames = check_frames(truth, witness.frames, cells)
    numbers = check_answers(truth)
    check_keyholders(truth, keyholders)
    return frames, len(cells), numbers


def _kill(forked: Forked, kills: int, pause_s: float, moments: random.Random) -> dict[str, int]:
    """Kill one process after the other (sometimes two at once), each as soon as chance says so."""
    done = dict.fromkeys(forked.names, 0)
    while sum(done.values()) < kills:
        time.sleep(moments.uniform(0.0, 2 * pause_s))
        least = min(done.values())
        victims = moments.sample([n for n in forked.names if done[n] <= least + 2], 2 if moments.random() < 0.15 else 1)
        for name in victims:
            done[name] += forked.kill(name)
        time.sleep(moments.uniform(0.0, 0.1))
        for name in victims:
            forked.start(name)
        forked.mend()
    return done


def _rest(small: Small, forked: Forked) -> None:
    """Left alone it finishes the history, goes on live, answers and confirms everything."""
    small.wait_phase("live", 150)
    platform = small.open_platform()

    def settled() -> bool:
        with platform.parts.store.read() as tx:
            end, unanswered = tx.answers.last_close(0), tx.answers.unanswered()
            unsure = tx.answers.with_status("provisional")
        here = end >= small.demo.plan.first + small.demo.plan.history + LIVE_SLOTS
        return here and not unanswered and not unsure

    try:
        until(settled, 60, "everything is answered and confirmed")
    finally:
        platform.close()
    os.sync()
    forked.mend()


def _show_that_checks_fail(small: Small, witness: Witness) -> None:
    """The same folder with one thing wrong at a time, put right again."""
    frame = next(frame for frame, receipted in reversed(witness.frames.items()) if receipted)
    other = bytearray(frame)
    other[40] ^= 1
    witness.frames[bytes(other)] = False
    with pytest.raises(AssertionError, match="masked twice"):
        witness.cells()
    del witness.frames[bytes(other)]

    database = small.state / "platform" / "platform.db"
    keyholders = [small.demo.folders.keyholder(i) for i in range(3)]
    wrongs = [
        (database, "UPDATE segment SET body = zeroblob(length(body)) WHERE batch = 1"),
        (database, "UPDATE total SET energy_wh = zeroblob(length(energy_wh)) WHERE rowid = 1"),
        (database, "DELETE FROM answer WHERE rowid = 1"),
        (keyholders[1] / "keyholder.db", "UPDATE slot_vote SET subject = zeroblob(32) WHERE rowid = 1"),
        (keyholders[2] / "keyholder.db", "DELETE FROM ledger WHERE seq = 2"),
        (keyholders[0] / "keyholder.db", "INSERT INTO release VALUES (zeroblob(32), x'00', 0)"),
    ]
    for path, wrong in wrongs:
        whole = path.read_bytes()
        with sqlite3.connect(path) as store:
            assert store.execute(wrong).rowcount > 0
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        platform = small.open_platform()
        try:
            truth = Truth(small, platform)
            with pytest.raises((AssertionError, VerificationError)):
                _check(truth, witness, keyholders)
        finally:
            platform.close()
        for leftover in path.parent.glob(f"{path.name}-*"):
            leftover.unlink()
        path.write_bytes(whole)


def test_a_dozen_kills(tmp_path: Path) -> None:
    run(tmp_path, days=3, kills=12, pause_s=0.9, seed=5)


@pytest.mark.slow
def test_two_hundred_kills(tmp_path: Path) -> None:
    run(tmp_path, days=40, kills=int(os.environ.get("QUIETGRID_KILLS", "200")), pause_s=0.5, seed=11)

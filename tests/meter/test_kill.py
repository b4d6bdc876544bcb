"""SIGKILL at random moments: nothing that was told is lost, nothing is masked twice."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quietgrid.meter import MeterBank, SealedFrame
from quietgrid.model.interval import ManualClock
from tests.meter.test_single_use import cells
from tests.meter.town import D0, Town, moment, new_bank

WORKER = """
import os, struct, sys
from pathlib import Path
import numpy as np
from quietgrid.crypto.secret.masks import warm
from quietgrid.meter import MeterBank
from quietgrid.model.interval import ManualClock, Window
from quietgrid.model.readings import Readings

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(seed)
clock = ManualClock(0.0)
hands = os.open(folder / "clock", os.O_RDWR)
clock.unix = struct.unpack("<d", os.pread(hands, 8, 0))[0]
bank = MeterBank.open(folder / "bank", clock)
out = open(folder / f"told.{seed}", "ab", buffering=0)
first = int(clock.unix) // 900
for sent in bank.pending():
    out.write(struct.pack("<QI", sent.seq, len(sent.frame)) + sent.frame)
warm()
print("ready", flush=True)
while True:
    count = int(rng.integers(1, 40))
    os.pwrite(hands, struct.pack("<d", (first + count) * 900.0), 0)  # whole or not at all, unlike a new file
    clock.unix = (first + count) * 900.0
    shape = (2, count)
    batch = Readings(np.array([1, 2], np.uint64), Window(first, first + count, 900),
                     rng.integers(0, 9999, shape), rng.integers(0, 9999, shape), np.ones(shape, bool))
    for sent in bank.seal(batch):
        out.write(struct.pack("<QI", sent.seq, len(sent.frame)) + sent.frame)
    first += count
"""


def told(path: Path) -> list[SealedFrame]:
    """The frames a worker let out before it died; a torn last one is not out."""
    data, at, out = path.read_bytes(), 0, []
    while at + 12 <= len(data):
        size = int.from_bytes(data[at + 8 : at + 12], "little")
        if at + 12 + size > len(data):
            break
        frame = data[at + 12 : at + 12 + size]
        out.append(
            SealedFrame(int.from_bytes(frame[8:16], "little"), int.from_bytes(data[at : at + 8], "little"), frame)
        )
        at += 12 + size
    return out


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path) -> None:
    rounds = int(os.environ.get("QUIETGRID_KILLS", "8"))
    clock = ManualClock(moment(D0))
    bank = new_bank(Town(), tmp_path / "bank", clock, [0b11, 0b01])
    bank.close()
    (tmp_path / "clock").write_bytes(struct.pack("<d", moment(D0)))
    rng = random.Random(7)
    seen: dict[tuple[int, int, int, int, int], int] = {}
    sequence: dict[tuple[int, int], bytes] = {}
    for seed in range(rounds):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), str(seed)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        time.sleep(rng.random() * 0.4)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        frames = told(tmp_path / f"told.{seed}")
        for cell, word in cells(frames).items():
            assert seen.setdefault(cell, word) == word, f"cell {cell} was masked twice"
        for sent in frames:
            assert sequence.setdefault((sent.pid, sent.seq), sent.frame) == sent.frame
    bank = MeterBank.open(tmp_path / "bank", clock)
    assert not bank.put_back
    kept = {(sent.pid, sent.seq): sent.frame for sent in bank.pending(limit=10**9)}
    assert len(sequence) > 2 * rounds
    assert {key: kept.get(key) for key in sequence} == sequence, "what was told is still there, byte for byte"

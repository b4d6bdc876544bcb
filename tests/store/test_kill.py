"""SIGKILL at random moments: what was acknowledged is there, what was not is there whole or not at all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cluster import Cluster
from quietgrid.model import ManualClock
from quietgrid.model.operation import PlanState
from quietgrid.store import Cut, open_fleet, open_keyholder, open_platform
from quietgrid.wire.frame import parse_frames
from tests.concentrator.plant import DAY, plant
from tests.store.nursery import METERS, platform_address, step_frames

ROOT = Path(__file__).resolve().parents[2]


def check_concentrator(folder: Path, acknowledged: int) -> None:
    p = plant(folder, METERS)
    days = range(DAY - 30, DAY - 30 + acknowledged // 96 + 2)
    with p.store.read() as tx:
        cells = {(d, r): tx.segments.read(Cut(d, r, 900), METERS) for d in days for r in (0, 1)}
    stored = np.concatenate([cells[day, 0].version >= 0 for day in days], axis=1)
    assert np.array_equal(stored, np.concatenate([cells[day, 1].version >= 0 for day in days], axis=1))
    assert (stored == stored[0]).all(), "a commit was torn"
    count = int(stored[0].sum())
    assert stored[0, :count].all()
    assert acknowledged <= count <= acknowledged + 1
    for step in {0, acknowledged - 1}:
        sent = parse_frames(step_frames(p, step)).words
        for register in (0, 1):
            kept = cells[DAY - 30 + step // 96, register].ciphertext[:, step % 96]
            assert np.array_equal(kept, sent[:, register])
    p.store.close()


def check_keyholder(folder: Path, acknowledged: int) -> None:
    store = open_keyholder(folder / "keyholder.db", ManualClock(0))
    with store.read() as tx:
        entries, _ = tx.ledger.verify()
        assert entries % 3 == 0
        count = entries // 3
        assert acknowledged <= count <= acknowledged + 1
        subjects = [step.to_bytes(32, "little") for step in range(count)]
        assert tx.votes.voted_slots(0, 0, count + 1) == [*subjects, None]
        assert all(tx.votes.release(subject) == b"sums" + subject for subject in subjects)
    store.close()


def check_fleet(folder: Path, acknowledged: int) -> None:
    store = open_fleet(folder / "fleet.db", ManualClock(0))
    with store.read() as tx:
        marks = tx.meters.marks(np.arange(METERS, dtype=np.uint64))
        count = int(marks.seq[0])
        assert acknowledged <= count
        assert (marks.seq == count).all()
        assert (marks.high_water[:, 0] == count).all()
        assert [row.frame for row in tx.meters.outbox(10**6)] == [
            b"%d" % n for n in range(count) for _ in range(METERS)
        ]
    store.close()


def check_grid(folder: Path, acknowledged: int) -> None:
    """Plans, approvals with their set-points, alarms: every acknowledged one is there, and once."""
    store = open_platform(platform_address(folder), ManualClock(0))
    with store.read() as tx:
        plans = sorted(tx.grid.plans(limit=10**6), key=lambda plan: plan.number)
        points = tx.grid.set_points(0.0, 1e12)
        alarms = tx.grid.alarms(limit=10**6)
        logged = [(entry.action, entry.subject) for entry in tx.log.latest(10**6)]
    store.close()
    assert [plan.number for plan in plans] == list(range(1, len(plans) + 1))
    assert acknowledged <= len(plans) <= acknowledged + 1
    assert all(plan.state is PlanState.DISPATCHED and plan.decided_by == "bob" for plan in plans[:acknowledged])
    dispatched = [f"plan {plan.number}" for plan in plans if plan.state is PlanState.DISPATCHED]
    assert [point.id.partition(":")[0] for point in sorted(points, key=lambda p: p.start)] == dispatched
    assert sorted(s for action, s in logged if action == "grid.dispatch") == sorted(dispatched), "approved once"
    assert sorted(s for action, s in logged if action == "grid.plan") == sorted(f"plan {p.number}" for p in plans)
    assert {alarm.id for alarm in alarms} >= {f"{step:012x}" for step in range(acknowledged)}
    assert len(alarms) <= acknowledged + 1


CHECKS = {"concentrate": check_concentrator, "vote": check_keyholder, "seal": check_fleet, "dispatch": check_grid}


def kill_and_check(kind: str, folder: Path, kills: int, check: Callable[[Path, int], None]) -> None:
    """Let a worker acknowledge at least once more, kill it within 40 ms, look at the disk; again and again."""
    command = [sys.executable, "-m", "tests.store.nursery", kind, str(folder)]
    moments = random.Random(kind)
    path = folder / "acknowledged"
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for _ in range(kills):
            before = path.stat().st_size if path.exists() else 0
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            worker = int(nursery.stdout.readline())
            try:
                deadline = time.monotonic() + 60
                while not path.exists() or path.stat().st_size == before:
                    assert time.monotonic() < deadline, "the worker acknowledges nothing"
                    time.sleep(0.001)
                time.sleep(moments.random() * 0.04)
            finally:
                os.kill(worker, signal.SIGKILL)
            assert nursery.stdout.readline() == "gone\n"
            check(folder, path.stat().st_size)
        nursery.stdin.close()


@pytest.mark.parametrize("kind", CHECKS)
def test_nothing_acknowledged_is_lost(kind: str, tmp_path: Path) -> None:
    kill_and_check(kind, tmp_path, 7, CHECKS[kind])


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHECKS)
def test_nothing_acknowledged_is_lost_in_a_hundred_kills(kind: str, tmp_path: Path) -> None:
    kill_and_check(kind, tmp_path, 100, CHECKS[kind])


@pytest.mark.slow
def test_plans_and_alarms_on_postgresql_survive_kills(cluster: Cluster, tmp_path: Path) -> None:
    import psycopg

    address = cluster.database("kills")
    (tmp_path / "address").write_text(address)

    def check(folder: Path, acknowledged: int) -> None:
        with psycopg.connect(address.replace("postgresql+psycopg", "postgresql")) as connection:
            others = (
                "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
            )
            deadline = time.monotonic() + 60
            while connection.execute(others).fetchone() != (0,):  # the server ends what the killed one had begun
                assert time.monotonic() < deadline, "the killed worker's session does not end"
                time.sleep(0.02)
        check_grid(folder, acknowledged)

    open_platform(address, ManualClock(0)).close()
    kill_and_check("dispatch", tmp_path, 25, check)
    with open_platform(address, ManualClock(0)).read() as tx:
        assert len(tx.grid.plans(limit=10**6)) >= 25

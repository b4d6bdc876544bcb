"""SIGKILL while a VTN takes events: what was acknowledged is there, with what is to be told of it, and once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quietgrid.runtime.vtn_callbacks import Callbacks
from quietgrid.store import open_platform
from quietgrid.store.openadr import Wanted
from tests.api.vtn_receiver import Receiver
from tests.api.vtn_town import found_vtn

ROOT = Path(__file__).resolve().parents[2]
ACKNOWLEDGED = 3
WORKER = """
import sys
from tests.api.vtn_town import found_vtn
from pathlib import Path
from quietgrid.runtime.vtn_clients import Caller
from quietgrid.wire.openadr3 import EventRequest
town = found_vtn(Path(sys.argv[1]))
caller = Caller(sys.argv[2], "BL", frozenset())
step = int(sys.argv[4])
while True:
    made = town.vtn.create(caller, "EVENT", EventRequest(programID=sys.argv[3], eventName=str(step)))
    print(made["id"], flush=True)
    step += 1
"""


def killed(path: Path, client: str, program: str, first: int, moment: float) -> list[str]:
    """The ids that a worker acknowledged before it was killed."""
    command = [sys.executable, "-c", WORKER, str(path), client, program, str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        said = [worker.stdout.readline().strip() for _ in range(ACKNOWLEDGED)]
        time.sleep(moment)
        worker.kill()
        said += worker.stdout.read().split()
    assert all(said), "it acknowledged nothing"
    return said if len(said[-1]) == len(said[0]) else said[:-1]


@pytest.mark.slow
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    path, receiver, moments = tmp_path / "vtn.db", Receiver(), random.Random(1)
    town = found_vtn(path, Callbacks(private=True))
    about = {"objects": ["EVENT"], "operations": ["CREATE"], "callbackUrl": receiver.url}
    town.post("bl", "/subscriptions", clientName="x", objectOperations=[about])
    receiver.close()
    program, client = town.program()["id"], town.id("bl")
    town.store.close()
    acknowledged: list[str] = []
    for kill in range(4):
        acknowledged += killed(path, client, program, kill * 10_000, moments.random() * 0.05)
        store = open_platform(path)
        with store.read() as tx:
            events = tx.openadr.objects("EVENT", Wanted(limit=10**6))
            told = tx.openadr.due(1e12, 10**6, mqtt=False)
            waiting = sum(tx.openadr.waiting().values())
        store.close()
        ids = [one.id for one in events]
        assert len(set(ids)) == len(ids)
        assert set(acknowledged) <= set(ids)
        assert len(ids) <= len(acknowledged) + kill + 1, "at most the one at work when it was killed"
        assert waiting == len(ids), "each is to be told, and once"
        assert len(told) == 1, "in order"

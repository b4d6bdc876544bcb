"""Child processes, with real ones."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from quietgrid.errors import ConfigError
from quietgrid.runtime import supervisor as module
from quietgrid.runtime.supervisor import Supervisor, free_port


@pytest.fixture
def sleepers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """A supervisor whose children are small Python programs instead of `quietgrid` commands."""
    program = tmp_path / "child.py"
    program.write_text("import sys, time\nif sys.argv[-1] == 'crash': sys.exit(3)\ntime.sleep(60)\n")
    real = module.subprocess.Popen

    def popen(command, **rest):  # type: ignore[no-untyped-def]
        return real([sys.executable, str(program), *command[3:]], **rest)

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    return Supervisor(tmp_path / "state")


def _pid(supervisor: Supervisor, name: str) -> int:
    return int((supervisor._state / "run" / f"{name}.pid").read_text())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_may_wait_for_others(sleepers: Supervisor) -> None:
    ready: list[bool] = []
    sleepers.add("first", "sleep")
    sleepers.add("later", "sleep", when=lambda: bool(ready))
    sleepers.start()
    sleepers.look()
    later = sleepers._children[1]
    assert later.process is None
    ready.append(True)
    sleepers.look()
    assert later.process is not None
    ready.clear()
    os.kill(later.process.pid, signal.SIGKILL)
    later.process.wait()
    sleepers.look()
    assert later.process.poll() is None, "it waits once only"
    assert later.restarts == 1
    sleepers.stop()


def test_a_killed_child_is_started_again_and_all_end_within_five_seconds(sleepers: Supervisor) -> None:
    sleepers.add("one", "sleep")
    sleepers.add("two", "sleep")
    sleepers.start()
    first = _pid(sleepers, "one")
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _pid(sleepers, "one") == first and time.monotonic() < deadline:
        sleepers.look()
        time.sleep(0.05)
    again, other = _pid(sleepers, "one"), _pid(sleepers, "two")
    assert again != first
    started = time.monotonic()
    sleepers.stop()
    assert time.monotonic() - started < 5
    assert not _alive(again)
    assert not _alive(other)


def test_a_child_stopped_on_purpose_stays_stopped(sleepers: Supervisor) -> None:
    sleepers.add("one", "sleep")
    sleepers.start()
    pid = _pid(sleepers, "one")
    (sleepers._state / "control").mkdir()
    marker = sleepers._state / "control" / "one.stopped"
    marker.touch()
    assert sleepers.look() == []
    assert not _alive(pid)
    sleepers.look()
    assert _pid(sleepers, "one") == pid
    marker.unlink()
    sleepers.look()
    assert _pid(sleepers, "one") != pid
    sleepers.stop()


def test_a_child_that_keeps_crashing_is_given_up(sleepers: Supervisor) -> None:
    sleepers.add("bad", "crash")
    sleepers.start()
    failed: list[str] = []
    deadline = time.monotonic() + 20
    while not failed and time.monotonic() < deadline:
        time.sleep(0.05)
        failed = sleepers.look()
    assert failed == ["bad"]
    sleepers.stop()


def test_a_taken_port_picks_the_next() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port
        with pytest.raises(ConfigError, match="taken"):
            free_port(port, tries=1)

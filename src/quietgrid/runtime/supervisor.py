"""Child processes: started together, watched, restarted when they crash, ended together within five seconds."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from quietgrid.errors import ConfigError

RESTARTS = 5
CALM_S = 60.0
"""A child that has run for so long may crash again as often as a new one."""
GRACE_S = 3.0


@dataclass
class Child:
    """One process: its name, command line after ``quietgrid``, whether it should run, and what its first start waits
    for."""

    name: str
    arguments: Sequence[str]
    wanted: bool = True
    when: Callable[[], bool] | None = None
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started: float = 0.0


class Supervisor:
    """Runs children and their logs.

    Args:
        state: The state directory; logs go to ``state/logs/<name>.log``, process ids to ``state/run``.
        restarts: How often a child is started again after crashes that follow one another.
    """

    def __init__(self, state: Path, restarts: int = RESTARTS) -> None:
        self._state = state
        self._restarts = restarts
        self._children: list[Child] = []
        (state / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
        (state / "run").mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, name: str, *arguments: str, when: Callable[[], bool] | None = None) -> None:
        """Name a child; it starts with `start`, or once `when` says so while somebody watches."""
        self._children.append(Child(name, arguments, when=when))

    def start(self, *names: str) -> None:
        """Start all children that are wanted (or those named), but for those that were started before."""
        for child in self._children:
            if child.wanted and child.process is None and child.when is None and (not names or child.name in names):
                self._spawn(child)

    def _spawn(self, child: Child) -> None:
        log = self._state / "logs" / f"{child.name}.log"
        with open(log, "ab") as out:
            child.process = subprocess.Popen(
                [sys.executable, "-m", "quietgrid", *child.arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "QUIETGRID_STATE": str(self._state)},
            )  # fmt: skip
        child.started = time.monotonic()
        (self._state / "run" / f"{child.name}.pid").write_text(str(child.process.pid))

    def look(self) -> list[str]:
        """Start what should run, stop what should not; names of children that gave up."""
        failed = []
        for child in self._children:
            child.wanted = not (self._state / "control" / f"{child.name}.stopped").exists()
            running = child.process is not None and child.process.poll() is None
            if running and not child.wanted:
                _end([child], GRACE_S)
            elif not running and child.wanted and (child.process is not None or child.when is None or child.when()):
                crashed = child.process is not None and child.process.returncode not in (0, -signal.SIGTERM)
                calm = time.monotonic() - child.started > CALM_S
                child.restarts = crashed if calm else child.restarts + crashed
                if child.restarts > self._restarts:
                    failed.append(child.name)
                else:
                    self._spawn(child)
        return failed

    def watch(self, until: Callable[[], bool]) -> list[str]:
        """Look every 0.2 s until `until` is true or a child gives up; names of those that did."""
        while not until():
            failed = self.look()
            if failed:
                return failed
            time.sleep(0.2)
        return []

    def stop(self) -> None:
        """End all children: asked first, killed after three seconds."""
        _end(self._children, GRACE_S)
        for child in self._children:
            (self._state / "run" / f"{child.name}.pid").unlink(missing_ok=True)


def _end(children: Sequence[Child], grace_s: float) -> None:
    running = [c.process for c in children if c.process is not None and c.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + grace_s
    for process in running:
        try:
            process.wait(max(0.01, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port(wanted: int, host: str = "127.0.0.1", tries: int = 50) -> int:
    """`wanted`, or the next free port after it.

    Raises:
        ConfigError: none of the next `tries` is free.
    """
    for port in range(wanted, wanted + tries):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise ConfigError(f"ports {wanted}..{wanted + tries - 1} are taken", where=host, fix="set another port")


def answers(port: int, seconds: float, host: str = "127.0.0.1") -> bool:
    """Wait until somebody listens on a port, so many seconds at most; whether it is so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((host, port)) == 0:
                return True
        time.sleep(0.05)
    return False

"""A small demo of real processes, as `quietgrid up` starts it: its folder, its ports, its children, what they say."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from quietgrid.lab.demo_state import DemoState, prepare
from quietgrid.lab.up import Ports, supervise
from quietgrid.model.closed import GateRules
from quietgrid.runtime.clock import ClockFile
from quietgrid.runtime.config import load
from quietgrid.runtime.founding import read_card
from quietgrid.runtime.platform import Platform, platform_at
from quietgrid.runtime.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]
HOMES = 30
NAMES = ("keyholder-0", "keyholder-1", "keyholder-2", "platform", "household", "fleet")


def until(what: Callable[[], Any], seconds: float, why: str = "") -> Any:
    """Wait until something is true; it."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {why or what}"
        time.sleep(0.05)


def low_ports(count: int) -> list[int]:
    """Free ports in a row, from below those that the system gives to connections: those could be taken meanwhile."""
    while True:
        first = random.randrange(10_000, 32_000)
        held: list[socket.socket] = []
        try:
            held += [socket.create_server(("127.0.0.1", port)) for port in range(first, first + count)]
            return list(range(first, first + count))
        except OSError:
            continue
        finally:
            for one in held:
                one.close()


class Small:
    """One demo in a folder.

    Args:
        folder: A new one. days: of history. homes: of the sample. pace_s: of a live interval.
    """

    def __init__(self, folder: Path, days: int, homes: int = HOMES, pace_s: float = 0.3) -> None:
        self.state = folder / "state"
        self.demo: DemoState = prepare(self.state, homes, days, GateRules())
        ports = low_ports(5)
        self.ports = Ports(ports[0], ports[1], (ports[2], ports[3], ports[4]))
        self.supervisor: Supervisor = supervise(self.state, self.ports, pace_s)

    @property
    def commands(self) -> dict[str, Sequence[str]]:
        """Name -> words after `quietgrid` of every process."""
        return {child.name: child.arguments for child in self.supervisor._children}

    def url(self, name: str) -> str:
        """The address of a process."""
        if name.startswith("keyholder"):
            return self.ports.keyholder_urls()[int(name[-1])]
        return f"http://127.0.0.1:{self.ports.platform if name == 'platform' else self.ports.household}"

    def health(self, name: str = "platform") -> dict[str, Any]:
        """What a process says of itself; empty while it does not answer."""
        try:
            answer = httpx.get(self.url(name) + "/healthz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return {}
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return found

    def wait_phase(self, phase: str, seconds: float) -> None:
        """Wait until the platform's demo is in a phase."""

        def look() -> bool:
            found = self.health().get("phase")
            assert found != "failed" or phase == "failed", self.logs()
            return found == phase

        until(look, seconds, f"{phase}: {self.health()} {self.logs()}")

    def logs(self) -> str:
        """The last lines of every log."""
        parts = []
        for path in sorted((self.state / "logs").glob("*.log")):
            text = path.read_text(errors="replace").strip()
            if text:
                parts.append(f"--- {path.name}\n{text[-1500:]}")
        return "\n".join(parts)

    def open_platform(self) -> Platform:
        """The platform's store and answers in this process, once its own has ended. It reaches no keyholder."""
        card = read_card(self.demo.folders.card)
        return platform_at(
            self.demo.folders, card, [_Nobody(i) for i in range(3)], ClockFile(self.state / "clock"), GateRules(),
            load().database,
        )  # fmt: skip

    def stop(self) -> None:
        """End all processes that the supervisor started."""
        self.supervisor.stop()


class _Nobody:
    """A link that ends nowhere: what is read offline asks no keyholder."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody is asked here ({name})")


class Forked:
    """The processes of a small demo, forked by a nursery so that they can be killed often."""

    def __init__(self, small: Small, names: Sequence[str]) -> None:
        self.small, self.names = small, tuple(names)
        self.pids: dict[str, int] = {}
        self.ended: list[str] = []
        """Processes that ended by themselves."""
        (small.state / "logs").mkdir(exist_ok=True)
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.scenarios.processes.nursery", str(small.state)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._lock = threading.Lock()
        assert self._say() == "ready"

    def _say(self) -> str:
        assert self._nursery.stdout is not None
        return self._nursery.stdout.readline().rstrip("\n")

    def start(self, name: str) -> None:
        """Fork a process that does not run."""
        assert self._nursery.stdin is not None
        with self._lock:
            self._nursery.stdin.write("\t".join([name, *self.small.commands[name]]) + "\n")
            self._nursery.stdin.flush()
            said, pid = self._say().split("\t")
            assert said == name
            self.pids[name] = int(pid)

    def alive(self, name: str) -> bool:
        """Whether it runs."""
        return name in self.pids and psutil.pid_exists(self.pids[name])

    def kill(self, name: str) -> bool:
        """SIGKILL; False if it had ended by itself."""
        pid = self.pids.pop(name)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            self.ended.append(name)
            return False
        until(lambda: not psutil.pid_exists(pid), 10, f"{name} is killed")
        return True

    def mend(self) -> None:
        """Start what ended by itself."""
        for name in self.names:
            if not self.alive(name):
                self.ended.append(name)
                self.start(name)

    def end(self, name: str, seconds: float = 8.0) -> None:
        """SIGTERM; SIGKILL if that does not help."""
        pid = self.pids.pop(name, None)
        if pid is None or not psutil.pid_exists(pid):
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while psutil.pid_exists(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if psutil.pid_exists(pid):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End the platform first, so that nothing is left half asked; then the others and the nursery."""
        for name in ("platform", *self.names):
            self.end(name)
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        self._nursery.wait(10)
        assert self._nursery.stdout is not None
        self._nursery.stdout.close()

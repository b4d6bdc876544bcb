"""A lab community whose three keyholders are processes of their own, reached over loopback HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from quietgrid import demo
from quietgrid.client import HttpKeyholder
from quietgrid.errors import UnavailableError
from quietgrid.lab.community import Community, Resident
from quietgrid.model.interval import Window, day_window
from quietgrid.model.party import MemberList, Party
from quietgrid.runtime.clock import ClockFile, Tick

DAY = 17_000
HOMES = 30
ROOT = Path(__file__).parents[2]


@dataclass
class SharedClock:
    """A clock that stands still until it is set, and is told to other processes through the demo's clock file."""

    path: Path
    _unix: float = field(default=0.0)

    @property
    def unix(self) -> float:
        return self._unix

    @unix.setter
    def unix(self, value: float) -> None:
        self._unix = value
        ClockFile(self.path).write(Tick(value, 0))

    def now(self) -> float:
        return self._unix


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def residents(window: Window, count: int = HOMES) -> list[Resident]:
    """Homes of the sample's first feeder section; pid = 1000 + number."""
    homes = demo.load(count, Window(window.first, window.first + 96, 900)).homes
    return [
        Resident(Party(h.number, h.name, h.kind, h.feeder, h.connection_w, h.tariff), 1000 + h.number, h.registers)
        for h in homes
    ]


class RealCommunity(Community):
    """As `Community`, but `start_keyholder` starts a process and `stop_keyholder` kills it."""

    def __init__(self, folder: Path, lying: dict[int, tuple[str, ...]] | None = None) -> None:
        self.ports = free_ports(3)
        self.lying = lying or {}
        """Keyholders with a dishonest body: the words of `tests.keyholder.lying`."""
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        window = Window(day_window(DAY, 900).first, day_window(DAY + 60, 900).end, 900)
        super().__init__(folder, residents(window), window)

    def start_keyholder(self, index: int) -> HttpKeyholder:  # type: ignore[override]
        """Start (or start again) the process of one keyholder and wait until it answers."""
        clock = self.folders.state / "clock"
        if not isinstance(self.clock, SharedClock):
            begin = self.clock.unix
            self.clock = SharedClock(clock)  # type: ignore[assignment]
            self.clock.unix = begin
        words = ["keyholder", "serve", "--index", str(index), "--port", str(self.ports[index]), "--json"]
        words += ["--state", str(self.folders.state), "--demo-clock"]
        for other in range(3):
            if other != index:
                words += ["--peer", f"{other}={self.url(other)}"]
        module = ["tests.keyholder.lying", *self.lying[index]] if index in self.lying else ["quietgrid"]
        self.processes[index] = subprocess.Popen(
            [sys.executable, "-m", *module, *words], stdout=subprocess.PIPE, cwd=self.folders.state,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        link = HttpKeyholder(index, self.url(index))
        self.links[index] = link  # type: ignore[call-overload]
        if hasattr(self, "keyholders"):  # at first all three start side by side, see `join`
            self._answered(index)
        return link

    def join(self) -> MemberList:
        """Wait until the processes answer and have found each other, then as `Community.join`.

        Three that start in the same moment do not find each other at once, and remember that for two seconds.
        """
        for index in self.processes:
            self._answered(index)
        for index in self.processes:
            self.wait_ready(index)
        return super().join()

    def _answered(self, index: int) -> None:
        """Wait for the line that says where it answers."""
        process = self.processes[index]
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said == {"index": index, "url": self.url(index), "pid": process.pid}

    def stop_keyholder(self, index: int) -> None:
        """Kill one keyholder as if the power had gone."""
        self._end(index, signal.SIGKILL)

    def terminate_keyholder(self, index: int) -> float:
        """Ask one keyholder to end; how many seconds it took."""
        began = time.monotonic()
        self._end(index, signal.SIGTERM)
        return time.monotonic() - began

    def url(self, index: int) -> str:
        """The address of one keyholder."""
        return f"http://127.0.0.1:{self.ports[index]}"

    def wait_ready(self, index: int, seconds: float = 60.0) -> None:
        """Wait until a keyholder has caught up with its peers."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if HttpKeyholder(index, self.url(index)).health().state == "ready":
                    return
            except UnavailableError:
                assert time.monotonic() < deadline
            assert time.monotonic() < deadline, f"keyholder {index} is still catching up"
            time.sleep(0.05)

    def _end(self, index: int, how: signal.Signals) -> None:
        process = self.processes.pop(index)
        process.send_signal(how)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()

    def close(self) -> None:
        """End all processes and let go of everything."""
        for index in list(self.processes):
            self._end(index, signal.SIGTERM)
        self.bank.close()
        self.platform.close()

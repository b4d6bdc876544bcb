"""One Modbus device, asked every few seconds: values out of it, set-points into it, and what happens when it is lost.

While a device does not answer it is asked less and less often, up to half a minute. When its last values are `stale_s`
old they are handed on once more as not good. It falls back to its safe values by itself: the watchdog register, which
we move with every round, stands still then. When it answers again, set-points are written before the watchdog moves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from quietgrid.errors import MissingExtraError, QuietgridError, UnavailableError
from quietgrid.model.grid import Measurement, SetPoint, SetPointKind
from quietgrid.model.interval import Clock
from quietgrid.wire.telemetry import DeviceAt, Heard, ModbusDevice

LONGEST_S = 30.0
FIRST_BACK_S = 0.5
COUNT = 1 << 15


@dataclass(frozen=True)
class DeviceStanding:
    """How a device stands.

    Args:
        name: Of it. reachable: at the last look. stale: its last values are doubted. note: what is wrong, in words.
        wrong: set-points that it does not hold although they were written.
    """

    name: str
    reachable: bool
    stale: bool
    note: str
    wrong: tuple[str, ...] = ()


class Poller:
    """Asks one device.

    Args:
        at: The device. clock: the community's time, for stamps. take: gets what was measured.
        set_points: time -> what holds then. monotonic: seconds of this machine, for waiting.
    """

    def __init__(
        self, at: DeviceAt, clock: Clock, take: Callable[[Sequence[Measurement]], None],
        set_points: Callable[[float], Sequence[SetPoint]], monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.at = at
        self._clock, self._take, self._set_points, self._monotonic = clock, take, set_points, monotonic
        self._device = ModbusDevice(at)
        self._last: list[Measurement] = []
        self._fresh = monotonic()
        self._alive: int | None = None
        self._count, self._back_s = 0, FIRST_BACK_S
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"scada {at.name}", daemon=True)
        self.standing = DeviceStanding(at.name, reachable=False, stale=True, note="not asked yet")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it; waits for the question it is at."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * self.at.timeout_s + 1)

    def step(self) -> float:
        """One round; seconds until the next."""
        try:
            heard = self._device.read()
            wrong = self._tell(heard)
        except UnavailableError as error:
            return self._lost(error)
        self._back_s = FIRST_BACK_S
        moving = heard.alive is None or heard.alive != self._alive
        self._alive = heard.alive
        now = self._monotonic()
        if moving:
            self._fresh = now
        stale = now - self._fresh > self.at.stale_s
        at = self._clock.now()
        self._last = [
            Measurement(kind, element, value, at, self.at.name, good and not stale)
            for (kind, element), (value, good) in heard.values.items()
        ]
        note = "it answers, but its counter stands still" if stale else ""
        self.standing = DeviceStanding(self.at.name, True, stale, note, wrong)
        if moving or (stale and self._last):
            self._take(self._last)
        return self.at.poll_s

    def _tell(self, heard: Heard) -> tuple[str, ...]:
        """Write what the device does not hold yet, then move the watchdog; what it did not take since last time."""
        wanted = {(p.kind, p.element): p.value for p in self._set_points(self._clock.now())}
        wrong = []
        for register in self.at.registers.of("set"):
            if not isinstance(register.kind, SetPointKind):
                continue
            target = register.kind, register.element
            value = wanted.get(target, register.safe)
            if heard.held.get(target) == value:
                continue
            self._device.write(register, value)
            wrong.append((register, target, value))
        for register in self.at.registers.of("watchdog"):
            self._count = (self._count + 1) % COUNT
            self._device.write(register, self._count)
        if not wrong:
            return ()
        held = self._device.read().held
        return tuple(register.name for register, target, value in wrong if held.get(target) != value)

    def _lost(self, error: UnavailableError) -> float:
        stale = self._monotonic() - self._fresh > self.at.stale_s
        if stale and self._last and any(m.good for m in self._last):
            self._last = [replace(m, good=False) for m in self._last]
            self._take(self._last)
        self.standing = DeviceStanding(self.at.name, False, stale, error.what)
        wait, self._back_s = self._back_s, min(LONGEST_S, 2 * self._back_s)
        return wait

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wait = self.step()
            except (QuietgridError, MissingExtraError) as error:
                self.standing = DeviceStanding(self.at.name, False, True, str(error))
                wait = LONGEST_S
            self._stop.wait(wait)
        self._device.close()

"""Set-points as a device holds them: until they end, or until nobody has been heard of for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.network import Network, UnitKind

Target = tuple[SetPointKind, str]
SILENCE_S = 30.0


def safe_values(network: Network) -> dict[Target, int]:
    """What every device of a grid does when nobody tells it anything: no storage, no curtailment, tap where it was."""
    taps = network.transformers
    found: dict[Target, int] = {
        (SetPointKind.TAP, name): int(tap)
        for name, tap, moves in zip(taps.names, taps.tap, taps.on_load, strict=True) if moves
    }  # fmt: skip
    kinds = {row: {kind for kind, group in zip(network.units.kinds, network.unit_groups, strict=True) if group == row}
             for row in range(len(network.groups))}  # fmt: skip
    for row, name in enumerate(network.groups):
        if UnitKind.STORAGE in kinds[row]:
            found[SetPointKind.STORAGE_W, name] = 0
        if UnitKind.PV in kinds[row]:
            found[SetPointKind.CURTAIL_PERCENT, name] = 100
            found[SetPointKind.REACTIVE_PERCENT, name] = 0
        found[SetPointKind.SHED, name] = 0
    return found


class Controls:
    """What holds now.

    Args:
        safe: Values without anybody. silence_s: so long after the last word they hold again.
        monotonic: seconds of the machine.
    """

    def __init__(
        self, safe: Mapping[Target, int], silence_s: float = SILENCE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.safe = dict(safe)
        self._silence_s, self._monotonic = silence_s, monotonic
        self._lock = threading.Lock()
        self._points: dict[Target, SetPoint] = {}
        self._written: dict[Target, int] = {}
        self._fallen = True
        self._heard = {"gateway": float("-inf"), "registers": float("-inf")}

    def told(self, points: Iterable[SetPoint]) -> None:
        """Take all set-points that hold (an answer to telemetry): the others are over."""
        with self._lock:
            self._points = {(p.kind, p.element): p for p in points if (p.kind, p.element) in self.safe}
            self._heard["gateway"] = self._monotonic()

    def write(self, target: Target, value: int) -> None:
        """Take one value (a register was written). It holds from the next `alive` on, and while that is called."""
        with self._lock:
            self._written[target] = value

    def alive(self) -> None:
        """The counter that says that somebody still watches has moved."""
        with self._lock:
            self._heard["registers"] = self._monotonic()
            self._fallen = False

    def at(self, unix: float) -> dict[Target, int]:
        """What holds at a moment. Registers go over the gateway's answers."""
        with self._lock:
            now, found = self._monotonic(), dict(self.safe)
            if now - self._heard["gateway"] <= self._silence_s:
                found |= {t: p.value for t, p in self._points.items() if p.start <= unix < p.end}
            if now - self._heard["registers"] <= self._silence_s:
                found |= self._written
            elif not self._fallen:
                self._fallen = True
                self._written.clear()
            return found

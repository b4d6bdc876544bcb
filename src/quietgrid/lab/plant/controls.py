"""Set-points as a device holds them: until they end, or until nobody has been heard of for a while."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import inf

from quietgrid.model.grid import SetPoint, SetPointKind
from quietgrid.model.network import Network, UnitKind

Target = tuple[SetPointKind, str]
SILENCE_S = 30.0
KEPT = 600
"""Set-points a device remembers: the plant works out intervals that are over, and each by what held in it."""


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
        self._points: dict[Target, deque[SetPoint]] = {}
        self._written: dict[Target, int] = {}
        self._fallen = True
        self._heard = {"gateway": float("-inf"), "registers": float("-inf")}

    def told(self, points: Iterable[SetPoint], at: float = inf) -> None:
        """Take all set-points that hold (an answer to telemetry): the others are over. Args: at: since when, unix."""
        with self._lock:
            holding = {(p.kind, p.element): p for p in points if (p.kind, p.element) in self.safe}
            for target in {*holding, *self._points}:
                kept, new = self._points.setdefault(target, deque(maxlen=KEPT)), holding.get(target)
                if kept and (new is None or new.id != kept[-1].id) and kept[-1].end > at:
                    kept[-1] = replace(kept[-1], end=at)
                if new is not None and (not kept or new.id != kept[-1].id):
                    kept.append(new)
                elif new is not None:
                    kept[-1] = new
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
        """What holds at a moment, or held: as it was told until now. Registers go over the gateway's answers."""
        with self._lock:
            now, found = self._monotonic(), dict(self.safe)
            if now - self._heard["gateway"] <= self._silence_s:
                for target, kept in self._points.items():
                    held = next((p for p in reversed(kept) if p.start <= unix < p.end), None)
                    found |= {} if held is None else {target: held.value}
            if now - self._heard["registers"] <= self._silence_s:
                found |= self._written
            elif not self._fallen:
                self._fallen = True
                self._written.clear()
            return found

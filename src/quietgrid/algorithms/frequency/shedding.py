"""Under-frequency load shedding: which blocks go at which frequency, and the relays that do it.

Source: Regulation (EU) 2017/2196 (network code on emergency and restoration), annex, Continental Europe: from 49.0 Hz
(5 % of load) to 48.0 Hz (45 % in all), at least six steps of at most 10 % each, relay and breaker together at most
150 ms; written down from memory, so compare before relying on it. National plans choose within it (in Germany
VDE-AR-N 4142): set your own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from quietgrid.errors import InputError

CONTINENTAL_EUROPE = ((49.0, 0.05), (48.8, 0.13), (48.6, 0.21), (48.4, 0.29), (48.2, 0.37), (48.0, 0.45))
"""(frequency Hz, share of load to be cut in all)."""
CRITICAL = 0
"""Priority of what is never cut: a hospital, water, the operator's own station."""


@dataclass(frozen=True, slots=True)
class Block:
    """What one breaker cuts.

    Args:
        name: Of the group or feeder. load_w: what it draws; a block that feeds in is never cut: it helps.
        priority: 0 (`CRITICAL`) is never cut, larger numbers go earlier.
    """

    name: str
    load_w: float
    priority: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks that are cut when frequency stays below `hz` for `delay_s`."""

    hz: float
    blocks: tuple[Block, ...]
    wanted_share: float
    share: float
    delay_s: float = 0.15

    @property
    def reached(self) -> bool:
        """Whether the blocks there are suffice for what the stage should cut (together with those before it)."""
        return self.share >= self.wanted_share - 1e-9


def shedding_plan(
    blocks: Sequence[Block], steps: Sequence[tuple[float, float]] = CONTINENTAL_EUROPE, delay_s: float = 0.15
) -> tuple[Stage, ...]:
    """Which blocks go at which step: by priority (largest number first), then the smallest load that will do.

    Args:
        blocks: What can be cut. steps: (Hz, share of all load to be cut by then), falling frequency.
        delay_s: How long frequency must be below.

    Returns: One stage a step. Where blocks run out, later stages are empty and say `reached` False.

    Raises:
        InputError: no blocks with load, names twice, or steps that do not fall in frequency and rise in share.

    >>> plan = shedding_plan([Block("A", 50e3, 2), Block("B", 30e3, 1), Block("clinic", 20e3, CRITICAL)])
    >>> [(stage.hz, [block.name for block in stage.blocks]) for stage in plan[:2]]
    [(49.0, ['A']), (48.8, [])]
    """
    if any(b[0] >= a[0] or b[1] <= a[1] for a, b in pairwise(steps)) or not all(0 < share <= 1 for _, share in steps):
        raise InputError("steps must fall in frequency and rise in share", where="shedding plan", fix="order them")
    if len({block.name for block in blocks}) != len(blocks):
        raise InputError("two blocks have one name", where="shedding plan", fix="name each block once")
    load = sum(max(block.load_w, 0.0) for block in blocks)
    if load <= 0:
        raise InputError("there is no load to cut", where="shedding plan", fix="give blocks that draw power")
    left = [block for block in blocks if block.priority > CRITICAL and block.load_w > 0]
    plan, cut = [], 0.0
    for hz, wanted in steps:
        chosen: list[Block] = []
        while left and cut / load < wanted - 1e-9:
            block = _next(left, wanted * load - cut)
            left.remove(block)
            chosen.append(block)
            cut += block.load_w
        plan.append(Stage(hz, tuple(chosen), wanted, cut / load, delay_s))
    return tuple(plan)


def _next(left: Sequence[Block], missing_w: float) -> Block:
    """Of the least important ones, the smallest that suffices, else the largest."""
    least = max(block.priority for block in left)
    among = sorted((block for block in left if block.priority == least), key=lambda block: (block.load_w, block.name))
    return next((block for block in among if block.load_w >= missing_w), among[-1])


@dataclass
class Relay:
    """The relays of a plan while frequency runs.

    Args:
        stages: Of the plan.
    """

    stages: Sequence[Stage]
    trips: list[tuple[float, str]] = field(default_factory=list)
    _below: list[float] = field(init=False)
    _shed_w: float = 0.0

    def __post_init__(self) -> None:
        self._below = [0.0] * len(self.stages)

    def step(self, hz: float, at_s: float, step_s: float) -> float:
        """Load that is cut now, W; what is cut stays cut."""
        for index, stage in enumerate(self.stages):
            below = self._below[index]
            if below < 0:
                continue
            self._below[index] = below + step_s if hz < stage.hz else 0.0
            if self._below[index] >= stage.delay_s:
                self._below[index] = -1.0
                self.trips += [(at_s, block.name) for block in stage.blocks]
                self._shed_w += sum(block.load_w for block in stage.blocks)
        return self._shed_w

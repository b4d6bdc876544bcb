"""What the demo can be told, and what it says of itself. `runtime.driver.DemoDriver` does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class ProgressView(Protocol):
    """How far the demo is (`runtime.driver.Progress`)."""

    @property
    def phase(self) -> str:
        """``starting``, ``enrolling``, ``replaying``, ``live`` or ``failed``."""

    @property
    def done(self) -> int:
        """Days replayed."""

    @property
    def total(self) -> int:
        """Days to replay."""

    @property
    def note(self) -> str:
        """One sentence."""

    @property
    def speed(self) -> int:
        """Intervals in the time of one."""

    @property
    def paused(self) -> bool:
        """Whether time stands still."""


class DemoControl(Protocol):
    """Pace, and the processes of the keyholders."""

    def progress(self) -> ProgressView:
        """How far it is."""

    def pause(self) -> None:
        """Let time stand still."""

    def resume(self) -> None:
        """Let time go on."""

    def step(self) -> None:
        """One interval, then stand still."""

    def set_speed(self, speed: int, /) -> None:
        """1 to 20 intervals in the time of one."""

    def stop_keyholder(self, index: int, /) -> None:
        """Stop one keyholder's process."""

    def start_keyholder(self, index: int, /) -> None:
        """Start it again."""

    def stopped_keyholders(self) -> Sequence[int]:
        """Those that are stopped on purpose."""

    def stopped_since(self) -> Mapping[int, float]:
        """Keyholder -> since when it is stopped, in the community's time."""

    def carry_on(self, index: int, peer: int, /) -> None:
        """Confirm, as the operator of keyholder `index`, that it answers for a day although `peer` is away."""

    def carrying_on(self) -> Mapping[tuple[int, int], float]:
        """(keyholder, peer that is away) -> until when its operator confirmed, in the community's time."""


ALONE_S = 24 * 3600.0
"""Two keyholders answer by themselves for so long; then both operators have to confirm (PROTOCOL C, A2)."""
FAST = 20
"""The fast pace: intervals in the time of one."""

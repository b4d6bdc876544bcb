"""What the demo can be told, and what it says of itself. `runtime.driver.DemoDriver` does it."""

from __future__ import annotations

from collections.abc import Sequence
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


FAST = 20
"""The fast pace: intervals in the time of one."""

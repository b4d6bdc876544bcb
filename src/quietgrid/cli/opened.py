"""The platform of a state folder, opened by a command; its process may run meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietgrid.runtime.config import Settings
    from quietgrid.runtime.platform import Platform


@contextmanager
def opened_platform(state: Path | None) -> Iterator[tuple[Platform, Settings]]:
    """The platform and its settings. It reaches no keyholder; the time is the demo's where there is one."""
    from quietgrid.model.interval import SystemClock
    from quietgrid.runtime.clock import ClockFile
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card
    from quietgrid.runtime.platform import platform_at

    settings = load()
    folders = Folders(state or settings.state)
    demo = ClockFile(folders.state / "clock")
    clock = demo if demo.path.exists() else SystemClock()
    platform = platform_at(folders, read_card(folders.card), [], clock, settings.rules(), settings.database)
    try:
        yield platform, settings
    finally:
        platform.close()

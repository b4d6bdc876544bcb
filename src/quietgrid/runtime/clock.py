"""The demo's clock: one small file that every process of the demo reads, so that 40 days can pass in seconds.

A real community uses `model.SystemClock`; a keyholder started without ``--demo-clock`` never looks at this file.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from quietgrid.errors import ConfigError

_FORM = struct.Struct("<8sdq")
_MAGIC = b"qg1time\0"


@dataclass(frozen=True, slots=True)
class Tick:
    """What the file says: the time (Unix seconds), and the absolute slot the meters should have delivered up to."""

    unix: float
    deliver: int


class ClockFile:
    """Reads and (in one process only) writes the demo's time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Tick:
        """The newest tick.

        Raises:
            ConfigError: there is no clock file.
        """
        try:
            magic, unix, deliver = _FORM.unpack(self.path.read_bytes())
        except (FileNotFoundError, struct.error) as error:
            raise ConfigError("the demo has no clock", where=str(self.path), fix="run `quietgrid up`") from error
        if magic != _MAGIC:
            raise ConfigError("not a clock file", where=str(self.path), fix="start the demo by `quietgrid up`")
        return Tick(unix, deliver)

    def write(self, tick: Tick) -> None:
        """Set the time; it never goes back."""
        if self.path.exists() and self.read().unix > tick.unix:
            raise ConfigError(
                "the demo's clock cannot go back", where=str(self.path), fix="use `quietgrid reset --demo`"
            )
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(_FORM.pack(_MAGIC, tick.unix, tick.deliver))
        os.replace(fresh, self.path)

    def now(self) -> float:
        """Unix seconds (a `model.Clock`)."""
        return self.read().unix

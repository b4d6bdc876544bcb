"""What is handed to a new platform: parties, their meters' enrolments, the registrar's list, tariffs, the period."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.errors import ConfigError
from quietgrid.model.party import Party
from quietgrid.wire.messages import Members

SAMPLE = "sample"
"""The source of made-up readings."""
NEVER = 1 << 62
"""A slot that does not come: the end of a seat that is still taken."""


class Seat(msgspec.Struct, frozen=True):
    """Which row of the source a simulated meter measures, and when; a meter without a seat has its own row for good.

    Args:
        pid: The meter. row: of the source. first, end: absolute slots.
    """

    pid: int
    row: int
    first: int = 0
    end: int = NEVER


class Commissioning(msgspec.Struct, frozen=True):
    """One community, ready to start.

    Args:
        parties: Who. enrolments: one signed `Enrol` a meter. members: signed member lists, oldest first.
        tariffs: As TOML (`model.tariff_text`). first: first absolute slot. history: slots to replay before going live.
        source: ``sample`` or the path of imported readings. end: absolute slot where they end; 0: never.
        seats: Of meters that were replaced or moved, and of those that took their place.
    """

    parties: list[Party]
    enrolments: list[Signed]
    members: list[Signed]
    tariffs: str
    first: int
    history: int
    source: str
    end: int = 0
    seats: list[Seat] = []

    @property
    def made_up(self) -> bool:
        """Whether the readings are the sample's: nobody's, so the demo may show a home's curve to whoever looks."""
        return self.source == SAMPLE

    @property
    def connections(self) -> int:
        """How many connections there are: rows of the source. Those of the first list; nobody builds new ones."""
        return len(decode(Members, self.members[0].body).homes) // 8

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(msgspec.msgpack.encode(self))
        os.replace(fresh, path)

    @classmethod
    def load(cls, path: Path) -> Commissioning:
        """Read it from a file, or `ConfigError`."""
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.MsgspecError) as error:
            raise ConfigError("the community is not commissioned", where=str(path), fix="run `quietgrid up`") from error

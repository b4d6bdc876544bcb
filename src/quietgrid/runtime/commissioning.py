"""What is handed to a new platform: parties, their meters' enrolments, the registrar's list, tariffs, the period."""

from __future__ import annotations

from pathlib import Path

import msgspec

from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ConfigError
from quietgrid.model.party import Party


class Commissioning(msgspec.Struct, frozen=True):
    """One community, ready to start.

    Args:
        parties: Who. enrolments: one signed `Enrol` a meter. members: signed member lists, oldest first.
        tariffs: As TOML (`model.tariff_text`). first: first absolute slot. history: slots to replay before going live.
        source: ``sample`` or the path of imported readings.
    """

    parties: list[Party]
    enrolments: list[Signed]
    members: list[Signed]
    tariffs: str
    first: int
    history: int
    source: str

    def save(self, path: Path) -> None:
        """Write it to a file."""
        path.write_bytes(msgspec.msgpack.encode(self))

    @classmethod
    def load(cls, path: Path) -> Commissioning:
        """Read it from a file, or `ConfigError`."""
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.MsgspecError) as error:
            raise ConfigError("the community is not commissioned", where=str(path), fix="run `quietgrid up`") from error

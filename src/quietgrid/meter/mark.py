"""The commit mark: how a bank of meters notices that its database was put back to an older state.

After every commit the bank writes the commit's number into a small file beside the keys, in place. A database that
says a lower number than the file, or comes without the file, is an old copy: resuming it would use masks twice
(PROTOCOL C, K10). Not synced on purpose: a power cut can only leave the file *behind* the database, which is harmless;
a killed process loses nothing.
Does not give: anything when database *and* file are put back together. Only the concentrator's `Standing` sees that.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_FORM = struct.Struct("<8sQQ")
_MAGIC = b"qg1mark\0"


class CommitMark:
    """A number in a file of 24 bytes, written twice over so that a torn write is seen.

    Args:
        path: Of the file; made at the first `write`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def read(self) -> int | None:
        """The number, or None where there is no readable mark."""
        try:
            magic, number, again = _FORM.unpack(self._path.read_bytes())
        except (FileNotFoundError, struct.error):
            return None
        return int(number) if magic == _MAGIC and number == again else None

    def write(self, number: int) -> None:
        """Replace the number."""
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self._file, _FORM.pack(_MAGIC, number, number), 0)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

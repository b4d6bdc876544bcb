"""Watches the fleet's store from outside: every frame that was ever sealed, and which were acknowledged.

A frame is committed before it is sent, so what the store shows is at least what left. Frames older than ten days are
pruned; looking every fraction of a second none is missed. Reading only: the connection never writes.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from quietgrid.model.readings import register_list
from quietgrid.wire.frame import parse_frames, parse_head

Cell = tuple[int, int, int, int, int]
"""(pid, day, slot of the day, register, version)."""


class Witness:
    """Looks again and again until it is closed."""

    def __init__(self, path: Path, pause: float = 0.3) -> None:
        self.frames: dict[bytes, bool] = {}
        """Every frame seen -> whether it has a receipt."""
        self.trouble: list[str] = []
        self._path, self._pause = path, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        store = sqlite3.connect(f"file:{self._path}?mode=rw", uri=True, timeout=30, check_same_thread=False)
        store.execute("PRAGMA query_only=1")
        with store:
            while not self._stop.wait(self._pause):
                self._look(store)
            self._look(store)
        store.close()

    def _look(self, store: sqlite3.Connection) -> None:
        for frame, receipt in store.execute("SELECT frame, receipt FROM frame"):
            known = self.frames.get(frame, False)
            if known and receipt is None:
                self.trouble.append("a receipt was forgotten")
            self.frames[frame] = known or receipt is not None

    def close(self) -> None:
        """Look a last time."""
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def cells(self) -> dict[Cell, int]:
        """Every cell that was ever sealed and its one ciphertext.

        Raises:
            AssertionError: a cell was sealed twice: its mask was used for two values.
        """
        found: dict[Cell, int] = {}
        for frame in self.frames:
            head = parse_head(frame)
            words = parse_frames([frame]).words.reshape(-1, head.count)
            for register, row in zip(register_list(head.registers), words, strict=True):
                for at, word in enumerate(row.tolist()):
                    cell = (head.pid, head.day, head.first + at, register, head.version)
                    assert found.setdefault(cell, word) == word, f"masked twice: {cell}"
        return found

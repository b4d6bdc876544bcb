"""Ciphertexts by member row: what the PES adds up, read from the store a day at a time."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import NotFoundError
from quietgrid.model.party import MemberList
from quietgrid.store import Cells, Cut, PlatformStore

KEPT_BYTES = 256 << 20


class Ciphertexts:
    """Fetches ciphertexts of one member list.

    Days are read whole and kept; one in which something was missing may have grown since, and is read again after
    `refresh`.

    Args:
        store: The platform's. members: whose rows are asked for.
    """

    def __init__(self, store: PlatformStore, members: MemberList) -> None:
        self._store = store
        self._members = members
        self._kept: OrderedDict[tuple[int, int, int], Cells] = OrderedDict()
        with store.read() as tx:
            meters = tx.registry.meters()
        row_of = {pid: row for row, pid in enumerate(meters.pids.tolist())}
        self.rows = np.array([row_of[pid] for pid in members.pids.tolist()], np.int64)
        """int64 [n]: row in the store of each member row."""
        self._count = len(meters)

    def __call__(
        self, day: int, register: int, rows: NDArray[np.int64], version: NDArray[np.int16] | None
    ) -> NDArray[np.uint64]:
        """uint64 [n, slots of the day]; version None means version 0 everywhere (0 where absent).

        Raises:
            NotFoundError: a version above 0 that is not stored.
        """
        wanted = self.rows[rows]
        if version is None:
            return self._day(day, register, 0).ciphertext[wanted]
        out = np.zeros(version.shape, np.uint64)
        for number in np.unique(version[version >= 0]).tolist():
            cells = self._day(day, register, number)
            mine = version == number
            if number and (mine & (cells.version[wanted] != number)).any():
                raise NotFoundError("a version is not stored", where=f"day {day}", fix="close what arrived")
            out = np.where(mine, cells.ciphertext[wanted], out)
        return out

    def refresh(self) -> None:
        """Forget days that may have grown. Call before a round of questions: what closes name is stored by then."""
        growing = [key for key, cells in self._kept.items() if not (cells.version[self.rows] >= 0).all()]
        for key in growing:
            del self._kept[key]

    def _day(self, day: int, register: int, version: int) -> Cells:
        """Every cell of a day in one version, as of the last `refresh` or later."""
        key = (day, register, version)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        cut = Cut(day, register, self._members.window.resolution)
        with self._store.read() as tx:
            cells = self._kept[key] = tx.segments.version(cut, self._count, version)
        while len(self._kept) > 1 and sum(c.ciphertext.nbytes for c in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return cells

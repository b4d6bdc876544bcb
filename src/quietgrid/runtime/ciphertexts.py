"""Ciphertexts by member row: what the PES adds up, read from the store a day at a time."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import NotFoundError
from quietgrid.model.interval import slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.store import Cut, PlatformStore

KEPT = 64


class Ciphertexts:
    """Fetches ciphertexts of one member list.

    Args:
        store: The platform's. members: whose rows are asked for.
    """

    def __init__(self, store: PlatformStore, members: MemberList) -> None:
        self._store = store
        self._members = members
        self._kept: OrderedDict[tuple[int, int], NDArray[np.uint64]] = OrderedDict()
        with store.read() as tx:
            meters = tx.registry.meters()
        row_of = {pid: row for row, pid in enumerate(meters.pids.tolist())}
        self.rows = np.array([row_of[pid] for pid in members.pids.tolist()], np.int64)
        """int64 [n]: row in the store of each member row."""
        self._count = len(meters)

    def __call__(
        self, day: int, register: int, rows: NDArray[np.int64], version: NDArray[np.int16] | None
    ) -> NDArray[np.uint64]:
        """uint64 [n, slots of the day]; version None means version 0 everywhere (0 where absent)."""
        resolution = self._members.window.resolution
        wanted = self.rows[rows]
        if version is None:
            return self._day(day, register)[wanted]
        per_day = slots_per_day(resolution)
        full = np.full((self._count, per_day), -1, np.int16)
        full[wanted] = version
        with self._store.read() as tx:
            present = tx.segments.presence(Cut(day, register, resolution), self._count)
            full[present < 0] = -1
            if (full > present).any():
                raise NotFoundError("a version is not stored", where=f"day {day}", fix="close what arrived")
            cells = tx.segments.read(Cut(day, register, resolution), self._count, full)
        return cells.ciphertext[wanted]

    def _day(self, day: int, register: int) -> NDArray[np.uint64]:
        """Version 0 of every cell; days that still grow are read again."""
        key = (day, register)
        cut = Cut(day, register, self._members.window.resolution)
        if key in self._kept:
            return self._kept[key]
        with self._store.read() as tx:
            present = tx.segments.presence(cut, self._count)
            if (present > 0).any():
                first = np.where(present >= 0, 0, -1).astype(np.int16)
                return tx.segments.read(cut, self._count, first).ciphertext
            words = tx.segments.read(cut, self._count).ciphertext
        if bool((present[self.rows] >= 0).all()):
            self._kept[key] = words
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return words

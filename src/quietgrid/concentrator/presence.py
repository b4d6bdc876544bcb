"""What is stored: one byte a cell, read from the segments when first needed, the oldest forgotten first."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from quietgrid.store import Cut, PlatformStore

Key = tuple[int, int, int]
"""(day, register, resolution in seconds)."""


class Presence:
    """Latest stored version of each cell, plus one; 0 where nothing is stored.

    Args:
        store: Where the segments are. limit: bytes this may take (more if one batch needs more).
    """

    def __init__(self, store: PlatformStore, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._maps: OrderedDict[Key, NDArray[np.uint8]] = OrderedDict()

    def of(self, key: Key, n_rows: int) -> NDArray[np.uint8]:
        """uint8 [n_rows, slots of the day], to be changed in place once a batch is on disk."""
        found = self._maps.get(key)
        if found is None:
            day, register, resolution = key
            with self._store.read() as tx:
                stored = tx.segments.presence(Cut(day, register, resolution), n_rows)
            found = (stored + 1).astype(np.uint8)
        elif len(found) < n_rows:
            found = np.pad(found, ((0, n_rows - len(found)), (0, 0)))
        self._maps[key] = found
        self._maps.move_to_end(key)
        return found

    def trim(self) -> None:
        """Forget the least recently used beyond the limit. Call when no batch is under way."""
        while len(self._maps) > 1 and sum(part.nbytes for part in self._maps.values()) > self._limit:
            self._maps.popitem(last=False)

    def forget(self) -> None:
        """Forget everything (a batch failed half way); it is read again from the store."""
        self._maps.clear()

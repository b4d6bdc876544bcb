"""A concentrator with n enrolled meters, and frames for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quietgrid.concentrator import Concentrator, Limits
from quietgrid.crypto.public.signatures import Identity
from quietgrid.model import FrameHead, ManualClock
from quietgrid.store import MeterRow, PlatformStore, open_platform
from quietgrid.wire.frame import pack_frame, pack_frames

DAY = 20_000
COMMUNITY = bytes(16)
NOON_AFTER = (DAY + 1) * 86_400 + 43_200.0


@dataclass
class Plant:
    """Meters 1000, 1001, …; `keys` by row."""

    store: PlatformStore
    clock: ManualClock
    identity: Identity
    concentrator: Concentrator
    pids: np.ndarray
    keys: list[bytes]

    def frame(self, row: int = 0, body: np.ndarray | None = None, **change: int) -> bytes:
        """One frame of a meter, slots 0..3 of DAY unless changed."""
        head = replace(FrameHead(900, 0b11, DAY, int(self.pids[row]), 1, 0, 4, 0), **change)
        if body is None:
            shape = (head.registers.bit_count(), head.count)
            body = np.random.default_rng(row).integers(0, 2**64, shape, np.uint64)
        return pack_frame(head, body, self.keys[row])

    def day_frames(self, day: int = DAY, seq: int = 1, version: int = 0) -> list[bytes]:
        """A whole day of every meter."""
        n = len(self.pids)
        body = np.random.default_rng([day, version]).integers(0, 2**64, (n, 2, 96), np.uint64)
        head = FrameHead(900, 0b11, day, 0, 0, 0, 96, version)
        return pack_frames(head, self.pids, np.full(n, seq, np.uint64), body, self.keys)

    def again(self, limits: Limits | None = None) -> Concentrator:
        """A concentrator started anew on the same store."""
        return Concentrator(self.store, self.identity, self.clock, COMMUNITY, lambda blob, _info: blob, limits)


def plant(folder: Path, n: int = 5, limits: Limits | None = None, url: str = "") -> Plant:
    """Enrol n meters."""
    clock = ManualClock(NOON_AFTER)
    store = open_platform(url or folder / "platform.db", clock)
    pids = np.arange(1000, 1000 + n, dtype=np.uint64)[::-1].copy()
    keys = [bytes([7, row % 256, row // 256]) + bytes(29) for row in range(n)]
    with store.begin() as tx:
        tx.registry.add_meters([MeterRow(int(pid), int(pid), 0b11, DAY - 200, bytes(32), b"") for pid in pids])
        tx.registry.put_acks([(int(pid), keyholder, b"ack") for pid in pids for keyholder in range(3)])
        tx.registry.put_keys([(int(pid), key) for pid, key in zip(pids, keys, strict=True)])
    identity = Identity.from_seed(bytes(32))
    concentrator = Concentrator(store, identity, clock, COMMUNITY, lambda blob, _info: blob, limits)
    return Plant(store, clock, identity, concentrator, pids, keys)

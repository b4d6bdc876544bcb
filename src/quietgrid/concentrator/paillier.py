"""Collecting frames of suite 2: the same checks as for masks, the frames kept in memory.

Source: `wire.paillier`, `concentrator.rules`. What is not here yet: the store's segments are columns of 64-bit words,
so these frames are lost when the process ends, and there is no receipt (decision 0034).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.concentrator.rules import CONFLICT, UNKEYED, Limits, refusals
from quietgrid.crypto.public.frame_mac import check_frame_mac
from quietgrid.crypto.public.paillier import PublicKey
from quietgrid.errors import FrameError, QuietgridError, VerificationError
from quietgrid.model.interval import Clock
from quietgrid.store import PlatformStore
from quietgrid.wire.frame import HEAD, HEAD_BYTES, MAC_BYTES, MAX_FRAME
from quietgrid.wire.paillier import PaillierFrame, parse_frame

Kept = tuple[PaillierFrame, bytes]


class Collector:
    """Frames of one community under one key.

    Args:
        store: The platform's: meters and MAC keys. public: whose ciphertexts are taken. clock: injected. limits: sizes.
    """

    def __init__(self, store: PlatformStore, public: PublicKey, clock: Clock, limits: Limits | None = None) -> None:
        self._public, self._clock, self._limits = public, clock, limits or Limits()
        with store.read() as tx:
            self._meters = tx.registry.meters()
            pids, keys = tx.registry.keys()
        self._row = {pid: row for row, pid in enumerate(self._meters.pids.tolist())}
        self._keys = dict(zip(pids.tolist(), map(bytes, keys), strict=True))
        self._kept: dict[tuple[int, int], dict[int, Kept]] = {}

    def accept(self, batch: Sequence[bytes]) -> list[str]:
        """Take frames; why each was refused, empty where it is kept. The same bytes again are kept already.

        Raises:
            FrameError: the request is over its limits. Nothing is kept.
        """
        if len(batch) > self._limits.request_frames or sum(map(len, batch)) > self._limits.request_bytes:
            raise FrameError("the request is too large", where="request", fix="send fewer frames at once")
        return [self._accept(data) for data in batch]

    def _accept(self, data: bytes) -> str:
        if len(data) > MAX_FRAME:
            return "its length is not one a frame can have"
        try:
            frame = parse_frame(data, self._public.bits)
            head = frame.head
            heads = np.frombuffer(data[:HEAD_BYTES], HEAD)
            rows = np.array([self._row.get(head.pid, -1)], np.int64)
            reason = refusals(heads, rows, self._meters, self._clock.now(), self._limits)[0]
            if not reason and head.pid not in self._keys:
                reason = UNKEYED
            if not reason and head.version:
                reason = "corrections are not taken in suite 2"
            if reason:
                return reason
            check_frame_mac(self._keys[head.pid], data[:-MAC_BYTES], data[-MAC_BYTES:])
            self._check_ciphertexts(frame)
        except QuietgridError as error:
            return error.what
        return self._keep(frame, data)

    def _check_ciphertexts(self, frame: PaillierFrame) -> None:
        for packed in (packed for group in frame.ciphertexts.values() for packed in group):
            if self._public.parse(packed).load != 1:
                raise VerificationError("a ciphertext is no fresh one", where="frame", fix="send one meter's readings")

    def _keep(self, frame: PaillierFrame, data: bytes) -> str:
        head = frame.head
        of_day = self._kept.setdefault((head.pid, head.day), {})
        if head.first in of_day:
            return "" if of_day[head.first][1] == data else CONFLICT
        spans = [(f.head.first, f.head.first + f.head.count) for f, _ in of_day.values()]
        if any(first < head.first + head.count and head.first < end for first, end in spans):
            return CONFLICT
        of_day[head.first] = frame, data
        return ""

    def frames(self, pids: NDArray[np.uint64], day: int, a: int, b: int) -> list[Kept | None]:
        """The frame of each meter for exactly slots [a, b) of a day, None where there is none."""
        found = (self._kept.get((pid, day), {}).get(a) for pid in pids.tolist())
        return [kept if kept is not None and kept[0].head.count == b - a else None for kept in found]

"""The platform over HTTP, as meters see it: frames go up, receipts come back. No account: contents are signed or MACed.

    POST /api/v1/meters/reading       frames one after the other (application/octet-stream) -> Accepted
    POST /api/v1/meters/day-records   list of Signed[DayRecord] -> how many are new
    POST /api/v1/meters/standing      (nonce, pids) -> Signed[Standing]
    GET  /api/v1/books                list of (Signed[BookMessage], pids of its leaf)

A household's process has its own client (`household.links`): its requests are signed with the household's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.client.keyholders import cut
from quietgrid.client.reach import Reach
from quietgrid.crypto.public.envelope import decode
from quietgrid.errors import UnavailableError
from quietgrid.model.question import Book
from quietgrid.wire.columns import book_of
from quietgrid.wire.messages import BookMessage, Signed

READING, DAY_RECORDS, BOOKS = "/api/v1/meters/reading", "/api/v1/meters/day-records", "/api/v1/books"
STANDING = "/api/v1/meters/standing"
FRAMES = "application/octet-stream"
RECORDS_AT_ONCE = 2_000


class _Accepted(msgspec.Struct):
    """The answer to frames, as sent."""

    status: bytes
    reasons: list[str]
    receipt: Signed | None
    order: list[int]


@dataclass(frozen=True)
class Accepted:
    """What became of a request's frames.

    Args:
        status: uint8 [n]: 0 stored, 1 duplicate (stored before, acknowledged again), 2 rejected.
        reasons: n texts, empty unless rejected.
        receipt: Signed receipt over the stored and duplicate frames, None if there are none.
        order: Their places in the request, in the order of the receipt's tree.
    """

    status: NDArray[np.uint8]
    reasons: list[str]
    receipt: Signed | None
    order: list[int]


class PlatformClient:
    """One platform.

    Args:
        url: Its address. connect_s, read_s: seconds to wait.

    Raises (every call):
        UnavailableError: it cannot be reached. QuietgridError: what it answered.
    """

    def __init__(self, url: str, *, connect_s: float = 1.0, read_s: float = 60.0) -> None:
        self._reach = Reach(url, "the platform", connect_s=connect_s, read_s=read_s)

    def post_frames(self, frames: Sequence[bytes]) -> Accepted:
        """Send sealed frames in one request; what is acknowledged is on disk there.

        Args:
            frames: As sealed; at most what the platform takes at once (20,000 frames, 32 MiB).
        """
        got = self._reach.post(READING, b"".join(frames), _Accepted, FRAMES)
        order, n = got.order, len(frames)
        if len(got.status) != n or len(got.reasons) != n or any(not 0 <= place < n for place in order):
            raise UnavailableError("it answered for other frames", where=self._reach.url, fix="check its version")
        return Accepted(np.frombuffer(got.status, np.uint8), got.reasons, got.receipt, order)

    def post_day_records(self, records: Sequence[Signed]) -> int:
        """Send meters' day records; how many are new there."""
        parts = cut(records, items_at_once=RECORDS_AT_ONCE)
        return sum(self._reach.post(DAY_RECORDS, msgspec.msgpack.encode(part), int) for part in parts)

    def standing(self, nonce: bytes, pids: Sequence[int]) -> Signed:
        """The concentrator's signed `Standing`: how far it has each meter's frames."""
        return self._reach.post(STANDING, msgspec.msgpack.encode((nonce, list(pids))), Signed)

    def books(self) -> list[tuple[Book, list[int]]]:
        """The registered books and the meters each is for."""
        found = self._reach.get(BOOKS, list[tuple[Signed, list[int]]])
        return [(book_of(decode(BookMessage, signed.body)), pids) for signed, pids in found]

    def close(self) -> None:
        """Let go of connections."""
        self._reach.close()

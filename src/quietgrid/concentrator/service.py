"""Accepting frames: check, de-duplicate, keep in one commit, then acknowledge with one signed receipt for all of it.

Nothing is acknowledged before it is on disk. A frame that comes again with the same bytes is acknowledged again; other
bytes for cells that are stored are refused. One signature covers a batch: its frames are leaves of a Merkle tree.

Source: PROTOCOL A "Frame", "Commit order", row K11. Cost: about 3 µs a frame in large batches, 10 in
small ones: HMAC, SHA-256, the tree.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quietgrid.concentrator.presence import Presence
from quietgrid.concentrator.rules import CONFLICT, MAC, REJECTED, UNKEYED, Limits, refusals
from quietgrid.concentrator.sorting import Checked, Sorter
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.crypto.public.many import MacKeys, digests, tree_root
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import FrameError
from quietgrid.model.interval import Clock
from quietgrid.model.sealed import FrameHead
from quietgrid.store import Meters, Part, PlatformStore
from quietgrid.wire.frame import (
    HEAD,
    MAC_BYTES,
    REASONS,
    Frames,
    heads,
    join_frame,
    malformed,
    split_frames,
    stack_frames,
)
from quietgrid.wire.messages import Enrol, Receipt, Signed
from quietgrid.wire.own import Standing

Ints = NDArray[np.int64]
Opener = Callable[[bytes, bytes], bytes]
"""Opens a blob sealed to the concentrator, (blob, info) -> plaintext, with a transport key: it reads no readings."""


@dataclass(frozen=True)
class Accepted:
    """What became of a request's frames.

    Args:
        status: uint8 [n]: 0 stored, 1 duplicate (stored before, acknowledged again), 2 rejected.
        reasons: n texts, empty unless rejected.
        receipt: Signed receipt over the stored and duplicate frames, None if there are none.
        order: int64 [m], their places in the request, in the order of the receipt's tree.
    """

    status: NDArray[np.uint8]
    reasons: list[str]
    receipt: Signed | None
    order: Ints


@dataclass(frozen=True)
class _Known:
    """Meters by row, their rows by ascending pid, their MAC keys by row."""

    meters: Meters
    pids: NDArray[np.uint64]
    rows: Ints
    keys: MacKeys

    def rows_of(self, pids: NDArray[np.uint64]) -> Ints:
        """Row of each pid, -1 where unknown."""
        if not len(self.pids):
            return np.full(len(pids), -1, np.int64)
        at = np.minimum(np.searchsorted(self.pids, pids), len(self.pids) - 1)
        return np.where(self.pids[at] == pids, self.rows[at], -1)


class Concentrator:
    """One concentrator over one store; only one may write to a store.

    Args:
        store: The platform's. identity: signs receipts. clock: injected. community: 16 bytes.
        opener: Opens `k_mac` at enrolment. limits: see `Limits`.
    """

    def __init__(
        self,
        store: PlatformStore,
        identity: Identity,
        clock: Clock,
        community: bytes,
        opener: Opener,
        limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self._store = store
        self._identity = identity
        self._clock = clock
        self._community = community
        self._opener = opener
        self._limits = limits or Limits()
        self._presence = Presence(store, self._limits.presence_bytes)
        self._sorter = Sorter(store, self._presence)
        self._lock = threading.Lock()
        self.refresh()

    def take_keys(self, enrolments: Sequence[Enrol]) -> None:
        """Open and keep the MAC keys in enrolments that were checked. Call `refresh` once the registry has the meters.

        Raises:
            VerificationError: a blob was not sealed to this concentrator. FrameError: it holds no key.
        """
        keys = []
        for enrol in enrolments:
            info = seal_info(Enrol.NAME, self._community, enrol.pid, "concentrator")
            k_mac = self._opener(enrol.sealed[3], info)
            if len(k_mac) != 32:
                raise FrameError("a MAC key has 32 bytes", where=f"meter {enrol.pid}", fix="enrol again")
            keys.append((enrol.pid, k_mac))
        with self._store.begin() as tx:
            tx.registry.put_keys(keys)

    def refresh(self) -> None:
        """Read meters and keys again, after enrolments, acknowledgements or retirements."""
        with self._store.read() as tx:
            meters = tx.registry.meters()
            key_pids, keys = tx.registry.keys()
        by_pid = dict(zip(key_pids.tolist(), map(bytes, keys), strict=True))
        rows = np.argsort(meters.pids).astype(np.int64)
        self._known = _Known(
            meters, meters.pids[rows], rows, MacKeys([by_pid.get(pid) for pid in meters.pids.tolist()])
        )

    def accept(self, batch: Sequence[bytes] | bytes) -> Accepted:
        """Take frames: keep the good ones in one commit, then acknowledge them with one signed receipt.

        Args:
            batch: Frames, or frames one after the other.

        Raises:
            FrameError: the request is over its limits, or (as bytes) cannot be cut into frames. Nothing is kept.
        """
        frames = self._within_limits(batch)
        known, now = self._known, self._clock.now()
        reasons = [""] * len(frames)
        status = np.full(len(frames), REJECTED, np.uint8)
        groups = [self._check(places, frames, reasons, known, now) for places in _by_length(frames)]
        hashes = np.zeros((len(frames), 32), np.uint8)
        for group in groups:
            hashes[group.places] = digests(group.frames.raw)
        with self._lock:
            try:
                parts = [part for group in groups for part in self._sorter.sort(group, len(known.meters), status)]
                order = np.flatnonzero(status != REJECTED)
                receipt = self._keep(parts, order, hashes[order], now) if len(order) else None
            except BaseException:
                self._presence.forget()
                raise
            self._presence.trim()
        for place in np.flatnonzero(status == REJECTED).tolist():
            reasons[place] = reasons[place] or CONFLICT
        return Accepted(status, reasons, receipt, order)

    def presence(self, day: int, register: int, resolution: int) -> NDArray[np.int16]:
        """int16 [rows, slots of the day]: the latest stored version of each cell, -1 where absent."""
        with self._lock:
            found = self._presence.of((day, register, resolution), len(self._known.meters))
            stored = found.astype(np.int16) - 1
            self._presence.trim()
        return stored

    def standing(self, nonce: bytes, pids: NDArray[np.uint64]) -> Signed:
        """How far each meter's frames are here (PROTOCOL C, K10): asked for when meters start.

        A meter whose own counter is lower was put back to an old state and must never seal with it again.

        Args:
            nonce: 16 bytes of the asker, so that an old answer cannot be replayed. pids: uint64 [n].
        """
        known = self._known
        rows = known.rows_of(pids)
        highest = np.zeros(len(known.meters) + 1, np.uint64)  # the last place is for unknown meters
        open_rows = set(rows[rows >= 0].tolist())
        with self._store.read() as tx:
            for day, resolution in reversed(tx.segments.days()):
                for head in tx.segments.heads(day, resolution):
                    np.maximum.at(highest, head.rows, head.seqs)
                open_rows -= set(np.flatnonzero(highest).tolist())
                if not open_rows:
                    break
        columns = pids.astype("<u8").tobytes(), highest[rows].astype("<u8").tobytes()
        return self._identity.sign(Standing(self._community, nonce, *columns, self._clock.now()))

    def frames(self, pid: int, day: int, resolution: int) -> list[bytes]:
        """The exact frames of one meter and day as accepted (for its own household and the auditor only)."""
        with self._store.read() as tx:
            stored = tx.segments.frames(tx.registry.meter(pid).row, day, resolution)
        frames = []
        for f in stored:
            count = f.words.shape[1]
            head = FrameHead(resolution, f.registers, day, pid, f.seq, f.first, count, f.version)
            frames.append(join_frame(head, f.words, f.mac))
        return frames

    def _within_limits(self, batch: Sequence[bytes] | bytes) -> list[bytes]:
        size = len(batch) if isinstance(batch, bytes) else sum(map(len, batch))
        if size <= self._limits.request_bytes:
            frames = split_frames(batch) if isinstance(batch, bytes) else list(batch)
            if len(frames) <= self._limits.request_frames:
                return frames
        raise FrameError("the request is too large", where="request", fix="send fewer frames at once")

    def _check(self, places: Ints, frames: Sequence[bytes], reasons: list[str], known: _Known, now: float) -> Checked:
        """Frames of one length that pass every check but de-duplication; the others' reasons are filled in."""
        raw = stack_frames([frames[place] for place in places.tolist()])
        codes = malformed(raw)
        for n in np.flatnonzero(codes).tolist():
            reasons[places[n]] = REASONS[codes[n]]
        raw, places = raw[codes == 0], places[codes == 0]
        if not len(raw):
            return Checked(Frames(raw, np.zeros(0, HEAD)), places, places)
        head = heads(raw)
        rows = known.rows_of(head["pid"])
        refused = refusals(head, rows, known.meters, now, self._limits)
        for n in np.flatnonzero([not reason for reason in refused]).tolist():
            refused[n] = "" if known.keys.known[rows[n]] else UNKEYED
        good = np.flatnonzero([not reason for reason in refused])
        wrong = (known.keys.macs(rows[good], raw[good, :-MAC_BYTES]) != raw[good, -MAC_BYTES:]).any(axis=1)
        for n in good[wrong].tolist():
            refused[n] = MAC
        for place, reason in zip(places.tolist(), refused, strict=True):
            reasons[place] = reason
        good = good[~wrong]
        return Checked(Frames(raw[good], head[good]), places[good], rows[good])

    def _keep(self, parts: list[Part], order: Ints, leaves: NDArray[np.uint8], now: float) -> Signed:
        """Write everything new in one commit; the receipt, which may be sent once this returns."""
        top = tree_root(leaves)
        receipt = self._identity.sign(Receipt(self._community, top, len(leaves), now))
        if parts:
            in_receipt = np.zeros(int(order[-1]) + 1, np.int64)
            in_receipt[order] = np.arange(len(order))
            placed = [replace(part, index=in_receipt[part.index]) for part in parts]
            with self._store.begin() as tx:
                batch = tx.segments.add_batch(pack_signed(receipt), top, len(leaves), now)
                tx.segments.write(batch, placed)
        return receipt


def _by_length(frames: Sequence[bytes]) -> list[Ints]:
    """Places of frames, grouped by length."""
    lengths = np.fromiter(map(len, frames), np.int64, len(frames))
    return [np.flatnonzero(lengths == length) for length in np.unique(lengths)]

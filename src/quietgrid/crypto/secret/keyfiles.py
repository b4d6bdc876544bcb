"""The keyholder's key store: today's chain keys, and the day keys of the days it may still have to answer for.

Scheme: PROTOCOL A, "Keyholder key store", and C, K1, K2, K8. One file of chain keys, one flat file a day of day keys,
each under its own random key in a slot file (`slotfile`, which also gives source, assumption and limits). The chain
only goes forward: once day *d* is derived, CK_d cannot be found again, so a stolen store opens 100 days and nothing
older. Does not give: protection of the days it holds; who reads the store reads those masks.

A *row* is a meter, in the order of `append`. Every change is committed by one write of one slot; a crash between any
two system calls leaves the state before or after it, and the same call repeated completes it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.secret import slotfile
from quietgrid.crypto.secret.masks import day_step
from quietgrid.crypto.secret.slotfile import Slot, SlotFile
from quietgrid.errors import InputError, NotFoundError, UnavailableError, VerificationError

_CHAIN, _DAY = b"CKEY", b"DKEY"
_CHAIN_PLACE = 0
_ERASED = 0xFFFFFFFF
_NO_DAY = -1


class KeyFiles:
    """A key store in a folder.

    Args:
        path: Folder; made on first use, for this process alone.
        pairs: Keys a meter has here (two for a keyholder).

    Raises:
        ConflictError: another process uses it. VerificationError: it is damaged.
    """

    def __init__(self, path: Path, pairs: int = 2) -> None:
        self._pairs = pairs
        self._folder = path
        for folder in (path, path / "CK", path / "DK"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        slotfile.fsync_folder(path)
        slotfile.fsync_folder(path.parent)
        self._lock = threading.RLock()
        self._file = SlotFile(path / "slots")
        self._broken = False
        try:
            self._open()
        except VerificationError:
            self._file.close()
            raise

    def _open(self) -> None:
        if _CHAIN_PLACE not in self._file.slots:
            fresh = Slot(_CHAIN, _NO_DAY, 0, 0, 0, slotfile.new_key())
            self._file.write(_CHAIN_PLACE, slotfile.create(self._path(fresh), fresh, b"", 0))
        self._at, self._keys = self._read_chain()
        self._tidy()

    # -- what it holds ---------------------------------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """Number of rows, erased ones included."""
        return len(self._at)

    @property
    def day(self) -> int:
        """The last day whose day keys were derived; -1 before the first `append`."""
        return self._chain.day

    @property
    def kept_from(self) -> int:
        """Days before this one are erased."""
        return self._chain.mark

    @property
    def days(self) -> list[int]:
        """Days whose keys are held, ascending."""
        return sorted(slot.day for slot in self._file.slots.values() if slot.kind == _DAY)

    def day_keys(self, day: int) -> NDArray[np.uint8]:
        """The day keys of all rows.

        Returns:
            uint8 [pairs, rows, 32]; all zero for a row without a key that day (see `held`).

        Raises:
            NotFoundError: the day is erased, or not yet derived.
        """
        with self._lock:
            place = self._place(day)
            if place is None or day < self.kept_from:
                raise NotFoundError(
                    "the keys of this day are not held", where=f"day {day}", fix=f"held: {self.kept_from}..{self.day}"
                )
            return self._read_day(self._file.slots[place])

    def held(self, day: int) -> NDArray[np.bool_]:
        """Which rows have a key on `day`: bool [rows]."""
        return np.asarray(self.day_keys(day).any(axis=(0, 2)), np.bool_)

    def chain_keys(self, row: int) -> tuple[int, NDArray[np.uint8]]:
        """The day a row's chain keys are of, and the keys, uint8 [pairs, 32] (for key-check values)."""
        self._check_rows([row])
        if self._at[row] == _ERASED:
            raise NotFoundError(
                "the keys of this meter are erased", where=f"row {row}", fix="the meter must enrol again"
            )
        return int(self._at[row]), self._keys[:, row].copy()

    # -- changes ---------------------------------------------------------------------------------------------------

    def append(self, keys: NDArray[np.uint8], d0: int) -> int:
        """Add rows with their first chain keys.

        Args:
            keys: uint8 [k, pairs, 32], chain keys of day `d0`. d0: first UTC day.

        Returns:
            The first new row. Days from `d0` on that were already derived for others are derived for these too.
        """
        if keys.dtype != np.uint8 or keys.ndim != 3 or keys.shape[1:] != (self._pairs, 32) or not len(keys) or d0 < 1:
            raise InputError(
                "chain keys do not fit", where="append", fix=f"give uint8 [k, {self._pairs}, 32] and a day"
            )
        with self._changing():
            first, chain = self.rows, self._chain
            turned = np.ascontiguousarray(keys.transpose(1, 0, 2))
            day = d0 - 1 if chain.day == _NO_DAY else chain.day
            at = d0
            while at <= day:
                derived, turned = self._step(turned)
                if at >= chain.mark:
                    self._extend_day(at, first, derived)
                at += 1
            marks = np.full(len(keys), at, np.uint32)
            rows = marks.astype("<u4").tobytes() + turned.tobytes()
            longer = slotfile.extend(self._path(chain), chain, first, rows, len(keys))
            self._file.write(_CHAIN_PLACE, replace(longer, day=day))
            self._at = np.concatenate([self._at, marks])
            self._keys = np.concatenate([self._keys, turned], axis=1)
            return first

    def advance(self, to_day: int) -> None:
        """Derive the day keys of every day up to and including `to_day`, and forget the chain keys behind them.

        Before the first `append` there is nothing to derive, and nothing happens.
        """
        with self._changing():
            for day in range(self.day + 1, to_day + 1) if self.day != _NO_DAY else ():
                due = self._at == day
                derived = np.zeros_like(self._keys)
                keys, at = self._keys.copy(), self._at.copy()
                derived[:, due], keys[:, due] = self._step(np.ascontiguousarray(keys[:, due]))
                at[due] = day + 1
                if day >= self.kept_from:
                    self._write_day(day, derived)
                self._write_chain(day, at, keys)

    def erase_days_before(self, day: int) -> None:
        """Forget the day keys of all days before `day`, for ever."""
        with self._changing():
            if day > self.kept_from:
                self._file.write(_CHAIN_PLACE, replace(self._chain, mark=day))
            self._tidy()

    def erase_rows(self, rows: Sequence[int]) -> None:
        """Forget all keys of these rows, for ever. Other rows keep their numbers.

        Cost: every kept file is rewritten once under a new key, so erase several rows at a time.
        """
        self._check_rows(rows)
        with self._changing():
            gone = np.array(sorted(set(rows)), np.int64)
            keys, at = self._keys.copy(), self._at.copy()
            keys[:, gone] = 0
            at[gone] = _ERASED
            self._write_chain(self.day, at, keys)
            for day in self.days:
                place = self._place(day)
                if place is not None:
                    derived = self._read_day(self._file.slots[place])
                    derived[:, gone] = 0
                    self._write_day(day, derived)

    def erase_row(self, row: int) -> None:
        """Forget all keys of one row (see `erase_rows`)."""
        self.erase_rows([row])

    def close(self) -> None:
        """Release the store for another process."""
        self._file.close()
        self._broken = True

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def _chain(self) -> Slot:
        return self._file.slots[_CHAIN_PLACE]

    def _path(self, slot: Slot) -> Path:
        if slot.kind == _CHAIN:
            return self._folder / "CK" / str(slot.generation)
        return self._folder / "DK" / f"{slot.day}.{slot.generation}"

    def _place(self, day: int) -> int | None:
        for place, slot in self._file.slots.items():
            if slot.kind == _DAY and slot.day == day:
                return place
        return None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time; one that did not finish must be completed by opening the store again."""
        with self._lock:
            if self._broken:
                raise UnavailableError("the key store is closed", where=str(self._folder), fix="open it again")
            self._broken = True
            yield
            self._broken = False

    def _check_rows(self, rows: Sequence[int]) -> None:
        for row in rows:
            if not 0 <= row < self.rows:
                raise NotFoundError("there is no such row", where=f"row {row}", fix=f"rows are 0..{self.rows - 1}")

    def _step(self, keys: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """`day_step` on [pairs, n, 32]."""
        derived, following = day_step(keys.reshape(-1, 32))
        return derived.reshape(keys.shape), following.reshape(keys.shape)

    def _tidy(self) -> None:
        """Finish or undo what was interrupted: days no longer kept, rows not appended after all, old files."""
        for place, slot in list(self._file.slots.items()):
            if slot.kind == _DAY and slot.day < self.kept_from:
                self._file.write(place, None)
            elif slot.kind == _DAY and slot.mark > self.rows:
                self._write_day(slot.day, self._read_day(slot))
        named = {self._path(slot) for slot in self._file.slots.values()}
        for folder in (self._folder / "CK", self._folder / "DK"):
            stale = [path for path in folder.iterdir() if path not in named]
            for path in stale:
                path.unlink()
            if stale:
                slotfile.fsync_folder(folder)

    def _read_chain(self) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        marks = [np.empty(0, np.uint32)]
        keys = [np.empty((self._pairs, 0, 32), np.uint8)]
        for _, count, rows in slotfile.read(self._path(self._chain), self._chain):
            marks.append(np.frombuffer(rows, "<u4", count).astype(np.uint32))
            keys.append(np.frombuffer(rows, np.uint8, offset=4 * count).reshape(self._pairs, count, 32))
        return np.concatenate(marks), np.concatenate(keys, axis=1)

    def _read_day(self, slot: Slot) -> NDArray[np.uint8]:
        """All rows of a day; a segment past the last row belongs to an `append` that did not happen."""
        out = np.zeros((self._pairs, self.rows, 32), np.uint8)
        for first, count, rows in slotfile.read(self._path(slot), slot):
            if first + count <= self.rows:
                out[:, first : first + count] = np.frombuffer(rows, np.uint8).reshape(self._pairs, count, 32)
        return out

    def _replace(self, place: int, old: Slot | None, new: Slot, rows: bytes, count: int) -> None:
        """Write a file anew under a new key, commit, and unlink what was before."""
        self._file.write(place, slotfile.create(self._path(new), new, rows, count))
        if old is not None:
            self._path(old).unlink(missing_ok=True)
            slotfile.fsync_folder(self._path(old).parent)

    def _write_chain(self, day: int, at: NDArray[np.uint32], keys: NDArray[np.uint8]) -> None:
        old = self._chain
        new = Slot(_CHAIN, day, old.mark, old.generation + 1, 0, slotfile.new_key())
        self._replace(_CHAIN_PLACE, old, new, at.astype("<u4").tobytes() + keys.tobytes(), len(at))
        self._at, self._keys = at, keys

    def _write_day(self, day: int, keys: NDArray[np.uint8]) -> None:
        place = self._place(day)
        old = None if place is None else self._file.slots[place]
        new = Slot(_DAY, day, keys.shape[1], 0 if old is None else old.generation + 1, 0, slotfile.new_key())
        where = self._file.free_place() if place is None else place
        self._replace(where, old, new, keys.tobytes(), keys.shape[1])

    def _extend_day(self, day: int, first: int, keys: NDArray[np.uint8]) -> None:
        """Add rows from `first` on to a day."""
        place = self._place(day)
        if place is None:
            blank = np.zeros((self._pairs, first, 32), np.uint8)
            self._write_day(day, np.concatenate([blank, keys], axis=1))
            return
        slot = self._file.slots[place]
        longer = slotfile.extend(self._path(slot), slot, first, keys.tobytes(), keys.shape[1])
        self._file.write(place, replace(longer, mark=first + keys.shape[1]))

"""The day record: a meter's signed word on one day, once nothing about that day can change any more.

Source: PROTOCOL A, "Messages" (`day`); C, B5. It commits to the sum of each vector of the book over exactly the cells
whose frames have receipts, in their newest version, so that an honest bill always proves. The meter keeps no plain
reading for it: it opens its own frames again with the day keys it still holds.
Does not give: proof that the meter measured truly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public import merkle, pedersen
from quietgrid.crypto.secret.chain import kcv
from quietgrid.crypto.secret.commitments import day_secret
from quietgrid.errors import InputError
from quietgrid.meter.sealing import open_values
from quietgrid.model.interval import slots_per_day
from quietgrid.model.readings import register_list
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.frame import parse_frames, parse_head
from quietgrid.wire.messages import DayRecord

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class DayVector:
    """One vector of the book on one UTC day.

    Args:
        name: As in the record: `wire.own.committed_name`.
        register: 0 or 1. weights: int64 [slots of the day], 0 outside the period.
    """

    name: str
    register: int
    weights: Ints


@dataclass(frozen=True)
class Opened:
    """One meter's own day, opened again from its frames.

    Args:
        values: Per register int64 [slots]; 0 where absent.
        cells: bool [slots], delivered.
    """

    values: dict[int, Ints]
    cells: NDArray[np.bool_]


def open_own(frames: Sequence[bytes], keys: NDArray[np.uint8], resolution: int) -> Opened:
    """Open a meter's own frames of one day, newest version of each cell.

    Args:
        frames: All of one meter, day and resolution. keys: uint8 [3, 32], the day's keys.
    """
    per_day = slots_per_day(resolution)
    sealed: dict[int, NDArray[np.uint64]] = {}
    newest = np.full(per_day, -1, np.int64)
    for frame in frames:
        head = parse_head(frame)
        if head.resolution != resolution:
            raise InputError("a frame has another resolution", where="day record", fix="make one record a resolution")
        span = slice(head.first, head.first + head.count)
        newer = newest[span] < head.version
        newest[span] = np.maximum(newest[span], head.version)
        words = parse_frames([frame]).words.reshape(-1, head.count)
        for register, row in zip(register_list(head.registers), words, strict=True):
            column = sealed.setdefault(register, np.zeros(per_day, np.uint64))
            column[span] = np.where(newer, row, column[span])
    values = {register: np.zeros(per_day, np.int64) for register in sealed}
    for version in np.unique(newest[newest >= 0]).tolist():
        cells = newest == version
        for register, row in sealed.items():
            opened = open_values(row[np.newaxis], keys[:, np.newaxis], register, version, resolution, 0)[0]
            values[register][cells] = opened[cells]
    return Opened(values, newest >= 0)


def day_record(
    whose: tuple[bytes, int], day: int, frames: Sequence[bytes], keys: NDArray[np.uint8], vectors: Sequence[DayVector]
) -> DayRecord:
    """The record of one meter and day, to be signed.

    Args:
        whose: Community (16 bytes) and pid. day: UTC day.
        frames: The frames that have receipts, by `seq`. keys: uint8 [3, 32], the day's keys.
        vectors: Of the book(s) this day belongs to; those of registers the meter lacks are committed as 0.

    Raises:
        InputError: frames of another resolution than the vectors'.

    Cost: about 60 µs a vector (Pedersen).
    """
    community, pid = whose
    per_day = len(vectors[0].weights) if vectors else 96
    opened = open_own(frames, keys, 86_400 // per_day)
    secret = day_secret(keys)
    commitments = []
    for vector in vectors:
        column = opened.values.get(vector.register)
        total = 0 if column is None else int(vector.weights @ column)
        commitments.append((vector.name, pedersen.commit(total, pedersen.scalar(secret, day, vector.name))))
    checks = [kcv(keys[pair].tobytes(), pid) for pair in range(3)]
    return DayRecord(community, pid, day, merkle.root(frames), pack_bits(opened.cells), commitments, checks)

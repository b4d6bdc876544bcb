"""`Sealed`: readings hidden under named keys, and the frame that carries them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrameHead:
    """The 32-byte head of a sealed frame (PROTOCOL A, "Frame").

    Args:
        resolution: Seconds.
        registers: Bitmap.
        day: UTC day. pid: meter. seq: frame counter of the meter, strictly rising.
        first: First slot within the day. count: Number of slots.
        version: 0, or higher for a correction of earlier slots.
    """

    resolution: int
    registers: int
    day: int
    pid: int
    seq: int
    first: int
    count: int
    version: int


@dataclass(frozen=True)
class SealedReadings:
    """A columnar batch of ciphertexts of one day, register and version.

    Args:
        pids: uint64 [n].
        day: UTC day. register: 0 import, 1 export. version: of all cells. resolution: seconds.
        first: First slot within the day.
        ciphertext: uint64 [n, t]; ``value + M01 + M02 + M12 (mod 2^64)``.

    Privacy: sealed. Says nothing about a value without two of the three keyholders.
    """

    pids: NDArray[np.uint64]
    day: int
    register: int
    version: int
    resolution: int
    first: int
    ciphertext: NDArray[np.uint64]

"""Lots: what two keyholders alone can draw from a close, with the day keys that they share.

Scheme: ``lot_ij = HMAC-SHA256(K, hash of the close)``, ``K = SHA-256("qg1 lot" ‖ pair u8 ‖ DK_ij of its meters)``.
Replicated pseudo-random sharing (Cramer, Damgård, Ishai 2005): two of the three keyholders hold all three lots, one
holds two. Assumption: HMAC-SHA256 is a pseudo-random function and SHA-256 of many keys is a good key for it. Does not
give: a proof that a lot was drawn as it should be; the other holder of the pair draws it again and compares.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def draw_lots(close: bytes, pairs: Sequence[int], keys: NDArray[np.uint8]) -> list[bytes]:
    """One lot, 32 bytes, for each pair.

    Args:
        close: Hash of the close. pairs: pair numbers. keys: uint8 [pairs, n, 32], day keys of its meters in order.
    """
    out = []
    for pair, own in zip(pairs, keys, strict=True):
        key = hashlib.sha256(b"qg1 lot" + bytes([pair]) + np.ascontiguousarray(own).tobytes()).digest()
        out.append(hmac.digest(key, close, "sha256"))
    return out

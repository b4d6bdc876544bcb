"""Lots: the same for both holders of a pair, another for every close, pair, meter and day key."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np

from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.crypto.secret.lots import draw_lots

KEYS = np.random.default_rng(1).integers(0, 256, (3, 5, 32), dtype=np.uint8)
CLOSE = hashlib.sha256(b"close").digest()


def of(
    keyholder: int, close: bytes = CLOSE, keys: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = KEYS
) -> list[bytes]:
    pairs = PAIRS_OF[keyholder]
    return draw_lots(close, pairs, keys[list(pairs)])


def test_both_holders_of_a_pair_draw_the_same() -> None:
    (a, b), (c, d), (e, f) = (of(keyholder) for keyholder in range(3))
    assert (a, b, d) == (c, e, f)
    assert len({a, b, d}) == 3


def test_known_answer() -> None:
    key = hashlib.sha256(b"qg1 lot\x02" + KEYS[2].tobytes()).digest()
    assert of(1)[1] == hmac.new(key, CLOSE, hashlib.sha256).digest()


def test_every_close_key_and_meter_changes_it() -> None:
    other = KEYS.copy()
    other[0, 3, 31] ^= 1
    assert of(0)[0] not in {of(0, b"other")[0], of(0, CLOSE, other)[0], of(0, CLOSE, KEYS[:, :4])[0]}
    assert of(0)[1] == of(0, CLOSE, other)[1]

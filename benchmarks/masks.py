"""`masks`: masks a second from our kernel, beside OpenSSL's ChaCha20 as one long stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from benchmarks.measure import alternate, bar, cpu_seconds, peak_memory_mb
from quietgrid.crypto.secret import kernel_numpy, masks

NAME = "masks"

METERS, SLOTS = 10_000, 96
BUFFER = 65_536
BAR = 0.5


def run(quick: bool) -> dict[str, Any]:
    """Masks of a day for 10,000 meters, each with its own key, against as many bytes of one OpenSSL stream."""
    meters, repeats = (1_000, 3) if quick else (METERS, 15)
    rng = np.random.default_rng(1)
    keys = rng.integers(0, 256, (3, meters, 32), dtype=np.uint8)
    words = keys[0].view("<u4").astype(np.uint32)
    out = np.zeros((meters, SLOTS), np.uint64)
    here = np.ones((meters, SLOTS), np.bool_)
    masks.warm()

    stream = Cipher(algorithms.ChaCha20(bytes(32), bytes(16)), None).encryptor()
    zeros, sealed = bytes(BUFFER), bytearray(BUFFER)
    chunks = max(1, meters * SLOTS * 8 // BUFFER)

    def one_stream() -> None:
        for _ in range(chunks):
            stream.update_into(zeros, sealed)

    sample = min(meters, 500)

    def a_cipher_a_meter() -> None:
        day = bytes(SLOTS * 8)
        for row in range(sample):
            Cipher(algorithms.ChaCha20(keys[0, row].tobytes(), bytes(16)), None).encryptor().update(day)

    nonce = np.zeros(3, np.uint32)
    seconds = alternate(
        {
            "masks": lambda: masks.masks(keys[0], 0, 0, 900),
            "one stream": one_stream,
            "add three": lambda: masks.add_masks(out, keys, 0, 0, 900),
            "masked sums": lambda: masks.masked_sums(keys[0], 0, 0, 900, here),
        },
        repeats,
    )
    cells = meters * SLOTS
    ours = cells / seconds["masks"] / 1e6
    peer = chunks * BUFFER / 8 / seconds["one stream"] / 1e6
    numpy_rate = cells / cpu_seconds(lambda: kernel_numpy.fill_masks(out, words, nonce, 0)) / 1e6
    each = sample * SLOTS / cpu_seconds(a_cipher_a_meter) / 1e6
    assert np.array_equal(masks.masks(keys[0], 0, 0, 900), out)
    return {
        "name": NAME,
        "work": f"the masks of a day ({SLOTS}) for {meters:,} meters, one key each; millions of masks per CPU second",
        "ours": {
            "kernel": masks.kernel_name(),
            "masks": round(ours, 1),
            "add_three_keys": round(3 * cells / seconds["add three"] / 1e6, 1),
            "masked_sums": round(cells / seconds["masked sums"] / 1e6, 1),
            "ns_a_mask": round(1e3 / ours, 2),
            "peak_memory_mb": peak_memory_mb(),
        },
        "peers": {
            "openssl one stream": {"masks": round(peer, 1)},
            "openssl, a cipher a meter": {"masks": round(each, 2)},
            "our NumPy fallback": {"masks": round(numpy_rate, 2)},
        },
        "ratios": {
            "openssl one stream": round(ours / peer, 3),
            "openssl, a cipher a meter": round(ours / each, 1),
            "our NumPy fallback": round(ours / numpy_rate, 1),
        },
        "bars": [bar("share of OpenSSL's rate as one stream", BAR, ours / peer)],
        "note": "OpenSSL through `cryptography`: 64 KiB buffers and update_into. It encrypts one stream under one key, "
        "which hides nothing per meter; a cipher object a meter is what its interface offers for this work.",
    }

"""The mask kernel: RFC 8439, equality with OpenSSL and with its NumPy twin, and the algebra sums rest on."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.crypto.secret import kernel_numba, kernel_numpy, masks
from quietgrid.crypto.secret.chain import PAIRS, PAIRS_OF
from quietgrid.errors import ConfigError, InputError

KERNELS = [kernel_numba, kernel_numpy]


@pytest.fixture(autouse=True)
def each_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = getattr(request, "param", None)
    if kernel is not None:
        monkeypatch.setattr(masks, "_chosen", [kernel])


both = pytest.mark.parametrize("each_kernel", KERNELS, indirect=True, ids=["numba", "numpy"])


def random_keys(seed: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 32), dtype=np.uint8)


def openssl(key: bytes, nonce: bytes, first: int, count: int) -> NDArray[np.uint64]:
    """Slots `first` on of one OpenSSL stream whose counter starts at 0."""
    cipher = Cipher(algorithms.ChaCha20(key, bytes(4) + nonce), None)
    return np.frombuffer(cipher.encryptor().update(bytes(8 * (first + count))), "<u8")[first:].astype(np.uint64)


@pytest.mark.parametrize("kernel", KERNELS, ids=["numba", "numpy"])
def test_rfc_8439_blocks(kernel: Any, vectors: Callable[[str], Any]) -> None:
    for case in vectors("rfc8439")["blocks"]:
        key = np.frombuffer(bytes.fromhex(case["key"]), "<u4").astype(np.uint32)
        nonce = np.frombuffer(bytes.fromhex(case["nonce"]), "<u4").astype(np.uint32)
        out = np.empty((17, 8), np.uint64)
        kernel.fill_masks(out, np.tile(key, (17, 1)), nonce, 8 * case["counter"])
        assert {row.astype("<u8").tobytes().hex() for row in out} == {case["keystream"]}, case["case"]


@pytest.mark.parametrize("kernel", KERNELS, ids=["numba", "numpy"])
def test_rfc_8439_encryption(kernel: Any, vectors: Callable[[str], Any]) -> None:
    case = vectors("rfc8439")["encryption"]
    key = np.frombuffer(bytes.fromhex(case["key"]), "<u4").astype(np.uint32)[None]
    nonce = np.frombuffer(bytes.fromhex(case["nonce"]), "<u4").astype(np.uint32)
    out = np.empty((1, 16), np.uint64)
    kernel.fill_masks(out, key, nonce, 8 * case["counter"])
    plain = case["plaintext"].encode()
    sealed = bytes(a ^ b for a, b in zip(plain, out.astype("<u8").tobytes(), strict=False))
    assert sealed.hex() == case["ciphertext"]


@both
def test_project_vectors(vectors: Callable[[str], Any]) -> None:
    suite = vectors("suite1")
    keys = np.array([[list(bytes.fromhex(pair["days"][0]["day_key"]))] for pair in suite["keys"]], np.uint8)
    for case in suite["masks"]:
        names = ("register", "version", "resolution", "domain", "context", "first")
        out = np.zeros((1, case["count"]), np.uint64)
        masks.add_masks(out, keys, **{name: case[name] for name in names})
        assert [str(value) for value in out[0]] == case["sum_of_three"]
        assert masks._nonce(*(case[name] for name in names[:5])).astype("<u4").tobytes().hex() == case["nonce"]
    for pair in suite["keys"]:
        chain = np.frombuffer(bytes.fromhex(pair["chain_key"]), np.uint8)[None]
        for day in pair["days"]:
            assert masks.bid_keys(chain).tobytes().hex() == day["bid_key"]
            derived, chain = masks.day_step(chain)
            assert derived.tobytes().hex() == day["day_key"]


streams = st.fixed_dictionaries(
    {
        "register": st.integers(0, 255),
        "version": st.integers(0, 255),
        "resolution": st.sampled_from([900, 1800]),
        "domain": st.sampled_from([0, 1]),
        "context": st.integers(0, 2**32 - 1),
        "first": st.integers(0, 95),
    }
)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 100), st.integers(0, 2**32))


@given(streams, sizes)
@settings(max_examples=60, deadline=None)
def test_masks_are_openssls_stream(stream: dict[str, int], size: tuple[int, int, int]) -> None:
    n, count, seed = size
    keys = random_keys(seed, n)
    got = masks.masks(keys, count=count, **stream)
    register, version, resolution = stream["register"], stream["version"], stream["resolution"]
    nonce = bytes([register, version, resolution == 1800, stream["domain"]]) + stream["context"].to_bytes(4, "little")
    for row in range(n):
        want = openssl(keys[row].tobytes(), nonce + bytes(4), stream["first"], count)
        assert np.array_equal(got[row], want)


@given(streams, sizes)
@settings(max_examples=40, deadline=None)
def test_numba_and_numpy_are_equal_in_every_operation(stream: dict[str, int], size: tuple[int, int, int]) -> None:
    n, count, seed = size
    rng = np.random.default_rng(seed)
    keys, three = random_keys(seed, n), random_keys(seed + 1, 3, n)
    start = rng.integers(0, 2**64, (n, count), dtype=np.uint64)
    present = rng.random((n, count)) < 0.7
    weights = rng.integers(-4095, 4096, (int(rng.integers(1, 9)), count))
    results = []
    for kernel in KERNELS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(masks, "_chosen", [kernel])
            up, down = start.copy(), start.copy()
            masks.add_masks(up, three, **stream)
            masks.add_masks(down, keys, sign=-1, **stream)
            plain = masks.masks(keys, count=count, **stream)
            sums = masks.masked_sums(keys, presence=present, **stream)
            facts = masks.weighted_sums(keys, weights=weights, presence=present, **stream)
            results.append((plain, up, down, sums, facts, *masks.day_step(keys), masks.bid_keys(keys)))
    for numba_result, numpy_result in zip(*results, strict=True):
        assert np.array_equal(numba_result, numpy_result)


@both
@given(streams, sizes)
@settings(max_examples=25, deadline=None)
def test_sums_are_linear(stream: dict[str, int], size: tuple[int, int, int]) -> None:
    """Sum of ciphertexts - component sums = sum of values; the same weighted; seal then unseal is the identity."""
    n, count, seed = size
    rng = np.random.default_rng(seed)
    keys = random_keys(seed, 3, n)
    values = rng.integers(0, 2**24, (n, count)).astype(np.uint64)
    present = rng.random((n, count)) < 0.8
    weights = rng.integers(-4095, 4096, (4, count))
    sealed = values.copy()
    masks.add_masks(sealed, keys, **stream)
    components = sum(masks.masked_sums(pair, presence=present, **stream) for pair in keys)
    assert np.array_equal((sealed * present).sum(axis=0) - components, (values * present).sum(axis=0))
    facts = sum(masks.weighted_sums(pair, weights=weights, presence=present, **stream) for pair in keys)
    opened = ((sealed * present) @ weights.T.astype(np.uint64) - facts).astype(np.int64)
    assert np.array_equal(opened, (values * present).astype(np.int64) @ weights.T)
    masks.add_masks(sealed, keys, sign=-1, **stream)
    assert np.array_equal(sealed, values)


@both
def test_two_keyholders_are_enough_and_one_is_not() -> None:
    keys = random_keys(5, 3, 20)
    values = np.arange(20 * 96, dtype=np.uint64).reshape(20, 96)
    sealed = values.copy()
    masks.add_masks(sealed, keys, 0, 0, 900)
    here = np.ones((20, 96), np.bool_)
    component = [masks.masked_sums(keys[pair], 0, 0, 900, here) for pair in range(3)]
    for i, j in PAIRS:
        assert set(PAIRS_OF[i]) | set(PAIRS_OF[j]) == {0, 1, 2}
    total = values.sum(axis=0)
    assert np.array_equal(sealed.sum(axis=0) - component[0] - component[1] - component[2], total)
    for first, second in PAIRS_OF:
        left = sealed.sum(axis=0) - component[first] - component[second]
        assert not np.any(left == total)


@both
def test_streams_never_meet() -> None:
    """Registers, versions, resolutions, domains, contexts and slots all have their own masks."""
    keys = random_keys(7, 1)
    seen: set[int] = set()
    count = 0
    for register in (0, 1, 2):
        for version in (0, 1, 255):
            for resolution in (900, 1800):
                for domain, context in ((0, 0), (1, 0), (1, 1), (1, 2**32 - 1)):
                    values = masks.masks(keys, register, version, resolution, domain, context)
                    seen.update(values[0].tolist())
                    count += values.size
    assert len(seen) == count


@both
def test_a_day_key_says_nothing_about_the_chain_it_came_from() -> None:
    chain = random_keys(8, 3)
    day, following = masks.day_step(chain)
    bids = masks.bid_keys(chain)
    everything = {row.tobytes() for part in (chain, day, following, bids) for row in part}
    assert len(everything) == 12
    again, _ = masks.day_step(day)
    assert not any(row.tobytes() in everything for row in again)


def test_words_and_bytes_are_the_same_keys() -> None:
    keys = random_keys(9, 5)
    words = np.frombuffer(keys.tobytes(), "<u4").reshape(5, 8).astype(np.uint32)
    assert np.array_equal(masks.masks(keys, 0, 0, 900), masks.masks(words, 0, 0, 900))


@both
def test_nothing_gives_nothing() -> None:
    none = np.empty((0, 32), np.uint8)
    assert masks.masks(none, 0, 0, 900).shape == (0, 96)
    assert masks.masks(random_keys(1, 2), 0, 0, 900, count=0).shape == (2, 0)
    assert masks.masked_sums(none, 0, 0, 900, np.empty((0, 3), np.bool_)).tolist() == [0, 0, 0]
    assert masks.weighted_sums(none, 0, 0, 900, np.ones((2, 3), np.int64), np.empty((0, 3), np.bool_)).shape == (0, 2)
    assert masks.day_step(none)[0].shape == (0, 32)


KEYS = np.zeros((2, 32), np.uint8)
HERE = np.ones((2, 4), np.bool_)
WRONG: list[Callable[[], object]] = [
    lambda: masks.masks(KEYS[:, :31], 0, 0, 900),
    lambda: masks.masks(KEYS.astype(np.int64), 0, 0, 900),
    lambda: masks.masks(KEYS[None], 0, 0, 900),
    lambda: masks.masks(KEYS, 256, 0, 900),
    lambda: masks.masks(KEYS, 0, -1, 900),
    lambda: masks.masks(KEYS, 0, 0, 3600),
    lambda: masks.masks(KEYS, 0, 0, 900, domain=2),
    lambda: masks.masks(KEYS, 0, 0, 900, context=2**32),
    lambda: masks.masks(KEYS, 0, 0, 900, first=-1),
    lambda: masks.add_masks(np.zeros((3, 4), np.uint64), KEYS, 0, 0, 900),
    lambda: masks.add_masks(np.zeros((2, 4), np.int64), KEYS, 0, 0, 900),  # type: ignore[arg-type]
    lambda: masks.add_masks(np.zeros((4, 2), np.uint64).T, KEYS, 0, 0, 900),
    lambda: masks.add_masks(np.zeros((2, 4), np.uint64), KEYS, 0, 0, 900, sign=0),
    lambda: masks.masked_sums(KEYS, 0, 0, 900, HERE[:1]),
    lambda: masks.masked_sums(KEYS, 0, 0, 900, HERE.astype(np.uint8)),  # type: ignore[arg-type]
    lambda: masks.weighted_sums(KEYS, 0, 0, 900, np.ones((1, 5), np.int64), HERE),
    lambda: masks.weighted_sums(KEYS, 0, 0, 900, np.ones((1, 4)), HERE),  # type: ignore[arg-type]
    lambda: masks.day_step(KEYS[0]),
]


@pytest.mark.parametrize("call", WRONG)
def test_what_does_not_fit_is_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError):
        call()


def test_the_kernel_is_chosen_by_name() -> None:
    assert masks._choose("numpy") is kernel_numpy
    assert masks._choose("") is masks._choose("numba") is kernel_numba
    with pytest.raises(ConfigError):
        masks._choose("cuda")
    assert masks.warm() == "numba"


NARROW = """
import numpy as np
from quietgrid.crypto.secret import kernel_numba, kernel_numpy
keys = np.random.default_rng(4).integers(0, 2**32, (37, 8), dtype=np.uint32)
nonce = np.array([1, 2, 3], np.uint32)
one, other = np.empty((37, 90), np.uint64), np.empty((37, 90), np.uint64)
kernel_numba.fill_masks(one, keys, nonce, 5)
kernel_numpy.fill_masks(other, keys, nonce, 5)
assert np.array_equal(one, other)
print("equal")
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names x86 processors")
@pytest.mark.parametrize(("cpu", "features"), [("haswell", "+avx2"), ("x86-64", "")])
def test_the_kernel_is_right_on_narrower_processors(cpu: str, features: str, tmp_path: Path) -> None:
    """8 and 4 lanes at a time, compiled for an AVX2 and an SSE2 machine."""
    names = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path)}
    child = subprocess.run(
        [sys.executable, "-c", NARROW], env={**os.environ, **names}, capture_output=True, text=True, check=False
    )
    assert child.stdout == "equal\n", child.stderr


def test_the_kernel_lets_other_threads_run() -> None:
    """It releases the GIL: a Python thread goes on counting while one long call runs."""
    keys = random_keys(3, 200_000)
    masks.warm()
    count, stop = 0, threading.Event()

    def counting() -> None:
        nonlocal count
        while not stop.is_set():
            count += 1

    out = np.zeros((len(keys), 96), np.uint64)
    masks.add_masks(out[:16], keys[:16], 0, 0, 900)
    thread = threading.Thread(target=counting)
    thread.start()
    before = count
    kernel_numba.fill_masks(out, keys.view("<u4").reshape(-1, 8), np.zeros(3, np.uint32), 0)
    during = count - before
    stop.set()
    thread.join()
    assert during > 10_000

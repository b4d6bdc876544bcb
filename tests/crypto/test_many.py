"""Many hashes, MACs and trees at once are those of `hashlib`, `frame_mac` and `merkle`, with and without Numba."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pytest

from quietgrid.crypto.public import many, merkle
from quietgrid.crypto.public.frame_mac import frame_mac


@pytest.fixture(params=["kernel", "hashlib"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel even for one message, or never."""
    many._kernel.cache_clear()
    monkeypatch.setattr(many, "FEW", 0)
    if request.param == "hashlib":
        monkeypatch.setenv("QUIETGRID_KERNEL", "numpy")
    else:
        pytest.importorskip("numba")
        assert many._kernel() is not None
    yield
    many._kernel.cache_clear()


def random_bytes(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, 256, shape, np.uint8)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120, 784, 1568])
def test_digests(length: int) -> None:
    for n in (1, 15, 16, 17, 40):
        data = random_bytes(n, length)
        expected = [hashlib.sha256(row.tobytes()).digest() for row in data]
        assert [bytes(row) for row in many.digests(data)] == expected
        assert [bytes(row) for row in many.digests(np.asfortranarray(data))] == expected


def test_the_vectors_of_the_standard() -> None:
    """FIPS 180-4 examples: "abc" and the 448-bit message, in a batch large enough for the kernel."""
    for text, hexed in (
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ):  # fmt: skip
        batch = np.tile(np.frombuffer(text, np.uint8), (many.FEW, 1))
        assert {bytes(row).hex() for row in many.digests(batch)} == {hexed}


@pytest.mark.usefixtures("few")
def test_macs() -> None:
    keys = [None if n == 3 else bytes(random_bytes(32, n)[:, 0]) if n else bytes(32) for n in range(20)]
    prepared = many.MacKeys(keys)
    assert prepared.known.tolist() == [n != 3 for n in range(20)]
    rows = np.array([0, 19, 5, 5, 7] * 5)
    for length in (1, 48, 784):
        data = random_bytes(25, length)
        expected = [frame_mac(keys[row] or b"", body.tobytes()) for row, body in zip(rows, data, strict=True)]
        assert [bytes(row) for row in prepared.macs(rows, data)] == expected


@pytest.mark.usefixtures("few")
def test_tree_roots() -> None:
    for n in (0, 1, 2, 3, 5, 8, 33, 100):
        leaves = random_bytes(n, 32)
        assert many.tree_root(leaves) == merkle.root([bytes(row) for row in leaves])

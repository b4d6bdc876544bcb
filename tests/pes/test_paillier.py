"""Blind sums of suite 2 open to the plain sums of the plan's cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quietgrid.algorithms.plan import TotalsPlan
from quietgrid.crypto.public.packing import blocks, pack, unpack
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.errors import InputError, VerificationError
from quietgrid.model.sealed import FrameHead
from quietgrid.pes import blind_blocks
from quietgrid.wire.paillier import PaillierFrame

VECTORS = Path(__file__).parents[2] / "vectors" / "paillier.json"
T = 48


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    case: dict[str, Any] = json.loads(VECTORS.read_text())["cases"][0]
    return PrivateKey(*(int(case[name], 16) for name in ("p", "q", "base")))


def frame(key: PrivateKey, values: dict[int, list[int]], present: list[bool]) -> PaillierFrame:
    public = key.public
    sealed = {
        register: tuple(public.pack(public.encrypt(pack(column[a:b]))) for a, b in blocks(T, 2048))
        for register, column in values.items()
    }
    return PaillierFrame(FrameHead(900, 3, 1, 1, 1, 0, T, 0), np.array(present), sealed, b"", b"")


def plan(include: dict[int, Any], allowed: Any) -> TotalsPlan:
    n = len(next(iter(include.values())))
    signs = {register: 1 - 2 * register for register in include}
    homes = np.full(T, n, np.int32)
    return TotalsPlan(1, 0, T, np.arange(n), include, signs, np.zeros((n, T), np.int16), homes, allowed)


def test_sums_open_to_the_plain_sums(key: PrivateKey) -> None:
    rng = np.random.default_rng(3)
    present = rng.random((5, T)) < 0.9
    present[4] = False
    columns = {register: np.where(present, rng.integers(0, 1 << 24, (5, T)), 0) for register in (0, 1)}
    columns[1][1] = 0
    able = np.array([True, False, True, True, True])
    include = {0: present.copy(), 1: present & able[:, None]}
    include[0][3] = include[1][3] = False  # delivered after the close
    frames: list[PaillierFrame | None] = [
        frame(key, {r: columns[r][row].tolist() for r in (0, 1) if r == 0 or able[row]}, present[row].tolist())
        for row in range(4)
    ]
    sums = blind_blocks(key.public, [*frames, None], plan(include, np.ones(T, np.bool_)))
    for register, blocks_of in enumerate(sums):
        opened: list[int] = []
        for (a, b), packed in zip(blocks(T, 2048), blocks_of, strict=True):
            total = key.public.parse(packed)
            opened += unpack(key.decrypt(total), b - a, total.load)
        assert opened == np.where(include[register], columns[register], 0).sum(axis=0).tolist()


def test_what_cannot_be_added(key: PrivateKey) -> None:
    here = np.ones((2, T), np.bool_)
    good = frame(key, {0: [1] * T}, [True] * T)
    allowed = np.ones(T, np.bool_)
    split = here.copy()
    split[1, 5] = False
    with pytest.raises(InputError, match="part of a packed frame"):
        blind_blocks(key.public, [good, good], plan({0: split}, allowed))
    with pytest.raises(InputError, match="part of a packed frame"):
        blind_blocks(key.public, [good, None], plan({0: here}, allowed))
    with pytest.raises(InputError, match="one a row"):
        blind_blocks(key.public, [good], plan({0: here}, allowed))
    assert blind_blocks(key.public, [good, good], plan({0: here}, ~allowed)) == [[]], "nothing may open"
    broken = PaillierFrame(good.head, good.present, {0: (b"\1" + bytes(532), *good.ciphertexts[0][1:])}, b"", b"")
    with pytest.raises(VerificationError):
        blind_blocks(key.public, [good, broken], plan({0: here}, allowed))

"""ChaCha20 (RFC 8439) across meters: sixteen keys in the sixteen lanes of a vector, compiled by Numba.

Scheme: the ChaCha20 block function, one lane a meter, so a meter's short stream (12 blocks a day) costs what a long
one costs. Source: RFC 8439 section 2.3; the lane layout follows the "vertical" form of Goll & Gueron (2014).
Assumption: ChaCha20 is a pseudo-random function. It does not give integrity, nor any limit on reuse: a mask used
twice gives the difference of two readings, so callers must keep PROTOCOL A, "Single use".

The block is written as LLVM vectors (`<16 x i32>`) in a Numba intrinsic: Numba widens ``uint32 + uint32`` to 64 bits,
which breaks rotations unless every result is cast back, and its auto-vectoriser reached 55 % of OpenSSL's rate, this
80 % and more (``python -m benchmarks masks``). Machines without AVX-512 get the same code in narrower vectors.
`kernel_numpy` is the readable twin; tests hold both and OpenSSL bit-equal. Every kernel releases the GIL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

F = TypeVar("F", bound=Callable[..., Any])

LANES = 16
_CONSTANTS = (0x61707865, 0x3320646E, 0x79622D32, 0x6B206574)
_QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
_WORD = ir.IntType(32)
_VECTOR = ir.VectorType(_WORD, LANES)


def _jit(function: F) -> F:
    """`numba.njit` with a type: GIL released, cached on disk where Numba finds a folder it may write to."""
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast(F, njit(nogil=True)(function))


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """`numba.extending.intrinsic` with a type; calls leave the typing context out."""
    return cast(Callable[..., Any], intrinsic(function))


def _splat(builder: Any, scalar: Any) -> Any:
    """The vector with `scalar` in every lane."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(_WORD, 0))
    zeros = ir.Constant(ir.VectorType(_WORD, LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _shuffle(builder: Any, a: Any, b: Any, indices: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_WORD, LANES), indices))


def _rotate(builder: Any, x: Any, bits: int) -> Any:
    left = ir.Constant(_VECTOR, [bits] * LANES)
    right = ir.Constant(_VECTOR, [32 - bits] * LANES)
    return builder.or_(builder.shl(x, left), builder.lshr(x, right))


def _rounds(builder: Any, x: list[Any]) -> None:
    """Twenty rounds in place on sixteen vectors."""
    for _ in range(10):
        for half in (_QUARTERS[:4], _QUARTERS[4:]):
            for target, other, turned, bits in ((0, 1, 3, 16), (2, 3, 1, 12), (0, 1, 3, 8), (2, 3, 1, 7)):
                for q in half:
                    x[q[target]] = builder.add(x[q[target]], x[q[other]])
                for q in half:
                    x[q[turned]] = builder.xor(x[q[turned]], x[q[target]])
                for q in half:
                    x[q[turned]] = _rotate(builder, x[q[turned]], bits)


def _transpose(builder: Any, x: list[Any]) -> list[Any]:
    """Sixteen vectors of one word each (lane = meter) to sixteen of one meter each (lane = word)."""
    low32 = [i + half for i in range(0, 16, 4) for half in (0, 16, 1, 17)]
    high32 = [i + half for i in range(0, 16, 4) for half in (2, 18, 3, 19)]
    low64 = [i + half for i in range(0, 16, 4) for half in (0, 1, 16, 17)]
    high64 = [i + half for i in range(0, 16, 4) for half in (2, 3, 18, 19)]
    even = [*range(0, 4), *range(8, 12), *range(16, 20), *range(24, 28)]
    odd = [*range(4, 8), *range(12, 16), *range(20, 24), *range(28, 32)]
    quads: list[list[Any]] = [[], [], [], []]
    for g in range(0, 16, 4):
        a, b = _shuffle(builder, x[g], x[g + 1], low32), _shuffle(builder, x[g], x[g + 1], high32)
        c, d = _shuffle(builder, x[g + 2], x[g + 3], low32), _shuffle(builder, x[g + 2], x[g + 3], high32)
        quads[0].append(_shuffle(builder, a, c, low64))
        quads[1].append(_shuffle(builder, a, c, high64))
        quads[2].append(_shuffle(builder, b, d, low64))
        quads[3].append(_shuffle(builder, b, d, high64))
    rows: list[Any] = [None] * 16
    for k, (g0, g1, g2, g3) in enumerate(quads):
        e01, o01 = _shuffle(builder, g0, g1, even), _shuffle(builder, g0, g1, odd)
        e23, o23 = _shuffle(builder, g2, g3, even), _shuffle(builder, g2, g3, odd)
        rows[k], rows[8 + k] = _shuffle(builder, e01, e23, even), _shuffle(builder, e01, e23, odd)
        rows[4 + k], rows[12 + k] = _shuffle(builder, o01, o23, even), _shuffle(builder, o01, o23, odd)
    return rows


@_intrinsic
def _block16(  # noqa: PLR0913  (the typing context is none of the caller's)
    typing_context: Any, key: Any, counter: Any, nonce: Any, out: Any, row: Any, column: Any
) -> Any:
    """Write one ChaCha20 block of sixteen keys: 64 bytes each to ``out[row + lane, column : column + 8]``.

    `key` uint32 [8, 16], `nonce` uint32 [3], `out` uint64 [>= row + 16, >= column + 8], C order.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = [context.make_array(t)(context, builder, args[i]) for i, t in ((0, key), (2, nonce), (3, out))]
        key_data, nonce_data, out_data = (array.data for array in arrays)
        pointer = _VECTOR.as_pointer()

        def word(index: int) -> Any:
            return builder.load(builder.gep(nonce_data, [ir.Constant(_WORD, index)]))

        def key_vector(index: int) -> Any:
            address = builder.gep(key_data, [ir.Constant(_WORD, index * LANES)])
            return builder.load(builder.bitcast(address, pointer), align=4)

        start = [ir.Constant(_VECTOR, [c] * LANES) for c in _CONSTANTS]
        start += [key_vector(i) for i in range(8)]
        start += [_splat(builder, scalar) for scalar in (args[1], word(0), word(1), word(2))]
        x = list(start)
        _rounds(builder, x)
        x = [builder.add(a, b) for a, b in zip(x, start, strict=True)]
        width = builder.extract_value(arrays[2].shape, 1)
        for lane, vector in enumerate(_transpose(builder, x)):
            line = builder.add(args[4], ir.Constant(args[4].type, lane))
            address = builder.gep(out_data, [builder.add(builder.mul(line, width), args[5])])
            builder.store(vector, builder.bitcast(address, pointer), align=8)
        return context.get_dummy_value()

    return types.void(key, types.uint32, nonce, out, types.intp, types.intp), codegen


@_jit
def _lane_keys(keys: NDArray[np.uint32], row: int, lanes: NDArray[np.uint32]) -> None:
    """Turn up to sixteen keys from `row` on into lanes; lanes past the last key repeat the last."""
    last = keys.shape[0] - 1
    for lane in range(16):
        source = min(row + lane, last)
        for word in range(8):
            lanes[word, lane] = keys[source, word]


@_jit
def add_masks(
    out: NDArray[np.uint64], keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int, negative: bool
) -> None:
    """Add to `out` [n, t] (or subtract) the masks of slots ``first .. first + t - 1`` under all of `keys` [p, n, 8]."""
    pairs, n, t = keys.shape[0], out.shape[0], out.shape[1]
    start, stop = first // 8, (first + t + 7) // 8
    shift = first - 8 * start
    tile = np.empty((16, 8 * (stop - start)), np.uint64)
    lanes = np.empty((8, 16), np.uint32)
    for row in range(0, n, 16):
        live = min(16, n - row)
        for pair in range(pairs):
            _lane_keys(keys[pair], row, lanes)
            for block in range(start, stop):
                _block16(lanes, np.uint32(block), nonce, tile, 0, 8 * (block - start))
            for lane in range(live):
                if negative:
                    for slot in range(t):
                        out[row + lane, slot] -= tile[lane, shift + slot]
                else:
                    for slot in range(t):
                        out[row + lane, slot] += tile[lane, shift + slot]


@_jit
def fill_masks(out: NDArray[np.uint64], keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int) -> None:
    """Write to `out` [n, t] the masks of slots ``first .. first + t - 1`` under `keys` [n, 8]."""
    n, t = out.shape
    start, stop = first // 8, (first + t + 7) // 8
    shift = first - 8 * start
    whole = shift == 0 and t % 8 == 0
    tile = np.empty((16, 8 * (stop - start)), np.uint64)
    lanes = np.empty((8, 16), np.uint32)
    for row in range(0, n, 16):
        live = min(16, n - row)
        _lane_keys(keys, row, lanes)
        if whole and live == 16:
            for block in range(start, stop):
                _block16(lanes, np.uint32(block), nonce, out, row, 8 * (block - start))
        else:
            for block in range(start, stop):
                _block16(lanes, np.uint32(block), nonce, tile, 0, 8 * (block - start))
            for lane in range(live):
                for slot in range(t):
                    out[row + lane, slot] = tile[lane, shift + slot]


@_jit
def masked_sums(
    keys: NDArray[np.uint32], nonce: NDArray[np.uint32], first: int, present: NDArray[np.bool_], out: NDArray[np.uint64]
) -> None:
    """Add to `out` [t] the sum over meters of their masks where `present` [n, t]."""
    n, t = present.shape
    start, stop = first // 8, (first + t + 7) // 8
    shift = first - 8 * start
    tile = np.empty((16, 8 * (stop - start)), np.uint64)
    lanes = np.empty((8, 16), np.uint32)
    for row in range(0, n, 16):
        _lane_keys(keys, row, lanes)
        for block in range(start, stop):
            _block16(lanes, np.uint32(block), nonce, tile, 0, 8 * (block - start))
        for lane in range(min(16, n - row)):
            for slot in range(t):
                out[slot] += tile[lane, shift + slot] * np.uint64(present[row + lane, slot])


@_jit
def weighted_sums(
    keys: NDArray[np.uint32],
    nonce: NDArray[np.uint32],
    first: int,
    weights: NDArray[np.uint64],
    present: NDArray[np.bool_],
    out: NDArray[np.uint64],
) -> None:
    """Add to `out` [n, F] each meter's masks weighted by `weights` [F, t] (two's complement) where `present`."""
    n, t = present.shape
    start, stop = first // 8, (first + t + 7) // 8
    shift = first - 8 * start
    tile = np.empty((16, 8 * (stop - start)), np.uint64)
    lanes = np.empty((8, 16), np.uint32)
    for row in range(0, n, 16):
        _lane_keys(keys, row, lanes)
        for block in range(start, stop):
            _block16(lanes, np.uint32(block), nonce, tile, 0, 8 * (block - start))
        for lane in range(min(16, n - row)):
            for slot in range(t):
                tile[lane, shift + slot] *= np.uint64(present[row + lane, slot])
            for f in range(weights.shape[0]):
                total = np.uint64(0)
                for slot in range(t):
                    total += tile[lane, shift + slot] * weights[f, slot]
                out[row + lane, f] += total

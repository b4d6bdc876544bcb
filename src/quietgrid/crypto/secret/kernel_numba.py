"""ChaCha20 (RFC 8439) across meters: sixteen keys in the sixteen lanes of a vector, compiled by Numba.

Scheme: the ChaCha20 block function, one lane a meter, so a meter's short stream (12 blocks a day) costs what a long
one costs. Source: RFC 8439 section 2.3; the lane layout follows the "vertical" form of Goll & Gueron (2014).
Assumption: ChaCha20 is a pseudo-random function. It does not give integrity, nor any limit on reuse: a mask used
twice gives the difference of two readings, so callers must keep PROTOCOL A, "Single use".

The block is written as LLVM vectors in a Numba intrinsic: Numba widens ``uint32 + uint32`` to 64 bits, which breaks
rotations unless every result is cast back, and its auto-vectoriser reached 55 % of OpenSSL's rate, this 80 % and more
(``python -m benchmarks masks``). Without AVX-512 the sixteen lanes are computed 8 (AVX2) or 4 (SSE2, NEON) at a time.
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
Shuffle = Callable[[Any, Any, list[int]], Any]


def _jit(function: F) -> F:
    """`numba.njit` with a type: GIL released, cached on disk where Numba finds a folder it may write to."""
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast(F, njit(nogil=True)(function))


def _intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """`numba.extending.intrinsic` with a type; calls leave the typing context out."""
    return cast(Callable[..., Any], intrinsic(function))


def _lanes(features: str) -> int:
    """32-bit lanes of the machine's vectors: sixteen words of state then fit its registers."""
    return 16 if "+avx512f" in features else 8 if "+avx2" in features else 4


def _rounds(builder: Any, x: list[Any]) -> None:
    """Twenty rounds in place on sixteen vectors, one a word of the state."""
    vector = x[0].type

    def rotate(word: Any, bits: int) -> Any:
        left, right = (ir.Constant(vector, [by] * vector.count) for by in (bits, 32 - bits))
        return builder.or_(builder.shl(word, left), builder.lshr(word, right))

    for _ in range(10):
        for half in (_QUARTERS[:4], _QUARTERS[4:]):
            for target, other, turned, bits in ((0, 1, 3, 16), (2, 3, 1, 12), (0, 1, 3, 8), (2, 3, 1, 7)):
                for q in half:
                    x[q[target]] = builder.add(x[q[target]], x[q[other]])
                for q in half:
                    x[q[turned]] = builder.xor(x[q[turned]], x[q[target]])
                for q in half:
                    x[q[turned]] = rotate(x[q[turned]], bits)


def _transpose(shuffle: Shuffle, x: list[Any], width: int) -> list[Any]:
    """A square of words: vectors of one word each (lane = meter) to vectors of one meter each (lane = word).

    First every 4 x 4 square within 128-bit parts (`quads[k]`: lane k of each part), then the parts among themselves.
    """
    corners = range(0, width, 4)
    low32 = [i + j for i in corners for j in (0, width, 1, width + 1)]
    low64 = [i + j for i in corners for j in (0, 1, width, width + 1)]
    high32, high64 = [i + 2 for i in low32], [i + 2 for i in low64]
    quads: list[list[Any]] = [[], [], [], []]
    for g in corners:
        a, b = shuffle(x[g], x[g + 1], low32), shuffle(x[g], x[g + 1], high32)
        c, d = shuffle(x[g + 2], x[g + 3], low32), shuffle(x[g + 2], x[g + 3], high32)
        for quad, (left, right, indices) in zip(
            quads, ((a, c, low64), (a, c, high64), (b, d, low64), (b, d, high64)), strict=True
        ):
            quad.append(shuffle(left, right, indices))
    rows: list[Any] = [None] * width
    even = [i + j for i in range(0, 2 * width, 8) for j in range(4)]
    odd = [i + 4 for i in even]
    for k, quad in enumerate(quads):
        if width == 4:
            rows[k] = quad[0]
        elif width == 8:
            rows[k], rows[4 + k] = shuffle(quad[0], quad[1], even), shuffle(quad[0], quad[1], odd)
        else:
            e01, o01 = shuffle(quad[0], quad[1], even), shuffle(quad[0], quad[1], odd)
            e23, o23 = shuffle(quad[2], quad[3], even), shuffle(quad[2], quad[3], odd)
            rows[k], rows[8 + k] = shuffle(e01, e23, even), shuffle(e01, e23, odd)
            rows[4 + k], rows[12 + k] = shuffle(o01, o23, even), shuffle(o01, o23, odd)
    return rows


@_intrinsic
def _block16(  # noqa: PLR0913  (the typing context is none of the caller's)
    typing_context: Any, key: Any, counter: Any, nonce: Any, out: Any, row: Any, column: Any
) -> Any:
    """Write one ChaCha20 block of sixteen keys: 64 bytes each to ``out[row + lane, column : column + 8]``.

    `key` uint32 [8, 16], `nonce` uint32 [3], `out` uint64 [>= row + 16, >= column + 8], C order.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        key_array, nonce_array, out_array = (
            context.make_array(t)(context, builder, args[i]) for i, t in ((0, key), (2, nonce), (3, out))
        )
        width = _lanes(context.codegen().magic_tuple()[2])
        vector = ir.VectorType(_WORD, width)
        pointer, undefined = vector.as_pointer(), ir.Constant(vector, ir.Undefined)

        def shuffle(a: Any, b: Any, indices: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(vector, indices))

        def splat(scalar: Any) -> Any:
            one = builder.insert_element(undefined, scalar, ir.Constant(_WORD, 0))
            return shuffle(one, undefined, [0] * width)

        def at(data: Any, index: int) -> Any:
            return builder.gep(data, [ir.Constant(_WORD, index)])

        words = [splat(args[1]), *(splat(builder.load(at(nonce_array.data, i))) for i in range(3))]
        row_size = builder.extract_value(out_array.shape, 1)
        for lane in range(0, LANES, width):
            start = [ir.Constant(vector, [c] * width) for c in _CONSTANTS]
            for i in range(8):
                start.append(builder.load(builder.bitcast(at(key_array.data, i * LANES + lane), pointer), align=4))
            start += words
            x = list(start)
            _rounds(builder, x)
            x = [builder.add(a, b) for a, b in zip(x, start, strict=True)]
            for word in range(0, 16, width):
                for meter, part in enumerate(_transpose(shuffle, x[word : word + width], width)):
                    line = builder.mul(builder.add(args[4], ir.Constant(args[4].type, lane + meter)), row_size)
                    offset = builder.add(builder.add(line, args[5]), ir.Constant(args[5].type, word // 2))
                    builder.store(part, builder.bitcast(builder.gep(out_array.data, [offset]), pointer), align=8)
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

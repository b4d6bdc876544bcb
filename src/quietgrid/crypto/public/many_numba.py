"""SHA-256's compression function on sixteen messages at once, as LLVM vectors in a Numba intrinsic.

Source: FIPS 180-4 section 6.2.2. Like the mask kernel it is written as vectors because Numba widens
``uint32 + uint32`` to 64 bits. Not constant time by design but by nature: no branch and no address depends on data.
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
_WORD = ir.IntType(32)


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root_bits(prime: int) -> int:
    """The first 32 bits of the fraction of the cube root of a prime (FIPS 180-4 section 4.2.2)."""
    scaled, root = prime << 96, 0
    for bit in range(36, -1, -1):
        if (root + (1 << bit)) ** 3 <= scaled:
            root += 1 << bit
    return root & 0xFFFFFFFF


_K = [_cube_root_bits(prime) for prime in _primes(64)]


def _jit(function: F) -> F:
    """`numba.njit` with a type: GIL released, cached on disk where Numba finds a folder it may write to."""
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:
        return cast(F, njit(nogil=True)(function))


def _rounds(builder: Any, state: list[Any], w: list[Any]) -> list[Any]:
    """64 rounds on eight vectors, with sixteen vectors of message (extended in place); the new state."""
    vector = state[0].type

    def constant(value: int) -> Any:
        return ir.Constant(vector, [value] * vector.count)

    def rotated(word: Any, *bits: int, shift: int = 0) -> Any:
        parts = [builder.or_(builder.lshr(word, constant(b)), builder.shl(word, constant(32 - b))) for b in bits]
        parts += [builder.lshr(word, constant(shift))] if shift else []
        result = parts[0]
        for part in parts[1:]:
            result = builder.xor(result, part)
        return result

    def total(*words: Any) -> Any:
        result = words[0]
        for word in words[1:]:
            result = builder.add(result, word)
        return result

    a, b, c, d, e, f, g, h = state
    for t in range(64):
        if t >= 16:
            far, near = w[(t - 15) % 16], w[(t - 2) % 16]
            small = rotated(far, 7, 18, shift=3), rotated(near, 17, 19, shift=10)
            w[t % 16] = total(w[t % 16], small[0], w[(t - 7) % 16], small[1])
        choice = builder.xor(g, builder.and_(e, builder.xor(f, g)))
        majority = builder.or_(builder.and_(a, b), builder.and_(c, builder.or_(a, b)))
        first = total(h, rotated(e, 6, 11, 25), choice, constant(_K[t]), w[t % 16])
        a, b, c, d, e, f, g, h = (
            total(first, rotated(a, 2, 13, 22), majority), a, b, c, builder.add(d, first), e, f, g,
        )  # fmt: skip
    return [builder.add(old, new) for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


@cast(Callable[..., Any], intrinsic)
def _compress16(typing_context: Any, state: Any, words: Any) -> Any:
    """One block of sixteen messages: `state` uint32 [8, 16] goes on with `words` uint32 [16, 16], lane = message."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        state_data, word_data = (
            context.make_array(t)(context, builder, args[i]).data for i, t in ((0, state), (1, words))
        )
        features = context.codegen().magic_tuple()[2]
        width = 16 if "+avx512f" in features else 8 if "+avx2" in features else 4
        pointer = ir.VectorType(_WORD, width).as_pointer()

        def at(data: Any, row: int, lane: int) -> Any:
            return builder.bitcast(builder.gep(data, [ir.Constant(_WORD, row * LANES + lane)]), pointer)

        for lane in range(0, LANES, width):
            before = [builder.load(at(state_data, row, lane), align=4) for row in range(8)]
            message = [builder.load(at(word_data, row, lane), align=4) for row in range(16)]
            for row, part in enumerate(_rounds(builder, before, message)):
                builder.store(part, at(state_data, row, lane), align=4)
        return context.get_dummy_value()

    return types.void(state, words), codegen


@_jit
def compress(states: NDArray[np.uint32], words: NDArray[np.uint32]) -> None:
    """Take in whole blocks: `states` uint32 [n, 8] in place, `words` uint32 [n, 16 x blocks], big-endian words."""
    n, blocks = states.shape[0], words.shape[1] // 16
    state = np.zeros((8, 16), np.uint32)
    message = np.zeros((16, 16), np.uint32)
    for row in range(0, n, 16):
        live = min(16, n - row)
        for lane in range(live):
            for i in range(8):
                state[i, lane] = states[row + lane, i]
        for block in range(blocks):
            for lane in range(live):
                for i in range(16):
                    message[i, lane] = words[row + lane, 16 * block + i]
            _compress16(state, message)
        for lane in range(live):
            for i in range(8):
                states[row + lane, i] = state[i, lane]

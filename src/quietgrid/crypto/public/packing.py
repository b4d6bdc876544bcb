"""Many small numbers in one Paillier plaintext, with room for their sums.

A slot is 50 bits: 24 for a value (0 <= value < 2^24, as a reading) and 26 of head-room. A sum with weights w adds at
most ``(2^24 - 1) · Σw`` to a slot; `crypto.public.paillier` keeps Σw, the load, at most 2^26, so a slot stays below
``2^24 · 2^26 = 2^50`` and never reaches its neighbour: 2^14 terms with weights below 2^12. A plaintext must stay below
n, so a key of b bits has ``(b - 1) // 50`` slots: 61 for 3072 bits (a day of 96 in two ciphertexts), 40 for 2048.
Slots are spread evenly over the ciphertexts they need. Assumption: whoever encrypts keeps values in range; a meter
that does not spoils the slots of its own sums, and `unpack` refuses what no honest sum can be. Does not give: any
secrecy of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from quietgrid.crypto.public.paillier import LOAD_BITS, MAX_LOAD
from quietgrid.errors import InputError, VerificationError

VALUE_BITS = 24
SLOT_BITS = VALUE_BITS + LOAD_BITS
_MASK = (1 << SLOT_BITS) - 1


def room(bits: int) -> int:
    """Slots of a plaintext under a key of `bits`.

    >>> room(3072), room(2048)
    (61, 40)
    """
    return (bits - 1) // SLOT_BITS


def blocks(count: int, bits: int) -> list[tuple[int, int]]:
    """How `count` numbers are spread over ciphertexts: (first, end) of each.

    >>> blocks(96, 3072), blocks(96, 2048)
    ([(0, 48), (48, 96)], [(0, 32), (32, 64), (64, 96)])
    """
    if count < 1:
        return []
    number = -(-count // room(bits))
    edges = [count * at // number for at in range(number + 1)]
    return list(pairwise(edges))


def pack(values: Sequence[int]) -> int:
    """One plaintext; the first value is in the lowest slot.

    Raises:
        InputError: a value out of range.

    >>> pack([3, 1]) == 3 + (1 << 50)
    True
    """
    if values and (min(values) < 0 or max(values) >> VALUE_BITS):
        raise InputError("a value does not fit its slot", where="packing", fix=f"use 0..{(1 << VALUE_BITS) - 1}")
    plain = 0
    for value in reversed(values):
        plain = plain << SLOT_BITS | value
    return plain


def unpack(plain: int, count: int, load: int) -> list[int]:
    """The slots of an opened sum.

    Args:
        plain: As decrypted. count: slots that were packed. load: of the ciphertext, 1..`MAX_LOAD`.

    Raises:
        VerificationError: no sum of values in range looks like this: somebody encrypted something else.
    """
    if not 0 < load <= MAX_LOAD:
        raise InputError("a load out of range", where="packing", fix=f"use 1..{MAX_LOAD}")
    limit = load * ((1 << VALUE_BITS) - 1)
    values = [plain >> SLOT_BITS * slot & _MASK for slot in range(count)]
    if plain < 0 or plain >> SLOT_BITS * count or max(values, default=0) > limit:
        raise VerificationError(
            "a slot has overflowed", where="packing", fix="find the meter that encrypts no readings"
        )
    return values

"""Many numbers in one plaintext: they come out as they went in, and sums never reach a neighbour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.crypto.public.packing import SLOT_BITS, VALUE_BITS, blocks, pack, room, unpack
from quietgrid.crypto.public.paillier import LOAD_BITS, MAX_LOAD, WEIGHT_BITS
from quietgrid.errors import InputError, VerificationError
from quietgrid.model.quantity import MAX_READING_WH

TOP = (1 << VALUE_BITS) - 1
values = st.lists(st.integers(0, TOP), min_size=1, max_size=61)


@given(values)
def test_what_is_packed_comes_out(numbers: list[int]) -> None:
    assert unpack(pack(numbers), len(numbers), 1) == numbers


@given(values, values, st.integers(0, 4095), st.integers(1, 4095))
def test_sums_of_plaintexts_are_sums_of_slots(one: list[int], two: list[int], v: int, w: int) -> None:
    n = max(len(one), len(two))
    left, right = one + [0] * (n - len(one)), two + [0] * (n - len(two))
    total = unpack(v * pack(one) + w * pack(two), n, v + w)
    assert total == [v * a + w * b for a, b in zip(left, right, strict=True)]


def test_the_fullest_sum_stays_in_its_slot() -> None:
    """2^14 terms of the largest reading with the largest weight."""
    assert TOP == MAX_READING_WH - 1
    terms, weight = 1 << 14, (1 << WEIGHT_BITS) - 1
    assert terms * weight <= MAX_LOAD == 1 << LOAD_BITS
    assert TOP * MAX_LOAD < 1 << SLOT_BITS
    assert unpack(MAX_LOAD * pack([TOP] * 61), 61, MAX_LOAD) == [TOP * MAX_LOAD] * 61
    assert pack([TOP] * 61).bit_length() <= 61 * SLOT_BITS <= 3071


@given(st.integers(0, 400), st.sampled_from([2048, 3072]))
def test_blocks_hold_every_number_once(count: int, bits: int) -> None:
    spread = blocks(count, bits)
    assert [at for first, end in spread for at in range(first, end)] == list(range(count))
    sizes = [end - first for first, end in spread]
    assert max(sizes, default=0) <= room(bits)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


def test_what_is_out_of_range() -> None:
    for number in (-1, 1 << VALUE_BITS):
        with pytest.raises(InputError, match="slot"):
            pack([0, number])
    for load in (0, MAX_LOAD + 1):
        with pytest.raises(InputError, match="load"):
            unpack(0, 1, load)


def test_what_no_honest_sum_can_be() -> None:
    for plain, count, load in ((-1, 2, 1), (1 << 2 * SLOT_BITS, 2, 1), (1 << VALUE_BITS, 2, 1), (2 * TOP + 1, 1, 2)):
        with pytest.raises(VerificationError, match="overflowed"):
            unpack(plain, count, load)

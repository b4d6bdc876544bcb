"""Commitments: they add, they bind, they hide, and H has no known logarithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public import pedersen
from quietgrid.errors import InputError, VerificationError

values = st.integers(-(2**62), 2**62 - 1)
scalars = st.integers(1, pedersen.ORDER - 1)


def test_project_vectors(vectors: Callable[[str], Any]) -> None:
    """Made with textbook curve arithmetic by `vectors/make.py`."""
    suite = vectors("suite1")["pedersen"]
    assert pedersen.second_generator().hex() == suite["H"]
    for case in suite["commitments"]:
        r = pedersen.scalar(bytes.fromhex(case["day_secret"]), case["day"], case["vector"])
        assert f"{r:064x}" == case["scalar"]
        assert pedersen.commit(case["value"], r).hex() == case["commitment"]


@given(st.lists(st.tuples(values.map(lambda v: v // 40), scalars), min_size=1, max_size=30))
@settings(max_examples=20, deadline=None)
def test_a_sum_of_commitments_opens_to_the_sum(parts: list[tuple[int, int]]) -> None:
    total = pedersen.add_scalars(r for _, r in parts)
    if total == 0:
        return
    added = pedersen.add([pedersen.commit(value, r) for value, r in parts])
    pedersen.opens(added, sum(value for value, _ in parts), total)
    with pytest.raises(VerificationError):
        pedersen.opens(added, sum(value for value, _ in parts) + 1, total)


@given(values, scalars)
@settings(max_examples=20, deadline=None)
def test_it_binds(value: int, r: int) -> None:
    commitment = pedersen.commit(value, r)
    assert len(commitment) == pedersen.SIZE
    pedersen.opens(commitment, value, r)
    for other in ((value + 1, r), (-value - 1, r), (value, r % (pedersen.ORDER - 1) + 1)):
        with pytest.raises(VerificationError):
            pedersen.opens(commitment, *other)


def test_equal_values_look_different() -> None:
    assert len({pedersen.commit(0, pedersen.random_scalar()) for _ in range(20)}) == 20


def test_days_and_vectors_have_their_own_scalars() -> None:
    made = {pedersen.scalar(secret, day, name) for secret in (b"a" * 32, b"b" * 32) for day in (1, 2) for name in "xy"}
    assert len(made) == 8


@pytest.mark.parametrize(("value", "r"), [(2**63, 1), (-(2**63) - 1, 1), (0, 0), (0, pedersen.ORDER)])
def test_out_of_range_is_refused(value: int, r: int) -> None:
    with pytest.raises(InputError):
        pedersen.commit(value, r)


ONE = pedersen.commit(5, 7)
MINUS_ONE = bytes([ONE[0] ^ 1]) + ONE[1:]


@pytest.mark.parametrize("commitments", [[], [b"\x02" + bytes(32)], [b"short"], [ONE, MINUS_ONE], [ONE + b"\0" * 32]])
def test_what_is_no_commitment_is_refused(commitments: list[bytes]) -> None:
    with pytest.raises(VerificationError):
        pedersen.add(commitments)

"""Linear algebra modulo a prime, against Python integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quietgrid.algorithms.modular import Field

FIELD = Field(2_147_483_647)


def entries(rng: np.random.Generator, *shape: int) -> NDArray[np.int64]:
    return rng.integers(FIELD.p - 5, FIELD.p, shape) if rng.random() < 0.5 else rng.integers(0, FIELD.p, shape)


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_products_are_exact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = (int(n) for n in rng.integers(1, 9, 3))
    b = 2048 if seed % 5 == 0 else b
    left, right = entries(rng, a, b), entries(rng, b, c)
    exact = [[sum(x * y for x, y in zip(row, column, strict=True)) % FIELD.p for column in right.T.tolist()]
             for row in left.tolist()]  # fmt: skip
    assert FIELD.matmul(left, right).tolist() == exact


@given(st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_null_space_echelon_and_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns, inner = (int(n) for n in rng.integers(1, 7, 3))
    matrix = FIELD.matmul(entries(rng, rows, inner), entries(rng, inner, columns))
    rank = FIELD.rank(matrix)
    assert rank <= min(rows, columns, inner)
    null = FIELD.null_space(matrix)
    assert null.shape == (columns - rank, columns)
    assert not FIELD.matmul(matrix, np.ascontiguousarray(null.T)).any()
    assert FIELD.rank(null) == columns - rank
    kept = FIELD.independent_rows(matrix)
    assert len(kept) == rank == FIELD.rank(matrix[kept])


@pytest.mark.parametrize("seed", range(8))
def test_random_fields_have_31_bit_primes(seed: int) -> None:
    p = Field.random(np.random.default_rng(seed)).p
    assert 2**30 < p < 2**31
    assert all(p % d for d in range(2, 46_341))

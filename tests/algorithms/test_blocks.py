"""Packed ciphertexts go into a sum whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.blocks import whole
from quietgrid.errors import InputError

bits = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6).map(np.array)


@given(bits, st.lists(st.booleans(), min_size=4, max_size=4).map(np.array))
def test_rows_with_all_their_cells_are_in_and_rows_with_none_are_out(holds, allowed) -> None:  # type: ignore[no-untyped-def]
    rows = np.arange(len(holds)) % 2 == 0
    inside = whole(holds & rows[:, None], holds, allowed)
    assert inside.tolist() == [bool(r and (h & allowed).any()) for r, h in zip(rows, holds, strict=True)]


@given(bits, bits)
def test_exactly_the_splits_are_refused(wanted, holds) -> None:  # type: ignore[no-untyped-def]
    n = min(len(wanted), len(holds))
    wanted, holds, allowed = wanted[:n], holds[:n], np.array([True, True, True, False])
    seen = [(w[:3].tolist(), h[:3].tolist()) for w, h in zip(wanted, holds, strict=True)]
    if all(w == h or not any(w) for w, h in seen):
        assert whole(wanted, holds, allowed).tolist() == [any(w) for w, _ in seen]
    else:
        with pytest.raises(InputError, match="part of a packed frame"):
            whole(wanted, holds, allowed)

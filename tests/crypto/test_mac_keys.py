"""Many MACs at once are the MACs one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.crypto.public.frame_mac import frame_mac
from quietgrid.crypto.public.mac_keys import _states, forget_keys, frame_macs


@given(st.lists(st.tuples(st.binary(max_size=80), st.binary(max_size=300)), max_size=6))
def test_equal_to_one_by_one(pairs: list[tuple[bytes, bytes]]) -> None:
    keys, data = [key for key, _ in pairs], [body for _, body in pairs]
    for _ in range(2):
        assert frame_macs(keys, data) == [frame_mac(key, body) for key, body in pairs]


def test_columns_must_fit_and_keys_can_be_forgotten() -> None:
    with pytest.raises(ValueError, match="zip"):
        frame_macs([b"k" * 32], [])
    frame_macs([b"k" * 32], [b""])
    assert _states.cache_info().currsize
    forget_keys()
    assert not _states.cache_info().currsize

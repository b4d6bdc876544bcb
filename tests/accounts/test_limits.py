"""Rate limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.accounts import RateLimit
from quietgrid.accounts import limits as module
from quietgrid.errors import TooManyError


@given(gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60), per_minute=st.integers(1, 20))
def test_never_more_than_burst_plus_rate(gaps: list[float], per_minute: int) -> None:
    now = [0.0]
    limit = RateLimit(per_minute, lambda: now[0])
    passed = 0
    for gap in gaps:
        now[0] += gap
        try:
            limit.take("a")
            passed += 1
        except TooManyError:
            continue
    assert passed <= per_minute + now[0] * per_minute / 60 + 1e-6


def test_waiting_as_told_is_enough() -> None:
    now = [0.0]
    limit = RateLimit(7, lambda: now[0])
    for _ in range(7):
        limit.take("a")
    with pytest.raises(TooManyError) as error:
        limit.take("a")
    now[0] += error.value.retry_after_s
    limit.take("a")


def test_memory_is_bounded() -> None:
    limit = RateLimit(1)
    for n in range(module.KEPT + 50):
        limit.take(str(n))
    assert len(limit._left) == module.KEPT

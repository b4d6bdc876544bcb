"""The missing-data matrix: counted alike from closes and from plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

from quietgrid.errors import InputError
from quietgrid.mdms.quality import estimated_share_bp, quality, quality_of_presence, share_bp
from quietgrid.model.closed import Closed
from quietgrid.model.interval import day_window
from quietgrid.model.party import MemberList

N, DAYS, FIRST = 10, 3, 20_000
LEAVES = np.repeat([0, 1], 5).astype(np.int32)


def members() -> MemberList:
    pids = np.arange(N, dtype=np.uint64)
    whole = np.ones(N, np.int64)
    return MemberList(
        b"c" * 16, 0, 0, day_window(FIRST, 900), pids, pids, LEAVES, whole.astype(np.uint8), whole, ("F01", "F02")
    )


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    cells = np.random.default_rng(seed).random((N, DAYS * 96))
    return cells > 0.05, cells < 0.01


def closes(present: np.ndarray, pieces: int = 2) -> list[Closed]:
    out = []
    for leaf in (0, 1):
        for day in range(DAYS):
            for a in range(0, 96, 96 // pieces):
                b = a + 96 // pieces
                part = present[leaf == LEAVES, day * 96 + a : day * 96 + b]
                out.append(Closed(leaf, FIRST + day, a, b, part, np.zeros(part.shape, np.int16), b"h" * 32))
    return out


def test_closes_and_arrays_give_one_matrix() -> None:
    present, late = draw(1)
    came = [(int(LEAVES[i]), FIRST + int(t) // 96) for i, t in np.argwhere(late)]
    by_close = quality(members(), closes(present), range(FIRST, FIRST + DAYS), came)
    by_array = quality_of_presence(present, late, LEAVES, ("F01", "F02"), FIRST, 96)
    for name in ("expected", "arrived", "late", "closed", "missing", "missing_bp"):
        assert getattr(by_close, name).tolist() == getattr(by_array, name).tolist()
    assert by_close.expected.sum() == present.size
    assert by_close.missing.sum() == np.count_nonzero(~present & ~late)
    assert by_close.total_bp() == -(-np.count_nonzero(~present) * 10_000 // present.size)


def test_a_day_that_is_not_closed_is_not_missing() -> None:
    present, _ = draw(2)
    only = [close for close in closes(present) if close.day == FIRST and close.leaf == 0]
    found = quality(members(), only, [FIRST, FIRST + 1])
    assert found.closed.tolist() == [[96, 0], [0, 0]]
    assert found.missing_bp[0, 1] == found.missing_bp[1, 0] == -1
    assert quality(members(), [], [FIRST]).total_bp() == -1


def test_the_worst_come_first_and_complete_days_not_at_all() -> None:
    present = np.ones((N, DAYS * 96), np.bool_)
    present[7, 100:120] = False
    present[1, 3] = False
    found = quality_of_presence(present, np.zeros_like(present), LEAVES, ("F01", "F02"), FIRST, 96)
    assert found.worst() == [("F02", FIRST + 1, 417), ("F01", FIRST, 21)]
    assert found.worst(1) == [("F02", FIRST + 1, 417)]


def test_one_missing_cell_never_shows_as_none() -> None:
    assert share_bp(np.array([1, 0, 5]), np.array([1_000_000, 10, 0])).tolist() == [1, 0, -1]
    assert estimated_share_bp(np.array([1]), np.array([10**9])) == 1
    assert estimated_share_bp(np.array([0]), np.array([0])) == -1


def test_what_cannot_be_is_refused() -> None:
    present, late = draw(3)
    with pytest.raises(InputError, match="closed twice"):
        quality(members(), closes(present) * 2, [FIRST])
    with pytest.raises(InputError, match="more cells came late"):
        quality(members(), closes(np.ones_like(present)), [FIRST], [(0, FIRST)])
    with pytest.raises(InputError, match="both in time and late"):
        quality_of_presence(present | late, late, LEAVES, ("F01", "F02"), FIRST, 96)
    with pytest.raises(InputError, match="shape"):
        quality_of_presence(present[:, :-1], late[:, :-1], LEAVES, ("F01", "F02"), FIRST, 96)

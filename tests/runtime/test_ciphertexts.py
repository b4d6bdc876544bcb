"""Ciphertexts by member row and version, read once a day and never stale."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from quietgrid.errors import NotFoundError
from quietgrid.model.readings import Readings
from quietgrid.runtime.ciphertexts import Ciphertexts
from quietgrid.wire.frame import parse_frames
from tests.runtime.hamlet import FIRST_DAY, Hamlet, days


def words(town: Hamlet, frames: list[object]) -> dict[int, np.ndarray]:
    """pid -> ciphertexts of frames that hold a whole day each."""
    return {sent.pid: parse_frames([sent.frame]).words.reshape(-1) for sent in frames}


def test_rows_are_those_of_the_list(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet(meters_of_home_1=2)
    frames = town.community.seal(town.readings(days(0, 1)))
    town.community.send(frames)
    sealed = words(town, frames)
    fetch = Ciphertexts(town.store, town.members)
    rows = np.array([20, 0, 7])
    found = fetch(FIRST_DAY, 0, rows, None)
    assert found.tolist() == [sealed[int(town.members.pids[row])].tolist() for row in rows]


def test_a_day_that_grew_is_read_again_after_refresh(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    readings = town.readings(days(0, 1))
    late = np.zeros(readings.present.shape, np.bool_)
    late[4] = True
    town.community.measure(readings, late)
    held = words(town, town.community.held)
    fetch, rows = Ciphertexts(town.store, town.members), np.arange(20)
    before = fetch(FIRST_DAY, 0, rows, None)
    assert not before[4].any()
    town.community.deliver_late()
    assert np.array_equal(fetch(FIRST_DAY, 0, rows, None), before), "the same within a round"
    fetch.refresh()
    after = fetch(FIRST_DAY, 0, rows, None)
    assert after[4].tolist() == held[5].tolist()
    assert np.array_equal(np.delete(after, 4, axis=0), np.delete(before, 4, axis=0))


def test_versions(hamlet: Callable[..., Hamlet]) -> None:
    """A corrected cell has two versions; a gap that was filled later has version 1 alone."""
    town = hamlet()
    gone = np.zeros((20, 48), np.bool_)
    gone[2, 6] = True
    readings = town.readings(days(0, 1), gone)
    town.community.measure(readings)
    fix = town.readings(days(0, 1))
    chosen = np.zeros((20, 48), np.bool_)
    chosen[2, 5:7] = True
    corrected = Readings(fix.meters, fix.window, np.where(chosen, fix.imported_wh + 5, 0), fix.exported_wh, chosen)
    town.community.send(town.community.bank.correct(corrected))
    fetch, rows = Ciphertexts(town.store, town.members), np.arange(20)
    first = fetch(FIRST_DAY, 0, rows, None)
    assert first[2, 5] != 0
    assert first[2, 6] == 0, "the gap has no version 0"
    version = np.zeros((20, 48), np.int16)
    version[2, 5:7] = 1
    newest = fetch(FIRST_DAY, 0, rows, version)
    assert newest[2, 5] not in (0, first[2, 5])
    assert newest[2, 6] != 0
    same = np.ones((20, 48), np.bool_)
    same[2, 5:7] = False
    assert np.array_equal(newest[same], first[same])
    version[3, 3] = 1
    with pytest.raises(NotFoundError, match="version"):
        fetch(FIRST_DAY, 0, rows, version)

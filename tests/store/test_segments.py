"""Segments: what is written by position is read by position, whatever the shapes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.errors import NotFoundError
from quietgrid.model import ManualClock
from quietgrid.model.readings import register_list
from quietgrid.store import Cut, Part, open_platform

N, SLOTS = 12, 48


def part(rows: list[int], first: int, count: int, registers: int = 0b11, version: int = 0, seed: int = 0) -> Part:
    rng = np.random.default_rng(seed)
    n = len(rows)
    words = rng.integers(0, 2**64, (n, registers.bit_count(), count), np.uint64)
    macs = rng.integers(0, 256, (n, 16), np.uint8)
    seqs = rng.integers(0, 2**64, n, np.uint64)
    return Part(9, 1800, registers, version, first, np.array(rows, np.int64), seqs, macs, np.arange(n), words)


@st.composite
def parts(draw: st.DrawFn) -> list[Part]:
    made = []
    for seed in range(draw(st.integers(1, 6))):
        rows = sorted(draw(st.sets(st.integers(0, N - 1), min_size=1)))
        first = draw(st.integers(0, SLOTS - 1))
        count = draw(st.integers(1, SLOTS - first))
        made.append(part(rows, first, count, draw(st.integers(1, 7)), draw(st.integers(0, 3)), seed))
    return made


@given(parts(), st.integers(0, SLOTS - 1), st.integers(0, N - 1), st.data())
@settings(max_examples=25, deadline=None)
def test_reading_equals_a_dense_array(made: list[Part], first: int, row_first: int, data: st.DataObject) -> None:
    end = data.draw(st.integers(first + 1, SLOTS))
    n_rows = data.draw(st.integers(1, N - row_first))
    dense = {r: np.zeros((N, SLOTS), np.uint64) for r in range(3)}
    latest = {r: np.full((N, SLOTS), -1) for r in range(3)}
    by_time = {r: np.full((N, SLOTS), np.inf) for r in range(3)}
    for _, p in sorted(enumerate(made), key=lambda item: (item[1].version, item[0])):
        where = np.ix_(p.rows, np.arange(p.first, p.first + p.words.shape[2]))
        for place, register in enumerate(register_list(p.registers)):
            dense[register][where] = p.words[:, place]
            latest[register][where] = p.version
    with tempfile.TemporaryDirectory() as folder:
        store = open_platform(Path(folder) / "x.db", ManualClock(0))
        with store.begin() as tx:
            for at, p in enumerate(made):
                tx.segments.write(tx.segments.add_batch(b"receipt", bytes(32), len(p.rows), float(at)), [p])
                for register in register_list(p.registers):
                    where = np.ix_(p.rows, np.arange(p.first, p.first + p.words.shape[2]))
                    by_time[register][where] = np.minimum(by_time[register][where], at)
        with store.read() as tx:
            for register in range(3):
                cut = Cut(9, register, 1800, first, end, row_first)
                box = slice(row_first, row_first + n_rows), slice(first, end)
                cells = tx.segments.read(cut, n_rows)
                assert np.array_equal(cells.ciphertext, dense[register][box])
                assert np.array_equal(cells.version, latest[register][box])
                assert np.array_equal(tx.segments.presence(cut, n_rows), latest[register][box])
                assert np.array_equal(tx.segments.accepted(cut, n_rows), by_time[register][box])
                again = tx.segments.read(cut, n_rows, cells.version)
                assert np.array_equal(again.ciphertext, cells.ciphertext)
        store.close()


def test_a_version_that_is_not_stored_is_not_found(url: Callable[[], str], clock: ManualClock) -> None:
    store = open_platform(url(), clock)
    with store.begin() as tx:
        tx.segments.write(tx.segments.add_batch(b"r", bytes(32), 2, 1.0), [part([0, 1], 0, 4)])
        wanted = np.full((2, 4), 0, np.int16)
        tx.segments.read(Cut(9, 0, 1800, 0, 4), 2, wanted)
        wanted[1, 2] = 1
        with pytest.raises(NotFoundError, match="version"):
            tx.segments.read(Cut(9, 0, 1800, 0, 4), 2, wanted)
    store.close()


def test_frames_heads_and_receipts_on_both_engines(url: Callable[[], str], clock: ManualClock) -> None:
    store = open_platform(url(), clock)
    scattered, dense = part([0, 3, 7], 0, 4, seed=1), part([3, 4, 5], 4, 2, registers=0b101, seed=2)
    with store.begin() as tx:
        first = tx.segments.add_batch(b"one", b"r" * 32, 3, 10.5)
        tx.segments.write(first, [scattered, dense])
        second = tx.segments.add_batch(b"two", b"s" * 32, 3, 11.5)
        tx.segments.write(second, [part([3], 6, 1, version=1, seed=3)])
    with store.read() as tx:
        assert tx.segments.receipt(first) == (b"one", 10.5)
        with pytest.raises(NotFoundError):
            tx.segments.receipt(99)
        frames = tx.segments.frames(3, 9, 1800)
        assert [(f.first, f.registers, f.version, f.batch) for f in frames] == [
            (0, 0b11, 0, first), (4, 0b101, 0, first), (6, 0b11, 1, second),
        ]  # fmt: skip
        assert np.array_equal(frames[0].words, scattered.words[1])
        assert np.array_equal(frames[1].words, dense.words[0])
        assert frames[0].mac == scattered.macs[1].tobytes()
        assert (frames[0].seq, frames[0].index) == (int(scattered.seqs[1]), 1)
        assert tx.segments.frames(1, 9, 1800) == tx.segments.frames(3, 8, 1800) == []
        assert [h.first for h in tx.segments.heads(9, 1800)] == [0, 4, 6]
        assert [h.first for h in tx.segments.heads(9, 1800, 6)] == [0]
        assert [h.first for h in tx.segments.heads(9, 1800, 0, 3)] == [0]
        assert [h.first for h in tx.segments.heads(9, 1800, first=4)] == [4]
        assert tx.segments.days() == [(9, 1800)]
        cells = tx.segments.read(Cut(9, 2, 1800), 8)
        assert np.array_equal(cells.ciphertext[3:6, 4:6], dense.words[:, 1])
        assert (cells.version >= 0).sum() == 6
    store.close()


def test_one_version_of_every_cell(tmp_path: Path) -> None:
    """A corrected cell has two versions, a gap that was filled later only the second."""
    store = open_platform(tmp_path / "x.db", ManualClock(0))
    first, second = part([0, 1], 0, 4, 1, 0, 1), part([1, 2], 2, 2, 1, 1, 2)
    with store.begin() as tx:
        tx.segments.write(tx.segments.add_batch(b"", bytes(32), 4, 0.0), [first, second])
    with store.read() as tx:
        old, new = (tx.segments.version(Cut(9, 0, 1800, 0, 4), 3, version) for version in (0, 1))
    assert old.version.tolist() == [[0] * 4, [0] * 4, [-1] * 4]
    assert new.version.tolist() == [[-1] * 4, [-1, -1, 1, 1], [-1, -1, 1, 1]]
    assert np.array_equal(old.ciphertext[:2], first.words[:, 0])
    assert np.array_equal(new.ciphertext[1:, 2:], second.words[:, 0])
    assert not old.ciphertext[2].any()
    assert not new.ciphertext[0].any()
    store.close()

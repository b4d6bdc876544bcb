"""No (key, nonce, slot) ever masks two different values: whatever is sealed, corrected, restarted or put back."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quietgrid.errors import InputError, SingleUseError, VerificationError
from quietgrid.meter import MeterBank, SealedFrame
from quietgrid.model.interval import ManualClock, Window
from quietgrid.model.readings import Readings, register_list
from quietgrid.wire.frame import parse_frames, parse_head
from quietgrid.wire.own import Standing
from tests.meter.town import COMMUNITY, D0, PER_DAY, Town, moment, new_bank, readings, slots

TOWN = Town()
START = D0 * PER_DAY
REGISTERS = [0b11, 0b01]


def cells(frames: list[SealedFrame]) -> dict[tuple[int, int, int, int, int], int]:
    """(pid, day, slot, register, version) -> ciphertext of every cell in these frames."""
    out = {}
    for sent in frames:
        head = parse_head(sent.frame)
        words = parse_frames([sent.frame]).words.reshape(-1, head.count)
        for register, row in zip(register_list(head.registers), words, strict=True):
            for n, word in enumerate(row.tolist()):
                out[head.pid, head.day, head.first + n, register, head.version] = word
    return out


def standing(town: Town, bank: MeterBank, seqs: list[int]) -> object:
    pids = bank.pids.astype("<u8").tobytes()
    return town.concentrator.sign(Standing(COMMUNITY, bank.nonce, pids, np.array(seqs, "<u8").tobytes(), 0.0))


class SingleUse(RuleBasedStateMachine):
    """A bank of two meters, a network that sees every frame, a thief of backups, a clock."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock(moment(D0, 4))
        self.bank = new_bank(TOWN, self.folder, self.clock, REGISTERS)
        self.seen: dict[tuple[int, int, int, int, int], int] = {}
        self.seqs = [0, 0]
        self.copy: bytes | None = None
        self.seed = 0
        self.ended = False

    def teardown(self) -> None:
        if hasattr(self, "bank"):
            self.bank.close()
            shutil.rmtree(self.folder)

    def observe(self, frames: list[SealedFrame]) -> None:
        for sent in frames:
            place = sent.pid - 1
            assert sent.seq > self.seqs[place], "sequence numbers rise"
            self.seqs[place] = sent.seq
        for cell, word in cells(frames).items():
            assert self.seen.setdefault(cell, word) == word, f"cell {cell} was masked twice"

    def batch(self, first: int, count: int, missing: bool) -> Readings:
        self.seed += 1
        return readings([1, 2], Window(first, first + count, 900), self.seed, 0.3 if missing else 0.0)

    @rule(count=st.integers(1, 60), missing=st.booleans())
    def time_passes_and_all_is_sealed(self, count: int, missing: bool) -> None:
        first = int(self.clock.unix) // 900
        self.clock.unix += count * 900
        self.attempt(self.batch(first, count, missing), correct=False)

    @rule(back=st.integers(0, 300), count=st.integers(1, 30), correct=st.booleans())
    def the_past_is_sealed(self, back: int, count: int, correct: bool) -> None:
        now = int(self.clock.unix) // 900
        first = max(START, now - back)
        self.attempt(self.batch(first, max(1, min(count, now - first)), False), correct)

    @rule(days=st.integers(1, 9))
    def a_long_time_passes(self, days: int) -> None:
        self.clock.unix += days * 86_400

    @rule(seconds=st.integers(1, 100_000))
    def the_clock_goes_back(self, seconds: int) -> None:
        now = self.clock.unix
        self.clock.unix = max(moment(D0, 1), now - seconds)
        first = int(self.clock.unix) // 900 - 1
        self.attempt(self.batch(first, 1, False), correct=False)
        self.clock.unix = now

    @rule()
    def the_process_restarts(self) -> None:
        self.bank.close()
        self.bank = MeterBank.open(self.folder, self.clock)

    @rule()
    def a_retry_sends_the_same_bytes(self) -> None:
        for cell, word in cells(self.bank.pending()).items():
            if self.copy is None:
                assert self.seen[cell] == word
            assert self.seen.setdefault(cell, word) == word

    @rule()
    def a_backup_is_taken(self) -> None:
        self.bank.close()
        self.copy = (self.folder / "meters.db").read_bytes()
        self.bank = MeterBank.open(self.folder, self.clock)

    @precondition(lambda self: self.copy is not None)
    @rule(ask=st.booleans())
    def the_backup_is_put_back(self, ask: bool) -> None:
        self.bank.close()
        assert self.copy is not None
        (self.folder / "meters.db").write_bytes(self.copy)
        self.bank = MeterBank.open(self.folder, self.clock)
        if ask:
            try:
                self.bank.resume(standing(TOWN, self.bank, self.seqs))
            except SingleUseError:
                self.ended = True

    def attempt(self, batch: Readings, correct: bool) -> None:
        try:
            frames = self.bank.correct(batch) if correct else self.bank.seal(batch)
        except (SingleUseError, InputError):
            return
        assert not self.ended, "a bank that was put back never seals again"
        self.observe(frames)

    @invariant()
    def nothing_was_masked_twice(self) -> None:
        """Checked as frames are seen; here: every cell once per version means distinct keys in `seen`."""
        if hasattr(self, "seen"):
            assert all(version < 256 for *_, version in self.seen)


SingleUse.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # every step syncs a disk: no minutes of shrinking
)
TestSingleUse = pytest.mark.slow(SingleUse.TestCase)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(moment(D0, 10))


@pytest.fixture
def bank(tmp_path: Path, clock: ManualClock) -> MeterBank:
    return new_bank(TOWN, tmp_path, clock, REGISTERS)


def test_an_interval_is_sealed_once(bank: MeterBank) -> None:
    window = slots(D0, 0, 10)
    first = bank.seal(readings([1, 2], window, 1))
    for again in (readings([1, 2], window, 1), readings([1, 2], slots(D0, 9, 10), 2)):
        with pytest.raises(SingleUseError, match="before"):
            bank.seal(again)
    assert sorted(bank.pending(), key=lambda s: s.pid) == sorted(first, key=lambda s: s.pid), "nothing refused is kept"


def test_cells_set_apart_get_frames_of_their_own(bank: MeterBank) -> None:
    batch = readings([1, 2], Window(START, START + 8, 900), 3)
    apart = np.zeros((2, 8), np.bool_)
    apart[0, 2:4] = True
    frames = bank.seal(batch, apart)
    spans = sorted((head.pid, head.first, head.count) for head in (parse_head(sent.frame) for sent in frames))
    assert spans == [(1, 0, 2), (1, 2, 2), (1, 4, 4), (2, 0, 8)]
    assert len(cells(frames)) == 8 * 2 + 8  # meter 1 has two registers
    with pytest.raises(SingleUseError):
        bank.seal(batch)


def test_a_bank_knows_where_to_go_on(bank: MeterBank, tmp_path: Path, clock: ManualClock) -> None:
    assert bank.sealed_until == 0
    bank.seal(readings([1, 2], slots(D0, 0, 7), 1))
    bank.close()
    assert MeterBank.open(tmp_path, clock).sealed_until == START + 7


def test_a_gap_is_filled_as_a_new_version_only(bank: MeterBank) -> None:
    bank.seal(readings([1, 2], slots(D0, 5, 10), 1))
    with pytest.raises(SingleUseError):
        bank.seal(readings([1, 2], slots(D0, 0, 5), 2))
    frames = bank.correct(readings([1, 2], slots(D0, 0, 5), 2))
    assert {parse_head(sent.frame).version for sent in frames} == {1}


def test_corrections_count_per_cell(bank: MeterBank) -> None:
    bank.seal(readings([1, 2], slots(D0, 0, 10), 1))
    bank.correct(readings([1, 2], slots(D0, 2, 4), 2))
    frames = bank.correct(readings([1, 2], slots(D0, 0, 6), 3))
    versions = {
        (head.pid, head.first + n): head.version
        for head in (parse_head(sent.frame) for sent in frames)
        for n in range(head.count)
    }
    assert versions == {(pid, slot): 2 if slot in (2, 3) else 1 for pid in (1, 2) for slot in range(6)}


def test_corrections_end_after_seven_days(bank: MeterBank, clock: ManualClock) -> None:
    bank.seal(readings([1, 2], slots(D0, 0, 10), 1))
    clock.unix = moment(D0 + 7, 3)
    bank.correct(readings([1, 2], slots(D0, 3, 4), 2))
    with pytest.raises(SingleUseError, match="too old"):
        bank.correct(readings([1, 2], slots(D0, 2, 4), 3))


@pytest.mark.slow
def test_the_last_version_is_255(bank: MeterBank) -> None:
    bank.seal(readings([1], slots(D0, 0, 1), 0))
    for n in range(255):
        bank.correct(readings([1], slots(D0, 0, 1), n))
    with pytest.raises(SingleUseError, match="version"):
        bank.correct(readings([1], slots(D0, 0, 1), 1))


def test_a_clock_that_went_back_refuses_until_it_is_right(bank: MeterBank, clock: ManualClock) -> None:
    bank.seal(readings([1, 2], slots(D0, 0, 5), 1))
    clock.unix -= 1
    with pytest.raises(SingleUseError, match="clock"):
        bank.seal(readings([1, 2], slots(D0, 5, 6), 1))
    clock.unix += 1
    assert len(bank.seal(readings([1, 2], slots(D0, 5, 6), 1))) == 2


def test_the_future_is_not_sealed(bank: MeterBank) -> None:
    with pytest.raises(InputError, match="not ended"):
        bank.seal(readings([1, 2], slots(D0, 9, 11), 1))


def test_another_resolution_does_not_open_the_past_again(bank: MeterBank) -> None:
    bank.seal(readings([1, 2], slots(D0, 0, 10), 1))
    half_hours = Window(D0 * 48, D0 * 48 + 2, 1800)
    with pytest.raises(SingleUseError):
        bank.seal(readings([1, 2], half_hours, 1))


def test_put_back_and_older_than_the_receipts_means_new_keys(tmp_path: Path, clock: ManualClock) -> None:
    """K10: file and mark are put back together, so only the concentrator can tell. Keys are erased for ever."""
    folder = tmp_path / "bank"
    bank = new_bank(TOWN, folder, clock, REGISTERS)
    bank.seal(readings([1, 2], slots(D0, 0, 2), 1))
    bank.close()
    shutil.copytree(folder, tmp_path / "backup")
    bank = MeterBank.open(folder, clock)
    bank.resume(standing(TOWN, bank, [1, 1]))
    bank.seal(readings([1, 2], slots(D0, 2, 5), 2))
    bank.close()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    bank = MeterBank.open(folder, clock)
    with pytest.raises(SingleUseError, match="put back"):
        bank.resume(standing(TOWN, bank, [2, 2]))
    bank.close()
    bank = MeterBank.open(folder, clock)
    with pytest.raises(SingleUseError, match="put back"):
        bank.seal(readings([1, 2], slots(D0, 2, 5), 3))


def test_put_back_without_a_word_of_the_concentrator_stays_shut(tmp_path: Path, clock: ManualClock) -> None:
    """K10: the database alone is put back; without its standing nothing is sealed, with it nothing of before."""
    bank = new_bank(TOWN, tmp_path, clock, REGISTERS)
    bank.seal(readings([1, 2], slots(D0, 0, 2), 1))
    bank.close()
    old = (tmp_path / "meters.db").read_bytes()
    bank = MeterBank.open(tmp_path, clock)
    bank.seal(readings([1, 2], slots(D0, 2, 5), 2))
    bank.close()
    (tmp_path / "meters.db").write_bytes(old)
    bank = MeterBank.open(tmp_path, clock)
    assert bank.put_back
    with pytest.raises(SingleUseError):
        bank.seal(readings([1, 2], slots(D0, 5, 6), 3))
    with pytest.raises(SingleUseError):
        bank.resume(None)
    bank.resume(standing(TOWN, bank, [1, 1]))  # the frames of slots 2..4 were lost on the way
    for correct in (bank.seal, bank.correct):
        with pytest.raises(SingleUseError):
            correct(readings([1, 2], slots(D0, 3, 4), 3))
    clock.unix = moment(D0, 12)
    frames = bank.seal(readings([1, 2], slots(D0, 10, 11), 4))
    assert all(sent.seq > 1 << 20 for sent in frames)


def test_an_old_or_foreign_standing_does_not_count(bank: MeterBank) -> None:
    for nonce, signer in ((bytes(16), TOWN.concentrator), (bank.nonce, TOWN.platform)):
        pids = bank.pids.astype("<u8").tobytes()
        with pytest.raises(VerificationError):
            bank.resume(signer.sign(Standing(COMMUNITY, nonce, pids, bytes(16), 0.0)))

"""The home opens its own data, all of it, and nothing that is not its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.secret.chain import day_keys_between
from quietgrid.errors import InputError, VerificationError
from quietgrid.household import KeyLine, MeterRoots, open_series
from quietgrid.meter.sealing import seal_values
from quietgrid.model.interval import Window
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.own import SealedSeries
from tests.household.village import COMMUNITY, Village
from tests.meter.town import D0, PER_DAY, moment, readings, slots


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


def test_own_series_are_what_the_meters_measured(village: Village) -> None:
    village.clock.unix = moment(D0 + 3)
    batch = readings([1, 2, 3], slots(D0, 0, 3 * PER_DAY), 1, missing=0.1)
    village.deliver(village.bank.seal(batch))
    new = readings([1, 2, 3], slots(D0 + 1, 20, 40), 2)
    village.deliver(village.bank.correct(new))
    own = village.home(11).readings(batch.window)
    assert own.meters.tolist() == [1, 3]
    imported, present = batch.imported_wh.copy(), batch.present.copy()
    imported[:, PER_DAY + 20 : PER_DAY + 40] = new.imported_wh
    present[:, PER_DAY + 20 : PER_DAY + 40] = True
    assert (own.present == present[[0, 2]]).all()
    assert (own.imported_wh == imported[[0, 2]]).all()
    exported = batch.exported_wh[0].copy()
    exported[PER_DAY + 20 : PER_DAY + 40] = new.exported_wh[0]
    assert (own.exported_wh[0] == exported).all()
    assert not own.exported_wh[1].any(), "this meter has no export register"


def test_a_window_before_the_first_day_is_empty_there(village: Village) -> None:
    village.clock.unix = moment(D0 + 1)
    batch = readings([1, 2, 3], slots(D0, 0, PER_DAY), 1)
    village.deliver(village.bank.seal(batch))
    window = Window((D0 - 2) * PER_DAY + 50, (D0 + 1) * PER_DAY - 7, 900)
    own = village.home(12).readings(window)
    assert own.window == window
    assert not own.present[0, : 2 * PER_DAY - 50].any()
    assert (own.imported_wh[0, 2 * PER_DAY - 50 :] == batch.imported_wh[1, :-7]).all()


def test_a_changed_ciphertext_is_noticed(village: Village) -> None:
    village.clock.unix = moment(D0 + 1)
    village.deliver(village.bank.seal(readings([1, 2, 3], slots(D0, 0, PER_DAY), 1)))
    home = village.home(12)
    honest = village.platform.sealed(2, 0, slots(D0, 0, PER_DAY))
    line = home.lines[2]
    words = np.frombuffer(honest.ciphertext, "<u8").copy()
    words[5] ^= np.uint64(1 << 40)
    changed = msgspec.structs.replace(honest, ciphertext=words.tobytes())
    with pytest.raises(VerificationError, match="1 intervals do not open"):
        open_series(changed, line)
    for wrong in (
        msgspec.structs.replace(honest, version=bytes([1]) * PER_DAY),
        msgspec.structs.replace(honest, register=1),
        msgspec.structs.replace(honest, pid=1),
        msgspec.structs.replace(honest, ciphertext=honest.ciphertext[:-8]),
        msgspec.structs.replace(honest, present=honest.present[:-1]),
    ):
        with pytest.raises(VerificationError):
            open_series(wrong, line)


def test_another_homes_roots_open_nothing(village: Village) -> None:
    village.clock.unix = moment(D0 + 1)
    village.deliver(village.bank.seal(readings([1, 2, 3], slots(D0, 0, PER_DAY), 1)))
    other = village.home(12).lines[2]
    stranger = MeterRoots(1, other.meter.d0, other.meter.registers, other.meter.meter_pk, other.meter.roots)
    with pytest.raises(VerificationError, match="do not open"):
        open_series(village.platform.sealed(1, 0, slots(D0, 0, PER_DAY)), KeyLine(COMMUNITY, stranger))


def test_the_platform_cannot_answer_another_question(village: Village) -> None:
    village.clock.unix = moment(D0 + 1)
    village.deliver(village.bank.seal(readings([1, 2, 3], slots(D0, 0, PER_DAY), 1)))
    home = village.home(12)
    honest = village.platform.sealed
    village.platform.sealed = lambda pid, register, window: honest(pid, register, slots(D0, 0, 95))  # type: ignore[method-assign]
    with pytest.raises(VerificationError, match="another series"):
        home.series(slots(D0, 0, PER_DAY))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 200), st.integers(1, 300), st.sampled_from([900, 1800]))
def test_any_window_and_any_versions(seed: int, offset: int, length: int, resolution: int) -> None:
    rng = np.random.default_rng(seed)
    meter = MeterRoots(7, D0, 1, b"", rng.bytes(96))
    per_day = 86_400 // resolution
    window = Window(D0 * per_day + offset, D0 * per_day + offset + length, resolution)
    values = rng.integers(0, 9_999, length)
    present = rng.random(length) < 0.8
    version = rng.integers(0, 3, length).astype(np.uint8)
    word = np.zeros(length, np.uint64)
    last = (offset + length - 1) // per_day + 1
    keys = day_keys_between(meter.chain(COMMUNITY), D0, D0, D0 + last)
    for at in np.flatnonzero(present).tolist():
        day, slot = divmod(offset + at, per_day)
        word[at] = seal_values(values[None, [at]], keys[day][:, None], 0, int(version[at]), resolution, slot)[0, 0]
    series = SealedSeries(
        COMMUNITY, 7, 0, window.first, window.end, resolution, pack_bits(present), pack_bits(present),
        version.tobytes(), word.astype("<u8").tobytes(),
    )  # fmt: skip
    opened = open_series(series, KeyLine(COMMUNITY, meter))
    assert (opened.energy_wh == np.where(present, values, 0)).all()


def test_keys_start_on_the_first_day(village: Village) -> None:
    line = village.home(12).lines[2]
    with pytest.raises(InputError, match="enrolled"):
        line.keys(D0 - 1, D0)
    late, early = line.keys(D0 + 40, D0 + 41), line.keys(D0, D0 + 41)
    assert (late[:, 0] == early[:, 40]).all()

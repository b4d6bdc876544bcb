"""The keyholder's key store: what it gives back, what it forgets, and what a crash at any point leaves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from quietgrid.crypto.secret import slotfile
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.crypto.secret.masks import day_step
from quietgrid.errors import ConflictError, InputError, NotFoundError, UnavailableError, VerificationError

D0 = 20_000


def chain(count: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 2, 32), dtype=np.uint8)


def expected_day(keys: NDArray[np.uint8], d0: int, day: int) -> NDArray[np.uint8]:
    """The plain oracle: step each key forward from its own first day; uint8 [2, k, 32]."""
    flat = keys.transpose(1, 0, 2).reshape(-1, 32)
    for _ in range(day - d0):
        flat = day_step(flat)[1]
    return day_step(flat)[0].reshape(2, len(keys), 32)


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_days_equal_the_plain_chain_for_rows_that_join_at_different_days(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys")
    a, b, c, late = chain(5, 1), chain(3, 2), chain(1, 3), chain(2, 4)
    assert store.append(a, D0) == 0
    store.advance(D0 + 2)
    assert store.append(b, D0 + 1) == 5
    assert store.append(c, D0 + 5) == 8
    assert store.append(late, D0 - 2) == 9
    store.advance(D0 + 6)
    assert (store.rows, store.day) == (11, D0 + 6)
    assert store.days == list(range(D0 - 2, D0 + 7))
    for day in store.days:
        got = store.day_keys(day)
        for keys, d0, rows in ((a, D0, slice(0, 5)), (b, D0 + 1, slice(5, 8)), (c, D0 + 5, slice(8, 9))):
            want = expected_day(keys, d0, day) if day >= d0 else np.zeros((2, len(keys), 32), np.uint8)
            assert np.array_equal(got[:, rows], want), (day, d0)
        assert np.array_equal(got[:, 9:], expected_day(late, D0 - 2, day))
    assert store.held(D0).tolist() == [True] * 5 + [False] * 4 + [True] * 2


def test_a_store_opened_again_goes_on(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys")
    store.append(chain(4), D0)
    store.advance(D0)
    store.close()
    store = KeyFiles(tmp_path / "keys")
    store.advance(D0 + 1)
    assert np.array_equal(store.day_keys(D0 + 1), expected_day(chain(4), D0, D0 + 1))
    at, keys = store.chain_keys(2)
    assert at == D0 + 2
    assert np.array_equal(day_step(keys)[0], expected_day(chain(4), D0, D0 + 2)[:, 2])


def test_a_second_process_is_refused_and_a_closed_store_changes_nothing(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys")
    with pytest.raises(ConflictError):
        KeyFiles(tmp_path / "keys")
    store.advance(D0)
    assert (store.rows, store.day, store.days) == (0, -1, [])
    store.close()
    with pytest.raises(UnavailableError):
        store.append(chain(1), D0)


@pytest.mark.parametrize("keys", [chain(1)[:, :1], chain(1)[0], chain(1).astype(np.uint16), chain(1)[:0]])
def test_keys_of_another_shape_are_refused(tmp_path: Path, keys: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError):
        KeyFiles(tmp_path / "keys").append(keys, D0)


def test_erased_days_are_gone_and_stay_gone(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys")
    store.append(chain(4), D0)
    store.advance(D0 + 4)
    before = {
        place: slot.key for place, slot in store._file.slots.items() if slot.kind == b"DKEY" and slot.day < D0 + 3
    }
    assert len(before) == 3
    store.erase_days_before(D0 + 3)
    store.append(chain(1, 9), D0 + 1)
    assert store.days == [D0 + 3, D0 + 4]
    assert store.kept_from == D0 + 3
    for day in range(D0, D0 + 3):
        with pytest.raises(NotFoundError):
            store.day_keys(day)
    found = everything(tmp_path)
    assert not any(key in found for key in before.values())
    assert np.array_equal(store.day_keys(D0 + 4)[:, 4:], expected_day(chain(1, 9), D0 + 1, D0 + 4))


def test_the_chain_key_behind_a_derived_day_is_not_kept(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys")
    store.append(chain(4), D0)
    old_key = store._chain.key
    old_file = (tmp_path / "keys" / "CK" / str(store._chain.generation)).read_bytes()
    assert old_key in everything(tmp_path)
    store.advance(D0)
    found = everything(tmp_path)
    assert old_key not in found
    assert old_file not in found
    assert all(key.tobytes() not in found for key in chain(4).reshape(-1, 32)), "keys are never in the clear"


def test_an_erased_row_has_no_key_on_any_day_and_its_neighbours_keep_theirs(tmp_path: Path) -> None:
    store = KeyFiles(tmp_path / "keys")
    store.append(chain(4), D0)
    store.advance(D0 + 2)
    store.erase_rows([1, 2])
    store.advance(D0 + 4)
    store.close()
    store = KeyFiles(tmp_path / "keys")
    for day in range(D0, D0 + 5):
        got = store.day_keys(day)
        assert not got[:, 1:3].any()
        assert np.array_equal(got[:, [0, 3]], expected_day(chain(4), D0, day)[:, [0, 3]])
        assert store.held(day).tolist() == [True, False, False, True]
    with pytest.raises(NotFoundError):
        store.chain_keys(1)
    with pytest.raises(NotFoundError):
        store.erase_row(4)


@pytest.mark.parametrize("name", ["slots", "CK/*", "DK/*"])
def test_every_changed_byte_is_noticed(tmp_path: Path, name: str) -> None:
    store = KeyFiles(tmp_path / "keys")
    store.append(chain(2), D0)
    store.advance(D0)
    store.close()
    (path,) = (tmp_path / "keys").glob(name)
    data = path.read_bytes()
    for at in range(0, len(data), 7):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(VerificationError), closing(KeyFiles(tmp_path / "keys")) as changed:
            changed.day_keys(D0)
    path.write_bytes(data)
    assert KeyFiles(tmp_path / "keys").day_keys(D0).any()


# -- crashes -----------------------------------------------------------------------------------------------------------


def prepare(store: KeyFiles) -> None:
    store.append(chain(3, 1), D0)
    store.advance(D0 + 2)


CHANGES: dict[str, Callable[[KeyFiles], object]] = {
    "append": lambda store: store.append(chain(2, 2), D0 + 1),
    "advance": lambda store: store.advance(D0 + 4),
    "erase_days": lambda store: store.erase_days_before(D0 + 2),
    "erase_rows": lambda store: store.erase_rows([1]),
}


def state(store: KeyFiles) -> tuple[int, int, int, list[tuple[int, bytes]], bytes]:
    days = [(day, store.day_keys(day).tobytes()) for day in store.days]
    return store.rows, store.day, store.kept_from, days, store._keys.tobytes()


def check_after_crash(folder: Path, change: str) -> None:
    """The store opens, what was there is there, and the same call (if it did not happen) completes it."""
    if change == "append":
        check_no_row_comes_back(folder)
    store = KeyFiles(folder)
    assert store.rows in ((3, 5) if change == "append" else (3,))
    assert D0 + 2 <= store.day <= D0 + 4
    for day in range(max(D0, store.kept_from), D0 + 3):
        if day not in store.days:
            assert change == "erase_days"
            continue
        got = store.day_keys(day)[:, :3]
        want = expected_day(chain(3, 1), D0, day)
        assert np.array_equal(got[:, [0, 2]], want[:, [0, 2]])
        assert np.array_equal(got[:, 1], want[:, 1]) or (change == "erase_rows" and not got[:, 1].any())
    if not (change == "append" and store.rows == 5):
        CHANGES[change](store)
    got_state = state(store)
    store.close()
    reference = KeyFiles(folder.parent / "reference")
    prepare(reference)
    CHANGES[change](reference)
    assert got_state == state(reference)
    names = {path.name for path in (folder / "DK").iterdir()}
    assert len(names) == len(got_state[3]), "no file is left that no slot names"
    reference.close()
    shutil.rmtree(folder.parent / "reference")


def check_no_row_comes_back(folder: Path) -> None:
    """When others enrol after an append that did not happen, nothing of the interrupted rows is left under them."""
    copy = folder.with_name("others")
    shutil.copytree(folder, copy)
    store = KeyFiles(copy)
    if store.rows == 3:
        store.append(chain(1, 3), D0 + 2)
        store.append(chain(4, 4), D0 + 3)
        assert not store.day_keys(D0 + 1)[:, 3:].any()
        assert np.array_equal(store.day_keys(D0 + 2)[:, 3:4], expected_day(chain(1, 3), D0 + 2, D0 + 2))
        assert not store.day_keys(D0 + 2)[:, 4:].any()
    store.close()
    shutil.rmtree(copy)


CHILD = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_keyfiles as t
from quietgrid.crypto.secret import slotfile
from quietgrid.crypto.secret.keyfiles import KeyFiles
store = KeyFiles(Path(sys.argv[2]))
left = int(sys.argv[4])
real = os.fsync
def fsync(handle):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(handle)
slotfile.os.fsync = fsync
t.CHANGES[sys.argv[3]](store)
print("done", left)
"""


@pytest.mark.slow
@pytest.mark.parametrize("change", list(CHANGES))
def test_killed_at_every_fsync(tmp_path: Path, change: str) -> None:
    """SIGKILL before each fsync in turn: everything written so far reached the disk."""
    start = tmp_path / "start"
    store = KeyFiles(start)
    prepare(store)
    store.close()
    environment = {**os.environ, "QUIETGRID_KERNEL": "numpy"}
    killed = 0
    while True:
        folder = tmp_path / "crashed"
        shutil.copytree(start, folder)
        arguments = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(folder), change, str(killed)]
        child = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60, check=False)
        if child.returncode == 0:
            assert child.stdout.startswith("done")
            break
        assert child.returncode == -signal.SIGKILL, child.stderr
        check_after_crash(folder, change)
        shutil.rmtree(folder)
        killed += 1
    assert killed >= 2


class Crash(BaseException):
    """The power goes."""


class Disk:
    """What would be on the disk if only synced bytes and synced names reached it."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[int, bytes] = {}
        self.names: dict[Path, dict[str, int]] = {}
        for path in folder.rglob("*"):
            if path.is_file():
                self.files[path.stat().st_ino] = path.read_bytes()
        for path in [folder, *(p for p in folder.rglob("*") if p.is_dir())]:
            self._sync_names(path)

    def _sync_names(self, folder: Path) -> None:
        self.names[folder] = {path.name: path.stat().st_ino for path in folder.iterdir() if path.is_file()}

    def fsync(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            self._sync_names(path)
        else:
            self.files[os.fstat(handle).st_ino] = path.read_bytes()

    def write_to(self, source: Path, target: Path) -> None:
        for folder, names in self.names.items():
            there = target / folder.relative_to(source)
            there.mkdir(parents=True, exist_ok=True)
            for name, inode in names.items():
                (there / name).write_bytes(self.files.get(inode, b""))


@pytest.mark.parametrize("change", list(CHANGES))
def test_power_lost_at_every_fsync(tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other extreme: nothing that was not synced reached the disk."""
    start = tmp_path / "start"
    store = KeyFiles(start)
    prepare(store)
    store.close()
    for lost_at in range(200):
        folder = tmp_path / "running"
        shutil.copytree(start, folder)
        store = KeyFiles(folder)
        disk = Disk(folder)
        left = lost_at

        def fsync(handle: int, disk: Disk = disk) -> None:
            nonlocal left
            if left == 0:
                raise Crash
            left -= 1
            disk.fsync(handle)

        with monkeypatch.context() as patch:
            patch.setattr(slotfile.os, "fsync", fsync)
            try:
                CHANGES[change](store)
            except Crash:
                finished = False
            else:
                finished = True
        store.close()
        disk.write_to(folder, tmp_path / "after")
        check_after_crash(tmp_path / "after", change)
        shutil.rmtree(folder)
        shutil.rmtree(tmp_path / "after")
        if finished:
            break
    assert finished
    assert lost_at >= 2

"""The queue of computations on ciphertexts: bounded, one after the other, each in a process that may fail."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from quietgrid.errors import ConflictError, FrameError, InputError, NotFoundError, TooManyError
from quietgrid.runtime.encrypted_jobs import Done, EncryptedJobs, Job, KeyShelf, outcome_of

LENGTH = 200


def key(number: int = 1) -> bytes:
    """Something that looks like a server key from outside."""
    return (b"QGFS\x01\0\0\0" + number.to_bytes(16, "big")).ljust(LENGTH, b"\0")


def until(what: Callable[[], bool], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


def test_keys_are_files_and_are_bounded(tmp_path: Path) -> None:
    shelf = KeyShelf(tmp_path / "keys", most=2)
    first = shelf.put(key(1), LENGTH)
    assert shelf.put(key(1), LENGTH) == first
    assert shelf.find(first).read_bytes() == key(1)
    shelf.put(key(2), LENGTH)
    with pytest.raises(TooManyError):
        shelf.put(key(3), LENGTH)
    shelf.drop(first)
    shelf.drop(first)
    with pytest.raises(NotFoundError):
        shelf.find(first)
    assert shelf.put(key(3), LENGTH) != first


@pytest.mark.parametrize("broken", [b"", key()[:-1], key() + b"\0", b"QGFX" + key()[4:]])
def test_what_is_no_key_is_refused(tmp_path: Path, broken: bytes) -> None:
    with pytest.raises(FrameError):
        KeyShelf(tmp_path / "keys").put(broken, LENGTH)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 31, "G" * 32, "0" * 31 + "/"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        KeyShelf(tmp_path).find(name)


def test_a_queue_is_bounded_and_takes_a_job_once(tmp_path: Path) -> None:
    shelf = KeyShelf(tmp_path)
    name = shelf.put(key(), LENGTH)
    jobs = EncryptedJobs(shelf, lambda job, done: None, most=2)  # not started: nothing leaves the queue
    assert jobs.submit(Job("a", name, "storage", b"")) == 1
    assert jobs.submit(Job("b", name, "storage", b"")) == 2
    assert jobs.submit(Job("a", name, "storage", b"")) == 1
    with pytest.raises(TooManyError) as error:
        jobs.submit(Job("c", name, "storage", b""))
    assert error.value.retry_after_s > 0
    assert [jobs.place(one) for one in "abc"] == [1, 2, 0]
    with pytest.raises(NotFoundError):
        jobs.submit(Job("d", "0" * 32, "storage", b""))
    with pytest.raises(InputError):
        jobs.submit(Job("d", name, "os:system", b""))


def test_a_computation_that_cannot_be_says_why_and_the_next_one_runs(tmp_path: Path) -> None:
    """The key is no key: with or without the engine, the child says so, and nothing else falls."""
    shelf, got, here = KeyShelf(tmp_path), dict[str, Done](), threading.get_ident()
    name, threads = shelf.put(key(), LENGTH), set[int]()

    def finished(job: Job, done: Done) -> None:
        threads.add(threading.get_ident())
        got[job.id] = done

    jobs = EncryptedJobs(shelf, finished)
    jobs.start()
    try:
        for one in "ab":
            jobs.submit(Job(one, name, "storage", b"\x00 not a request"))
        until(lambda: len(got) == 2)
    finally:
        jobs.stop()
    assert here not in threads
    assert all(not done.answer and done.why for done in got.values())
    assert jobs.place("a") == jobs.place("b") == 0


def test_what_a_child_leaves_when_it_is_killed_is_an_error() -> None:
    for out in (b"", b"\xc1", b"\x94\xc4\x01"):
        with pytest.raises(ConflictError):
            outcome_of(out)


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux call")
def test_a_computation_ends_with_whoever_started_it() -> None:
    inner = (
        "import time; from quietgrid.runtime import encrypted_jobs; encrypted_jobs._end_with_parent();"
        " print(1, flush=True); time.sleep(600)"
    )
    outer = (
        "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', sys.argv[1]],"
        " stdout=subprocess.PIPE, start_new_session=True); c.stdout.readline(); print(c.pid, flush=True);"
        " time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", outer, inner], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
    for _ in range(600):
        if not child.is_running() or child.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    child.kill()
    pytest.fail("it went on alone")

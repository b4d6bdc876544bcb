"""Computations on ciphertexts, one after the other, each in a process of its own at the lowest priority.

The platform's process loads neither the engine nor a 125 MB key, is not slowed, and outlives a crash of the engine.
Keys are files; what waits is remembered by whoever submits it, and submitted again after a restart.

Privacy: keys with which one can compute and not read; ciphertexts.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import msgspec

from quietgrid.errors import ConflictError, FrameError, InputError, NotFoundError, QuietgridError, TooManyError

LOG = logging.getLogger("quietgrid.encrypted")
WORK = {"storage": "quietgrid.balance.storing:answer", "insight": "quietgrid.insight.computing:answer"}
"""What can be computed: a function of (server, request)."""
MAGIC, KEY_ID = b"QGFS", slice(8, 24)
MOST_WAITING, MOST_KEYS, MOST_KEPT = 64, 64, 256
MOST_S = 1_800.0
"""So long a computation may take: 60 s on an idle machine, more at the lowest priority on a busy one."""
NICE = 19
MOST_BYTES = 2 << 30
"""Memory a computation may write to; a key takes 125 MB, a comparison with it 310 MB."""
RETRY_S = 10


class _Outcome(msgspec.Struct, array_like=True):
    """What the child writes: the answer, or what was wrong; its CPU seconds."""

    answer: bytes
    what: str
    fix: str
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Job:
    """One computation.

    Args:
        id: Of the question. key_id: of the server key, hex. work: name in `WORK`. request: for that function.
    """

    id: str
    key_id: str
    work: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job: the answer, or why there is none. `cpu_s`: CPU seconds it took."""

    answer: bytes
    cpu_s: float
    why: str = ""


class KeyShelf:
    """Server keys in a folder, a file each.

    Args:
        folder: Made when the first key comes. most: keys that are kept.
    """

    def __init__(self, folder: Path, most: int = MOST_KEYS) -> None:
        self._folder, self._most = folder, most

    def put(self, key: bytes, key_bytes: int) -> str:
        """Keep a key; its id, hex. The same again changes nothing.

        Args:
            key_bytes: How long a key is (`crypto.public.fhe.SERVER_KEY_BYTES`).

        Raises:
            FrameError: not a server key, or cut off. TooManyError: the shelf is full.
        """
        name = key_name(key, key_bytes)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / name
        if not path.exists() and len(list(self._folder.glob("?" * 32))) >= self._most:
            raise TooManyError(
                "too many keys are kept here", retry_after_s=60, where="server keys", fix="take one back"
            )
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        return name

    def drop(self, key_id: str) -> None:
        """Delete a key, if it is there."""
        self._path(key_id).unlink(missing_ok=True)

    def find(self, key_id: str) -> Path:
        """The key's file.

        Raises:
            NotFoundError: it is not here.
        """
        path = self._path(key_id)
        if not path.exists():
            raise NotFoundError("there is no such server key", where="server keys", fix="send the key first")
        return path

    def _path(self, key_id: str) -> Path:
        if len(key_id) != 32 or not set(key_id) <= set("0123456789abcdef"):
            raise InputError("not the id of a key", where="server keys", fix="32 hexadecimal digits")
        return self._folder / key_id


def key_name(key: bytes, key_bytes: int) -> str:
    """The id of a server key, hex.

    Raises:
        FrameError: not a server key, or cut off.
    """
    if len(key) != key_bytes or key[:4] != MAGIC:
        raise FrameError("not a server key, or cut off", where="server key", fix="send it again, whole")
    return key[KEY_ID].hex()


class EncryptedJobs:
    """A queue and the one thread that empties it.

    Args:
        keys: Where server keys are. finished: told (job, what came of it) in the worker's thread; what it raises is
            logged, and the job is over. most: that wait at once. seconds: that one may take.
    """

    def __init__(
        self, keys: KeyShelf, finished: Callable[[Job, Done], None], most: int = MOST_WAITING, seconds: float = MOST_S
    ) -> None:
        self._keys, self._finished, self._most, self._seconds = keys, finished, most, seconds
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._change = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="encrypted jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End now; a computation that runs is given up (and submitted again by whoever remembers it)."""
        with self._change:
            self._ended = True
            if self._child is not None:
                self._child.kill()
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(5)

    def submit(self, job: Job) -> int:
        """Add a job; its place in the queue (1: next or running). One that waits or runs is not added again.

        Raises:
            TooManyError: the queue is full. NotFoundError: its key is not here. InputError: no such work.
        """
        if job.work not in WORK:
            raise InputError("this cannot be computed", where=job.work, fix=f"use {', '.join(WORK)}")
        self._keys.find(job.key_id)
        with self._change:
            place = self._place(job.id)
            if place:
                return place
            if len(self._waiting) >= self._most:
                raise TooManyError(
                    "too many computations are waiting", retry_after_s=RETRY_S, where="queue", fix="ask again later"
                )
            self._waiting.append(job)
            self._change.notify_all()
            return self._place(job.id)

    def place(self, job_id: str) -> int:
        """Place in the queue, from 1; 0: it neither waits nor runs."""
        with self._change:
            return self._place(job_id)

    def _place(self, job_id: str) -> int:
        ahead = [self._running] if self._running else []
        ids = [job.id for job in (*ahead, *self._waiting)]
        return ids.index(job_id) + 1 if job_id in ids else 0

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._ended or bool(self._waiting))
                if self._ended:
                    return
                self._running = job = self._waiting.popleft()
            try:
                done = self._compute(job)
            except QuietgridError as error:
                done = Done(b"", 0.0, error.what)
            with self._change:
                if self._ended:
                    return
            try:
                self._finished(job, done)
            except QuietgridError as error:
                LOG.warning("a finished computation was not kept: %s", error.what)
            with self._change:
                self._running = None

    def _compute(self, job: Job) -> Done:
        path = self._keys.find(job.key_id)
        with self._change:
            if self._ended:
                return Done(b"", 0.0, "stopped")
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", "quietgrid.runtime.encrypted_jobs", str(path), job.work],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        try:
            out, _ = child.communicate(job.request, timeout=self._seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise ConflictError(
                "it took too long", where="computation", fix="ask again when less is going on"
            ) from None
        finally:
            self._child = None
        return outcome_of(out)


def outcome_of(out: bytes) -> Done:
    """What a child wrote.

    Raises:
        ConflictError: it broke off.
    """
    try:
        said = msgspec.msgpack.decode(out, type=_Outcome)
    except msgspec.MsgspecError:
        raise ConflictError("the computation broke off", where="computation", fix="ask again") from None
    return Done(said.answer, said.cpu_s, said.what)


def child(key: Path, work: str, request: bytes) -> bytes:
    """What a child does: load the key, compute, say what came of it. No message holds a ciphertext or a key."""
    from quietgrid.crypto.public.fhe import Server

    began = time.process_time()
    try:
        module, name = WORK[work].split(":")
        answer = getattr(import_module(module), name)(Server(key.read_bytes()), request)
        said = _Outcome(answer, "", "", 0.0)
    except QuietgridError as error:
        said = _Outcome(b"", error.what, error.fix, 0.0)
    said.cpu_s = time.process_time() - began
    return msgspec.msgpack.encode(said)


def _end_with_parent() -> None:
    """Linux: be killed when the process that started this one ends, however it ends."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, <linux/prctl.h>
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _main() -> None:
    import resource

    _end_with_parent()
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    sys.stdout.buffer.write(child(Path(sys.argv[1]), sys.argv[2], sys.stdin.buffer.read()))


if __name__ == "__main__":
    _main()

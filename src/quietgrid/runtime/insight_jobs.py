"""Encrypted comparisons: homes' server keys and questions, computed one after the other in processes of their own.

Keys are files of 30 MB, named by their id; questions and answers are rows. All of a home's can be erased at once.
Privacy: nothing here can be read by this platform. What it learns: which home asks, when, about which month and group.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from quietgrid.crypto.public.fhe import SERVER_KEY_BYTES, check_question, engine, is_built, server_key_id
from quietgrid.errors import (
    ConflictError,
    InputError,
    MissingExtraError,
    NotFoundError,
    TooManyError,
    UnavailableError,
)
from quietgrid.insight.computing import question
from quietgrid.model.insight import HOURS, Feature
from quietgrid.runtime.encrypted_jobs import Done, EncryptedJobs, Job, KeyShelf
from quietgrid.runtime.insight import Insights
from quietgrid.runtime.platform import Platform
from quietgrid.store.insight import WAITING, KeyRow, RequestRow

WORK = "insight"
COMPUTING = "computing"
PARTS = (("month", "u16", 1), ("profile", "u8", HOURS), ("features", "u8", len(Feature)))
"""Of a question: name, type, number of values."""


@dataclass(frozen=True)
class Limits:
    """What the platform takes on.

    Args:
        keys: kept at once, 30 MB each. idle_days: unused for so long, a key makes room for another. waiting: questions
            in the queue. seconds: that one may take. kept, kept_days: questions of a home, and for how long.
    """

    keys: int = 200
    idle_days: int = 30
    waiting: int = 32
    seconds: float = 600.0
    kept: int = 20
    kept_days: int = 30


@dataclass(frozen=True)
class Engine:
    """Whether this machine can compute. Args: built; fix: how to have it built."""

    built: bool
    fix: str


class InsightJobs:
    """The encrypted comparisons of one platform.

    Args:
        platform, insights: whose. folder: of the keys. limits: see there.
    """

    def __init__(self, platform: Platform, insights: Insights, folder: Path, limits: Limits | None = None) -> None:
        self._store, self._clock = platform.parts.store, platform.parts.clock
        self._insights, self._folder = insights, folder
        self.limits = limits or Limits()
        self._shelf = KeyShelf(folder, self.limits.keys)
        self._jobs = EncryptedJobs(self._shelf, self._finished, self.limits.waiting, self.limits.seconds)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin: files without a row go, questions without an answer are submitted again."""
        with self._lock:
            self._sweep()
            with self._store.read() as tx:
                left = tx.insight.waiting()
            for row in left:
                try:
                    self._submit(row)
                except (NotFoundError, TooManyError) as error:
                    self._end(row.id, error.what)
        self._jobs.start()

    def stop(self) -> None:
        """End; what is being computed is computed again after the next start."""
        self._jobs.stop()

    # -- keys ------------------------------------------------------------------------------------------------------

    def engine(self) -> Engine:
        """Whether the engine is there; it is looked for, not loaded."""
        try:
            _need_engine()
        except MissingExtraError as error:
            return Engine(False, error.fix)
        return Engine(True, "")

    def put_key(self, home: int, key: bytes) -> KeyRow:
        """Keep a home's server key in place of its former one, whose questions end.

        Raises:
            MissingExtraError: the engine is not built. FrameError: not a server key. ConflictError: another home's.
            TooManyError: no room.
        """
        _need_engine()
        key_id = server_key_id(key).hex()
        digest = sha256(key).digest()
        with self._lock:
            with self._store.read() as tx:
                kept, former = tx.insight.all_keys(), tx.insight.key_of(home)
            if any(row.key_id == key_id and row.home != home for row in kept):
                raise ConflictError("this key is another home's", where="server key", fix="make a key of your own")
            if former is None:
                self._make_room(kept)
            elif former.key_id != key_id:
                self._end_all(home, "the key was replaced")
                self._shelf.drop(former.key_id)
            self._shelf.put(key, SERVER_KEY_BYTES)
            with self._store.begin() as tx:
                tx.insight.put_key(home, key_id, len(key), digest)
                tx.log.append(f"home {home}", "insight.key", f"home {home}", {"bytes": len(key)})
        return self.key(home)

    def key(self, home: int) -> KeyRow:
        """A home's key, or `NotFoundError`."""
        with self._store.read() as tx:
            row = tx.insight.key_of(home)
        if row is None:
            raise NotFoundError("there is no server key", where=f"home {home}", fix="send one first")
        return row

    def forget(self, home: int) -> None:
        """Erase a home's key, questions and answers."""
        with self._lock:
            with self._store.begin() as tx:
                key_id = tx.insight.forget(home)
                if key_id:
                    tx.log.append(f"home {home}", "insight.forget", f"home {home}", {})
            if key_id:
                self._shelf.drop(key_id)
        self._store.scrub()

    # -- questions -------------------------------------------------------------------------------------------------

    def ask(self, home: int, figures: bytes, sealed: tuple[bytes, bytes, bytes]) -> RequestRow:
        """Take a question and queue it.

        Args:
            figures: hash of what to compare with. sealed: month, profile and features, encrypted.

        Raises:
            MissingExtraError: the engine is not built. ConflictError: no key, a question that waits, or figures that
                were not given out here. FrameError: ciphertexts that cannot be. TooManyError: the queue is full.
        """
        _need_engine()
        with self._lock:
            with self._store.read() as tx:
                key, before = tx.insight.key_of(home), tx.insight.of_home(home)
            if key is None or not (self._folder / key.key_id).exists():
                raise ConflictError("there is no server key of this home", where="question", fix="send the key first")
            for (_, kind, count), content in zip(PARTS, sealed, strict=True):
                check_question(content, kind, count, bytes.fromhex(key.key_id))
            if any(row.state == WAITING for row in before):
                raise ConflictError("a question of this home waits already", where="question", fix="wait, or delete it")
            try:
                self._insights.by_hash(figures)
            except NotFoundError as error:
                raise ConflictError(
                    "these figures are not known here", where="figures", fix="fetch them again"
                ) from error
            row = RequestRow(
                secrets.token_hex(16), home, key.key_id, figures, *sealed, WAITING, b"", 0, "", self._clock.now(), None
            )
            self._submit(row)
            size = sum(map(len, sealed))
            with self._store.begin() as tx:
                tx.insight.ask(row)
                for old in before[self.limits.kept - 1 :]:
                    tx.insight.drop(home, old.id)
                tx.insight.prune(self._clock.now() - timedelta(days=self.limits.kept_days).total_seconds())
                tx.log.append(f"home {home}", "insight.ask", f"home {home}", {"bytes": size})
        return row

    def find(self, home: int, id: str) -> RequestRow:
        """A question of a home, or `NotFoundError`."""
        with self._store.read() as tx:
            row = tx.insight.find(home, id)
        if row is None:
            raise NotFoundError("there is no such question", where=id[:32], fix="ask again")
        return row

    def of_home(self, home: int) -> list[RequestRow]:
        """A home's questions, newest first."""
        with self._store.read() as tx:
            return tx.insight.of_home(home)

    def drop(self, home: int, id: str) -> None:
        """Erase a question and its answer, or `NotFoundError`."""
        with self._store.begin() as tx:
            there = tx.insight.drop(home, id)
        if not there:
            raise NotFoundError("there is no such question", where=id[:32], fix="check the number")
        self._store.scrub()

    def place(self, row: RequestRow) -> tuple[str, int]:
        """A question's state (``waiting``, ``computing``, ``done``, ``failed``) and place in the queue, from 1."""
        at = self._jobs.place(row.id) if row.state == WAITING else 0
        return (COMPUTING if at == 1 else row.state), at

    def waiting(self) -> int:
        """How many questions have no answer yet."""
        with self._store.read() as tx:
            return len(tx.insight.waiting())

    # -- inside ----------------------------------------------------------------------------------------------------

    def _submit(self, row: RequestRow) -> None:
        figures = self._insights.by_hash(row.figures)
        request = question(row.month, row.profile, row.features, figures)
        self._jobs.submit(Job(row.id, row.key_id, WORK, request))

    def _finished(self, job: Job, done: Done) -> None:
        with self._store.begin() as tx:
            tx.insight.finish(job.id, done.answer, round(1000 * done.cpu_s), done.why)

    def _end(self, id: str, why: str) -> None:
        with self._store.begin() as tx:
            tx.insight.finish(id, b"", 0, why)

    def _end_all(self, home: int, why: str) -> None:
        for row in self.of_home(home):
            self._end(row.id, why)

    def _make_room(self, kept: list[KeyRow]) -> None:
        """Before a new key: the one that was used longest ago goes if it is idle."""
        if len(kept) < self.limits.keys:
            return
        oldest = kept[0]
        if oldest.used_at > self._clock.now() - timedelta(days=self.limits.idle_days).total_seconds():
            raise TooManyError(
                "too many keys are kept here", retry_after_s=3600, where="server keys", fix="compare at home instead"
            )
        with self._store.begin() as tx:
            tx.insight.forget(oldest.home)
        self._shelf.drop(oldest.key_id)

    def _sweep(self) -> None:
        """Files that no row knows: of a crash, or of a home that was erased meanwhile."""
        with self._store.read() as tx:
            known = {row.key_id for row in tx.insight.all_keys()}
        if self._folder.is_dir():
            for path in self._folder.iterdir():
                if path.name not in known:
                    path.unlink()


def _need_engine() -> None:
    if not is_built():
        engine()


def jobs_of(found: InsightJobs | None) -> InsightJobs:
    """The platform's encrypted comparisons.

    Raises:
        UnavailableError: this process computes none.
    """
    if found is None:
        raise UnavailableError("encrypted comparisons are not running", where="insight", fix="compare at home instead")
    return found


def part_bytes(row: RequestRow) -> list[tuple[str, bytes]]:
    """What the platform saw of a question: name and ciphertext of each part."""
    return [("month", row.month), ("profile", row.profile), ("features", row.features)]


def checked_hash(text: str) -> bytes:
    """The bytes of a hash in hex, or `InputError`."""
    try:
        digest = bytes.fromhex(text)
    except ValueError as error:
        raise InputError("not a hash", where="figures", fix="64 hexadecimal digits") from error
    return digest

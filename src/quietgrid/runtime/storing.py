"""Storage planned under encryption: the platform's side of the stations' own community.

Stations are a community of their own beside the homes (decision 0040): own card, own three keyholders, own database.
Each station has two meters, one before its storage and one behind it, in two groups of at least 15 stations. What
stations encrypt goes through `EncryptedJobs` and back; what opens is the sum of either group.

Privacy: sees server keys, ciphertexts and sealed frames; opens sums of at least 15 stations. Never sees a client key.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.balance.storing import planner
from quietgrid.concentrator import Accepted
from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.crypto.public.fhe import SERVER_KEY_BYTES, is_built
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, NotFoundError, QuietgridError, TooManyError, VerificationError
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, Clock, Window, slots_per_day
from quietgrid.model.question import Quantity
from quietgrid.model.schedule import HOUR_S
from quietgrid.model.total import Total
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.encrypted_jobs import Done, EncryptedJobs, Job, KeyShelf, key_name
from quietgrid.runtime.founding import Folders, read_card
from quietgrid.runtime.platform import Platform, platform_at
from quietgrid.store.stores import PlatformTx
from quietgrid.store.storing import WAITING, DayPlans, PlanRow
from quietgrid.wire.links import KeyholderLink
from quietgrid.wire.messages import Enrol
from quietgrid.wire.storing import (
    MOST_NAME,
    MOST_PART_BYTES,
    MOST_PARTS,
    PlanQuestion,
    PlanState,
    Request,
    StationKey,
    StationKeyGone,
    terms_of,
)

LOG = logging.getLogger("quietgrid.storing")
_M = TypeVar("_M", StationKey, StationKeyGone, PlanQuestion)
BEFORE, BEHIND = "Stations, load", "Stations, with storage"
"""The two groups: what stations use, and what their connections carry with the storage at work."""
RESOLUTION = 1_800
LATE_S = 9.0 * DAY_S
"""A day on which a station is missing is closed so long after its end."""
KEPT_S = 60 * DAY_S
"""Plans of so many days are kept."""
LOOK_S = 1.0


@dataclass(frozen=True)
class StoredDay:
    """One day's sums.

    Args:
        plans: how far its plans are. before, behind: totals of the two groups, None until they are opened.
    """

    plans: DayPlans
    before: Total | None
    behind: Total | None


@dataclass(frozen=True)
class StoringView:
    """What the operator may see.

    Args:
        built: whether the engine is there. stations: how many take part. floor: how many a sum needs at least.
        days: newest first. waiting: computations that wait or run. phase: empty, or what hinders opening.
    """

    built: bool
    stations: int
    floor: int
    days: tuple[StoredDay, ...]
    waiting: int
    phase: str


class Storing:
    """Takes keys, questions and sealed frames of stations; computes; opens sums.

    Args:
        pool: The stations' platform. folder: where server keys are kept. plan: who takes part, until it has enrolled.
    """

    def __init__(self, pool: Platform, folder: Path, plan: Commissioning) -> None:
        self._pool, self._plan = pool, plan
        self._store, self._card, self._clock = pool.parts.store, pool.parts.card, pool.parts.clock
        self._shelf = KeyShelf(folder)
        self._jobs = EncryptedJobs(self._shelf, self._finished)
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="storing", daemon=True)
        self._phase = "the stations' keyholders are starting"
        self._pruned = 0

    # -- what stations send ----------------------------------------------------------------------------------------

    def take_key(self, body: bytes) -> str:
        """Keep a station's server key; its id.

        Args:
            body: `Signed[StationKey]`.

        Raises:
            VerificationError: not signed by that station. FrameError: not a key. ConflictError: an old message.
        """
        message = self._open(body, StationKey)
        name = key_name(message.key, SERVER_KEY_BYTES)
        with self._lock, self._store.begin() as tx:
            former = tx.storing.put_key(message.station, name, message.at)
            self._shelf.put(message.key, SERVER_KEY_BYTES)
        if former:
            self._shelf.drop(former)
        return name

    def drop_key(self, body: bytes) -> None:
        """Delete a station's server key.

        Args:
            body: `Signed[StationKeyGone]`.
        """
        message = self._open(body, StationKeyGone)
        with self._lock, self._store.begin() as tx:
            former = tx.storing.drop_key(message.station, message.at)
        if former:
            self._shelf.drop(former)

    def ask(self, body: bytes) -> PlanState:
        """Take a question, once; the same again says how far it is.

        Args:
            body: `Signed[PlanQuestion]`.

        Raises:
            VerificationError: not signed by that station. InputError: terms or parts that cannot be.
            NotFoundError: no such schedule, or the station sent no key. TooManyError: the queue is full.
        """
        message = self._open(body, PlanQuestion)
        _check(message)
        name = unpack_signed(body).hash().hex()
        with self._lock:
            with self._store.read() as tx:
                known, key_id = tx.storing.find(name), tx.storing.key_of(message.station)
            if known is not None:
                return self._said(known)
            if not key_id:
                raise NotFoundError("there is no key of this station", where="station", fix="send the key first")
            if message.day < int(self._clock.now()) - KEPT_S:
                raise InputError("that day is too long ago", where="day", fix="ask for a day to come")
            row = PlanRow(
                name, message.station, message.day, message.resolution, message.schedule, key_id, body, WAITING,
                self._clock.now(), None, b"", 0, "",
            )  # fmt: skip
            with self._store.begin() as tx:
                tx.storing.ask(row)
                place = self._jobs.submit(Job(name, key_id, "storage", _request(message)))
            return PlanState(name, WAITING, place)

    def state(self, plan: str) -> PlanState:
        """How far a question is, with the encrypted answer once it is there. Who knows the id asked.

        Raises:
            NotFoundError: there is none.
        """
        with self._store.read() as tx:
            row = tx.storing.find(plan)
        if row is None:
            raise NotFoundError("there is no such plan", where="plan", fix="ask for it again")
        return self._said(row)

    def accept(self, frames: bytes) -> Accepted:
        """Take sealed frames of the stations' meters."""
        with self._lock:
            return self._pool.accept(frames)

    def standing(self, nonce: bytes, pids: NDArray[np.uint64]) -> Signed:
        """How far the meters' frames are here; meters ask when they start."""
        return self._pool.parts.concentrator.standing(nonce, pids)

    # -- what people see -------------------------------------------------------------------------------------------

    def view(self, limit: int = 7) -> StoringView:
        """Sums and plans of the last days."""
        with self._store.read() as tx:
            days = tx.storing.days(limit)
            found = tuple(StoredDay(day, *(_total(tx, node, day.day) for node in (BEFORE, BEHIND))) for day in days)
            waiting = len(tx.storing.waiting())
        stations = len(self._plan.parties) // 2
        return StoringView(is_built(), stations, self._pool.parts.rules.k, found, waiting, self._phase)

    # -- the worker ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._jobs.start()
        self._thread.start()

    def stop(self) -> None:
        """End, and let go of the database."""
        self._stop.set()
        self._jobs.stop()
        if self._thread.is_alive():
            self._thread.join(5)
        self._pool.close()

    def look(self) -> None:
        """One round: submit what waits, close days that are whole, ask again what was left open, forget old plans."""
        self.resubmit()
        today = int(self._clock.now()) // DAY_S
        if today > self._pruned:
            with self._lock, self._store.begin() as tx:
                tx.storing.prune((today + 1) * DAY_S - KEPT_S)
            self._pruned = today
        with self._lock:
            end = self._closable()
            if end:
                self._pool.close_due(end)
            self._pool.resume()

    def resubmit(self) -> None:
        """Submit what is remembered as waiting and is not in the queue: after a restart, all of it."""
        with self._store.read() as tx:
            rows = tx.storing.waiting()
        for row in rows:
            if self._jobs.place(row.id):
                continue
            message = decode(PlanQuestion, unpack_signed(row.question).body)
            job = Job(row.id, row.key_id, "storage", _request(message))
            try:
                self._jobs.submit(job)
            except TooManyError:
                return
            except NotFoundError as error:  # its key was taken back meanwhile
                self._finished(job, Done(b"", 0.0, error.what))

    def _run(self) -> None:
        joined = False
        while not self._stop.is_set():
            try:
                joined = joined or self._join()
                if joined:
                    self.look()
                    self._phase = ""
            except QuietgridError as error:
                self._phase = error.what
                LOG.info("storage: %s", error.what)
            self._stop.wait(LOOK_S)

    def _join(self) -> bool:
        """Register the stations' meters with all three keyholders, once."""
        with self._lock:
            with self._store.read() as tx:
                listed = tx.registry.all_members()
            if not listed:
                self._pool.enrol(self._plan.parties, self._plan.enrolments)
                for signed in self._plan.members:
                    self._pool.adopt_members(signed)
        return True

    def _closable(self) -> int:
        """End (absolute slot) of the newest day that is whole, or too long ago to wait for; 0: nothing to close."""
        now, per_day = self._clock.now(), slots_per_day(self._card.resolution)
        members = self._pool.members(self._plan.first)
        with self._store.read() as tx:
            last = max(tx.answers.last_close(0), members.window.first)
        ended = (int(now) // self._card.resolution - self._pool.parts.rules.settle_slots) // per_day
        rows = self._pool.answering.rows(members)
        for day in range(ended - 1, last // per_day - 1, -1):
            if now >= (day + 1) * DAY_S + LATE_S or self._whole(day, rows):
                return (day + 1) * per_day if (day + 1) * per_day > last else 0
        return 0

    def _whole(self, day: int, rows: NDArray[np.int64]) -> bool:
        present = self._pool.parts.concentrator.presence(day, 0, self._card.resolution)
        return bool((present[rows] >= 0).all())

    def _finished(self, job: Job, done: Done) -> None:
        with self._lock, self._store.begin() as tx:
            tx.storing.finish(job.id, done.answer, round(1_000 * done.cpu_s), done.why)

    def _said(self, row: PlanRow) -> PlanState:
        place = self._jobs.place(row.id) if row.state == WAITING else 0
        return PlanState(row.id, row.state, place, row.cpu_ms / 1_000, row.why, row.answer)

    def _open(self, body: bytes, kind: type[_M]) -> _M:
        signed = unpack_signed(body)
        claimed = decode(kind, signed.body)
        message = open_signed(signed, kind, self._key_of(claimed.station))
        if message.community != self._card.community:
            raise VerificationError("this is for another community", where=kind.NAME, fix="check the card")
        return message

    def _key_of(self, station: int) -> bytes:
        if not 0 <= station < 1 << 63:
            raise InputError("not a station's number", where="station", fix="use the number on its contract")
        with self._store.read() as tx:
            meters = tx.registry.meters_of(station)
        if not meters:
            raise NotFoundError("there is no such station", where="station", fix="register it first")
        return decode(Enrol, unpack_signed(meters[-1].enrol).body).household_pk


def peaks(day: StoredDay) -> tuple[int, int] | None:
    """Highest mean power of an interval before and behind the storages, W, over intervals of which both are open."""
    if day.before is None or day.behind is None:
        return None
    both = day.before.answered & day.behind.answered
    if not both.any():
        return None
    hour = HOUR_S // day.before.window.resolution
    return int(day.before.energy_wh[both].max()) * hour, int(day.behind.energy_wh[both].max()) * hour


def _total(tx: PlatformTx, node: str, day: int) -> Total | None:
    first = day // RESOLUTION
    try:
        return tx.totals.total(node, Quantity.IMPORT, Window(first, first + DAY_S // RESOLUTION, RESOLUTION))
    except NotFoundError:
        return None


def _request(message: PlanQuestion) -> bytes:
    return msgspec.msgpack.encode(Request(message.schedule, message.terms, message.parts))


def _check(message: PlanQuestion) -> None:
    """Refuse what cannot be computed before it is kept.

    Raises:
        InputError: sizes or terms. NotFoundError: no such schedule.
    """
    if len(message.schedule) > MOST_NAME:
        raise InputError("not the name of a schedule", where="schedule", fix="see `quietgrid schedule algorithms`")
    planner(message.schedule)
    terms = terms_of(message.terms)
    sizes = 1 <= len(message.parts) <= MOST_PARTS and all(1 <= len(part) <= MOST_PART_BYTES for part in message.parts)
    times = message.resolution in (900, 1_800, 3_600) and terms.intervals * message.resolution <= 2 * DAY_S
    if not sizes or not times or message.day % DAY_S:
        raise InputError(
            "a question that cannot be", where="plan question",
            fix="at most 4 parts of 16 KiB, intervals of 900, 1800 or 3600 s, two days from the start of a UTC day",
        )  # fmt: skip


def storing_at(state: Path, links: Sequence[KeyholderLink], clock: Clock, rules: GateRules) -> Storing | None:
    """The stations of a state directory; None where there are none."""
    folders = Folders(state / "stations")
    if not folders.card.exists():
        return None
    pool = platform_at(folders, read_card(folders.card), links, clock, rules)
    plan = Commissioning.load(folders.state / "commissioning")
    return Storing(pool, folders.platform / "server-keys", plan)

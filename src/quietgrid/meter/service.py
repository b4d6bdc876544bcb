"""A bank of meters: seals readings so that no mask is ever used twice, keeps frames until they are receipted.

Single use (PROTOCOL A): one (key, nonce, slot) masks one value, ever. So frame bytes, high-water mark and sequence
number are committed in one transaction before a byte leaves; a retry sends the stored bytes; a slot below the mark is
sealed only as version + 1 and within seven days; a clock that went back refuses; a database that was put back refuses
for ever (`meter.mark`, `resume`).

Marks are Unix seconds (the end of the last sealed interval), so that a change of resolution cannot lower them.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public import merkle
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.errors import ConflictError, InputError, NotFoundError, RefusedError, SingleUseError
from quietgrid.meter.batch import SealedFrame, Sealer
from quietgrid.meter.enrol import Site, check_card, enrol
from quietgrid.meter.mark import CommitMark
from quietgrid.meter.receipts import FrameProof, check_receipt, check_standing
from quietgrid.meter.records import DayVector, day_record
from quietgrid.meter.state import NO_ROW, Columns, MeterState
from quietgrid.model.interval import DAY_S, Clock
from quietgrid.model.readings import Readings
from quietgrid.store import FleetStore, FleetTx, open_fleet
from quietgrid.wire.messages import CommunityCard

LATE_DAYS = 7
KEEP_DAYS = LATE_DAYS + 3
"""Day keys and frames are kept this long: the late window, a day to be whole, and two to send the day record."""
_SEQ_GAP = 1 << 20
_BANK = struct.Struct("<QddQ")
"""Commits made, newest clock seen, nothing before this moment is sealed, no seq up to this one is used."""
PUT_BACK = "its memory was put back to an older state"


class MeterBank:
    """n meters of one process and store; a real single meter is a bank of one.

    Args:
        store: The fleet database. keys: key files with three pairs. mark: the commit mark, beside the keys.
        clock: Injected time.

    Privacy: sees open readings; what leaves is sealed. Keeps no reading: only frames and ten days of keys.
    """

    def __init__(self, store: FleetStore, keys: KeyFiles, mark: CommitMark, clock: Clock) -> None:
        self._store, self._keys, self._mark, self._clock = store, keys, mark, clock
        self.nonce = secrets.token_bytes(16)
        """Goes into the question for the concentrator's `Standing`; fresh at every start."""
        with store.read() as tx:
            commits, self._seen, self._floor, self._seq_floor = _bank_state(tx)
            pids = tx.meters.pids()
            self._columns = Columns(pids, tx.meters.states(pids))
            card = tx.documents.find("bank", "card")
        self.card = None if card is None else decode(CommunityCard, card)
        at = mark.read()
        self.put_back = commits < (at or 0) or (at is None and commits > 0)
        """The database is older than the commit mark: nothing is sealed until `resume` has cleared it."""
        self._commits = commits

    @classmethod
    def open(cls, folder: Path, clock: Clock) -> MeterBank:
        """The bank kept in a folder: ``meters.db``, ``keys/`` and the commit mark."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = KeyFiles(folder / "keys", pairs=3)
        return cls(open_fleet(folder / "meters.db", clock), keys, CommitMark(folder / "keys" / "commits"), clock)

    def close(self) -> None:
        """Let go of files and database."""
        self._store.close()
        self._keys.close()
        self._mark.close()

    @property
    def pids(self) -> NDArray[np.uint64]:
        """uint64 [n], all meters, in the order they were added."""
        return self._columns.pids

    @property
    def homes(self) -> NDArray[np.uint64]:
        """uint64 [n], the home of each meter (0 before it enrols)."""
        return np.array([state.home for state in self._columns.states], np.uint64)

    @property
    def retired(self) -> frozenset[int]:
        """Meters that enrolled and have no keys any more."""
        columns = self._columns
        return frozenset(int(columns.pids[at]) for at, s in enumerate(columns.states) if s.refused)

    @property
    def sealed_until(self) -> int:
        """End (absolute slot of the community) of what any meter has sealed; 0 before the first frame."""
        with self._store.read() as tx:
            return int(tx.meters.marks(self.pids).high_water.max(initial=0)) // self._card().resolution

    # -- commissioning ---------------------------------------------------------------------------------------------

    def pin(self, card: CommunityCard, fingerprint: bytes) -> None:
        """Take the community's card if it hashes to the fingerprint entered out of band; once and for ever (K3).

        Raises:
            VerificationError: other keys. ConflictError: another card was pinned before.
        """
        check_card(card, fingerprint)
        with self._store.begin() as tx:
            tx.documents.put("bank", "card", card.body())
        self.card = card

    def make(self, pids: Sequence[int]) -> list[bytes]:
        """Give new meters their signing keys; returns the public keys, for certificates and adoptions."""
        identities = [Identity.generate() for _ in pids]
        states = [MeterState(0, 0, 0, NO_ROW, i.seed(), b"").encode() for i in identities]
        with self._store.begin() as tx:
            tx.meters.add(np.array(pids, np.uint64), states)
        self._reload()
        return [identity.public for identity in identities]

    def enrol(self, sites: Sequence[Site], d0: int) -> list[Signed]:
        """Enrol meters made before; the signed messages, kept so that they can be sent again (`enrolments`).

        Args:
            sites: One a meter. d0: first UTC day they seal for.

        Raises:
            ConflictError: a meter has keys already, or had; keys are made once a meter id.
        """
        card = self._card()
        pids = np.array([site.pid for site in sites], np.uint64)
        at = self._columns.places(pids)
        if any(self._columns.states[i].k_mac for i in at.tolist()):
            raise ConflictError("a meter has enrolled before", where="enrol", fix="use a new meter id")
        made = enrol(card, card.fingerprint(), sites, [self._columns.identity(i) for i in at.tolist()], d0)
        first = self._keys.append(made.chain.transpose(1, 0, 2), d0)
        states = [
            MeterState(site.home, site.registers, d0, first + n, self._columns.states[i].seed, made.k_macs[n].tobytes())
            for n, (i, site) in enumerate(zip(at.tolist(), sites, strict=True))
        ]
        with self._store.begin() as tx:
            tx.meters.set_states(pids, [state.encode() for state in states])
            for site, message in zip(sites, made.messages, strict=True):
                tx.documents.put("enrol", str(site.pid), pack_signed(message))
        self._reload()
        return made.messages

    def enrolments(self) -> dict[int, Signed]:
        """pid -> its signed enrolment, for sending again until three keyholders have acknowledged."""
        with self._store.read() as tx:
            return {int(pid): unpack_signed(data) for pid, data in tx.documents.all("enrol").items()}

    def retire(self, pids: Sequence[int], why: str = "the meter was taken out") -> None:
        """Erase the keys of meters for ever; they can be replaced by a new meter id only."""
        at = self._columns.places(np.array(pids, np.uint64)).tolist()
        rows = [int(self._columns.key_rows[i]) for i in at if self._columns.key_rows[i] != NO_ROW]
        if rows:
            self._keys.erase_rows(rows)
        states = []
        for i in at:
            s = self._columns.states[i]
            states.append(MeterState(s.home, s.registers, s.d0, NO_ROW, s.seed, bytes(32), why).encode())
        with self._store.begin() as tx:
            tx.meters.set_states(np.array(pids, np.uint64), states)
        self._reload()

    def resume(self, standing: Signed | None) -> None:
        """Compare with the concentrator after a start, before sealing (K10).

        Args:
            standing: Its signed answer about `pids` and our `nonce`; None where it cannot be had.

        Raises:
            SingleUseError: this state is older than what the concentrator has, or was put back and it cannot be
                asked. The keys are erased in the first case: the meters must be replaced by new meter ids.
        """
        if standing is None:
            if self.put_back:
                raise self._refusal()
            return
        reached = check_standing(self._card(), standing, self.nonce, self.pids)
        with self._store.read() as tx:
            own = tx.meters.marks(self.pids).seq
        if (reached > own).any():
            self.retire(self.pids.tolist(), PUT_BACK)
            self.put_back = False
            raise self._refusal()
        if self.put_back:
            self._floor = self._clock.now()
            self._seq_floor = int(own.max(initial=0)) + _SEQ_GAP
            with self._store.begin() as tx:
                self._touch(tx, self._mark.read() or 0)
            self._mark.write(self._commits)
            self.put_back = False

    # -- sealing ---------------------------------------------------------------------------------------------------

    def advance_day(self, day: int) -> None:
        """Derive the keys of every day up to `day`, forget the chain keys behind and days older than `KEEP_DAYS`."""
        if day > self._keys.day:
            self._keys.advance(day)
            self._keys.erase_days_before(day - KEEP_DAYS)
            with self._store.begin() as tx:
                tx.meters.prune(day - KEEP_DAYS)

    def seal(self, readings: Readings, apart: NDArray[np.bool_] | None = None) -> list[SealedFrame]:
        """Seal new readings; when this returns, frames, marks and counters are on disk.

        Args:
            readings: Of meters of this bank; cells that are not present are not sealed. May span days.
            apart: bool [n, t], cells that get frames of their own because they will be sent at another time.

        Returns: The frames by day, stretch of cells, registers and then in the order of `readings.meters`.

        Raises:
            SingleUseError: an interval was sealed before, the clock went back, or the state was put back.
            InputError: an interval that has not ended. NotFoundError: a meter of another bank, or its keys are gone.
        """
        return self._seal(readings, correct=False, apart=apart)

    def correct(self, readings: Readings) -> list[SealedFrame]:
        """Seal intervals below the mark again, as the next version, within seven days (see `seal`).

        Raises:
            SingleUseError: an interval above the mark, or older than seven days, or corrected 255 times.
        """
        return self._seal(readings, correct=True)

    def _seal(self, readings: Readings, correct: bool, apart: NDArray[np.bool_] | None = None) -> list[SealedFrame]:
        if self.put_back:
            raise self._refusal()
        at = self._columns.ready(readings.meters)
        now = self._clock.now()
        window = readings.window
        if window.end * window.resolution > now:
            raise InputError("an interval has not ended yet", where="seal", fix="seal it when it has; check the clock")
        days = [day for day, _, _ in window.by_day()]
        if days:
            self.advance_day(max(days[-1], int(now) // DAY_S))
        with self._store.begin() as tx:
            _, seen, self._floor, self._seq_floor = _bank_state(tx)
            if now < seen:
                raise SingleUseError("the clock went back", where="seal", fix="set the clock right, then go on")
            if window.first * window.resolution < self._floor and readings.present.any():
                raise SingleUseError(PUT_BACK, where="seal", fix="seal only intervals after the moment it was put back")
            sealer = Sealer(tx, self._keys, self._columns, at, self._seq_floor)
            frames = sealer.correct(readings, now - LATE_DAYS * DAY_S) if correct else sealer.seal(readings, apart)
            self._touch(tx, self._commits)
        self._mark.write(self._commits)
        return frames

    def _touch(self, tx: FleetTx, commits: int) -> None:
        """Count this commit and take note of the clock, inside its transaction."""
        stored, seen, _, _ = _bank_state(tx)
        self._commits = max(stored, commits) + 1
        self._seen = max(seen, self._clock.now())
        tx.documents.replace("bank", "state", _BANK.pack(self._commits, self._seen, self._floor, self._seq_floor))

    # -- delivery --------------------------------------------------------------------------------------------------

    def pending(self, limit: int = 10_000) -> list[SealedFrame]:
        """Frames without a receipt, oldest first: the very bytes that were committed (K11)."""
        with self._store.read() as tx:
            return [SealedFrame(row.pid, row.seq, row.frame) for row in tx.meters.outbox(limit)]

    def acknowledge(self, receipt: Signed, accepted: Sequence[SealedFrame]) -> None:
        """Take a receipt for frames sent in one batch.

        Args:
            receipt: The concentrator's. accepted: the frames it accepted, in the order they were sent.

        Raises:
            VerificationError: it is not the concentrator's word on exactly these frames; they stay pending.
        """
        digests = [sha256(sent.frame).digest() for sent in accepted]
        checked = check_receipt(self._card(), receipt, digests)
        places = [(sent.pid, sent.seq, index) for index, sent in enumerate(accepted)]
        with self._store.begin() as tx:
            tx.meters.receipted(pack_signed(receipt), checked.accepted_at, digests, places)

    def proofs(self, pid: int, day: int) -> list[FrameProof]:
        """The receipted frames of a meter and day with their paths: for its household only."""
        with self._store.read() as tx:
            found = []
            for row in tx.meters.frames(pid, day):
                if row.receipt is not None:
                    signed, digests = tx.meters.receipt(row.receipt)
                    found.append(FrameProof(row.frame, signed, row.place, merkle.path(digests, row.place)))
        return found

    # -- day records -----------------------------------------------------------------------------------------------

    def day_records(self, day: int, vectors: Mapping[int, Sequence[DayVector]]) -> list[Signed]:
        """The signed records of one day, after its late window; the same bytes when asked again.

        Args:
            day: UTC day. vectors: pid -> the vectors of its leaf's book(s) on this day.

        Raises:
            RefusedError: the late window is still open. NotFoundError: the day's keys are erased already.

        Cost: about 60 µs a vector and meter, 32 µs a signature.
        """
        if self._clock.now() < (day + 1 + LATE_DAYS) * DAY_S:
            raise RefusedError("the day can still change", where=f"day {day}", fix=f"ask {LATE_DAYS} days after it")
        card = self._card()
        pids = np.array(list(vectors), np.uint64)
        at = self._columns.ready(pids)
        with self._store.begin() as tx:
            known = _stored_records(tx, pids.tolist(), day)
            new = [i for i in at.tolist() if int(self._columns.pids[i]) not in known]
            keys = self._keys.day_keys(day) if new else np.empty((3, 0, 32), np.uint8)
            for i in new:
                pid = int(self._columns.pids[i])
                frames = [row.frame for row in tx.meters.frames(pid, day) if row.receipt is not None]
                key = np.ascontiguousarray(keys[:, self._columns.key_rows[i]])
                record = day_record((card.community, pid), day, frames, key, vectors[pid])
                known[pid] = pack_signed(self._columns.identity(i).sign(record))
            made = self._columns.pids[new].tolist()
            tx.meters.put_days([(pid, day, known[pid]) for pid in made])
        return [unpack_signed(known[pid]) for pid in pids.tolist()]

    def signer(self, pid: int) -> tuple[Identity, bytes]:
        """A meter's signing key and MAC key, for the edge process beside it (suite 2): secret.

        Raises:
            SingleUseError: it has no keys (any more).
        """
        at = int(self._columns.ready(np.array([pid], np.uint64))[0])
        return self._columns.identity(at), self._columns.k_macs[at]

    # -- inside ----------------------------------------------------------------------------------------------------

    def _card(self) -> CommunityCard:
        if self.card is None:
            raise NotFoundError("no community is pinned", where="meter", fix="enter the fingerprint: pin(card, ...)")
        return self.card

    def _refusal(self) -> SingleUseError:
        return SingleUseError(PUT_BACK, where="meter bank", fix="ask the concentrator for its standing, or enrol anew")

    def _reload(self) -> None:
        with self._store.read() as tx:
            pids = tx.meters.pids()
            self._columns = Columns(pids, tx.meters.states(pids))


def _bank_state(tx: FleetTx) -> tuple[int, float, float, int]:
    """Commits, newest clock, floor in time, floor of seq."""
    data = tx.documents.find("bank", "state")
    if data is None:
        return 0, 0.0, 0.0, 0
    commits, seen, floor, seq_floor = _BANK.unpack(data)
    return int(commits), float(seen), float(floor), int(seq_floor)


def _stored_records(tx: FleetTx, pids: Sequence[int], day: int) -> dict[int, bytes]:
    """The day records that were made before, encoded."""
    found = {}
    for pid in pids:
        try:
            found[pid] = tx.meters.day_record(pid, day)
        except NotFoundError:
            continue
    return found

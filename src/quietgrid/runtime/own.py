"""What the platform hands to a household: its own ciphertexts, bills, book, closes, day records. Nothing of others.

Privacy: ciphertexts of the asking home only; opened numbers of the asking home only.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, NotFoundError, VerificationError
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.runtime.claims import own_claims, take_account
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform
from quietgrid.store import Cut
from quietgrid.wire.columns import member_list, pack_bits
from quietgrid.wire.messages import Enrol, Members
from quietgrid.wire.own import BillScalars, Erase, OwnClaims, SealedSeries
from quietgrid.wire.recovery import newest_request
from quietgrid.wire.vouching import Vouching, vouch

MAX_DAYS = 400
RECOVERED, PROOF = "recovered household key", "household key recovery"
"""Documents: a home's key in the place of a lost one; the takeovers that say so."""


class OwnDesk:
    """Answers for one home at a time; `home` has been authenticated by the caller.

    Args:
        platform, periods: Where everything is.
    """

    def __init__(self, platform: Platform, periods: Periods) -> None:
        self._platform = platform
        self._periods = periods
        self._store = platform.parts.store

    def household_key(self, home: int) -> bytes:
        """The key a home's meters were adopted with, or that took its place; or `NotFoundError`."""
        with self._store.read() as tx:
            meters = tx.registry.meters_of(home)
            recovered = tx.documents.find(RECOVERED, str(home))
        if not meters:
            raise NotFoundError("there is no such home", where=f"home {home}", fix="check the number")
        if recovered is not None:
            return recovered
        return decode(Enrol, unpack_signed(meters[-1].enrol).body).household_pk

    def recover(self, home: int, proof: Sequence[bytes]) -> None:
        """Take a household's new key over, as two keyholders have; their takeovers are kept for the auditor.

        Args:
            home: Whose. proof: encoded `Signed[Takeover]` of keyholders, which anybody may carry here.

        Raises:
            VerificationError: no two keyholders stand for a key that follows the one known here.
        """
        step = newest_request(self._platform.parts.card, home, self.household_key(home), proof)
        with self._store.begin() as tx:
            if tx.documents.find(RECOVERED, str(home)) == step.request.household_pk:
                return
            tx.documents.replace(RECOVERED, str(home), step.request.household_pk)
            for data in proof:
                tx.documents.replace(PROOF, f"{home}/{unpack_signed(data).hash().hex()}", data)
            tx.log.append("keyholders", "household.recover", f"home {home}", {"request": step.digest.hex()})

    def erase(self, home: int, signed: Signed) -> None:
        """Drop the home's meters at once (`runtime.erasing`); the household has asked for it with its own key."""
        asked = open_signed(signed, Erase, self.household_key(home))
        if (asked.home, asked.community) != (home, self._platform.parts.card.community):
            raise VerificationError("an erasure of another home", where="erase", fix="sign for your own home")
        self._platform.erasures.take(home, signed)

    def window(self, first: int, end: int) -> Window:
        """A window a household may ask about in one go."""
        resolution = self._platform.parts.card.resolution
        if not 0 <= first <= end or end - first > MAX_DAYS * slots_per_day(resolution):
            raise InputError("the window does not fit", where="first, end", fix=f"ask for at most {MAX_DAYS} days")
        return Window(first, end, resolution)

    def sealed(self, home: int, pid: int, register: int, window: Window) -> SealedSeries:
        """A home's own ciphertexts of one meter: what a close counted in that version, the rest in its newest."""
        if register not in (0, 1):
            raise InputError("no such register", where="register", fix="0 import, 1 export")
        with self._store.read() as tx:
            meters = {m.pid: m for m in tx.registry.meters_of(home)}
        if pid not in meters:
            raise NotFoundError("no such meter at this home", where="pid", fix="ask for your own")
        row = meters[pid].row
        counted = self._counted(pid, window)
        version = np.full(len(window), -1, np.int16)
        words = np.zeros(len(window), np.uint64)
        at = 0
        for day, a, b in window.by_day():
            cut = Cut(day, register, window.resolution, a, b, row)
            span = slice(at, at + b - a)
            with self._store.read() as tx:
                newest = tx.segments.read(cut, 1)
                version[span], words[span] = newest.version[0], newest.ciphertext[0]
                closed = counted[span]
                for number in np.unique(closed[(closed >= 0) & (closed != version[span])]).tolist():
                    older = tx.segments.version(cut, 1, number)
                    use = (closed == number) & (older.version[0] >= 0)
                    version[span][use], words[span][use] = number, older.ciphertext[0][use]
            at += b - a
        return SealedSeries(
            self._platform.parts.card.community, pid, register, window.first, window.end, window.resolution,
            pack_bits(version >= 0), pack_bits(counted >= 0), np.maximum(version, 0).astype(np.uint8).tobytes(),
            words.astype("<u8").tobytes(),
        )  # fmt: skip

    def _counted(self, pid: int, window: Window) -> NDArray[np.int16]:
        """int16 [t]: the version of a meter's cell that its close counted, -1 where none did."""
        counted = np.full(len(window), -1, np.int16)
        per_day = slots_per_day(window.resolution)
        for signed in self.closes_of_meter(pid, window):
            close = self._platform.answering.closed(signed.hash())
            start = close.day * per_day + close.a
            members = self._platform.members(start)
            at = int(np.searchsorted(members.rows(close.leaf), members.row_of[pid]))
            if at >= len(close.present):
                continue
            cells = np.where(close.present[at], close.version[at], -1).astype(np.int16)
            first = start - window.first
            low, high = max(0, first), min(len(window), first + close.b - close.a)
            if low < high:
                counted[low:high] = cells[low - first : high - first]
        return counted

    def closes_of_meter(self, pid: int, window: Window) -> list[Signed]:
        """The closes of a meter's leaf that touch a window."""
        if not len(window):
            return []
        try:
            members = self._platform.members(window.end - 1)
        except NotFoundError:
            members = self._platform.members(window.first)
        row = members.row_of.get(pid)
        if row is None:
            return []
        leaf = int(members.leaves[row])
        with self._store.read() as tx:
            return [unpack_signed(r.signed) for r in tx.answers.closes(leaf, window.first, window.end)]

    def closes(self, home: int, window: Window) -> list[Signed]:
        """The closes of a home's leaf, whichever of its meters was there."""
        if not len(window):
            return []
        members = self._platform.members(window.first)
        leaf = self._leaf(members, home)
        with self._store.read() as tx:
            return [unpack_signed(row.signed) for row in tx.answers.closes(leaf, window.first, window.end)]

    def _leaf(self, members: MemberList, home: int) -> int:
        """The leaf of a home in an epoch, or `NotFoundError`."""
        rows = np.flatnonzero(members.homes == np.uint64(home))
        if not len(rows):
            raise NotFoundError("the home is not in this epoch", where=f"home {home}", fix="ask about its own time")
        return int(members.leaves[rows[0]])

    def bills(self, home: int) -> list[bytes]:
        """A home's bills that were issued, encoded, newest period last."""
        with self._store.read() as tx:
            rows = tx.billing.bills(home=home)
        return [b64decode(row.detail["bill"]) for row in reversed(rows) if row.status != "draft"]

    def book(self, home: int, first: int) -> Signed:
        """The registered book of a home's leaf for a period."""
        members = self._platform.members(first)
        leaf = self._leaf(members, home)
        with self._store.read() as tx:
            return unpack_signed(tx.registry.book(leaf, first))

    def prices(self, feed: str, window: Window) -> list[Signed]:
        """Published prices of a feed that touch a window."""
        with self._store.read() as tx:
            return [unpack_signed(data) for data in tx.registry.price_messages(feed)]

    def records(self, home: int, window: Window) -> list[Signed]:
        """Day records of a home's meters."""
        return self._platform.records.of(home, window)

    def vouching(self, home: int, window: Window) -> Vouching:
        """What vouches for the keys of a home's meters in a period: their rows of lists that keyholders signed.

        Privacy: of other homes hashes only; no blob of an enrolment.
        """
        with self._store.read() as tx:
            enrolments = {m.pid: decode(Enrol, unpack_signed(m.enrol).body) for m in tx.registry.meters_of(home)}
            lists = [decode(Members, unpack_signed(data).body) for data in tx.registry.all_members()]
            endorsed = {m.hash(): list(tx.registry.endorsements(m.hash()).values()) for m in lists}
        shown: list[Vouching] = []
        for message in sorted(lists, key=lambda m: (m.epoch, m.revision), reverse=True):
            here = set(member_list(message).row_of) & set(enrolments)
            if here and len(window.intersect(Window(message.first, message.end, message.resolution))):
                shown.append(vouch([enrolments.pop(pid) for pid in sorted(here)], message, endorsed[message.hash()]))
        return Vouching([m for some in shown for m in some.meters], [e for some in shown for e in some.endorsements])

    def claims(self, home: int) -> OwnClaims:
        """What a home may claim, with its paths."""
        with self._store.read() as tx:
            return own_claims(tx, home)

    def name_account(self, home: int, signed: Signed) -> None:
        """Take the address that a home's credits go to from now on; see `claims.take_account`."""
        key = self.household_key(home)
        with self._store.begin() as tx:
            take_account(tx, home, key, self._platform.parts.card.community, signed)

    def prove(self, home: int, signed: Signed) -> None:
        """Take the scalars of a bill, signed by its household."""
        message = open_signed(signed, BillScalars, self.household_key(home))
        if message.home != home:
            raise InputError("the proof is another home's", where="proof", fix="send your own")
        with self._store.begin() as tx:
            tx.documents.replace("proof", f"{home}/{message.first}", pack_signed(signed))

    def proof(self, home: int, first: int) -> Signed | None:
        """The scalars a household released for a period, if it has."""
        with self._store.read() as tx:
            data = tx.documents.find("proof", f"{home}/{first}")
        return None if data is None else unpack_signed(data)

"""One home as its pages see it: own series, ledgers as far as keyholders answer, small notes of this household.

Everything of a home goes through one lock: pages are made in worker threads, and a ledger is followed in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from threading import RLock

from quietgrid.billing import Bill
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError, QuietgridError, UnavailableError, VerificationError
from quietgrid.household import Home
from quietgrid.household.following import Follower
from quietgrid.household.ledger import Entry, Explained, merge
from quietgrid.household.omissions import Complaint, OmissionReport
from quietgrid.household.own import Own, whole
from quietgrid.model.interval import DAY_S, Window, local_window, zone
from quietgrid.model.question import Vector
from quietgrid.wire.columns import book_of
from quietgrid.wire.messages import BookMessage

SETTLED_S = 9 * DAY_S
"""So long after its end nothing about a period changes: the late window is over."""


class Desk:
    """See above. `home`: whose."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.lock = RLock()
        parts = home.parts
        self._followers = [
            Follower(holder, index, parts.card, parts.vault, parts.store) for index, holder in enumerate(parts.holders)
        ]
        self._entries: list[list[Entry]] = [[] for _ in self._followers]
        self.trouble: dict[int, QuietgridError] = {}
        """Keyholder -> why its ledger could not be followed the last time."""
        self._vectors: dict[int, dict[str, Vector]] = {}
        self._leaf: str | None = None
        self._omissions: dict[Window, tuple[OmissionReport, Complaint | None]] = {}

    # -- time ------------------------------------------------------------------------------------------------------

    @property
    def tz(self) -> str:
        """The community's time zone."""
        return self.home.parts.card.tz

    @property
    def resolution(self) -> int:
        """Seconds of an interval."""
        return self.home.parts.card.resolution

    def now(self) -> float:
        """The community's time."""
        return self.home.parts.clock.now()

    def today(self) -> date:
        """The local date."""
        return datetime.fromtimestamp(self.now(), zone(self.tz)).date()

    def days(self, first: date, days: int) -> Window:
        """The window of local days."""
        return local_window(first, first + timedelta(days=days), self.tz, self.resolution)

    @property
    def first_day(self) -> date:
        """The day the first meter was enrolled."""
        first = min((line.meter.d0 for line in self.home.lines.values()), default=int(self.now()) // DAY_S)
        return date(1970, 1, 1) + timedelta(days=first)

    # -- own data --------------------------------------------------------------------------------------------------

    def own(self, window: Window) -> Own:
        """All meters together, fetched sealed and opened here; absent after now."""
        with self.lock:
            return whole(self.home, window)

    # -- bills -----------------------------------------------------------------------------------------------------

    def bills(self) -> list[Bill]:
        """Our bills, newest period and version first."""
        with self.lock:
            found = [Bill.decode(data) for data in self.home.bills()]
        return sorted(found, key=lambda bill: (bill.window.first, bill.version), reverse=True)

    def vectors(self, first: int) -> dict[str, Vector]:
        """The vectors of the book of the period that starts at a slot; empty if there is none."""
        if first not in self._vectors:
            parts = self.home.parts
            try:
                signed = parts.platform.book(first)
            except NotFoundError:
                return {}
            book = book_of(open_signed(signed, BookMessage, parts.card.platform_pk))
            self._vectors[first] = {vector.name: vector for vector in book.vectors}
        return self._vectors[first]

    def periods(self) -> list[Window]:
        """The billed periods, and what came after them until now; newest first."""
        billed = sorted({bill.window.first: bill.window for bill in self.bills()}.values(), key=lambda w: w.first)
        since = billed[-1].end if billed else self.days(self.first_day, 1).first
        until = max(since, int(self.now()) // self.resolution)
        return [w for w in reversed([*billed, Window(since, until, self.resolution)]) if len(w)]

    def omissions(self, period: Window) -> tuple[OmissionReport, Complaint | None]:
        """What was delivered and left out of a period; that of a period long over is looked up once."""
        known = self._omissions.get(period)
        if known is None:
            with self.lock:
                known = self.home.omissions(period)
            if period.end * period.resolution < self.now() - SETTLED_S:
                self._omissions[period] = known
        return known

    # -- the ledgers -----------------------------------------------------------------------------------------------

    def privacy(self) -> list[Explained]:
        """What the keyholders' ledgers say, newest first. One that does not answer is left at what it said before.

        Raises:
            UnavailableError: none answers and none ever has.
        """
        with self.lock:
            self.trouble = {}
            for index, follower in enumerate(self._followers):
                try:
                    self._entries[index] = follower.entries()
                except (UnavailableError, VerificationError) as error:
                    self.trouble[index] = error
            if len(self.trouble) == len(self._followers) and not any(self._entries):
                raise next(iter(self.trouble.values()))
            return merge([entry for entries in self._entries for entry in entries], self.tz)

    @property
    def broken(self) -> bool:
        """Whether some ledger's chain did not hold."""
        return any(isinstance(error, VerificationError) for error in self.trouble.values())

    @property
    def copies(self) -> int:
        """Keyholders whose ledger could be followed."""
        return len(self._followers) - len(self.trouble)

    def leaf(self, rows: Sequence[Explained]) -> str:
        """The name of our feeder section; "" while no close of it is known."""
        if self._leaf is None:
            slot = int(self.now()) // self.resolution
            recent = Window(max(0, slot - 3 * DAY_S // self.resolution), slot, self.resolution)
            with self.lock:
                own = {signed.hash().hex() for signed in self.home.parts.platform.closes(recent)}
            self._leaf = next((row.note.node for row in rows if row.kind == "close" and row.subject in own), None)
        return self._leaf or ""

    # -- small notes of this household -----------------------------------------------------------------------------

    def note(self, kind: str, key: str = "") -> str:
        """A note, "" if there is none."""
        with self.home.parts.store.read() as tx:
            return (tx.documents.find(kind, f"{self.home.parts.vault.home}/{key}") or b"").decode()

    def put_note(self, kind: str, text: str, key: str = "") -> None:
        """Keep a note in place of the one before."""
        with self.home.parts.store.begin() as tx:
            tx.documents.replace(kind, f"{self.home.parts.vault.home}/{key}", text.encode())

    def drop_note(self, kind: str, key: str = "") -> None:
        """Forget a note."""
        with self.home.parts.store.begin() as tx:
            tx.documents.drop(kind, f"{self.home.parts.vault.home}/{key}")

    def drop_notes(self, *kinds: str) -> None:
        """Forget all notes of some kinds."""
        prefix = f"{self.home.parts.vault.home}/"
        with self.home.parts.store.begin() as tx:
            for kind in kinds:
                for key in tx.documents.all(kind):
                    if key.startswith(prefix):
                        tx.documents.drop(kind, key)

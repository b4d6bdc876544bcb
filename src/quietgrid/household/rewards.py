"""What a home's bills owe it, claimed by the household's process at moments that say little; and what the home knows.

Who may claim something goes two steps. A *look* asks the platform what the home may claim; homes look at moments of
their own, whether or not there is something. A *claim* is sent a while after a look, drawn anew each time and without
asking the platform again. So neither the platform's list of requests nor the moment of a root says which home is behind
a claim. An address is named only by a home whose bills owe it something, which the platform knows: it makes the bills.

On the chain stand a round sum and an address that was never used before; nothing is paid out by itself, since whom to
pay is the household's to say. What is known here (`RewardNote`) stays in the household's own store.

Does not give: secrecy from who runs the chain's node and sees who asks it (use one of your own); much of a crowd where
few homes claim: two claims of 50 and 54 EUR are two homes' credits, whoever they are.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from quietgrid.crypto.public.envelope import decode
from quietgrid.errors import QuietgridError, RevertedError
from quietgrid.household.claiming import CONTRACT, Claiming, Purse
from quietgrid.household.service import Home
from quietgrid.model.interval import DAY_S, Clock
from quietgrid.store import VaultStore
from quietgrid.wire.own import OwnClaims

if TYPE_CHECKING:
    from quietgrid.chain.client import Chain

NOTE, CHOICE = "rewards", "rewards by itself"
"""Documents of the household's store: what is known; "on" or "off"."""
KEPT = 50
_CHANCE = secrets.SystemRandom()


class KnownPurse(msgspec.Struct, array_like=True, frozen=True):
    """One address of the home as it stood; micro-units. See `Purse`."""

    address: str
    promised_micro: int
    claimed_micro: int
    paid_micro: int


class RewardNote(msgspec.Struct, array_like=True, frozen=True):
    """What the home knew last.

    Args:
        credit_micro: All credits of its bills, to the millionth. purses: oldest first. transactions: newest first.
        at: When (the machine's time). trouble: why something could not be done. look_at: of the next look.
        claim_at: of the next claim; 0: none. found: encoded `OwnClaims` it will be made with.
    """

    credit_micro: int = 0
    purses: list[KnownPurse] = []
    transactions: list[str] = []
    at: float = 0.0
    trouble: str = ""
    look_at: float = 0.0
    claim_at: float = 0.0
    found: bytes = b""

    @property
    def promised_micro(self) -> int:
        """What may be claimed, claimed already or not."""
        return sum(purse.promised_micro for purse in self.purses)

    @property
    def claimed_micro(self) -> int:
        """What was claimed."""
        return sum(purse.claimed_micro for purse in self.purses)

    @property
    def paid_micro(self) -> int:
        """What was paid out."""
        return sum(purse.paid_micro for purse in self.purses)


def known(store: VaultStore, home: int) -> RewardNote | None:
    """What a home knew last, if it ever looked."""
    with store.read() as tx:
        body = tx.documents.find(NOTE, f"{home}/")
    return None if body is None else msgspec.msgpack.decode(body, type=RewardNote)


def remember(store: VaultStore, home: int, note: RewardNote) -> None:
    """Keep what a home knows."""
    with store.begin() as tx:
        tx.documents.replace(NOTE, f"{home}/", msgspec.msgpack.encode(note))


def seen(note: RewardNote, credit_micro: int, purses: Sequence[Purse], sent: Sequence[str], at: float) -> RewardNote:
    """A note after the chain was asked, or something was sent."""
    rows = [KnownPurse(p.address, p.promised_micro, p.claimed_micro, p.paid_micro) for p in purses]
    transactions = [*reversed(sent), *note.transactions][:KEPT]
    return msgspec.structs.replace(
        note, credit_micro=credit_micro, purses=rows, transactions=transactions, at=at, trouble=""
    )


def choice(store: VaultStore, home: int) -> str:
    """What the household chose: "on", "off", or "" for what is usual here."""
    with store.read() as tx:
        return (tx.documents.find(CHOICE, f"{home}/") or b"").decode()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, each drawn evenly between two bounds; seconds of the machine's time.

    Args:
        first: until the first look. look: from one look to the next. named: to the look after an address was named.
        wait: from a look that found something to the claim.
    """

    first: tuple[float, float]
    look: tuple[float, float]
    named: tuple[float, float]
    wait: tuple[float, float]


REAL = Pace((3600, DAY_S), (DAY_S, 7 * DAY_S), (DAY_S, 2 * DAY_S), (0, 21 * DAY_S))
DEMO = Pace((60, 150), (90, 240), (15, 30), (5, 40))
"""A demo that shows it within minutes; it hides little."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where claims go. `url`: of the chain's node. `book`: file of the contracts' addresses, which are public."""

    url: str
    book: Path

    def reach(self) -> tuple[Chain, str]:
        """The node and the contract's address.

        Raises:
            UnavailableError: the node is away. NotFoundError: the contract is not there.
        """
        from quietgrid.chain.book import AddressBook
        from quietgrid.chain.client import Chain

        chain = Chain(self.url)
        return chain, AddressBook(self.book).address(chain.chain_id(), CONTRACT)


class Rewards:
    """Looks and claims for the homes of one process, each at its own moments.

    Args:
        homes: By id; one that is taken out is left alone. reach: the node and the contract's address, when needed.
        pace: see there. clock: the machine's. by_default: whether homes that chose nothing take part.
        draw: gives a number between two bounds.
    """

    def __init__(
        self, homes: Mapping[int, Home], reach: Callable[[], tuple[Chain, str]], pace: Pace, clock: Clock,
        by_default: bool, draw: Callable[[float, float], float] = _CHANCE.uniform,
    ) -> None:  # fmt: skip
        self._homes, self._reach, self._pace = homes, reach, pace
        self._clock, self._by_default, self._draw = clock, by_default, draw
        self._due: dict[int, float] = {}
        self._stop = threading.Event()

    def step(self) -> list[int]:
        """Do what is due; which homes did something."""
        now = self._clock.now()
        acted = []
        for number, home in list(self._homes.items()):
            if number not in self._due:
                self._due[number] = self._first(home, number)
            if self._due[number] <= now and self._takes_part(home, number):
                self._due[number] = self._act(home, number, now)
                acted.append(number)
        return acted

    def run(self, pause_s: float = 2.0) -> None:
        """Step until `stop`."""
        while not self._stop.wait(pause_s):
            self.step()

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def _first(self, home: Home, number: int) -> float:
        """Where the last process left off."""
        note = known(home.parts.store, number) or RewardNote()
        return note.claim_at or note.look_at or self._clock.now() + self._draw(*self._pace.first)

    def _takes_part(self, home: Home, number: int) -> bool:
        if home.parts.claims is None:
            return False
        return (choice(home.parts.store, number) or ("on" if self._by_default else "off")) == "on"

    def _act(self, home: Home, number: int, now: float) -> float:
        """One look or claim; when the next thing is due."""
        note = known(home.parts.store, number) or RewardNote()
        own = home.claiming
        try:
            note = self._claim(own, note, now) if 0 < note.claim_at <= now else self._look(own, note, now)
        except QuietgridError as error:
            later = now + self._draw(*self._pace.named)
            note = msgspec.structs.replace(note, trouble=error.what, look_at=later, claim_at=0.0, found=b"")
        if number in self._homes:  # it may have been erased meanwhile
            remember(home.parts.store, number, note)
        return note.claim_at or note.look_at

    def _look(self, own: Claiming, note: RewardNote, now: float) -> RewardNote:
        found = own.own()
        pace, named = self._pace.look, len(found.accounts) > 0
        if not named and found.credit_micro >= found.unit_micro:
            own.name()
            pace = self._pace.named
        elif named and not found.shares:
            pace = self._pace.named  # until a root has it
        note = msgspec.structs.replace(note, look_at=now + self._draw(*pace))
        if not found.shares:
            return seen(note, found.credit_micro, (), (), now)
        chain, contract = self._reach()
        note = seen(note, found.credit_micro, own.purses(chain, contract, found), (), now)
        if note.claimed_micro >= note.promised_micro:
            return note
        claim_at = now + self._draw(*self._pace.wait)
        return msgspec.structs.replace(note, claim_at=claim_at, found=found.body())

    def _claim(self, own: Claiming, note: RewardNote, now: float) -> RewardNote:
        """With what the look found: the platform is not asked now. A root that is newer asks for another look."""
        found = decode(OwnClaims, note.found)
        chain, contract = self._reach()
        note = msgspec.structs.replace(note, claim_at=0.0, found=b"")
        try:
            sent = own.claim(chain, contract, found)
        except RevertedError:
            return msgspec.structs.replace(note, look_at=now + self._draw(*self._pace.named))
        return seen(note, found.credit_micro, own.purses(chain, contract, found), sent, now)


def forget(store: VaultStore, home: int) -> None:
    """Delete what is known and chosen: the home was erased."""
    with store.begin() as tx:
        tx.documents.drop(NOTE, f"{home}/")
        tx.documents.drop(CHOICE, f"{home}/")


def choose(store: VaultStore, home: int, by_itself: bool) -> None:
    """Say whether the household's process claims for a home."""
    with store.begin() as tx:
        tx.documents.replace(CHOICE, f"{home}/", b"on" if by_itself else b"off")

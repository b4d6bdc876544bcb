"""Keyholders over HTTP: as the platform sees them (`HttpKeyholder`) and as a peer does (`HttpPeer`).

Large batches go in several requests, so that none is over the keyholder's limits or holds it for long. An item that
alone is too large is sent and refused. Asking again after a failure half-way is safe: keyholders give the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from quietgrid.client.reach import Reach
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import UnavailableError, VerificationError
from quietgrid.wire import keyholder_http as http
from quietgrid.wire.links import Outcome
from quietgrid.wire.messages import Refusal, Signed, VoteLog

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Head(msgspec.Struct):
    """Number and hash (hex) of a ledger's newest entry."""

    seq: int
    hash: str


class Health(msgspec.Struct):
    """What a keyholder says of itself to anyone. `state`: ``catching-up`` or ``ready``."""

    index: int
    state: str
    ledger: Head
    version: str


class HttpKeyholder:
    """One keyholder as the platform reaches it (`wire.links.KeyholderLink`).

    Args:
        index: Its number. url: Its address. connect_s, read_s: seconds to wait.
        sign: Signs requests (`client.auditor.signer`); only `dispute` needs it.
    """

    def __init__(
        self, index: int, url: str, *, connect_s: float = 1.0, read_s: float = 120.0,
        sign: Callable[[str, str, bytes], str] | None = None,
    ) -> None:  # fmt: skip
        self._index = index
        self._reach = Reach(url, f"keyholder {index}", connect_s=connect_s, read_s=read_s, sign=sign)

    @property
    def index(self) -> int:
        """Its number."""
        return self._index

    @property
    def url(self) -> str:
        """Its address."""
        return self._reach.url

    def health(self) -> Health:
        """Its state."""
        return self._reach.get_json(http.HEALTH, Health)

    def ledger_head(self) -> tuple[int, bytes]:
        """See `KeyholderLink.ledger_head`."""
        head = self.health().ledger
        try:
            return head.seq, bytes.fromhex(head.hash)
        except ValueError as error:
            raise self._wrong("a ledger's head that is no hash") from error

    def enrol(self, enrolments: Sequence[Signed]) -> list[Outcome]:
        """See `KeyholderLink.enrol`."""
        return self._outcomes(http.ENROL, enrolments)

    def members(self, signed: Signed) -> Signed:
        """See `KeyholderLink.members`."""
        return self._reach.post(http.MEMBERS, _encode(signed), Signed)

    def register(self, signed: Sequence[Signed]) -> list[Refusal | None]:
        """See `KeyholderLink.register`."""
        out: list[Refusal | None] = []
        for part in cut(signed):
            out += self._same(part, self._reach.post(http.REGISTER, _encode(part), list[Refusal | None]))
        return out

    def votes_on(self, subjects: Sequence[Signed]) -> list[Outcome]:
        """See `KeyholderLink.votes_on`."""
        return self._outcomes(http.VOTES_ON, subjects)

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        """See `KeyholderLink.questions`."""
        return self._outcomes(http.QUESTIONS, questions)

    def opened(self, opened: Sequence[Signed]) -> None:
        """See `KeyholderLink.opened`."""
        for part in cut(opened):
            self._reach.post(http.OPENED, _encode(part), type(None))

    def dispute(self, signed: Signed) -> Signed:
        """A part of one component for the auditor, a signed `PartSum` (`Keyholder.dispute`)."""
        return self._reach.post(http.DISPUTE, _encode(signed), Signed)

    def close(self) -> None:
        """Let go of connections."""
        self._reach.close()

    def _outcomes(self, path: str, items: Sequence[Signed]) -> list[Outcome]:
        out: list[Outcome] = []
        for part in cut(items):
            answered = self._same(part, self._reach.post(path, _encode(part), list[http.Pair]))
            try:
                out += http.outcomes(answered)
            except VerificationError as error:
                raise self._wrong(error.what) from error
        return out

    def _same(self, asked: Sequence[object], answered: list[T]) -> list[T]:
        if len(asked) != len(answered):
            raise self._wrong(f"{len(answered)} answers to {len(asked)} items")
        return answered

    def _wrong(self, what: str) -> UnavailableError:
        """A keyholder that talks nonsense is as good as away; the other two can go on."""
        return UnavailableError(what, where=f"keyholder {self._index} at {self.url}", fix="check its version and log")


class HttpPeer:
    """One keyholder as another reaches it (`wire.links.PeerLink`), on a link of their own.

    Args:
        index: Its number. url: Its address. public: its signing key, from the card.
        connect_s, read_s: seconds to wait; short, since a batch waits with us.
    """

    def __init__(self, index: int, url: str, public: bytes, *, connect_s: float = 1.0, read_s: float = 15.0) -> None:
        self._index = index
        self._public = public
        self._reach = Reach(url, f"peer {index}", connect_s=connect_s, read_s=read_s)

    @property
    def index(self) -> int:
        """Its number."""
        return self._index

    def votes(self, subjects: Sequence[bytes], head: Signed) -> list[Signed | None]:
        """See `PeerLink.votes`; without subjects it still shows the head and whether the peer can be reached.

        Who signed the votes is for the caller to check.
        """
        out: list[Signed | None] = []
        for at in range(0, max(1, len(subjects)), http.SUBJECTS_AT_ONCE):
            part = list(subjects[at : at + http.SUBJECTS_AT_ONCE])
            found = self._reach.post(http.PEER_VOTES, _encode((part, head)), list[Signed | None])
            if len(found) != len(part):
                raise self._wrong("it left out votes")
            out += found
        return out

    def log_after(self, seq: int, head: Signed) -> VoteLog:
        """See `PeerLink.log_after`; the log is signed by the peer."""
        signed = self._reach.post(http.PEER_LOG, _encode((seq, head)), Signed)
        try:
            log = open_signed(signed, VoteLog, self._public)
        except VerificationError as error:
            raise self._wrong(error.what) from error
        if log.keyholder != self._index:
            raise self._wrong("it sent another's log")
        return log

    def recoveries(self, mark: bytes, head: Signed) -> list[Signed]:
        """See `PeerLink.recoveries`. Who signed them is for the caller to check."""
        return self._reach.post(http.PEER_RECOVERIES, _encode((mark, head)), list[Signed])

    def close(self) -> None:
        """Let go of connections."""
        self._reach.close()

    def _wrong(self, what: str) -> UnavailableError:
        """Whoever answers at the peer's address is not the peer: as good as away."""
        return UnavailableError(what, where=f"peer {self._index} at {self._reach.url}", fix="check its address and key")


def cut(
    items: Sequence[Signed], items_at_once: int = http.BATCH_ITEMS, bytes_at_once: int = http.BATCH_BYTES
) -> Iterator[list[msgspec.Raw]]:
    """Encoded items in parts of at most so many items and bytes, in order (one item at least in each).

    >>> one = Signed("x", bytes(100), b"", b"")
    >>> [len(part) for part in cut([one] * 5, items_at_once=2)]
    [2, 2, 1]
    >>> [len(part) for part in cut([one] * 5, bytes_at_once=250)]
    [2, 2, 1]
    """
    part: list[msgspec.Raw] = []
    size = 0
    for item in items:
        data = _encode(item)
        if part and (len(part) >= items_at_once or size + len(data) > bytes_at_once):
            yield part
            part, size = [], 0
        part.append(msgspec.Raw(data))
        size += len(data)
    if part:
        yield part

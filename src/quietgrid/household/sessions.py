"""Who is signed in at the household's own origin: one-time links and sessions, kept as hashes.

A session belongs to one home. Links and sessions are 256-bit random tokens; the store holds their SHA-256 only, so that
reading it signs nobody in. Times are the machine's, not a simulation's.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from quietgrid.errors import ForbiddenError
from quietgrid.model.interval import Clock
from quietgrid.store import VaultStore, VaultTx

LINK_S = 7 * 86_400
SESSION_S = 12 * 3_600
_LINK, _SESSION = "sign-in link", "session"


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    home: int
    expires: float
    csrf: str


@dataclass(frozen=True, slots=True)
class Session:
    """Someone signed in.

    Args:
        home: The home they may see. csrf: what requests that change something must repeat.
    """

    home: int
    csrf: str


class Sessions:
    """Links and sessions of one household process.

    Args:
        store: Where the hashes are. clock: the machine's.
    """

    def __init__(self, store: VaultStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def link(self, home: int) -> str:
        """A token that signs in to a home once, within a week."""
        token = secrets.token_urlsafe(32)
        stored = _Stored(home, self._clock.now() + LINK_S, "")
        with self._store.begin() as tx:
            self._sweep(tx)
            tx.documents.put(_LINK, _digest(token), msgspec.msgpack.encode(stored))
        return token

    def redeem(self, token: str) -> str:
        """Use up a link; the token of a new session.

        Raises:
            ForbiddenError: used, unknown or too old.
        """
        session = secrets.token_urlsafe(32)
        with self._store.begin() as tx:
            link = self._valid(tx, _LINK, token)
            if link is None:
                raise ForbiddenError(
                    "this sign-in link has been used or is too old", where="sign-in", fix="ask for a new link"
                )
            tx.documents.drop(_LINK, _digest(token))
            stored = _Stored(link.home, self._clock.now() + SESSION_S, secrets.token_urlsafe(32))
            tx.documents.put(_SESSION, _digest(session), msgspec.msgpack.encode(stored))
        return session

    def find(self, token: str) -> Session | None:
        """The session of a token, None if there is none (any more)."""
        with self._store.read() as tx:
            stored = self._valid(tx, _SESSION, token)
        return None if stored is None else Session(stored.home, stored.csrf)

    def end(self, token: str) -> None:
        """Sign out."""
        with self._store.begin() as tx:
            tx.documents.drop(_SESSION, _digest(token))

    def end_all(self, homes: Sequence[int]) -> None:
        """Sign everybody out of these homes and void their links (after erasure)."""
        with self._store.begin() as tx:
            for kind in (_LINK, _SESSION):
                for key, data in tx.documents.all(kind).items():
                    if msgspec.msgpack.decode(data, type=_Stored).home in homes:
                        tx.documents.drop(kind, key)

    def _valid(self, tx: VaultTx, kind: str, token: str) -> _Stored | None:
        data = tx.documents.find(kind, _digest(token)) if token else None
        stored = None if data is None else msgspec.msgpack.decode(data, type=_Stored)
        return stored if stored is not None and stored.expires > self._clock.now() else None

    def _sweep(self, tx: VaultTx) -> None:
        """Drop what has expired."""
        for kind in (_LINK, _SESSION):
            for key, data in tx.documents.all(kind).items():
                if msgspec.msgpack.decode(data, type=_Stored).expires <= self._clock.now():
                    tx.documents.drop(kind, key)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()

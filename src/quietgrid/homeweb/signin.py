"""Sign-in across processes: the supervisor makes a link and leaves its hash; the household's process takes it once.

`sign-in.json` (0600) beside the vaults holds SHA-256, home and expiry of each link; reading it signs nobody in. The
supervisor alone writes it; what was used is remembered in the household's own store, so that a link works once even
when the file comes back. A second, weaker token is for the frame on the start page: browsers send a strict cookie only
to its own site, and the frame needs nothing but the curve. Times are the machine's, not a simulation's.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from quietgrid.errors import ForbiddenError
from quietgrid.household.sessions import LINK_S, SESSION_S, Sessions
from quietgrid.model.interval import Clock
from quietgrid.store import VaultStore

FILE = "sign-in.json"
_USED, _FRAME = "used sign-in link", "frame token"


class _Link(msgspec.Struct, frozen=True):
    sha256: str
    home: str
    expires: float


class _Frame(msgspec.Struct, array_like=True, frozen=True):
    home: int
    expires: float


def issue_link(state: Path, home: int, port: int, clock: Clock) -> str:
    """A link that signs in to a home once, within a week; only its hash is written down.

    Args:
        state: The state directory. home: Its id. port: Of the household's process. clock: The machine's.
    """
    token = secrets.token_urlsafe(32)
    folder = state / "households"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = [link for link in _read(folder / FILE) if link.expires > clock.now()]
    kept.append(_Link(_digest(token), str(home), clock.now() + LINK_S))
    fresh = folder / f"{FILE}.{secrets.token_hex(4)}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(kept)))
    os.replace(fresh, folder / FILE)
    return f"http://home.localhost:{port}/sign-in?token={token}"


def renew_link(state: Path, home: int, port: int, store: VaultStore, clock: Clock) -> str:
    """Sign everybody out of a home whose key was replaced, void its links, and make one new link.

    Args:
        store: The household process's.
    """
    folder = state / "households"
    LinkSessions(store, clock, folder).end_all([home])
    with store.begin() as tx:
        for link in _read(folder / FILE):
            if link.home == str(home):
                tx.documents.replace(_USED, link.sha256, b"")
    return issue_link(state, home, port, clock)


class LinkSessions(Sessions):
    """Sessions that also take the supervisor's links.

    Args:
        store: The household's. clock: The machine's. folder: Where `sign-in.json` is.
    """

    def __init__(self, store: VaultStore, clock: Clock, folder: Path) -> None:
        super().__init__(store, clock)
        self._links = folder / FILE

    def redeem(self, token: str) -> str:
        """See `Sessions.redeem`. A whole link may be pasted as well."""
        token = token.strip().rpartition("token=")[2]
        digest = _digest(token)
        link = next((link for link in _read(self._links) if secrets.compare_digest(link.sha256, digest)), None)
        if link is None:
            return super().redeem(token)
        with self._store.begin() as tx:
            used = tx.documents.find(_USED, digest) is not None
            tx.documents.replace(_USED, digest, b"")
        if used or link.expires <= self._clock.now():
            raise ForbiddenError(
                "this sign-in link has been used or is too old", where="sign-in", fix="ask for a new link"
            )
        return super().redeem(self.link(int(link.home)))

    def frame_token(self, session: str, home: int) -> str:
        """The token for the frame on the start page; the same for the same session. It shows the curve, no more."""
        token = sha256(b"qg1 frame" + session.encode()).hexdigest()
        body = msgspec.msgpack.encode(_Frame(home, self._clock.now() + SESSION_S))
        with self._store.begin() as tx:
            if tx.documents.find(_FRAME, _digest(token)) is None:
                tx.documents.put(_FRAME, _digest(token), body)
        return token

    def frame_home(self, token: str) -> int | None:
        """Whose curve a frame token shows."""
        with self._store.read() as tx:
            data = tx.documents.find(_FRAME, _digest(token)) if token else None
        frame = None if data is None else msgspec.msgpack.decode(data, type=_Frame)
        return frame.home if frame is not None and frame.expires > self._clock.now() else None

    def end(self, token: str) -> None:
        """Sign out; the frame goes dark too."""
        super().end(token)
        with self._store.begin() as tx:
            tx.documents.drop(_FRAME, _digest(sha256(b"qg1 frame" + token.encode()).hexdigest()))

    def end_all(self, homes: Sequence[int]) -> None:
        """See `Sessions.end_all`."""
        super().end_all(homes)
        with self._store.begin() as tx:
            for key, data in tx.documents.all(_FRAME).items():
                if msgspec.msgpack.decode(data, type=_Frame).home in homes:
                    tx.documents.drop(_FRAME, key)


def _read(path: Path) -> list[_Link]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[_Link])
    except FileNotFoundError:
        return []


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()

"""Who may speak OpenADR with us: client ids and secrets (shown once), tokens, scopes. There is no client by default.

Secrets and tokens are 256 random bits that we make, so their SHA-256 needs no salt and no slow hash; only that is kept.
Source: RFC 6749 section 4.4 (client credentials), RFC 6750 (bearer tokens), OpenADR 3.1.1 (scopes).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from quietgrid.errors import InputError, NotFoundError, SignInError
from quietgrid.store.openadr import OpenAdrClient
from quietgrid.store.stores import PlatformStore
from quietgrid.wire.openadr3.operations import BL_SCOPES, VEN_SCOPES

SCOPES = {"BL": BL_SCOPES, "VEN": VEN_SCOPES}
LIFETIME_S = 3_600
KEPT_TOKENS = 20
"""Most tokens of one client at the same time; its oldest goes."""
MOST_NAME = 80
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request.

    Args:
        client: its id. kind: ``BL`` or ``VEN``. scopes: of its token. home: whose home it speaks for.
    """

    client: str
    kind: str
    scopes: frozenset[str]
    home: int | None = None

    @property
    def business(self) -> bool:
        """Whether it may see everything."""
        return self.kind == "BL"


class ScopeError(InputError):
    """A scope that this client cannot have."""

    title = "The scope cannot be given"


class Clients:
    """Clients and their tokens.

    Args:
        store: the platform's. now: the machine's time.
    """

    def __init__(self, store: PlatformStore, now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now

    def create(self, name: str, kind: str, by: str, home: int | None = None) -> tuple[OpenAdrClient, str]:
        """A new client and its secret, which is shown this once.

        Raises:
            InputError: no name, another kind than BL and VEN, or a home for a business client.
        """
        if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
            raise InputError(f"a client's name has 1 to {MOST_NAME} characters", where="name", fix="say who it is for")
        if kind not in SCOPES:
            raise InputError("a client is BL (business logic) or VEN", where="kind", fix="choose one")
        if home is not None and kind != "VEN":
            raise InputError("only a VEN speaks for a home", where="home", fix="leave it out")
        secret = secrets.token_urlsafe(32)
        id = f"{kind.lower()}-{secrets.token_hex(8)}"
        client = OpenAdrClient(id, name.strip(), kind, _hash(secret), self._now(), by, home=home)
        with self._store.begin() as tx:
            tx.openadr.add_client(client)
            tx.log.append(by, "openadr.client", id, {"kind": kind, "name": client.name, "home": home})
        return client, secret

    def all(self) -> list[OpenAdrClient]:
        """Every client, oldest first."""
        with self._store.read() as tx:
            return tx.openadr.clients()

    def revoke(self, id: str, by: str) -> OpenAdrClient:
        """Shut a client out at once: its tokens end and nothing more is told to it. Its objects stay.

        Raises:
            NotFoundError: there is no such client.
        """
        with self._store.begin() as tx:
            tx.openadr.revoke_client(id, self._now())
            tx.log.append(by, "openadr.revoke", id, {})
            return tx.openadr.client(id)

    def token(self, id: str, secret: str, scope: str = "") -> tuple[str, frozenset[str]]:
        """A new token and its scopes; all that the client may have, unless it asks for fewer.

        Raises:
            SignInError: id or secret is wrong, or the client was shut out. ScopeError: it may not have a scope.
        """
        try:
            with self._store.read() as tx:
                client: OpenAdrClient | None = tx.openadr.client(id) if id.isprintable() else None
        except NotFoundError:
            client = None
        right = hmac.compare_digest(_hash(secret), client.secret if client else bytes(32))
        if client is None or client.revoked is not None or not right:
            raise SignInError("client id or secret is wrong", where="auth/token", fix="ask for new credentials")
        asked = frozenset(scope.split()) or SCOPES[client.kind]
        if not asked <= SCOPES[client.kind]:
            raise ScopeError("this client cannot have that scope", where="scope", fix="ask for less, or for none")
        token, now = secrets.token_urlsafe(32), self._now()
        with self._store.begin() as tx:
            tx.openadr.add_token(_hash(token), id, " ".join(sorted(asked)), now + LIFETIME_S, KEPT_TOKENS, now)
        return token, asked

    def caller(self, token: str) -> Caller:
        """Who a token stands for.

        Raises:
            SignInError: it is unknown, over, or its client was shut out.
        """
        fix = "get a new one at /auth/token"
        if not _TOKEN.fullmatch(token):
            raise SignInError("this is no token of ours", where="Authorization", fix=fix)
        try:
            with self._store.read() as tx:
                client, scopes = tx.openadr.token(_hash(token), self._now())
        except NotFoundError as error:
            raise SignInError("this token is not valid any more", where="Authorization", fix=fix) from error
        return Caller(client.id, client.kind, scopes, client.home)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(b"qg1 openadr\0" + secret.encode(errors="surrogatepass")).digest()

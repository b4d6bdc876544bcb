"""Accounts, sign-in links, sessions and API keys. Only hashes of secrets are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import ForbiddenError, NotFoundError
from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    PLATFORM,
    TEXT,
    Tables,
    column,
    key,
    put,
    signed64,
    table,
    unsigned64,
)

_account = table(
    "account",
    PLATFORM,
    key("id", TEXT),
    column("name", TEXT, unique=True),
    column("role", TEXT),
    column("home", INT, null=True),
    column("password", TEXT),
    column("disabled", INT),
    column("at", NUMBER),
)
_link = table(
    "sign_in_link",
    PLATFORM,
    key("token", BLOB),
    column("account", TEXT, sa.ForeignKey("account.id")),
    column("expires", NUMBER),
    column("used_at", NUMBER, null=True),
)
_session = table(
    "session",
    PLATFORM,
    key("token", BLOB),
    column("account", TEXT, sa.ForeignKey("account.id")),
    column("expires", NUMBER),
)
_api_key = table(
    "api_key",
    PLATFORM,
    key("token", BLOB),
    column("account", TEXT, sa.ForeignKey("account.id")),
    column("name", TEXT),
    column("scopes", TEXT),
    column("expires", NUMBER),
    column("at", NUMBER),
)


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in. `home` for households; `password` a hash with its parameters, empty: links only."""

    id: str
    name: str
    role: str
    home: int | None = None
    password: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key for programs, without its secret: `token` is its hash."""

    token: bytes
    account: str
    name: str
    scopes: tuple[str, ...]
    expires: float


class People(Tables):
    """Who may sign in. All `token` arguments are hashes."""

    def add_account(self, account: Account) -> bool:
        """Add an account; True if it is new."""
        home = None if account.home is None else signed64(account.home)
        row: dict[str, Any] = {"id": account.id, "name": account.name, "role": account.role, "home": home}
        row |= {"password": account.password, "disabled": int(account.disabled), "at": self._clock.now()}
        return put(self._c, _account, [row], ignore=("at", "password", "disabled")) == 1

    def account(self, id: str) -> Account:
        """One account by id."""
        return _as_account(self._one(sa.select(_account).where(_account.c.id == id), "account", id))

    def account_named(self, name: str) -> Account:
        """One account by its log-in name."""
        return _as_account(self._one(sa.select(_account).where(_account.c.name == name), "account", name))

    def accounts(self) -> list[Account]:
        """All accounts by role and name."""
        return [_as_account(r) for r in self._c.execute(sa.select(_account).order_by(_account.c.role, _account.c.name))]

    def set_password(self, id: str, password: str) -> None:
        """Keep a new password hash and end all sessions."""
        self._update(id, {"password": password})
        self._c.execute(sa.delete(_session).where(_session.c.account == id))

    def enable(self, id: str) -> None:
        """Open a closed account again; it needs a new sign-in link or its password."""
        self._update(id, {"disabled": 0})

    def disable(self, id: str) -> None:
        """Close an account: its sessions, links and keys end."""
        self._update(id, {"disabled": 1})
        for target in (_session, _link, _api_key):
            self._c.execute(sa.delete(target).where(target.c.account == id))

    def add_link(self, token: bytes, account: str, expires: float) -> None:
        """Keep a one-time sign-in link."""
        self._c.execute(sa.insert(_link).values(token=token, account=account, expires=expires, used_at=None))

    def use_link(self, token: bytes) -> Account:
        """The account of a link, once.

        Raises:
            ForbiddenError: unknown, used or expired.
        """
        now = self._clock.now()
        usable = (_link.c.token == token, _link.c.used_at.is_(None), _link.c.expires > now)
        if self._c.execute(sa.update(_link).where(*usable).values(used_at=now)).rowcount != 1:
            raise ForbiddenError("this sign-in link is not valid any more", where="sign-in", fix="ask for a new one")
        return self.account(self._c.execute(sa.select(_link.c.account).where(_link.c.token == token)).scalar_one())

    def add_session(self, token: bytes, account: str, expires: float) -> None:
        """Keep a session."""
        self._c.execute(sa.insert(_session).values(token=token, account=account, expires=expires))

    def session(self, token: bytes) -> Account:
        """The account of a session, or `NotFoundError` if it is unknown or over."""
        live = (_session.c.token == token, _session.c.expires > self._clock.now())
        row = self._one(sa.select(_session.c.account).where(*live), "session", "sign-in")
        return self.account(row.account)

    def end_session(self, token: bytes) -> None:
        """Sign out."""
        self._c.execute(sa.delete(_session).where(_session.c.token == token))

    def end_sessions(self, account: str) -> int:
        """Sign out everywhere; how many sessions ended. Unused sign-in links end too."""
        self._c.execute(sa.delete(_link).where(_link.c.account == account))
        return self._c.execute(sa.delete(_session).where(_session.c.account == account)).rowcount

    def add_api_key(self, token: bytes, account: str, name: str, scopes: Sequence[str], expires: float) -> None:
        """Keep a key for programs."""
        values = {"token": token, "account": account, "name": name, "scopes": " ".join(scopes), "expires": expires}
        self._c.execute(sa.insert(_api_key).values(values | {"at": self._clock.now()}))

    def api_key(self, token: bytes) -> tuple[Account, tuple[str, ...]]:
        """Account and scopes of a key, or `NotFoundError` if it is unknown, revoked or over."""
        live = (_api_key.c.token == token, _api_key.c.expires > self._clock.now())
        row = self._one(sa.select(_api_key).where(*live), "API key", "sign-in")
        return self.account(row.account), tuple(row.scopes.split())

    def api_keys(self, account: str) -> list[ApiKey]:
        """The keys of an account."""
        rows = self._c.execute(sa.select(_api_key).where(_api_key.c.account == account).order_by(_api_key.c.at))
        return [ApiKey(bytes(r.token), r.account, r.name, tuple(r.scopes.split()), r.expires) for r in rows]

    def revoke_api_key(self, token: bytes) -> None:
        """End a key."""
        self._c.execute(sa.delete(_api_key).where(_api_key.c.token == token))

    def sweep(self) -> int:
        """Delete what is over; how many rows."""
        now = self._clock.now()
        gone = (self._c.execute(sa.delete(t).where(t.c.expires <= now)).rowcount for t in (_session, _link, _api_key))
        return sum(gone)

    def _update(self, id: str, values: dict[str, Any]) -> None:
        if self._c.execute(sa.update(_account).where(_account.c.id == id).values(values)).rowcount != 1:
            raise NotFoundError("there is no such account", where=id, fix="check the name")


def _as_account(row: sa.Row[Any]) -> Account:
    home = None if row.home is None else unsigned64(row.home)
    return Account(row.id, row.name, row.role, home, row.password, bool(row.disabled))

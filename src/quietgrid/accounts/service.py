"""Signing in and out: one-time links, passwords, sessions. Only hashes of secrets are stored.

There are no default passwords. The first start makes one link a person, shown once; it works once, for a while.
Times here are the machine's, not a simulation's (`Store.with_clock`); log lines carry the community's time.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from quietgrid.accounts.limits import RateLimit
from quietgrid.accounts.passwords import Passwords
from quietgrid.accounts.permissions import GRANTABLE, Permission, Role, Viewer, require
from quietgrid.accounts.tokens import new_token, token_hash, well_formed
from quietgrid.errors import ForbiddenError, InputError, NotFoundError, SignInError
from quietgrid.model.interval import Clock, SystemClock
from quietgrid.store import Account, PlatformStore

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Rules:
    """How long things last and how often they may be tried.

    Args:
        session_hours, link_hours: lifetimes. attempts: sign-ins a minute from one address, and for one name.
    """

    session_hours: float = 12.0
    link_hours: float = 72.0
    attempts: int = 10


class Accounts:
    """People and their sessions.

    Args:
        store: The platform's. rules: lifetimes and limits. clock: the machine's time.
    """

    def __init__(self, store: PlatformStore, rules: Rules | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._log = store
        self._store = store.with_clock(self._clock)
        self._rules = rules or Rules()
        self._passwords = Passwords()
        self._by_address = RateLimit(self._rules.attempts)
        self._by_name = RateLimit(self._rules.attempts)

    def close(self) -> None:
        """Let the threads go."""
        self._passwords.close()

    @property
    def session_seconds(self) -> int:
        """Lifetime of a session."""
        return int(self._rules.session_hours * HOUR)

    # -- people ----------------------------------------------------------------------------------------------------

    def found(self, name: str, role: Role, home: int | None = None) -> tuple[Account, str]:
        """Add a person at the first start and make their sign-in link; the same person when called again.

        Returns: The account, and a fresh token for a link (to be shown once).
        """
        with self._store.read() as tx:
            known = [a for a in tx.people.accounts() if (a.name, a.role, a.home) == (name, role.value, home)]
        account = known[0] if known else self._add("setup", name, role, home)
        return account, self._link(account)

    def add(self, viewer: Viewer, name: str, role: Role, home: int | None = None) -> tuple[Account, str]:
        """Add a person; the account and the token of their one-time link.

        Raises:
            ForbiddenError: the viewer may not give this role. ConflictError: the name is taken. InputError: no name.
        """
        require(viewer, Permission.PEOPLE)
        self._may_give(viewer, role)
        account = self._add(viewer.account, name, role, home)
        return account, self._link(account)

    def people(self, viewer: Viewer) -> list[Account]:
        """All accounts, by role and name."""
        require(viewer, Permission.PEOPLE)
        with self._store.read() as tx:
            return tx.people.accounts()

    def new_link(self, viewer: Viewer, account_id: str) -> str:
        """A fresh one-time token for someone who lost theirs. Their sessions, older links and password end."""
        account = self._theirs(viewer, account_id)
        if account.disabled:
            raise ForbiddenError("this account is locked", where=account.name, fix="unlock it first")
        self.sign_out_everywhere(account.id)
        with self._store.begin() as tx:
            tx.people.set_password(account.id, "")
        return self._link(account)

    def lock(self, viewer: Viewer, account_id: str) -> None:
        """Lock an account: its sessions and links end."""
        account = self._theirs(viewer, account_id)
        if account.id == viewer.account:
            raise ForbiddenError("nobody locks themselves out", where=account.name, fix="ask another person")
        with self._store.begin() as tx:
            tx.people.disable(account.id)
        self._note(viewer.account, "account.lock", account.id)

    def unlock(self, viewer: Viewer, account_id: str) -> str:
        """Open a locked account again; the token of a new one-time link."""
        account = self._theirs(viewer, account_id)
        with self._store.begin() as tx:
            tx.people.enable(account.id)
        self._note(viewer.account, "account.unlock", account.id)
        return self._link(account)

    def has_password(self, viewer: Viewer) -> bool:
        """Whether the viewer has set a password; nobody has one before that."""
        with self._store.read() as tx:
            return tx.people.account(viewer.account).password != ""

    def set_password(self, viewer: Viewer, password: str, current: str = "") -> tuple[str, Viewer]:
        """Set or change the viewer's own password. All their sessions end, and this new one starts.

        Args:
            password: The new one. current: the one before; nothing for the first.

        Returns: The token of the new session, and who it is.

        Raises:
            SignInError: the current one is wrong. InputError: the new one is too short, too long or one's own name.
            TooManyError: too many attempts.
        """
        with self._store.read() as tx:
            account = tx.people.account(viewer.account)
        if account.password:
            self._by_name.take(account.name.casefold()[:80])
            self._passwords.check(account.password, current)
        if account.name.casefold() in password.casefold():
            raise InputError("the password has the name in it", where="password", fix="take a few other words")
        stored = self._passwords.make(password)
        with self._store.begin() as tx:
            tx.people.set_password(account.id, stored)
        self._note(account.id, "account.password", account.id)
        return self._session(account)

    # -- signing in ------------------------------------------------------------------------------------------------

    def sign_in_by_link(self, token: str, address: str) -> tuple[str, Viewer]:
        """Use a one-time link: a session token for the cookie, and who it is.

        Raises:
            SignInError: unknown, used or over. TooManyError: too many attempts from this address.
        """
        self._by_address.take(address)
        wrong = SignInError("this sign-in link is not valid any more", where="sign-in", fix="ask for a new one")
        if not well_formed(token):
            raise wrong
        try:
            with self._store.begin() as tx:
                account = tx.people.use_link(token_hash(token))
        except ForbiddenError as error:
            raise wrong from error
        return self._session(account)

    def sign_in_by_password(self, name: str, password: str, address: str) -> tuple[str, Viewer]:
        """Check name and password: a session token for the cookie, and who it is.

        Raises:
            SignInError: wrong, without saying which part. TooManyError: too many attempts.
        """
        self._by_address.take(address)
        self._by_name.take(name.casefold()[:80])
        account: Account | None = None
        with self._store.read() as tx:
            for found in tx.people.accounts():
                if found.name == name and not found.disabled:
                    account = found
        self._passwords.check(account.password if account else "", password)
        if account is None:
            raise SignInError("name or password is wrong", where="sign-in")
        return self._session(account)

    def viewer(self, token: str) -> Viewer:
        """Who a session belongs to.

        Raises:
            SignInError: no such session, or it is over.
        """
        try:
            if not well_formed(token):
                raise NotFoundError("no session")
            with self._store.read() as tx:
                account = tx.people.session(token_hash(token))
        except NotFoundError as error:
            raise SignInError("nobody is signed in", where="session", fix="use your sign-in link") from error
        if account.disabled:
            raise SignInError("this account is locked", where="session", fix="ask the operator")
        return viewer_of(account)

    def sign_out(self, token: str) -> None:
        """End one session."""
        with self._store.begin() as tx:
            tx.people.end_session(token_hash(token))

    def sign_out_everywhere(self, account_id: str) -> int:
        """End all sessions and unused links of an account; how many sessions."""
        with self._store.begin() as tx:
            return tx.people.end_sessions(account_id)

    def sign_out_home(self, home: int) -> int:
        """End sessions, unused links and passwords of a home's accounts: its household's key was replaced.

        Returns: How many sessions.
        """
        with self._store.begin() as tx:
            theirs = [account.id for account in tx.people.accounts() if account.home == home]
            ended = sum(tx.people.end_sessions(account) for account in theirs)
            for account in theirs:
                tx.people.set_password(account, "")
        return ended

    def sweep(self) -> int:
        """Delete sessions and links that are over."""
        with self._store.begin() as tx:
            return tx.people.sweep()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _add(self, by: str, name: str, role: Role, home: int | None) -> Account:
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise InputError("a name has 1 to 80 characters", where="name", fix="give the person a name")
        account = Account(secrets.token_hex(6), name, role.value, home)
        viewer_of(account)
        with self._store.begin() as tx:
            tx.people.add_account(account)
        self._note(by, "account.add", account.id, {"name": name, "role": role.value})
        return account

    def _link(self, account: Account) -> str:
        token = new_token()
        with self._store.begin() as tx:
            tx.people.add_link(token_hash(token), account.id, self._clock.now() + self._rules.link_hours * HOUR)
        return token

    def _session(self, account: Account) -> tuple[str, Viewer]:
        token = new_token()
        with self._store.begin() as tx:
            tx.people.add_session(token_hash(token), account.id, self._clock.now() + self.session_seconds)
        self._note(account.id, "account.sign-in", account.id)
        return token, viewer_of(account)

    def _theirs(self, viewer: Viewer, account_id: str) -> Account:
        require(viewer, Permission.PEOPLE)
        with self._store.read() as tx:
            account = tx.people.account(account_id)
        self._may_give(viewer, Role(account.role))
        return account

    @staticmethod
    def _may_give(viewer: Viewer, role: Role) -> None:
        if role not in GRANTABLE.get(viewer.role, frozenset()):
            raise ForbiddenError(
                f"the role {viewer.role.value} may not give or take the role {role.value}",
                where=f"role {viewer.role.value}", fix="ask the operator",
            )  # fmt: skip

    def _note(self, by: str, action: str, subject: str, detail: dict[str, str] | None = None) -> None:
        with self._log.begin() as tx:
            tx.log.append(by, action, subject, detail)


def viewer_of(account: Account) -> Viewer:
    """The viewer an account stands for."""
    return Viewer(account.id, Role(account.role), account.home, account.name)

"""One-time links, passwords, sessions, locking: what works, and what works only once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quietgrid.accounts import Accounts, Role, Rules, Viewer, check_csrf, csrf_token, token_hash
from quietgrid.errors import ConflictError, ForbiddenError, InputError, SignInError, TooManyError
from quietgrid.model.interval import ManualClock
from quietgrid.store import PlatformStore, open_platform

PASSWORD = "a lantern, seven geese"


@dataclass
class House:
    accounts: Accounts
    store: PlatformStore
    clock: ManualClock
    file: Path

    def person(self, name: str, role: Role, home: int | None = None) -> tuple[str, Viewer]:
        _, link = self.accounts.found(name, role, home)
        return self.accounts.sign_in_by_link(link, name)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    file = tmp_path / "platform.db"
    store = open_platform(file, ManualClock(86_400.0))  # the community's time stands still: sessions must not care
    clock = ManualClock(1_000_000.0)
    accounts = Accounts(store, Rules(session_hours=1, link_hours=2, attempts=50), clock)
    yield House(accounts, store, clock, file)
    accounts.close()
    store.close()


def test_a_link_works_once(house: House) -> None:
    account, link = house.accounts.found("Mara", Role.ANALYST)
    token, viewer = house.accounts.sign_in_by_link(link, "here")
    assert (viewer.account, viewer.role, viewer.name) == (account.id, Role.ANALYST, "Mara")
    assert house.accounts.viewer(token) == viewer
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_link(link, "here")


def test_a_link_ends(house: House) -> None:
    _, link = house.accounts.found("Mara", Role.ANALYST)
    house.clock.unix += 2 * 3600 + 1
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_link(link, "here")


def test_a_session_ends_by_the_machines_time(house: House) -> None:
    token, _ = house.person("Mara", Role.ANALYST)
    house.clock.unix += 3599
    house.accounts.viewer(token)
    house.clock.unix += 2
    with pytest.raises(SignInError):
        house.accounts.viewer(token)


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "é" * 43, "a" * 44])
def test_no_made_up_token_signs_anyone_in(house: House, token: str) -> None:
    house.person("Mara", Role.ANALYST)
    with pytest.raises(SignInError):
        house.accounts.viewer(token)
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_link(token, "here")


def test_secrets_are_stored_as_hashes_only(house: House) -> None:
    _, link = house.accounts.found("Mara", Role.ANALYST)
    token, viewer = house.accounts.sign_in_by_link(link, "here")
    changed, _ = house.accounts.set_password(viewer, PASSWORD)
    token, _ = house.accounts.sign_in_by_password("Mara", PASSWORD, "here")
    _, unused = house.accounts.found("Mara", Role.ANALYST)
    house.store.close()
    for file in house.file.parent.iterdir():
        data = file.read_bytes()
        for secret in (link, changed, token, unused, PASSWORD):
            assert secret.encode() not in data
    rows = sqlite3.connect(house.file).execute("select token from session").fetchall()
    assert set(rows) == {(token_hash(changed),), (token_hash(token),)}


def test_passwords(house: House) -> None:
    token, viewer = house.person("Mara", Role.ANALYST)
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_password("Mara", "", "here")
    with pytest.raises(InputError):
        house.accounts.set_password(viewer, "short")
    house.accounts.set_password(viewer, PASSWORD)
    with pytest.raises(SignInError):
        house.accounts.viewer(token)  # a new password ends all sessions that were there
    house.accounts.sign_in_by_password("Mara", PASSWORD, "here")
    with pytest.raises(SignInError) as wrong:
        house.accounts.sign_in_by_password("Mara", PASSWORD + "!", "here")
    with pytest.raises(SignInError) as nobody:
        house.accounts.sign_in_by_password("Nobody", PASSWORD, "here")
    assert str(wrong.value) == str(nobody.value)  # does not tell which part was wrong


def test_a_password_is_changed_by_who_knows_it(house: House) -> None:
    _, viewer = house.person("Mara", Role.ANALYST)
    assert not house.accounts.has_password(viewer)
    first, who = house.accounts.set_password(viewer, PASSWORD)
    assert (house.accounts.viewer(first), who) == (viewer, viewer)
    assert house.accounts.has_password(viewer)
    for wrong in ("", PASSWORD + "!"):
        with pytest.raises(SignInError):
            house.accounts.set_password(viewer, "a barrel, nine swans", wrong)
    assert house.accounts.viewer(first) == viewer
    with pytest.raises(InputError, match="name in it"):
        house.accounts.set_password(viewer, "the one of MARA, right?", PASSWORD)
    second, _ = house.accounts.set_password(viewer, "a barrel, nine swans", PASSWORD)
    with pytest.raises(SignInError):
        house.accounts.viewer(first)
    assert house.accounts.viewer(second) == viewer
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_password("Mara", PASSWORD, "here")
    house.accounts.sign_in_by_password("Mara", "a barrel, nine swans", "here")


def test_guesses_of_the_current_password_are_limited(house: House) -> None:
    accounts = Accounts(house.store, Rules(attempts=3), house.clock)
    _, viewer = house.person("Mara", Role.ANALYST)
    accounts.set_password(viewer, PASSWORD)
    for _ in range(3):
        with pytest.raises(SignInError):
            accounts.set_password(viewer, "a barrel, nine swans", "guess")
    with pytest.raises(TooManyError):
        accounts.set_password(viewer, "a barrel, nine swans", "guess")
    accounts.close()


def test_a_new_link_takes_the_place_of_a_forgotten_password(house: House) -> None:
    _, boss = house.person("Olu", Role.OPERATOR)
    _, viewer = house.person("Mara", Role.ANALYST)
    house.accounts.set_password(viewer, PASSWORD)
    link = house.accounts.new_link(boss, viewer.account)
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_password("Mara", PASSWORD, "here")
    _, again = house.accounts.sign_in_by_link(link, "here")
    house.accounts.set_password(again, "a barrel, nine swans")


def test_two_passwords_have_different_hashes(house: House) -> None:
    stored = []
    for name in ("Mara", "Jonas"):
        _, viewer = house.person(name, Role.ANALYST)
        house.accounts.set_password(viewer, PASSWORD)
        with house.store.read() as tx:
            stored.append(tx.people.account(viewer.account).password)
    assert stored[0] != stored[1]
    assert all(text.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for text in stored)


def test_attempts_are_limited_by_address_and_by_name(house: House) -> None:
    accounts = Accounts(house.store, Rules(attempts=3), house.clock)
    for _ in range(3):
        with pytest.raises(SignInError):
            accounts.sign_in_by_link("a" * 43, "one address")
    with pytest.raises(TooManyError):
        accounts.sign_in_by_link("a" * 43, "one address")
    with pytest.raises(SignInError):
        accounts.sign_in_by_link("a" * 43, "another")
    for n in range(3):
        with pytest.raises(SignInError):
            accounts.sign_in_by_password("Mara", "guess", f"address {n}")
    with pytest.raises(TooManyError):
        accounts.sign_in_by_password("mara", "guess", "address 4")
    accounts.close()


def test_sign_out_here_and_everywhere(house: House) -> None:
    first, viewer = house.person("Mara", Role.ANALYST)
    second, _ = house.person("Mara", Role.ANALYST)
    third, _ = house.person("Mara", Role.ANALYST)
    _, unused = house.accounts.found("Mara", Role.ANALYST)
    house.accounts.sign_out(first)
    with pytest.raises(SignInError):
        house.accounts.viewer(first)
    house.accounts.viewer(second)
    assert house.accounts.sign_out_everywhere(viewer.account) == 2
    for token in (second, third):
        with pytest.raises(SignInError):
            house.accounts.viewer(token)
    with pytest.raises(SignInError):
        house.accounts.sign_in_by_link(unused, "here")


def test_locking_ends_everything_and_unlocking_gives_a_new_link(house: House) -> None:
    _, boss = house.person("Olu", Role.OPERATOR)
    token, mara = house.person("Mara", Role.ANALYST)
    house.accounts.lock(boss, mara.account)
    with pytest.raises(SignInError):
        house.accounts.viewer(token)
    with pytest.raises(ForbiddenError):
        house.accounts.new_link(boss, mara.account)
    link = house.accounts.unlock(boss, mara.account)
    house.accounts.sign_in_by_link(link, "here")
    with pytest.raises(ForbiddenError):
        house.accounts.lock(boss, boss.account)


def test_adding_people(house: House) -> None:
    _, mara = house.person("Mara", Role.ANALYST)
    _, aud = house.person("Aud", Role.AUDITOR)
    account, link = house.accounts.add(mara, " Jonas ", Role.AUDITOR)
    assert account.name == "Jonas"
    assert house.accounts.sign_in_by_link(link, "here")[1].role is Role.AUDITOR
    with pytest.raises(ConflictError):
        house.accounts.add(mara, "Jonas", Role.AUDITOR)
    with pytest.raises(ForbiddenError):
        house.accounts.add(mara, "Boss", Role.OPERATOR)
    with pytest.raises(ForbiddenError):
        house.accounts.add(aud, "Friend", Role.AUDITOR)
    for name in ("", "a\nb", "x" * 81):
        with pytest.raises(InputError):
            house.accounts.add(mara, name, Role.AUDITOR)
    with pytest.raises(InputError):
        house.accounts.add(mara, "Home", Role.HOUSEHOLD)


def test_who_did_what_is_in_the_log(house: House) -> None:
    _, boss = house.person("Olu", Role.OPERATOR)
    account, _ = house.accounts.add(boss, "Mara", Role.ANALYST)
    house.accounts.lock(boss, account.id)
    with house.store.read() as tx:
        lines = [(e.actor, e.action, e.subject) for e in tx.log.entries()]
        tx.log.verify()
    assert (boss.account, "account.add", account.id) in lines
    assert (boss.account, "account.lock", account.id) in lines
    assert (boss.account, "account.sign-in", boss.account) in lines


def test_the_first_start_can_be_repeated(house: House) -> None:
    first, _ = house.accounts.found("Mara", Role.ANALYST)
    second, link = house.accounts.found("Mara", Role.ANALYST)
    assert first.id == second.id
    house.accounts.sign_in_by_link(link, "here")


def test_csrf_tokens_belong_to_one_session() -> None:
    check_csrf("session", csrf_token("session"))
    for token, given in (("session", csrf_token("other")), ("session", ""), ("", csrf_token("")), ("session", "é")):
        with pytest.raises(ForbiddenError):
            check_csrf(token, given)


def test_over_sessions_are_swept(house: House) -> None:
    house.person("Mara", Role.ANALYST)
    house.clock.unix += 10 * 3600
    assert house.accounts.sweep() >= 1

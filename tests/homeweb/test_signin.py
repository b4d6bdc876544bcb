"""Links made by one process and used in another: once, for one home, and nothing secret on the disk."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from quietgrid.errors import ForbiddenError
from quietgrid.homeweb import LinkSessions, issue_link, renew_link
from quietgrid.homeweb.signin import FILE
from quietgrid.household.sessions import LINK_S, SESSION_S
from quietgrid.model.interval import ManualClock
from quietgrid.store import open_vault

HOME = (1 << 63) + 17


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_700_000_000.0)


def open_sessions(state: Path, clock: ManualClock) -> LinkSessions:
    return LinkSessions(open_vault(state / "homes.db", clock), clock, state / "households")


def test_a_link_signs_in_once_even_when_the_file_comes_back(tmp_path: Path, clock: ManualClock) -> None:
    url = issue_link(tmp_path, HOME, 8001, clock)
    address, token = url.split("?token=")
    assert address == "http://home.localhost:8001/sign-in"
    file = tmp_path / "households" / FILE
    kept = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token.encode() not in kept
    sessions = open_sessions(tmp_path, clock)
    session = sessions.redeem(token)
    found = sessions.find(session)
    assert found is not None
    assert found.home == HOME
    for again in (sessions, open_sessions(tmp_path, clock)):
        file.write_bytes(kept)
        with pytest.raises(ForbiddenError, match="used"):
            again.redeem(token)
    assert token.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_a_whole_link_may_be_pasted(tmp_path: Path, clock: ManualClock) -> None:
    sessions = open_sessions(tmp_path, clock)
    assert sessions.redeem(f" {issue_link(tmp_path, 3, 8001, clock)}\n")
    assert sessions.redeem(sessions.link(4))


def test_a_replaced_key_signs_its_home_out_and_voids_every_link(tmp_path: Path, clock: ManualClock) -> None:
    store = open_vault(tmp_path / "homes.db", clock)
    sessions = LinkSessions(store, clock, tmp_path / "households")
    mine, theirs = (sessions.redeem(issue_link(tmp_path, home, 8001, clock)) for home in (3, 4))
    unused, other = issue_link(tmp_path, 3, 8001, clock), issue_link(tmp_path, 4, 8001, clock)
    fresh = renew_link(tmp_path, 3, 8001, store, clock)
    assert sessions.find(mine) is None
    assert sessions.find(theirs) is not None
    with pytest.raises(ForbiddenError, match="used"):
        sessions.redeem(unused)
    found = sessions.find(sessions.redeem(fresh))
    assert found is not None
    assert found.home == 3
    assert sessions.redeem(other)
    store.close()


def test_links_end(tmp_path: Path, clock: ManualClock) -> None:
    old = issue_link(tmp_path, 3, 8001, clock)
    clock.unix += LINK_S
    sessions = open_sessions(tmp_path, clock)
    with pytest.raises(ForbiddenError, match="too old"):
        sessions.redeem(old)
    new = issue_link(tmp_path, 3, 8001, clock)
    assert (tmp_path / "households" / FILE).read_text().count("sha256") == 1, "expired links are dropped"
    assert sessions.redeem(new)
    for wrong in ("", "token=", "x" * 43):
        with pytest.raises(ForbiddenError):
            sessions.redeem(wrong)


def test_the_frame_token_shows_and_does_nothing_else(tmp_path: Path, clock: ManualClock) -> None:
    sessions = open_sessions(tmp_path, clock)
    session = sessions.redeem(sessions.link(5))
    token = sessions.frame_token(session, 5)
    assert sessions.frame_token(session, 5) == token
    assert sessions.frame_home(token) == 5
    assert sessions.find(token) is None, "it is no session"
    assert sessions.frame_home(session) is None
    sessions.end(session)
    assert sessions.frame_home(token) is None
    other = sessions.redeem(sessions.link(5))
    sessions.frame_token(other, 5)
    sessions.end_all([5])
    assert sessions.find(other) is None
    assert sessions.frame_home(sessions.frame_token(other, 6)) == 6
    clock.unix += SESSION_S
    assert sessions.frame_home(sessions.frame_token(other, 6)) is None

"""A household's process claims by itself: names, waits for a root, waits again, claims; on a real chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quietgrid.chain.built import safe_is_there
from quietgrid.chain.client import Chain
from quietgrid.chain.node import Anvil
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import UnavailableError
from quietgrid.household import Home, Vault
from quietgrid.household.claiming import CONTRACT
from quietgrid.household.rewards import DEMO, REAL, RewardNote, Rewards, choose, forget, known, remember
from quietgrid.household.service import HomeParts
from quietgrid.model.interval import ManualClock
from quietgrid.runtime.claims import claims_made
from quietgrid.store import open_vault
from quietgrid.wire.own import OwnClaims
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)
from tests.household.village import TOWN
from tests.household.village import Platform as NoPlatform
from tests.runtime.test_rewarding import COMMUNITY, MONTH, PERIOD, Link, Town

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]


class Counted(Link):
    """Counts what the platform is asked."""

    def __init__(self, town: Town, vault: Vault) -> None:
        super().__init__(town, vault)
        self.asked = 0

    def claims(self) -> OwnClaims:
        self.asked += 1
        return super().claims()

    def name_account(self, signed: Signed) -> None:
        self.asked += 1
        super().name_account(signed)


class Street:
    """Home 3 earned something, home 5 nothing; one process for both."""

    def __init__(self, town: Town, folder: Path, *, by_default: bool = True) -> None:
        self.town, self.clock = town, ManualClock(1_000_000.0)
        self.store = open_vault(folder / "homes.db", self.clock)
        self.links: dict[int, Counted] = {}
        self.homes: dict[int, Home] = {}
        for number in (3, 5):
            vault = Vault.create(folder / str(number), COMMUNITY, number)
            self.links[number] = Counted(town, vault)
            parts = HomeParts(TOWN.card, vault, self.store, self.clock, NoPlatform(), [], None, self.links[number])
            self.homes[number] = Home(parts)
        self.by_default, self.away = by_default, False
        self.restart()

    def restart(self) -> None:
        """A new process; it draws the upper bound of everything."""
        self.rewards = Rewards(self.homes, self._reach, DEMO, self.clock, self.by_default, lambda _low, high: high)

    def _reach(self) -> tuple[Chain, str]:
        if self.away:
            raise UnavailableError("the node is away", where="node", fix="wait")
        return self.town.chain, self.town.onchain.addresses[CONTRACT]

    def after(self, seconds: float) -> list[int]:
        self.clock.unix += seconds
        return self.rewards.step()

    def note(self, home: int = 3) -> RewardNote:
        return known(self.store, home) or RewardNote()


@pytest.fixture
def town(anvil: Anvil, tmp_path: Path) -> Iterator[Town]:  # noqa: F811
    made = Town(anvil, tmp_path)
    yield made
    made.store.close()


def test_it_names_waits_and_claims(town: Town, tmp_path: Path) -> None:
    street = Street(town, tmp_path / "homes")
    town.post(PERIOD)
    town.look()
    assert street.after(0) == []  # nothing in the first minute
    assert street.after(DEMO.first[1]) == [3, 5]
    assert (town.own(5).accounts, len(town.own(3).accounts)) == ([], 1)  # who is owed nothing names nothing
    town.look()
    assert street.after(DEMO.named[1]) == [3]
    note = street.note()
    assert (note.credit_micro, note.promised_micro, note.claimed_micro) == (41_250_000, 41_000_000, 0)
    street.restart()
    asked = street.links[3].asked
    assert street.after(DEMO.wait[1]) == [3]  # the same moment was kept
    assert street.links[3].asked == asked  # the platform is not asked when it is claimed
    note = street.note()
    assert (note.claimed_micro, note.paid_micro, len(note.transactions)) == (41_000_000, 0, 1)
    town.look()
    with town.store.read() as tx:
        (made,) = claims_made(tx)
    assert (made.what, made.sum_micro, made.transaction) == ("claimed", 41_000_000, note.transactions[0])
    assert made.account.lower() == note.purses[0].address.lower()
    street.after(DEMO.look[1])
    assert street.note().transactions == note.transactions  # nothing twice
    assert street.note(5).credit_micro == 0
    assert town.wrong() == []


def test_another_root_or_a_node_away_is_waited_out(town: Town, tmp_path: Path) -> None:
    """A root that came between look and claim: the old path leads nowhere, so it looks again."""
    street = Street(town, tmp_path / "homes")
    street.after(0)
    town.post(PERIOD)
    town.look()
    street.after(DEMO.first[1])
    town.look()
    street.after(DEMO.named[1])
    assert street.note().claim_at > street.clock.unix
    town.post(PERIOD + MONTH)
    town.look()
    street.after(DEMO.wait[1])
    assert street.note().transactions == []
    street.away = True
    street.after(DEMO.named[1])
    assert street.note().trouble == "the node is away"
    street.away = False
    street.after(DEMO.named[1])
    street.after(DEMO.wait[1])
    note = street.note()
    assert (note.trouble, note.claimed_micro, len(note.transactions)) == ("", 82_000_000, 1)
    assert town.wrong() == []


def test_nothing_is_done_for_who_did_not_choose_it(town: Town, tmp_path: Path) -> None:
    street = Street(town, tmp_path / "homes", by_default=False)
    town.post(PERIOD)
    town.look()
    assert street.after(0) == []
    assert street.after(DEMO.first[1] + DEMO.look[1]) == []
    assert street.links[3].asked == 0
    choose(street.store, 3, by_itself=True)
    assert street.after(0) == [3]
    choose(street.store, 3, by_itself=False)
    assert street.after(DEMO.look[1]) == []
    choose(street.store, 3, by_itself=True)
    del street.homes[3]  # erased
    assert street.after(DEMO.look[1]) == []


def test_moments_are_far_apart_in_real_life() -> None:
    assert REAL.wait[1] >= 14 * 86_400
    assert REAL.look[0] >= 86_400
    assert DEMO.first[0] >= 60  # not in the demo's first minute


def test_what_is_known_goes_with_the_home(tmp_path: Path) -> None:
    store = open_vault(tmp_path / "homes.db")
    for home in (3, 33):
        remember(store, home, RewardNote(1))
        choose(store, home, by_itself=True)
    forget(store, 3)
    assert known(store, 3) is None
    assert known(store, 33) == RewardNote(1)
    store.close()

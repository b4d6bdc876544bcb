"""Bill credits from a negative bill to a household's own address, on a real chain; compared by somebody else."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.claims import leaf_of, root_from
from quietgrid.chain.client import Chain
from quietgrid.chain.direct import send
from quietgrid.chain.node import Anvil, fund
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    QuietgridError,
    RevertedError,
    VerificationError,
)
from quietgrid.household import Vault
from quietgrid.household.claiming import Claiming
from quietgrid.model.interval import ManualClock
from quietgrid.model.posting import Posting
from quietgrid.model.sending import SendState
from quietgrid.runtime.chain_at import ChainFolder, chain_at, treasury
from quietgrid.runtime.chain_audit import compare
from quietgrid.runtime.claims import KEY, claims_standing, forget, own_claims, take_account
from quietgrid.runtime.erasing import ERASED
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.rewarding import Rewarding
from quietgrid.runtime.settling import Settling
from quietgrid.store import BillRow, open_platform
from quietgrid.store.stores import PlatformStore
from quietgrid.wire.own import ClaimAccount, OwnClaims

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
PERIOD, PER_DAY, HOMES, RESOLUTION = 17_000 * 96, 96, 20, 900
MONTH = 30 * PER_DAY
COMMUNITY = b"c" * 16
SUNNY = {3: 41_250_000, 7: 2_400_000}
"""Homes whose bills owe them something, and how much."""


def bills(period: int) -> list[Posting]:
    """A period of twenty homes, two of which sold more than they used."""
    out = []
    for home in range(HOMES):
        account, key = f"home:{home:016x}", f"{home}-{period}"
        out.append(Posting(f"{key}:0", account, "supplier:energy", 20_000_000, 70_000, "bill"))
        out.append(Posting(f"{key}:vat", account, "tax:vat", 3_800_000, 0, "bill"))
        if home in SUNNY:
            credit = 23_800_000 + SUNNY[home]
            out.append(Posting(f"{key}:1", "supplier:feed-in", account, credit, 300_000, "bill"))
    return out


class Town:
    """A community whose chain, books and households are there; `restart` is a new process."""

    def __init__(self, anvil: Anvil, tmp_path: Path) -> None:
        self.anvil, self.folder = anvil, ChainFolder(tmp_path / "state")
        self.store: PlatformStore = open_platform(tmp_path / "platform.db")
        self.people = {home: Identity.generate() for home in SUNNY}
        self.restart()

    def restart(self) -> None:
        self.onchain: OnChain = chain_at(self.folder, self.anvil.url, self.store)
        self.chain = Chain(self.anvil.url)
        self.paid_from = treasury(self.folder, self.chain, self.onchain.addresses)
        self.settling = Settling(self.store, self.onchain, self.paid_from, RESOLUTION, 15)
        self.rewarding = Rewarding(self.store, self.onchain)

    def post(self, period: int) -> None:
        with self.store.begin() as tx:
            tx.postings.post(bills(period), period)
            tx.billing.put([BillRow(1, period, period + MONTH, 1, 0, "EUR", [], {})])

    def name(self, home: int, account: bytes) -> None:
        key = self.people[home]
        with self.store.begin() as tx:
            take_account(tx, home, key.public, COMMUNITY, key.sign(ClaimAccount(COMMUNITY, home, account, 1.0)))

    def look(self, times: int = 4) -> None:
        for _ in range(times):
            self.settling.step()
            self.rewarding.step()
            self.onchain.step()

    def own(self, home: int) -> OwnClaims:
        with self.store.read() as tx:
            return own_claims(tx, home)

    def call(self, function: str, *args: object) -> abi.Call:
        contract = self.onchain.addresses["IncentiveDistribution"]
        return abi.call("IncentiveDistribution", contract, function, *args)

    def claim(self, home: int, who: Account) -> None:
        """Claim what the home's newest share says, from its own account."""
        found = self.own(home)
        fund(self.chain, who.address)
        share = next(s for s in found.shares if s.account == bytes.fromhex(who.address[2:]))
        leaf = (who.address, share.cumulative_micro, share.salt)
        send(self.chain, who, self.call("claim", found.programme, leaf, share.path))

    def wrong(self) -> list[str]:
        lines = compare(self.store, self.chain, self.onchain.addresses, self.paid_from.payees)
        assert any("escrow" in line.what for line in lines)
        return [f"{line.what}: {line.books} / {line.chain}" for line in lines if not line.holds]


@pytest.fixture
def town(anvil: Anvil, tmp_path: Path) -> Iterator[Town]:
    made = Town(anvil, tmp_path)
    yield made
    made.store.close()


def address_of(account: Account) -> bytes:
    return bytes.fromhex(account.address[2:])


def test_a_credit_is_claimed_in_whole_units_from_a_fresh_address(town: Town) -> None:
    first, second = Account.generate(), Account.generate()
    town.name(3, address_of(first))
    town.post(PERIOD)
    town.look()
    found = town.own(3)
    (share,) = found.shares
    assert (found.credit_micro, share.cumulative_micro) == (41_250_000, 41_000_000)
    assert root_from(leaf_of(share.account, share.cumulative_micro, share.salt), share.path) == found.root
    assert town.own(7).shares == []  # it named no address: its credit waits
    assert town.own(7).credit_micro == 2_400_000
    town.claim(3, first)
    elsewhere = Account.generate().address
    send(town.chain, first, town.call("withdraw", found.programme, 30_000_000, elsewhere))
    token = town.onchain.addresses["EnergyToken"]
    assert town.chain.view("EnergyToken", token, "balanceOf", elsewhere) == 30_000_000
    with pytest.raises(RevertedError, match="NothingToClaim"):
        town.claim(3, first)
    assert town.wrong() == []

    town.name(3, address_of(second))  # from now on to another address
    town.name(7, address_of(Account.generate()))
    town.post(PERIOD + MONTH)
    town.look()
    shares = {s.account: s.cumulative_micro for s in town.own(3).shares}
    assert shares == {address_of(first): 41_000_000, address_of(second): 41_000_000}  # 82.5: half a euro is carried on
    assert [s.cumulative_micro for s in town.own(7).shares] == [4_000_000]
    town.claim(3, second)
    assert town.wrong() == []
    with town.store.read() as tx:
        standing = claims_standing(tx)
        assert len([one for one in tx.chain.sendings() if one.key.startswith(KEY)]) == 2
    assert standing.escrow_micro == 100_000_000  # whole steps: nobody's credit
    assert [one.promised_micro for one in standing.roots] == [86_000_000, 41_000_000]


def test_an_erased_homes_share_is_still_the_chains(town: Town) -> None:
    """Its name and salts go; the next root stands on what was promised, and what it claimed can be paid out."""
    who = Account.generate()
    town.name(3, address_of(who))
    town.name(7, address_of(Account.generate()))
    town.post(PERIOD)
    town.look()
    town.claim(3, who)
    with town.store.begin() as tx:  # as `runtime.erasing` does, with what it needs of the registry left out
        tx.documents.put(ERASED, "3", b"asked")
        forget(tx, 3)
        tx.anchors.forget(f"home:{3:016x}")
    assert town.own(3).shares == []
    town.post(PERIOD + MONTH)  # bills that were made before: they are settled, and nothing is kept to open them
    town.look()
    assert [s.cumulative_micro for s in town.own(7).shares] == [4_000_000]
    with town.store.read() as tx:
        assert [one.promised_micro for one in claims_standing(tx).roots] == [45_000_000, 43_000_000]
        for batch in (f"bills {PERIOD}", f"bills {PERIOD + MONTH}"):
            salts = {leaf.subject: leaf.salt for leaf in tx.anchors.leaves(batch)}
            assert [home for home, salt in salts.items() if salt is None] == [f"home:{3:016x}"]
    send(town.chain, who, town.call("withdraw", town.own(7).programme, 41_000_000, Account.generate().address))
    assert town.wrong() == []


def test_what_is_paid_to_the_supplier_is_not_taken_for_bills(town: Town) -> None:
    who = Account.generate()
    town.name(3, address_of(who))
    town.post(PERIOD)
    town.look()
    town.claim(3, who)
    send(town.chain, who, town.call("withdraw", town.own(3).programme, 5_000_000, town.paid_from.payees["supplier"]))
    assert town.wrong() == []


def test_crashes_and_lost_blocks_promise_nothing_twice(town: Town) -> None:
    """A new process before each look, the node killed after the root was sent: one root, one escrow, one payment."""
    town.anvil.stop()
    town.anvil.start()
    who = Account.generate()
    town.name(3, address_of(who))
    town.post(PERIOD)
    for _ in range(6):
        town.restart()
        town.settling.step()
        town.restart()
        town.rewarding.step()
        town.onchain.step()
    town.anvil.stop(signal.SIGKILL)
    town.anvil.start()
    for _ in range(60):
        town.restart()
        town.look(1)
        with town.store.read() as tx:
            if all(one.state is SendState.CONFIRMED for one in tx.chain.sendings()):
                break
    town.claim(3, who)
    with town.store.read() as tx:
        keys = [one.key for one in tx.chain.sendings()]
    assert len(keys) == len(set(keys))
    assert sum(key.startswith(KEY) for key in keys) == 1
    assert town.wrong() == []


def test_the_comparison_notices_a_share_that_is_too_large(town: Town) -> None:
    who = Account.generate()
    town.name(3, address_of(who))
    town.post(PERIOD)
    town.look()
    assert town.wrong() == []
    import msgspec

    with town.store.begin() as tx:
        (name,) = tx.documents.all("claim share")
        home, _, *rest = msgspec.msgpack.decode(tx.documents.get("claim share", name))
        tx.documents.replace("claim share", name, msgspec.msgpack.encode((home, 42_000_000, *rest)))
    assert [line.partition(":")[0] for line in town.wrong()] == ["homes that were promised more than they are owed"]


@pytest.mark.parametrize(
    ("home", "community", "account", "error"),
    [
        (7, COMMUNITY, b"a" * 20, VerificationError), (3, b"d" * 16, b"a" * 20, VerificationError),
        (3, COMMUNITY, b"a" * 19, InputError), (3, COMMUNITY, bytes(20), InputError),
    ],
)  # fmt: skip
def test_an_address_is_named_by_its_home_alone(
    tmp_path: Path, home: int, community: bytes, account: bytes, error: type[QuietgridError]
) -> None:
    store, key = open_platform(tmp_path / "platform.db"), Identity.generate()
    signed = key.sign(ClaimAccount(community, home, account, 1.0))
    with store.begin() as tx, pytest.raises(error):
        take_account(tx, 3, key.public, COMMUNITY, signed)
    store.close()


def test_an_address_is_one_homes(tmp_path: Path) -> None:
    store = open_platform(tmp_path / "platform.db")
    keys = {home: Identity.generate() for home in (3, 7)}

    def name(home: int, account: bytes) -> None:
        signed = keys[home].sign(ClaimAccount(COMMUNITY, home, account, 1.0))
        with store.begin() as tx:
            take_account(tx, home, keys[home].public, COMMUNITY, signed)

    name(3, b"a" * 20)
    name(3, b"a" * 20)
    name(3, b"b" * 20)
    for home, account in ((7, b"a" * 20), (7, b"b" * 20), (3, b"a" * 20)):
        with pytest.raises(ConflictError):
            name(home, account)
    with store.read() as tx:
        assert own_claims(tx, 3).accounts == [b"a" * 20, b"b" * 20]
        assert own_claims(tx, 7).accounts == []
    store.close()


class Link:
    """`ClaimsLink` straight to the books, for one home."""

    def __init__(self, town: Town, vault: Vault) -> None:
        self._town, self._vault = town, vault
        self.bent: Callable[[OwnClaims], OwnClaims] = lambda found: found

    def claims(self) -> OwnClaims:
        return self.bent(self._town.own(self._vault.home))

    def name_account(self, signed: Signed) -> None:
        with self._town.store.begin() as tx:
            take_account(tx, self._vault.home, self._vault.identity.public, COMMUNITY, signed)


def test_a_household_claims_and_has_it_paid_out(town: Town, tmp_path: Path) -> None:
    """The whole way of a household: named, claimed, named anew, claimed again, paid out in two parts; and restored."""
    vault = Vault.create(tmp_path / "vault", COMMUNITY, 3)
    link = Link(town, vault)
    own = Claiming(vault, link, ManualClock(5.0))
    contract, token = (town.onchain.addresses[name] for name in ("IncentiveDistribution", "EnergyToken"))
    first = own.name()
    assert own.name() == first  # asking again names nothing new
    town.post(PERIOD)
    town.look()
    with pytest.raises(NotFoundError, match="claimed"):
        own.withdraw(town.chain, contract, first)
    assert len(own.claim(town.chain, contract)) == 1
    assert own.claim(town.chain, contract) == []
    second = own.name(fresh=True)
    assert second != first
    town.post(PERIOD + MONTH)
    town.look()
    backup = vault.backup()
    other = Vault.restore(tmp_path / "restored", COMMUNITY, 3, backup)  # another machine, from the printed code
    own = Claiming(other, link, ManualClock(6.0))
    assert len(own.claim(town.chain, contract)) == 1
    assert [(p.address, p.claimed_micro) for p in own.purses(town.chain, contract)] == [
        (first, 41_000_000), (second, 41_000_000),
    ]  # fmt: skip
    payee = Account.generate().address
    for wrong in (500_000, 83_000_000, -1_000_000):
        with pytest.raises(InputError, match="paid out"):
            own.withdraw(town.chain, contract, payee, wrong)
    assert len(own.withdraw(town.chain, contract, payee, 50_000_000)) == 2
    assert town.chain.view("EnergyToken", token, "balanceOf", payee) == 50_000_000
    assert len(own.withdraw(town.chain, contract, payee)) == 1
    assert town.chain.view("EnergyToken", token, "balanceOf", payee) == 82_000_000
    assert town.wrong() == []

    honest = town.own(3)
    for bent in (
        replace(honest, accounts=[b"x" * 20]),
        replace(honest, root=b"x" * 32),
        replace(honest, shares=[replace(honest.shares[0], cumulative_micro=1)]),
        replace(honest, shares=[replace(honest.shares[0], account=b"x" * 20)]),
    ):
        link.bent = lambda _found, bent=bent: bent  # type: ignore[misc]
        with pytest.raises(VerificationError):
            own.own()

"""Whatever happens to the node, the process or the nonce while a period of bills is settled: afterwards the chain's
balances are the books', by an independent script (`runtime.chain_audit`), and nothing was paid twice.

One community lives through all of them, a period each, so every comparison also covers what came before. Two homes'
bills owe them something, so each period fills the escrow of claims or leaves it, and posts a root.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.client import GWEI, Chain
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.node import Anvil
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.errors import ConfigError, UnavailableError
from quietgrid.model.interval import ManualClock
from quietgrid.model.posting import Posting
from quietgrid.model.sending import SendState
from quietgrid.runtime.chain_at import ChainFolder, chain_at, treasury
from quietgrid.runtime.chain_audit import compare
from quietgrid.runtime.claims import ACCOUNT
from quietgrid.runtime.onchain import OnChain, StoreJournal
from quietgrid.runtime.rewarding import Rewarding
from quietgrid.runtime.settling import KEY, Settling
from quietgrid.store import BillRow, open_platform
from quietgrid.store.stores import PlatformStore
from tests.chain.conftest import a_port
from tests.runtime.test_rewarding import COMMUNITY, HOMES, MONTH, PERIOD, RESOLUTION, bills

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
LOOKS = 60


class Bank:
    """A community on a chain, its store, and a clock that the tests move."""

    def __init__(self, folder: Path) -> None:
        self.anvil = Anvil(folder / "chain", a_port())
        self.anvil.start()
        self.folder = ChainFolder(folder / "state")
        self.store: PlatformStore = open_platform(folder / "platform.db")
        self.clock = ManualClock(1_800_000_000.0)
        self.terms = Terms(CHAIN_ID)
        self.periods = 0
        self.restart()
        self._name_accounts()
        self.anvil.stop()  # asked to end, it writes everything: the contracts are there from now on
        self.anvil.start()

    def restart(self) -> None:
        """A new process of the platform."""
        made = chain_at(self.folder, self.anvil.url, self.store)
        outbox = Outbox(made.node, self.folder.account("engine"), StoreJournal(self.store), self.terms, self.clock)
        self.onchain = OnChain(self.store, replace(made._wiring, outbox=outbox))
        self.outbox, self.chain = outbox, Chain(self.anvil.url)
        self.paid_from = treasury(self.folder, self.chain, made.addresses)
        self.settling = Settling(self.store, self.onchain, self.paid_from, RESOLUTION, 15)
        self.rewarding = Rewarding(self.store, self.onchain)

    def _name_accounts(self) -> None:
        from quietgrid.crypto.public.envelope import pack_signed
        from quietgrid.crypto.public.signatures import Identity
        from quietgrid.wire.own import ClaimAccount

        with self.store.begin() as tx:
            for home in (3, 7):
                account = bytes.fromhex(Account.generate().address[2:])
                signed = Identity.generate().sign(ClaimAccount(COMMUNITY, home, account, 1.0))
                tx.documents.put(ACCOUNT, f"{home:016x}/0000", pack_signed(signed))

    @property
    def engine(self) -> Account:
        return self.folder.account("engine")

    def settle(self) -> None:
        """Post the next period's bills and queue their settlement."""
        period = PERIOD + self.periods * MONTH
        self.periods += 1
        with self.store.begin() as tx:
            tx.postings.post(bills(period), period)
            tx.billing.put([BillRow(1, period, period + MONTH, 1, 0, "EUR", [], {})])
        assert self.settling.step() == f"bills {period}"

    def look(self) -> None:
        self.clock.unix += self.terms.resend_s
        self.settling.step()
        self.rewarding.step()
        self.onchain.step()

    def until_quiet(self) -> None:
        """Look until nothing is on its way any more, and once more, for a root that follows."""
        for _ in range(LOOKS):
            self.look()
            with self.store.read() as tx:
                counts = {state for state, n in tx.chain.sending_counts().items() if n}
                posted = len(tx.documents.all("claims' root"))
            if counts == {SendState.CONFIRMED.value} and posted == self.periods:
                return
        raise AssertionError(f"still on its way after {LOOKS} looks: {counts}")

    def check(self) -> None:
        """The independent script; and that it looked at every balance and every root."""
        found = compare(self.store, self.chain, self.onchain.addresses, self.paid_from.payees)
        assert [f"{line.what}: {line.books} / {line.chain}" for line in found if not line.holds] == []
        assert {"paid to supplier", "paid to tax", "tokens issued", "put into the escrow of claims"} <= {
            line.what for line in found
        }
        logs = self.chain.logs([self.onchain.addresses["EnergyToken"]], 0, self.chain.height())
        said = [abi.decode_event("EnergyToken", log.topics, log.data) for log in logs]
        assert sum(event is not None and event.name == "Minted" for event in said) == self.periods

    def by_hand(self, on: bool) -> None:
        """Whether blocks are made only when a test says so."""
        self.chain.ask("evm_setAutomine", not on)

    def stranger_sends(self, nonce: int, fee: int) -> None:
        """The engine's key is used by somebody else: a transaction to itself under a nonce."""
        fields = {
            "type": 2, "chainId": CHAIN_ID, "nonce": nonce, "gas": 21_000, "value": 0, "to": self.engine.address,
            "maxFeePerGas": fee, "maxPriorityFeePerGas": fee, "data": b"",
        }  # fmt: skip
        self.chain.send(self.engine.sign_transaction(fields)[0])


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, _anvil_is_there: None) -> Iterator[Bank]:
    made = Bank(tmp_path_factory.mktemp("bank"))
    yield made
    made.store.close()
    made.anvil.stop()


def killed(bank: Bank) -> None:
    """The node is killed at random, and loses up to a second each time."""
    chance = random.Random(3)
    for _ in range(6):
        for _ in range(chance.randrange(1, 4)):
            bank.look()
        bank.anvil.stop(signal.SIGKILL)
        with pytest.raises(UnavailableError):
            bank.outbox.step()
        bank.anvil.start()


def an_hour_away(bank: Bank) -> None:
    bank.anvil.stop()
    for _ in range(6):
        bank.clock.unix += 600
        assert bank.onchain.step() is None
    bank.anvil.start()


def reorganised(bank: Bank) -> None:
    """Twelve blocks go, those of the settlement among them."""
    before = bank.chain.ask("evm_snapshot")
    for _ in range(3):
        bank.look()
    bank.chain.ask("anvil_mine", hex(9))
    bank.look()
    assert bank.chain.height() >= 12
    bank.chain.ask("evm_revert", before)


def stuck(bank: Bank) -> None:
    """It waits for a better fee."""
    bank.by_hand(True)
    bank.onchain.step()
    bank.clock.unix += bank.terms.bump_s
    report = bank.onchain.step()
    assert report is not None
    assert report.bumped
    bank.chain.ask("evm_mine")
    bank.by_hand(False)


def underpriced(bank: Bank) -> None:
    """Something under our nonce waits and pays more."""
    bank.by_hand(True)
    bank.stranger_sends(bank.chain.nonce(bank.engine.address), 60 * GWEI)
    for _ in range(16):
        bank.clock.unix += bank.terms.bump_s
        bank.onchain.step()
    bank.chain.ask("evm_mine")
    bank.by_hand(False)


def nonce_taken(bank: Bank) -> None:
    bank.by_hand(True)
    nonce = bank.chain.nonce(bank.engine.address)
    bank.onchain.step()
    bank.chain.ask("anvil_dropAllTransactions")
    bank.stranger_sends(nonce, 90 * GWEI)
    bank.chain.ask("evm_mine")
    bank.by_hand(False)


def gap_of_a_stranger(bank: Bank) -> None:
    """The engine's key sent something beside the outbox, before the settlement; the chain loses both blocks."""
    before = bank.chain.ask("evm_snapshot")
    nonce = bank.chain.nonce(bank.engine.address)
    bank.stranger_sends(nonce, 10 * GWEI)
    for _ in range(3):
        bank.look()
    with bank.store.read() as tx:
        assert tx.chain.newest(KEY)[0].nonce == nonce + 1
    bank.chain.ask("evm_revert", before)
    assert bank.chain.nonce(bank.engine.address) == nonce


def reverted(bank: Bank) -> None:
    """The contract refuses: another root for a day that has one. The others go on, and a person takes it back."""
    day = (PERIOD + MONTH - 1) // 96
    call = abi.call("DailyRoots", bank.onchain.addresses["DailyRoots"], "anchor", day, [5], [b"x" * 32], [1])
    assert bank.onchain.queue("wrong", call)
    for _ in range(4):
        bank.onchain.step()
    with bank.store.begin() as tx:
        one = tx.chain.sending("wrong")
        assert one.state is SendState.FAILED
        tx.chain.save(replace(one, state=SendState.CONFIRMED, settled=True))


def another_chain(bank: Bank) -> None:
    wrong = Outbox(bank.chain, bank.engine, StoreJournal(bank.store), Terms(1), bank.clock)
    with pytest.raises(ConfigError, match="31337"):
        wrong.step()


def crashed_after_signing(bank: Bank) -> None:
    """The signed transaction is in the store and nowhere else."""
    with bank.store.read() as tx:
        waiting = [one for one in tx.chain.open_sendings(bank.engine.address) if one.state is SendState.QUEUED]
    bank.outbox._signed(waiting[0], bank.chain.nonce(bank.engine.address), 10 * GWEI, 1_000_000)
    bank.restart()


def safe_number_taken(bank: Bank) -> None:
    """Another operation of the operator's account is first; the settlement is signed anew."""
    from tests.runtime.test_settling import another_operation

    another_operation(bank.folder, bank.chain, bank.onchain.addresses)
    for _ in range(4):
        bank.onchain.step()
    with bank.store.read() as tx:
        assert tx.chain.newest(KEY)[0].state is SendState.FAILED


def half_a_state_file(bank: Bank) -> None:
    bank.onchain.step()
    bank.anvil.stop(signal.SIGKILL)
    bank.anvil.state.write_bytes(b'{"block": {"num')
    bank.anvil.start()


FAULTS = (
    half_a_state_file, killed, an_hour_away, reorganised, stuck, underpriced, nonce_taken, gap_of_a_stranger, reverted,
    another_chain, crashed_after_signing, safe_number_taken,
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_books_and_the_chain_agree_afterwards(bank: Bank, fault: Callable[[Bank], None]) -> None:
    bank.settle()
    fault(bank)
    bank.restart()
    bank.until_quiet()
    bank.check()


def test_the_script_would_notice(bank: Bank) -> None:
    """The control: one millionth more in the books than was paid."""
    bank.settle()
    bank.until_quiet()
    bank.check()
    with bank.store.begin() as tx:
        tx.postings.post([Posting("extra", f"home:{HOMES:016x}", "tax:vat", 1, 0, "bill")], PERIOD)
        tx.postings.settle(["extra"], "bills extra")
    with pytest.raises(AssertionError, match="paid to tax"):
        bank.check()

"""A billing period of real bills, settled on a real chain by two of three, and compared by somebody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.client import Chain
from quietgrid.chain.direct import send
from quietgrid.chain.node import Anvil, fund
from quietgrid.chain.safe import operation
from quietgrid.crypto.public import merkle
from quietgrid.errors import ConfigError
from quietgrid.model.posting import Posting
from quietgrid.model.sending import Sending, SendState
from quietgrid.runtime.chain_at import ChainFolder, chain_at, treasury
from quietgrid.runtime.chain_audit import compare
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.settling import KEY, Settling, bill_record
from quietgrid.store import BillRow, open_platform
from quietgrid.store.stores import PlatformStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
PERIOD, PER_DAY, HOMES = 17_000 * 96, 96, 20
RESOLUTION = 900


def bills(period: int, homes: int = HOMES) -> list[Posting]:
    """Postings as billing makes them: use, export credit, VAT."""
    out = []
    for home in range(homes):
        account, key = f"home:{home:016x}", f"{home}-{period}"
        out.append(Posting(f"{key}:0", account, "supplier:energy", 20_000_000 + home * 1_017, 70_000, "bill"))
        out.append(Posting(f"{key}:1", "supplier:feed-in", account, 3_000_000, 9_000, "bill"))
        out.append(Posting(f"{key}:vat", account, "tax:vat", 3_230_000 + home * 193, 0, "bill"))
    return out


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PlatformStore]:
    opened = open_platform(tmp_path / "platform.db")
    yield opened
    opened.close()


def post(store: PlatformStore, period: int, homes: int = HOMES) -> None:
    with store.begin() as tx:
        tx.postings.post(bills(period, homes), period)
        tx.billing.put([BillRow(1, period, period + 30 * PER_DAY, 1, 0, "EUR", [], {})])


@pytest.fixture
def ready(store: PlatformStore, anvil: Anvil, tmp_path: Path) -> Callable[[], tuple[OnChain, Settling]]:
    folder = ChainFolder(tmp_path / "state")

    def made() -> tuple[OnChain, Settling]:
        onchain = chain_at(folder, anvil.url, store)
        paid_from = treasury(folder, Chain(anvil.url), onchain.addresses)
        return onchain, Settling(store, onchain, paid_from, RESOLUTION, 15)

    return made


def lines(store: PlatformStore, onchain: OnChain, anvil: Anvil, tmp_path: Path) -> dict[str, bool]:
    chain = Chain(anvil.url)
    payees = treasury(ChainFolder(tmp_path / "state"), chain, onchain.addresses).payees
    return {line.what: line.holds for line in compare(store, chain, onchain.addresses, payees)}


def test_two_periods_are_settled_once_each(
    ready: Callable[[], tuple[OnChain, Settling]],
    store: PlatformStore,
    anvil: Anvil,
    tmp_path: Path,
) -> None:
    onchain, settling = ready()
    post(store, PERIOD)
    post(store, PERIOD + 30 * PER_DAY)
    assert settling.step() == f"bills {PERIOD}"
    assert settling.step() == ""  # one is on its way
    for _ in range(3):
        onchain.step()
    assert settling.step() == f"bills {PERIOD + 30 * PER_DAY}"
    for _ in range(3):
        onchain.step()
    assert settling.step() == ""
    found = lines(store, onchain, anvil, tmp_path)
    assert found
    assert all(found.values()), [what for what, holds in found.items() if not holds]
    with store.read() as tx:
        assert tx.postings.unsettled() == []
        assert len([one for one in tx.chain.sendings() if one.key.startswith(KEY)]) == 2


def test_the_comparison_notices(
    ready: Callable[[], tuple[OnChain, Settling]],
    store: PlatformStore,
    anvil: Anvil,
    tmp_path: Path,
) -> None:
    """Books that say something else than what was paid, and a root that is not what was anchored."""
    onchain, settling = ready()
    post(store, PERIOD)
    settling.step()
    for _ in range(3):
        onchain.step()
    with store.begin() as tx:
        tx.postings.post([Posting("extra", "home:1", "tax:vat", 1, 0, "bill")], PERIOD)
        tx.postings.settle(["extra"], "bills extra")
    found = lines(store, onchain, anvil, tmp_path)
    assert not found["paid to tax"]
    assert found["paid to supplier"]


def test_a_crash_and_a_lost_second_settle_nothing_twice(
    ready: Callable[[], tuple[OnChain, Settling]],
    store: PlatformStore,
    anvil: Anvil,
    tmp_path: Path,
) -> None:
    onchain, settling = ready()
    anvil.stop()  # asked to end, it keeps all: the contracts are there from now on
    anvil.start()
    post(store, PERIOD)
    settling.step()
    onchain.step()
    import signal

    anvil.stop(signal.SIGKILL)
    anvil.start()
    onchain, settling = ready()  # a new process
    deadline = time.monotonic() + 60
    while True:  # what the node has lost is sent again after a few seconds
        settling.step()
        onchain.step()
        with store.read() as tx:
            state = tx.chain.newest(KEY)[0].state
        if state is SendState.CONFIRMED or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert state is SendState.CONFIRMED
    onchain.step()
    found = lines(store, onchain, anvil, tmp_path)
    assert all(found.values()), [what for what, holds in found.items() if not holds]


def test_too_few_homes_are_not_settled(ready: Callable[[], tuple[OnChain, Settling]], store: PlatformStore) -> None:
    _, settling = ready()
    post(store, PERIOD, homes=14)
    assert settling.step() == ""


def test_a_home_shows_its_bill_below_the_root(
    ready: Callable[[], tuple[OnChain, Settling]], store: PlatformStore
) -> None:
    _, settling = ready()
    post(store, PERIOD)
    name = settling.step()
    with store.read() as tx:
        leaves = tx.anchors.leaves(name)
        (row,) = tx.anchors.of_day((PERIOD + 30 * PER_DAY - 1) // PER_DAY)
    digests = [leaf.digest for leaf in leaves]
    path = merkle.all_paths(digests)[1][7]
    home = leaves[7].subject
    owed = sum(
        (p.amount_micro if p.debit == home else -p.amount_micro) for p in bills(PERIOD) if home in (p.debit, p.credit)
    )
    leaf = merkle.leaf_hash(bill_record(home, name, owed), leaves[7].salt or b"")
    assert merkle.root_from_path(leaf, 7, len(leaves), path) == row.root


def test_a_key_that_is_gone_is_not_made_anew(
    ready: Callable[[], tuple[OnChain, Settling]], anvil: Anvil, tmp_path: Path
) -> None:
    """A fresh key would sign what the Safe refuses, and a fresh payee would be paid instead of the organisation."""
    onchain, _ = ready()
    folder = ChainFolder(tmp_path / "state")
    for name in ("operator-1", "tax"):
        key = folder.path / "keys" / f"{name}.key"
        kept = key.read_bytes()
        key.unlink()
        assert not folder.holds("operator-0", name)
        with pytest.raises(ConfigError, match="not here"):
            treasury(folder, Chain(anvil.url), onchain.addresses)
        assert not key.exists()
        key.write_bytes(kept)


def another_operation(folder: ChainFolder, chain: Chain, addresses: Mapping[str, str]) -> None:
    """Two owners do something of their own with the account: its number is used up."""
    owners = [folder.account(f"operator-{n}") for n in (1, 2)]
    call = abi.call("EnergyToken", addresses["EnergyToken"], "approve", owners[0].address, 0)
    found = operation(chain, addresses["OperatorSafe"], [call], addresses["SafeBundler"])
    execution = found.execution({owner.address: found.signed_by(owner) for owner in owners})
    fund(chain, owners[0].address)
    send(chain, owners[0], execution)


def settlement_state(store: PlatformStore) -> SendState:
    with store.read() as tx:
        return tx.chain.newest(KEY)[0].state


def all_sendings(store: PlatformStore) -> list[Sending]:
    with store.read() as tx:
        return tx.chain.sendings()


def signed_again(store: PlatformStore) -> int:
    with store.read() as tx:
        return len(tx.log.entries(action="settle.again"))


@pytest.mark.parametrize("when", ["before it is sent", "in the same block"])
def test_a_number_that_went_to_another_operation(
    ready: Callable[[], tuple[OnChain, Settling]], store: PlatformStore, anvil: Anvil, tmp_path: Path, when: str
) -> None:
    """The signatures name a number that is gone: they are made anew, once, and the period is paid once."""
    onchain, settling = ready()
    folder, chain = ChainFolder(tmp_path / "state"), Chain(anvil.url)
    post(store, PERIOD)
    settling.step()
    if when == "before it is sent":
        another_operation(folder, chain, onchain.addresses)
    else:  # it passes the pre-flight, and the other is first in the block
        chain.ask("evm_setAutomine", False)
        onchain.step()
        chain.ask("anvil_dropAllTransactions")
        chain.ask("evm_setAutomine", True)
        another_operation(folder, chain, onchain.addresses)
        with store.read() as tx:
            (attempt,) = tx.chain.newest(KEY)[0].attempts
        chain.send(attempt.raw)
    for _ in range(4):
        onchain.step()
    assert settlement_state(store) is SendState.FAILED
    onchain, settling = ready()  # whatever died meanwhile
    assert settling.step() == f"bills {PERIOD}"
    deadline = time.monotonic() + 60
    while any(one.state is not SendState.CONFIRMED for one in all_sendings(store)) and time.monotonic() < deadline:
        onchain.step()  # what was dropped is sent again after a few seconds
        assert settling.step() == ""
        time.sleep(0.2)
    assert settlement_state(store) is SendState.CONFIRMED
    assert signed_again(store) == 1
    found = lines(store, onchain, anvil, tmp_path)
    assert all(found.values()), [what for what, holds in found.items() if not holds]


def test_what_somebody_else_sent_is_not_paid_again(
    ready: Callable[[], tuple[OnChain, Settling]], store: PlatformStore, anvil: Anvil, tmp_path: Path
) -> None:
    """The signed operation is public once it was sent; whoever sends it first pays the period, and ours is refused."""
    onchain, settling = ready()
    chain, stranger = Chain(anvil.url), Account.generate()
    post(store, PERIOD)
    settling.step()
    with store.read() as tx:
        (ours,) = tx.chain.newest(KEY)
    fund(chain, stranger.address)
    send(chain, stranger, abi.Call(ours.to, ours.data, ours.what))
    for _ in range(4):
        onchain.step()
    assert settlement_state(store) is SendState.FAILED
    for _ in range(3):
        assert settling.step() == ""
        onchain.step()
    assert settlement_state(store) is SendState.CONFIRMED
    assert signed_again(store) == 0
    found = lines(store, onchain, anvil, tmp_path)
    assert all(found.values()), [what for what, holds in found.items() if not holds]
    post(store, PERIOD + 30 * PER_DAY)
    assert settling.step() == f"bills {PERIOD + 30 * PER_DAY}"  # and the next period goes on


def test_a_refusal_with_another_reason_waits_for_a_person(
    ready: Callable[[], tuple[OnChain, Settling]], store: PlatformStore, anvil: Anvil, tmp_path: Path
) -> None:
    onchain, settling = ready()
    chain, guardian = Chain(anvil.url), ChainFolder(tmp_path / "state").account("guardian-0")
    fund(chain, guardian.address)
    send(chain, guardian, abi.call("EnergyToken", onchain.addresses["EnergyToken"], "pause"))
    post(store, PERIOD)
    settling.step()
    for _ in range(4):
        onchain.step()
        settling.step()
    assert settlement_state(store) is SendState.FAILED
    assert signed_again(store) == 0


def test_each_stage_is_settled_on_its_own(
    ready: Callable[[], tuple[OnChain, Settling]], store: PlatformStore, anvil: Anvil, tmp_path: Path
) -> None:
    """Rewards of a period beside its bills: two batches, two ids, the books and the chain agree."""
    onchain, settling = ready()
    post(store, PERIOD)
    fees = [
        Posting(f"reward {n}", f"home:{n:016x}", "supplier:response", 1_000 + n, 500, "reward") for n in range(HOMES)
    ]
    with store.begin() as tx:
        tx.postings.post(fees, PERIOD)
    assert settling.step() == f"bills {PERIOD}"
    for _ in range(3):
        onchain.step()
    assert settling.step() == f"rewards {PERIOD}"
    for _ in range(3):
        onchain.step()
    assert settling.step() == ""
    with store.read() as tx:
        assert set(tx.postings.batches()) == {f"bills {PERIOD}", f"rewards {PERIOD}"}
        assert tx.postings.unsettled() == []
    found = lines(store, onchain, anvil, tmp_path)
    assert all(found.values()), [what for what, holds in found.items() if not holds]

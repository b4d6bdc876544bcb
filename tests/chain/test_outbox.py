"""The outbox against a real node: everything once, in order, whatever happens to the node, the process or the nonce."""

from __future__ import annotations

import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from quietgrid.chain.client import GWEI
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.errors import ConfigError, ConflictError, UnavailableError
from quietgrid.model.sending import SendState
from quietgrid.store import open_platform
from tests.chain.conftest import Village

MANY = 12


def test_everything_queued_is_on_the_chain(village: Village) -> None:
    for day in range(MANY):
        village.queue(day, root=day + 1)
    village.outbox.step()
    village.outbox.step()
    assert [village.root(day) for day in range(MANY)] == list(range(1, MANY + 1))
    assert village.counts() == {"confirmed": MANY}


def test_a_key_is_queued_once(village: Village) -> None:
    village.queue(1, root=7)
    village.queue(1, root=7)
    assert village.counts() == {"queued": 1}
    with pytest.raises(ConflictError):
        village.queue(1, root=8)


def test_what_a_contract_refuses_is_named_and_holds_up_nobody(village: Village) -> None:
    village.queue(1, root=7)
    village.queue(1, root=8, key="another root for the same day")
    village.queue(100_000, root=9)  # that day is not over
    village.queue(2, root=9)
    for _ in range(village.terms.tries + 1):
        village.outbox.step()
    assert village.counts() == {"confirmed": 2, "failed": 2}
    with village.store.read() as tx:
        refused = {one.key: one.error for one in tx.chain.sendings(state="failed")}
    assert refused["another root for the same day"].startswith("AlreadyAnchored(day=1")
    assert refused["roots 100000"] == "DayNotOver(day=100000)"


def test_a_person_may_send_what_failed_again(village: Village) -> None:
    today = village.chain.block()
    assert today is not None
    village.queue(today.timestamp // 86_400)
    for _ in range(village.terms.tries):
        village.outbox.step()
    assert village.counts() == {"failed": 1}
    village.chain.ask("evm_increaseTime", 86_400)
    village.chain.ask("evm_mine")
    with village.store.begin() as tx:
        tx.chain.again(f"roots {today.timestamp // 86_400}")
    village.outbox.step()
    village.outbox.step()
    assert village.counts() == {"confirmed": 1}
    with village.store.begin() as tx, pytest.raises(ConflictError):
        tx.chain.again(f"roots {today.timestamp // 86_400}")


def test_a_revert_in_the_block_is_found_out(village: Village) -> None:
    """Both pass the pre-flight; the block takes the first and refuses the second."""
    village.chain.ask("evm_setAutomine", False)
    village.queue(1, root=7)
    village.queue(1, root=8, key="second")
    village.outbox = Outbox(
        village.chain, village.engine, village.journal, replace(village.terms, tries=1), village.clock
    )
    with village.store.read() as tx:
        waiting = tx.chain.open_sendings(village.engine.address)
    nonce = village.chain.nonce(village.engine.address)
    for number, one in enumerate(waiting):  # as the pre-flight of a node without pending state would let them
        village.chain.send(village.outbox._signed(one, nonce + number, 10 * GWEI, 200_000).attempts[-1].raw)
    village.chain.ask("evm_mine")
    village.outbox.step()
    assert village.root(1) == 7
    with village.store.read() as tx:
        second = tx.chain.sending("second")
    assert second.state is SendState.FAILED
    assert second.error
    village.chain.ask("evm_setAutomine", True)
    village.queue(2)
    village.outbox.step()
    village.outbox.step()
    assert village.root(2) == 1


def test_a_node_that_is_away_changes_nothing(village: Village) -> None:
    village.queue(1)
    village.anvil.stop()
    for _ in range(3):
        village.clock.unix += 3_600
        with pytest.raises(UnavailableError):
            village.outbox.step()
    assert village.counts() == {"queued": 1}
    village.anvil.start()
    village.outbox.step()
    village.outbox.step()
    assert village.counts() == {"confirmed": 1}


def test_another_chain_is_refused(village: Village) -> None:
    village.queue(1)
    wrong = Outbox(village.chain, village.engine, village.journal, Terms(1), village.clock)
    with pytest.raises(ConfigError, match="31337"):
        wrong.step()
    assert village.counts() == {"queued": 1}


def test_a_crash_between_keeping_and_sending(village: Village, tmp_path: Path) -> None:
    """The signed transaction is in the store and nowhere else; a new process sends just that one."""
    village.queue(1)
    with village.store.read() as tx:
        (one,) = tx.chain.open_sendings(village.engine.address)
    village.outbox._signed(one, village.chain.nonce(village.engine.address), 10 * GWEI, 200_000)
    village.store.close()

    village.store = open_platform(tmp_path / "platform.db")
    village.journal.__init__(village.store)  # type: ignore[misc]
    village.clock.unix += village.terms.resend_s
    after = Outbox(village.chain, village.engine, village.journal, village.terms, village.clock)
    after.step()
    after.step()
    with village.store.read() as tx:
        found = tx.chain.sending("roots 1")
    assert found.state is SendState.CONFIRMED
    assert len(found.attempts) == 1
    assert village.chain.nonce(village.engine.address) == 1


@pytest.mark.parametrize("depth", [1, 12])
def test_a_reorganisation(village: Village, depth: int) -> None:
    """Blocks go away, some of them confirmed; everything is on the chain again, under the same nonces."""
    village.queue(0)
    village.outbox.step()
    before = village.chain.ask("evm_snapshot")
    for day in range(1, depth + 1):
        village.queue(day, root=day)
        village.outbox.step()
    village.outbox.step()
    nonce = village.chain.nonce(village.engine.address)
    assert village.counts() == {"confirmed": depth + 1}
    village.chain.ask("evm_revert", before)
    assert village.root(depth) == 0
    reports = [village.outbox.step() for _ in range(3)]
    assert sum(report.returned for report in reports) == depth
    assert [village.root(day) for day in range(1, depth + 1)] == list(range(1, depth + 1))
    assert village.counts() == {"confirmed": depth + 1}
    assert village.chain.nonce(village.engine.address) == nonce


def test_a_reorganisation_below_what_was_settled(village: Village) -> None:
    terms = replace(village.terms, watch=2)
    village.outbox = Outbox(village.chain, village.engine, village.journal, terms, village.clock)
    before = village.chain.ask("evm_snapshot")
    for day in range(6):
        village.queue(day, root=day + 1)
        village.outbox.step()
    village.outbox.step()
    with village.store.read() as tx:
        assert len(tx.chain.open_sendings(village.engine.address)) < 6  # the others are settled
    village.chain.ask("evm_revert", before)
    for _ in range(3):
        village.outbox.step()
    assert [village.root(day) for day in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_stuck_transaction_pays_more(village: Village) -> None:
    village.chain.ask("evm_setAutomine", False)
    village.queue(1)
    village.outbox.step()
    village.clock.unix += village.terms.bump_s
    assert village.outbox.step().bumped == 1
    with village.store.read() as tx:
        found = tx.chain.sending("roots 1")
    first, second = found.attempts
    assert second.max_fee > first.max_fee * 11 // 10
    assert found.nonce == 0
    village.chain.ask("evm_mine")
    village.chain.ask("evm_setAutomine", True)
    village.outbox.step()
    assert village.root(1) == 1
    assert village.chain.nonce(village.engine.address) == 1


def stranger_sends(village: Village, nonce: int, fee: int) -> None:
    """The engine's key is used by somebody else: a transaction to itself under a nonce."""
    fields = {
        "type": 2, "chainId": 31_337, "nonce": nonce, "gas": 21_000, "value": 0, "to": village.engine.address,
        "maxFeePerGas": fee, "maxPriorityFeePerGas": fee, "data": b"",
    }  # fmt: skip
    village.chain.send(village.engine.sign_transaction(fields)[0])


def test_a_nonce_that_went_to_another_transaction(village: Village) -> None:
    village.chain.ask("evm_setAutomine", False)
    village.queue(1)
    village.outbox.step()
    village.chain.ask("anvil_dropAllTransactions")
    stranger_sends(village, 0, 90 * GWEI)
    village.chain.ask("evm_mine")
    village.chain.ask("evm_setAutomine", True)
    for _ in range(4):
        village.outbox.step()
    assert village.root(1) == 1
    assert village.counts() == {"confirmed": 1}
    assert village.chain.nonce(village.engine.address) == 2


def test_a_replacement_that_pays_too_little(village: Village) -> None:
    """Something under our nonce waits and pays more: ours pays more still, in the end."""
    village.chain.ask("evm_setAutomine", False)
    stranger_sends(village, 0, 60 * GWEI)
    village.queue(1)
    for _ in range(16):
        village.clock.unix += village.terms.bump_s
        village.outbox.step()
    village.chain.ask("evm_mine")
    village.chain.ask("evm_setAutomine", True)
    for _ in range(4):
        village.outbox.step()
    assert village.root(1) == 1
    assert village.counts() == {"confirmed": 1}


def lose_a_strangers_block(village: Village, strangers: int = 1) -> None:
    """The engine's key sends beside the outbox, then the outbox sends; the chain loses both."""
    before = village.chain.ask("evm_snapshot")
    for nonce in range(strangers):
        stranger_sends(village, nonce, 10 * GWEI)
    village.queue(1, root=7)
    for _ in range(2):
        village.outbox.step()
    assert village.counts() == {"confirmed": 1}
    village.chain.ask("evm_revert", before)


@pytest.mark.parametrize("strangers", [1, 3])
def test_a_gap_that_nobody_fills(village: Village, strangers: int) -> None:
    """What the outbox never sent is gone for good: it fills the nonces with nothing, and goes on."""
    lose_a_strangers_block(village, strangers)
    reports = []
    for _ in range(5):
        village.clock.unix += village.terms.resend_s
        reports.append(village.outbox.step())
    assert sum(report.filled for report in reports) == strangers
    assert village.root(1) == 7
    assert village.counts() == {"confirmed": 1}
    assert village.chain.nonce(village.engine.address) == strangers + 1


def test_a_gap_that_somebody_is_filling_is_left_alone(village: Village) -> None:
    """The lost transaction waits at the node again: it is the one that is taken."""
    lose_a_strangers_block(village)
    village.chain.ask("evm_setAutomine", False)
    stranger_sends(village, 0, 10 * GWEI)
    for _ in range(5):
        village.clock.unix += village.terms.bump_s
        assert village.outbox.step().filled == 0
    village.chain.ask("evm_mine")
    village.chain.ask("evm_setAutomine", True)
    for _ in range(3):
        village.outbox.step()
    assert village.root(1) == 7
    assert village.counts() == {"confirmed": 1}


def test_what_fills_a_gap_pays_more_when_it_is_stuck(village: Village) -> None:
    lose_a_strangers_block(village)
    village.chain.ask("evm_setAutomine", False)
    filled = 0
    for _ in range(4):
        village.clock.unix += village.terms.bump_s
        filled += village.outbox.step().filled
        if filled == 1:
            village.chain.ask("anvil_dropAllTransactions")  # a node that forgets
    assert filled > 1
    village.clock.unix += village.terms.resend_s
    village.outbox.step()
    village.chain.ask("evm_mine")
    village.chain.ask("evm_setAutomine", True)
    for _ in range(3):
        village.clock.unix += village.terms.resend_s
        village.outbox.step()
    assert village.root(1) == 7
    assert village.counts() == {"confirmed": 1}


def test_nothing_is_sent_to_where_no_contract_is(village: Village) -> None:
    """It would succeed and do nothing. What the node has lost waits until it is there again."""
    code = "0x" + village.chain.code(village.roots).hex()
    village.queue(1)
    village.chain.ask("anvil_setCode", village.roots, "0x")
    assert village.outbox.step().nowhere == 1
    assert village.counts() == {"queued": 1}
    village.chain.ask("anvil_setCode", village.roots, code)
    village.outbox.step()
    village.outbox.step()
    assert village.root(1) == 1


def test_half_a_state_file_is_replaced_by_the_last_whole_one(village: Village) -> None:
    """A kill while anvil writes leaves an empty file; what is lost is brought back by the outbox."""
    village.anvil.stop()
    village.anvil.start()  # what is whole now is kept
    village.queue(1)
    village.outbox.step()
    village.outbox.step()
    village.anvil.stop(signal.SIGKILL)
    village.anvil.state.write_bytes(b'{"block": {"num')
    village.anvil.start()
    assert village.root(1) == 0
    for _ in range(3):
        village.clock.unix += village.terms.resend_s
        village.outbox.step()
    assert village.root(1) == 1
    assert village.counts() == {"confirmed": 1}


@pytest.mark.slow
def test_fifty_kills_of_the_node(village: Village) -> None:
    """The node is killed at random moments; it may lose a second of blocks each time. Nothing is lost or doubled."""
    village.anvil.stop()  # asked to end, it writes everything: the contracts are there from now on
    village.anvil.start()
    chance = random.Random(4)
    day = 0
    for _ in range(50):
        for _ in range(chance.randrange(1, 4)):
            village.queue(day, root=day + 1)
            day += 1
        for _ in range(chance.randrange(0, 3)):
            village.outbox.step()
        village.anvil.stop(signal.SIGKILL)
        with pytest.raises(UnavailableError):
            village.outbox.step()
        village.anvil.start()
        village.clock.unix += village.terms.resend_s
    for _ in range(20):
        village.clock.unix += village.terms.resend_s
        village.outbox.step()
        if village.counts() == {"confirmed": day}:
            break
    assert village.counts() == {"confirmed": day}
    assert [village.root(d) for d in range(day)] == list(range(1, day + 1))
    assert village.chain.nonce(village.engine.address) == day

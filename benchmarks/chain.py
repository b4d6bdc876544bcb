"""`chain`: trades settled a second through a chain, netted by `Settlement`, beside plain web3.py token transfers.

One anvil with the community's contracts serves both, in turns. Ours: columns of trades to deltas and root, into the
durable outbox, signed, sent, confirmed, the events in the store; the same again for the receivers' money when the
challenge window is over. The peer: `EnergyToken.transfer` for each payment with web3.py as its documentation has it,
one nonce after the other, sent without waiting; then every receipt and its event.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3

from benchmarks.measure import bar
from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import artifact
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.indexer import Indexer
from quietgrid.chain.netted import Trades, deltas, fresh_salt, netted
from quietgrid.chain.node import Anvil, fund
from quietgrid.chain.outbox import Outbox, Terms
from quietgrid.chain.plan import DEMO_TERMS, OPERATOR, Seats, community_plan
from quietgrid.chain.safe import operation
from quietgrid.errors import VerificationError
from quietgrid.model.interval import SystemClock
from quietgrid.model.sending import SendState
from quietgrid.runtime.onchain import StoreJournal
from quietgrid.store import open_platform
from quietgrid.store.stores import PlatformStore

NAME = "chain"

BAR = 50
TRADES, PARTIES = 1_000, 100
EACH, BOND = 1_000 * 10**6, 10_000 * 10**6
LOOKS = 20
NOTE = (
    "Encoded, sent, confirmed and the events read, by both; ours also keeps every transaction in SQLite before it is "
    "sent. CPU is that of Python and of anvil, which writes its state once a second and slows with its blocks, most of "
    "which are the peer's: the rounds' ratios grow. The parts are wall microseconds a trade. It is the netting that "
    "wins: a batch is two transactions of 100 deltas whatever the number of trades, while a transfer is one each. "
    "Trust differs: a transfer is final in its block and everything about it is public; a netted trade is below a "
    "root, its payer's money is taken at once, its receiver's comes after the challenge window (60 s in the demo, a "
    "day elsewhere; skipped here by the chain's clock, not counted) and only if nobody shows a fault. Checking the "
    "orders' signatures when they come is not counted."
)


class Market:
    """A community's contracts on a fresh chain, traders with money in their accounts, and the platform's outbox.

    Args:
        url: Of the node. store: a new platform's.
    """

    def __init__(self, url: str, store: PlatformStore) -> None:
        self.chain, self.store = Chain(url, 60.0), store
        self.engine, deployer = Account.generate(), Account.generate()
        self.payer = Account.generate()
        for account in (self.engine, deployer, self.payer):
            fund(self.chain, account.address, 10**24)
        self._owners = sorted((Account.generate() for _ in range(3)), key=lambda one: one.address)
        people = tuple(Account.generate().address for _ in range(3))
        seats = Seats(
            deployer.address, self.engine.address, tuple(one.address for one in self._owners), people, people[:2],
            people[2], people, {people[0]: 10**18},
        )  # fmt: skip
        self.all = Deployment(self.chain, deployer, community_plan(seats, DEMO_TERMS)).run()
        rows = np.random.default_rng(3).integers(0, 256, (PARTIES, 20), np.uint8)
        self.parties = rows[np.lexsort(rows.T[::-1])]
        self.names = [to_checksum_address(row.tobytes()) for row in self.parties]
        journal = StoreJournal(store)
        self.outbox = Outbox(self.chain, self.engine, journal, Terms(CHAIN_ID), SystemClock())
        self.indexer = Indexer(self.chain, {"Settlement": self.all["Settlement"]}, journal)
        self._endow()
        self.indexer.step()

    def _endow(self) -> None:
        """The operator's account issues tokens, fills the traders' accounts and puts up the bond: two of three sign."""
        token, settlement, safe = self.all["EnergyToken"], self.all["Settlement"], self.all[OPERATOR]
        sum_ = EACH * PARTIES + BOND + EACH
        calls = [
            abi.call("EnergyToken", token, "declareReserve", sum_, bytes(32)),
            abi.call("EnergyToken", token, "mint", b"benchmark".ljust(32), safe, sum_),
            abi.call("EnergyToken", token, "approve", settlement, sum_ - EACH),
            abi.call("Settlement", settlement, "addBond", BOND),
            *(abi.call("Settlement", settlement, "deposit", name, EACH) for name in self.names),
            abi.call("EnergyToken", token, "transfer", self.payer.address, EACH),
        ]
        found = operation(self.chain, safe, calls, self.all["SafeBundler"])
        self.do({"endow": found.execution({one.address: found.signed_by(one) for one in self._owners[:2]})})

    def do(self, calls: Mapping[str, abi.Call]) -> None:
        """Through the outbox until each is confirmed and its events are in the store.

        Raises:
            VerificationError: one is not.
        """
        with self.store.begin() as tx:
            for key, call in calls.items():
                tx.chain.queue(key, self.engine.address, call.to, call.data, call.what)
        for _ in range(LOOKS):
            if not self.outbox.step().waiting:
                break
        self.indexer.step()
        with self.store.read() as tx:
            open_ = [one for one in tx.chain.sendings(limit=len(calls)) if one.state is not SendState.CONFIRMED]
        if open_:
            raise VerificationError("it is not confirmed", where=open_[0].what, fix=open_[0].error or "look at anvil")

    def balances(self) -> list[int]:
        """Of every trader, in the settlement."""
        at = self.all["Settlement"]
        return [int(self.chain.view("Settlement", at, "balanceOf", name)) for name in self.names]


def trades(market: Market, seed: int) -> Trades:
    """What an auction leaves: who bought what of whom; orders were checked when they came, as ever."""
    rng = np.random.default_rng(seed)

    def words() -> Any:
        return rng.integers(0, 256, (TRADES, 32), np.uint8)

    return Trades(
        market.parties, rng.integers(0, PARTIES, TRADES), rng.integers(0, PARTIES, TRADES), words(), words(), words(),
        rng.integers(100, 3_000, TRADES).astype(np.uint64), rng.integers(50_000, 400_000, TRADES),
        np.full(TRADES, 1_800_000_000, np.uint64), fresh_salt(TRADES, secrets.token_bytes),
    )  # fmt: skip


class Stopwatch:
    """Wall seconds and CPU seconds of this process and anvil's, by part.

    Args:
        pid: Of anvil.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.wall: dict[str, float] = {}
        self.cpu = 0.0

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time what is inside."""
        wall, cpu = time.perf_counter(), self._used()
        yield
        self.wall[name] = time.perf_counter() - wall
        self.cpu += self._used() - cpu

    def _used(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(market: Market, batches: Mapping[str, Trades], watch: Stopwatch) -> None:
    """Settle batches for good. Waiting for the challenge window is skipped by the chain's clock.

    Raises:
        VerificationError: a balance is not what the trades say.
    """
    before, at = market.balances(), market.all["Settlement"]
    with watch.part("encode"):
        made = {key: netted(batch) for key, batch in batches.items()}
        ids = {key: abi.role_hash(key) for key in made}
    with watch.part("post"):
        market.do(
            {
                f"post {key}": abi.call("Settlement", at, "post", ids[key], one.root, one.trades, one.deltas)
                for key, one in made.items()
            }
        )
    market.chain.ask("evm_increaseTime", DEMO_TERMS.challenge_s + 1)
    market.chain.ask("evm_mine")
    with watch.part("finalise"):
        market.do(
            {
                f"finalise {key}": abi.call("Settlement", at, "finalise", ids[key], one.deltas)
                for key, one in made.items()
            }
        )
    want = np.array(before) + sum((deltas(batch) for batch in batches.values()), np.zeros(PARTIES, np.int64))
    with market.store.read() as tx:
        events = tx.chain.events(contract="Settlement", name="BatchFinalised", limit=100_000)
    final = {event.values["id"] for event in events}
    if market.balances() != want.tolist() or not final >= {"0x" + one.hex() for one in ids.values()}:
        raise VerificationError("a balance is not what the trades say", where="benchmark chain", fix="this is a bug")


def transfer(market: Market, count: int, watch: Stopwatch) -> None:
    """Plain web3.py: so many transfers, all sent before the first receipt is asked for.

    Raises:
        VerificationError: one failed.
    """
    web3 = Web3(HTTPProvider(market.chain.url))
    token: Any = web3.eth.contract(
        to_checksum_address(market.all["EnergyToken"]), abi=artifact("EnergyToken").abi
    )  # fmt: skip
    payer = to_checksum_address(market.payer.address)
    with watch.part("transfer"):
        nonce, price = web3.eth.get_transaction_count(payer), web3.eth.gas_price
        sent = []
        for number in range(count):
            fields = token.functions.transfer(market.names[number % PARTIES], 1 + number).build_transaction(
                {
                    "from": payer, "nonce": nonce + number, "gas": 80_000, "chainId": CHAIN_ID,
                    "maxFeePerGas": 2 * price + 10**9, "maxPriorityFeePerGas": 10**9,
                }
            )  # fmt: skip
            raw, _ = market.payer.sign_transaction(fields)
            sent.append(web3.eth.send_raw_transaction(raw))
        events = 0
        for digest in sent:
            receipt = web3.eth.wait_for_transaction_receipt(digest, poll_latency=0.01)
            events += len(token.events.Transfer().process_receipt(receipt))
    if events != count:
        raise VerificationError("a transfer failed", where="benchmark chain", fix="look at anvil")


def run(quick: bool) -> dict[str, Any]:
    """Rounds of ours and of the peer in turns; medians."""
    batches, transfers, rounds = (2, 20, 1) if quick else (10, 200, 5)
    ours, peer = _rounds(batches, transfers, rounds, skip=0 if quick else 1)
    median = {name: statistics.median(one[name] for one in ours) for name in ours[0]}
    plain = {name: statistics.median(one[name] for one in peer) for name in peer[0]}
    times = {name: [other[name] / one[name] for one, other in zip(ours, peer, strict=True)] for name in ("wall", "cpu")}
    ratio = {name: statistics.median(values) for name, values in times.items()}
    return {
        "name": NAME,
        "work": f"batches of {TRADES:,} trades among {PARTIES} parties, {batches} a round, {rounds} rounds, posted and "
        f"finalised; {transfers} transfers a round on the same anvil",
        "ours": {
            "trades_per_s": round(1 / median["wall"]),
            "trades_per_cpu_s": round(1 / median["cpu"]),
            **{f"{name}_us": round(value * 1e6, 1) for name, value in median.items() if name not in ratio},
        },
        "peers": {
            "web3.py": {"transfers_per_s": round(1 / plain["wall"]), "transfers_per_cpu_s": round(1 / plain["cpu"])}
        },
        "ratios": {
            "web3.py, wall": round(ratio["wall"], 1),
            "web3.py, CPU": round(ratio["cpu"], 1),
            "web3.py, wall, worst round": round(min(times["wall"]), 1),
            "web3.py, CPU, worst round": round(min(times["cpu"]), 1),
        },
        "bars": [
            bar("times the trades/s of plain transfers, wall", BAR, ratio["wall"]),
            bar("times the trades a CPU second of plain transfers", BAR, ratio["cpu"]),
        ],
        "note": NOTE,
    }


def _rounds(batches: int, transfers: int, rounds: int, skip: int) -> tuple[list[dict[str, float]], ...]:
    """Ours and the peer in turns on one fresh chain, after `skip` rounds to warm up; seconds a trade or transfer."""
    ours: list[dict[str, float]] = []
    peer: list[dict[str, float]] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        anvil = Anvil(folder / "chain", port)
        anvil.start()
        stack.callback(anvil.stop)
        store = open_platform(folder / "platform.db")
        stack.callback(store.close)
        market = Market(anvil.url, store)
        for number in range(rounds + skip):
            work = {f"{number}.{n}": trades(market, number * batches + n) for n in range(batches)}
            mine, theirs = Stopwatch(anvil.pid), Stopwatch(anvil.pid)
            settle(market, work, mine)
            transfer(market, transfers, theirs)
            if number >= skip:
                ours.append(_each(mine, batches * TRADES))
                peer.append(_each(theirs, transfers))
    return ours, peer


def _each(watch: Stopwatch, count: int) -> dict[str, float]:
    """Seconds a trade or transfer: wall, CPU, and of each part."""
    parts = {name: seconds / count for name, seconds in watch.wall.items()}
    return {"wall": sum(parts.values()), "cpu": watch.cpu / count, **parts}

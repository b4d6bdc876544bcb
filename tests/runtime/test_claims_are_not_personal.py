"""Claims, net deltas of trades and direct orders on a real chain, searched as `test_nothing_personal` searches a month.

Sought are exact credits, homes and their accounts in the books, the bills behind them, readings behind the trades, and
plain hashes of all of these, in calldata, logs and storage. On the chain stay round sums, fresh addresses, traders; of
a direct order everything, which is why only organisations place them: their trader, amount and price are public.

The control goes through the contracts, a kind at a time: a root over leaves without salt, a batch named after a home,
orders over what homes measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from eth_hash.auto import keccak

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.direct import send
from quietgrid.chain.netted import Trades, fresh_salt, netted
from quietgrid.chain.node import Anvil, fund
from quietgrid.runtime.operating import operate
from quietgrid.settlement import programme_id
from tests.runtime.test_nothing_personal import found_in, numbers, on_the_chain
from tests.runtime.test_rewarding import PERIOD, SUNNY, Town, address_of, bills

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
EUR, BOND, TRADERS, COUNT = 1_000_000, 10_000_000_000, 4, 12
ORDER_WH, EXPIRY, BUY, SELL = 40_000, 4_000_000_000, 0, 1
READINGS = (187_331, 154_207, 171_823)
"""What homes measured, Wh: nobody's order says it."""


def post_trades(town: Town) -> list[int]:
    """Made-up trades of four traders, netted and posted; the energy of each, Wh."""
    rng = np.random.default_rng(8)
    parties = sorted(Account.generate().address for _ in range(TRADERS))
    parties.sort(key=lambda name: bytes.fromhex(name[2:]))
    all_ = town.onchain.addresses
    token, settlement, safe = all_["EnergyToken"], all_["Settlement"], all_["OperatorSafe"]
    held = BOND + TRADERS * 100 * EUR
    reserve = town.chain.view("EnergyToken", token, "reserve")
    calls = [
        abi.call("EnergyToken", token, "declareReserve", reserve + held, bytes(32)),
        abi.call("EnergyToken", token, "mint", b"t" * 32, safe, held),
        abi.call("EnergyToken", token, "approve", settlement, held),
        abi.call("Settlement", settlement, "addBond", BOND),
        *(abi.call("Settlement", settlement, "deposit", name, 100 * EUR) for name in parties),
    ]
    operate(town.store, town.paid_from, calls, "test")
    energy = rng.integers(1 << 20, 1 << 21, COUNT)
    columns = [np.frombuffer(rng.bytes(COUNT * 32), np.uint8).reshape(COUNT, 32) for _ in range(3)]
    buyer = rng.integers(0, TRADERS, COUNT)
    rows = np.frombuffer(b"".join(bytes.fromhex(name[2:]) for name in parties), np.uint8).reshape(TRADERS, 20)
    batch = netted(
        Trades(
            rows, buyer, (buyer + 1) % TRADERS, columns[0], columns[1], columns[2], energy.astype(np.uint64),
            np.full(COUNT, 10_001, np.int64), np.full(COUNT, 1_800_000_000, np.uint64), fresh_salt(COUNT, rng.bytes),
        )
    )  # fmt: skip
    town.onchain.queue(
        "trades", abi.call("Settlement", settlement, "post", b"b" * 32, batch.root, batch.trades, batch.deltas)
    )
    for _ in range(3):
        town.onchain.step()
    with town.store.read() as tx:
        assert tx.chain.sending("trades").state.value == "confirmed", tx.chain.sending("trades").error
    return [int(one) for one in energy]


@dataclass
class Trader:
    """An organisation that trades by its address."""

    town: Town
    account: Account

    def call(self, function: str, *args: object) -> None:
        contract = self.town.onchain.addresses["EnergyTrading"]
        send(self.town.chain, self.account, abi.call("EnergyTrading", contract, function, *args))


def direct_orders(town: Town) -> tuple[Trader, Trader]:
    """A plant sells to a shop, by orders in their own names: placed, matched, settled, one taken back."""
    plant, shop = (Trader(town, Account.generate()) for _ in range(2))
    all_ = town.onchain.addresses
    token, trading, held = all_["EnergyToken"], all_["EnergyTrading"], 500 * EUR
    reserve = town.chain.view("EnergyToken", token, "reserve")
    calls = [
        abi.call("EnergyToken", token, "declareReserve", reserve + held, bytes(32)),
        abi.call("EnergyToken", token, "mint", b"o" * 32, shop.account.address, held),
    ]
    operate(town.store, town.paid_from, calls, "test")
    for trader in (plant, shop):
        fund(town.chain, trader.account.address)
    send(town.chain, shop.account, abi.call("EnergyToken", token, "approve", trading, held))
    plant.call("createOrder", ORDER_WH, 90_000, EXPIRY, SELL)
    shop.call("createOrder", ORDER_WH, 110_000, EXPIRY, BUY)
    shop.call("createOrder", 2 * ORDER_WH, 50_000, EXPIRY, BUY)
    town.onchain.queue("match", abi.call("EnergyTrading", trading, "matchOrders", 2, 1))
    for _ in range(3):
        town.onchain.step()
    shop.call("settleTransaction", 1)
    shop.call("cancelOrder", 3)
    paid = town.chain.view("EnergyToken", token, "balanceOf", plant.account.address)
    assert paid == ORDER_WH * 90_000 // 1000
    return plant, shop


def test_claims_trades_and_orders_say_nothing_of_a_home(anvil: Anvil, tmp_path: Path) -> None:
    town = Town(anvil, tmp_path)
    who = Account.generate()
    town.name(3, address_of(who))
    town.post(PERIOD)
    town.look()
    town.claim(3, who)
    send(town.chain, who, town.call("withdraw", town.own(3).programme, 30 * EUR, Account.generate().address))
    energy = post_trades(town)
    plant, shop = direct_orders(town)
    sought = [
        (f"{what}, {form}", data)
        for what, values in (
            ("credit", SUNNY.values()),
            ("bill's line", {p.amount_micro for p in bills(PERIOD)} - {20_000_000, 3_800_000}),
            ("trade's energy", energy),
            ("reading", READINGS),
        )
        for value in values
        for form, data in numbers(value)
    ]
    sought += [("home, account", f"home:{home:016x}".encode()) for home in SUNNY]
    low = {}
    for value in [*SUNNY.values(), *energy, *READINGS, *(f"home:{home:016x}" for home in SUNNY)]:
        plain = [str(value).encode(), *([value.to_bytes(32, "big")] if isinstance(value, int) else [])]
        for data in plain:
            low |= {hashlib.sha256(data).digest(): f"SHA-256 of {value}", keccak(data): f"Keccak of {value}"}
            low[keccak(keccak(data))] = f"Keccak leaf of {value}"
    share = keccak(keccak(address_of(who).rjust(32, b"\0") + (41 * EUR).to_bytes(32, "big")))
    low[share] = "a leaf without salt"
    places = on_the_chain(town.chain)
    for place, kind, data in (
        ("logs", "claim", address_of(who)),
        ("calldata", "direct order", ORDER_WH.to_bytes(32, "big")),
        ("logs", "seller", address_of(plant.account)),
        ("storage", "buyer", address_of(shop.account)),
    ):
        assert any(data in piece for piece in places[place]), f"the {kind} is there"
    assert found_in(places, sought, low) == set()
    for kind, plant_it in _leaks(town, shop, share, energy).items():
        what = plant_it()
        seen = found_in(on_the_chain(town.chain), sought, low)
        assert {("calldata", what), ("logs", what)} <= seen, kind
    town.store.close()


def _leaks(town: Town, shop: Trader, share: bytes, energy: list[int]) -> dict[str, Callable[[], str]]:
    """What careless code would write, through the contracts of each kind; each says what has to be found."""
    engine, all_ = town.onchain, town.onchain.addresses

    def queued(key: str, call: abi.Call) -> None:
        assert engine.queue(key, call)
        for _ in range(3):
            engine.step()
        with town.store.read() as tx:
            assert tx.chain.sending(key).state.value == "confirmed", tx.chain.sending(key).error

    def claims() -> str:
        queued("leak 1", town.call("postRoot", programme_id(), 2, share, 0))
        return "a leaf without salt"

    def trades() -> str:
        name = f"home:{3:016x}".encode().ljust(32, b"\0")
        parties = [bytes.fromhex(Account.generate().address[2:]) for _ in range(2)]
        rows = np.frombuffer(b"".join(sorted(parties)), np.uint8).reshape(2, 20)
        ones = [np.full((1, 32), n, np.uint8) for n in (1, 2, 3)]
        flat = (np.zeros(1, np.int64), np.ones(1, np.int64))
        batch = netted(
            Trades(
                rows, *flat, *ones, np.array([energy[0]], np.uint64), np.array([0], np.int64),
                np.full(1, 1_800_000_000, np.uint64), fresh_salt(1, np.random.default_rng(1).bytes),
            )
        )  # fmt: skip
        queued(
            "leak 2", abi.call("Settlement", all_["Settlement"], "post", name, batch.root, batch.trades, batch.deltas)
        )
        return "home, account"

    def orders() -> str:
        for reading in READINGS:
            shop.call("createOrder", reading, 1, EXPIRY, BUY)
        return "reading, u64 big"

    return {"claims": claims, "net deltas": trades, "direct orders": orders}

"""Claims and net deltas of trades on a real chain, searched as `test_nothing_personal` searches a month of bills.

Sought are exact credits, homes and their accounts in the books, the bills behind them, readings behind the trades, and
plain hashes of all of these, in calldata, logs and storage. On the chain stay round sums, fresh addresses, traders.
"""

from __future__ import annotations

import hashlib
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
from tests.runtime.test_nothing_personal import found_in, numbers, on_the_chain
from tests.runtime.test_rewarding import PERIOD, SUNNY, Town, address_of, bills

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
EUR, BOND, TRADERS, COUNT = 1_000_000, 10_000_000_000, 4, 12


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


def test_claims_and_net_deltas_say_nothing_of_a_home(anvil: Anvil, tmp_path: Path) -> None:
    town = Town(anvil, tmp_path)
    who = Account.generate()
    town.name(3, address_of(who))
    town.post(PERIOD)
    town.look()
    town.claim(3, who)
    send(town.chain, who, town.call("withdraw", town.own(3).programme, 30 * EUR, Account.generate().address))
    energy = post_trades(town)
    sought = [
        (f"{what}, {form}", data)
        for what, values in (
            ("credit", SUNNY.values()),
            ("bill's line", {p.amount_micro for p in bills(PERIOD)} - {20_000_000, 3_800_000}),
            ("trade's energy", energy),
        )
        for value in values
        for form, data in numbers(value)
    ]
    sought += [("home, account", f"home:{home:016x}".encode()) for home in SUNNY]
    low = {}
    for value in [*SUNNY.values(), *energy, *(f"home:{home:016x}" for home in SUNNY)]:
        plain = [str(value).encode(), *([value.to_bytes(32, "big")] if isinstance(value, int) else [])]
        for data in plain:
            low |= {hashlib.sha256(data).digest(): f"SHA-256 of {value}", keccak(data): f"Keccak of {value}"}
            low[keccak(keccak(data))] = f"Keccak leaf of {value}"
    share = keccak(keccak(address_of(who).rjust(32, b"\0") + (41 * EUR).to_bytes(32, "big")))
    low[share] = "a leaf without salt"
    places = on_the_chain(town.chain)
    assert any(address_of(who) in piece for piece in places["logs"]), "the claim is there"
    assert found_in(places, sought, low) == set()

    fund(town.chain, who.address)  # the control: each is found when it is put there
    planted = b"\x01\x02".join([*(data for _, data in sought), share, keccak(str(SUNNY[3]).encode())])
    send(town.chain, who, abi.Call("0x" + "42" * 20, planted, "planted"))
    seen = {what for _, what in found_in(on_the_chain(town.chain), sought, low)}
    assert {"home, account", "a leaf without salt", f"Keccak of {SUNNY[3]}", "trade's energy, decimal"} <= seen
    town.store.close()

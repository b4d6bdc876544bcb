"""Netted batches: the encoder by columns beside eth_abi, laws of the sums, and the contract itself."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_abi.abi import decode, encode
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment, Placed, Plan
from quietgrid.chain.netted import Trades, costs, deltas, encoded, fresh_salt, netted, packed, proof, tree
from quietgrid.chain.node import fund
from quietgrid.errors import InputError, RevertedError

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "netted.json"
TRADE = "(uint32,bytes32,bytes32,address,address,bytes32,uint64,int64,uint64,bytes32)"
BOND, DEMAND_BOND = 100 * 10**6, 10 * 10**6


def made(trades: int, parties: int, seed: int = 1) -> Trades:
    """Trades at random among parties, some at negative prices."""
    rng = np.random.default_rng(seed)
    names = np.unique(rng.integers(0, 256, (parties, 20), np.uint8), axis=0)

    def words() -> Any:
        return rng.integers(0, 256, (trades, 32), np.uint8)

    buyer, seller = rng.integers(0, parties, trades), rng.integers(0, parties, trades)
    return Trades(
        names, buyer, seller, words(), words(), words(), rng.integers(1, 50_000, trades).astype(np.uint64),
        rng.integers(-100_000, 900_000, trades), rng.integers(1_700_000_000, 1_800_000_000, trades).astype(np.uint64),
        fresh_salt(trades, rng.bytes),
    )  # fmt: skip


def row(trades: Trades, n: int) -> tuple[Any, ...]:
    """A trade as the ABI's struct."""
    return (
        n, trades.buy_order[n].tobytes(), trades.sell_order[n].tobytes(),
        "0x" + trades.parties[trades.buyer[n]].tobytes().hex(), "0x" + trades.parties[trades.seller[n]].tobytes().hex(),
        trades.product[n].tobytes(), int(trades.energy_wh[n]), int(trades.price_micro_per_kwh[n]),
        int(trades.executed_at[n]), trades.salt[n].tobytes(),
    )  # fmt: skip


def test_trades_are_encoded_as_the_abi_does() -> None:
    trades = made(70, 9)
    assert encoded(trades) == [encode([TRADE], [row(trades, n)]) for n in range(len(trades))]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60_000), st.integers(-900_000, 900_000))
def test_a_cost_is_rounded_half_to_even(energy: int, price: int) -> None:
    trades = made(1, 2)
    trades = replace(
        trades, energy_wh=np.array([energy], np.uint64), price_micro_per_kwh=np.array([price], np.int64)
    )  # fmt: skip
    exact = (Decimal(energy) * Decimal(price) / 1000).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert costs(trades).tolist() == [int(exact)]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(2, 30), st.integers(0, 2**32))
def test_deltas_conserve_money_and_say_what_the_trades_do(trades: int, parties: int, seed: int) -> None:
    batch = made(trades, parties, seed)
    plain = [0] * len(batch.parties)
    for buyer, seller, cost in zip(batch.buyer, batch.seller, costs(batch), strict=True):
        plain[seller] += int(cost)
        plain[buyer] -= int(cost)
    assert deltas(batch).tolist() == plain
    assert sum(plain) == 0
    held = packed(batch.parties, deltas(batch))
    entries = [held[at : at + 36] for at in range(0, len(held), 36)]
    assert [int.from_bytes(e[20:], "big", signed=True) for e in entries] == [amount for amount in plain if amount]
    assert [e[:20] for e in entries] == sorted(e[:20] for e in entries)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 70))
def test_every_path_leads_to_the_root(size: int) -> None:
    batch = netted(made(size, 4))
    for index in range(size):
        node = batch.levels[0][index]
        for other in proof(batch, index):
            node = keccak(min(node, other) + max(node, other))
        assert node == batch.root


def test_a_pair_is_sorted_and_an_odd_one_moves_up() -> None:
    a, b, c = bytes([9]) * 32, bytes([1]) * 32, bytes([5]) * 32
    assert tree([a, b, c])[1] == (keccak(b + a), c)
    assert tree([a]) == ((a,),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"energy_wh": np.zeros(3, np.uint64)},
        {"parties": np.zeros((4, 20), np.uint8)},
        {"buyer": np.full(8, 4, np.int64)},
        {"energy_wh": np.full(8, 1 << 60, np.uint64)},
        {"salt": np.zeros((8, 16), np.uint8)},
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        netted(replace(made(8, 4), **wrong))


def test_there_is_no_proof_of_a_trade_that_is_not_there() -> None:
    with pytest.raises(InputError):
        proof(netted(made(8, 4)), 8)


def columns(rows: list[tuple[Any, ...]]) -> Trades:
    """The ABI's structs as columns."""
    each = list(zip(*rows, strict=True))
    parties = sorted({bytes.fromhex(name[2:]) for name in each[3] + each[4]})
    place = {"0x" + name.hex(): number for number, name in enumerate(parties)}

    def words(values: tuple[bytes, ...]) -> Any:
        return np.frombuffer(b"".join(values), np.uint8).reshape(len(rows), -1)

    return Trades(
        np.frombuffer(b"".join(parties), np.uint8).reshape(-1, 20), np.array([place[name] for name in each[3]]),
        np.array([place[name] for name in each[4]]), words(each[1]), words(each[2]), words(each[5]),
        np.array(each[6], np.uint64), np.array(each[7], np.int64), np.array(each[8], np.uint64), words(each[9]),
    )  # fmt: skip


def test_the_vectors_shared_with_solidity() -> None:
    cases = json.loads(VECTORS.read_text())["cases"]
    assert len(cases) == 4
    for case in cases:
        (rows,) = decode([f"{TRADE}[]"], bytes.fromhex(case["encoded"][2:]))
        batch = netted(columns(rows))
        assert batch.trades == case["trades"] == len(rows)
        assert "0x" + batch.root.hex() == case["root"]
        assert "0x" + batch.deltas.hex() == case["deltas"]


# -- the contract ------------------------------------------------------------------------------------------------------


def sent(chain: Chain, who: Account, call: abi.Call) -> None:
    fields = {
        "type": 2, "chainId": chain.chain_id(), "nonce": chain.nonce(who.address), "value": 0,
        "gas": chain.gas(call, who.address) * 5 // 4, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9,
        "to": call.to, "data": call.data,
    }  # fmt: skip
    raw, digest = who.sign_transaction(fields)
    chain.send(raw)
    deadline = time.monotonic() + 60
    while (receipt := chain.receipt(digest)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert receipt.ok


@pytest.fixture
def market(chain: Chain) -> tuple[Account, dict[str, str]]:
    """Token, grid and settlement, all of one account."""
    boss = Account.generate()
    fund(chain, boss.address)
    limits = (100_000 * 10**6, 100_000 * 10**6)
    plan = Plan(
        (
            Placed("M", "AccessManager", lambda _all: [boss.address]),
            Placed("EnergyToken", "EnergyToken", lambda a: [a["M"], *limits]),
            Placed("Grid", "GridManagement", lambda a: [a["M"], (49_500, 50_500, 9_000, 11_000, 11_000)]),
            Placed(
                "Settlement", "Settlement",
                lambda a: [a["M"], a["EnergyToken"], a["Grid"], 60, (BOND, DEMAND_BOND), limits[0]],
            ),
        ),
        (),
    )  # fmt: skip
    maker = Account.generate()
    fund(chain, maker.address)
    all_ = Deployment(chain, maker, plan).run()
    token, settlement = all_["EnergyToken"], all_["Settlement"]
    for call in (
        abi.call("EnergyToken", token, "declareReserve", 10**10, bytes(32)),
        abi.call("EnergyToken", token, "mint", b"m" * 32, boss.address, 10**10),
        abi.call("EnergyToken", token, "approve", settlement, 10**10),
        abi.call("Settlement", settlement, "addBond", BOND),
    ):
        sent(chain, boss, call)
    return boss, all_


def test_the_contract_takes_the_batch_and_every_trade_is_in_it(
    chain: Chain, market: tuple[Account, dict[str, str]]
) -> None:
    boss, all_ = market
    at = all_["Settlement"]
    trades = made(37, 6)
    batch, sums = netted(trades), deltas(trades)
    names = ["0x" + name.tobytes().hex() for name in trades.parties]
    for name in [*names, boss.address]:
        sent(chain, boss, abi.call("Settlement", at, "deposit", name, 10**9))
    call = abi.call("Settlement", at, "post", b"1" * 32, batch.root, len(trades), batch.deltas)
    sent(chain, boss, call)
    for n in (0, 17, 36):
        proven = (row(trades, n), proof(batch, n))
        said = chain.try_call(abi.call("Settlement", at, "demandOrders", b"1" * 32, proven), boss.address)
        assert abi.result("Settlement", "demandOrders", said) == 1
    other = (row(replace(trades, energy_wh=trades.energy_wh + np.uint64(1)), 17), proof(batch, 17))
    with pytest.raises(RevertedError) as refused:
        chain.try_call(abi.call("Settlement", at, "demandOrders", b"1" * 32, other), boss.address)
    assert refused.value.name == "NotInTheBatch"
    chain.ask("evm_increaseTime", 61)
    chain.ask("evm_mine")
    sent(chain, boss, abi.call("Settlement", at, "finalise", b"1" * 32, batch.deltas))
    held = [chain.view("Settlement", at, "balanceOf", name) - 10**9 for name in names]
    assert held == sums.tolist()

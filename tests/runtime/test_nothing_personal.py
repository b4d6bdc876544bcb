"""A month of real meters and bills on a real chain; then everything that is on the chain is searched for its people.

Searched are the calldata of every transaction, every topic and datum of every log, every storage key and value. Sought
are things of which a community would have said too much if they were there: distinctive readings, months' sums, bills,
meters' ids, homes' numbers and names, in the forms a program would write them; and hashes without salt of what has few
possible values (readings, bills in cents, the ids), which is as good as the values.

A short number may be part of something random. So a form with fewer than six bytes other than zero counts if three of
its kind are there: who leaks readings leaks more than two.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_hash.auto import keccak

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import FETCHED, artifact, names, safe_is_there
from quietgrid.chain.client import Chain
from quietgrid.chain.node import Anvil, fund
from quietgrid.lab.community import Community, Resident
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.party import Party, PartyKind
from quietgrid.model.posting import Posting
from quietgrid.model.readings import Readings
from quietgrid.runtime.anchoring import Anchoring
from quietgrid.runtime.chain_at import ChainFolder, chain_at, treasury
from quietgrid.runtime.chain_audit import compare
from quietgrid.runtime.onchain import OnChain
from quietgrid.runtime.settling import Settling, bill_record
from quietgrid.store.anchors import AnchorRow
from tests.runtime.hamlet import FIRST_DAY, PER_DAY, days, flat

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
HOMES, DAYS, FLOOR = 20, 28, 15
LONG, SEVERAL = 6, 3
MOST_READING, MOST_CENTS = 5_000, 40_000
ARRAY_ROOTS = {keccak(n.to_bytes(32, "big")) for n in range(256)}
"""Where Solidity puts the arrays of its first slots: the one low-entropy hash that storage keys are full of."""


# -- the month ---------------------------------------------------------------------------------------------------------


@dataclass
class Month:
    """A community whose month is on a chain."""

    community: Community
    chain: Chain
    onchain: OnChain
    payees: Mapping[str, str]
    planted: list[int]
    """Readings in Wh: two of every home, of three bytes each."""
    sums: list[int]
    """Each home's energy of the month, Wh."""
    postings: list[Posting]

    @property
    def owed(self) -> dict[str, int]:
        """Each home's bill in millionths."""
        out: defaultdict[str, int] = defaultdict(int)
        for posting in self.postings:
            out[posting.debit] += posting.amount_micro
            out[posting.credit] -= posting.amount_micro
        return {account: amount for account, amount in out.items() if account.startswith("home:")}


def people() -> list[Resident]:
    """Homes with numbers and names like no other, meters with random ids."""
    rng = np.random.default_rng(77)
    made = []
    for n in range(HOMES):
        home, pid = int(rng.integers(1 << 40, 1 << 47)), int(rng.integers(1 << 56, 1 << 63))
        name = f"Wilhelmine Zwetschgenreuter {n}"
        made.append(Resident(Party(home, name, PartyKind.RESIDENTIAL, "Lane", 400_000, "flat"), pid, 1))
    return made


def readings(residents: list[Resident], window: Window, planted: list[int]) -> Readings:
    """Small ones of a day; the first two of the month are the planted ones."""
    n = len(residents)
    columns = [np.random.default_rng(slot).integers(0, 900, n) for slot in range(window.first, window.end)]
    imported = np.array(columns, np.int64).reshape(len(window), n).T.copy()
    if window.first == FIRST_DAY * PER_DAY:
        imported[:, 0], imported[:, 1] = planted[:n], planted[n:]
    pids = np.array([one.pid for one in residents], np.uint64)
    return Readings(pids, window, imported, np.zeros_like(imported), np.ones(imported.shape, np.bool_))


@pytest.fixture
def month(tmp_path: Path, anvil: Anvil) -> Iterator[Month]:
    residents = people()
    window = days(0, DAYS)
    community = Community(tmp_path / "town", residents, window, flat(), tz="UTC")
    community.join()
    community.register_books(window)
    store = community.platform.parts.store
    folder = ChainFolder(tmp_path / "state")
    onchain = chain_at(folder, anvil.url, store)
    paid_from = treasury(folder, Chain(anvil.url), onchain.addresses)

    def queue(day: int, rows: list[AnchorRow]) -> None:
        onchain.anchor(f"roots {day}", day, rows)

    anchoring = Anchoring(store, community.platform.keyholders, community.clock, queue)
    planted = [int(v) for v in np.random.default_rng(5).integers(1 << 16, 190_000, 2 * HOMES)]
    sums = np.zeros(HOMES, np.int64)
    for first in range(DAYS):
        day = readings(residents, days(first, 1), planted)
        sums += day.imported_wh.sum(axis=1)
        community.measure(day)
        assert not community.settle().refused
        anchoring.step()
        onchain.step()
    community.clock.unix = float((FIRST_DAY + DAYS + 1) * DAY_S)
    community.periods.run(window)
    community.periods.approve(window, "analyst")
    anchoring.step()
    with store.read() as tx:
        postings = tx.postings.of_period(window.first, "bill")
    assert Settling(store, onchain, paid_from, window.resolution, FLOOR).step()
    for _ in range(4):
        onchain.step()
    with store.read() as tx:
        assert tx.postings.unsettled() == []
    yield Month(community, Chain(anvil.url), onchain, paid_from.payees, planted, sums.tolist(), postings)
    community.close()


# -- what is on the chain ----------------------------------------------------------------------------------------------


def on_the_chain(chain: Chain) -> dict[str, list[bytes]]:
    """Calldata, logs, storage keys and values, as anvil dumps them.

    The code that creates a contract is the compiled one, which is public and left out; its arguments are not.
    """
    state = json.loads(gzip.decompress(bytes.fromhex(chain.ask("anvil_dumpState")[2:])))
    codes = sorted((artifact(name).bytecode for name in (*names(), *FETCHED)), key=len, reverse=True)
    found: dict[str, list[bytes]] = {"calldata": [], "logs": [], "keys": [], "storage": []}
    for block in state["blocks"]:
        for one in block["transactions"]:
            data = bytes.fromhex(one["transaction"]["input"][2:])
            if one["transaction"].get("to") is None:
                data = next(data[len(code) :] for code in codes if data.startswith(code))
            found["calldata"].append(data)
    for one in state["transactions"]:
        for log in one["receipt"]["logs"]:
            found["logs"] += [bytes.fromhex(topic[2:]) for topic in log["topics"]]
            found["logs"].append(bytes.fromhex(log["data"][2:]))
    for account in state["accounts"].values():
        for key, value in account["storage"].items():
            found["keys"].append(int(key, 16).to_bytes(32, "big"))
            found["storage"].append(int(value, 16).to_bytes(32, "big"))
    return found


# -- what is sought ----------------------------------------------------------------------------------------------------


def numbers(value: int) -> Iterator[tuple[str, bytes]]:
    """A number as bytes, by the form's name."""
    text = str(value).encode()
    yield "decimal", text
    yield "hex", f"{value:x}".encode()
    yield "hex, capital", f"{value:X}".encode()
    yield "base64 of decimal", base64.b64encode(text).rstrip(b"=")
    for order in ("little", "big"):
        yield f"u64 {order}", value.to_bytes(8, order)
        yield f"base64 of u64 {order}", base64.b64encode(value.to_bytes(8, order)).rstrip(b"=")
        if value < 1 << 32:
            yield f"u32 {order}", value.to_bytes(4, order)


def forms(month: Month) -> list[tuple[str, bytes]]:
    """Everything that is sought as it is: (what and in which form, bytes)."""
    residents = month.community.residents
    sought: dict[str, Iterable[int]] = {
        "reading": month.planted,
        "month's energy": month.sums,
        "bill": month.owed.values(),
        "meter's id": [one.pid for one in residents],
        "home": [one.party.home for one in residents],
    }
    out = [(f"{what}, {form}", data) for what, values in sought.items() for v in values for form, data in numbers(v)]
    out += [("bill, in EUR", euros(amount // 10_000).encode()) for amount in month.owed.values()]
    out += [("home, account", account.encode()) for account in month.owed]
    for one in residents:
        first, _, last = one.party.name.partition(" ")
        name = one.party.name.encode()
        out += [("name", name), ("name", first.encode()), ("name", last.encode()), ("name", base64.b64encode(name))]
        for value in (one.pid, one.party.home):
            for slot in range(40):  # a mapping by the id leaves only this hash among the keys
                out.append(("id, mapping", keccak(value.to_bytes(32, "big") + slot.to_bytes(32, "big"))))
    return out


def euros(cents: int) -> str:
    return str(Decimal(cents) / 100)


def hashes(month: Month) -> dict[bytes, str]:
    """Hashes without salt -> what of."""
    out: dict[bytes, str] = {}

    def add(what: str, data: bytes) -> None:
        out[hashlib.sha256(data).digest()] = f"SHA-256 of {what}"
        out[hashlib.sha256(b"\0" + data).digest()] = f"SHA-256 leaf of {what}"
        once = keccak(data)
        out[once] = f"Keccak of {what}"
        out[keccak(once)] = f"Keccak leaf of {what}"

    for reading in range(MOST_READING + 1):
        for data in _plain(reading):
            add(f"the reading {reading}", data)
    for cents in range(MOST_CENTS + 1):
        for data in (euros(cents).encode(), str(cents).encode(), (cents * 10_000).to_bytes(32, "big")):
            add(f"a bill of {cents} cents", data)
    with month.community.platform.parts.store.read() as tx:
        (batch,) = tx.postings.batches()
    for account, amount in month.owed.items():
        for data in (account.encode(), bill_record(account, batch, amount), *_plain(amount)):
            add(f"the bill of {account}", data)
    for one in month.community.residents:
        for value in (one.pid, one.party.home):
            for data in _plain(value):
                add(f"the id {value}", data)
        add("a name", one.party.name.encode())
    return out


def _plain(value: int) -> list[bytes]:
    narrow = [value.to_bytes(4, "little"), value.to_bytes(4, "big")] if value < 1 << 32 else []
    wide = [value.to_bytes(8, "little"), value.to_bytes(8, "big"), value.to_bytes(32, "big")]
    return [str(value).encode(), *narrow, *wide]


def found_in(
    places: Mapping[str, list[bytes]], sought: list[tuple[str, bytes]], low: Mapping[bytes, str]
) -> set[tuple[str, str]]:
    """What is there: (place, what)."""
    out: set[tuple[str, str]] = set()
    for place, pieces in places.items():
        whole = b"\xff\xff".join(pieces)
        several: defaultdict[str, set[bytes]] = defaultdict(set)
        for what, data in sought:
            if data in whole:
                several[what].add(data)
                if len(data) - data.count(0) >= LONG or len(several[what]) >= SEVERAL:
                    out.add((place, what))
        for piece in set(pieces):
            for at in range(len(piece) - 31):
                window = piece[at : at + 32]
                if window in low and not (place == "keys" and window in ARRAY_ROOTS):
                    out.add((place, low[window]))
    return out


# -- the tests ---------------------------------------------------------------------------------------------------------


def test_nothing_of_a_month_is_on_the_chain_and_what_is_put_there_is_found(month: Month) -> None:
    chain = month.chain
    sought, low = forms(month), hashes(month)
    places = on_the_chain(chain)
    _is_complete(month, places)
    assert found_in(places, sought, low) == set()
    _found_when_planted(month, sought, low)


def _is_complete(month: Month, places: Mapping[str, list[bytes]]) -> None:
    """Every transaction is there, and what the month did is in all the places."""
    assert len(places["calldata"]) == month.chain.height()
    with month.community.platform.parts.store.read() as tx:
        rows = tx.anchors.latest(limit=10_000)
    assert {row.kind for row in rows} == {0, 1, 2, 3, 4, 5}
    assert len({row.day for row in rows}) >= DAYS
    for row in rows:
        for place in ("calldata", "logs", "storage"):
            assert any(row.root in piece for piece in places[place]), (place, row.day, row.kind)
    assert len(month.planted) == 2 * HOMES
    assert len(month.owed) == HOMES


def _found_when_planted(month: Month, sought: list[tuple[str, bytes]], low: Mapping[bytes, str]) -> None:
    """The control: each form sent to nobody in a transaction of its own, and a hash through a contract of ours."""
    chain, stranger = month.chain, Account.generate()
    fund(chain, stranger.address)
    by_form: defaultdict[str, list[bytes]] = defaultdict(list)
    for what, data in sought:
        by_form[what].append(data)
    for what, datas in by_form.items():
        _send(chain, stranger, abi.Call("0x" + "42" * 20, b"\x01\x02".join(datas[:SEVERAL]), what))
    seen = found_in({"calldata": on_the_chain(chain)["calldata"]}, sought, low)
    assert {what for _, what in seen} >= set(by_form)
    root = hashlib.sha256((437).to_bytes(8, "little")).digest()
    month.onchain.anchor("control", 1, [AnchorRow(1, 0, root, 1)])
    for _ in range(3):
        month.onchain.step()
    leaked = {place for place, what in found_in(on_the_chain(chain), [], low) if what == "SHA-256 of the reading 437"}
    assert leaked == {"calldata", "logs", "storage"}


def _send(chain: Chain, who: Account, call: abi.Call) -> None:
    fields: dict[str, Any] = {
        "type": 2, "chainId": chain.chain_id(), "nonce": chain.nonce(who.address), "gas": 200_000, "value": 0,
        "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, "to": call.to, "data": call.data,
    }  # fmt: skip
    raw, digest = who.sign_transaction(fields)
    chain.send(raw)
    deadline = time.monotonic() + 60
    while (receipt := chain.receipt(digest)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert receipt.ok


def test_every_amount_on_the_chain_is_the_sum_of_fifteen_homes(month: Month) -> None:
    """The only money that moves is each organisation's share of all the bills, and the books agree."""
    token = month.onchain.addresses["EnergyToken"]
    logs = month.chain.logs([token], 0, month.chain.height())
    events = [event for log in logs if (event := abi.decode_event("EnergyToken", log.topics, log.data))]
    moved = [event.values for event in events if event.name == "Transfer"]
    safe = month.onchain.addresses["OperatorSafe"].lower()
    paid = {str(one["to"]).lower(): int(one["value"]) for one in moved if str(one["from"]).lower() == safe}
    assert len(moved) == len(paid) + 1, "one issue, one payment an organisation"
    for organisation, address in month.payees.items():
        own = [p for p in month.postings if f"{organisation}:" in (p.debit + p.credit)]
        homes = {side for p in own for side in (p.debit, p.credit) if side.startswith("home:")}
        assert len(homes) >= FLOOR
        share = sum(p.amount_micro if p.debit in homes else -p.amount_micro for p in own)
        assert paid.pop(address.lower()) == share > max(month.owed.values())
    assert paid == {}
    lines = compare(month.community.platform.parts.store, month.chain, month.onchain.addresses, month.payees)
    assert [line.what for line in lines if not line.holds] == []


def test_the_search_is_not_fooled_by_few_short_matches() -> None:
    """Two short numbers may be chance, three are not; a long one is enough; nothing spans two pieces."""
    short = [("reading, u32 little", n.to_bytes(4, "little")) for n in (70_001, 80_003, 90_001)]
    two = {"calldata": [data for _, data in short[:2]]}
    assert found_in(two, short, {}) == set()
    three = {"calldata": [data for _, data in short]}
    assert found_in(three, short, {}) == {("calldata", "reading, u32 little")}
    long = [("name", b"Wilhelmine")]
    assert found_in({"logs": [b"..Wilhelmine.."]}, long, {}) == {("logs", "name")}
    assert found_in({"logs": [b"..Wilhel", b"mine.."]}, long, {}) == set()
    low = {keccak(b"7"): "Keccak of 7", **dict.fromkeys(ARRAY_ROOTS, "Keccak of a slot")}
    assert found_in({"storage": [b"\x01" + keccak(b"7")]}, [], low) == {("storage", "Keccak of 7")}
    root = next(iter(ARRAY_ROOTS))
    assert found_in({"keys": [root]}, [], low) == set()
    assert found_in({"storage": [root]}, [], low) == {("storage", "Keccak of a slot")}

"""An independent look at the chain: does it hold what the books and the store say, and nothing else?

It uses neither the outbox nor the settling code: plain sums over the postings, and what the contracts answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from quietgrid.chain import abi
from quietgrid.chain.client import Chain
from quietgrid.store.stores import PlatformStore


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was compared: `what`, what the books say, what the chain says."""

    what: str
    books: str
    chain: str

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return self.books == self.chain


def compare(
    store: PlatformStore, chain: Chain, addresses: Mapping[str, str], payees: Mapping[str, str], settled: bool = True
) -> list[Line]:
    """Every root and every balance, as the store has it and as the chain does.

    Args:
        payees: Organisation -> address. settled: every batch is confirmed; else balances are left out.

    Raises:
        UnavailableError: the node is away.
    """
    lines = _roots(store, chain, addresses["DailyRoots"])
    return lines + (_balances(store, chain, addresses, payees) if settled else [])


def _roots(store: PlatformStore, chain: Chain, contract: str) -> list[Line]:
    with store.read() as tx:
        rows = tx.anchors.latest(limit=100_000)
    lines = []
    for row in rows:
        root, leaves, _ = chain.view("DailyRoots", contract, "anchorOf", row.day, row.kind)
        what = f"root of day {row.day}, kind {row.kind}"
        lines.append(Line(what, f"{row.root.hex()} over {row.leaves}", f"{bytes(root).hex()} over {leaves}"))
    return lines


def _balances(
    store: PlatformStore, chain: Chain, addresses: Mapping[str, str], payees: Mapping[str, str]
) -> list[Line]:
    owed: defaultdict[str, int] = defaultdict(int)
    with store.read() as tx:
        for postings in tx.postings.batches().values():
            for posting in postings:
                owed[posting.debit.partition(":")[0]] -= posting.amount_micro
                owed[posting.credit.partition(":")[0]] += posting.amount_micro
    token = addresses["EnergyToken"]
    passed_on = _passed_on(chain, addresses.get("RevenuePool", ""), token)
    claims = _Claims(chain, addresses["IncentiveDistribution"]) if "IncentiveDistribution" in addresses else None
    lines = []
    for who, address in sorted(payees.items()):
        held = int(chain.view("EnergyToken", token, "balanceOf", address)) + passed_on[address.lower()]
        held -= claims.received[address.lower()] if claims is not None else 0  # what homes passed on to it
        lines.append(Line(f"paid to {who}", str(owed[who]), str(held)))
    if claims is not None and owed["escrow"]:
        lines += claims.lines(
            store, int(chain.view("EnergyToken", token, "balanceOf", claims.contract)), owed["escrow"]
        )
    supply = chain.view("EnergyToken", token, "totalSupply")
    paid = sum(amount for who, amount in owed.items() if who in payees) + owed["escrow"]
    return [*lines, Line("tokens issued", str(paid), str(supply))]


class _Claims:
    """What the contract of claims has said since its beginning."""

    def __init__(self, chain: Chain, contract: str) -> None:
        self.contract = contract
        self.received: defaultdict[str, int] = defaultdict(int)
        self._claimed: dict[str, int] = {}
        self._paid: defaultdict[str, int] = defaultdict(int)
        self._roots: dict[int, str] = {}
        for log in chain.logs([contract], 0, chain.height()):
            said = abi.decode_event("IncentiveDistribution", log.topics, log.data)
            if said is not None:
                self._take(said.name, said.values)

    def _take(self, name: str, values: Mapping[str, Any]) -> None:
        if name == "RootPosted":
            self._roots[values["sequence"]] = f"{bytes(values['root']).hex()} promises {values['allotted']}"
        elif name == "Claimed":
            self._claimed[values["account"].lower()] = values["claimed"]
        elif name == "Withdrawn":
            account, recipient = values["account"].lower(), values["recipient"].lower()
            self.received[recipient] += values["paid"] - self._paid[account]
            self._paid[account] = values["paid"]

    def lines(self, store: PlatformStore, held: int, escrow: int) -> list[Line]:
        """The escrow is there or was paid out; every root is as posted; nobody has more than the books say.

        Args:
            held: The contract's balance. escrow: what the books put into it.
        """
        with store.read() as tx:
            credited = tx.postings.owed_to("claims:bill-credits")
            roots = [msgspec.msgpack.decode(body) for body in tx.documents.all("claims' root").values()]
            bodies = tx.documents.all("claim share")
        shares = {f"0x{name}": msgspec.msgpack.decode(body) for name, body in bodies.items()}
        by_home: defaultdict[str, int] = defaultdict(int)
        for home, cumulative, *_ in shares.values():
            by_home[home] += cumulative
        nameless = by_home.pop("", 0)  # of erased homes, whose credits are still in the books
        free = sum(amount for home, amount in credited.items() if home not in by_home)
        promised = int(nameless > free) + sum(amount > credited.get(home, 0) for home, amount in by_home.items())
        claimed = sum(amount > shares[who][1] if who in shares else True for who, amount in self._claimed.items())
        paid = sum(amount > self._claimed.get(who, 0) for who, amount in self._paid.items())
        return [
            Line("put into the escrow of claims", str(escrow), str(held + sum(self._paid.values()))),
            *(
                Line(f"root {number} of claims", f"{root.hex()} promises {sum_}", self._roots.get(number, "nothing"))
                for number, root, sum_, _ in roots
            ),
            Line("roots of claims", str(len(roots)), str(len(self._roots))),
            Line("homes that were promised more than they are owed", "0", str(promised)),
            Line("accounts that claimed more than was promised", "0", str(claimed)),
            Line("accounts that were paid more than they claimed", "0", str(paid)),
        ]


def _passed_on(chain: Chain, pool: str, token: str) -> defaultdict[str, int]:
    """What each account paid out of its balance as revenue of assets, by address in small letters."""
    paid: defaultdict[str, int] = defaultdict(int)
    for log in chain.logs([pool], 0, chain.height()) if pool else []:
        said = abi.decode_event("RevenuePool", log.topics, log.data)
        if said is not None and said.name == "RevenueReceived" and said.values["token"].lower() == token.lower():
            paid[said.values["payer"].lower()] += said.values["amount"]
    return paid

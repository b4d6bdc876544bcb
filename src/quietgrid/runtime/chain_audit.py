"""An independent look at the chain: does it hold what the books and the store say, and nothing else?

It uses neither the outbox nor the settling code: plain sums over the postings, and what the contracts answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

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
    lines = []
    for who, address in sorted(payees.items()):
        held = int(chain.view("EnergyToken", token, "balanceOf", address)) + passed_on[address.lower()]
        lines.append(Line(f"paid to {who}", str(owed[who]), str(held)))
    supply = chain.view("EnergyToken", token, "totalSupply")
    paid = sum(amount for who, amount in owed.items() if who in payees)
    return [*lines, Line("tokens issued for bills", str(paid), str(supply))]


def _passed_on(chain: Chain, pool: str, token: str) -> defaultdict[str, int]:
    """What each account paid out of its balance as revenue of assets, by address in small letters."""
    paid: defaultdict[str, int] = defaultdict(int)
    for log in chain.logs([pool], 0, chain.height()) if pool else []:
        said = abi.decode_event("RevenuePool", log.topics, log.data)
        if said is not None and said.name == "RevenueReceived" and said.values["token"].lower() == token.lower():
            paid[said.values["payer"].lower()] += said.values["amount"]
    return paid

"""Bills to the chain: one operation of the operator's account a billing period, signed by two of three.

What the homes owe their supplier and the tax office is netted (`settlement.net`): the account declares what the homes
paid at the bank, has that many tokens issued, and pays each organisation its share, all in one operation or not at all.
The bills themselves stay here; one root over salted leaves goes on the chain, so that every home can show later that
its bill is the one that was settled.

A batch is signed, queued and marked as settled in one commit. One is on its way at a time, since a signature names the
account's counter.

Privacy: a net amount of a period's bills is the sum of at least `k` homes' bills; a leaf is salted (PROTOCOL C, B8).
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.safe import operation
from quietgrid.errors import InputError
from quietgrid.model.interval import slots_per_day
from quietgrid.model.posting import Posting
from quietgrid.model.sending import SendState
from quietgrid.runtime.anchoring import BILLS
from quietgrid.runtime.onchain import OnChain
from quietgrid.settlement import COMMUNITY, Leaf, Netted, chain_side, net, root_of, salted
from quietgrid.store.anchors import AnchorRow, LeafRow
from quietgrid.store.stores import PlatformStore

KEY = "settle "
"""What the outbox's keys of settlements begin with."""


@dataclass(frozen=True)
class Treasury:
    """The operator's account, and who is paid where.

    Args:
        chain: The node. addresses: the contracts. signers: two of its owners. payees: organisation -> address.
    """

    chain: Chain
    addresses: Mapping[str, str]
    signers: Sequence[Account] = field(repr=False)
    payees: Mapping[str, str]


class Settling:
    """Settles billing periods, one at a time.

    Args:
        store: The platform's. onchain: its outbox. treasury: see there. resolution: seconds of an interval.
        floor: homes behind any number that leaves.
    """

    def __init__(self, store: PlatformStore, onchain: OnChain, treasury: Treasury, resolution: int, floor: int) -> None:
        self._store, self._onchain, self._treasury = store, onchain, treasury
        self._per_day, self._floor = slots_per_day(resolution), floor

    def step(self) -> str:
        """Settle the oldest period that is not settled, unless one is on its way; its batch's name or nothing.

        Raises:
            UnavailableError: the node is away. InputError: an organisation has no account on the chain.
        """
        with self._store.read() as tx:
            if any(one.key.startswith(KEY) and one.state is not SendState.CONFIRMED for one in tx.chain.newest(KEY)):
                return ""
            period = tx.postings.oldest_unsettled("bill")
            postings = [] if period is None else tx.postings.of_period(period, "bill")
        homes = {side for p in postings for side in (p.debit, p.credit) if side.startswith("home:")}
        if period is None or len(homes) < self._floor:
            return ""
        return self._settle(period, postings)

    def _settle(self, period: int, postings: Sequence[Posting]) -> str:
        name = f"bills {period}"
        netted = net(postings)
        calls = self._calls(name, netted)
        leaves = self._leaves(name, postings)
        root = root_of(leaves)
        day = self._last_day(period)
        rows = [AnchorRow(day, BILLS, root, len(leaves))]
        call = None
        if calls:
            treasury = self._treasury
            found = operation(
                treasury.chain, treasury.addresses["OperatorSafe"], calls, treasury.addresses["SafeBundler"]
            )
            call = found.execution({one.address: found.signed_by(one) for one in treasury.signers})
        with self._store.begin() as tx:
            tx.anchors.put_leaves(name, [LeafRow(leaf.subject, leaf.salt, leaf.digest) for leaf in leaves])
            tx.anchors.put(rows)
            tx.postings.settle(list(netted.ids), name)
            if call is not None:
                tx.chain.queue(KEY + name, self._onchain.account, call.to, call.data, f"settlement of {name}")
            tx.log.append("settlement", "bills.settle", name, {"postings": len(netted.ids), "homes": len(leaves)})
        self._onchain.anchor(name, day, rows)
        return name

    def _calls(self, name: str, netted: Netted) -> list[abi.Call]:
        """Declare, issue, pay."""
        paid = -netted.deltas.get(COMMUNITY, 0)
        shares = {who: amount for who, amount in netted.deltas.items() if who != COMMUNITY}
        if any(amount < 0 for amount in shares.values()):
            raise InputError(
                "an organisation owes the community: it has to pay before this is settled", where=name,
                fix="settle it with the next period's bills",
            )  # fmt: skip
        if not paid:
            return []
        chain, all_ = self._treasury.chain, self._treasury.addresses
        token, safe = all_["EnergyToken"], all_["OperatorSafe"]
        reserve = int(chain.view("EnergyToken", token, "reserve"))
        identity = abi.role_hash(f"quietgrid {name}")
        calls = [
            abi.call("EnergyToken", token, "declareReserve", reserve + paid, identity),
            abi.call("EnergyToken", token, "mint", identity, safe, paid),
        ]
        for who, amount in shares.items():
            address = self._treasury.payees.get(who)
            if address is None:
                raise InputError("an organisation has no account on the chain", where=who, fix="name its address")
            calls.append(abi.call("EnergyToken", token, "transfer", address, amount))
        return calls

    def _leaves(self, name: str, postings: Sequence[Posting]) -> list[Leaf]:
        """One salted leaf a home: what it owes for the period."""
        owed: defaultdict[str, int] = defaultdict(int)
        for posting in postings:
            for account, amount in ((posting.debit, posting.amount_micro), (posting.credit, -posting.amount_micro)):
                if chain_side(account) == COMMUNITY:
                    owed[account] += amount
        return [salted(home, bill_record(home, name, owed[home]), secrets.token_bytes) for home in sorted(owed)]

    def _last_day(self, period: int) -> int:
        """The UTC day in which a period's last interval begins."""
        with self._store.read() as tx:
            end = max(end for first, end in tx.billing.periods() if first == period)
        return (end - 1) // self._per_day


def bill_record(home: str, batch: str, owed_micro: int) -> bytes:
    """What a home's leaf is over.

    >>> bill_record("home:03", "bills 100", 12_340_000)
    b'home:03|bills 100|12340000'
    """
    return f"{home}|{batch}|{owed_micro}".encode()

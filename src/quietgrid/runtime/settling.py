"""Postings to the chain: one operation of the operator's account a stage and period, signed by two of three.

What the homes owe their supplier and the tax office is netted (`settlement.net`): the account declares what the homes
paid at the bank, has that many tokens issued, and pays each organisation its share, all in one operation or not at all.
The bills themselves stay here; one root over salted leaves goes on the chain, so that every home can show later that
its bill is the one that was settled.

Where a period's bills owe a home something, the same operation puts what covers it into the escrow of claims, in whole
steps (`settlement.claims`); the home claims it when it likes (`runtime.rewarding`).

A batch is signed, queued and marked as settled in one commit. One is on its way at a time, since a signature names the
account's counter. If another operation took that number, the batch is signed anew, unless it was paid: every batch
issues its tokens under an id of its own, and the token says so in an event.

Privacy: a net amount of a period's bills is the sum of at least `k` homes' bills; a leaf is salted (PROTOCOL C, B8).
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.safe import operation
from quietgrid.errors import InputError
from quietgrid.model.interval import slots_per_day
from quietgrid.model.posting import Posting, Source, codes_of
from quietgrid.model.sending import Sending, SendState
from quietgrid.runtime.anchoring import BILLS
from quietgrid.runtime.erasing import erased_homes
from quietgrid.runtime.onchain import OnChain
from quietgrid.settlement import (
    COMMUNITY,
    Leaf,
    Netted,
    chain_side,
    credits_in,
    net,
    payouts,
    programme_id,
    root_of,
    salted,
)
from quietgrid.settlement.claims import CLAIMS, ESCROW, UNIT_MICRO
from quietgrid.store.anchors import AnchorRow, LeafRow
from quietgrid.store.stores import PlatformStore

KEY = "settle "
"""What the outbox's keys of settlements begin with."""
BATCHES = {
    Source.BILLING: "bills", Source.RESPONSE: "rewards", Source.MARKET: "trades", Source.BALANCE: "schedules",
}  # fmt: skip
"""The stages whose postings are settled, in this order within a period, and what their batches are called."""
ESCROWED = chain_side(ESCROW)
PAID_OUT = (Source.BILLING, Source.RESPONSE)
"""Stages whose credits homes claim on the chain."""


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
    """Settles the periods of each stage, one at a time.

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
            last = next(iter(tx.chain.newest(KEY)), None)
        if last is not None and last.state is not SendState.CONFIRMED:
            return self._mend(last) if last.state is SendState.FAILED else ""
        for source in BATCHES:
            period, postings = self._oldest(source)
            homes = {side for p in postings for side in (p.debit, p.credit) if side.startswith("home:")}
            if period is not None and (not homes or len(homes) >= self._floor):
                return self._settle(source, period, postings)
        return ""

    def _oldest(self, source: Source) -> tuple[int | None, list[Posting]]:
        codes = codes_of(source)
        with self._store.read() as tx:
            period = tx.postings.oldest_unsettled(*codes)
            return period, [] if period is None else tx.postings.of_period(period, *codes)

    def _settle(self, source: Source, period: int, postings: Sequence[Posting]) -> str:
        name = f"{BATCHES[source]} {period}"
        bills = source is Source.BILLING
        more = self._payouts(name, postings) if source in PAID_OUT else []
        netted = net([*postings, *more])
        call = self._signed(name, netted)
        leaves = self._leaves(name, postings) if bills else []
        day = self._last_day(period) if bills else 0
        rows = [AnchorRow(day, BILLS, root_of(leaves), len(leaves))] if bills else []
        with self._store.begin() as tx:
            gone = {f"home:{home:016x}" for home in erased_homes(tx)}
            kept = [LeafRow(one.subject, None if one.subject in gone else one.salt, one.digest) for one in leaves]
            tx.anchors.put_leaves(name, kept)
            tx.anchors.put(rows)
            tx.postings.post(more, period)
            tx.postings.settle(list(netted.ids), name)
            if call is not None:
                tx.chain.queue(KEY + name, self._onchain.account, call.to, call.data, f"settlement of {name}")
            tx.log.append("settlement", f"{BATCHES[source]}.settle", name, {
                "postings": len(netted.ids), "homes": len(leaves),
            })  # fmt: skip
        if rows:
            self._onchain.anchor(name, day, rows)
        return name

    def _payouts(self, name: str, postings: Sequence[Posting]) -> list[Posting]:
        """What homes may claim of these bills, and what has to go into escrow for it."""
        with self._store.read() as tx:
            due, held = (sum(tx.postings.owed_to(account).values()) for account in (CLAIMS, ESCROW))
        return payouts(name, credits_in(postings), held, due)

    def _signed(self, name: str, netted: Netted) -> abi.Call | None:
        """The operation that pays a batch, signed for the account's present counter; None if nothing is to be paid."""
        calls, treasury = self._calls(name, netted), self._treasury
        if not calls:
            return None
        found = operation(treasury.chain, treasury.addresses["OperatorSafe"], calls, treasury.addresses["SafeBundler"])
        return found.execution({one.address: found.signed_by(one) for one in treasury.signers})

    # -- what another operation was faster than --------------------------------------------------------------------

    def _mend(self, failed: Sending) -> str:
        """Sign a refused batch anew if the account has moved on since; one that was paid is confirmed instead.

        Nothing happens while the same bytes would come out: then the refusal has another reason, and a person decides.
        """
        name = failed.key.removeprefix(KEY)
        paid_in = self._paid_in(name)
        if paid_in is not None:
            with self._store.begin() as tx:
                paid = replace(
                    failed, state=SendState.CONFIRMED, block=paid_in, settled=True, error="somebody else sent it"
                )
                tx.chain.save(paid)
                tx.log.append("settlement", "settle.paid", name, {"block": paid_in})
            return ""
        with self._store.read() as tx:
            netted = net(tx.postings.of_batch(name))
        call = self._signed(name, netted)
        if call is None or call.data == failed.data:
            return ""
        with self._store.begin() as tx:
            tx.chain.again(failed.key, call.data)
            tx.log.append("settlement", "settle.again", name)
        return name

    def _paid_in(self, name: str) -> int | None:
        """The block in which a batch's tokens were issued, if they were: asked of the node, whoever sent it."""
        chain, token, sought = self._treasury.chain, self._treasury.addresses["EnergyToken"], identity_of(name)
        for log in chain.logs([token], 0, chain.height()):
            said = abi.decode_event("EnergyToken", log.topics, log.data)
            if said is not None and said.name == "Minted" and bytes(said.values["id"]) == sought:
                return log.block
        return None

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
        identity = identity_of(name)
        calls = [
            abi.call("EnergyToken", token, "declareReserve", reserve + paid, identity),
            abi.call("EnergyToken", token, "mint", identity, safe, paid),
        ]
        escrowed = shares.pop(ESCROWED, 0)
        if escrowed:
            rewards, programme = all_["IncentiveDistribution"], programme_id()
            calls += [
                abi.call("IncentiveDistribution", rewards, "openProgramme", programme, UNIT_MICRO),
                abi.call("EnergyToken", token, "approve", rewards, escrowed),
                abi.call("IncentiveDistribution", rewards, "fund", programme, escrowed),
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


def identity_of(batch: str) -> bytes:
    """The id under which a batch's tokens are issued, once."""
    return abi.role_hash(f"quietgrid {batch}")


def bill_record(home: str, batch: str, owed_micro: int) -> bytes:
    """What a home's leaf is over.

    >>> bill_record("home:03", "bills 100", 12_340_000)
    b'home:03|bills 100|12340000'
    """
    return f"{home}|{batch}|{owed_micro}".encode()

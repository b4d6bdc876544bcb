"""The outbox: sends what waits, in order and once, whatever the node does meanwhile.

What it stands on: a call is kept before anything else (its key makes queueing it twice one), and a signed transaction
is kept before it is sent, so after a crash the same bytes go out under the same nonce. From there on every look at the
chain (`step`) brings each transaction one state further, or back:

    queued → sent → mined → confirmed → (settled: looked at no more)
      ↑        ↑______|_________|  its block is no longer on the chain: the same bytes again
      |________| the nonce went to another transaction: a new nonce
    queued → failed: the contract refuses in the pre-flight, several times; or in the block

The same key may send without the outbox (`direct.send`). If the chain loses that block and its node does not bring the
transaction back, its nonce is a gap before which everything later waits; the outbox fills it with a transaction that
sends nothing to the account itself. Whatever was lost there is its sender's to repeat.

Contracts take the same write twice without effect or refuse it, so the one case in which a call could be in two blocks
(its nonce was used by a stranger, and a deep reorganisation brings the first back) changes nothing either.

Source: DESIGN 7; "nonce too low", "underpriced" and "already known" as anvil and geth word them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from quietgrid.chain.abi import Call
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import GWEI, Chain, Receipt
from quietgrid.errors import ConfigError, ConflictError, RevertedError
from quietgrid.model.interval import Clock
from quietgrid.model.sending import Attempt, Sending, SendState

TRANSFER_GAS = 21_000
ON_ITS_WAY = (SendState.SENT, SendState.MINED, SendState.CONFIRMED)


class Journal(Protocol):
    """Where transactions on their way are kept; every call is a commit of its own."""

    def open_sendings(self, account: str) -> list[Sending]:
        """Everything of an account that is not settled and not refused, in order."""

    def lost_from(self, account: str, nonce: int) -> list[Sending]:
        """Settled ones from a nonce on."""

    def save(self, one: Sending) -> None:
        """Keep a new state."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How the outbox deals with one chain.

    Args:
        chain_id: The only one it sends to. confirmations: how deep a block counts as confirmed.
        watch: how deep it is looked at no more. bump_s, resend_s: seconds until a waiting transaction pays more, or is
            sent again. tip, max_fee: wei a unit of gas. in_flight: how many may wait at once. tries: pre-flights until
            a refusal is final.
    """

    chain_id: int
    confirmations: int = 1
    watch: int = 64
    bump_s: float = 60.0
    resend_s: float = 5.0
    tip: int = GWEI
    max_fee: int = 500 * GWEI
    in_flight: int = 64
    tries: int = 3


@dataclass(slots=True)
class Report:
    """What one look did."""

    sent: int = 0
    confirmed: int = 0
    refused: int = 0
    returned: int = 0
    """Their block is gone: a reorganisation, or a node that lost its last second."""
    bumped: int = 0
    filled: int = 0
    """Nonces before ours that nothing of ours has and the node knows nothing of: sent with nothing in them."""
    nowhere: int = 0
    """There is no contract where they go: the node lost it, or it was never deployed. They wait."""
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Gap:
    """From which nonce on one is missing, what was paid for filling it (0: not yet), and since when."""

    nonce: int
    fee: int
    at: float


class Outbox:
    """The transactions of one account.

    Args:
        chain: The node. account: who signs. journal: where they are kept. terms: see `Terms`. clock: for ages.
    """

    def __init__(self, chain: Chain, account: Account, journal: Journal, terms: Terms, clock: Clock) -> None:
        self.chain, self._account, self._journal = chain, account, journal
        self._terms, self._clock = terms, clock
        self._suspects: set[int] = set()
        self._there: set[str] = set()
        self._nonce = 0
        self._gap: _Gap | None = None

    def step(self) -> Report:
        """Look at the chain once and do what is due.

        Raises:
            UnavailableError: the node is away; everything stays as it is. ConfigError: it is another chain.
        """
        found = self.chain.chain_id()
        if found != self._terms.chain_id:
            raise ConfigError(
                f"this node serves chain {found}, not {self._terms.chain_id}", where=self.chain.url,
                fix="correct the address, or deploy there first",
            )  # fmt: skip
        report = Report()
        nonce = self.chain.nonce(self._account.address)
        if nonce < self._nonce:
            self._there.clear()  # blocks are gone, and perhaps contracts with them
        self._nonce = nonce
        for one in self._journal.lost_from(self._account.address, nonce):
            report.returned += 1
            self._journal.save(replace(one, state=SendState.SENT, block=None, block_hash="", settled=False))
        height = self.chain.height()
        waiting = self._journal.open_sendings(self._account.address)
        for one in sorted((o for o in waiting if o.state in ON_ITS_WAY), key=lambda o: o.nonce or 0):
            self._follow(one, nonce, height, report)
        self._fill_gap(nonce, report)
        self._send_queued(nonce, report)
        report.waiting = len([o for o in self._open() if o.state is not SendState.CONFIRMED])
        return report

    def _open(self) -> list[Sending]:
        return self._journal.open_sendings(self._account.address)

    # -- those that were sent --------------------------------------------------------------------------------------

    def _follow(self, one: Sending, nonce: int, height: int, report: Report) -> None:
        receipt = self._receipt(one)
        if receipt is not None:
            self._suspects.discard(one.seq)
            self._in_a_block(one, receipt, height, report)
            return
        if one.state is not SendState.SENT:
            report.returned += 1
            one = replace(one, state=SendState.SENT, block=None, block_hash="", gas=0)
            self._journal.save(one)
        assert one.nonce is not None
        if one.nonce < nonce:
            self._nonce_taken(one)
            return
        age = self._clock.now() - one.attempts[-1].at
        if age >= self._terms.bump_s:
            self._bump(one, report)
        elif age >= self._terms.resend_s or report.returned:
            self._hand_over(one, report)

    def _receipt(self, one: Sending) -> Receipt | None:
        for attempt in reversed(one.attempts):
            receipt = self.chain.receipt(attempt.hash)
            if receipt is not None:
                return receipt
        return None

    def _in_a_block(self, one: Sending, receipt: Receipt, height: int, report: Report) -> None:
        depth = height - receipt.block + 1
        deep = depth >= self._terms.confirmations
        settled = deep and depth >= self._terms.watch
        if not receipt.ok:
            why = self.chain.why_failed(Call(one.to, one.data, one.what), one.account, receipt.block)
            state, error, settled = SendState.FAILED, why, True
            report.refused += 1
        else:
            state, error = (SendState.CONFIRMED if deep else SendState.MINED), ""
            report.confirmed += state is SendState.CONFIRMED and one.state is not SendState.CONFIRMED
        fresh = replace(
            one, state=state, block=receipt.block, block_hash=receipt.block_hash, gas=receipt.gas, error=error,
            settled=settled,
        )  # fmt: skip
        if fresh != one:
            self._journal.save(fresh)

    def _nonce_taken(self, one: Sending) -> None:
        """Another transaction has its nonce. Seen twice in a row, since a node may show a block before its receipts."""
        if one.seq not in self._suspects:
            self._suspects.add(one.seq)
            return
        self._suspects.discard(one.seq)
        self._journal.save(replace(one, state=SendState.QUEUED, nonce=None, error="another transaction took its nonce"))

    def _bump(self, one: Sending, report: Report) -> None:
        """The same under the same nonce for a better fee; nodes want a tenth more."""
        fee = min(max(one.attempts[-1].max_fee * 5 // 4 + 1, self._fee()), self._terms.max_fee)
        if fee <= one.attempts[-1].max_fee:
            self._hand_over(one, report)
            return
        assert one.nonce is not None
        report.bumped += 1
        self._hand_over(self._signed(one, one.nonce, fee, one.attempts[-1].gas), report)

    def _hand_over(self, one: Sending, report: Report) -> None:
        """Send the newest attempt's bytes."""
        try:
            self.chain.send(one.attempts[-1].raw)
        except ConflictError as error:
            if "underpriced" in error.what:
                self._outbid(one)
            elif "nonce too low" not in error.what and one.error != error.what:
                self._journal.save(replace(one, error=error.what))
        else:
            report.sent += 1

    def _outbid(self, one: Sending) -> None:
        """Something under our nonce waits and pays more: pay more still, at the next look if that is not enough."""
        assert one.nonce is not None
        fee = min(one.attempts[-1].max_fee * 3 // 2 + 1, self._terms.max_fee)
        if fee > one.attempts[-1].max_fee:
            self._signed(one, one.nonce, fee, one.attempts[-1].gas, self._clock.now() - self._terms.bump_s)

    # -- a gap before them -----------------------------------------------------------------------------------------

    def _fill_gap(self, nonce: int, report: Report) -> None:
        """Fill the nonces before the first of ours that waits, once nobody else's transaction is on its way there.

        Seen twice in a row, since a node may show a count before its blocks; the money for it rises like any other's.
        """
        first = min((o.nonce for o in self._open() if o.state is SendState.SENT and o.nonce is not None), default=0)
        gap, now = self._gap, self._clock.now()
        if first <= nonce:
            self._gap = None
        elif gap is None or gap.nonce != nonce:
            self._gap = _Gap(nonce, 0, now)
        elif gap.fee == 0 and self.chain.nonce(self._account.address, "pending") > nonce:
            self._gap = None
        elif gap.fee == 0 or now - gap.at >= self._terms.bump_s:
            fee = min(max(gap.fee * 5 // 4 + 1, self._fee()), self._terms.max_fee)
            self._gap = _Gap(nonce, fee, now)
            for missing in range(nonce, first):
                report.filled += self._send_nothing(missing, fee)

    def _send_nothing(self, nonce: int, fee: int) -> bool:
        """Send nothing to the account itself; False if something else has the nonce after all. Not kept: after a crash
        the gap is found again, or is none any more."""
        fields = {
            "type": 2, "chainId": self._terms.chain_id, "nonce": nonce, "gas": TRANSFER_GAS, "value": 0, "data": b"",
            "maxFeePerGas": fee, "maxPriorityFeePerGas": fee, "to": self._account.address,
        }  # fmt: skip
        try:
            self.chain.send(self._account.sign_transaction(fields)[0])
        except ConflictError:
            return False
        return True

    # -- those that wait -------------------------------------------------------------------------------------------

    def _send_queued(self, nonce: int, report: Report) -> None:
        waiting = self._open()
        used = [o.nonce for o in waiting if o.state in ON_ITS_WAY and o.nonce is not None]
        following = max([nonce, *(n + 1 for n in used)])
        room = self._terms.in_flight - sum(1 for o in waiting if o.state is SendState.SENT)
        for one in [o for o in waiting if o.state is SendState.QUEUED][: max(0, room)]:
            call = Call(one.to, one.data, one.what)
            if not self._is_there(one.to):
                report.nowhere += 1
                continue
            try:
                gas = self.chain.gas(call, self._account.address)
            except RevertedError as error:
                self._refused(one, error, report)
                continue
            self._hand_over(self._signed(one, following, self._fee(), gas * 5 // 4), report)
            following += 1

    def _is_there(self, address: str) -> bool:
        """Whether a contract is at an address: a call to nobody would succeed and do nothing."""
        if address and address not in self._there and self.chain.code(address):
            self._there.add(address)
        return not address or address in self._there

    def _refused(self, one: Sending, error: RevertedError, report: Report) -> None:
        tries = one.tries + 1
        final = tries >= self._terms.tries
        report.refused += final
        state = SendState.FAILED if final else SendState.QUEUED
        self._journal.save(replace(one, state=state, tries=tries, error=error.what))

    def _signed(self, one: Sending, nonce: int, fee: int, gas: int, at: float | None = None) -> Sending:
        """Sign under a nonce and keep it; only then may it be sent."""
        kept = one.attempts if one.nonce == nonce else ()
        tip = self._terms.tip * 5 ** len(kept) // 4 ** len(kept) + len(kept)  # both fees have to rise
        fields = {
            "type": 2, "chainId": self._terms.chain_id, "nonce": nonce, "gas": gas, "value": 0,
            "maxFeePerGas": fee, "maxPriorityFeePerGas": min(tip, fee), "data": one.data,
        }  # fmt: skip
        raw, digest = self._account.sign_transaction(fields | ({"to": one.to} if one.to else {}))
        attempt = Attempt(digest, raw, gas, fee, self._clock.now() if at is None else at)
        fresh = replace(one, state=SendState.SENT, nonce=nonce, attempts=(*kept, attempt), error="")
        self._journal.save(fresh)
        return fresh

    def _fee(self) -> int:
        return min(self.chain.base_fee() * 2 + self._terms.tip, self._terms.max_fee)

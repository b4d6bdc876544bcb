"""What the demo's people do on the chain once the contracts are there, so that there is something to look at.

One vote (a smaller publish budget, through the timelock), one asset with five shareholders, one payment of revenue; one
member hands some of hers on to the home that is shown. A look does one thing at most, and asks the chain what comes
next, so it can be interrupted anywhere and does nothing twice. A contract that refuses ends the story, never the
worker. Only on our own chain.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping

from quietgrid.chain.accounts import Account
from quietgrid.chain.direct import send
from quietgrid.errors import RevertedError, UnavailableError
from quietgrid.model.asset import AssetKind, TransferRule
from quietgrid.model.parameter import PARAMETERS, PUBLISH_BUDGET
from quietgrid.model.proposal import GRID_UNIT, Support, VoteState
from quietgrid.runtime.assets import (
    ASSETS,
    MONEY,
    POOL,
    SHARES,
    claiming,
    handing_on,
    paying_in,
    registration,
    splitting,
)
from quietgrid.runtime.chain_view import view_of
from quietgrid.runtime.governing import GRID, Governing
from quietgrid.runtime.operating import is_free, operate, send_own
from quietgrid.runtime.ruled import CONTRACT
from quietgrid.runtime.settling import Treasury
from quietgrid.store.stores import PlatformStore

LOG = logging.getLogger("quietgrid.chain")
BUDGET = 5
WORDS = "A smaller publish budget: five a home and year instead of six"
AGAIN = ("", " (second vote)", " (third vote)")
"""A vote in which nobody took part, because the demo did not run meanwhile, is held again."""
ANSWERS = (Support.FOR, Support.FOR, Support.FOR, Support.AGAINST, Support.ABSTAIN)
ASSET, CAPACITY_W, SHARES_EACH = 1, 48_000, 200
GUEST_GRID, GUEST_SHARES = 100, 20
REVENUE_MICRO = 100_000_000
STEWARD_S = 365 * 86_400
OVER = (VoteState.CANCELED, VoteState.DEFEATED, VoteState.EXPIRED)


class ChainStory:
    """The story of one demo.

    Args:
        store: The platform's. treasury: the operator's account, and the node. members: five, who own all GRID.
        payer: pays revenue as soon as it has enough. guest: tells the addresses of the home that is shown (``votes``,
            ``shares``); nothing while it has not said them.
    """

    def __init__(
        self, store: PlatformStore, treasury: Treasury, members: list[Account], payer: Account,
        guest: Callable[[], Mapping[str, str]] = dict,
    ) -> None:  # fmt: skip
        self._store, self._treasury, self._members, self._payer = store, treasury, members, payer
        self._chain, self._all = treasury.chain, treasury.addresses
        self._governing = Governing(view_of(store, treasury.chain, treasury.addresses))
        self._guest = guest
        self._chapters: list[Callable[[], str]] = [self._welcome, self._vote, self._asset]
        self.note = ""
        """Why a chapter ended early, in words."""

    def step(self) -> str:
        """Do the next thing, if its time has come: what was done, or nothing."""
        for chapter in tuple(self._chapters):
            try:
                done = chapter()
            except UnavailableError:
                return ""  # the outbox says so, and since when
            except RevertedError as error:
                self.note = str(error)
                LOG.warning("the demo's story on the chain ends here: %s", error)
                self._end(chapter)
                continue
            if done:
                return done
        return ""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to do."""
        return not self._chapters

    def _end(self, chapter: Callable[[], str]) -> str:
        self._chapters.remove(chapter)
        return ""

    # -- the home that is shown ------------------------------------------------------------------------------------

    def _welcome(self) -> str:
        """A member hands some GRID and some shares on to it."""
        guest, giver = self._guest(), self._members[-1]
        if not guest:
            return self._end(self._welcome) if len(self._chapters) == 1 else ""
        if not self._governing.held(guest["votes"])[0]:
            self._governing.hand_on(giver, guest["votes"], GUEST_GRID * GRID_UNIT)
            return "GRID handed on"
        if not self._is_registered():
            return ""
        if not self._chain.view(SHARES, self._all[SHARES], "balanceOf", guest["shares"], ASSET):
            send(self._chain, giver, handing_on(self._all, ASSET, giver.address, guest["shares"], GUEST_SHARES))
            return "shares handed on"
        return self._end(self._welcome)

    # -- the vote --------------------------------------------------------------------------------------------------

    def _vote(self) -> str:
        governing, members = self._governing, self._members
        call = governing.change(PARAMETERS[PUBLISH_BUDGET].key, BUDGET)
        for again in AGAIN:
            words = WORDS + again
            proposal = governing.id_of([call], words)
            state = self._state(proposal)
            if state not in OVER:
                break
        else:
            return self._end(self._vote)
        if state is VoteState.UNKNOWN:
            now = int(self._chain.view(CONTRACT, self._all[CONTRACT], "get", PUBLISH_BUDGET))
            if now <= PARAMETERS[PUBLISH_BUDGET].stored(BUDGET):
                return self._end(self._vote)
            if not self._may_propose(members[0].address):
                return ""
            governing.propose(members[0], [call], words)
            return "proposed"
        if state is VoteState.ACTIVE:
            return self._cast(proposal)
        if state is VoteState.SUCCEEDED:
            governing.queue(members[0], [call], words)
            return "queued"
        if state is VoteState.QUEUED and self._is_due(proposal):
            governing.execute(members[0], [call], words)
            return "executed"
        return self._end(self._vote) if state is VoteState.EXECUTED else ""

    def _state(self, proposal: int) -> VoteState:
        """Where it stands; unknown if it was not proposed."""
        try:
            return self._governing.state_of(proposal)
        except RevertedError as error:
            if error.name != "GovernorNonexistentProposal":
                raise
            return VoteState.UNKNOWN

    def _may_propose(self, member: str) -> bool:
        """Whether votes count already: what counts is what somebody had a second ago. Who has none is refused later."""
        if not self._governing.view(GRID, "getVotes", member):
            return True
        now = int(str(self._governing.view(GRID, "clock")))
        return bool(self._governing.view(GRID, "getPastVotes", member, now - 1))

    def _cast(self, proposal: int) -> str:
        for member, answer in zip(self._members, ANSWERS, strict=True):
            if not self._governing.view("GridGovernor", "hasVoted", proposal, member.address):
                self._governing.cast(member, proposal, answer)
                return f"voted {answer}"
        return ""

    def _is_due(self, proposal: int) -> bool:
        block = self._chain.block("pending")
        eta = int(str(self._governing.view("GridGovernor", "proposalEta", proposal)))
        return block is not None and block.timestamp >= eta

    # -- the asset -------------------------------------------------------------------------------------------------

    def _asset(self) -> str:
        if not self._is_registered():
            return self._register() if is_free(self._store) else ""
        pool, money = self._all[POOL], self._all[MONEY]
        if not self._chain.view(POOL, pool, "accountOf", ASSET, money)[2]:
            if int(self._chain.view(MONEY, money, "balanceOf", self._payer.address)) < REVENUE_MICRO:
                return ""  # until bills were settled
            for call in paying_in(self._all, ASSET, "revenue of the first month", REVENUE_MICRO):
                send_own(self._treasury, self._payer, call)
            return "revenue paid"
        for member in self._members:
            if self._chain.view(POOL, pool, "claimable", ASSET, money, member.address):
                send(self._chain, member, claiming(self._all, ASSET, member.address))
                return "claimed"
        return self._end(self._asset)

    def _is_registered(self) -> bool:
        try:
            self._chain.view(ASSETS, self._all[ASSETS], "ownerOf", ASSET)
        except RevertedError as error:
            if error.name != "ERC721NonexistentToken":
                raise
            return False
        return True

    def _register(self) -> str:
        """One operation: registered, split among the five, revenue accepted. It stands nowhere."""
        now = self._chain.block("pending")
        assert now is not None
        shares = {member.address: SHARES_EACH for member in self._members}
        nameplate = (AssetKind.SOLAR, TransferRule.FREE, CAPACITY_W, 0)
        calls = [
            registration(self._all, ASSET, nameplate, secrets.token_bytes(32)),
            *splitting(self._all, ASSET, shares, now.timestamp + STEWARD_S),
        ]
        operate(self._store, self._treasury, calls, "demo")
        return "asset registered"

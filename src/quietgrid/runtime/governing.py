"""Votes: what is put to them, how they stand, and the transactions by which members take part.

Proposals and votes come from what `GridGovernor` said, as the platform keeps it; where one stands, the quorum and the
power at the snapshot are asked of the node. While that is away, the rest is shown.

Privacy: members vote under addresses. A household that votes should use a fresh one (DESIGN 7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Receipt
from quietgrid.chain.direct import send
from quietgrid.chain.find import CHAIN_ID
from quietgrid.chain.node import fund
from quietgrid.chain.plan import MANAGER, Role
from quietgrid.errors import InputError, NotFoundError, UnavailableError
from quietgrid.model.parameter import PARAMETERS, Voted
from quietgrid.model.proposal import Proposal, ProposedCall, Support, Vote, VoteState
from quietgrid.model.sending import ChainEvent
from quietgrid.runtime.chain_view import ChainView
from quietgrid.runtime.effects import Effects
from quietgrid.runtime.ruled import CONTRACT, numbers

GOVERNOR, GRID, MONEY, STOPS = "GridGovernor", "GovernanceToken", "EnergyToken", "GridManagement"
MOST = 10_000
_SAID = {"ProposalCanceled": VoteState.CANCELED, "ProposalExecuted": VoteState.EXECUTED}


class Governing:
    """The votes of one community.

    Args:
        view: What it is read from.
    """

    def __init__(self, view: ChainView) -> None:
        self._events, self._chain, self._addresses = view.events, view.chain, view.addresses
        self._people = view.people
        self._away = False

    # -- reading ---------------------------------------------------------------------------------------------------

    def proposals(self, limit: int = 50) -> list[Proposal]:
        """The newest proposals, newest first."""
        self._away = False
        by_id: dict[int, list[ChainEvent]] = {}
        for event in self._events(GOVERNOR):
            if "proposalId" in event.values:
                by_id.setdefault(int(event.values["proposalId"]), []).append(event)
        made = [events for events in by_id.values() if events[0].name == "ProposalCreated"]
        numbered = list(enumerate(made, 1))[::-1][:limit]
        return [self._proposal(number, events) for number, events in numbered]

    def proposal(self, name: str) -> Proposal:
        """One proposal by its number, or by its id (0x…).

        Raises:
            NotFoundError: there is none.
        """
        for found in self.proposals(MOST):
            if name in (str(found.number), found.id):
                return found
        raise NotFoundError("there is no such proposal", where=name, fix="`quietgrid vote list` shows them")

    def parameters(self) -> list[Voted]:
        """The numbers a vote can change, as the chain has them; empty while nothing was taken from it."""
        return [one for _, one in sorted(numbers(self._events(CONTRACT)).items())]

    def power(self, address: str, at: int | None = None) -> int:
        """GRID an account votes with (18 decimals): at a snapshot that is over, or now.

        Raises:
            UnavailableError: the node is away.
        """
        if at is None:
            return int(str(self.view(GRID, "getVotes", address)))
        return int(str(self.view(GRID, "getPastVotes", address, at)))

    def held(self, address: str) -> tuple[int, bool]:
        """GRID an account has now (18 decimals), and whether it counts: GRID that was handed on counts when said so."""
        has = int(str(self.view(GRID, "balanceOf", address)))
        return has, int(str(self.view(GRID, "delegates", address)), 16) != 0

    def take_part(self, account: Account) -> Receipt:
        """Say that what an account has, now and later, votes for itself."""
        return self._sent(account, abi.call(GRID, self._addresses[GRID], "delegate", account.address))

    def hand_on(self, account: Account, to: str, amount: int) -> Receipt:
        """Give GRID (18 decimals) to another account; it counts for votes that open after that one takes part.

        Raises:
            RevertedError: the account has less.
        """
        return self._sent(account, abi.call(GRID, self._addresses[GRID], "transfer", to, amount))

    # -- taking part -----------------------------------------------------------------------------------------------

    def change(self, key: str, value: float) -> ProposedCall:
        """The call by which a vote sets a number.

        Args:
            key: Of `PARAMETERS`. value: as people write it, in the number's unit.

        Raises:
            InputError: there is no such number.
        """
        for number, named in enumerate(PARAMETERS):
            if named.key == key:
                call = abi.call(CONTRACT, self._addresses[CONTRACT], "set", number, named.stored(value))
                return ProposedCall(call.to, 0, call.data)
        raise InputError("there is no such number", where=key, fix="one of: " + ", ".join(p.key for p in PARAMETERS))

    def payment(self, to: str, amount_micro: int) -> ProposedCall:
        """The call by which a vote pays out of the energy tokens that the timelock holds.

        Raises:
            InputError: not a positive amount.
        """
        if amount_micro <= 0:
            raise InputError("this pays nothing", where="amount", fix="name more than zero")
        call = abi.call(MONEY, self._addresses[MONEY], "transfer", to, amount_micro)
        return ProposedCall(call.to, 0, call.data)

    def resume(self, reason: str) -> ProposedCall:
        """The call by which a vote ends the stop of everything on the chain; a circuit that is broken stays so.

        Raises:
            InputError: nothing is stopped. UnavailableError: the node is away.
        """
        if not self.view(STOPS, "stopped"):
            raise InputError(
                "nothing is stopped on the chain", where=STOPS, fix="`quietgrid grid circuit` says what is"
            )
        call = abi.call(STOPS, self._addresses[STOPS], "resume", abi.role_hash(reason))
        return ProposedCall(call.to, 0, call.data)

    def role(self, name: str, account: str, take: bool = False) -> ProposedCall:
        """The call by which a vote gives an account a role in the contracts, or takes it.

        Raises:
            InputError: there is no such role.
        """
        roles = {role.name.lower(): role for role in Role}
        if name not in roles:
            raise InputError("there is no such role", where=name, fix="one of: " + ", ".join(roles))
        args = (roles[name].value, account) if take else (roles[name].value, account, 0)
        call = abi.call(MANAGER, self._addresses[MANAGER], "revokeRole" if take else "grantRole", *args)
        return ProposedCall(call.to, 0, call.data)

    def id_of(self, calls: Sequence[ProposedCall], description: str) -> int:
        """The number under which the governor knows these calls with this description."""
        found = self._chain.view(GOVERNOR, self._addresses[GOVERNOR], "hashProposal", *_arguments(calls, description))
        return int(found)

    def propose(self, account: Account, calls: Sequence[ProposedCall], description: str) -> Receipt:
        """Put calls to the vote.

        Raises:
            RevertedError: too little GRID, or the same is proposed already.
        """
        return self._send(account, "propose", *_arguments(calls, description)[:3], description)

    def cast(self, account: Account, proposal_id: int, support: Support, reason: str = "") -> Receipt:
        """Vote with all GRID an account had at the snapshot.

        Raises:
            RevertedError: the vote is not open, or this account has voted.
        """
        return self._send(account, "castVoteWithReason", proposal_id, list(Support).index(support), reason)

    def queue(self, account: Account, calls: Sequence[ProposedCall], description: str) -> Receipt:
        """Hand an accepted proposal to the timelock; by anybody.

        Raises:
            RevertedError: it was not accepted, or is queued already.
        """
        return self._send(account, "queue", *_arguments(calls, description))

    def execute(self, account: Account, calls: Sequence[ProposedCall], description: str) -> Receipt:
        """Let the timelock do it; by anybody, once its time has come.

        Raises:
            RevertedError: too early, or one of the calls is refused.
        """
        return self._send(account, "execute", *_arguments(calls, description))

    def state_of(self, proposal_id: int) -> VoteState:
        """Where a proposal stands now, asked of the contract.

        Raises:
            RevertedError: it does not know it. UnavailableError: the node is away.
        """
        return list(VoteState)[int(str(self.view(GOVERNOR, "state", proposal_id)))]

    def view(self, contract: str, function: str, *args: object) -> object:
        """A view as of now: our own chain has a new time only with a new block, so it is asked about the next one."""
        block = "pending" if self._chain.chain_id() == CHAIN_ID else "latest"
        return self._chain.view(contract, self._addresses[contract], function, *args, block=block)

    def _send(self, account: Account, function: str, *args: object) -> Receipt:
        return self._sent(account, abi.call(GOVERNOR, self._addresses[GOVERNOR], function, *args))

    def _sent(self, account: Account, call: abi.Call) -> Receipt:
        if self._chain.chain_id() == CHAIN_ID:
            fund(self._chain, account.address)
        return send(self._chain, account, call)

    # -- one proposal ----------------------------------------------------------------------------------------------

    def _proposal(self, number: int, events: Sequence[ChainEvent]) -> Proposal:
        made, said = events[0], {event.name: event for event in events}
        executed, queued = said.get("ProposalExecuted"), said.get("ProposalQueued")
        calls = _calls(made.values)
        now = numbers(self._events(CONTRACT), (executed.block, 0) if executed else None)
        effects = Effects(self._addresses, self._people, now)
        proposal_id = int(made.values["proposalId"])
        starts, ends = int(made.values["voteStart"]), int(made.values["voteEnd"])
        if "ProposalExtended" in said:
            ends = int(said["ProposalExtended"].values["extendedDeadline"])
        final = next((state for name, state in _SAID.items() if name in said), None)
        state, quorum, power, executed_at = self._asked(proposal_id, starts, final, executed)
        return Proposal(
            number, f"0x{proposal_id:064x}", effects.who(made.values["proposer"]), made.values["description"], calls,
            tuple(effects.of(call) for call in calls), state, _votes(events, effects), quorum, power, starts, ends,
            int(queued.values["etaSeconds"]) if queued else None, made.block, executed.block if executed else None,
            executed_at,
        )  # fmt: skip

    def _asked(
        self, proposal_id: int, starts: int, final: VoteState | None, executed: ChainEvent | None
    ) -> tuple[VoteState, int | None, int | None, int | None]:
        """State, quorum, power, time of execution: what only the node knows. A node that is away is asked once."""
        nothing = final or VoteState.UNKNOWN, None, None, None
        if self._away:
            return nothing
        try:
            state = final or self.state_of(proposal_id)
            done = self._chain.block(executed.block) if executed else None
            at = done.timestamp if done else None
            if state is VoteState.PENDING:
                return state, None, None, at
            quorum = int(str(self.view(GOVERNOR, "quorum", starts)))
            power = int(str(self.view(GRID, "getPastTotalSupply", starts)))
        except UnavailableError:
            self._away = True
            return nothing
        return state, quorum, power, at


def _arguments(calls: Sequence[ProposedCall], description: str) -> tuple[list[str], list[int], list[bytes], bytes]:
    """How the governor is told a proposal: targets, values, bytes, hash of the description."""
    return [c.target for c in calls], [c.value for c in calls], [c.data for c in calls], abi.role_hash(description)


def _calls(values: Mapping[str, object]) -> tuple[ProposedCall, ...]:
    targets, amounts, data = values["targets"], values["values"], values["calldatas"]
    assert isinstance(targets, list)
    assert isinstance(amounts, list)
    assert isinstance(data, list)
    return tuple(
        ProposedCall(str(to), int(wei), bytes.fromhex(str(given).removeprefix("0x")))
        for to, wei, given in zip(targets, amounts, data, strict=True)
    )


def _votes(events: Sequence[ChainEvent], effects: Effects) -> tuple[Vote, ...]:
    cast = [event for event in events if event.name.startswith("VoteCast")]
    return tuple(
        Vote(
            effects.who(e.values["voter"]), list(Support)[int(e.values["support"])], int(e.values["weight"]),
            str(e.values["reason"]), e.block,
        )
        for e in cast
    )  # fmt: skip

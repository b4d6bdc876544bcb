"""`quietgrid vote`: what is put to the vote, and the transactions by which a member takes part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table

if TYPE_CHECKING:
    from quietgrid.cli.chain import Keys
    from quietgrid.model.proposal import Proposal, ProposedCall
    from quietgrid.runtime.governing import Governing

app = command_app("vote", "Votes with GRID: list, propose, cast, queue, execute, give.")
Rpc = Annotated[str, Parameter(name="--rpc", help="Address of a node; that of the settings unless told.")]
By = Annotated[str, Parameter(name="--by", help="Account whose key is in STATE/chain/keys.")]
PAUSE_HINT = "the platform takes it from the chain within a second; see `quietgrid vote list`"


@app.command(name="list")
def list_votes(*, rpc: Rpc = "", state: Path | None = None, as_json: Json = False) -> int:
    """List proposals, newest first, with what each does; and the numbers a vote can change.

    Args:
        state: Folder of databases and keys.
    """
    with _governing(state, rpc) as (governing, _):
        found, numbers = governing.proposals(), governing.parameters()
    data = {
        "proposals": [_data(one) for one in found],
        "parameters": [
            {"key": one.named.key, "value": one.value / one.named.scale, "unit": one.named.unit,
             "direction": one.direction.value}
            for one in numbers
        ],
    }  # fmt: skip
    text = [line for one in found for line in _lines(one)] or ["nothing was proposed yet"]
    rows = [
        [one.named.key, one.named.shown(one.value), one.named.unit,
         f"{one.named.shown(one.lowest)} to {one.named.shown(one.highest)}", one.direction.value]
        for one in numbers
    ]  # fmt: skip
    emit(as_json, data, [*text, "", *table(["number", "value", "unit", "bounds", "direction"], rows)])
    return 0


@app.command
def propose(
    key: str, value: float, *, why: str, by: By = "member-0", rpc: Rpc = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Put a number to the vote.

    Args:
        key: Which, as `quietgrid vote list` names it.
        value: What it shall be, in its unit.
        why: What voters read beside it.
        state: Folder of databases and keys.
    """
    return _propose(lambda governing: governing.change(key, value), why, by, (state, rpc), as_json)


@app.command(name="propose-payment")
def propose_payment(
    to: str, amount: float, *, why: str, by: By = "member-0", rpc: Rpc = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Put a payment to the vote: out of the energy tokens that the timelock holds, the community's treasury.

    Args:
        to: Address: 0x and 40 digits.
        amount: In the community's currency.
        why: What voters read beside it.
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import address_of

    address = address_of(to, "TO")
    return _propose(lambda governing: governing.payment(address, round(amount * 1e6)), why, by, (state, rpc), as_json)


@app.command(name="propose-role")
def propose_role(
    role: str, to: str, *, take: Annotated[bool, Parameter(negative="")] = False, why: str, by: By = "member-0",
    rpc: Rpc = "", state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Put to the vote who has a role in the contracts.

    Args:
        role: Such as engine or guardian, as effects name it.
        to: Address: 0x and 40 digits.
        take: Take the role instead of giving it.
        why: What voters read beside it.
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import address_of

    address = address_of(to, "TO")
    return _propose(lambda governing: governing.role(role, address, take), why, by, (state, rpc), as_json)


@app.command(name="propose-resume")
def propose_resume(
    *, why: str, by: By = "member-0", rpc: Rpc = "", state: Path | None = None, as_json: Json = False
) -> int:
    """Put to the vote that the stop of everything ends on the chain; nothing else ends it there.

    Args:
        why: What voters read beside it; its hash goes with the call.
        state: Folder of databases and keys.
    """
    return _propose(lambda governing: governing.resume(why), why, by, (state, rpc), as_json)


def _propose(
    call_of: Callable[[Governing], ProposedCall], why: str, by: str, where: tuple[Path | None, str], as_json: bool
) -> int:
    with _governing(*where) as (governing, accounts):
        call = call_of(governing)
        governing.propose(accounts(by), [call], why)
        proposal_id = f"0x{governing.id_of([call], why):064x}"
    emit(as_json, {"proposed": proposal_id}, [f"proposed as {proposal_id}", PAUSE_HINT])
    return 0


@app.command
def cast(
    proposal: str, answer: Literal["for", "against", "abstain"], *, by: By = "member-0", why: str = "", rpc: Rpc = "",
    state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Vote with all GRID an account had when the vote opened. A vote cannot be changed.

    Args:
        proposal: Its number, or its id (0x…).
        answer: for, against or abstain.
        why: What others read beside it.
        state: Folder of databases and keys.
    """
    from quietgrid.model.proposal import Support

    with _governing(state, rpc) as (governing, accounts):
        found = governing.proposal(proposal)
        done = governing.cast(accounts(by), int(found.id, 16), Support(answer), why)
    emit(as_json, {"voted": answer, "proposal": found.number, "transaction": done.hash},
         [f"{by} voted {answer} proposal {found.number}", PAUSE_HINT])  # fmt: skip
    return 0


@app.command
def queue(
    proposal: str, *, by: By = "member-0", rpc: Rpc = "", state: Path | None = None, as_json: Json = False
) -> int:
    """Hand an accepted proposal to the timelock.

    Args:
        proposal: Its number, or its id (0x…).
        state: Folder of databases and keys.
    """
    found, transaction = _push("queue", proposal, by, (state, rpc))
    emit(as_json, {"queued": found.number, "transaction": transaction}, [f"proposal {found.number} waits", PAUSE_HINT])
    return 0


@app.command
def execute(
    proposal: str, *, by: By = "member-0", rpc: Rpc = "", state: Path | None = None, as_json: Json = False
) -> int:
    """Let the timelock do what an accepted proposal says, when its time has come.

    Args:
        proposal: Its number, or its id (0x…).
        state: Folder of databases and keys.
    """
    found, transaction = _push("execute", proposal, by, (state, rpc))
    emit(as_json, {"executed": found.number, "effects": list(found.effects), "transaction": transaction},
         [f"proposal {found.number} is executed:", *(f"  {effect}" for effect in found.effects)])  # fmt: skip
    return 0


@app.command
def give(
    to: str, grid: int, *, by: By = "member-0", rpc: Rpc = "", state: Path | None = None, as_json: Json = False
) -> int:
    """Hand GRID on to another account, such as a home's own (its page Votes names it). It counts for later votes.

    Args:
        to: Address: 0x and 40 digits.
        grid: How much.
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import address_of
    from quietgrid.model.proposal import GRID_UNIT

    with _governing(state, rpc) as (governing, accounts):
        done = governing.hand_on(accounts(by), address_of(to, "TO"), grid * GRID_UNIT)
    emit(as_json, {"to": to, "grid": grid, "transaction": done.hash}, [f"{by} gave {grid:,} GRID to {to}"])
    return 0


def _push(
    step: Literal["queue", "execute"], proposal: str, by: str, where: tuple[Path | None, str]
) -> tuple[Proposal, str]:
    """One step of an accepted proposal: what was proposed, and the transaction."""
    with _governing(*where) as (governing, accounts):
        found = governing.proposal(proposal)
        send = governing.queue if step == "queue" else governing.execute
        done = send(accounts(by), found.calls, found.description)
    return found, done.hash


@contextmanager
def _governing(state: Path | None, rpc: str) -> Iterator[tuple[Governing, Keys]]:
    from quietgrid.cli.chain import Keys, at_chain
    from quietgrid.runtime.chain_view import view_of
    from quietgrid.runtime.governing import Governing

    with at_chain(state, rpc) as (store, chain, folder, addresses):
        yield Governing(view_of(store, chain, addresses, folder.people())), Keys(folder.path)


def _data(one: Proposal) -> dict[str, Any]:
    from quietgrid.model.proposal import Support

    return {
        "number": one.number, "id": one.id, "state": one.state.value, "proposer": one.proposer,
        "description": one.description, "effects": list(one.effects), "quorate": one.quorate,
        "votes": {support.value: str(one.cast(support)) for support in Support},
        "quorum": None if one.quorum is None else str(one.quorum),
        "power": None if one.power is None else str(one.power),
        "starts": one.starts, "ends": one.ends, "executable_from": one.eta, "executed_at": one.executed_at,
    }  # fmt: skip


def _lines(one: Proposal) -> list[str]:
    from quietgrid.model.proposal import GRID_UNIT, Support

    cast = ", ".join(f"{one.cast(support) // GRID_UNIT:,} {support.value}" for support in Support)
    quorum = "" if one.quorum is None else f"; quorum {one.quorum // GRID_UNIT:,} of {(one.power or 0) // GRID_UNIT:,}"
    ends = datetime.fromtimestamp(one.ends, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    head = f"{one.number}  {one.state.value:<9}  {one.description}  ({one.proposer})"
    return [head, *(f"   {effect}" for effect in one.effects), f"   {cast} GRID{quorum}; vote ends {ends}"]

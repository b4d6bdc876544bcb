"""`quietgrid vote`: what is put to the vote, and the transactions by which a member takes part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit, table

if TYPE_CHECKING:
    from quietgrid.cli.chain import Keys
    from quietgrid.model.proposal import Proposal
    from quietgrid.runtime.governing import Governing

app = command_app("vote", "Votes with GRID: list, propose, cast, queue, execute.")
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
    with _governing(state, rpc) as (governing, accounts):
        call = governing.change(key, value)
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
    with _governing(state, rpc) as (governing, accounts):
        found = governing.proposal(proposal)
        done = governing.queue(accounts(by), found.calls, found.description)
    emit(as_json, {"queued": found.number, "transaction": done.hash}, [f"proposal {found.number} waits", PAUSE_HINT])
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
    with _governing(state, rpc) as (governing, accounts):
        found = governing.proposal(proposal)
        done = governing.execute(accounts(by), found.calls, found.description)
    emit(as_json, {"executed": found.number, "effects": list(found.effects), "transaction": done.hash},
         [f"proposal {found.number} is executed:", *(f"  {effect}" for effect in found.effects)])  # fmt: skip
    return 0


@contextmanager
def _governing(state: Path | None, rpc: str) -> Iterator[tuple[Governing, Keys]]:
    from quietgrid.cli.chain import Keys, at_chain
    from quietgrid.runtime.governing import Governing

    with at_chain(state, rpc) as (store, chain, folder, addresses):
        yield Governing(store, chain, addresses, folder.people()), Keys(folder.path)


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

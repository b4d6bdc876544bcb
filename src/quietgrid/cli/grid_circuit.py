"""`quietgrid grid circuit`: what is stopped or broken on the chain; the operator resets what is broken."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from quietgrid.cli.grid import app
from quietgrid.cli.output import Json, emit

if TYPE_CHECKING:
    from quietgrid.api.desk.grid_circuit import Circuit
    from quietgrid.api.services import Services

By = Annotated[str, Parameter(name="--by", help="Name of the account that decides.")]
Why = Annotated[str, Parameter(name="--why", help="The reason, for the audit log.")]
Rpc = Annotated[str, Parameter(name="--rpc", help="Address of a node; that of the settings unless told.")]
CURES = (
    ("stopped", "  a vote ends it: `quietgrid vote propose-resume --why REASON`, then cast, queue, execute"),
    ("broken", "  `quietgrid grid circuit reset --by NAME --why REASON`, once the grid is normal"),
)


@app.command
def circuit(
    do: Literal["show", "reset"] = "show", *, by: By = "", why: Why = "", rpc: Rpc = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Markets as the chain has them: say what closes them, or reset a broken circuit by the operator's account.

    Args:
        do: Show, or reset what is broken: where two of the owners' keys are in STATE, once the grid is normal.
        state: Folder of databases and keys.
    """
    from quietgrid.api.desk import grid_circuit as desk
    from quietgrid.cli.grid_live import desk_at

    with desk_at(state, by if do != "show" else None) as (services, viewer):
        if do == "show":
            found = desk.circuit(services, viewer)
        else:
            found = desk.reset_circuit(services, viewer, why, lambda account: _reset(services, state, rpc, account))
    emit(as_json, asdict(found), _lines(found))
    return 0


def _reset(services: Services, state: Path | None, rpc: str, account: str) -> str:
    """The same as the platform's process does, with the keys that are here."""
    from quietgrid.cli.chain import at_chain
    from quietgrid.runtime.chain_at import treasury
    from quietgrid.runtime.grid_chain import reset_normal

    with at_chain(state, rpc) as (_, chain, folder, addresses):
        return reset_normal(services.store, treasury(folder, chain, addresses), account)


def _lines(found: Circuit) -> list[str]:
    if found.transaction:
        return [f"reset: transaction {found.transaction}", "the platform takes it from the chain within a second"]
    if found.open:
        return ["on the chain markets are open"]
    return [found.why, *(cure for what, cure in CURES if getattr(found, what))]

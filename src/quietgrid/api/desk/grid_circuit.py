"""What is broken or stopped on the chain, and how it ends: the operator resets a circuit, a vote ends a stop.

Privacy: states of the whole grid; nothing about a group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.balance.deciding import reason_of
from quietgrid.errors import NotFoundError, UnavailableError
from quietgrid.runtime.grid_market import market_said


@dataclass(frozen=True, slots=True)
class Circuit:
    """Markets as the chain has them.

    Args:
        open: whether they are. why: not. stopped: only a vote ends it. broken: a circuit is to be reset.
        transaction: that reset it just now; empty else.
    """

    open: bool
    why: str
    stopped: bool
    broken: bool
    transaction: str = ""


def circuit(services: Services, viewer: Viewer) -> Circuit:
    """How markets stand on the chain, as the platform heard it."""
    require(viewer, Permission.GRID)
    with services.store.read() as tx:
        said = market_said(tx)
    return Circuit(not said.why, said.why, said.stopped, said.broken)


def reset_circuit(
    services: Services, viewer: Viewer, why: str, keys: Callable[[str], str] | None = None
) -> Circuit:  # fmt: skip
    """Reset what is broken on the chain, by the operator's account.

    Args:
        keys: `GridOnChain.reset` or alike; that of the thread that looks at the chain unless told.

    Raises:
        NotFoundError: there is no chain. UnavailableError: its node is away, or was not found yet.
        ConflictError: see `GridOnChain.reset`.
    """
    require(viewer, Permission.GRID_APPROVE)
    reason = reason_of(why)
    worker = services.chain
    if keys is None and worker is None:
        raise NotFoundError("this community has no chain", where="circuit", fix="there is nothing to reset")
    reset = worker.reset if keys is None and worker is not None else keys
    if reset is None:
        raise UnavailableError("the chain's node was not found yet", where="circuit", fix="try again in a moment")
    transaction = reset(viewer.account)
    with services.store.begin() as tx:
        tx.log.append(viewer.account, "grid.circuit.reset", transaction, {"why": reason})
        said = market_said(tx)
    return Circuit(not said.why, said.why, said.stopped, said.broken, transaction)

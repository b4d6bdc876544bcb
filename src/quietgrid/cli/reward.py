"""`quietgrid reward`: what bills owe homes, claimed by the home itself on the chain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from quietgrid.cli.chain import Rpc, address_of, at_node
from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.cli.own import own_home

if TYPE_CHECKING:
    from quietgrid.chain.client import Chain
    from quietgrid.household.claiming import Claiming, Purse

    Keep = Callable[[int, Sequence[Purse], Sequence[str]], None]

app = command_app("reward", "What your bills owe you: see it, claim it from a fresh address, have it paid out.")
EUR = 1_000_000


@contextmanager
def _claiming(home: int, state: Path | None, rpc: str) -> Iterator[tuple[Claiming, Chain, str, Keep]]:
    """A home's claims, the node, the contract's address, and what keeps for the home's pages what was seen."""
    from quietgrid.household.claiming import CONTRACT
    from quietgrid.household.rewards import RewardNote, known, remember, seen

    chain, book = at_node(state, rpc)
    contract = book.address(chain.chain_id(), CONTRACT)
    with own_home(home, state) as own:
        store = own.parts.store

        def keep(credit_micro: int, purses: Sequence[Purse], sent: Sequence[str]) -> None:
            before = known(store, home) or RewardNote()
            remember(store, home, seen(before, credit_micro, purses, sent, time.time()))

        yield own.claiming, chain, contract, keep


@app.command(name="list")
def list_(*, state: Path | None = None, as_json: Json = False) -> int:
    """List the roots of claims, the escrow behind them and what was claimed; all of it is on the chain too.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.cli.chain import platform_tx
    from quietgrid.runtime.claims import claims_made, claims_standing

    with platform_tx(state) as tx:
        found = claims_standing(tx)
        done = claims_made(tx)
    rows = [[one.sequence, f"{one.promised_micro / EUR:.2f}", one.root.hex()[:16] + "…"] for one in found.roots]
    data = {
        "escrow_micro": found.escrow_micro, "state": found.state,
        "roots": [{"sequence": r.sequence, "root": r.root.hex(), "promised_micro": r.promised_micro}
                  for r in found.roots],
        "claims": [{"block": c.block, "what": c.what, "address": c.account, "sum_micro": c.sum_micro,
                    "transaction": c.transaction} for c in done],
    }  # fmt: skip
    made = [[c.block, c.what, c.account, f"{c.sum_micro / EUR:.2f}", c.transaction] for c in done]
    said = table(["root", "promised EUR", "hash"], rows) if rows else ["nothing was promised yet"]
    said += (
        table(["block", "what", "address", "in all EUR", "transaction"], made) if made else ["nothing was claimed yet"]
    )
    emit(as_json, data, [f"in escrow so far: {found.escrow_micro / EUR:.2f} EUR", *said])
    return 0


@app.command
def show(home: int, *, rpc: Rpc = "", state: Path | None = None, as_json: Json = False) -> int:
    """Show what a home's bills owe it, what of it can be claimed, was claimed, and was paid out.

    Args:
        home: Number of the home.
        state: Folder of databases and keys.
    """
    with _claiming(home, state, rpc) as (own, chain, contract, keep):
        found = own.own()
        purses = own.purses(chain, contract, found)
        keep(found.credit_micro, purses, [])
    _say(as_json, home, purses, [], found.credit_micro)
    return 0


@app.command
def claim(
    home: int, *, fresh: Annotated[bool, Parameter(negative="")] = False, rpc: Rpc = "", state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Claim what is promised to a home, from an address made for it; the first time the address is named.

    What was claimed already is not claimed again, so this can be interrupted and run again at any time.

    Args:
        home: Number of the home.
        fresh: Name a new address for what comes from now on, so that nobody can link it to earlier claims.
        state: Folder of databases and keys.
    """
    with _claiming(home, state, rpc) as (own, chain, contract, keep):
        sent = own.claim(chain, contract)
        own.name(fresh)
        found = own.own()
        purses = own.purses(chain, contract, found)
        keep(found.credit_micro, purses, sent)
    _say(as_json, home, purses, sent, found.credit_micro)
    return 0


@app.command
def withdraw(
    home: int, *, to: str, eur: int = 0, rpc: Rpc = "", state: Path | None = None, as_json: Json = False,
) -> int:  # fmt: skip
    """Have claimed money paid out to an address.

    Args:
        home: Number of the home.
        to: Whom to pay: 0x and 40 digits.
        eur: Whole euros; everything unless told.
        state: Folder of databases and keys.
    """
    address_of(to, "--to")
    with _claiming(home, state, rpc) as (own, chain, contract, keep):
        sent = own.withdraw(chain, contract, to, eur * EUR)
        found = own.own()
        purses = own.purses(chain, contract, found)
        keep(found.credit_micro, purses, sent)
    _say(as_json, home, purses, sent, found.credit_micro)
    return 0


def _say(as_json: bool, home: int, purses: list[Purse], sent: list[str], credit_micro: int) -> None:
    data: dict[str, Any] = {
        "home": home, "credit_micro": credit_micro, "transactions": sent,
        "addresses": [
            {"address": p.address, "promised_micro": p.promised_micro, "claimed_micro": p.claimed_micro,
             "paid_micro": p.paid_micro}
            for p in purses
        ],
    }  # fmt: skip
    amounts = [(p.promised_micro, p.claimed_micro, p.paid_micro) for p in purses]
    rows = [[p.address, *(f"{micro / EUR:.0f}" for micro in row)] for p, row in zip(purses, amounts, strict=True)]
    said = table(["address", "promised EUR", "claimed", "paid out"], rows) if rows else ["no address was named yet"]
    emit(as_json, data, [f"credits of all bills: {credit_micro / EUR:.2f} EUR", *said, *(f"sent {s}" for s in sent)])

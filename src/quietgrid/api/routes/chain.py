"""The chain: how it stands, the outbox, events, roots."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from quietgrid.accounts import Permission
from quietgrid.api import shapes_chain as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import chain as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso_at
from quietgrid.model.sending import ChainEvent, Sending

router = APIRouter(prefix="/chain", tags=["chain"])
MOST = 2**53
Limit = Annotated[int, Query(ge=1, le=desk.MOST)]
Number = Annotated[int, Path(ge=1, le=MOST, examples=[17])]
Day = Annotated[int, Path(ge=0, le=1 << 32, examples=[16991])]


@router.get("", response_model=shapes.ChainStatus, openapi_extra=need(Permission.CHAIN))
def state(kit: Kit, viewer: Asker) -> shapes.ChainStatus:
    """Whether the chain's node answers, how much waits for it, where the contracts are."""
    found = desk.state(kit, viewer)
    away = None if found.away_since is None else iso_at(found.away_since)
    return shapes.ChainStatus(
        state=found.state, chain_id=found.chain_id, account=found.account, away_since=away, block=found.block,
        outbox=found.counts, addresses=found.addresses, last_day=found.last_day, note=found.note,
    )  # fmt: skip


@router.get("/outbox", response_model=shapes.Transactions, openapi_extra=need(Permission.CHAIN))
def outbox(
    kit: Kit,
    viewer: Asker,
    only: Literal["", "queued", "sent", "mined", "confirmed", "failed"] = "",
    limit: Limit = 100,
    before: Annotated[int, Query(ge=0, le=MOST)] = 0,
) -> shapes.Transactions:
    """Transactions, newest first."""
    found = desk.outbox(kit, viewer, only=only, limit=limit, before=before)
    return shapes.Transactions(transactions=[_transaction(one) for one in found])


@router.get("/outbox/{number}", response_model=shapes.Followed, openapi_extra=need(Permission.CHAIN))
def follow(kit: Kit, viewer: Asker, number: Number) -> shapes.Followed:
    """One transaction and what it made contracts say."""
    found = desk.follow(kit, viewer, number)
    return shapes.Followed(transaction=_transaction(found.sending), events=[_event(e) for e in found.events])


@router.post("/outbox/{number}/retry", response_model=shapes.Transaction, openapi_extra=need(Permission.CHAIN_RETRY))
def retry(kit: Kit, viewer: Asker, number: Number) -> shapes.Transaction:
    """Send a failed transaction again, under a new nonce."""
    return _transaction(desk.retry(kit, viewer, number))


@router.get("/events", response_model=shapes.Events, openapi_extra=need(Permission.CHAIN))
def events(
    kit: Kit,
    viewer: Asker,
    contract: Annotated[str, Query(max_length=60, examples=["DailyRoots"])] = "",
    name: Annotated[str, Query(max_length=60, examples=["RootAnchored"])] = "",
    limit: Limit = 100,
) -> shapes.Events:
    """What contracts said, newest first."""
    found = desk.events(kit, viewer, contract=contract, name=name, limit=limit)
    return shapes.Events(events=[_event(e) for e in found])


@router.get("/roots", response_model=shapes.Roots, openapi_extra=need(Permission.CHAIN))
def roots(kit: Kit, viewer: Asker, limit: Limit = 60) -> shapes.Roots:
    """The newest days' roots and whether the contract has the same."""
    return shapes.Roots(roots=[_root(one) for one in desk.roots(kit, viewer, limit)])


@router.get("/roots/{day}", response_model=shapes.Roots, openapi_extra=need(Permission.CHAIN))
def check_day(kit: Kit, viewer: Asker, day: Day) -> shapes.Roots:
    """A day's roots, compared with the contract itself now."""
    return shapes.Roots(roots=[_root(one) for one in desk.check_day(kit, viewer, day)])


@router.get("/claims", response_model=shapes.Claims, openapi_extra=need(Permission.CHAIN))
def claims(kit: Kit, viewer: Asker) -> shapes.Claims:
    """What homes may claim in all, the escrow behind it, and the roots that were posted."""
    found = desk.claims(kit, viewer)
    return shapes.Claims(
        promised_micro=found.roots[0].promised_micro if found.roots else 0, escrow_micro=found.escrow_micro,
        state=found.state,
        roots=[
            shapes.ClaimsRoot(sequence=one.sequence, root=one.root.hex(), promised_micro=one.promised_micro)
            for one in found.roots
        ],
    )  # fmt: skip


def _transaction(one: Sending) -> shapes.Transaction:
    return shapes.Transaction(
        number=one.seq, key=one.key, what=one.what, state=one.state.value, nonce=one.nonce, block=one.block,
        gas=one.gas, error=one.error, hashes=[a.hash for a in one.attempts], queued_at=iso_at(one.at),
    )  # fmt: skip


def _event(one: ChainEvent) -> shapes.Event:
    return shapes.Event(
        block=one.block, index=one.index, transaction=one.transaction, contract=one.contract, name=one.name,
        values=one.values,
    )  # fmt: skip


def _root(one: desk.CheckedRoot) -> shapes.Root:
    kind = desk.KINDS[one.row.kind] if one.row.kind < len(desk.KINDS) else str(one.row.kind)
    return shapes.Root(
        day=one.row.day, kind=kind, root=one.row.root.hex(), leaves=one.row.leaves, on_chain=one.on_chain
    )

"""The community's assets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from quietgrid.accounts import Permission
from quietgrid.api import shapes_assets as shapes
from quietgrid.api.auth import Asker, Kit
from quietgrid.api.desk import assets as desk
from quietgrid.api.routes.meters import need
from quietgrid.api.times import iso_at
from quietgrid.model.asset import Asset

router = APIRouter(prefix="/assets", tags=["chain"])


@router.get("", response_model=shapes.Assets, openapi_extra=need(Permission.CHAIN))
def assets(kit: Kit, viewer: Asker) -> shapes.Assets:
    """Every asset with its histories, permissions, shares and revenue."""
    found = desk.assets(kit, viewer)
    return shapes.Assets(state=found.state, assets=[_asset(one) for one in found.assets])


@router.get("/{number}", response_model=shapes.Asset, openapi_extra=need(Permission.CHAIN))
def asset(kit: Kit, viewer: Asker, number: Annotated[int, Path(ge=1, le=2**53, examples=[1])]) -> shapes.Asset:
    """One asset."""
    return _asset(desk.asset(kit, viewer, number))


def _asset(one: Asset) -> shapes.Asset:
    return shapes.Asset(
        number=one.number, kind=one.kind.value, rule=one.rule.value, capacity_w=one.capacity_w,
        storage_wh=one.storage_wh, location=one.location, owner=one.owner, retired=one.retired, shares=one.shares,
        received_micro=one.received_micro, paid_micro=one.paid_micro,
        history=[
            shapes.Entry(
                history=e.history.value, start=iso_at(e.start), end=iso_at(e.end), quantity=e.quantity, root=e.root,
                by=e.by,
            )
            for e in one.entries
        ],
        permissions=[
            shapes.Permit(account=p.account, permission=p.permission.value, until=iso_at(p.until)) for p in one.permits
        ],
        holders=[
            shapes.Holding(holder=h.holder, shares=h.shares, paid_micro=h.paid_micro, due_micro=h.due_micro)
            for h in one.holdings
        ],
        revenue=[shapes.Payment(payer=p.payer, amount_micro=p.amount_micro, block=p.block) for p in one.payments],
    )  # fmt: skip

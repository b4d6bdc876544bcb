"""The community's assets for people: histories, permissions, shares, revenue.

Privacy: only what is public on the chain; assets are a community's, never a home's.
"""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.errors import NotFoundError
from quietgrid.model.asset import Asset


@dataclass(frozen=True, slots=True)
class CommunityAssets:
    """The assets, by number; `state` of the chain: ``off``, ``starting``, ``live`` or ``away``."""

    state: str
    assets: list[Asset]


def assets(services: Services, viewer: Viewer) -> CommunityAssets:
    """Every asset."""
    require(viewer, Permission.CHAIN)
    worker = services.chain
    onchain = worker.chain if worker is not None else None
    if onchain is None:
        return CommunityAssets("off" if worker is None else "starting", [])
    from quietgrid.runtime.assets import Assets
    from quietgrid.runtime.chain_view import view_of

    found = Assets(view_of(services.store, onchain.node, onchain.addresses, onchain.people)).all()
    return CommunityAssets("live" if onchain.standing().reachable else "away", found)


def asset(services: Services, viewer: Viewer, number: int) -> Asset:
    """One asset.

    Raises:
        NotFoundError: there is none with this number.
    """
    for found in assets(services, viewer).assets:
        if found.number == number:
            return found
    raise NotFoundError("there is no such asset", where=f"asset {number}", fix="check the number")

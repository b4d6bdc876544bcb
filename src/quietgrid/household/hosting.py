"""Opening the homes one household process serves: vaults from their folders, links over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from quietgrid.household.claiming import HttpClaims
from quietgrid.household.events import HttpEvents
from quietgrid.household.insight_link import HttpInsight
from quietgrid.household.links import TIMEOUT_S, HttpHolder, HttpMeter, HttpPlatform, SignedClient
from quietgrid.household.service import Home, HomeParts
from quietgrid.household.steering import HttpDevice, HttpSignals
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Clock
from quietgrid.store import VaultStore
from quietgrid.wire.messages import CommunityCard


@dataclass(frozen=True)
class Addresses:
    """Base addresses of the platform, of keyholders 0, 1, 2, and of the meters ("" where they have none)."""

    platform: str
    keyholders: Sequence[str]
    meters: str = ""


def vaults(folder: Path) -> list[Vault]:
    """All vaults under a folder."""
    return [Vault(path.parent) for path in sorted(folder.glob("*/home"))]


def open_homes(
    folder: Path, card: CommunityCard, store: VaultStore, clock: Clock, addresses: Addresses
) -> dict[int, Home]:
    """Every home with a vault under `folder`, linked over HTTP. One connection pool a peer, shared by the homes.

    Args:
        card: The community. store: consents, ledger places and sessions of this process. clock: the community's time.
    """
    platform = httpx.Client(base_url=addresses.platform, timeout=TIMEOUT_S)
    holders = [httpx.Client(base_url=address, timeout=TIMEOUT_S) for address in addresses.keyholders]
    meters = httpx.Client(base_url=addresses.meters, timeout=TIMEOUT_S) if addresses.meters else None
    homes = {}
    for vault in vaults(folder):
        who = (vault.identity, card.community, vault.home)
        homes[vault.home] = Home(
            HomeParts(
                card, vault, store, clock, HttpPlatform(SignedClient(platform, *who)),
                [HttpHolder(SignedClient(client, *who)) for client in holders],
                None if meters is None else HttpMeter(SignedClient(meters, *who)),
                HttpClaims(SignedClient(platform, *who)),
                None if meters is None
                else (HttpSignals(SignedClient(platform, *who)), HttpDevice(SignedClient(meters, *who))),
                HttpInsight(SignedClient(platform, *who)),
                HttpEvents(SignedClient(platform, *who)),
            )
        )  # fmt: skip
    return homes

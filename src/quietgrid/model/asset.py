"""`Asset`: one energy asset of a community as the chain has it: what it is, histories, permissions, shares, revenue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AssetKind(StrEnum):
    """What an asset is; the order is that of the contract `IEnergyAssetNFT.Kind`."""

    SOLAR = "solar"
    WIND = "wind"
    HYDRO = "hydro"
    STORAGE = "storage"
    COMBINED_HEAT = "combined-heat"
    CHARGER = "charger"
    GRID = "grid"


class TransferRule(StrEnum):
    """To whom an asset and its shares may pass; the order is the contract's."""

    FREE = "free"
    ADMITTED = "admitted"
    BOUND = "bound"


class AssetPermission(StrEnum):
    """What an account may do for an asset; the order is the contract's."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MAINTAINER = "maintainer"
    STEWARD = "steward"


class AssetHistory(StrEnum):
    """Which history an entry belongs to; the order is the contract's."""

    PRODUCTION = "production"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class AssetEntry:
    """One entry: a period (unix seconds), Wh produced or number of works, root of the salted records, who wrote it."""

    history: AssetHistory
    start: int
    end: int
    quantity: int
    root: str
    by: str


@dataclass(frozen=True, slots=True)
class Permit:
    """What an account may do, and until when (unix seconds)."""

    account: str
    permission: AssetPermission
    until: int


@dataclass(frozen=True, slots=True)
class Holding:
    """One shareholder.

    Args:
        holder: Name or address. shares: it has. paid_micro: revenue it received. due_micro: it can claim; None while
            the node is away.
    """

    holder: str
    shares: int
    paid_micro: int
    due_micro: int | None


@dataclass(frozen=True, slots=True)
class Payment:
    """Revenue that came in: who paid how much, in which block."""

    payer: str
    amount_micro: int
    block: int


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset.

    Args:
        number: Of the community's choice. kind, rule: see there. capacity_w, storage_wh: nominal. location: salted hash
            of where it stands. owner: name or address; `AssetShares` where it is split. retired: out of service.
        entries: oldest first. permits: those of the present owner, also ended ones. holdings: largest first.
        payments: oldest first. block: of its registration.
    """

    number: int
    kind: AssetKind
    rule: TransferRule
    capacity_w: int
    storage_wh: int
    location: str
    owner: str
    retired: bool
    entries: tuple[AssetEntry, ...]
    permits: tuple[Permit, ...]
    holdings: tuple[Holding, ...]
    payments: tuple[Payment, ...]
    block: int

    @property
    def shares(self) -> int:
        """All shares that are out; 0 if it is not split."""
        return sum(one.shares for one in self.holdings)

    @property
    def received_micro(self) -> int:
        """All revenue that came in."""
        return sum(one.amount_micro for one in self.payments)

    @property
    def paid_micro(self) -> int:
        """All revenue that shareholders received."""
        return sum(one.paid_micro for one in self.holdings)

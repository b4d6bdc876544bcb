"""The JSON of assets. Everything in it is public on the chain. Money in micro-units: 1 EUR = 1,000,000."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Time, one_of


class Entry(BaseModel):
    """One entry of an asset's history."""

    history: str = one_of("production", "maintenance")
    start: Time
    end: Time
    quantity: int = Field(examples=[212400], description="Wh produced, or number of works.")
    root: str = Field(examples=["0x" + "9f2b" * 16], description="RFC 6962, over the salted records.")
    by: str = Field(examples=["operator-0"])


class Permit(BaseModel):
    """What an account may do for an asset."""

    account: str = Field(examples=["OperatorSafe"])
    permission: str = one_of("viewer", "operator", "maintainer", "steward")
    until: Time


class Holding(BaseModel):
    """One shareholder."""

    holder: str = Field(examples=["member-0"])
    shares: int = Field(examples=[200])
    paid_micro: int = Field(examples=[20000000])
    due_micro: int | None = Field(examples=[0], description="Null while the chain's node is away.")


class Payment(BaseModel):
    """Revenue that came in."""

    payer: str = Field(examples=["supplier"])
    amount_micro: int = Field(examples=[100000000])
    block: int = Field(examples=[140])


class Asset(BaseModel):
    """One energy asset of the community."""

    number: int = Field(examples=[1])
    kind: str = one_of("solar", "wind", "hydro", "storage", "combined-heat", "charger", "grid")
    rule: str = one_of("free", "admitted", "bound")
    capacity_w: int = Field(examples=[48000])
    storage_wh: int = Field(examples=[0])
    location: str = Field(examples=["0x" + "9f2b" * 16], description="Salted hash of where it stands.")
    owner: str = Field(examples=["AssetShares"])
    retired: bool = Field(examples=[False])
    shares: int = Field(examples=[1000])
    received_micro: int = Field(examples=[100000000])
    paid_micro: int = Field(examples=[100000000])
    history: list[Entry]
    permissions: list[Permit]
    holders: list[Holding]
    revenue: list[Payment]


class Assets(BaseModel):
    """The community's assets."""

    state: str = one_of("live", "away", "starting", "off")
    assets: list[Asset]

"""The JSON of votes. Everything in it is public on the chain. GRID are whole numbers of 10^-18, as text."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Time, one_of

Grid = Annotated[str, Field(examples=["3000000000000000000000"], description="GRID, times 10^18.")]


class Vote(BaseModel):
    """One vote."""

    voter: str = Field(examples=["member-2"], description="Name if it is known here, else address.")
    support: str = one_of("for", "against", "abstain")
    weight: Grid
    reason: str = Field(examples=["five a year are enough"])
    block: int = Field(examples=[131])


class Proposal(BaseModel):
    """What is put to the vote. `effects` is decoded from the calls' bytes, `description` is the proposer's own."""

    number: int = Field(examples=[1])
    id: str = Field(examples=["0x" + "9f2b" * 16])
    state: str = one_of(
        "active", "pending", "canceled", "defeated", "succeeded", "queued", "expired", "executed", "unknown"
    )
    proposer: str = Field(examples=["member-0"])
    description: str = Field(examples=["Publish less"])
    effects: list[str] = Field(examples=[["publish budget 6 → 5 epsilon a home and year"]])
    votes_for: Grid
    votes_against: Grid
    abstained: Grid
    quorum: Grid | None
    power: Grid | None
    quorate: bool | None = Field(description="Whether the quorum is reached; null while it is not known.")
    starts: Time
    ends: Time
    executable_from: Time | None
    executed_at: Time | None
    votes: list[Vote]


class Parameter(BaseModel):
    """One number that can be voted on, in its unit."""

    key: str = Field(examples=["publish-budget"])
    name: str = Field(examples=["publish budget"])
    unit: str = Field(examples=["epsilon a home and year"])
    value: float = Field(examples=[5.0])
    lowest: float = Field(examples=[0.001])
    highest: float = Field(examples=[100.0])
    step: float = Field(examples=[3.0], description="The most that one vote can move it.")
    direction: str = one_of("only down", "only up", "either way")
    running: float | None = Field(examples=[5.0], description="What runs here; null: nothing here follows it.")


class Governance(BaseModel):
    """Votes, newest first, and the numbers they can change."""

    state: str = one_of("live", "away", "starting", "off")
    proposals: list[Proposal]
    parameters: list[Parameter]

"""The JSON of the feeds' routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from quietgrid.api.shapes import Time, one_of
from quietgrid.api.shapes_chain import ADDRESS

BIG = 2**53


class FeedReporter(BaseModel):
    """What one reporter did in the newest round."""

    address: str = Field(examples=[ADDRESS])
    name: str = Field(examples=["reporter 0"])
    state: str = one_of("agreed", "outlier", "silent", "refused")
    value: str | None = Field(examples=["0.082300"], description="What it reported, in the feed's unit.")
    why: str = Field(examples=[""], description="Of a refusal.")


class FeedStatus(BaseModel):
    """One feed and its newest answer."""

    feed: str = Field(examples=["price"])
    label: str = Field(examples=["Energy price"])
    unit: str = Field(examples=["EUR/kWh"])
    state: str = one_of("fresh", "stale", "waiting")
    value: str | None = Field(examples=["0.082300"])
    answer: int | None = Field(examples=[82300], description="As the contract has it, without the point.")
    decimals: int = Field(examples=[6])
    interval: Time | None = Field(description="Start of the interval it is about, by the community's clock.")
    observed_at: Time | None = Field(description="The oldest observation, by the reporters' own clocks.")
    age_s: int | None = Field(examples=[12])
    heartbeat_s: int = Field(examples=[7200], description="Older than this is stale.")
    number: int | None = Field(examples=[40], description="Counted here.")
    round: int | None = Field(examples=[38], description="Counted by the contract.")
    on_chain: str = one_of("recorded", "on its way", "refused", "here only", "no oracle")
    chain_round: int = Field(examples=[38], description="The newest round on the chain.")
    reporters: list[FeedReporter]
    note: str = Field(examples=[""], description="Why there is no newer answer.")


class FeedList(BaseModel):
    """All feeds."""

    running: bool
    feeds: list[FeedStatus]


class FeedPoint(BaseModel):
    """One answer."""

    number: int = Field(examples=[40])
    round: int = Field(examples=[38])
    value: str = Field(examples=["0.082300"])
    answer: int = Field(examples=[82300])
    interval: Time
    observed_at: Time
    agreed: list[str] = Field(examples=[[ADDRESS]])
    outliers: list[str]
    silent: list[str]


class FeedPoints(BaseModel):
    """Answers, newest first; ask again with `before` = the last number."""

    answers: list[FeedPoint]


class AskedFeed(BaseModel):
    """What reporters are asked for."""

    feed: str = Field(examples=["price"])
    round_id: int = Field(examples=[39])
    interval: int = Field(examples=[1464739200], description="Unix seconds of the community's clock.")
    chain_id: int = Field(examples=[31337])
    contract: str = Field(examples=[ADDRESS])


class AskedFeeds(BaseModel):
    """The open rounds."""

    asked: list[AskedFeed]


class ReportSent(BaseModel):
    """A reporter's signed observation."""

    model_config = ConfigDict(extra="forbid", strict=True)

    feed: Annotated[str, Field(max_length=40, examples=["price"])]
    round_id: Annotated[int, Field(ge=1, le=BIG, examples=[39])]
    interval: Annotated[int, Field(ge=0, le=BIG, examples=[1464739200])]
    answer: Annotated[int, Field(ge=-BIG, le=BIG, examples=[82300])]
    observed_at: Annotated[int, Field(ge=0, le=BIG, examples=[1795294800])]
    signature: Annotated[str, Field(pattern="^0x[0-9a-f]{130}$", examples=["0x" + "9f2b" * 32 + "1b"])]


class ReportTaken(BaseModel):
    """What became of a report."""

    taken: str = one_of("new", "known")

"""The JSON of demand response. Energy is whole Wh, money hundredths of the currency a kWh or micro-units, times UTC."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Time, one_of

Id = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$", examples=["evening-peak"])]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,8})?$", examples=["DE"])]
Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=200, examples=[[]])]
Energy = Annotated[int, Field(ge=0, le=10**12, examples=[25000])]
Why = Annotated[str, Field(min_length=3, max_length=200, examples=["a cable fault"])]
CAPABILITIES = ("battery", "ev", "heat-pump", "washing", "by-hand")
Can = Literal["battery", "ev", "heat-pump", "washing", "by-hand"]


class Utility(BaseModel):
    """Who runs programs. It starts nothing before it is verified."""

    id: Id
    name: str = Field(min_length=1, max_length=100, examples=["Canal Grid"])
    regions: list[Region] = Field(min_length=1, max_length=50)
    verified: bool = False
    verified_at: Time | None = None


class NewUtility(BaseModel):
    """A utility as it is put in."""

    id: Id
    name: str = Field(min_length=1, max_length=100, examples=["Canal Grid"])
    regions: list[Region] = Field(min_length=1, max_length=50)


class Utilities(BaseModel):
    """All of them."""

    utilities: list[Utility]


class Target(BaseModel):
    """Whom something is for; empty lists: everybody."""

    region: str = Field(default="", max_length=11, examples=["DE"])
    feeders: Names = []
    segments: Names = []
    capabilities: list[Can] = Field(default=[], examples=[["battery"]])


class Threshold(BaseModel):
    """When a program starts an event by itself."""

    trigger: Literal["forecast", "grid"] = "forecast"
    level: int = Field(ge=1, le=10**9, examples=[24000], description="Wh an interval (forecast), percent (grid).")
    chance_percent: int = Field(default=50, ge=1, le=99)
    lead_s: int = Field(default=86_400, ge=3_600, le=172_800)
    length: int = Field(default=6, ge=4, le=96, description="Intervals.")


class Terms(BaseModel):
    """What a program pays and asks."""

    rate_cents: int = Field(default=40, ge=1, le=100_000, description="Hundredths of the currency a kWh.")
    early_percent: int = Field(default=0, ge=0, le=1_000)
    scarce: list[tuple[int, int]] = Field(default=[], max_length=10, examples=[[[100, 50]]])
    penalty_percent: int = Field(default=0, ge=0, le=100)
    cap_micro: int = Field(default=20_000_000, ge=0, le=10**12)
    notice_s: int = Field(default=7_200, ge=0, le=604_800)
    longest_s: int = Field(default=7_200, ge=900, le=86_400)
    events_a_month: int = Field(default=8, ge=1, le=100)
    approve_wh: int = Field(default=500_000, ge=0, le=10**12)
    confidence_percent: int = Field(default=80, ge=50, le=99)
    baseline: str = Field(default="10-of-10", max_length=50)


class NewProgram(BaseModel):
    """A program as it is put in."""

    id: Id
    name: str = Field(min_length=1, max_length=100, examples=["Evening peak"])
    utility: Id
    region: Region
    terms: Terms = Terms()
    threshold: Threshold | None = None
    target: Target = Target()


class Program(NewProgram):
    """A program as it is kept."""

    pack: str = Field(examples=["DE/1"])
    revision: int = Field(examples=[1])
    starts: Time
    ends: Time | None
    homes: int = Field(examples=[60])
    events: int = Field(examples=[3])


class Programs(BaseModel):
    """All of them."""

    programs: list[Program]


class Pack(BaseModel):
    """One version of a region's rules, each value with where it comes from."""

    name: str = Field(examples=["DE/1"])
    notice_s: int
    events_a_month: int
    longest_s: int
    rate_cents: int
    cap_micro: int
    retention_days: int
    floor_homes: int
    sources: dict[str, str]


class Packs(BaseModel):
    """All of them."""

    packs: list[Pack]


class NewEvent(BaseModel):
    """An event that is started by hand."""

    program: Id
    start: str = Field(max_length=40, examples=["2016-07-12T15:00:00Z"])
    end: str = Field(max_length=40, examples=["2016-07-12T17:00:00Z"])
    target: Target = Target()
    target_wh: Energy = 0
    rate_cents: int = Field(default=0, ge=0, le=100_000, description="0: the program's.")
    reason: str = Field(default="", max_length=200)
    emergency: bool = False


class Reason(BaseModel):
    """Why."""

    reason: Why


class Counts(BaseModel):
    """Who takes part, live."""

    asked: int
    joined: int
    out: int
    silent: int


class Delivered(BaseModel):
    """What one group used less than its baseline; the interval holds nine in ten days without an event."""

    group: str = Field(examples=["Orchard Hill"])
    baseline_wh: int
    measured_wh: int
    delivered_wh: int
    low_wh: int
    high_wh: int
    days: int
    homes: int


class Event(BaseModel):
    """An event."""

    id: Id
    program: Id
    start: Time
    end: Time
    state: str = one_of("proposed", "announced", "active", "ended", "verified", "rewarded", "paid", "cancelled")
    cause: str = one_of("hand", "forecast", "grid", "openadr", "override")
    reason: str
    target: Target
    target_wh: int
    rate_cents: int
    expected_wh: int
    sure_wh: int
    delivered_wh: int | None
    participation: Counts
    groups: list[Delivered]
    rewarded_homes: int = Field(description="0 below the privacy floor.")
    rewards_micro: int
    avoided_carbon: str = Field(examples=["no figure"])


class Events(BaseModel):
    """Events, the newest first."""

    events: list[Event]

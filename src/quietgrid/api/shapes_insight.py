"""The JSON of comparison: published figures, and encrypted questions."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Base64, Hex32, Time, one_of


class Peers(BaseModel):
    """Homes that a home is compared with."""

    name: str = Field(examples=["all"])
    words: str = Field(examples=["all homes"])
    homes: int = Field(examples=[120])
    average_wh: int = Field(examples=[264_667], description="A home and month.")
    margin_wh: int = Field(examples=[0], description="The noise on the average is at most this, 95 times of 100.")
    epsilon: float = Field(examples=[0.0], description="Privacy loss of each home; 0 where the average is exact.")


class SpreadOfHomes(BaseModel):
    """How the homes' months are spread; from counts with noise."""

    thresholds_wh: list[int] = Field(examples=[[92_000, 133_000]])
    percents: list[int] = Field(examples=[[10, 20]], description="Homes of a hundred below each.")
    month: str = Field(examples=["2026-03"], description="Whose counts they are from; empty without.")
    epsilon: float = Field(examples=[1.0])
    margin_homes: int = Field(examples=[6])


class CommunityComparison(BaseModel):
    """What a community publishes for comparison; the same for everybody."""

    month: str = Field(examples=["2026-03"])
    months: list[str]
    start: Time
    end: Time
    figures: Hex32 = Field(description="Hash of the signed figures; an encrypted question names it.")
    group: Peers
    groups: list[Peers]
    spread: SpreadOfHomes
    profile_wh: list[int] = Field(description="The mean home's day, Wh each local hour; empty where too few homes.")
    profile_homes: int = Field(examples=[120])
    usual_permille: list[int] = Field(description="Above this share of the day an hour stands out; 255: none does.")
    degree_days: list[int] = Field(description="Tenths (base 15 °C), each local day; empty where no weather is known.")
    advice: list[str] = Field(examples=[["always-on"]], description="Ids, in the order of the rules.")


class ComparisonWanted(BaseModel):
    """The month to publish for; the newest that is billed unless told."""

    month: str = Field(default="", pattern=r"^([0-9]{4}-[0-9]{2})?$", examples=["2026-03"])


class ComparisonStep(BaseModel):
    """A statistic that was due."""

    statistic: str = Field(examples=["spread"])
    epsilon: float = Field(examples=[1.0])
    refused: str = Field(description="Why it was not published; empty if it was.")


class ComparisonSteps(BaseModel):
    """What was due."""

    steps: list[ComparisonStep]


class InsightEngine(BaseModel):
    """Whether this platform can compute on encrypted numbers."""

    built: bool
    fix: str = Field(description="How to have it built; empty if it is.")


class InsightLimits(BaseModel):
    """What is taken."""

    key_bytes: int
    question_bytes: int
    waiting: int = Field(description="Questions in the queue, of all homes.")
    seconds: float = Field(description="A computation may take.")
    kept: int = Field(description="Questions of a home.")
    kept_days: int


class InsightKey(BaseModel):
    """A home's server key: with it one can compute, and not read."""

    key_id: str = Field(examples=["96e9290b814dd1f6a251aeb29025b6b1"])
    bytes: int = Field(examples=[30_146_616])
    sha256: Hex32
    format: int = Field(examples=[1])
    uploaded: Time


class InsightStatus(BaseModel):
    """Where a home's encrypted comparisons stand."""

    engine: InsightEngine
    key: InsightKey | None
    waiting: int
    limits: InsightLimits


class InsightQuestion(BaseModel):
    """A home's month, encrypted with its own key."""

    figures: Hex32
    month: Base64 = Field(max_length=2_048)
    profile: Base64 = Field(max_length=2_048)
    features: Base64 = Field(max_length=2_048)


class InsightTaken(BaseModel):
    """A question that waits."""

    id: str = Field(examples=["9f2b9f2b9f2b9f2b9f2b9f2b9f2b9f2b"])
    state: str = one_of("waiting", "computing", "done", "failed")
    place: int = Field(examples=[1], description="In the queue; 0 once it is over.")


class SeenBytes(BaseModel):
    """What the platform saw of a part, or gave back: a ciphertext."""

    bytes: int
    sha256: Hex32
    content: Base64 = ""


class SeenPart(SeenBytes):
    """A part of a question as the platform saw it."""

    part: str = one_of("month", "profile", "features")


class InsightProblem(BaseModel):
    """Why there is no answer."""

    title: str
    detail: str
    fix: str


class InsightRequest(InsightTaken):
    """A question and what became of it. In lists without contents."""

    asked: Time
    done: str = Field(examples=["2026-03-12T17:15:00Z"], description="Empty while it waits.")
    figures: Hex32
    month: str = Field(examples=["2026-03"])
    group: str = Field(examples=["all"])
    seen: list[SeenPart]
    answer: SeenBytes | None
    seconds: float = Field(description="CPU time it took.")
    problem: InsightProblem | None


class InsightRequests(BaseModel):
    """A home's questions, newest first."""

    requests: list[InsightRequest]

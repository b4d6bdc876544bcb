"""The JSON of the grid's routes. Powers are W (negative feeds in), voltages and loadings of rated (1.0 = rated)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from quietgrid.api.shapes import Time, one_of

Ratio = Annotated[float | None, Field(examples=[1.021], description="Of rated; null where nothing is known.")]
Watt = Annotated[int, Field(examples=[-12400])]
Group = Annotated[str, Field(examples=["Orchard Hill"])]
Why = Annotated[str, Field(min_length=3, max_length=500, examples=["evening peak"])]


class GroupNow(BaseModel):
    """A group in one interval. Percentiles are over its nodes."""

    group: Group
    power_w: Watt
    homes: int = Field(examples=[30], description="Behind the total; 0: from yearly means.")
    lowest: Ratio
    p5: Ratio
    p50: Ratio
    p95: Ratio
    highest: Ratio
    loading: Ratio
    head_w: int | None = Field(examples=[None], description="Measured at its heads.")


class StateNow(BaseModel):
    """The grid in one interval."""

    start: Time
    resolution: int = Field(examples=[900])
    basis: str = one_of(
        "estimated from totals", "estimated from totals and measurements", "estimated from yearly means"
    )
    feasible: bool
    groups: list[GroupNow]
    loading: dict[str, float] = Field(examples=[{"Transformer": 0.41}], description="The fullest branches.")
    source_w: Watt
    loss_w: int = Field(examples=[1337])
    unexplained_w: int | None = Field(examples=[None], description="Measured at heads, neither used nor lost.")
    frequency_hz: float | None = Field(examples=[None])


class Frequency(BaseModel):
    """The system's frequency, as measured; never computed."""

    hz: float | None = Field(examples=[None])
    at: Time | None
    label: str = Field(examples=["not measured"])


class Market(BaseModel):
    """Whether markets are open."""

    open: bool
    why: str = Field(examples=[""])


class Alarm(BaseModel):
    """Something that is, or was, wrong."""

    id: str = Field(examples=["9f2b9f2b9f2b"])
    rule: str = Field(examples=["overload"])
    element: str = Field(examples=["Transformer"])
    priority: str = one_of("critical", "high", "medium", "low")
    said: str = Field(examples=["Transformer carries 104% of its rating"])
    since: Time
    until: Time | None
    seen_by: str = Field(examples=[""])
    seen_at: Time | None


class Alarms(BaseModel):
    """Alarms: those that last first, the most urgent first."""

    alarms: list[Alarm]


class Breaker(BaseModel):
    """An automatic circuit breaker."""

    name: str = one_of("market", "dispatch", "data")
    state: str = one_of("closed", "open", "half-open")
    since: Time | None
    why: str = Field(examples=[""])
    does: str = Field(examples=["markets are halted"], description="What it does when it is open.")


class Stop(BaseModel):
    """An emergency stop: two people decide it, two people end it."""

    number: int = Field(examples=[1])
    state: str = one_of("asked", "stopped", "withdrawn", "lapsed", "ended")
    reason: str = Field(examples=["smoke in the substation"])
    asked_by: str
    asked_at: Time
    agreed_by: str
    agreed_at: Time | None
    resume_by: str
    resume_reason: str
    ended_by: str
    ended_at: Time | None
    recorded: bool = Field(description="Queued for the chain.")


class Stops(BaseModel):
    """Emergency stops, the newest first."""

    stops: list[Stop]


class Circuit(BaseModel):
    """Markets as the chain has them."""

    open: bool
    why: str = Field(examples=["a circuit is broken on the chain: the operator's account resets it"])
    stopped: bool = Field(description="Only a vote ends it.")
    broken: bool = Field(description="The operator's account resets it.")
    transaction: str = Field(default="", examples=[""], description="That reset it just now.")


class Sensor(BaseModel):
    """The newest measurement of a sensor."""

    kind: str = Field(examples=["voltage-mv"])
    element: str = Field(examples=["Bus 1"])
    value: int = Field(examples=[401200])
    unit: str = Field(examples=["mV"])
    at: Time
    source: str = Field(examples=["substation"])
    good: bool


class Source(BaseModel):
    """A gateway or device that measures, or the broker between."""

    name: str = Field(examples=["substation"])
    kind: str = one_of("gateway", "device", "broker")
    reachable: bool
    note: str = Field(examples=["no batch for 90 s"], description="What is wrong; empty if nothing is.")


class Watch(BaseModel):
    """How far the watch for attacks is."""

    state: str = one_of("not measured", "learning", "watching")
    days_left: int = Field(examples=[12], description="Until it has learnt what is usual.")
    groups: list[str] = Field(description="It watches these.")
    learnt_until: Time | None
    said: str = Field(examples=["learning what is usual, 12 days left"])


class GridStatus(BaseModel):
    """How the grid stands."""

    state: str = one_of("running", "waiting", "no network")
    now: Time
    network: str = Field(examples=["Sample community"])
    version: int = Field(examples=[1])
    latest: StateNow | None
    frequency: Frequency
    market: Market
    alarms: list[Alarm]
    unseen: int = Field(examples=[0], description="Alarms nobody has acknowledged.")
    breakers: list[Breaker]
    stop: Stop | None
    waiting: int = Field(examples=[0], description="Plans that wait for approval.")
    away: dict[str, float] = Field(examples=[{"keyholder 2": 420.0}], description="Parts that do not answer, seconds.")
    sensors: list[Sensor]
    sources: list[Source]
    watch: Watch


class Flow(BaseModel):
    """What a group took or gave, the mean of its newest interval with a total."""

    group: Group
    start: Time
    resolution: int = Field(examples=[900])
    power_w: int | None = Field(examples=[12400], description="Null where only the net of both opens.")
    net_w: Watt
    homes: int = Field(examples=[30])


class Demand(BaseModel):
    """What groups take from the grid."""

    total_w: int | None = Field(examples=[34000], description="Null unless every group's opens.")
    groups: list[Flow]


class Supply(BaseModel):
    """What groups feed in, and what comes from upstream."""

    total_w: int | None = Field(examples=[8000], description="Fed in by groups; null unless every group's opens.")
    upstream_w: int | None = Field(examples=[27000], description="Estimated; negative: the community feeds back.")
    groups: list[Flow]


class Strip(BaseModel):
    """A group's voltages and power over a span; a value an interval with a state."""

    group: Group
    starts: list[Time]
    p5: list[float | None]
    p50: list[float | None]
    p95: list[float | None]
    power_w: list[int]
    loading: list[float | None]


class History(BaseModel):
    """Voltage strips of every group."""

    resolution: int = Field(examples=[900])
    strips: list[Strip]


class Branch(BaseModel):
    """A line or transformer."""

    name: str = Field(examples=["Line 104"])
    start: str
    end: str
    closed: bool
    loading: Ratio
    rating: float | None = Field(examples=[270.0], description="A (lines) or VA (transformers).")


class Node(BaseModel):
    """Where things meet. What hangs on a single node is not said."""

    name: str = Field(examples=["Bus 1"])
    rated_v: float = Field(examples=[400.0])
    group: str
    x: float | None
    y: float | None


class Changer(BaseModel):
    """A tap changer."""

    name: str = Field(examples=["Transformer"])
    tap: int = Field(examples=[-1])
    lowest: int
    highest: int
    on_load: bool


class Network(BaseModel):
    """The network in force, without what is known of single homes."""

    name: str
    version: int
    groups: list[str]
    nodes: list[Node]
    branches: list[Branch]
    transformers: list[Changer]
    kinds: dict[str, dict[str, int]] = Field(description="Group -> kind of unit -> how many.")
    rated_w: dict[str, dict[str, int]] = Field(description="Group -> kind of unit -> watts together.")


class GroupLimits(BaseModel):
    """How much more a group alone may draw or feed in, beyond what it did."""

    group: Group
    import_w: int = Field(examples=[41000])
    export_w: int = Field(examples=[38000])


class Limits(BaseModel):
    """The limits around the newest interval with totals."""

    start: Time
    resolution: int
    groups: list[GroupLimits]
    tightest: str = Field(examples=["voltage of Bus 50 high"], description="The limit that binds first.")


class SetPoint(BaseModel):
    """An instruction; behind its end the safe value holds."""

    id: str = Field(examples=["plan 1:Orchard Hill:1627480"])
    kind: str = one_of("tap", "storage-w", "curtail-percent", "reactive-percent", "shed")
    element: str = Field(examples=["Orchard Hill"])
    value: int = Field(examples=[-4000])
    start: Time
    end: Time
    reason: str


class Standing(BaseModel):
    """What a device does: its set-point now, and the safe value that holds without one."""

    kind: str = Field(examples=["storage-w"])
    element: str = Field(examples=["Orchard Hill"])
    safe: int = Field(examples=[0])
    active: SetPoint | None


class SetPoints(BaseModel):
    """What devices do now, ahead, and by themselves."""

    now: Time
    standing: list[Standing]
    ahead: list[SetPoint]


class Told(BaseModel):
    """A signal to the homes of a group."""

    id: str
    kind: str = one_of("set-point")
    group: Group
    start: Time
    resolution: int
    values: list[int]
    unit: str = Field(examples=["level_ppm"])
    issued: Time


class Signals(BaseModel):
    """Signals that hold now or later."""

    signals: list[Told]


class BalanceRequest(BaseModel):
    """What to plan."""

    why: Why
    aim: Literal["cost", "peak"] = "cost"
    hours: int = Field(default=24, ge=1, le=48, examples=[24])
    schedule: str = Field(default="aggregate", max_length=40, examples=["aggregate"])


class GroupPlan(BaseModel):
    """A group's part of a plan, a value an interval."""

    group: Group
    before_w: list[int]
    after_w: list[int]
    storage_w: list[int]
    level_wh: list[int]


class Plan(BaseModel):
    """A plan, before and after, and what became of it."""

    number: int = Field(examples=[1])
    state: str = one_of("proposed", "dispatched", "cancelled", "lapsed")
    start: Time
    end: Time
    resolution: int
    why: str
    made_by: str
    made_at: Time
    decided_by: str
    decided_at: Time | None
    reason: str
    basis: str
    reasons: list[str]
    cost_before_micro: int
    cost_after_micro: int
    peak_before_w: int
    peak_after_w: int
    groups: list[GroupPlan]
    set_points: list[SetPoint]


class Plans(BaseModel):
    """Plans, the newest first."""

    plans: list[Plan]


class Reason(BaseModel):
    """Why."""

    why: Why


class Note(BaseModel):
    """Why, if there is something to say."""

    why: str = Field(default="", max_length=500, examples=["as agreed"])

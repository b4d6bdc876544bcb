"""The JSON of the API, with examples. Ids are decimal strings (they are unsigned 64-bit); energy is whole Wh.

No shape has both a home (or meter) and a list of opened numbers: a test walks all routes and checks it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Id = Annotated[str, Field(pattern=r"^\d{1,20}$", examples=["1017"], description="Unsigned 64-bit, as decimal text.")]
Time = Annotated[str, Field(examples=["2026-03-12T17:15:00Z"], description="UTC.")]
Hex32 = Annotated[str, Field(examples=["9f2b" * 16], description="32 bytes as hex.")]


def one_of(*values: str) -> Any:
    """A text that is one of these."""
    return Field(json_schema_extra={"enum": list(values)}, examples=[values[0]])


Base64 = Annotated[str, Field(examples=["lKVjbG9zZcQ="], description="Bytes as base64.")]


class Accepted(BaseModel):
    """What became of each sealed frame, in the order sent."""

    status: list[int] = Field(examples=[[0, 0, 1]], description="0 stored, 1 stored before, 2 refused.")
    reasons: list[str] = Field(examples=[["", "", ""]], description="Why a frame was refused, else empty.")
    receipt: Base64 | None = Field(description="Signed receipt (msgpack `Signed[Receipt]`) over the frames in `order`.")
    order: list[int] = Field(examples=[[0, 1, 2]], description="Places of the acknowledged frames in the request.")


class Meter(BaseModel):
    """One meter, without readings."""

    pid: Id
    home: Id
    leaf: str = Field(examples=["Orchard Hill"])
    registers: list[str] = Field(examples=[["import", "export"]])
    since_day: int = Field(examples=[16953], description="UTC day (days since 1970) of its enrolment.")
    state: str = one_of("active", "waiting", "retired")


class Meters(BaseModel):
    """All meters. Their readings are not available to any role."""

    meters: list[Meter]
    note: str = "individual readings are not available to any role"


class SealedHistory(BaseModel):
    """A home's own ciphertexts: one msgpack `SealedSeries` a register. Only the home's own keys open them."""

    pid: Id
    start: Time
    end: Time
    resolution_s: int = Field(examples=[900])
    sealed: list[Base64]


class Node(BaseModel):
    """A group with totals."""

    name: str = Field(examples=["Orchard Hill"])
    leaves: list[str] = Field(examples=[["Orchard Hill"]])
    quantities: list[str] = Field(examples=[["import", "export"]])
    homes: int = Field(examples=[30])
    exporters: int = Field(examples=[16])


class Nodes(BaseModel):
    """The groups of the one partition."""

    floor: int = Field(examples=[15], description="Fewest homes behind any total.")
    nodes: list[Node]


class Totals(BaseModel):
    """Opened totals of a group; `null` is a gap (too few homes arrived, or not opened yet), never zero."""

    node: str = Field(examples=["Orchard Hill"])
    quantity: Literal["import", "export", "net"]
    start: Time
    end: Time
    resolution_s: int = Field(examples=[900])
    members: int = Field(examples=[30], description="Homes in the group.")
    status: str | None = Field(examples=["confirmed"], description="Of the least checked part.")
    energy_wh: list[int | None] = Field(examples=[[5312, None, 5098]])
    homes: list[int | None] = Field(examples=[[30, None, 29]], description="Homes behind each number.")


class BillItem(BaseModel):
    """One bill in a list: sums of a period, no curve."""

    number: str = Field(examples=["2026-02-01-0007"])
    home: Id
    name: str = Field(examples=["Orchard Hill 7"])
    period: str = Field(examples=["2026-02-01"], description="First local day of the period.")
    start: Time
    end: Time
    version: int = Field(examples=[1])
    tariff: str = Field(examples=["time-of-use"])
    imported_wh: int = Field(examples=[212431])
    exported_wh: int = Field(examples=[80110])
    estimated_wh: int = Field(examples=[0])
    total_micro: int = Field(examples=[61204000], description="Millionths of the currency; negative is earned.")
    currency: str = Field(examples=["EUR"])
    state: str = one_of("draft", "approved", "issued")


class Bills(BaseModel):
    """Bills, newest period first."""

    bills: list[BillItem]


class BillLine(BaseModel):
    """One line of a bill."""

    kind: str = Field(examples=["energy"])
    name: str = Field(examples=["evening"])
    register_: str = Field(alias="register", examples=["import"])
    quantity: int = Field(examples=[48107], description="Wh, or days of a standing charge.")
    price_micro: int = Field(examples=[283100])
    amount_micro: int = Field(examples=[13619092])
    vat_bp: int = Field(examples=[1900])
    estimated: bool = False


class VatItem(BaseModel):
    """VAT at one rate."""

    rate_bp: int = Field(examples=[1900])
    base_micro: int = Field(examples=[51432000])
    amount_micro: int = Field(examples=[9772080])


class BandSum(BaseModel):
    """One opened sum the bill was computed from: a band of the whole period."""

    vector: str = Field(examples=["evening"])
    register_: str = Field(alias="register", examples=["import"])
    measured: int = Field(examples=[48107])
    intervals: int = Field(examples=[448])
    late: int = 0
    late_intervals: int = 0
    missing: int = 0
    estimate: int = 0


class BillDocument(BillItem):
    """A whole bill: lines, VAT, and the sums it was computed from."""

    days: int = Field(examples=[28])
    tariff_version: int = Field(examples=[1])
    lines: list[BillLine]
    vat: list[VatItem]
    sums: list[BandSum]


class BillProofDocument(BaseModel):
    """All that is needed to check a bill: msgpack messages as base64."""

    bill: Base64
    book: Base64
    records: list[Base64]
    scalars: Base64 | None = Field(description="Released by the household; null until it has.")
    vouching: Base64 = Field(description="Who vouches for the meters' keys: maker, household, registrar, keyholders.")
    closes: list[Hex32]


class RunRequest(BaseModel):
    """Which period to bill."""

    period: str = Field(examples=["2026-02-01"], pattern=r"^\d{4}-\d{2}-\d{2}$")


class RunResult(BaseModel):
    """What a billing run did."""

    period: str = Field(examples=["2026-02-01"])
    bills: int = Field(examples=[118])
    estimated: int = Field(examples=[2], description="Bills with an estimated part.")
    late_cells: int = Field(examples=[61])
    refused: list[str] = Field(examples=[[]], description="Leaves whose batch the gate refused, and the rule.")


class Run(BaseModel):
    """A billing period and how far its bills are."""

    period: str = Field(examples=["2026-02-01"])
    state: str = one_of("waiting", "ready", "open", "issued", "refused")
    bills: int = Field(examples=[118])
    total_micro: int = Field(examples=[9061310000])


class Runs(BaseModel):
    """Billing periods, newest first."""

    runs: list[Run]


class Approved(BaseModel):
    """How many drafts were approved and issued."""

    period: str = Field(examples=["2026-02-01"])
    bills: int = Field(examples=[118])


class QualityDay(BaseModel):
    """One leaf's cells of one UTC day."""

    leaf: str = Field(examples=["Orchard Hill"])
    day: str = Field(examples=["2026-03-12"])
    expected: int = Field(examples=[2880])
    in_time: int = Field(examples=[2868])
    late: int = Field(examples=[4])
    missing: int = Field(examples=[8])


class QualityMatrix(BaseModel):
    """Missing data by leaf and day; never by home."""

    days: list[QualityDay]


class Suspect(BaseModel):
    """The meters of one home, and in how many closes it was in every bad half."""

    meters: list[Id]
    strikes: int = Field(examples=[10])


class MeterSearch(BaseModel):
    """A search for a meter that spoils a leaf's totals. A strike is about a meter, never a reading."""

    leaf: str = Field(examples=["Orchard Hill"])
    quantity: str = Field(examples=["import"])
    since: Time
    closes: int = Field(examples=[10], description="Closes answered in two halves so far.")
    limit: int = Field(examples=[20], description="The most there will be.")
    telling: int = Field(examples=[10], description="Closes with one bad half.")
    over: bool
    found: bool = Field(description="The first suspect alone was in every bad half, often enough.")
    suspects: list[Suspect]


class MeterSearches(BaseModel):
    """All searches of the epoch, newest first."""

    searches: list[MeterSearch]


class LogLine(BaseModel):
    """One line of the platform's audit log."""

    number: int = Field(examples=[42])
    at: Time
    actor: str = Field(examples=["billing"])
    action: str = Field(examples=["billing.run"])
    subject: str = Field(examples=["period 1711200"])
    detail: dict[str, object] = Field(examples=[{"bills": 118}])
    hash: Hex32


class LogPage(BaseModel):
    """Lines of the log, and the head of its chain."""

    entries: int = Field(examples=[1204])
    head: Hex32
    lines: list[LogLine]


class LogChain(BaseModel):
    """The recomputed chain."""

    holds: Literal[True] = True
    entries: int = Field(examples=[1204])
    head: Hex32


class Asked(BaseModel):
    """One question to the keyholders and what became of it."""

    hash: Hex32
    kind: str = Field(examples=["totals"])
    node: str = Field(examples=["Orchard Hill"])
    quantity: str = Field(examples=["import"])
    start: Time
    end: Time
    asked_at: Time
    outcome: str = one_of("answered", "refused", "open")
    status: str = Field(examples=["confirmed"])
    refusals: list[str] = Field(examples=[[]], description="``keyholder N: rule: why``.")


class Questions(BaseModel):
    """Questions, newest first."""

    count: int = Field(examples=[6528])
    questions: list[Asked]


class Dispute(BaseModel):
    """An answer that was withheld because keyholders contradict each other."""

    name: str = Field(examples=["9f2b9f2b9f2b"], description="Beginning of the question's hash.")
    kind: str = one_of("totals", "bills", "event")
    node: str = Field(examples=["Orchard Hill"])
    quantity: str = Field(examples=["import"])
    start: Time
    end: Time
    since: Time
    components: list[str] = Field(examples=[["01"]], description="The components that came in two versions.")
    suspects: list[str] = Field(examples=[["keyholder 0", "keyholder 1"]])
    finding: str = Field(
        examples=["keyholder 1 lied: its mask is not what its own day key gives"], description="Empty until found."
    )


class Disputes(BaseModel):
    """Withheld answers, newest first."""

    disputes: list[Dispute]


class SpyRequest(BaseModel):
    """Whose intervals to ask for (demo)."""

    home: Id
    start: str | None = Field(default=None, max_length=40, examples=["2026-03-12T17:00:00Z"])
    end: str | None = Field(default=None, max_length=40, examples=["2026-03-12T18:00:00Z"])


class HolderRefusal(BaseModel):
    """What one keyholder said."""

    keyholder: int = Field(examples=[0])
    rule: str = Field(examples=["floor"])
    what: str = Field(examples=["this asks for one home; a total needs at least 15 homes"])
    fix: str = Field(examples=["ask for the feeder section's total"])


class SpyResult(BaseModel):
    """Nothing was opened; the home sees the attempt on its Privacy page."""

    home: Id
    start: Time
    end: Time
    at: Time
    refusals: list[HolderRefusal]


class HolderState(BaseModel):
    """One keyholder."""

    number: int = Field(examples=[0])
    name: str = Field(examples=["household association"])
    state: str = one_of("up", "stopped", "away")


class CommunityStatus(BaseModel):
    """How the community stands."""

    community: str = Field(examples=["Lindenhof energy community"])
    demo: bool
    time: Time
    closed_until: Time
    phase: str = Field(examples=["live"])
    days_done: int = Field(examples=[40])
    days_total: int = Field(examples=[40])
    note: str = ""
    speed: int = Field(examples=[1])
    paused: bool
    keyholders: list[HolderState]


class PaceRequest(BaseModel):
    """What the demo's time should do."""

    do: Literal["pause", "play", "step", "fast", "slow"]


class SignInRequest(BaseModel):
    """Name and password."""

    name: str = Field(min_length=1, max_length=80, examples=["Mara Lindqvist"])
    password: str = Field(min_length=1, max_length=256, examples=["four words of your own"])


class PasswordRequest(BaseModel):
    """A new password of one's own, and the one before it (nothing for the first)."""

    current: str = Field(default="", max_length=256)
    password: str = Field(min_length=12, max_length=256, examples=["four words of your own"])


class Me(BaseModel):
    """Who is signed in."""

    name: str = Field(examples=["Mara Lindqvist"])
    role: Literal["analyst", "household", "auditor", "operator"]
    home: Id | None = None
    csrf: str = Field(examples=["7b21d0"], description="Send it as X-CSRF-Token with every change.")
    may: list[str] = Field(examples=[["see totals of groups"]])


class Health(BaseModel):
    """The process answers; whether the community is ready is in `phase`."""

    ok: Literal[True] = True
    phase: str = Field(examples=["live"])

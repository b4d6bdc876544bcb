"""The messages of suite 1 (PROTOCOL A, "Messages"): msgpack arrays in field order, Ed25519 around them.

Integers inside byte columns are little-endian. A signature is over ``"qg1 " ‖ name ‖ 00 ‖ body``.
The hash of a message is SHA-256 over the same bytes, so it covers the name as well. The form itself (`Message`,
`Signed`, `decode`) is in `crypto.public.envelope`, which must not import upwards; it is re-exported here.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import M as M
from quietgrid.crypto.public.envelope import Message as Message
from quietgrid.crypto.public.envelope import Signed as Signed
from quietgrid.crypto.public.envelope import decode as decode
from quietgrid.crypto.public.envelope import preimage as preimage


class Certificate(Message, frozen=True):
    """The maker's statement about one meter. Signed by a maker key the association recognises."""

    NAME: ClassVar[str] = "certificate"
    meter_pk: bytes
    registers: int
    connection_w: int


class Adoption(Message, frozen=True):
    """The household's statement that this meter is at its home. Signed by the household key."""

    NAME: ClassVar[str] = "adoption"
    community: bytes
    pid: int
    home: int
    meter_pk: bytes


class Enrol(Message, frozen=True):
    """A meter joins (meter → 3 keyholders, concentrator, household). Signed by the meter.

    `kcv[pair]` = HMAC-SHA256(CK_pair,d0, "qg1 kcv" ‖ pid u64)[:16], pairs in order 01, 02, 12.
    `sealed`: HPKE blobs, index 0..2 keyholder i's two chain keys (64 bytes, pairs ascending), 3 the
    concentrator's `k_mac` (32 bytes), 4 the household's three roots (96 bytes).
    `certificate` and `adoption` are encoded `Signed` envelopes.
    """

    NAME: ClassVar[str] = "enrol"
    community: bytes
    pid: int
    home: int
    meter_pk: bytes
    household_pk: bytes
    household_kem: bytes
    d0: int
    registers: int
    kcv: list[bytes]
    sealed: list[bytes]
    certificate: bytes
    adoption: bytes
    fingerprint: bytes

    def thin(self) -> Enrol:
        """Itself with the SHA-256 of each blob in the blob's place: what a member list names, and may be shown."""
        return msgspec.structs.replace(self, sealed=[hashlib.sha256(blob).digest() for blob in self.sealed])


class Ack(Message, frozen=True):
    """A keyholder has checked an enrolment. A meter is active with three."""

    NAME: ClassVar[str] = "ack"
    keyholder: int
    pid: int
    enrol: bytes


class Members(Message, frozen=True):
    """The registrar's list of one epoch, columns as little-endian bytes (see `model.MemberList`).

    `evidence[row]` is the hash of the meter's thin enrolment, which carries certificate and adoption.
    """

    NAME: ClassVar[str] = "members"
    community: bytes
    epoch: int
    revision: int
    first: int
    end: int
    resolution: int
    homes: bytes
    pids: bytes
    leaves: bytes
    registers: bytes
    connection_w: bytes
    leaf_names: list[str]
    evidence: list[bytes]


class Endorsement(Message, frozen=True):
    """A keyholder accepts a member list. Two of three make it valid.

    `root`: RFC 6962 root over its rows (`wire.vouching`), so that one row can be shown without the others.
    """

    NAME: ClassVar[str] = "endorsement"
    keyholder: int
    members: bytes
    root: bytes = b""


class VectorField(msgspec.Struct, array_like=True, frozen=True):
    """`model.Vector` on the wire."""

    name: str
    register: int
    rule: str
    tz: str
    hours: list[int]
    feed: str


class BookMessage(Message, frozen=True):
    """All vectors of one leaf and billing period, registered before it starts. Signed by the platform."""

    NAME: ClassVar[str] = "book"
    community: bytes
    epoch: int
    leaf: int
    first: int
    end: int
    resolution: int
    vectors: list[VectorField]


class Prices(Message, frozen=True):
    """Published prices of a feed, micro-money per kWh, one an interval. A slot is published once."""

    NAME: ClassVar[str] = "prices"
    community: bytes
    feed: str
    first: int
    resolution: int
    price_micro_per_kwh: list[int]


class Close(Message, frozen=True):
    """What arrived: slots [a, b) of one day and leaf. Signed by the platform, persisted before it is sent.

    `bitmap`: `numpy.packbits` of bool [rows of the leaf in this revision, b - a], row-major.
    `versions`: (row within the leaf, slot of the day, version) for every cell whose version is not 0.
    """

    NAME: ClassVar[str] = "close"
    community: bytes
    epoch: int
    revision: int
    leaf: int
    day: int
    a: int
    b: int
    bitmap: bytes
    versions: list[tuple[int, int, int]]
    signed_at: float


class LateClose(Message, frozen=True):
    """Late, corrected or void cells of one leaf and band that enter the bills of one period. Voted like a close.

    They are added to the homes' band sums and never opened apart: one late cell alone would be that reading.
    `first`/`end`: the billing period whose bills they enter; cells may be of this or an earlier period.
    `cells`: (row within the leaf, day, slot of the day, version).
    """

    NAME: ClassVar[str] = "late-close"
    community: bytes
    epoch: int
    revision: int
    leaf: int
    first: int
    end: int
    vector: str
    cells: list[tuple[int, int, int, int]]
    signed_at: float


class Vote(Message, frozen=True):
    """A keyholder has seen this close (or late close, or batch) and will accept no other. Final.

    `lots`: of a close, 32 bytes for each of its two pairs, in order (`crypto.secret.lots`); else empty.
    """

    NAME: ClassVar[str] = "vote"
    keyholder: int
    subject: bytes
    lots: tuple[bytes, ...] = ()


class QuestionMessage(Message, frozen=True):
    """A registered question, now to be evaluated (PROTOCOL A). Signed by the platform.

    `kind`: see `model.Kind`. `node`: leaf or union name. `quantity`: of totals. `first`/`end`: window.
    `vector`: the event of an event question, the alarm (hash in hex) of halves. `closes`: hashes, in (leaf, first
    slot) order, then late closes.
    """

    NAME: ClassVar[str] = "question"
    community: bytes
    epoch: int
    kind: str
    node: str
    quantity: str
    first: int
    end: int
    vector: str
    closes: list[bytes]


class Sums(Message, frozen=True):
    """A keyholder's two component sums, little-endian uint64, one value per answered number.

    `allowed`: `numpy.packbits` over the question's numbers, 1 where the gate lets it open; refused numbers hold 0.
    `counts`: int32, distinct capable homes (totals) or cells (facts) behind each number.
    """

    NAME: ClassVar[str] = "sums"
    keyholder: int
    question: bytes
    allowed: bytes
    counts: bytes
    components: list[bytes]


class Opened(Message, frozen=True):
    """The platform tells the keyholders what came out; it enters the ledger."""

    NAME: ClassVar[str] = "opened"
    question: bytes
    answer: bytes
    digests: list[bytes]
    status: str


class Alarm(Message, frozen=True):
    """A total was opened that the connections behind it cannot carry: the next closes are asked in halves (G13).

    `question`: encoded `Signed[QuestionMessage]`. `opened`: encoded `Signed[Opened]`. Signed by the platform.
    """

    NAME: ClassVar[str] = "alarm"
    community: bytes
    question: bytes
    opened: bytes


class Receipt(Message, frozen=True):
    """The concentrator's signed word, after commit, for one batch of frames.

    `root`: RFC 6962 root over the SHA-256 of the frames in batch order.
    """

    NAME: ClassVar[str] = "receipt"
    community: bytes
    root: bytes
    size: int
    accepted_at: float


class DayRecord(Message, frozen=True):
    """The meter's signed word on one day, issued after the late window (7 days).

    `root`: RFC 6962 root over the day's frames that have receipts. `cells`: packed bits, slots of the day.
    `commitments`: (vector name, 33-byte Pedersen commitment of the vector's sum on exactly those cells).
    `kcv[pair]`: HMAC-SHA256(DK_pair,d, "qg1 kcv" ‖ pid u64)[:16].
    """

    NAME: ClassVar[str] = "day"
    community: bytes
    pid: int
    day: int
    root: bytes
    cells: bytes
    commitments: list[tuple[str, bytes]]
    kcv: list[bytes]


class Consent(Message, frozen=True):
    """The household allows one number or one day to be opened to a recipient. Signed by the household.

    `subject`: vector id of an event, or ``day:N``.
    """

    NAME: ClassVar[str] = "consent"
    community: bytes
    home: int
    subject: str
    purpose: str
    recipient: str
    expires: float


class Omission(Message, frozen=True):
    """A household shows that delivered cells were omitted from closes (signed by the household).

    Each proof is (encoded `Signed[Receipt]`, index, size, path, frame bytes).
    """

    NAME: ClassVar[str] = "omission"
    community: bytes
    home: int
    pid: int
    proofs: list[tuple[bytes, int, list[bytes], bytes]]


class Clearance(Message, frozen=True):
    """The auditor clears a stopped leaf."""

    NAME: ClassVar[str] = "clearance"
    community: bytes
    leaf: int
    reason: str


class CommunityCard(Message, frozen=True):
    """Who is who in one community. Public; its fingerprint is entered at every meter out of band.

    Each `keyholder_pks[i]` is an Ed25519 key, `keyholder_kems[i]` a tagged HPKE key.
    """

    NAME: ClassVar[str] = "community"
    community: bytes
    name: str
    tz: str
    resolution: int
    currency: str
    keyholder_pks: list[bytes]
    keyholder_kems: list[bytes]
    registrar_pk: bytes
    platform_pk: bytes
    concentrator_pk: bytes
    concentrator_kem: bytes
    auditor_pk: bytes
    maker_pks: list[bytes]

    def fingerprint(self) -> bytes:
        """SHA-256 over the keyholders' keys (signing ‖ HPKE, in order) and the registrar's: what a meter pins."""
        parts = [pk + kem for pk, kem in zip(self.keyholder_pks, self.keyholder_kems, strict=True)]
        return hashlib.sha256(b"".join(parts) + self.registrar_pk).digest()


class EventMessage(Message, frozen=True):
    """An event whose per-home numbers may be asked of consenting homes. Registered before it is asked.

    `slots`: absolute slots with their integer weight. `holders`: homes that consented, ascending.
    """

    NAME: ClassVar[str] = "event"
    community: bytes
    event: str
    epoch: int
    leaf: int
    register: int
    resolution: int
    slots: list[tuple[int, int]]
    holders: list[int]


class Refusal(msgspec.Struct, array_like=True, frozen=True, tag=True):
    """Why one item of a batch was not done; the others were."""

    status: int
    rule: str
    what: str
    where: str
    fix: str


class Head(Message, frozen=True):
    """A keyholder's newest ledger entry, told to its peers with every exchange (signed)."""

    NAME: ClassVar[str] = "head"
    keyholder: int
    seq: int
    digest: bytes


class LedgerNote(Message, frozen=True):
    """The body of a privacy-ledger entry, in the words of the protocol; `household` puts it in plain words.

    `kind`: close, totals, bills, late, event (about a node), bill, fact, refused, recovered (about a home), restored.
    `node`: leaf or union. `first`/`end`: absolute slots. `quantity`: of totals. `vectors`: of facts.
    `values`: opened numbers of a home's facts. `counts`: cells behind them; of totals, the fewest and the most homes
    in one that opened. `rule`: the rule that allowed or refused.
    `subject`: hash of the close or question.
    """

    NAME: ClassVar[str] = "ledger-note"
    kind: str
    node: str
    first: int
    end: int
    resolution: int
    quantity: str
    vectors: list[str]
    values: list[int]
    counts: list[int]
    asked_by: str
    why: str
    rule: str
    subject: bytes
    closes: list[bytes]
    at: float


class VoteLog(Message, frozen=True):
    """What a keyholder voted on after entry `after` of its ledger, in order, as the signed subjects themselves.

    `last`: its ledger's newest entry. `seen_seq`/`seen_hash`: the newest head of the asker it has been told of.
    """

    NAME: ClassVar[str] = "vote-log"
    keyholder: int
    subjects: list[Signed]
    last: int
    seen_seq: int
    seen_hash: bytes


class Dispute(Message, frozen=True):
    """The auditor asks the two holders of a pair for a part of one component they contradict each other about.

    `question`: encoded `Signed[QuestionMessage]`. `number`: which number of the answer. `first`/`end`: which of the
    cells behind it. `proofs`: both holders' encoded `Signed[Sums]`, in order. `seal_to`: for a single cell, the
    auditor's tagged HPKE key, to which the pair's day key is sealed; else empty.
    """

    NAME: ClassVar[str] = "dispute"
    community: bytes
    question: bytes
    pair: int
    number: int
    first: int
    end: int
    proofs: list[bytes]
    seal_to: bytes


class PartSum(Message, frozen=True):
    """A keyholder's part of one component. Signed by it.

    `dispute`: hash of what was asked. `cells`: how many cells are behind the number. `sum`: u64 little-endian.
    `cell`: of a single cell, pid, day, slot, version, register, weight. `key`: the sealed day key, if asked for.
    """

    NAME: ClassVar[str] = "part-sum"
    keyholder: int
    dispute: bytes
    cells: int
    sum: bytes
    cell: list[int]
    key: bytes

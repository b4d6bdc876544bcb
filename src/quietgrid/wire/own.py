"""Messages between a household (or its meter) and the others: requests, own series, shared days, erasure.

The same form as `wire.messages`: msgpack arrays in field order, signed over ``"qg1 " ‖ name ‖ 00 ‖ body``.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import Message
from quietgrid.model.interval import Window, day_window

METER_PROOFS = "/v1/proofs"
"""Where a meter hands its household the frames it sent, with their receipts: ``?pid=&day=``."""


class Standing(Message, frozen=True):
    """The concentrator's signed word on how far it has each meter's frames; asked for when a meter starts.

    `nonce` is the asker's, so that an old answer cannot be replayed. `seqs`: u64 little-endian, the highest `seq`
    accepted of each pid, 0 for none. A meter whose own `seq` is lower was restored from an old copy (PROTOCOL C, K10).
    """

    NAME: ClassVar[str] = "standing"
    community: bytes
    nonce: bytes
    pids: bytes
    seqs: bytes
    at: float


class Request(Message, frozen=True):
    """One HTTP request of a household, signed by its key (`wire.request_auth`).

    `target`: path and query as sent. `digest`: SHA-256 of the request body. `nonce`: 16 random bytes, used once.
    """

    NAME: ClassVar[str] = "request"
    community: bytes
    home: int
    method: str
    target: str
    digest: bytes
    at: float
    nonce: bytes


class Erase(Message, frozen=True):
    """The household wants everything that could open its past gone: keys, salts, ledger bodies. Signed by it."""

    NAME: ClassVar[str] = "erase"
    community: bytes
    home: int
    reason: str
    at: float


class Withdrawal(Message, frozen=True):
    """The household takes a consent back (signed by it). What was already opened stays opened.

    `consent`: hash of the `Consent` message.
    """

    NAME: ClassVar[str] = "withdrawal"
    community: bytes
    home: int
    consent: bytes
    at: float


class SealedSeries(Message, frozen=True):
    """A home's own ciphertexts of one meter and register, as the platform hands them to their household only.

    Columns over slots [first, end): `present` and `closed` packed bits (arrived; counted by a close), `version` u8,
    `ciphertext` u64 little-endian (0 where absent).
    """

    NAME: ClassVar[str] = "sealed-series"
    community: bytes
    pid: int
    register: int
    first: int
    end: int
    resolution: int
    present: bytes
    closed: bytes
    version: bytes
    ciphertext: bytes


class DayKeys(Message, frozen=True):
    """Day keys of chosen days of one meter; only ever travels HPKE-sealed to a consented recipient.

    `keys[i]`: the three day keys of `days[i]`, pairs 01, 02, 12, 96 bytes.
    """

    NAME: ClassVar[str] = "day-keys"
    community: bytes
    pid: int
    days: list[int]
    keys: list[bytes]


class Share(Message, frozen=True):
    """Chosen days for a third party: consents, the ciphertexts of those days, and the sealed `DayKeys` per meter.

    `consents`: encoded `Signed[Consent]`, one a day. `series`: encoded `SealedSeries`. `keys`: (pid, HPKE blob).
    Signed by the household.
    """

    NAME: ClassVar[str] = "share"
    community: bytes
    home: int
    recipient: str
    consents: list[bytes]
    series: list[bytes]
    keys: list[tuple[int, bytes]]


class LedgerItem(msgspec.Struct, array_like=True, frozen=True):
    """One entry of a keyholder's privacy ledger as a household may see it.

    `digest` is SHA-256(salt ‖ body), given for every entry so that the chain can be followed; `home`, `salt` and
    `body` only where the entry is about nobody (home None, body plain) or about the asking home (body encrypted).
    """

    seq: int
    hash: bytes
    digest: bytes
    home: int | None
    kind: str
    salt: bytes
    body: bytes


class LedgerPage(Message, frozen=True):
    """Entries after `after` of one keyholder's ledger, for one household. Signed by the keyholder."""

    NAME: ClassVar[str] = "ledger-page"
    keyholder: int
    home: int
    after: int
    items: list[LedgerItem]


class BandScalar(msgspec.Struct, array_like=True, frozen=True):
    """The sum of one vector's scalars over a period, 32 bytes big-endian."""

    vector: str
    scalar: bytes


class BillScalars(Message, frozen=True):
    """What a household releases so that its bill can be checked: one scalar a band (decodes as `billing.BillProof`)."""

    NAME: ClassVar[str] = "bill-scalars"
    home: int
    first: int
    end: int
    resolution: int
    vectors: list[BandScalar]


class InvoiceHead(Message, frozen=True):
    """What an invoice says besides the bill: a home prints its own from this, its own bill and its own proof.

    `first`, `version`: of the bill. `issued`, `due`: ISO dates. `seller`: name, tax id, contact, bank, IBAN, BIC.
    `address`: the seller's, in lines. `price_vectors`: names of the book's price vectors, whose sums are not energy.
    """

    NAME: ClassVar[str] = "invoice-head"
    home: int
    first: int
    version: int
    number: str
    issued: str
    due: str
    seller: tuple[str, str, str, str, str, str]
    address: list[str]
    buyer: str
    price_vectors: list[str]


def committed_name(vector: str, day: int, window: Window) -> str:
    """The name of a vector's commitment in the record of `day`, for the billing period `window`.

    A UTC day can lie in two periods; there the meter commits twice and the name says for which (the same rule as
    `billing.proof.committed_name`).

    >>> committed_name("night", 1, Window(96, 4 * 96, 900)), committed_name("night", 0, Window(92, 4 * 96, 900))
    ('night', 'night@92')
    """
    whole = day_window(day, window.resolution)
    return vector if window.first <= whole.first and whole.end <= window.end else f"{vector}@{window.first}"


class ClaimAccount(Message, frozen=True):
    """The address that a household's credits go to from now on, made for this and nothing else. Signed by it.

    `account`: 20 bytes.
    """

    NAME: ClassVar[str] = "claim-account"
    community: bytes
    home: int
    account: bytes
    at: float


class OwnShare(msgspec.Struct, array_like=True, frozen=True):
    """What one of a household's accounts may claim below the newest root.

    Args:
        account: 20 bytes. cumulative_micro: all it ever may. salt: 32 bytes. path: siblings up to the root.
    """

    account: bytes
    cumulative_micro: int
    salt: bytes
    path: list[bytes]


class OwnClaims(Message, frozen=True):
    """What a household may claim.

    `programme`: the contract's id, 32 bytes. `unit_micro`: claims are multiples of it. `credit_micro`: all credits of
    its bills so far, to the millionth. `root`, `sequence`: the newest root; empty and 0 before the first. `accounts`:
    that it named, oldest first.
    """

    NAME: ClassVar[str] = "own-claims"
    programme: bytes
    unit_micro: int
    credit_micro: int
    root: bytes
    sequence: int
    accounts: list[bytes]
    shares: list[OwnShare]

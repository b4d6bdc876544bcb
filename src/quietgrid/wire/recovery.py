"""Messages by which a household that lost its keys gets back in with the help of two keyholders.

The household makes new keys and signs a request with them; operators compare its fingerprint with the person in front
of them; each keyholder signs an approval and, once two stand for the same request, a takeover. Two takeovers of
different keyholders prove the new key to anybody for ever; an approval counts for a while and only towards a keyholder
that approved too. Source: PROTOCOL A, "Claim" (two keyholders open everything); C, K12; docs/decisions 0019.
The same form as `wire.messages`. Does not give: the check of the person, which is what everything rests on.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from quietgrid.crypto.public.envelope import Message, Signed, decode, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import VerificationError
from quietgrid.wire.messages import CommunityCard

NEEDED = 2
"""Keyholders that have to stand for a new key."""
MAX_DAYS = 31.0
"""An approval counts for at most so long."""


class RecoveryRequest(Message, frozen=True):
    """A home's new keys. Signed by the new household key; `at` says when it was made (machine's time)."""

    NAME: ClassVar[str] = "recovery-request"
    community: bytes
    home: int
    household_pk: bytes
    household_kem: bytes
    at: float


class RecoveryApproval(Message, frozen=True):
    """A keyholder's operator has seen the person. Signed by the keyholder.

    `request`: encoded `Signed[RecoveryRequest]`. `replaces`: the household key it would replace; no other.
    `expires`: until when it counts.
    """

    NAME: ClassVar[str] = "recovery-approval"
    keyholder: int
    request: bytes
    replaces: bytes
    expires: float


class Takeover(Message, frozen=True):
    """A keyholder has put a new household key in the place of an old one. Signed by it; never expires.

    `keyholders`: who stood for it when it did.
    """

    NAME: ClassVar[str] = "takeover"
    keyholder: int
    request: bytes
    replaces: bytes
    keyholders: list[int]
    at: float


class ReleasedMeter(msgspec.Struct, array_like=True, frozen=True):
    """One meter that was adopted with a lost key. `keys`: 32 bytes a pair and day, the keyholder's pairs ascending."""

    pid: int
    d0: int
    registers: int
    meter_pk: bytes
    days: list[int]
    keys: bytes


class ReleasedKeys(Message, frozen=True):
    """What a keyholder hands to the new keys; only ever travels sealed inside a `Release`.

    `ledger_key`: of the home's entries in its ledger. `meters`: empty from a keyholder that did not approve.
    """

    NAME: ClassVar[str] = "released-keys"
    community: bytes
    home: int
    keyholder: int
    ledger_key: bytes
    meters: list[ReleasedMeter]


class Release(Message, frozen=True):
    """A keyholder's answer to the new household. Signed by the keyholder.

    `request`: hash of the request in force. `takeovers`: every encoded `Signed[Takeover]` of the home it knows of,
    the proof for others. `sealed`: `ReleasedKeys`, HPKE to the new key.
    """

    NAME: ClassVar[str] = "release"
    keyholder: int
    home: int
    request: bytes
    takeovers: list[bytes]
    sealed: bytes


@dataclass(frozen=True)
class Statement:
    """A checked approval or takeover.

    Args:
        signed: As it came. keyholder: whose. request: what it is about; packed, digest: the same as it was signed, and
            its hash. replaces: the old key. expires: of an approval; None for a takeover.
    """

    signed: Signed
    keyholder: int
    request: RecoveryRequest
    packed: bytes
    digest: bytes
    replaces: bytes
    expires: float | None

    @property
    def final(self) -> bool:
        """A takeover."""
        return self.expires is None


def fingerprint(digest: bytes) -> str:
    """What the household and an operator compare: 80 bits of a request's hash, in four groups.

    >>> fingerprint(bytes(32))
    'AAAA-AAAA-AAAA-AAAA'
    """
    letters = b32encode(digest[:10]).decode()
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))


def open_request(signed: Signed, community: bytes) -> RecoveryRequest:
    """The request in an envelope.

    Raises:
        VerificationError: not signed by the key it names, or for another community.
    """
    message = open_signed(signed, RecoveryRequest, decode(RecoveryRequest, signed.body).household_pk)
    if message.community != community or len(message.household_pk) != 32:
        raise VerificationError("a request for another community", where="recovery request", fix="make it again")
    return message


def read_statement(card: CommunityCard, signed: Signed) -> Statement:
    """A checked approval or takeover.

    Raises:
        VerificationError: it is neither, its signer is not the keyholder it names, or its request does not hold.
    """
    expires: float | None = None
    if signed.name == Takeover.NAME:
        taken = open_signed(signed, Takeover, _signer(card, decode(Takeover, signed.body).keyholder))
        index, packed, replaces = taken.keyholder, taken.request, taken.replaces
    else:
        given = open_signed(signed, RecoveryApproval, _signer(card, decode(RecoveryApproval, signed.body).keyholder))
        index, packed, replaces, expires = given.keyholder, given.request, given.replaces, given.expires
    inner = unpack_signed(packed)
    return Statement(signed, index, open_request(inner, card.community), packed, inner.hash(), replaces, expires)


def _signer(card: CommunityCard, index: int) -> bytes:
    if not 0 <= index < len(card.keyholder_pks):
        raise VerificationError("there is no such keyholder", where="recovery", fix="send a keyholder's statement")
    return card.keyholder_pks[index]


def next_request(takeovers: Sequence[Statement], current: bytes) -> Statement | None:
    """The takeover that follows a household key: two keyholders have put the same request in its place."""
    return next((one for one in takeovers if one.replaces == current and _firm(takeovers, one)), None)


def _firm(statements: Sequence[Statement], one: Statement) -> bool:
    """Whether two keyholders have put its request in the place of the same key."""
    wanted = (one.digest, one.replaces)
    same = {said.keyholder for said in statements if said.final and (said.digest, said.replaces) == wanted}
    return one.final and len(same) >= NEEDED


def newest_request(card: CommunityCard, home: int, current: bytes, proof: Sequence[bytes]) -> Statement:
    """Where a chain of takeovers leads from the household key that is known here, or has led already.

    Args:
        home: Whose. current: its key as known here. proof: encoded `Signed[Takeover]`, of one or several recoveries.

    Raises:
        VerificationError: another home's, or no two keyholders stand for a key that follows the known one.
    """
    found = [read_statement(card, unpack_signed(data)) for data in proof]
    found = [one for one in found if one.request.home == home]
    last = next((one for one in found if one.request.household_pk == current and _firm(found, one)), None)
    for _ in found:
        step = next_request(found, current)
        if step is None:
            break
        last, current = step, step.request.household_pk
    if last is None:
        raise VerificationError(
            f"fewer than {NEEDED} keyholders stand for this key", where=f"home {home}",
            fix="have two keyholders approve the request",
        )  # fmt: skip
    return last

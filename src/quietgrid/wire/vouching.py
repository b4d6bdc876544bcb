"""Who vouches for a meter's key: maker, household, registrar's list and the keyholders that endorsed it.

A bill is proven by what meters signed, so whoever checks one has to know whose keys these are. Shown are the meter's
*thin* enrolment (every sealed blob replaced by its hash, decision 0012), which carries the maker's certificate and the
household's adoption, and its row of a member list with the path to the root that two keyholders signed. Privacy: of
the other meters on the list only hashes are shown, and those cover key-check values, so they cannot be guessed.
Source: PROTOCOL A, "Messages" (`members`: "2 of 3 sign one Merkle root"); C, K5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

import msgspec
import numpy as np

from quietgrid.crypto.public.envelope import Message, Signed, decode, unpack_signed
from quietgrid.crypto.public.merkle import all_paths, leaf_hash, root_from_path, root_of_hashes
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, NotFoundError, VerificationError
from quietgrid.model.interval import Window
from quietgrid.wire.columns import member_list
from quietgrid.wire.messages import Adoption, Certificate, CommunityCard, Endorsement, Enrol, Members

NEEDED = 2
"""Keyholders that have to have signed the list."""


class MemberRow(Message, frozen=True):
    """One row of a member list, as it is hashed into the list's root. `first`/`end`: slots of the epoch.

    `leaf`, `leaf_name`: its section. `place`: row within the section, which is its row in the bitmap of every close.
    """

    NAME: ClassVar[str] = "member-row"
    community: bytes
    epoch: int
    revision: int
    first: int
    end: int
    resolution: int
    home: int
    pid: int
    leaf: int
    leaf_name: str
    place: int
    registers: int
    connection_w: int
    evidence: bytes


class Inclusion(msgspec.Struct, array_like=True, frozen=True):
    """One meter: body of its thin `Enrol`, body of its `MemberRow`, and the row's place and path in the list's tree."""

    enrolment: bytes
    row: bytes
    index: int
    size: int
    path: list[bytes]


class Vouching(Message, frozen=True):
    """What vouches for the meters of one home: an inclusion each, and encoded `Signed[Endorsement]` of their lists."""

    NAME: ClassVar[str] = "vouching"
    meters: list[Inclusion]
    endorsements: list[bytes]


@dataclass(frozen=True, slots=True)
class Vouched:
    """A meter whose key is vouched for.

    Args:
        pid, key: The meter. leaf, section, place: its section, by number and name, and its row in bitmaps of closes.
        household, maker: public keys that adopted and certified it. keyholders: who signed its list, ascending.
        epoch: slots its list is for.
    """

    pid: int
    key: bytes
    leaf: int
    section: str
    place: int
    household: bytes
    maker: bytes
    keyholders: tuple[int, ...]
    epoch: Window


def evidence_of(signed: Signed) -> bytes:
    """What a member list says of an enrolment: the hash of the thin one."""
    return decode(Enrol, signed.body).thin().hash()


def member_rows(message: Members) -> list[bytes]:
    """The rows of a list as they are hashed, in order."""
    listed = member_list(message)
    places = np.zeros(len(listed), np.int64)
    for leaf in range(len(message.leaf_names)):
        rows = listed.rows(leaf)
        places[rows] = np.arange(len(rows))
    columns = (listed.homes, listed.pids, listed.leaves, listed.registers, listed.connection_w, places)
    head = message.community, message.epoch, message.revision, message.first, message.end, message.resolution
    try:
        return [
            MemberRow(*head, home, pid, leaf, message.leaf_names[leaf], place, registers, power, evidence).body()
            for home, pid, leaf, registers, power, place, evidence in zip(
                *(column.tolist() for column in columns), message.evidence, strict=True
            )
        ]
    except (ValueError, IndexError) as error:
        raise VerificationError("the columns of a list do not fit", where="members", fix="sign it again") from error


def member_root(message: Members) -> bytes:
    """The root over a list's rows: what a keyholder endorses."""
    return root_of_hashes([leaf_hash(row) for row in member_rows(message)])


def vouch(enrolments: Sequence[Enrol], message: Members, endorsements: Sequence[bytes]) -> Vouching:
    """Show what vouches for some meters of one list.

    Raises:
        NotFoundError: a meter is not on it.
    """
    rows = member_rows(message)
    _, paths = all_paths([leaf_hash(row) for row in rows])
    at = member_list(message).row_of
    missing = next((enrol.pid for enrol in enrolments if enrol.pid not in at), None)
    if missing is not None:
        raise NotFoundError("the meter is not on this list", where=f"meter {missing}", fix="show a later revision")
    meters = [
        Inclusion(enrol.thin().body(), rows[at[enrol.pid]], at[enrol.pid], len(rows), paths[at[enrol.pid]])
        for enrol in enrolments
    ]
    return Vouching(meters, list(endorsements))


def check_vouching(vouching: Vouching, card: CommunityCard, home: int, period: Window) -> dict[int, Vouched]:
    """pid -> meter of a home, for those meters whose keys are vouched for from end to end.

    Args:
        card: Of the community, from a source the reader trusts. home, period: what the keys are to be good for.

    Raises:
        VerificationError: the first thing that does not hold, with the meter.
    """
    endorsed = [_endorsement(data, card) for data in vouching.endorsements]
    found: dict[int, Vouched] = {}
    for shown in vouching.meters:
        row, enrol = decode(MemberRow, shown.row), decode(Enrol, shown.enrolment)
        where = f"meter {row.pid}"
        root = _root(shown, where)
        keyholders = tuple(sorted({said.keyholder for said in endorsed if said.root == root}))
        if len(keyholders) < NEEDED:
            raise VerificationError("fewer than two keyholders signed its list", where=where, fix="ask for their words")
        if any(len(digest) != sha256().digest_size for digest in enrol.sealed):
            raise VerificationError("an enrolment is shown with its blobs", where=where, fix="show the thin one")
        if enrol.hash() != row.evidence:
            raise VerificationError("the list names another enrolment", where=where, fix="dispute it")
        named = row.community, row.pid, row.home
        if (enrol.community, enrol.pid, enrol.home) != named or (row.community, row.home) != (card.community, home):
            raise VerificationError("the meter is at another home", where=where, fix="dispute it")
        epoch = Window(row.first, row.end, row.resolution)
        if not len(epoch.intersect(period)):
            raise VerificationError("its list is of another time", where=where, fix="show the list of the period")
        maker = _certified(enrol, row, card, where)
        _adopted(enrol, where)
        found[enrol.pid] = Vouched(
            enrol.pid, enrol.meter_pk, row.leaf, row.leaf_name, row.place, enrol.household_pk, maker, keyholders, epoch
        )  # fmt: skip
    return found


def _endorsement(data: bytes, card: CommunityCard) -> Endorsement:
    signed = unpack_signed(data)
    index = decode(Endorsement, signed.body).keyholder
    if not 0 <= index < len(card.keyholder_pks):
        raise VerificationError("no such keyholder", where=signed.name[:40], fix="use the card's three")
    return open_signed(signed, Endorsement, card.keyholder_pks[index])


def _root(shown: Inclusion, where: str) -> bytes:
    try:
        return root_from_path(leaf_hash(shown.row), shown.index, shown.size, shown.path)
    except InputError as error:
        raise VerificationError(error.what, where=where, fix="ask for the proof again") from error


def _certified(enrol: Enrol, row: MemberRow, card: CommunityCard, where: str) -> bytes:
    """The maker that certified the meter for what the list says of it."""
    signed = unpack_signed(enrol.certificate)
    if signed.signer not in card.maker_pks:
        raise VerificationError("the maker is not recognised", where=where, fix="ask the association")
    certificate = open_signed(signed, Certificate, signed.signer)
    if certificate.meter_pk != enrol.meter_pk or row.registers & ~certificate.registers:
        raise VerificationError("the certificate is for another meter", where=where, fix="dispute it")
    return signed.signer


def _adopted(enrol: Enrol, where: str) -> None:
    adoption = open_signed(unpack_signed(enrol.adoption), Adoption, enrol.household_pk)
    meter = enrol.community, enrol.pid, enrol.home, enrol.meter_pk
    if (adoption.community, adoption.pid, adoption.home, adoption.meter_pk) != meter:
        raise VerificationError("the household adopted another meter", where=where, fix="dispute it")

"""What a keyholder takes in besides questions: enrolments, member lists, books, prices, consents, complaints.

Every check is the keyholder's own: nothing is believed because the platform passes it on.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.crypto.public.merkle import leaf_hash, root_from_path
from quietgrid.crypto.public.sealing import seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF, check_kcv
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import VerificationError
from quietgrid.model.closed import GateRules
from quietgrid.model.party import MemberList
from quietgrid.wire.columns import member_list
from quietgrid.wire.frame import parse_head
from quietgrid.wire.messages import (
    Adoption,
    Certificate,
    CommunityCard,
    Enrol,
    Members,
    Omission,
    Receipt,
)


@dataclass(frozen=True)
class Enrolled:
    """A checked enrolment: the message, its maker's certificate and the two chain keys it brought (64 bytes)."""

    message: Enrol
    certificate: Certificate
    keys: bytes


def check_enrolment(signed: Signed, card: CommunityCard, kem: PrivateKem, index: int, rules: GateRules) -> Enrolled:
    """Check an enrolment from end to end, or raise `VerificationError` (PROTOCOL C, K3, K4, K5).

    The meter signed it; it pins this community's keys; the household adopted the meter; a known maker certified it;
    the two chain keys in our blob have the key-check values the meter published.
    """
    enrol = decode(Enrol, signed.body)
    open_signed(signed, Enrol, enrol.meter_pk)
    if enrol.community != card.community or enrol.fingerprint != card.fingerprint():
        raise VerificationError(
            "the meter pins another community's keys", where=f"meter {enrol.pid}", fix="enter the right fingerprint"
        )
    adoption_envelope = unpack_signed(enrol.adoption)
    adoption = open_signed(adoption_envelope, Adoption, enrol.household_pk)
    if (adoption.community, adoption.pid, adoption.home, adoption.meter_pk) != (
        enrol.community, enrol.pid, enrol.home, enrol.meter_pk,
    ):  # fmt: skip
        raise VerificationError("the household adopted another meter", where=f"meter {enrol.pid}", fix="sign again")
    envelope = unpack_signed(enrol.certificate)
    if envelope.signer not in card.maker_pks and rules.on("maker"):
        raise VerificationError("the maker is not recognised", where=f"meter {enrol.pid}", fix="ask the association")
    certificate = open_signed(envelope, Certificate, envelope.signer)
    if certificate.meter_pk != enrol.meter_pk or enrol.registers & ~certificate.registers:
        raise VerificationError("the certificate is for another meter", where=f"meter {enrol.pid}", fix="send its own")
    if len(enrol.kcv) != 3 or len(enrol.sealed) != 5:
        raise VerificationError("an enrolment lacks blobs", where=f"meter {enrol.pid}", fix="send all five")
    keys = kem.open(enrol.sealed[index], seal_info("enrol", card.community, enrol.pid, f"keyholder {index}"))
    if len(keys) != 64:
        raise VerificationError("a key blob has a wrong length", where=f"meter {enrol.pid}", fix="send two keys")
    for at, pair in enumerate(PAIRS_OF[index] if rules.on("kcv") else ()):
        check_kcv(keys[32 * at : 32 * at + 32], enrol.pid, enrol.kcv[pair])
    return Enrolled(enrol, certificate, keys)


def check_evidence(message: Members, enrolled: dict[int, tuple[bytes, Enrol, Certificate]]) -> MemberList:
    """The registrar's list, each row checked against the enrolment this keyholder saw itself.

    Args:
        message: The list. enrolled: pid -> (hash of the whole, thin enrolment, certificate) as checked here.

    Raises:
        VerificationError: naming the first meter that is not what the list says.
    """
    members = member_list(message)
    if len(message.evidence) != len(members):
        raise VerificationError("a list lacks evidence", where=f"epoch {message.epoch}", fix="one hash a row")
    for row, pid in enumerate(members.pids.tolist()):
        known = enrolled.get(pid)
        if known is None or known[1].hash() != message.evidence[row]:
            raise VerificationError("a listed meter never enrolled here", where=f"meter {pid}", fix="enrol it first")
        _, enrol, certificate = known
        if enrol.home != int(members.homes[row]) or int(members.registers[row]) & ~certificate.registers:
            raise VerificationError("the list says more than the certificate", where=f"meter {pid}", fix="correct it")
        if int(members.connection_w[row]) != certificate.connection_w:
            raise VerificationError("the certified capacity differs", where=f"meter {pid}", fix="correct the list")
    return members


def omitted_cells(omission: Omission, concentrator_pk: bytes) -> list[tuple[int, int, int, float]]:
    """Cells a household can show it delivered: (day, slot, version, accepted at), from receipts and frames.

    Raises:
        VerificationError: a receipt, path or frame does not hold.
    """
    cells = []
    for envelope, index, path, frame in omission.proofs:
        receipt = open_signed(unpack_signed(envelope), Receipt, concentrator_pk)
        if root_from_path(leaf_hash(sha256(frame).digest()), index, receipt.size, path) != receipt.root:
            raise VerificationError("a frame is not in the receipt", where=f"home {omission.home}", fix="send its path")
        head = parse_head(frame)
        if head.pid != omission.pid:
            raise VerificationError("a frame is another meter's", where=f"home {omission.home}", fix="send its own")
        cells += [
            (head.day, slot, head.version, receipt.accepted_at) for slot in range(head.first, head.first + head.count)
        ]
    return cells

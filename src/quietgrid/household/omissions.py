"""What was delivered and left out: a home's receipts beside the closes, period by period, and the complaint about it.

A close may leave out a cell only if it had no receipt before the close was signed. Over 5 % of a home's cells in a
period, the keyholders answer no more totals of the section until the auditor clears it. The home finds out by itself:
receipts and frames come from its meter, closes from the platform, its row in them from the list that keyholders signed.
Source: PROTOCOL A, "omission"; C, G9. Privacy: frames are ciphertexts; the auditor and the keyholders may have them.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.merkle import leaf_hash, root_from_path
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, SourceError, UnavailableError, VerificationError
from quietgrid.household.links import FrameProof, MeterLink
from quietgrid.household.vault import Vault
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.frame import parse_head
from quietgrid.wire.messages import Close, CommunityCard, Omission, Receipt
from quietgrid.wire.vouching import Vouched, Vouching, check_vouching

LIMIT_PERCENT = GateRules().max_omitted_percent


@dataclass(frozen=True, slots=True)
class Left:
    """One cell that was delivered and left out: meter, absolute slot, when it was received, when the close was signed.

    `proof`: which of the frames shows it. `close`: hash of the close.
    """

    pid: int
    slot: int
    received_at: float
    closed_at: float
    proof: int
    close: bytes


@dataclass(frozen=True)
class OmissionReport:
    """One period: how many of the home's cells the closes counted, and which delivered ones they left out.

    Args:
        leaf, section: number and name of the home's feeder section.
    """

    period: Window
    counted: int
    left: list[Left]
    leaf: int
    section: str

    @property
    def share(self) -> float:
        """Left out, of all that was delivered in time."""
        delivered = self.counted + len(self.left)
        return len(self.left) / delivered if delivered else 0.0

    @property
    def stops(self) -> bool:
        """Whether the keyholders stop the section's totals when they are shown this."""
        return len(self.left) * 100 > LIMIT_PERCENT * (self.counted + len(self.left))


@dataclass(frozen=True)
class Complaint:
    """A period's omissions for the auditor: one signed `Omission` a meter, the closes, and whose meters these are."""

    omissions: list[Signed]
    closes: list[Signed]
    vouching: Vouching

    def encode(self) -> bytes:
        """As JSON."""
        parts = {
            "complaint": [_text(pack_signed(signed)) for signed in self.omissions],
            "closes": [_text(pack_signed(signed)) for signed in self.closes],
            "vouching": _text(self.vouching.body()),
        }
        return json.dumps(parts, indent=1).encode()


def compare(
    card: CommunityCard, meter: Vouched, period: Window, proofs: Sequence[FrameProof], closes: Iterable[Signed]
) -> OmissionReport:
    """One meter's receipts beside the closes of its section.

    Args:
        meter: Ours, vouched for: its leaf and place are on the list that keyholders signed. proofs: its frames with
            receipts. closes: the platform's.

    Raises:
        VerificationError: a receipt, path or close does not hold.
    """
    delivered = _received(card, meter.pid, proofs)
    counted, left, per_day = 0, [], slots_per_day(card.resolution)
    for signed in closes:
        close = open_signed(signed, Close, card.platform_pk)
        first = close.day * per_day + close.a
        present = _row(close, meter)
        if present is None:
            continue
        for slot in range(max(first, period.first), min(first + close.b - close.a, period.end)):
            if present[slot - first]:
                counted += 1
            elif slot in delivered and delivered[slot][0] < close.signed_at:
                at, proof = delivered[slot]
                left.append(Left(meter.pid, slot, at, close.signed_at, proof, signed.hash()))
    return OmissionReport(period, counted, left, meter.leaf, meter.section)


def look(
    card: CommunityCard, vault: Vault, period: Window, meters: MeterLink | None,
    known: tuple[Sequence[Vouched], Sequence[Signed], Vouching],
) -> tuple[OmissionReport, Complaint | None]:  # fmt: skip
    """All meters of a home together, and the complaint for the keyholders and the auditor, if there is one.

    Args:
        meters: Ours. known: our meters, vouched for; the closes of our section; what vouches.

    Raises:
        UnavailableError: the meters hand nothing over.
    """
    if meters is None:
        raise UnavailableError("the meter has no port for receipts", where=f"home {vault.home}", fix="connect it")
    own, closes, vouching = known
    counted, left, omissions = 0, list[Left](), list[Signed]()
    for meter in own:
        proofs = [proof for day, _, _ in period.by_day() for proof in meters.proofs(meter.pid, day)]
        report = compare(card, meter, period, proofs, closes)
        counted, left = counted + report.counted, left + report.left
        shown = [proofs[number] for number in sorted({cell.proof for cell in report.left})]
        if shown:
            omissions.append(vault.identity.sign(Omission(vault.community, vault.home, meter.pid, shown)))
    named = {cell.close for cell in left}
    complaint = Complaint(omissions, [signed for signed in closes if signed.hash() in named], vouching)
    leaf, section = (own[-1].leaf, own[-1].section) if own else (-1, "")
    return OmissionReport(period, counted, left, leaf, section), complaint if omissions else None


def check_complaint(complaint: Complaint, card: CommunityCard) -> list[OmissionReport]:
    """What a complaint shows, for whoever is given it: each cell was received before its close, which left it out.

    Raises:
        VerificationError: something in it does not hold, or it shows nothing.
    """
    reports = []
    for signed in complaint.omissions:
        message = decode(Omission, signed.body)
        frames = [parse_head(frame) for _, _, _, frame in message.proofs]
        per_day = slots_per_day(card.resolution)
        if not frames:
            raise VerificationError("a complaint without frames", where=f"meter {message.pid}", fix="show the frames")
        period = Window(
            min(h.day * per_day + h.first for h in frames), max(h.day * per_day + h.first + h.count for h in frames),
            card.resolution,
        )  # fmt: skip
        meters = check_vouching(complaint.vouching, card, message.home, period)
        if message.pid not in meters or message.community != card.community:
            raise VerificationError("nobody vouches for the meter", where=f"meter {message.pid}", fix="show who does")
        open_signed(signed, Omission, meters[message.pid].household)
        reports.append(compare(card, meters[message.pid], period, message.proofs, complaint.closes))
    if not any(report.left for report in reports):
        raise VerificationError("nothing that was delivered was left out", where="complaint", fix="look at the closes")
    return reports


def parse_complaint(data: bytes, where: str = "document") -> Complaint:
    """From JSON, or `SourceError`."""
    try:
        parts = json.loads(data)
        signed = [[unpack_signed(b64decode(text)) for text in parts[name]] for name in ("complaint", "closes")]
        return Complaint(signed[0], signed[1], decode(Vouching, b64decode(parts["vouching"])))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, VerificationError) as error:
        raise SourceError("not a complaint", where=where, fix="make it again at home") from error


def _received(card: CommunityCard, pid: int, proofs: Sequence[FrameProof]) -> Mapping[int, tuple[float, int]]:
    """Absolute slot -> when it was first received, and the frame that shows it."""
    found: dict[int, tuple[float, int]] = {}
    opened: dict[bytes, Receipt] = {}
    for number, (envelope, index, path, frame) in enumerate(proofs):
        if envelope not in opened:
            opened[envelope] = open_signed(unpack_signed(envelope), Receipt, card.concentrator_pk)
        receipt, head = opened[envelope], parse_head(frame)
        try:
            root = root_from_path(leaf_hash(sha256(frame).digest()), index, receipt.size, path)
        except InputError as error:
            raise VerificationError(error.what, where=f"meter {pid}", fix="send its path") from error
        if root != receipt.root or head.pid != pid:
            raise VerificationError("a frame is not in its receipt", where=f"meter {pid}", fix="send its own")
        first = head.day * slots_per_day(card.resolution) + head.first
        for slot in range(first, first + head.count):
            if slot not in found or receipt.accepted_at < found[slot][0]:
                found[slot] = receipt.accepted_at, number
    return found


def _row(close: Close, meter: Vouched) -> NDArray[np.bool_] | None:
    """A meter's row of a close; None of another section, or of a list it was not on yet."""
    size = close.b - close.a
    rows = len(close.bitmap) * 8 // size if size > 0 else 0
    if close.leaf != meter.leaf or meter.place >= rows:
        return None
    bits = unpack_bits(close.bitmap, len(close.bitmap) * 8)
    return bits[meter.place * size : (meter.place + 1) * size]


def _text(data: bytes) -> str:
    return b64encode(data).decode()

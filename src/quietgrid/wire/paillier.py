"""Frames of suite 2, and what the decryption process is sent with a question.

    offset 0   the 32-byte head of `wire.frame`, suite u8 = 2
          32   presence: a bit a slot, `numpy.packbits`, ceil(count / 8) bytes
         ...   per register, ascending: per block of `crypto.public.packing.blocks`, a packed ciphertext
         ...   Ed25519 by the meter over "qg1 paillier frame" ‖ 00 ‖ community ‖ all before, 64 bytes
         end   HMAC-SHA256(k_mac, all before)[:16]

The signature is what suite 1 does not need: a key holder that opens sums must know that a sum is one of meters' frames
and not a single frame under another name, so it checks the frames and adds them up itself (decision 0034).
A slot that is not present holds 0. Parsing raises `FrameError` only, whatever the bytes, and computes nothing.

Privacy: sealed; head and presence are metadata that the platform sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Message
from quietgrid.crypto.public.frame_mac import frame_mac
from quietgrid.crypto.public.packing import blocks
from quietgrid.crypto.public.paillier import HEAD_BYTES as CIPHERTEXT_HEAD
from quietgrid.crypto.public.signatures import Identity, verify_raw
from quietgrid.errors import FrameError
from quietgrid.model.interval import RESOLUTIONS, slots_per_day
from quietgrid.model.readings import register_list
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.frame import FORMAT, HEAD, HEAD_BYTES, KNOWN_REGISTERS, MAC_BYTES, MAX_FRAME, frame_head

SUITE = 2
SIGNATURE_BYTES = 64
_LABEL = b"qg1 paillier frame\0"


@dataclass(frozen=True)
class PaillierFrame:
    """A well-formed frame; whether it is its meter's, `check_signature` says.

    Args:
        head: Its head. present: bool [count]. ciphertexts: by register, one a block, packed.
        signed: The bytes under the signature. signature: 64 bytes.

    Privacy: sealed.
    """

    head: FrameHead
    present: NDArray[np.bool_]
    ciphertexts: Mapping[int, tuple[bytes, ...]]
    signed: bytes
    signature: bytes

    def check_signature(self, community: bytes, meter_pk: bytes) -> None:
        """Raise `VerificationError` unless the meter with this key made the frame for this community."""
        verify_raw(meter_pk, _LABEL + community + self.signed, self.signature)


class Evidence(Message, frozen=True):
    """What the platform hands the decryption process with a question, by the question's hash.

    `frames`: of every meter in the sum. `sums`: per register, ascending, per block, the PES's packed ciphertext sum.
    """

    NAME: ClassVar[str] = "paillier evidence"
    question: bytes
    frames: list[bytes]
    sums: list[list[bytes]]


def answer_info(community: bytes, question: bytes) -> bytes:
    """What an answer is sealed for: ``"qg1 paillier answer" ‖ community ‖ question hash``."""
    return b"qg1 paillier answer" + community + question


def pack_head(head: FrameHead) -> bytes:
    """The 32 bytes of a head.

    Raises:
        FrameError: a field out of bounds.
    """
    record = np.zeros(1, HEAD)
    try:
        record["format"], record["suite"] = FORMAT, SUITE
        record["resolution"] = RESOLUTIONS.index(head.resolution)
        for name in ("registers", "day", "pid", "seq", "first", "count", "version"):
            record[name] = getattr(head, name)
    except (ValueError, OverflowError) as error:
        raise FrameError("a field of the head is out of bounds", where="head", fix="see PROTOCOL A, Frame") from error
    return record.tobytes()


def parse_head(data: bytes) -> FrameHead:
    """The head at the start of `data`.

    Raises:
        FrameError: it is cut, of another suite, or a field is out of bounds.
    """
    if len(data) < HEAD_BYTES:
        raise FrameError("a frame is cut", where="frame", fix="send it whole")
    record = np.frombuffer(data[:HEAD_BYTES], HEAD)[0]
    if record["format"] != FORMAT or record["suite"] != SUITE:
        raise FrameError("unknown format or suite", where="frame", fix=f"send suite {SUITE}")
    if record["resolution"] >= len(RESOLUTIONS) or record["padding"].any():
        raise FrameError("a field of the head is out of bounds", where="head", fix="see PROTOCOL A, Frame")
    head = frame_head(record)
    per_day = slots_per_day(head.resolution)
    if not head.registers or head.registers & ~KNOWN_REGISTERS or not head.count or head.first + head.count > per_day:
        raise FrameError("registers or slots out of bounds", where="head", fix="see PROTOCOL A, Frame")
    return head


def pack_frame(
    head: FrameHead, present: NDArray[np.bool_], ciphertexts: Sequence[Sequence[bytes]], community: bytes,
    signer: tuple[Identity, bytes],
) -> bytes:  # fmt: skip
    """One frame.

    Args:
        head: Its head. present: bool [count]. ciphertexts: per register, ascending, one a block.
        community: 16 bytes. signer: the meter's identity and its MAC key.
    """
    body = pack_head(head) + np.packbits(present).tobytes() + b"".join(c for group in ciphertexts for c in group)
    signed = body + signer[0].sign_raw(_LABEL + community + body)
    return signed + frame_mac(signer[1], signed)


def parse_frame(data: bytes, bits: int) -> PaillierFrame:
    """The frame in `data`, under a key of `bits`.

    Raises:
        FrameError: whatever is wrong with it but MAC, signature and the ciphertexts themselves.
    """
    head = parse_head(data)
    spread, registers = len(blocks(head.count, bits)), register_list(head.registers)
    size, bitmap = CIPHERTEXT_HEAD + bits // 4, -(-head.count // 8)
    start = HEAD_BYTES + bitmap
    end = start + len(registers) * spread * size
    if len(data) != end + SIGNATURE_BYTES + MAC_BYTES or len(data) > MAX_FRAME:
        raise FrameError("its length does not fit its head", where="frame", fix="send it whole")
    present = np.unpackbits(np.frombuffer(data[HEAD_BYTES:start], np.uint8))
    if present[head.count :].any():
        raise FrameError("padding is not zero", where="frame", fix="see wire.paillier")
    ciphertexts = {
        register: tuple(
            data[at : at + size]
            for at in range(start + number * spread * size, start + (number + 1) * spread * size, size)
        )
        for number, register in enumerate(registers)
    }
    return PaillierFrame(
        head, present[: head.count].astype(np.bool_), ciphertexts, data[:end], data[end : end + SIGNATURE_BYTES]
    )

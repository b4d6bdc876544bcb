"""Suite 2 at home: the meter seals with AES, the home's edge process turns that into Paillier frames.

Scheme: the classical chain's first two steps. `Channel` is AES-256-GCM with a random 96-bit nonce and the frame's head
as associated data (NIST SP 800-38D; at most 2^32 messages a key), for meters too small to encrypt by themselves.
`Edge` opens it, packs and encrypts under the community's Paillier key, and signs as the meter it stands beside. Both
are in the home: what leaves it is a Paillier ciphertext. Does not give: proof that the readings are in range or true;
nothing keeps the edge from looking, which is why it is nowhere but at home.

Privacy: sees open readings of its own home; a frame is sealed. Unlike a mask, a ciphertext is safe to make twice; an
interval must still be sent once, and the concentrator refuses a second frame for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from quietgrid.crypto.public.packing import blocks, pack
from quietgrid.crypto.public.paillier import PublicKey
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import InputError, SingleUseError, VerificationError
from quietgrid.model.quantity import MAX_READING_WH
from quietgrid.model.readings import register_list
from quietgrid.model.sealed import FrameHead
from quietgrid.wire.frame import HEAD_BYTES
from quietgrid.wire.paillier import pack_frame, pack_head, parse_head

NONCE_BYTES = 12


class Channel:
    """The way from a meter to its edge.

    Args:
        key: 32 bytes that both have, entered when they are installed.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise InputError("a channel key has 32 bytes", where="edge", fix="make one with `Channel.new_key`")
        self._key = AESGCM(key)

    @staticmethod
    def new_key() -> bytes:
        """A fresh key."""
        return secrets.token_bytes(32)

    def seal(self, head: FrameHead, columns: Sequence[NDArray[np.int64]], present: NDArray[np.bool_]) -> bytes:
        """What a meter sends its edge.

        Args:
            head: Which cells. columns: per register of the head, ascending, int64 [count], Wh; 0 where not present.
            present: bool [count].

        Raises:
            InputError: columns that do not fit, or a value out of range.
        """
        values = np.stack([*columns]) if columns else np.zeros((0, 0), np.int64)
        if values.shape != (len(register_list(head.registers)), head.count) or present.shape != (head.count,):
            raise InputError("columns do not fit the head", where="edge", fix="give one column a register")
        if values.size and not (int(values.min()) >= 0 and int(values.max()) < MAX_READING_WH):
            raise InputError("a reading is out of range", where="edge", fix=f"use Wh, 0..{MAX_READING_WH - 1}")
        plain = np.packbits(present).tobytes() + np.where(present, values, 0).astype("<u4").tobytes()
        first, nonce = pack_head(head), secrets.token_bytes(NONCE_BYTES)
        return first + nonce + self._key.encrypt(nonce, plain, first)

    def open(self, data: bytes) -> tuple[FrameHead, NDArray[np.int64], NDArray[np.bool_]]:
        """Head, values int64 [registers, count] and presence.

        Raises:
            FrameError: no such head. VerificationError: another key, or changed on the way.
        """
        head = parse_head(data)
        start = HEAD_BYTES + NONCE_BYTES
        try:
            plain = self._key.decrypt(data[HEAD_BYTES:start], data[start:], data[:HEAD_BYTES])
        except (InvalidTag, ValueError) as error:
            raise VerificationError(
                "what the meter sent does not open", where="edge", fix="pair the meter with its edge again"
            ) from error
        bitmap, rows = -(-head.count // 8), len(register_list(head.registers))
        if len(plain) != bitmap + 4 * rows * head.count:
            raise VerificationError("what the meter sent has a wrong length", where="edge", fix="send whole frames")
        present = np.unpackbits(np.frombuffer(plain[:bitmap], np.uint8))[: head.count].astype(np.bool_)
        values = np.frombuffer(plain[bitmap:], "<u4").astype(np.int64).reshape(rows, head.count)
        return head, np.where(present, values, 0), present


class Edge:
    """The process beside one meter.

    Args:
        channel: To its meter. signer: the meter's signing key and MAC key (`MeterBank.signer`). public: the community's
            Paillier key. community: 16 bytes.
    """

    def __init__(self, channel: Channel, signer: tuple[Identity, bytes], public: PublicKey, community: bytes) -> None:
        self._channel, self._signer, self._public, self._community = channel, signer, public, community
        self._seq = 0

    def frame(self, sealed: bytes) -> bytes:
        """The Paillier frame of what the meter sent.

        Raises:
            FrameError, VerificationError: see `Channel.open`. SingleUseError: it was taken before.

        Cost: about 0.4 ms a ciphertext at 3072 bits, two a register and day.
        """
        head, values, present = self._channel.open(sealed)
        if head.seq <= self._seq:
            raise SingleUseError("this was taken before", where="edge", fix="send the next sequence number")
        spread = blocks(head.count, self._public.bits)
        ciphertexts = [
            [self._public.pack(self._public.encrypt(pack(row[first:end].tolist()))) for first, end in spread]
            for row in values
        ]
        self._seq = head.seq
        return pack_frame(head, present, ciphertexts, self._community, self._signer)

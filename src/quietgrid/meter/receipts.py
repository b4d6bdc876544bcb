"""The concentrator's signed words, as a meter checks them: receipts for frames, and how far it has each meter.

Source: PROTOCOL A, "Messages" (`receipt`); C, K10, G9. A receipt's root is over the SHA-256 of the frames it accepted,
in their order. A receipted frame with its path is what a household needs to show that a close left it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public import merkle
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import VerificationError
from quietgrid.wire.messages import CommunityCard, Receipt
from quietgrid.wire.own import Standing


@dataclass(frozen=True, slots=True)
class FrameProof:
    """A frame, the receipt that names it, and the path between them.

    Args:
        frame: The bytes that were sent. receipt: encoded `Signed[Receipt]`. index: place in the receipt's batch.
        path: From the leaf upwards.
    """

    frame: bytes
    receipt: bytes
    index: int
    path: list[bytes]


def check_receipt(card: CommunityCard, signed: Signed, digests: Sequence[bytes]) -> Receipt:
    """The receipt in an envelope, once it is the concentrator's word on exactly these frames.

    Args:
        digests: SHA-256 of the accepted frames, in the order of the batch.

    Raises:
        VerificationError: another signer, community, number of frames or root.
    """
    receipt = open_signed(signed, Receipt, card.concentrator_pk)
    if receipt.community != card.community or receipt.size != len(digests):
        raise VerificationError("a receipt is not for these frames", where="receipt", fix="send the frames again")
    if merkle.root(list(digests)) != receipt.root:
        raise VerificationError("a receipt names other frames", where="receipt", fix="send the frames again")
    return receipt


def check_path(card: CommunityCard, signed: Signed, proof: tuple[bytes, int, Sequence[bytes]]) -> Receipt:
    """The receipt, once one frame is in it.

    Args:
        proof: The frame, its index in the batch and its path.
    """
    frame, index, path = proof
    receipt = open_signed(signed, Receipt, card.concentrator_pk)
    if receipt.community != card.community or not 0 <= index < receipt.size:
        raise VerificationError("a receipt is not for this frame", where="receipt", fix="send the frame again")
    merkle.check_path(merkle.leaf_hash(sha256(frame).digest()), index, receipt.size, path, receipt.root)
    return receipt


def check_standing(card: CommunityCard, signed: Signed, nonce: bytes, pids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """How far the concentrator has each meter's frames: uint64 [n], highest accepted `seq`.

    Raises:
        VerificationError: another signer, an old answer (nonce), or other meters than asked for.
    """
    standing = open_signed(signed, Standing, card.concentrator_pk)
    if standing.nonce != nonce or standing.community != card.community:
        raise VerificationError("the standing is not the answer to our question", where="standing", fix="ask again")
    if standing.pids != pids.astype("<u8").tobytes() or len(standing.seqs) != 8 * len(pids):
        raise VerificationError("the standing is about other meters", where="standing", fix="ask again")
    return np.frombuffer(standing.seqs, "<u8").astype(np.uint64)

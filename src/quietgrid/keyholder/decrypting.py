"""The decryption process of suite 2: a keyholder whose gate opens Paillier sums instead of summing masks.

What may open, votes, the once-only release and the ledger are `keyholder.answering` as ever; only the last step is
here. A Paillier key opens whatever it is given, so nothing is decrypted that was not added up here: the frames behind a
sum come with the question, each must be signed by the enrolled meter of its row and hold exactly the cells that the
votes closed, and their sum must be the one the PES made. Slots that may not open are dropped, registers are netted, and
the numbers leave sealed to the reader's own key.

Privacy: holds the private key. Sees, inside this process, every slot of the sums it opens, those of fewer than k homes
too. **Together with the platform's ciphertexts it could open every reading**: with masks no single party can (0034).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.blocks import whole
from quietgrid.crypto.public import oaep, sealing
from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.packing import blocks, unpack
from quietgrid.crypto.public.paillier import Ciphertext
from quietgrid.crypto.secret.paillier import PrivateKey
from quietgrid.errors import GateRefusal, InputError, UnavailableError, VerificationError
from quietgrid.keyholder.ruling import Evaluated
from quietgrid.model.interval import slots_per_day
from quietgrid.model.question import Kind
from quietgrid.wire.messages import QuestionMessage
from quietgrid.wire.paillier import Evidence, PaillierFrame, answer_info, parse_frame

KEPT_BYTES = 256 << 20
MeterKey = Callable[[int], bytes]
"""Meter id -> the signing key it enrolled with."""


class Decryption:
    """The engine of `Parts.engine`.

    Args:
        key: The Paillier key. community: 16 bytes. reader: public key of whoever may read the answers: HPKE
            (`crypto.public.sealing`) or RSA-OAEP (`crypto.public.oaep`).
        kept_bytes: Evidence that waits for its question, at most; the oldest goes first.
    """

    def __init__(self, key: PrivateKey, community: bytes, reader: bytes, kept_bytes: int = KEPT_BYTES) -> None:
        self._key, self._community, self._reader, self._limit = key, community, reader, kept_bytes
        self._seal = oaep.seal if reader[:1] == bytes([oaep.TAG]) else sealing.seal
        self._seal(b"", reader, b"")  # a key that nobody can read by is refused now
        self._evidence: OrderedDict[bytes, tuple[Evidence, int]] = OrderedDict()

    def take(self, data: bytes) -> None:
        """Evidence from the platform, for a question that it asks next.

        Raises:
            VerificationError: no such message. InputError: more than is kept.
        """
        if len(data) > self._limit:
            raise InputError("too much evidence", where="decryption", fix="ask for fewer slots at once")
        evidence = decode(Evidence, data)
        self._evidence[evidence.question] = evidence, len(data)
        while sum(size for _, size in self._evidence.values()) > self._limit:
            self._evidence.popitem(last=False)

    def components(self, message: QuestionMessage, ruling: Evaluated, meter_key: MeterKey) -> list[bytes]:
        """The answer, sealed to the reader: int64 little-endian, 0 where not allowed.

        Raises:
            GateRefusal: a kind of question that packed ciphertexts cannot answer. UnavailableError: no evidence yet.
            VerificationError, FrameError, InputError: evidence that does not bear the sum.
        """
        if message.kind != Kind.TOTALS:
            raise GateRefusal(
                "suite", "packed ciphertexts open totals only", where=message.node, fix="use suite 1 for bills"
            )
        found = self._evidence.pop(message.hash(), None)
        if found is None:
            raise UnavailableError(
                "the frames behind this total are not here", where=message.node, fix="send them, then ask again"
            )
        frames = self._frames(found[0], message, ruling, meter_key)
        values, sums = np.zeros(len(ruling.allowed), np.int64), list(found[0].sums)
        for register, (sign, wanted) in _wanted(ruling).items():
            total = self._sum(register, wanted, frames, ruling)
            claimed = sums.pop(0) if sums else []
            if [self._key.public.parse(packed).value for packed in claimed] != [c.value for c in total]:
                raise VerificationError(
                    "the PES's sum is not the sum of these frames", where=message.node, fix="add up what was closed"
                )
            values += sign * self._open(total, len(values))
        plain = np.where(ruling.allowed, values, 0).astype("<i8").tobytes()
        return [self._seal(plain, self._reader, answer_info(self._community, message.hash()))]

    def _frames(
        self, evidence: Evidence, message: QuestionMessage, ruling: Evaluated, meter_key: MeterKey
    ) -> list[PaillierFrame | None]:
        """The frame of each of the ruling's rows, checked to be its meter's and of these slots."""
        pids = ruling.members.pids[ruling.rows].tolist()
        row_of = {pid: row for row, pid in enumerate(pids)}
        found: list[PaillierFrame | None] = [None] * len(pids)
        if len(evidence.frames) > len(pids):
            raise VerificationError("more frames than meters", where=message.node, fix="send those of the close")
        resolution = ruling.members.window.resolution
        for data in evidence.frames:
            frame = parse_frame(data, self._key.public.bits)
            head = frame.head
            first = head.day * slots_per_day(resolution) + head.first
            row = row_of.get(head.pid)
            if row is None or found[row] is not None or (first, first + head.count) != (message.first, message.end):
                raise VerificationError(
                    "a frame is not of this total", where=message.node, fix="send those of the close"
                )
            if head.resolution != resolution or head.version:
                raise VerificationError("a frame of another form", where=message.node, fix="send those of the close")
            frame.check_signature(self._community, meter_key(head.pid))
            found[row] = frame
        return found

    def _sum(
        self, register: int, wanted: NDArray[np.bool_], frames: list[PaillierFrame | None], ruling: Evaluated
    ) -> list[Ciphertext]:
        """One register's sum, a ciphertext a block; nothing where no row counts."""
        nothing = np.zeros(wanted.shape[1], np.bool_)
        holds = np.array([nothing if f is None or register not in f.ciphertexts else f.present for f in frames])
        rows = np.flatnonzero(whole(wanted, holds, ruling.allowed)).tolist()
        public = self._key.public
        parts = [[public.parse(c) for c in f.ciphertexts[register]] for row in rows if (f := frames[row]) is not None]
        if any(ciphertext.load != 1 for part in parts for ciphertext in part):
            raise VerificationError("a ciphertext is no fresh one", where="frame", fix="send one meter's readings")
        return [public.add(column) for column in zip(*parts, strict=True)]

    def _open(self, total: list[Ciphertext], count: int) -> NDArray[np.int64]:
        """int64 [t], the slots of a sum; 0 where there is none."""
        if not total:
            return np.zeros(count, np.int64)
        spread = blocks(count, self._key.public.bits)
        slots = [
            value
            for (first, end), block in zip(spread, total, strict=True)
            for value in unpack(self._key.decrypt(block), end - first, block.load)
        ]
        return np.array(slots, np.int64)


def _wanted(ruling: Evaluated) -> dict[int, tuple[int, NDArray[np.bool_]]]:
    """By register, ascending: its sign, and the cells bool [rows, t] behind the numbers that may open."""
    out: dict[int, tuple[int, NDArray[np.bool_]]] = {}
    shape = len(ruling.rows), len(ruling.allowed)
    for number in np.flatnonzero(ruling.allowed).tolist():
        cells = ruling.cells(number)
        for register, sign in sorted(set(zip(cells.registers.tolist(), cells.weights.tolist(), strict=True))):
            _, wanted = out.setdefault(register, (sign, np.zeros(shape, np.bool_)))
            wanted[cells.at[cells.registers == register, 0], number] = True
    return dict(sorted(out.items()))

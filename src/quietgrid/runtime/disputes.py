"""Withheld answers for the auditor: the list, the evidence of one, and the auditor's finding, which enters the log.

After a finding the answer opens from the two other keyholders' sums, which agree: provisional, since no third
confirms it. Privacy: sums and closes of one question, no ciphertext; a meter's thin enrolment and day record.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, NotFoundError, VerificationError
from quietgrid.model.interval import slots_per_day
from quietgrid.runtime.alarmed import behind_alarm
from quietgrid.runtime.audit import FORMAT, Bundle
from quietgrid.runtime.platform import PlatformParts
from quietgrid.runtime.withheld import FINDING, WITHHELD, Contradiction, finding
from quietgrid.store import PlatformTx
from quietgrid.wire.disputes import NOBODY, Evidence, Finding, MeterWord
from quietgrid.wire.messages import Close, Enrol, LateClose, QuestionMessage

SHOWN = 12
"""Characters of a question's hash that name a dispute."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A withheld answer.

    Args:
        question: Hash. kind, node, quantity, first, end: what was asked. pairs: components that differ.
        suspects: keyholders that may have lied. at: since when. finding: the auditor's, if there is one.
    """

    question: bytes
    kind: str
    node: str
    quantity: str
    first: int
    end: int
    pairs: tuple[int, ...]
    suspects: tuple[int, ...]
    at: float
    finding: Finding | None

    @property
    def name(self) -> str:
        """What it is called: the beginning of the question's hash."""
        return self.question.hex()[:SHOWN]


class Disputes:
    """The withheld answers of one platform."""

    def __init__(self, parts: PlatformParts) -> None:
        self._parts = parts

    def withheld(self) -> list[Withheld]:
        """All of them, newest first."""
        with self._parts.store.read() as tx:
            found = [self._withheld(tx, name, data) for name, data in tx.documents.all(WITHHELD).items()]
        return sorted(found, key=lambda item: (-item.at, item.first, item.node))

    def _withheld(self, tx: PlatformTx, name: str, data: bytes) -> Withheld:
        row = tx.answers.question(bytes.fromhex(name))
        said = msgspec.msgpack.decode(data, type=Contradiction)
        return Withheld(
            row.hash, row.kind, row.node, row.quantity, row.first, row.end, tuple(said.pairs), tuple(said.suspects),
            said.at, finding(tx, row.hash),
        )  # fmt: skip

    def _named(self, tx: PlatformTx, name: str) -> bytes:
        """The question whose hash begins so."""
        found = [known for known in tx.documents.all(WITHHELD) if name and known.startswith(name.lower())]
        if not found:
            raise NotFoundError("no withheld answer has this name", where=name[:64], fix="list them")
        if len(found) > 1:
            raise InputError(f"{len(found)} withheld answers begin so", where=name, fix="write more of the name")
        return bytes.fromhex(found[0])

    def evidence(self, name: str) -> Evidence:
        """What the auditor needs for one.

        Raises:
            NotFoundError, InputError: no such name, or several.
        """
        card = self._parts.card
        with self._parts.store.read() as tx:
            digest = self._named(tx, name)
            question = unpack_signed(tx.answers.question(digest).signed)
            message = decode(QuestionMessage, question.body)
            sums = {index: unpack_signed(data) for index, data in tx.answers.sums(digest).items()}
            rows = {named: tx.answers.close(named) for named in message.closes}
            signed = {named: unpack_signed(row.signed) for named, row in rows.items()}
            behind = behind_alarm(tx, message)
            signed |= behind.closes
            signed |= _behind_late(tx, list(signed.values()), card.resolution)
            members = [unpack_signed(data) for data in tx.registry.all_members()]
            bundle = Bundle(
                FORMAT, card.body(), tx.registry.meters().pids.astype("<u8").tobytes(), members,
                [unpack_signed(d) for m in members for _, d in sorted(tx.registry.endorsements(m.hash()).items())],
                [unpack_signed(data) for data in tx.registry.books()],
                [unpack_signed(data) for data in tx.registry.price_messages()],
                list(signed.values()),
                [unpack_signed(data) for named in signed for _, data in sorted(tx.answers.votes(named).items())],
                behind.answers, behind.alarms,
            )  # fmt: skip
        return Evidence(question, sums, msgspec.msgpack.encode(bundle))

    def word(self, pid: int, day: int) -> MeterWord:
        """A meter's enrolment and its record of a day.

        Raises:
            NotFoundError: no such meter.
        """
        with self._parts.store.read() as tx:
            enrol = decode(Enrol, unpack_signed(tx.registry.meter(pid).enrol).body)
            data = tx.documents.find("day-record", f"{pid}/{day}")
        return MeterWord(enrol.thin().body(), None if data is None else unpack_signed(data))

    def take(self, signed: Signed) -> bool:
        """Take the auditor's finding and write it into the log; True if it is new.

        Raises:
            VerificationError: not the auditor's, or it names nobody that is suspect. ConflictError: it found something
            else before. NotFoundError: no such answer was withheld.
        """
        found = open_signed(signed, Finding, self._parts.card.auditor_pk)
        if found.community != self._parts.card.community:
            raise VerificationError("a finding about another community", where="finding", fix="check the card")
        with self._parts.store.begin() as tx:
            said = msgspec.msgpack.decode(tx.documents.get(WITHHELD, found.question.hex()), type=Contradiction)
            if found.pair not in said.pairs or found.liar not in (NOBODY, *said.suspects):
                raise VerificationError("the finding names nobody suspect", where="finding", fix="look at the evidence")
            before = finding(tx, found.question)
            if before is not None and _verdict(before) == _verdict(found):
                return False
            new = tx.documents.put(FINDING, found.question.hex(), pack_signed(signed))
            detail = {
                "question": found.question.hex()[:SHOWN], "component": found.pair, "why": found.why,
                "liar": None if found.liar == NOBODY else found.liar,
                "meter": found.pid, "day": found.day, "slot": found.slot,
            }  # fmt: skip
            tx.log.append("auditor", "dispute.finding", tx.answers.question(found.question).node, detail)
        return new


def _verdict(found: Finding) -> tuple[object, ...]:
    return found.pair, found.liar, found.pid, found.day, found.slot


def _behind_late(tx: PlatformTx, signed: list[Signed], resolution: int) -> dict[bytes, Signed]:
    """The closes that hold the slots of late closes' cells: what they had counted is in there."""
    per_day = slots_per_day(resolution)
    found: dict[bytes, Signed] = {}
    for late in (decode(LateClose, one.body) for one in signed if one.name == LateClose.NAME):
        slots = [day * per_day + slot for _, day, slot, _ in late.cells]
        for row in tx.answers.closes(late.leaf, min(slots), max(slots) + 1) if slots else []:
            one = unpack_signed(row.signed)
            if one.name == Close.NAME:
                found[row.hash] = one
    return found

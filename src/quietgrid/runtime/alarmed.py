"""What an answer in halves rests on besides its own closes: the alarm, its total, and the closes in between."""

from __future__ import annotations

from dataclasses import dataclass, field

from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.errors import NotFoundError
from quietgrid.model.question import Kind
from quietgrid.runtime.audit import Answered
from quietgrid.store import PlatformTx
from quietgrid.wire.messages import Alarm, QuestionMessage


@dataclass
class Behind:
    """Nothing, where a question is not about halves."""

    alarms: tuple[Signed, ...] = ()
    answers: list[Answered] = field(default_factory=list)
    closes: dict[bytes, Signed] = field(default_factory=dict)


def behind_alarm(tx: PlatformTx, question: QuestionMessage) -> Behind:
    """What `question` rests on if it is about halves."""
    data = tx.documents.find("alarm", question.vector) if question.kind == Kind.HALVES else None
    if data is None:
        return Behind()
    signed = unpack_signed(data)
    total = unpack_signed(decode(Alarm, signed.body).question)
    asked = decode(QuestionMessage, total.body)
    rows = [tx.answers.close(digest) for digest in asked.closes]
    closes = {row.hash: unpack_signed(row.signed) for row in rows}
    for leaf in sorted({row.leaf for row in rows}):
        closes |= {row.hash: unpack_signed(row.signed) for row in tx.answers.closes(leaf, asked.end, question.first)}
    return Behind((signed,), _answered(tx, total), closes)


def _answered(tx: PlatformTx, total: Signed) -> list[Answered]:
    sums = [unpack_signed(data) for _, data in sorted(tx.answers.sums(total.hash()).items())]
    try:
        answer = tx.answers.answer(total.hash())
    except NotFoundError:
        return []
    return [Answered(total, sums, answer.status, answer.body, answer.digests)]

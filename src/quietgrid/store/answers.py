"""Closes, questions, sums and answers of the platform: each persisted before the next message goes out.

Privacy: opened totals and facts are the only plain numbers here; sums are masked unless two keyholders' are subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import NotFoundError
from quietgrid.store.closes import PlatformCloses
from quietgrid.store.schema import BLOB, INT, NUMBER, PLATFORM, TEXT, column, key, put, table

_vote = table("vote", PLATFORM, key("subject", BLOB), key("keyholder", INT), column("signed", BLOB))
_question = table(
    "question",
    PLATFORM,
    key("hash", BLOB),
    column("kind", TEXT),
    column("node", TEXT),
    column("quantity", TEXT),
    column("first", INT),
    column("end", INT),
    column("signed", BLOB),
    column("at", NUMBER),
    sa.Index("question_by_node", "kind", "node", "first"),
)
_sums = table("sums", PLATFORM, key("question", BLOB), key("keyholder", INT), column("signed", BLOB))
_refusal = table(
    "refusal", PLATFORM, key("question", BLOB), key("keyholder", INT), column("body", BLOB), column("at", NUMBER)
)
_answer = table(
    "answer",
    PLATFORM,
    key("question", BLOB),
    column("status", TEXT),
    column("body", BLOB),
    column("digests", BLOB),
    column("at", NUMBER),
    sa.ForeignKeyConstraint(["question"], ["question.hash"]),
    sa.Index("answer_by_status", "status"),
)


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question as signed. `first`, `end`: absolute slots."""

    hash: bytes
    kind: str
    node: str
    quantity: str
    first: int
    end: int
    signed: bytes


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """What came out of a question: `body` as encoded by the MDMS, `digests` of the components (32 bytes each)."""

    question: bytes
    status: str
    body: bytes
    digests: list[bytes]
    at: float


class Answers(PlatformCloses):
    """From close to answer."""

    def put_vote(self, subject: bytes, keyholder: int, signed: bytes) -> bool:
        """Keep a keyholder's vote; True if it is new, `ConflictError` if that keyholder sent another."""
        return self.put_votes([(subject, keyholder, signed)]) == 1

    def put_votes(self, votes: Sequence[tuple[bytes, int, bytes]]) -> int:
        """Keep votes: (subject hash, keyholder, signed); how many are new."""
        rows = [{"subject": subject, "keyholder": keyholder, "signed": signed} for subject, keyholder, signed in votes]
        return put(self._c, _vote, rows)

    def votes(self, subject: bytes) -> dict[int, bytes]:
        """Votes on a subject by keyholder."""
        rows = self._c.execute(sa.select(_vote).where(_vote.c.subject == subject))
        return {int(row.keyholder): bytes(row.signed) for row in rows}

    def put_question(self, question: QuestionRow) -> bool:
        """Persist a question before it is sent; True if it is new."""
        row = {name: getattr(question, name) for name in QuestionRow.__slots__} | {"at": self._clock.now()}
        return put(self._c, _question, [row], ignore=("at",)) == 1

    def question(self, hash: bytes) -> QuestionRow:
        """One question by its hash."""
        query = sa.select(_question).where(_question.c.hash == hash)
        return _as_question(self._one(query, "question", hash.hex()[:12]))

    def questions(self, kind: str = "", limit: int = 100) -> list[QuestionRow]:
        """The newest questions (of one kind)."""
        query = sa.select(_question).order_by(_question.c.at.desc(), _question.c.first.desc()).limit(limit)
        return [_as_question(row) for row in self._c.execute(query.where(_question.c.kind == kind) if kind else query)]

    def unanswered(self, kind: str = "") -> list[QuestionRow]:
        """Questions without an answer and without a refusal, oldest slots first."""
        q = _question.c
        answered = sa.exists().where(_answer.c.question == q.hash)
        refused = sa.exists().where(_refusal.c.question == q.hash)
        query = sa.select(_question).where(~answered, ~refused).order_by(q.first, q.hash)
        return [_as_question(row) for row in self._c.execute(query.where(q.kind == kind) if kind else query)]

    def put_sums(self, question: bytes, keyholder: int, signed: bytes) -> bool:
        """Keep a keyholder's component sums; True if new. The same question must bring the same bytes."""
        row = {"question": question, "keyholder": keyholder, "signed": signed}
        return put(self._c, _sums, [row]) == 1

    def sums(self, question: bytes) -> dict[int, bytes]:
        """Component sums received by keyholder."""
        rows = self._c.execute(sa.select(_sums).where(_sums.c.question == question))
        return {int(row.keyholder): bytes(row.signed) for row in rows}

    def put_refusal(self, question: bytes, keyholder: int, body: bytes) -> None:
        """Keep a keyholder's refusal of a question; the newest of each counts."""
        t = _refusal.c
        self._c.execute(sa.delete(_refusal).where(t.question == question, t.keyholder == keyholder))
        values = {"question": question, "keyholder": keyholder, "body": body, "at": self._clock.now()}
        self._c.execute(sa.insert(_refusal).values(values))

    def refusals(self, question: bytes) -> dict[int, bytes]:
        """Refusals of a question by keyholder."""
        rows = self._c.execute(sa.select(_refusal).where(_refusal.c.question == question))
        return {int(row.keyholder): bytes(row.body) for row in rows}

    def put_answer(self, question: bytes, status: str, body: bytes, digests: Sequence[bytes]) -> bool:
        """Record the one answer of a question; True if it is new.

        Raises:
            ConflictError: it was answered before with another body. Nothing is ever answered twice.
        """
        row = {"question": question, "body": body, "digests": b"".join(digests), "status": status}
        return put(self._c, _answer, [row | {"at": self._clock.now()}], ignore=("at", "status", "digests")) == 1

    def answer(self, question: bytes) -> AnswerRow:
        """The answer of a question."""
        query = sa.select(_answer).where(_answer.c.question == question)
        row = self._one(query, "answer", question.hex()[:12])
        data = bytes(row.digests)
        digests = [data[at : at + 32] for at in range(0, len(data), 32)]
        return AnswerRow(bytes(row.question), row.status, bytes(row.body), digests, row.at)

    def set_status(self, question: bytes, status: str, digests: Sequence[bytes] | None = None) -> None:
        """Raise the status of an answer (provisional → confirmed → certified), with all digests if they are known."""
        values: dict[str, object] = {"status": status}
        if digests is not None:
            values["digests"] = b"".join(digests)
        if self._c.execute(sa.update(_answer).where(_answer.c.question == question).values(values)).rowcount != 1:
            raise NotFoundError("there is no such answer", where=question.hex()[:12], fix="answer it first")

    def with_status(self, status: str) -> list[bytes]:
        """Hashes of the questions whose answer has this status, oldest first."""
        query = sa.select(_answer.c.question).where(_answer.c.status == status).order_by(_answer.c.at)
        return [bytes(question) for question in self._c.execute(query).scalars()]


def _as_question(row: sa.Row[Any]) -> QuestionRow:
    place = (row.node, row.quantity, row.first, row.end)
    return QuestionRow(bytes(row.hash), row.kind, *place, bytes(row.signed))

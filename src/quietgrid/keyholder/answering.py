"""Answering: what the gate lets open becomes component sums, written down before they leave.

Commit order (PROTOCOL A): release + ledger, then sums. Asked again, the stored bytes are given again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS_OF
from quietgrid.errors import GateRefusal, InputError, QuietgridError, UnavailableError, VerificationError
from quietgrid.keyholder import ledger
from quietgrid.keyholder.gate import Evaluated, evaluate
from quietgrid.keyholder.memory import Memory
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.peers import Peers
from quietgrid.model.interval import DAY_S
from quietgrid.model.question import Kind
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.links import Outcome, refusal_of
from quietgrid.wire.messages import LedgerNote, Opened, QuestionMessage, Refusal, Sums

RULE_OF = {Kind.TOTALS.value: "floor", Kind.HALVES.value: "strike-halves"}
"""The rule by which totals are released; numbers about homes are by batch."""


class Answers:
    """The answers of one keyholder. Its caller lets one thread in at a time."""

    def __init__(self, parts: Parts, memory: Memory, peers: Peers) -> None:
        self._parts = parts
        self._memory = memory
        self._peers = peers

    def questions(self, questions: Sequence[Signed]) -> list[Outcome]:
        """Component sums for the questions the gate lets open; a refusal with its rule for the others."""
        out: list[Outcome | None] = [None] * len(questions)
        decided: list[tuple[int, QuestionMessage, Evaluated]] = []
        released = self._released(questions)
        self._look_at_lots(questions)
        for at, signed in enumerate(questions):
            try:
                message = open_signed(signed, QuestionMessage, self._parts.card.platform_pk)
                out[at] = released[at]
                if out[at] is None:
                    decided.append((at, message, self._decide(message)))
            except QuietgridError as error:
                out[at] = refusal_of(error)
        wanted = [list(m.closes) + ([e.subject] if e.subject else []) for _, m, e in decided]
        seen = self._peers.agree([subject for group in wanted for subject in group])
        ready = []
        for (at, message, ruling), group in zip(decided, wanted, strict=True):
            missing = next((seen[s] for s in group if seen[s]), "") if self._parts.rules.on("votes") else ""
            if missing:
                out[at] = refusal_of(
                    UnavailableError(missing, where=f"{message.kind} {message.node}", fix="ask again when it has")
                )
            else:
                ready.append((at, message, ruling))
        if ready:
            self._release(questions, ready, out)
        return [o if o is not None else Refusal(500, "", "not answered", "", "") for o in out]

    def _look_at_lots(self, questions: Sequence[Signed]) -> None:
        """Have the peers' votes on closes that are, or may have been, answered in halves: their lots decide which."""
        kinds = {Kind.HALVES.value} | ({Kind.BILLS.value} if self._memory.known.alarms else set())
        asked = [decode(QuestionMessage, signed.body) for signed in questions if signed.name == QuestionMessage.NAME]
        closes = [digest for question in asked if question.kind in kinds for digest in question.closes]
        if closes:
            self._peers.agree(closes)

    def _released(self, questions: Sequence[Signed]) -> list[Signed | None]:
        """What was sent before for the same questions: the same bytes for ever."""
        with self._parts.store.read() as tx:
            stored = [tx.votes.release(question.hash()) for question in questions]
        return [None if data is None else unpack_signed(data) for data in stored]

    def _decide(self, message: QuestionMessage) -> Evaluated:
        if message.community != self._parts.card.community:
            raise VerificationError("another community's question", where=message.node, fix="ask its own keyholders")
        try:
            return evaluate(message, self._memory.known, self._parts.rules)
        except GateRefusal as refusal:
            self._note_refusal(message, refusal)
            raise

    def _note_refusal(self, message: QuestionMessage, refusal: GateRefusal) -> None:
        """An attempt on one home shows in that home's ledger."""
        digits = message.node.removeprefix("home:")
        if not (message.node.startswith("home:") and digits.isascii() and digits.isdecimal() and len(digits) < 21):
            return
        note = self._note(message, "refused", refusal.rule, [], [])
        with self._parts.store.begin() as tx:
            ledger.append(tx, [(int(digits), note)])

    def _note(self, message: QuestionMessage, kind: str, rule: str, values: list[int], counts: list[int]) -> LedgerNote:
        resolution = self._parts.card.resolution
        vectors = [message.vector] if message.vector else []
        if kind in ("bill", "fact"):
            vectors = self._memory.vector_names(message)
        why = {
            "totals": "feeder totals", "halves": "a meter that spoils totals is looked for",
            "bills": "bills of the period", "late": "late readings", "event": "an event",
        }  # fmt: skip
        return LedgerNote(
            kind, message.node, message.first, message.end, resolution, message.quantity, vectors, values, counts,
            "platform", why.get(message.kind, message.kind), rule, message.hash(), list(message.closes),
            self._parts.clock.now(),
        )  # fmt: skip

    def _release(
        self, asked: Sequence[Signed], ready: list[tuple[int, QuestionMessage, Evaluated]], out: list[Outcome | None]
    ) -> None:
        parts = self._parts
        parts.keys.advance(int(parts.clock.now()) // DAY_S)
        answers: list[tuple[int, QuestionMessage, Evaluated, Signed]] = []
        day_cache: dict[int, NDArray[np.uint8]] = {}
        for at, message, ruling in ready:
            try:
                answers.append((at, message, ruling, self._sums(message, ruling, day_cache)))
            except QuietgridError as error:
                out[at] = refusal_of(error)
        with parts.store.begin() as tx:
            for at, message, ruling, signed in answers:
                before = tx.documents.find("answered", ruling.release)
                if before not in (None, message.hash()) and parts.rules.on("once"):
                    refusal = GateRefusal(
                        "once", "this was answered already", where=message.node, fix="read that answer"
                    )
                    out[at] = refusal_of(refusal)
                    continue
                if tx.votes.put_release(message.hash(), pack_signed(signed)):
                    tx.documents.replace("answered", ruling.release, message.hash())
                    ledger.append(tx, self._notes(message, ruling))
                    if len(ruling.homes):
                        tx.documents.put("question", message.hash().hex(), pack_signed(asked[at]))
                        tx.documents.put("homes", message.hash().hex(), ruling.homes.astype("<u8").tobytes())
                out[at] = signed

    def _notes(self, message: QuestionMessage, ruling: Evaluated) -> list[tuple[int | None, LedgerNote]]:
        totals = message.kind in RULE_OF
        opened = ruling.counts.reshape(-1)[ruling.allowed.reshape(-1)] if totals else ruling.counts[:0]
        homes = [int(opened.min()), int(opened.max())] if len(opened) else []
        notes: list[tuple[int | None, LedgerNote]] = [
            (None, self._note(message, message.kind, RULE_OF.get(message.kind, "batch"), [], homes))
        ]
        if len(ruling.homes):
            counts = ruling.counts.reshape(len(ruling.homes), -1)
            notes += [
                (int(home), self._note(message, "bill", "batch", [], counts[i].tolist()))
                for i, home in enumerate(ruling.homes)
            ]
        return notes

    def _sums(self, message: QuestionMessage, ruling: Evaluated, cache: dict[int, NDArray[np.uint8]]) -> Signed:
        parts = self._parts
        if parts.engine is None:
            components = self._masked(ruling, cache)
        else:
            components = parts.engine.components(message, ruling, self._memory.meter_pk)
        counts = ruling.counts.astype("<i4").tobytes()
        return parts.identity.sign(Sums(parts.index, message.hash(), pack_bits(ruling.allowed), counts, components))

    def _masked(self, ruling: Evaluated, cache: dict[int, NDArray[np.uint8]]) -> list[bytes]:
        rows = self._memory.key_rows(ruling.members)[ruling.rows]
        components = []
        for at in range(len(PAIRS_OF[self._parts.index])):
            component = ruling.component(self._day_keys(at, rows, cache))
            components.append(np.where(ruling.allowed, component, np.uint64(0)).astype("<u8").tobytes())
        return components

    def _day_keys(
        self, pair: int, rows: NDArray[np.int64], cache: dict[int, NDArray[np.uint8]]
    ) -> Callable[[int], NDArray[np.uint8]]:
        def keys(day: int) -> NDArray[np.uint8]:
            if day not in cache:
                if len(cache) > 128:
                    cache.clear()
                cache[day] = self._parts.keys.day_keys(day)
            chosen: NDArray[np.uint8] = cache[day][pair, rows]
            return chosen

        return keys

    def opened(self, opened: Sequence[Signed]) -> None:
        """Take notice of what came out: each home's numbers enter its ledger, readable by it alone."""
        messages = [open_signed(signed, Opened, self._parts.card.platform_pk) for signed in opened]
        keys = [message.question.hex() for message in messages]
        with self._parts.store.read() as tx:
            asked = [tx.documents.find("question", key) for key in keys]
            homes = [tx.documents.find("homes", key) for key in keys]
            known = [tx.documents.find("opened", key) is not None for key in keys]
        seen: set[bytes] = set()
        for at, message in enumerate(messages):
            question, about = asked[at], homes[at]
            if question is None or about is None or known[at] or message.question in seen:
                continue
            seen.add(message.question)
            notes = self._fact_notes(unpack_signed(question), np.frombuffer(about, "<u8"), message)
            with self._parts.store.begin() as tx:
                # the numbers only go into the homes' own entries
                tx.documents.put("opened", keys[at], opened[at].hash())
                ledger.append(tx, notes)

    def _fact_notes(
        self, question: Signed, homes: NDArray[np.uint64], opened: Opened
    ) -> list[tuple[int | None, LedgerNote]]:
        message = open_signed(question, QuestionMessage, self._parts.card.platform_pk)
        values = np.frombuffer(opened.answer, "<i8")
        if not values.size or values.size % len(homes):
            raise InputError("the answer does not fit the question", where=message.node, fix="send all numbers")
        table = values.reshape(len(homes), -1)
        return [
            (int(home), self._note(message, "fact", "batch", table[i].tolist(), [])) for i, home in enumerate(homes)
        ]

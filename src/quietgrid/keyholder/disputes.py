"""Who lied? Narrowing one component down to one cell, for the auditor (PROTOCOL C, A5).

When one component arrives in two versions, one of its two holders lied. The auditor asks both for parts of *that one
component*, half by half, down to one meter and slot, then for that day's key of the pair, which the meter's signed
key-check value decides. A component alone hides the reading behind the third keyholder's masks; two would not: of the
cells of a leaf and day only ever one component is narrowed down, whatever is signed. And a keyholder takes part only
when it is shown, signed by the other holder, that somebody lied.
Does not give: protection from a liar that tells the auditor what it knows anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS, PAIRS_OF, check_kcv
from quietgrid.crypto.secret.masks import masks
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import GateRefusal, InputError, NotFoundError, VerificationError
from quietgrid.keyholder import ledger
from quietgrid.keyholder.gate import evaluate
from quietgrid.keyholder.memory import Memory
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.ruling import Evaluated
from quietgrid.wire.messages import CommunityCard, Dispute, LedgerNote, PartSum, QuestionMessage, Sums

WORD = 1 << 64
AUDITOR = "auditor"


# -- at a keyholder ---------------------------------------------------------------------------------------------------


def answer_dispute(signed: Signed, parts: Parts, memory: Memory) -> Signed:
    """One part of one component, signed.

    Raises:
        VerificationError: not the auditor, or nobody is shown to have lied. GateRefusal: ``dispute``: another component
        of these cells was narrowed down before. NotFoundError: the question was not answered here.
    """
    asked = open_signed(signed, Dispute, parts.card.auditor_pk)
    if asked.community != parts.card.community or asked.pair not in PAIRS_OF[parts.index]:
        raise VerificationError("not about a key of this keyholder", where=f"pair {asked.pair}", fix="ask its holders")
    question = open_signed(unpack_signed(asked.question), QuestionMessage, parts.card.platform_pk)
    with parts.store.read() as tx:
        released = tx.votes.release(question.hash())
    if released is None:
        raise NotFoundError("the question was not answered here", where=question.node, fix="dispute answers only")
    _check_lie(asked, parts.card, question.hash(), released)
    ruling = evaluate(question, memory.known, parts.rules)
    cells = ruling.cells(asked.number)
    part = cells.cut(asked.first, asked.end)
    _bind(asked, question, ruling, sorted(set(cells.at[:, 1].tolist())), parts)
    rows = memory.key_rows(ruling.members)[ruling.rows]
    held = PAIRS_OF[parts.index].index(asked.pair)
    value = part.component(lambda day: parts.keys.day_keys(day)[held, rows], parts.card.resolution)
    cell, key = [], b""
    if len(part) == 1:
        row, day, slot, version = part.at[0].tolist()
        pid = int(ruling.members.pids[ruling.rows[row]])
        cell = [pid, day, slot, version, int(part.registers[0]), int(part.weights[0])]
        if asked.seal_to:
            info = seal_info(PartSum.NAME, parts.card.community, pid, AUDITOR)
            key = seal(parts.keys.day_keys(day)[held, rows[row]].tobytes(), asked.seal_to, info)
    return parts.identity.sign(PartSum(parts.index, signed.hash(), len(cells), value.to_bytes(8, "little"), cell, key))


def _check_lie(asked: Dispute, card: CommunityCard, question: bytes, own: bytes) -> None:
    """Both holders' signed sums of this question differ in this number of this component, and one of them is ours."""
    if len(asked.proofs) != 2 or own not in asked.proofs:
        raise VerificationError("our own sums are not among the proofs", where="dispute", fix="send both holders' sums")
    values = []
    for holder, data in zip(PAIRS[asked.pair], asked.proofs, strict=True):
        sums = open_signed(unpack_signed(data), Sums, card.keyholder_pks[holder])
        if sums.question != question or sums.keyholder != holder:
            raise VerificationError("sums of another question", where=f"keyholder {holder}", fix="send this one's")
        values.append(number_of(sums, asked.pair, asked.number))
    if values[0] == values[1]:
        raise VerificationError("nobody contradicts anybody here", where="dispute", fix="the answer can be opened")


def _bind(asked: Dispute, question: QuestionMessage, ruling: Evaluated, days: list[int], parts: Parts) -> None:
    """For the cells of a leaf and day one component is ever narrowed down."""
    pair = bytes([asked.pair])
    with parts.store.begin() as tx:
        for leaf in ruling.leaves:
            for day in days:
                before = tx.documents.find("dispute", f"{leaf}/{day}")
                if before not in (None, pair) and parts.rules.on("dispute"):
                    raise GateRefusal(
                        "dispute", "another component of these readings was narrowed down before",
                        where=question.node, fix="two components of one reading would open it",
                    )  # fmt: skip
                if before is None:
                    tx.documents.put("dispute", f"{leaf}/{day}", pair)
                    note = LedgerNote(
                        "dispute", question.node, question.first, question.end, parts.card.resolution, "", [], [], [],
                        AUDITOR, "two keyholders contradict each other", "dispute", question.hash(), [],
                        parts.clock.now(),
                    )  # fmt: skip
                    ledger.append(tx, [(None, note)])


def number_of(sums: Sums, pair: int, number: int) -> int:
    """One number of one component."""
    words = np.frombuffer(sums.components[PAIRS_OF[sums.keyholder].index(pair)], "<u8")
    if not 0 <= number < len(words):
        raise InputError("no such number", where=f"number {number}", fix=f"there are {len(words)}")
    return int(words[number])


# -- at the auditor ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """Who lied, about which cell, and how it shows.

    Args:
        liar: Keyholder, or None if the meter gave the two holders different keys.
        pid, day, slot: The cell (0 where the liar contradicted itself before it was found). why: In words.
    """

    liar: int | None
    pid: int
    day: int
    slot: int
    why: str


@dataclass(frozen=True)
class Case:
    """What the auditor has.

    Args:
        card: The community. question: as the platform signed it. pair: the component that differs.
        sums: The two holders' signed sums. sign: the auditor's signature. kem: its key, for the day keys.
        ask: Keyholder -> what answers a signed `Dispute`. kcv: (pid, day) -> the meter's signed key-check value of the
            pair, from its day record.
    """

    card: CommunityCard
    question: Signed
    pair: int
    sums: Mapping[int, Signed]
    sign: Callable[[Dispute], Signed]
    kem: PrivateKem
    ask: Mapping[int, Callable[[Signed], Signed]]
    kcv: Callable[[int, int], bytes]


def find_liar(case: Case) -> Verdict:
    """Narrow the first number that differs down to one cell and name who lied about it.

    Cost: about log2 of the cells, two requests each.
    """
    holders = PAIRS[case.pair]
    opened = {h: open_signed(case.sums[h], Sums, case.card.keyholder_pks[h]) for h in holders}
    at = PAIRS_OF[holders[0]].index(case.pair), PAIRS_OF[holders[1]].index(case.pair)
    words = [np.frombuffer(opened[h].components[at[n]], "<u8") for n, h in enumerate(holders)]
    differ = np.flatnonzero(words[0] != words[1])
    if not len(differ):
        raise InputError("the component does not differ", where=f"pair {case.pair}", fix="name the one that does")
    number = int(differ[0])
    stated = {h: int(words[n][number]) for n, h in enumerate(holders)}
    first, end = 0, _parts(case, number, 0, 1)[holders[0]].cells
    while True:
        whole = _parts(case, number, first, end)
        for holder in holders:
            if _value(whole[holder]) != stated[holder]:
                return Verdict(holder, 0, 0, 0, "it signed two different sums of the same cells")
        if end - first == 1:
            return _judge(case, number, first)
        middle = (first + end) // 2
        left = {h: _value(part) for h, part in _parts(case, number, first, middle).items()}
        if left[holders[0]] != left[holders[1]]:
            end, stated = middle, left
        else:
            first, stated = middle, {h: (stated[h] - left[h]) % WORD for h in holders}


def _parts(case: Case, number: int, first: int, end: int, seal_to: bytes = b"") -> dict[int, PartSum]:
    holders = PAIRS[case.pair]
    proofs = [pack_signed(case.sums[h]) for h in holders]
    dispute = Dispute(case.card.community, pack_signed(case.question), case.pair, number, first, end, proofs, seal_to)
    signed = case.sign(dispute)
    answers = {}
    for holder in holders:
        part = open_signed(case.ask[holder](signed), PartSum, case.card.keyholder_pks[holder])
        if part.dispute != signed.hash():
            raise VerificationError("an answer to another dispute", where=f"keyholder {holder}", fix="ask it again")
        answers[holder] = part
    if len({part.cells for part in answers.values()}) > 1:
        raise VerificationError("the holders list different cells", where="dispute", fix="compare closes and lists")
    return answers


def _judge(case: Case, number: int, at: int) -> Verdict:
    """One cell: the day key that matches the meter's signed check value says what the mask was."""
    answers = _parts(case, number, at, at + 1, case.kem.public)
    pid, day, slot, version, register, weight = next(iter(answers.values())).cell
    expected = case.kcv(pid, day)
    info = seal_info(PartSum.NAME, case.card.community, pid, AUDITOR)
    wrong_keys = []
    for holder, part in answers.items():
        key = case.kem.open(part.key, info)
        try:
            check_kcv(key, pid, expected)
        except VerificationError:
            wrong_keys.append(holder)
            continue
        stream = masks(np.frombuffer(key, np.uint8).reshape(1, 32), register, version, case.card.resolution)
        if int(stream[0, slot]) * weight % WORD != _value(part):
            return Verdict(holder, pid, day, slot, "its mask is not what its own day key gives")
    if len(wrong_keys) == 1:
        return Verdict(wrong_keys[0], pid, day, slot, "its day key is not the one the meter signed for")
    return Verdict(None, pid, day, slot, "neither key is the one the meter signed for")


def _value(part: PartSum) -> int:
    return int.from_bytes(part.sum, "little")

"""Who lied? Narrowing one component down to one cell, for the auditor (PROTOCOL C, A5).

When one component arrives in two versions, one of its two holders lied. The auditor asks both for parts of *that one
component*, half by half, down to one meter and slot, then for that day's key of the pair, which the meter's signed
key-check value decides. A component alone hides the reading behind the third keyholder's masks; two would not: of the
readings of a leaf and day only ever one number of one component is narrowed down, by halves, and one meter's key is
given, whatever is signed. And a keyholder takes part only when it is shown, signed by the other holder, that somebody
lied.
Does not give: protection from a liar that tells the auditor what it knows anyway, or from an auditor that tells the
third keyholder and the platform about the one cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from quietgrid.algorithms.halves import HalvesPlan
from quietgrid.algorithms.plan import BillsPlan, TotalsPlan
from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS, PAIRS_OF, check_kcv
from quietgrid.crypto.secret.masks import masks
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import GateRefusal, InputError, NotFoundError, VerificationError
from quietgrid.keyholder import ledger
from quietgrid.keyholder.cells import bills_cells, totals_cells
from quietgrid.keyholder.gate import evaluate
from quietgrid.keyholder.memory import Memory
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.ruling import Evaluated
from quietgrid.model.party import MemberList
from quietgrid.store import KeyholderTx
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
    with parts.store.begin() as tx:
        _bind(tx, asked, question, ruling, sorted(set(cells.at[:, 1].tolist())), parts)
        _follow(tx, asked, question, len(cells), parts)
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


def _bind(
    tx: KeyholderTx, asked: Dispute, question: QuestionMessage, ruling: Evaluated, days: list[int], parts: Parts
) -> None:
    """For the readings of a leaf and day one number of one component is ever narrowed down."""
    this = bytes([asked.pair]) + asked.number.to_bytes(4, "little") + question.hash()
    for leaf in ruling.leaves:
        for day in days:
            before = tx.documents.find("dispute", f"{leaf}/{day}")
            if before not in (None, this) and parts.rules.on("dispute"):
                raise GateRefusal(
                    "dispute", "another component or number of these readings was narrowed down before",
                    where=question.node, fix="two components of one reading would open it; one cell names a liar",
                )  # fmt: skip
            if before is None:
                tx.documents.put("dispute", f"{leaf}/{day}", this)
                note = LedgerNote(
                    "dispute", question.node, question.first, question.end, parts.card.resolution, "", [], [], [],
                    AUDITOR, "two keyholders contradict each other", "dispute", question.hash(), [], parts.clock.now(),
                )  # fmt: skip
                ledger.append(tx, [(None, note)])


def _follow(tx: KeyholderTx, asked: Dispute, question: QuestionMessage, cells: int, parts: Parts) -> None:
    """A number is narrowed down by halves, along one path, and the key of one meter is given: not cell after cell."""
    name = f"{question.hash().hex()}/{asked.pair}/{asked.number}"
    data = tx.documents.find("dispute-path", name)
    path = _Path() if data is None else msgspec.msgpack.decode(data, type=_Path)
    step = (asked.first, asked.end)
    taken = path.step(step, cells)
    given = path.keyed in (None, step) or not asked.seal_to
    if not (taken and given):
        if parts.rules.on("dispute"):
            raise GateRefusal(
                "dispute", "more than one cell would be shown: a number is narrowed down by halves, to one cell",
                where=question.node, fix="go on with the half that differs",
            )  # fmt: skip
        return
    if asked.seal_to and asked.end - asked.first == 1:
        path.keyed = step
    tx.documents.replace("dispute-path", name, msgspec.msgpack.encode(path))


class _Path(msgspec.Struct):
    """How far a number is narrowed down: the parts shown, the one whose halves may be shown, the one with its key."""

    shown: list[tuple[int, int]] = []
    at: tuple[int, int] | None = None
    keyed: tuple[int, int] | None = None

    def step(self, part: tuple[int, int], cells: int) -> bool:
        """Take one step; whether it is one."""
        if part in self.shown:
            return True
        if self.at is None:
            if part != (0, cells):
                return False
            self.at = part
        elif part not in halves(self.at):
            inner = [half for half in halves(self.at) if half in self.shown and part in halves(half)]
            if not inner:
                return False
            self.at = inner[0]
        self.shown.append(part)
        return True


def halves(part: tuple[int, int]) -> list[tuple[int, int]]:
    """The two halves of a part; none of a single cell.

    >>> halves((0, 5)), halves((4, 5))
    ([(0, 2), (2, 5)], [])
    """
    first, end = part
    middle = (first + end) // 2
    return [(first, middle), (middle, end)] if end - first > 1 else []


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
            pair, from its day record. cells: number -> the cells behind it as the closes list them (`listed`).
    """

    card: CommunityCard
    question: Signed
    pair: int
    sums: Mapping[int, Signed]
    sign: Callable[[Dispute], Signed]
    kem: PrivateKem
    ask: Mapping[int, Callable[[Signed], Signed]]
    kcv: Callable[[int, int], bytes]
    cells: Callable[[int], list[list[int]]]


def listed(plan: TotalsPlan | HalvesPlan | BillsPlan, members: MemberList, number: int) -> list[list[int]]:
    """The cells behind a number: pid, day, slot, version, register, weight of each, as in a `PartSum`.

    Args:
        plan: Of the question, computed by who asks: a liar may list others. members: the epoch's list.
    """
    if isinstance(plan, HalvesPlan):
        half, number = divmod(number, plan.width)
        return listed(plan.parts[half], members, number)
    cells = totals_cells(plan, number) if isinstance(plan, TotalsPlan) else bills_cells(plan, number)
    pids = members.pids[plan.rows[cells.at[:, 0]]].tolist()
    rest = np.column_stack([cells.at[:, 1:], cells.registers, cells.weights]).tolist()
    return [[pid, *row] for pid, row in zip(pids, rest, strict=True)]


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
    cells = case.cells(number)
    first, end = 0, len(cells)
    while True:
        whole = _parts(case, number, first, end)
        for holder in holders:
            if whole[holder].cells != len(cells):
                return Verdict(holder, 0, 0, 0, "it counts other cells than the closes list")
            if _value(whole[holder]) != stated[holder]:
                return Verdict(holder, 0, 0, 0, "it signed two different sums of the same cells")
        if end - first == 1:
            return _judge(case, number, first, cells[first])
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
        if part.dispute != signed.hash() or part.keyholder != holder:
            raise VerificationError("an answer to another dispute", where=f"keyholder {holder}", fix="ask it again")
        answers[holder] = part
    return answers


def _judge(case: Case, number: int, at: int, cell: list[int]) -> Verdict:
    """One cell: the day key that matches the meter's signed check value says what the mask was.

    The cell is the one the closes list, whatever a holder says it is: else a liar could name another meter's, of which
    the honest holder's key is wrong.
    """
    pid, day, slot, version, register, weight = cell
    expected = case.kcv(pid, day)
    answers = _parts(case, number, at, at + 1, case.kem.public)
    info = seal_info(PartSum.NAME, case.card.community, pid, AUDITOR)
    wrong_keys = []
    for holder, part in answers.items():
        if part.cell != cell:
            return Verdict(holder, pid, day, slot, "it lists another cell than the closes do")
        try:
            key = case.kem.open(part.key, info)
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

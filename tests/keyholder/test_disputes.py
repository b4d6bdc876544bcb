"""Who lied: narrowing one component down to one cell (PROTOCOL C, A5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from quietgrid.algorithms.plan import totals_plan
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import seal, seal_info
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.crypto.secret.chain import PAIRS, PAIRS_OF, kcv
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import GateRefusal, InputError, NotFoundError, VerificationError
from quietgrid.keyholder.disputes import AUDITOR, Case, Verdict, find_liar, listed, number_of
from quietgrid.lab.community import Community
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Kind, Quantity
from quietgrid.runtime.founding import identity
from quietgrid.wire.messages import Dispute, PartSum, QuestionMessage, Sums
from tests.scenarios.attacks.spy import D0, Spy, found_community, off, random_readings, residents, settle_time

RULES = GateRules(k=3, max_share_percent=50)
PEOPLE = residents({"A": [3] * 3 + [1] * 5, "B": [3] + [1] * 7})
SLOTS = 40
WORD = 1 << 64


@dataclass
class Liar:
    """A keyholder that lies about one pair: `where` is the cell it adds something to, `how` what it does later."""

    community: Community
    index: int
    pair: int
    where: int
    how: str = "steady"

    def sums(self, honest: Signed) -> Signed:
        """Its signed sums, wrong in one component."""
        message = open_signed(honest, Sums, self.community.card.keyholder_pks[self.index])
        components = list(message.components)
        at = PAIRS_OF[self.index].index(self.pair)
        words = np.frombuffer(components[at], "<u8").copy()
        words[0] += np.uint64(1_000)
        components[at] = words.tobytes()
        return self.community.keyholders[self.index].parts.identity.sign(replace(message, components=components))

    def part(self, signed: Signed) -> Signed:
        """It keeps to its lie as long as it can: from its own books on, every part that holds the cell is wrong."""
        keyholder = self.community.keyholders[self.index]
        asked = decode(Dispute, signed.body)
        own = asked.proofs[PAIRS[asked.pair].index(self.index)]
        question = unpack_signed(asked.question).hash()
        with keyholder.parts.store.begin() as tx:
            tx.votes._c.execute(sa.text("update release set sums = :s where question = :q"), {"s": own, "q": question})
        message = open_signed(keyholder.dispute(signed), PartSum, keyholder.parts.identity.public)
        value = int.from_bytes(message.sum, "little")
        if asked.first <= self.where < asked.end and not (self.how == "backs out" and asked.end - asked.first == 1):
            value += 1_000
        key = message.key
        if key and self.how == "another key":
            info = seal_info(PartSum.NAME, asked.community, message.cell[0], AUDITOR)
            key = seal(bytes(range(32)), asked.seal_to, info)
        return keyholder.parts.identity.sign(replace(message, sum=(value % WORD).to_bytes(8, "little"), key=key))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Community]:
    community = found_community(tmp_path_factory.mktemp("disputes"), PEOPLE, 2, RULES)
    community.measure(random_readings(PEOPLE, Window(D0 * 96, D0 * 96 + SLOTS, 900)))
    community.clock.unix = settle_time(D0, SLOTS, RULES)
    yield community
    community.close()


def day_kcv(community: Community, pair: int) -> Callable[[int, int], bytes]:
    """The key-check value in a meter's day record, here from an honest keyholder's keys."""

    def of(pid: int, day: int) -> bytes:
        keyholder = community.keyholders[PAIRS[pair][0]]
        with keyholder.parts.store.read() as tx:
            row = int(tx.members.rows(np.array([pid], np.uint64))[0])
        held = PAIRS_OF[keyholder.index].index(pair)
        return kcv(keyholder.parts.keys.day_keys(day)[held, row].tobytes(), pid)

    return of


USED = iter(range(SLOTS))


def case_of(community: Community, liar: Liar, leaf: int = 0, quantity: str = "import") -> Case:
    spy = Spy(community)
    slot = next(USED)
    close = spy.close(D0, slot, slot + 1, leaf=leaf)
    spy.vote([close])
    question = spy.question(Kind.TOTALS, "AB"[leaf], (D0 * 96 + slot, D0 * 96 + slot + 1), [close], quantity=quantity)
    sums = {index: community.links[index].questions([question])[0] for index in range(3)}
    assert all(isinstance(some, Signed) for some in sums.values())
    sums[liar.index] = liar.sums(sums[liar.index])
    ask = {index: community.keyholders[index].dispute for index in range(3)}
    ask[liar.index] = liar.part
    auditor = identity(community.folders.state / "auditor")
    kem = PrivateKem.generate("x25519")
    kcv_of = day_kcv(community, liar.pair)
    return Case(community.card, question, liar.pair, sums, auditor.sign, kem, ask, kcv_of, cells_of(spy, question))


def cells_of(spy: Spy, question: Signed) -> Callable[[int], list[list[int]]]:
    """The cells behind a number, as whoever has the closes lists them."""
    asked = decode(QuestionMessage, question.body)
    closes = [spy.community.keyholders[0].memory.known.closed(digest) for digest in asked.closes]
    plan = totals_plan(spy.members(), asked.node, Quantity(asked.quantity), closes, RULES)
    return lambda number: listed(plan, spy.members(), number)


@pytest.fixture(autouse=True)
def _forget_disputes(town: Community) -> Iterator[None]:
    """Each test may narrow another component; that this is otherwise refused has a test of its own."""
    yield
    for keyholder in town.keyholders:
        with keyholder.parts.store.begin() as tx:
            for kind in ("dispute", "dispute-path"):
                for name in tx.documents.all(kind):
                    tx.documents.drop(kind, name)


@pytest.mark.parametrize(("index", "pair"), [(0, 0), (1, 0), (0, 1), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize(("how", "why"), [
    ("steady", "its mask is not what its own day key gives"),
    ("backs out", "it signed two different sums of the same cells"),
    ("another key", "its day key is not the one the meter signed for"),
])  # fmt: skip
def test_the_liar_is_named(town: Community, index: int, pair: int, how: str, why: str) -> None:
    where = 5
    case = case_of(town, Liar(town, index, pair, where, how))
    verdict = find_liar(case)
    assert (verdict.liar, verdict.why) == (index, why)
    if how != "backs out":
        assert (verdict.pid, verdict.day) == (7 * 105, D0)
    other = next(h for h in PAIRS[pair] if h != index)
    with town.keyholders[other].parts.store.read() as tx:
        assert tx.ledger.entries(kind="dispute")
        tx.ledger.verify()


def test_registers_of_a_net_total(town: Community) -> None:
    """Cells are counted import first, then export, the latter with weight -1."""
    verdict = find_liar(case_of(town, Liar(town, 0, 0, where=8), leaf=1, quantity="net"))
    assert verdict == Verdict(0, 7 * 200, D0, verdict.slot, "its mask is not what its own day key gives")


def test_parts_add_up_to_the_component(town: Community) -> None:
    """An honest keyholder's parts of all sizes sum to what it sent."""
    liar = Liar(town, 0, 0, where=0)
    case = case_of(town, liar)
    honest = open_signed(case.sums[1], Sums, town.card.keyholder_pks[1])
    proofs = [pack_signed(case.sums[0]), pack_signed(case.sums[1])]

    def part(first: int, end: int) -> int:
        dispute = Dispute(town.card.community, pack_signed(case.question), 0, 0, first, end, proofs, b"")
        answer = open_signed(town.keyholders[1].dispute(case.sign(dispute)), PartSum, town.card.keyholder_pks[1])
        assert answer.cells == 8
        return int.from_bytes(answer.sum, "little")

    whole = number_of(honest, 0, 0)
    with off(town, "dispute"):
        assert part(0, 8) == whole
        assert sum(part(n, n + 1) for n in range(8)) % WORD == whole
        assert (part(0, 3) + part(3, 8)) % WORD == whole
    with pytest.raises(InputError, match="no such cells"):
        part(3, 9)


def test_a_dispute_goes_one_way_down(town: Community) -> None:
    """A dishonest auditor would have every reading's mask of one component: with another keyholder's two, the readings.

    With the rule off it does; with it on it gets the parts of one path, at most two a level, and one meter's key.
    """
    case = case_of(town, Liar(town, 0, 0, where=0))
    proofs = [pack_signed(case.sums[0]), pack_signed(case.sums[1])]

    def part(first: int, end: int, key: bool = False) -> PartSum:
        seal_to = case.kem.public if key else b""
        dispute = Dispute(town.card.community, pack_signed(case.question), 0, 0, first, end, proofs, seal_to)
        return open_signed(town.keyholders[1].dispute(case.sign(dispute)), PartSum, town.card.keyholder_pks[1])

    with off(town, "dispute"):
        assert len({part(n, n + 1, key=True).cell[0] for n in range(8)}) == 8  # the keys of eight homes
    asked = [
        (2, 3),
        (0, 7),
        (0, 8),
        (0, 4),
        (4, 8),
        (4, 6),
        (6, 8),
        (4, 5),
        (5, 6),
        (0, 2),
        (2, 4),
        (6, 7),
        (7, 8),
        (0, 1),
    ]
    given = [step for step in asked if _given(part, step)]
    assert given == [(0, 8), (0, 4), (4, 8), (4, 6), (6, 8), (4, 5), (5, 6)]
    assert part(4, 5, key=True).key
    with pytest.raises(GateRefusal, match="more than one cell"):
        part(5, 6, key=True)  # the neighbour's key
    assert part(4, 5, key=True).key  # the one cell, again


def _given(part: Callable[[int, int], PartSum], step: tuple[int, int]) -> bool:
    try:
        part(*step)
    except GateRefusal:
        return False
    return True


def test_a_liar_that_names_another_meter_does_not_frame_the_honest(town: Community) -> None:
    """It lists its neighbour's cell with the neighbour's key, which is right; the honest one's is another meter's."""
    case = case_of(town, Liar(town, 0, 0, where=2))
    liar = town.keyholders[0]

    def other_cell(signed: Signed) -> Signed:
        message = open_signed(case.ask[0](signed), PartSum, liar.parts.identity.public)
        cell = [7 * 103, *message.cell[1:]] if message.cell else []
        return liar.parts.identity.sign(replace(message, cell=cell))

    verdict = find_liar(Case(**{**vars(case), "ask": {**case.ask, 0: other_cell}}))
    assert (verdict.liar, verdict.pid, verdict.why) == (0, 7 * 102, "it lists another cell than the closes do")


def test_two_components_of_the_same_cells_are_refused(town: Community) -> None:
    """Platform, auditor and a liar on both pairs of keyholder 0: the second component would open the reading."""
    case = case_of(town, Liar(town, 1, 0, where=2))
    assert find_liar(case).liar == 1
    again = case_of(town, Liar(town, 2, 1, where=2))
    with pytest.raises(GateRefusal) as refused:
        find_liar(again)
    assert refused.value.rule == "dispute"


def test_who_may_ask_and_about_what(town: Community) -> None:
    case = case_of(town, Liar(town, 1, 0, where=2))
    question = decode(QuestionMessage, case.question.body)
    proofs = [pack_signed(case.sums[0]), pack_signed(case.sums[1])]
    good = Dispute(town.card.community, pack_signed(case.question), 0, 0, 0, 8, proofs, b"")
    keyholder, platform = town.keyholders[0], identity(town.folders.platform)
    keyholder.dispute(case.sign(good))
    with pytest.raises(VerificationError):
        keyholder.dispute(platform.sign(good))  # not the auditor
    honest = [pack_signed(case.sums[0]), pack_signed(town.links[1].questions([case.question])[0])]
    unanswered = pack_signed(platform.sign(replace(question, node="B")))
    for change, error in (
        ({"proofs": honest}, VerificationError),  # nobody lied
        ({"proofs": proofs[::-1]}, VerificationError),
        ({"proofs": proofs[1:] * 2}, VerificationError),
        ({"pair": 2}, VerificationError),  # not a key of keyholder 0
        ({"pair": 1}, VerificationError),  # keyholder 1 has said nothing about that component
        ({"number": 3}, InputError),
        ({"community": bytes(16)}, VerificationError),
        ({"question": unanswered}, NotFoundError),
    ):
        with pytest.raises(error):
            keyholder.dispute(case.sign(replace(good, **change)))


def test_a_meter_that_gave_two_keys_frames_nobody(town: Community) -> None:
    """Neither holder's day key matches what the meter signed for that day: it is the meter's doing."""
    liar = Liar(town, 0, 0, where=4, how="another key")
    case = case_of(town, liar)
    verdict = find_liar(Case(**{**vars(case), "kcv": lambda pid, day: bytes(16)}))
    assert (verdict.liar, verdict.pid) == (None, 7 * 104)

"""Attacks through totals: PROTOCOL C, G2, G3, G4, G9; floor, settling time, closes of another epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import decode, pack_signed
from quietgrid.errors import GateRefusal
from quietgrid.lab.community import Community, Resident
from quietgrid.mdms import Answer
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Kind, Quantity
from quietgrid.model.readings import Readings
from quietgrid.runtime.founding import identity
from quietgrid.wire.messages import Clearance, Close, Omission
from tests.scenarios.attacks.conftest import Found
from tests.scenarios.attacks.spy import (
    D0,
    SECRET,
    Spy,
    found_community,
    off,
    open_envelope,
    random_readings,
    released,
    residents,
    settle_time,
)

RULES = GateRules(k=3, max_share_percent=50)
PEOPLE = residents({"A": [1] * 8, "B": [1] * 8, "C": [3] + [1] * 7})
VICTIM = 103
ROOF = 300
SLOTS = 24


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Community, Readings]]:
    """Three leaves, a morning delivered, nothing closed; each test uses slots of its own."""
    community = found_community(tmp_path_factory.mktemp("town"), PEOPLE, 2, RULES)
    readings = random_readings(PEOPLE, Window(D0 * 96, D0 * 96 + SLOTS, 900))
    readings.imported_wh[row(VICTIM)] = SECRET
    readings.exported_wh[row(ROOF)] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, SLOTS, RULES)
    yield community, readings
    community.close()


def row(home: int) -> int:
    return [r.party.home for r in PEOPLE].index(home)


def nothing(answer: Answer) -> bool:
    """Whether an answer says nothing at all."""
    return not answer.allowed.any() and not answer.values.any()


def test_a_total_of_one_home(town: tuple[Community, Readings]) -> None:
    """The floor: a close that leaves out everyone but the victim."""
    community, _ = town
    spy = Spy(community)
    others = [home for home in range(100, 108) if home != VICTIM]
    close = spy.close(D0, 0, 1, omit=[(home, 0) for home in others])
    again = spy.close(D0, 1, 2, omit=[(home, 1) for home in others])
    spy.vote([close, again])
    withheld = spy.total(close, "A")
    assert nothing(withheld)
    assert withheld.counts.tolist() == [1]
    with off(community, "floor", "share"):
        assert spy.total(again, "A").values.tolist() == [SECRET]


def test_asking_for_one_home_by_name(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    close = spy.close(D0, 22, 23)
    spy.vote([close])
    before = released(community)
    with pytest.raises(GateRefusal) as refused:
        spy.ask(spy.question(Kind.TOTALS, f"home:{VICTIM}", (D0 * 96 + 22, D0 * 96 + 23), [close], quantity="import"))
    assert refused.value.rule == "floor"
    assert released(community) == before


def test_two_below_the_floor_is_not_enough_and_three_are(town: tuple[Community, Readings]) -> None:
    community, readings = town
    spy = Spy(community)
    close = spy.close(D0, 2, 4, omit=[(home, 2) for home in range(102, 108)] + [(home, 3) for home in range(103, 108)])
    spy.vote([close])
    answer = spy.total(close, "A")
    assert answer.counts.tolist() == [2, 3]
    assert answer.allowed.tolist() == [False, True]
    assert answer.values.tolist() == [0, int(readings.imported_wh[:3, 3].sum())]


# -- G2: one exporter in a leaf -------------------------------------------------------------------------------------


def test_one_roof_is_its_leafs_export(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    close = spy.close(D0, 0, 1, leaf=2)
    spy.vote([close])
    before = released(community)
    with pytest.raises(GateRefusal) as refused:
        spy.total(close, "C", quantity=Quantity.EXPORT)
    assert refused.value.rule == "partition"
    assert released(community) == before
    with off(community, "capability"):
        assert spy.total(close, "C", quantity=Quantity.EXPORT).values.tolist() == [SECRET]


# -- G4: one partition ----------------------------------------------------------------------------------------------


def test_two_ways_to_cut_a_leaf(town: tuple[Community, Readings]) -> None:
    """Import beside import - export is the roof again, although either is a fine total by itself."""
    community, readings = town
    spy = Spy(community)
    close = spy.close(D0, 1, 2, leaf=2)
    spy.vote([close])
    net = spy.total(close, "C", quantity=Quantity.NET)
    assert net.values.tolist() == [int(readings.imported_wh[16:24, 1].sum()) - SECRET]
    with pytest.raises(GateRefusal) as refused:
        spy.total(close, "C", quantity=Quantity.IMPORT)
    assert refused.value.rule == "partition"
    with off(community, "partition"):
        imported = spy.total(close, "C", quantity=Quantity.IMPORT)
    assert (imported.values - net.values).tolist() == [SECRET]


def test_a_total_over_a_set_of_ones_own(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    closes = [spy.close(D0, 4, 5, leaf=0), spy.close(D0, 4, 5, leaf=1)]
    spy.vote(closes)
    for node, some in (("A", closes), ("A+B", closes), ("A", closes[1:]), ("A", [])):
        question = spy.question(Kind.TOTALS, node, (D0 * 96 + 4, D0 * 96 + 5), some, quantity="import")
        with pytest.raises(GateRefusal) as refused:
            spy.ask(question)
        assert refused.value.rule == "partition"


def test_closes_of_other_slots_are_not_added(town: tuple[Community, Readings]) -> None:
    """A node of two leaves wants both leaves' closes of the same slots."""
    community, _ = town
    spy = Spy(community)
    one, other = spy.close(D0, 5, 6), spy.close(D0, 6, 7)
    spy.vote([one, other])
    question = spy.question(Kind.TOTALS, "A", (D0 * 96 + 5, D0 * 96 + 7), [one, other], quantity="import")
    with pytest.raises(GateRefusal) as refused:
        spy.ask(question)
    assert refused.value.rule == "partition"


# -- answered once --------------------------------------------------------------------------------------------------


def test_the_same_bytes_when_asked_again(town: tuple[Community, Readings]) -> None:
    community, _ = town
    spy = Spy(community)
    close = spy.close(D0, 7, 8)
    spy.vote([close])
    question = spy.question(Kind.TOTALS, "A", (D0 * 96 + 7, D0 * 96 + 8), [close], quantity="import")
    before = released(community)
    first = [pack_signed(link.questions([question])[0]) for link in community.links]
    second = [pack_signed(link.questions([question])[0]) for link in community.links]
    assert first == second
    assert [b - a for a, b in zip(before, released(community), strict=True)] == [1, 1, 1]


def test_one_total_under_two_names(town: tuple[Community, Readings]) -> None:
    """A field the kind does not use would make a second question of the same answer, or a second batch."""
    community, _ = town
    spy = Spy(community)
    close = spy.close(D0, 8, 9)
    spy.vote([close])
    span = (D0 * 96 + 8, D0 * 96 + 9)
    with pytest.raises(GateRefusal) as refused:
        spy.ask(spy.question(Kind.TOTALS, "A", span, [close], quantity="import", vector="x"))
    assert refused.value.rule == "batch"
    spy.ask(spy.question(Kind.TOTALS, "A", span, [close], quantity="import"))
    with pytest.raises(GateRefusal) as refused:  # another span in the question, the same slots in its close
        spy.ask(spy.question(Kind.TOTALS, "A", (span[0], span[1] + 1), [close], quantity="import"))
    assert refused.value.rule == "once"


# -- settling time --------------------------------------------------------------------------------------------------


def test_closing_someone_out_who_is_still_sending(town: tuple[Community, Readings]) -> None:
    community, readings = town
    spy = Spy(community)
    now, community.clock.unix = community.clock.now(), settle_time(D0, 10, RULES) - 1
    hasty = spy.close(D0, 9, 10, omit=[(VICTIM, 9)])
    with pytest.raises(GateRefusal) as refused:
        spy.vote([hasty])
    assert refused.value.rule == "settle"
    community.clock.unix = now
    backdated = spy.close(D0, 9, 10, omit=[(VICTIM, 9)], signed_at=settle_time(D0, 10, RULES) - 1)
    with pytest.raises(GateRefusal) as refused:  # else a receipt would look younger than the close
        spy.vote([backdated])
    assert refused.value.rule == "settle"
    community.clock.unix = settle_time(D0, 10, RULES) - 1
    with off(community, "settle"):
        spy.vote([hasty])
        without = spy.total(hasty, "A")
    community.clock.unix = now
    assert without.values.tolist() == [int(readings.imported_wh[:8, 9].sum()) - SECRET]


# -- G3: homes, not meters; no giants --------------------------------------------------------------------------------


def test_the_floor_counts_homes(found: Found) -> None:
    """The platform's own house has three meters; with the victim they are four meters and two homes."""
    people = residents({"A": [1] * 3})
    own = people[0].party
    people += [Resident(own, pid, 1) for pid in (9_001, 9_002)]
    rules = GateRules(k=3, max_share_percent=100)
    community = found(people, 1, rules)
    readings = random_readings(people, Window(D0 * 96, D0 * 96 + 2, 900))
    victim = people[1].party.home
    readings.imported_wh[1] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, 2, rules)
    spy = Spy(community)
    closes = [spy.close(D0, slot, slot + 1, omit=[(people[2].party.home, slot)]) for slot in range(2)]
    spy.vote(closes)
    withheld = spy.total(closes[0], "A")
    assert nothing(withheld)
    assert withheld.counts.tolist() == [2]
    with off(community, "homes"):
        total = spy.total(closes[1], "A")
    own_house = readings.imported_wh[[0, 3, 4], 1].sum()
    assert (total.values - own_house).tolist() == [SECRET]
    assert victim != own.home


def test_one_giant_among_small_homes(found: Found) -> None:
    people = residents({"A": [1] * 8})
    people[0] = replace(people[0], party=replace(people[0].party, connection_w=90_000))
    rules = GateRules(k=3)
    community = found(people, 1, rules)
    readings = random_readings(people, Window(D0 * 96, D0 * 96 + 2, 900))
    readings.imported_wh[:] = 1
    readings.imported_wh[0] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, 2, rules)
    spy = Spy(community)
    closes = [spy.close(D0, slot, slot + 1) for slot in range(2)]
    spy.vote(closes)
    withheld = spy.total(closes[0], "A")
    assert nothing(withheld)
    assert withheld.counts.tolist() == [8]
    with off(community, "share"):
        total = spy.total(closes[1], "A")
    assert abs(int(total.values[0]) - SECRET) / SECRET < 0.004


# -- G9: choosing who is missing -------------------------------------------------------------------------------------


def test_averaging_over_who_is_missing(found: Found) -> None:
    """The victim left out of every second slot: the mean difference is its mean reading. Its receipts stop the leaf."""
    people = residents({"A": [1] * 8})
    community = found(people, 2, RULES)
    readings = random_readings(people, Window(D0 * 96, D0 * 96 + 40, 900))
    readings.imported_wh[:] = 400  # the others are steady
    readings.imported_wh[3] = SECRET
    community.measure(readings)
    community.clock.unix = settle_time(D0, 40, RULES)
    spy = Spy(community)
    with_, without = [], []
    for slot in range(0, 20, 2):
        pair = [spy.close(D0, slot, slot + 1), spy.close(D0, slot + 1, slot + 2, omit=[(VICTIM, slot + 1)])]
        spy.vote(pair)
        with_.append(int(spy.total(pair[0], "A").values[0]))
        without.append(int(spy.total(pair[1], "A").values[0]))
    assert np.mean(with_) - np.mean(without) == SECRET  # nobody complained: no rule was broken

    proofs = [(p.receipt, p.index, p.path, p.frame) for p in community.bank.proofs(7 * VICTIM, D0)]
    complaint = community.household_keys[VICTIM].sign(
        Omission(community.card.community, VICTIM, 7 * VICTIM, [(r, i, list(path), f) for r, i, path, f in proofs])
    )
    spy.register(complaint)
    close = spy.close(D0, 20, 21)
    spy.vote([close])
    before = released(community)
    with pytest.raises(GateRefusal) as refused:
        spy.total(close, "A")
    assert refused.value.rule == "omission"
    assert released(community) == before

    auditor = identity(community.folders.state / "auditor")
    spy.register(auditor.sign(Clearance(community.card.community, 0, "the platform explained it")))
    assert spy.total(close, "A").allowed.all()


def test_a_complaint_needs_receipts(found: Found) -> None:
    """A home that was never left out, or that shows another's frame, stops nobody."""
    people = residents({"A": [1] * 8})
    community = found(people, 2, RULES)
    community.measure(random_readings(people, Window(D0 * 96, D0 * 96 + 4, 900)))
    community.clock.unix = settle_time(D0, 4, RULES)
    spy = Spy(community)
    close = spy.close(D0, 0, 2, omit=[(104, 0)])
    spy.vote([close])
    for claimed, shown in ((7 * VICTIM, 7 * VICTIM), (7 * VICTIM, 7 * 104), (7 * 104, 7 * 104)):
        proofs = [(p.receipt, p.index, list(p.path), p.frame) for p in community.bank.proofs(shown, D0)]
        omission = Omission(community.card.community, VICTIM, claimed, proofs)
        signed = community.household_keys[VICTIM].sign(omission)
        outcomes = [link.register([signed])[0] for link in community.links]
        assert [o is None for o in outcomes] == [claimed == shown == 7 * VICTIM] * 3
    assert spy.total(close, "A").allowed.all()


# -- closes of another epoch ----------------------------------------------------------------------------------------


def test_an_old_close_read_with_a_new_list(found: Found) -> None:
    """Bits of an old close count rows of the old list. Read with the new one they are a second set for the slot."""
    people = residents({"A": [1] * 8, "B": [1] * 8})
    community = found(people, 1, RULES)
    readings = random_readings(people, Window(D0 * 96, D0 * 96 + 1, 900))
    community.measure(readings)
    community.clock.unix = settle_time(D0, 1, RULES)
    spy = Spy(community)
    old = spy.close(D0, 0, 1, leaf=1)
    spy.vote([old])
    with community.platform.parts.store.read() as tx:
        first = tx.registry.all_members()[0]
    message = open_envelope(first)
    moved = np.array([1] * 5 + [0] * 3 + [1] * 8, np.int32)  # five homes of A move to B
    second = msgspec.structs.replace(
        message, epoch=1, first=message.end, end=message.end + 96, leaves=moved.astype("<i4").tobytes()
    )
    registrar = identity(community.folders.registrar)
    community.platform.adopt_members(registrar.sign(second))
    spy.know(second)
    before = released(community)
    with pytest.raises(GateRefusal) as refused:
        spy.total(old, "B", epoch=1)
    assert refused.value.rule == "partition"
    assert released(community) == before
    assert decode(Close, old.body).epoch == 0
    assert spy.total(old, "B").allowed.all()

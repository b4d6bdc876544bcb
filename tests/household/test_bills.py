"""The home checks its bills: sums, commitments; what it releases proves the bill to anybody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.algorithms.weights import resolve
from quietgrid.billing import proof
from quietgrid.billing.bill import Bill, BilledFact
from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError, VerificationError
from quietgrid.household import Verdict
from quietgrid.meter import DayVector
from quietgrid.model.interval import Window, day_window
from quietgrid.model.readings import Readings
from quietgrid.wire.columns import pack_bits, unpack_bits
from quietgrid.wire.own import BillScalars, SealedSeries, committed_name
from tests.household.village import HOMES, Village, bill_of, book
from tests.meter.town import D0, PER_DAY, moment, readings, slots

PERIOD = Window(D0 * PER_DAY + 8, (D0 + 3) * PER_DAY + 8, 900)
"""Starts two hours into a UTC day, as local months do, so that two days belong to two periods."""
NEXT = Window(PERIOD.end, PERIOD.end + 3 * PER_DAY, 900)


def day_vectors(day: int) -> list[DayVector]:
    """What a meter commits to on one day: the vectors of every period the day touches."""
    out = []
    for window in (PERIOD, NEXT):
        inside = day_window(day, 900).intersect(window)
        if len(inside):
            for vector in book(window).vectors:
                weights = np.zeros(PER_DAY, np.int64)
                first = inside.first - day * PER_DAY
                weights[first : first + len(inside)] = resolve(vector, inside)
                out.append(DayVector(committed_name(vector.name, day, window), vector.register, weights))
    return out


def facts_of(batch: Readings, rows: list[int], closed: np.ndarray) -> list[BilledFact]:
    """The plain sums of a home's rows over the period; cells not closed are late."""
    part = batch.cut(PERIOD)
    facts = []
    for vector in book(PERIOD).vectors:
        weights = resolve(vector, PERIOD)
        able = [row for row in rows if vector.register == 0 or batch.meters[row] == 1]
        on_time, late = part.present & closed, part.present & ~closed
        energy = part.register(vector.register)
        sums = [sum(int(weights @ np.where(used[r], energy[r], 0)) for r in able) for used in (on_time, late)]
        # As the keyholders count: on time any meter of the home in the interval, late cell by cell.
        counts = [
            int((on_time[rows].any(axis=0) & (weights != 0)).sum()) if able else 0,
            int((late[able] & (weights != 0)).sum()),
        ]
        missing = int(weights.sum()) - sum(counts)
        facts.append(BilledFact(vector.name, vector.register, sums[0], counts[0], sums[1], counts[1], missing, 0))
    return facts


@pytest.fixture
def village(tmp_path: Path) -> Village:
    """Four days measured and receipted, the last closes missing two hours, all day records signed."""
    village = Village(tmp_path)
    village.clock.unix = moment(D0 + 4)
    village.batch = readings([1, 2, 3], slots(D0, 0, 4 * PER_DAY), 3, missing=0.05)  # type: ignore[attr-defined]
    village.deliver(village.bank.seal(village.batch))  # type: ignore[attr-defined]
    village.platform.periods[PERIOD.first] = book(PERIOD)
    village.clock.unix = moment(D0 + 3 + 8)
    for day in range(D0, D0 + 4):
        village.platform.day_records += village.bank.day_records(day, dict.fromkeys(HOMES, day_vectors(day)))
    return village


def own_records(village: Village, home: int) -> None:
    """The platform hands a household its own meters' records only."""
    keys = {line.meter.meter_pk for line in village.home(home).lines.values()}
    village.platform.day_records = [s for s in village.platform.day_records if s.signer in keys]


def billed(village: Village, home: int = 11, late_from: int = PERIOD.end) -> Bill:
    rows = [row for row, pid in enumerate(HOMES) if HOMES[pid] == home]
    village.platform.closed_until = late_from
    closed = np.arange(PERIOD.first, PERIOD.end) < late_from
    bill = bill_of(home, PERIOD, facts_of(village.batch, rows, closed))  # type: ignore[attr-defined]
    village.platform.coded = [bill.encode()]
    own_records(village, home)
    return bill


@pytest.mark.parametrize(("home", "late"), [(11, 0), (12, 0), (12, 40)])
def test_an_honest_bill_holds_and_its_proof_convinces_others(village: Village, home: int, late: int) -> None:
    bill = billed(village, home, PERIOD.end - late)
    own = village.home(home)
    check = own.verify_bill(own.bill(PERIOD.first))
    assert check.verdict is Verdict.HOLDS
    assert check.records == 4 * len(own.lines)
    assert all(v.on_time_cells > 0 and v.opened == v.own for v in check.vectors if v.register == 0)
    own.release(own.bill(PERIOD.first))
    (handed,) = village.platform.proofs
    scalars = open_signed(handed, BillScalars, own.parts.vault.identity.public)
    released = proof.BillProof.decode(scalars.body())
    keys = {pid: line.meter.meter_pk for pid, line in own.lines.items()}
    records = proof.open_records(village.platform.day_records, keys)
    proof.verify([(bill, book(PERIOD))], released, records)
    wrong = replace(bill, facts=(replace(bill.facts[0], measured=bill.facts[0].measured + 1), *bill.facts[1:]))
    with pytest.raises(VerificationError):
        proof.verify([(wrong, book(PERIOD))], released, records)


@pytest.mark.parametrize("change", [{"measured": 1}, {"late": -1}])
def test_a_wrong_bill_is_seen_at_home_and_nothing_is_released(village: Village, change: dict[str, int]) -> None:
    bill = billed(village)
    fact = bill.facts[1]
    wrong = replace(fact, **{name: getattr(fact, name) + by for name, by in change.items()})
    village.platform.coded = [replace(bill, facts=(bill.facts[0], wrong, *bill.facts[2:])).encode()]
    own = village.home(11)
    check = own.verify_bill(own.bill(PERIOD.first))
    assert check.verdict is Verdict.DIFFERS
    assert [v.vector for v in check.vectors if v.verdict is not Verdict.HOLDS] == ["night"]
    with pytest.raises(VerificationError, match="not what the meter measured"):
        own.release(own.bill(PERIOD.first))
    assert village.platform.proofs == []


def test_late_cells_not_billed_yet_do_not_spoil_the_bill(village: Village) -> None:
    bill = billed(village, 11, PERIOD.end - 40)
    none = tuple(replace(f, late=0, late_intervals=0) for f in bill.facts)
    village.platform.coded = [replace(bill, facts=none).encode()]
    own = village.home(11)
    assert own.verify_bill(own.bill(PERIOD.first)).verdict is Verdict.HOLDS
    some = tuple(replace(f, late=f.late // 2, late_intervals=f.late_intervals // 2) for f in bill.facts)
    village.platform.coded = [replace(bill, facts=some).encode()]
    assert own.verify_bill(own.bill(PERIOD.first)).verdict is Verdict.WAITING
    nothing = tuple(replace(f, measured=0, intervals=0, late=0, late_intervals=0) for f in bill.facts)
    village.platform.coded = [replace(bill, facts=nothing).encode()]
    assert own.verify_bill(own.bill(PERIOD.first)).verdict is Verdict.ESTIMATED


@pytest.mark.parametrize("wrong", [0, 1])
def test_late_cells_on_the_next_bill_are_checked_together(village: Village, wrong: int) -> None:
    """The first bill has only what was on time; its late cells are inside the second bill's sums."""
    village.clock.unix = moment(D0 + 7)
    more = readings([1, 2, 3], slots(D0 + 4, 0, 3 * PER_DAY), 4)
    village.deliver(village.bank.seal(more))
    first = billed(village, 12, PERIOD.end - 40)
    village.platform.periods[NEXT.first] = book(NEXT)
    honest = village.platform.sealed
    late = range(PERIOD.end - 40, PERIOD.end)

    def sealed(pid: int, register: int, window: Window) -> SealedSeries:
        series = honest(pid, register, window)
        arrived = unpack_bits(series.present, len(window))
        closed = arrived & np.array([slot not in late for slot in range(window.first, window.end)])
        return msgspec.structs.replace(series, closed=pack_bits(closed))

    village.platform.closed_until = 1 << 60
    village.platform.sealed = sealed  # type: ignore[method-assign]
    own = village.home(12)
    facts = []
    for before, vector in zip(first.facts, book(NEXT).vectors, strict=True):
        weights = resolve(vector, NEXT)
        part = own.readings(NEXT)
        value = int(weights @ np.where(part.present, part.register(vector.register), 0)[0]) * (vector.register == 0)
        count = int((weights * part.present[0]).sum()) * (vector.register == 0)
        facts.append(BilledFact(vector.name, vector.register, value, count, before.late, before.late_intervals, 0, 0))
    facts[0] = replace(facts[0], late=facts[0].late + wrong)
    second = bill_of(12, NEXT, facts)
    none = tuple(replace(f, late=0, late_intervals=0) for f in first.facts)
    village.platform.coded = [replace(first, facts=none).encode(), second.encode()]
    assert own.verify_bill(own.bill(PERIOD.first)).verdict is Verdict.HOLDS, "what is on the first bill is right"
    check = own.verify_bill(own.bill(NEXT.first))
    assert len(check.bills) == 2
    assert check.verdict is (Verdict.DIFFERS if wrong else Verdict.HOLDS)


def test_a_meter_that_commits_to_something_else_is_found_by_day(village: Village) -> None:
    billed(village)
    own = village.home(11)
    honest = own.verify_bill(own.bill(PERIOD.first))
    assert honest.disputed == []
    assert honest.verdict is Verdict.HOLDS
    village.platform.frames = [
        sent for sent in village.platform.frames if sent.frame[4:8] != (D0 + 1).to_bytes(4, "little")
    ]
    check = own.verify_bill(own.bill(PERIOD.first))
    assert {(pid, day) for pid, day, _ in check.disputed} == {(1, D0 + 1), (3, D0 + 1)}
    assert check.verdict is Verdict.DIFFERS


def test_records_of_other_meters_are_refused(village: Village) -> None:
    everybody = list(village.platform.day_records)
    billed(village)
    village.platform.day_records = everybody
    own = village.home(11)
    with pytest.raises(VerificationError, match="not our meter"):
        own.verify_bill(own.bill(PERIOD.first))


def test_bills_of_other_homes_are_refused_and_missing_ones_not_found(village: Village) -> None:
    billed(village, 12)
    with pytest.raises(VerificationError, match="another home"):
        village.home(11).bills()
    billed(village, 11)
    with pytest.raises(NotFoundError):
        village.home(11).bill(PERIOD.first, 3)
    with pytest.raises(NotFoundError):
        village.home(11).bill(NEXT.first)


def test_the_book_must_be_the_platforms_and_of_the_period(village: Village) -> None:
    billed(village)
    own = village.home(11)
    village.platform.periods[PERIOD.first] = book(NEXT)
    with pytest.raises(VerificationError, match="another period"):
        own.verify_bill(own.bill(PERIOD.first))


def test_the_name_of_a_commitment_is_billings(village: Village) -> None:
    for day in range(D0 - 1, D0 + 6):
        for window in (PERIOD, NEXT):
            assert committed_name("day", day, window) == proof.committed_name("day", day, window)
    assert msgspec.msgpack.decode(decode(BillScalars, BillScalars(1, 2, 3, 900, []).body()).body())[0] == 1

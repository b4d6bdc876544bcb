"""An epoch ends early for a batch of moves; late readings enter bills beyond it where that is safe (decision 0023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.errors import GateRefusal, InputError, NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.registry import Cell, CellPlan, Listed, cut_epoch, next_epoch
from quietgrid.runtime.audit import export_bundle
from quietgrid.runtime.founding import identity
from quietgrid.runtime.replay import verify_bundle
from quietgrid.wire.columns import member_list, members_message, pack_bits
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Close, LateClose, Members, Refusal
from tests.runtime.hamlet import PER_DAY, Hamlet, days
from tests.runtime.test_periods import FIRST, SECOND, energy, live, plain

HOMES, LEAVE, LATE = 25, 5, 17
THIRD = days(56, 28)


def newest(town: Hamlet) -> tuple[MemberList, list[bytes]]:
    """The registrar's last list and its evidence."""
    with town.store.read() as tx:
        lists = [decode(Members, unpack_signed(data).body) for data in tx.registry.all_members()]
    last = max(lists, key=lambda m: (m.epoch, m.revision))
    return member_list(last), list(last.evidence)


def adopt(town: Hamlet, members: MemberList, evidence: list[bytes]) -> None:
    town.platform.adopt_members(identity(town.community.folders.registrar).sign(members_message(members, evidence)))


def follow(town: Hamlet, window: Window, homes: list[int]) -> None:
    """Sign the next epoch's list with these homes; the first list has the evidence of all."""
    with town.store.read() as tx:
        first = decode(Members, unpack_signed(tx.registry.members(0, 0)).body)
    listed = member_list(first)
    proofs = zip(listed.homes.tolist(), listed.pids.tolist(), first.evidence, strict=True)
    meters = [Listed(home, pid, 1, 14_500, proof) for home, pid, proof in proofs if home in homes]
    cell = Cell("Lane", tuple(homes), 0, 10)
    adopt(town, *next_epoch(newest(town)[0], window, CellPlan((cell,)), meters))


def late_cells(rows: range, window: Window, column: int) -> np.ndarray:
    out = np.zeros((HOMES, len(window)), np.bool_)
    for row in rows:
        out[row, column + row] = True
    return out


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hamlet]:
    """Three periods: all homes; five have left; five are back. Seventeen are late in the first, two of them leave."""
    town = Hamlet(tmp_path_factory.mktemp("epochs"), homes=HOMES, epoch_days=360)
    town.community.register_books(FIRST)
    members, evidence = newest(town)
    for wrong in (days(0, 20).end, days(0, 29).end):  # within the registered period, and beyond it
        list_of = members_message(*cut_epoch(members, wrong, evidence))
        for keyholder in town.community.keyholders:
            with pytest.raises(GateRefusal, match="last registered billing period"):
                keyholder.members(identity(town.community.folders.registrar).sign(list_of))
    adopt(town, *cut_epoch(members, FIRST.end, evidence))
    stay = [100 + n for n in range(HOMES - LEAVE)]
    follow(town, SECOND, stay)
    town.community.register_books(SECOND)
    follow(town, THIRD, [100 + n for n in range(HOMES)])
    town.community.register_books(THIRD)
    late = late_cells(range(HOMES - LEAVE - LATE + 2, HOMES - LEAVE + 2), FIRST, 40)
    live(town, FIRST, late)
    town.community.periods.run(FIRST)
    town.community.deliver_late()
    yield town
    town.close()


def gone(window: Window) -> np.ndarray:
    out = np.zeros((HOMES, len(window)), np.bool_)
    out[HOMES - LEAVE :] = True
    return out


def test_an_epoch_is_cut_only_within_itself(town: Hamlet) -> None:
    members, evidence = newest(town)  # of the third epoch
    for end in (members.window.first, members.window.end, members.window.end + 1):
        with pytest.raises(InputError, match="cut within itself"):
            cut_epoch(members, end, evidence)


def test_slots_beyond_the_cut_are_closed_by_the_next_list_only(town: Hamlet) -> None:
    """A platform that goes on with the old list's first revision would choose, leaf by leaf, who is in a total."""
    community = town.community
    with town.store.read() as tx:
        old = decode(Members, unpack_signed(tx.registry.members(0, 0)).body)
    day = SECOND.first // PER_DAY
    community.clock.unix = max(community.clock.unix, float((day + 1) * 86_400 + 4 * 1_800))
    bits = pack_bits(np.ones((HOMES, PER_DAY), np.bool_))
    close = Close(old.community, 0, 0, 0, day, 0, PER_DAY, bits, [], community.clock.now())
    signed = identity(community.folders.platform).sign(close)
    for keyholder in community.keyholders:
        outcome = keyholder.votes_on([signed])[0]
        assert isinstance(outcome, Refusal)
        assert "epoch was ended" in outcome.what
    assert town.platform.members(SECOND.first).epoch == 1


def test_late_readings_go_over_the_epochs_end(town: Hamlet, tmp_path: Path) -> None:
    periods = town.community.periods
    live(town, SECOND, gone=gone(SECOND))
    run = periods.run(SECOND)
    assert (run.bills, run.late_cells, run.outcomes.refused) == (HOMES - LEAVE, LATE - 2, [])
    for home in (100, 105, 119):
        both = energy(town, home, FIRST) + energy(town, home, SECOND)
        assert both == plain(town, home, FIRST) + plain(town, home, SECOND)
    trued = periods.bill(110, SECOND)
    assert [fact.late_intervals for fact in trued.facts] == [1]
    assert any(line.kind == "true-up" for line in trued.lines), [line.kind for line in trued.lines]
    left = periods.bill(120, FIRST)  # it has left: nothing more comes, and its bill says how much is an estimate
    assert left.estimated_wh > 0
    with pytest.raises(NotFoundError):
        periods.bill(120, SECOND)
    with town.store.read() as tx:
        waiting = tx.totals.late(0, FIRST.first, FIRST.end, "all")
        assert sorted(waiting.homes.tolist()) == [120, 121]
    export_bundle(town.platform, tmp_path / "bundle.zip")
    report = verify_bundle(tmp_path / "bundle.zip")
    assert (report.problems, report.checked["answers (bills)"]) == ([], 2)


def late_close(town: Hamlet, cells: list[tuple[int, int]]) -> Signed:
    """A late close for the third period of (home, slot) cells."""
    members = town.platform.members(THIRD.first)
    homes = members.homes[members.rows(0)].tolist()
    listed = [(homes.index(home), *divmod(slot, PER_DAY), 1) for home, slot in cells]
    key = (members.community, members.epoch, members.revision, 0, THIRD.first, THIRD.end)
    message = LateClose(*key, "all", listed, town.community.clock.now())
    return identity(town.community.folders.platform).sign(message)


def test_only_meters_that_were_there_and_never_fewer_than_k(town: Hamlet) -> None:
    town.community.clock.unix = float(THIRD.end * THIRD.resolution + 1)
    keyholder = town.community.keyholders[0]
    before = SECOND.first + 5
    back = [(100 + n, before) for n in range(HOMES - 14, HOMES)] + [(100, before)]
    alone = [(100, before)]
    for cells, words in ((back, "not at this home and in this section"), (alone, "wait until 15 homes")):
        outcome = keyholder.votes_on([late_close(town, cells)])[0]
        assert isinstance(outcome, Refusal)
        assert words in outcome.what, error_of(outcome)
    assert msgspec.msgpack.encode(late_close(town, alone))

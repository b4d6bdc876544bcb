"""Member lists, and what a keyholder says to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quietgrid.errors import GateRefusal, InputError, NotFoundError
from quietgrid.keyholder.rules import check_members
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.registry import Cell, CellPlan, Listed, first_list, next_epoch, replace_meter
from quietgrid.wire.columns import member_list, members_message

RULES = GateRules(k=3)
FIRST, SECOND = Window(0, 960, 900), Window(960, 1920, 900)


def cells(**leaves: list[int]) -> CellPlan:
    return CellPlan(tuple(Cell(name, tuple(homes), 0, 0) for name, homes in leaves.items()))


def meter(home: int, pid: int = 0, registers: int = 1, watts: int = 5_000) -> Listed:
    return Listed(home, pid or 7 * home, registers, watts, bytes([home % 251]) * 32)


def listed(*homes: int) -> list[Listed]:
    return [meter(home) for home in homes]


def start(**leaves: list[int]) -> tuple[MemberList, list[bytes]]:
    return first_list(bytes(16), 0, FIRST, cells(**leaves), listed(*[h for homes in leaves.values() for h in homes]))


def rule(new: MemberList, *older: MemberList) -> str:
    with pytest.raises(GateRefusal) as refused:
        check_members(new, older, RULES)
    return refused.value.rule


def test_rows_by_leaf_home_and_meter() -> None:
    members, evidence = first_list(
        bytes(16), 0, FIRST, cells(B=[3, 1], A=[2]), [meter(3), meter(2), meter(1), meter(1, pid=5)]
    )
    assert members.leaf_names == ("B", "A")
    assert members.homes.tolist() == [1, 1, 3, 2]
    assert members.pids.tolist() == [5, 7, 21, 14]
    assert members.leaves.tolist() == [0, 0, 0, 1]
    assert [e[0] for e in evidence] == [1, 1, 3, 2]
    check_members(members, [], RULES)
    message = members_message(members, evidence)
    assert members_message(member_list(message), evidence) == message


def test_a_meter_without_a_leaf() -> None:
    with pytest.raises(InputError, match="1 meters are in no leaf"):
        first_list(bytes(16), 0, FIRST, cells(A=[1]), listed(1, 2))


def test_a_replaced_meter_is_appended() -> None:
    members, evidence = start(A=[1, 2, 3], B=[4, 5, 6])
    revised, more = replace_meter(members, meter(2, pid=99), evidence)
    assert (revised.epoch, revised.revision, revised.window) == (0, 1, FIRST)
    assert revised.pids.tolist() == [*members.pids.tolist(), 99]
    assert (int(revised.homes[-1]), int(revised.leaves[-1]), more[-1]) == (2, 0, bytes([2]) * 32)
    check_members(revised, [members], RULES)
    again, _ = replace_meter(revised, meter(2, pid=100), more)
    check_members(again, [members, revised], RULES)
    assert rule(again, members) == "members"  # revision 2 after revision 0
    with pytest.raises(NotFoundError):
        replace_meter(members, meter(9), evidence)


def test_the_next_epoch_starts_where_the_last_ends() -> None:
    members, _ = start(A=[1, 2, 3])
    following, _ = next_epoch(members, SECOND, cells(A=[1, 2, 3]), listed(1, 2, 3))
    assert (following.epoch, following.revision) == (1, 0)
    check_members(following, [members], RULES)
    with pytest.raises(InputError):
        next_epoch(members, Window(970, 1920, 900), cells(A=[1]), listed(1))
    assert rule(replace(following, window=Window(950, 1920, 900)), members) == "members"
    assert rule(replace(following, revision=1), members) == "members"


@pytest.mark.parametrize(("homes", "refused"), [
    (range(1, 11), False), (range(1, 12), True), (range(1, 15), True), (range(1, 16), False), (range(2, 11), True),
    (range(6, 11), False), (range(6, 16), False), (range(5, 16), True),
])  # fmt: skip
def test_joiners_and_leavers_come_five_at_a_time(homes: range, refused: bool) -> None:
    members, _ = start(A=list(range(1, 11)))
    following, _ = next_epoch(members, SECOND, cells(A=list(homes)), listed(*homes))
    if refused:
        assert rule(following, members) == "join"
    else:
        check_members(following, [members], RULES)


def test_moving_between_leaves_is_leaving_one_and_joining_the_other() -> None:
    members, _ = start(A=[*range(1, 9)], B=[*range(11, 19)])
    meters = listed(*members.homes.tolist())
    one, _ = next_epoch(members, SECOND, cells(A=[*range(2, 9)], B=[1, *range(11, 19)]), meters)
    assert rule(one, members) == "join"
    five, _ = next_epoch(members, SECOND, cells(A=[6, 7, 8], B=[1, 2, 3, 4, 5, *range(11, 19)]), meters)
    check_members(five, [members], RULES)


def test_what_a_revision_may_not_change() -> None:
    members, evidence = start(A=[1, 2, 3], B=[4, 5, 6])
    revised, _ = replace_meter(members, meter(2, pid=99), evidence)
    for change in (
        {"homes": np.where(revised.homes == 3, 9, revised.homes)}, {"pids": revised.pids + np.uint64(1)},
        {"registers": revised.registers | np.uint8(2)}, {"connection_w": revised.connection_w + 1},
        {"window": Window(0, 1920, 900)}, {"leaf_names": ("A", "C")}, {"revision": 2},
    ):  # fmt: skip
        assert rule(replace(revised, **change), members) == "members"
    stranger = replace(revised, homes=np.append(revised.homes[:-1], np.uint64(50)))
    assert rule(stranger, members) == "join"
    elsewhere = replace(revised, leaves=np.append(revised.leaves[:-1], np.int32(1)))
    assert rule(elsewhere, members) in ("join", "members")
    exporter = replace(revised, registers=np.append(revised.registers[:-1], np.uint8(3)))
    assert rule(exporter, members) == "join"


def test_homes_have_one_leaf_and_some_capacity() -> None:
    members, _ = start(A=[1, 2, 3], B=[4, 5, 6])
    assert rule(replace(members, homes=np.array([1, 2, 3, 1, 5, 6], np.uint64))) == "members"
    assert rule(replace(members, connection_w=np.zeros(6, np.int64))) == "members"
    assert rule(replace(members, revision=1)) == "members"

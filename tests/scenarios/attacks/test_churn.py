"""Attacks through who is in a list: joiners and leavers, registers within an epoch, overlapping groups (G4)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.cuts import second_partition, smallest_cut
from quietgrid.crypto.public.envelope import decode
from quietgrid.errors import GateRefusal
from quietgrid.lab.community import Community, Resident
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.registry import Listed, replace_meter
from quietgrid.runtime.founding import identity
from quietgrid.wire.columns import member_list, members_message
from quietgrid.wire.messages import Members
from tests.scenarios.attacks.conftest import Empty
from tests.scenarios.attacks.spy import (
    D0,
    SECRET,
    Spy,
    enrol_people,
    off,
    random_readings,
    residents,
    settle_time,
    signed_list,
)

RULES = GateRules(k=3, max_share_percent=50)
DAYS = [Window((D0 + n) * 96, (D0 + n + 1) * 96, 900) for n in range(2)]


def two_epochs(empty: Empty, joiners: int) -> tuple[Community, list[Listed], list[int]]:
    """Homes of which the last few are listed from the second epoch (day) on; all are steady."""
    people = residents({"A": [1] * (8 + joiners)})
    community = empty(people, 2, RULES)
    listed = enrol_people(community)
    homes = [r.party.home for r in people]
    community.platform.adopt_members(signed_list(community, 0, DAYS[0], {"A": homes[:8]}, listed))
    for day in DAYS:
        readings = random_readings(people, Window(day.first, day.first + 1, 900), seed=1)
        readings.imported_wh[8] = SECRET
        community.measure(readings)
    community.clock.unix = settle_time(D0 + 1, 1, RULES)
    return community, listed, homes


def test_one_home_joins(empty: Empty) -> None:
    """The neighbours are steady: the total before and after differ by the newcomer."""
    community, listed, homes = two_epochs(empty, 1)
    second = signed_list(community, 1, DAYS[1], {"A": homes}, listed)
    for link in community.links:
        with pytest.raises(GateRefusal) as refused:
            link.members(second)
        assert refused.value.rule == "join"
    with off(community, "join"):
        community.platform.adopt_members(second)
    spy = Spy(community)
    before, after = spy.close(D0, 0, 1), spy.close(D0 + 1, 0, 1, epoch=1)
    spy.vote([before, after])
    assert (spy.total(after, "A", epoch=1).values - spy.total(before, "A").values).tolist() == [SECRET]


def test_one_home_leaves_and_five_join(empty: Empty) -> None:
    community, listed, homes = two_epochs(empty, 5)
    for change in (homes[1:], homes[1:8], homes[:12]):
        with pytest.raises(GateRefusal) as refused:
            community.links[0].members(signed_list(community, 1, DAYS[1], {"A": change}, listed))
        assert refused.value.rule == "join"
    community.platform.adopt_members(signed_list(community, 1, DAYS[1], {"A": homes}, listed))


def test_no_new_home_or_register_within_an_epoch(empty: Empty) -> None:
    """A register more would turn a slot's net into an import and an export total: their difference is the roof."""
    people = residents({"A": [3] + [1] * 8})
    community = empty(people, 1, RULES)
    listed = enrol_people(community)
    homes = [r.party.home for r in people]
    quiet = [Listed(m.home, m.pid, 1, m.connection_w, m.evidence) for m in listed]
    first = signed_list(community, 0, DAYS[0], {"A": homes[1:]}, quiet)
    community.platform.adopt_members(first)
    message = decode(Members, first.body)
    registrar = identity(community.folders.registrar)
    joined, evidence = replace_meter(member_list(message), _at(quiet[0], homes[1]), message.evidence)
    joined.homes[-1] = homes[0]
    with pytest.raises(GateRefusal) as refused:
        community.links[0].members(registrar.sign(members_message(joined, evidence)))
    assert refused.value.rule == "join"


def _at(meter: Listed, home: int) -> Listed:
    return Listed(home, meter.pid, meter.registers, meter.connection_w, meter.evidence)


def test_a_replaced_meter_keeps_its_homes_registers(empty: Empty) -> None:
    people = residents({"A": [1] * 8})
    people.append(Resident(people[0].party, 9_001, 3))
    community = empty(people, 1, RULES)
    listed = enrol_people(community)
    homes = [r.party.home for r in people[:8]]
    first = signed_list(community, 0, DAYS[0], {"A": homes}, listed[:8])
    community.platform.adopt_members(first)
    message = decode(Members, first.body)
    registrar = identity(community.folders.registrar)
    old = member_list(message)
    wider, evidence = replace_meter(old, listed[8], message.evidence)
    with pytest.raises(GateRefusal, match="register cannot be added") as refused:
        community.links[0].members(registrar.sign(members_message(wider, evidence)))
    assert refused.value.rule == "join"
    same = Listed(listed[8].home, 9_001, 1, listed[8].connection_w, listed[8].evidence)
    revised, evidence = replace_meter(old, same, message.evidence)
    community.platform.adopt_members(registrar.sign(members_message(revised, evidence)))
    assert community.platform.members(DAYS[0].first).revision == 1


# -- G4: overlapping groups -----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4), st.integers(2, 4), st.integers(6, 24), st.integers(0, 2**32 - 1))
def test_the_smallest_exposed_set_of_two_groupings_is_the_smallest_cut(
    leaves: int, groups: int, homes: int, seed: int
) -> None:
    """Sums over leaves and over groups, combined at will: who stays in a combination is a cut of the graph."""
    rng = np.random.default_rng(seed)
    leaf, group = rng.integers(0, leaves, homes), rng.integers(0, groups, homes)
    rows = np.concatenate([leaf == np.arange(leaves)[:, None], group == np.arange(groups)[:, None]]).astype(np.int64)
    smallest = homes
    for signs in np.ndindex(*[3] * len(rows)):
        left = np.count_nonzero((np.array(signs) - 1) @ rows)
        smallest = min(smallest, left) if left else smallest
    assert smallest_cut(leaf, group) == smallest


def test_a_group_that_differs_from_the_leaf_in_one_home() -> None:
    """A class of 19 of a leaf's 20 homes: the leaf's total less the group's is the twentieth."""
    readings = np.random.default_rng(2).integers(50, 1000, 40)
    readings[19] = SECRET
    leaves, groups = np.repeat([0, 1], 20), np.r_[np.zeros(19, int), np.ones(21, int)]
    assert readings[leaves == 0].sum() - readings[groups == 0].sum() == SECRET
    with pytest.raises(GateRefusal) as refused:
        second_partition(leaves, groups, 15)
    assert refused.value.rule == "second-partition"
    second_partition(leaves, np.tile([0, 1], 20), 15)  # every leaf halved: no combination leaves fewer than 20

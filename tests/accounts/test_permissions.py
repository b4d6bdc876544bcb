"""The table of roles and permissions, and the two checks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.accounts import ALLOWED, GRANTABLE, Permission, Role, Viewer, matrix, require, require_home
from quietgrid.errors import ForbiddenError, InputError, NotFoundError


def viewer(role: Role, home: int = 7) -> Viewer:
    return Viewer("a", role, home if role is Role.HOUSEHOLD else None)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_require_is_the_table(role: Role, permission: Permission) -> None:
    if permission in ALLOWED[role]:
        require(viewer(role), permission)
    else:
        with pytest.raises(ForbiddenError):
            require(viewer(role), permission)


def test_individual_readings_are_available_to_no_role() -> None:
    for role in Role:
        with pytest.raises(ForbiddenError, match="not available to any role"):
            require(viewer(role), Permission.INDIVIDUAL_READINGS)


def test_every_other_permission_has_a_holder_and_every_role_a_row() -> None:
    held = set().union(*ALLOWED.values())
    assert set(Permission) - held == {Permission.INDIVIDUAL_READINGS}
    assert set(ALLOWED) == set(Role)
    columns, rows = matrix()
    assert len(columns) == len(Role)
    assert len(rows) == len(Permission) - 1
    assert all(len(yes) == len(columns) and any(yes) for _, yes in rows)


def test_who_runs_bills_is_not_alone_and_the_auditor_changes_nothing() -> None:
    changing = {Permission.BILLING_RUN, Permission.BILLING_APPROVE, Permission.PEOPLE}
    assert not ALLOWED[Role.AUDITOR] & changing
    assert sum(Permission.BILLING_APPROVE in ALLOWED[role] for role in Role) >= 2
    assert Permission.LEDGER not in ALLOWED[Role.ANALYST]


def test_nobody_gives_away_a_role_above_their_own() -> None:
    assert Role.OPERATOR not in GRANTABLE[Role.ANALYST]
    assert set(GRANTABLE) == {role for role in Role if Permission.PEOPLE in ALLOWED[role]}


@given(own=st.integers(0, 2**64 - 1), other=st.integers(0, 2**64 - 1))
def test_a_household_sees_its_own_home_only(own: int, other: int) -> None:
    asker = viewer(Role.HOUSEHOLD, own)
    require_home(asker, own)
    if other != own:
        with pytest.raises(NotFoundError):
            require_home(asker, other)
    require_home(viewer(Role.ANALYST), other)


def test_a_home_belongs_to_households_only() -> None:
    with pytest.raises(InputError):
        Viewer("a", Role.HOUSEHOLD)
    with pytest.raises(InputError):
        Viewer("a", Role.ANALYST, 3)

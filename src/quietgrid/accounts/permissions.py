"""Who may do what: one table of roles and permissions, and the two checks every read makes.

The viewer is a parameter of every read, so authorisation cannot be forgotten: what has no viewer does not type-check.
Source: DESIGN 4; UI "person / screens / actions". Cost: a set lookup, 0.1 µs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from quietgrid.errors import ForbiddenError, InputError, NotFoundError


class Role(StrEnum):
    """What someone is here."""

    ANALYST = "analyst"
    HOUSEHOLD = "household"
    AUDITOR = "auditor"
    OPERATOR = "operator"


ROLE_NAMES: Mapping[Role, str] = {
    Role.ANALYST: "utility analyst",
    Role.HOUSEHOLD: "household",
    Role.AUDITOR: "auditor",
    Role.OPERATOR: "operator",
}
"""As people read them."""


class Permission(StrEnum):
    """What can be allowed. The value is what the Roles page says."""

    TOTALS = "see totals of groups"
    QUALITY = "see what arrived and what is missing"
    METERS = "see which meters there are, without readings"
    OWN_SERIES = "fetch the own sealed readings"
    OWN_BILLS = "see the own bills"
    OWN_INSIGHT = "have the own home compared on encrypted numbers"
    BILLS = "see bills: a few sums a home and period"
    BILLING_RUN = "run billing"
    BILLING_APPROVE = "approve bills"
    PROOFS = "check the proof of a bill"
    QUESTIONS = "see every question and what became of it"
    LEDGER = "read and verify the audit log"
    PEOPLE = "add people, lock them, give roles"
    PUBLISHED = "see published statistics"
    PUBLISH = "publish statistics within the homes' yearly privacy budget"
    CHAIN = "see what is on the chain and what is on its way"
    CHAIN_RETRY = "send a failed transaction again"
    GRID = "see the grid: voltages, loading, losses, alarms"
    GRID_SIGNALS = "fetch set-points and what devices do without them"
    GRID_OPERATE = "plan storage, acknowledge alarms, put a network in force"
    GRID_APPROVE = "approve what another planned; stop the grid together with another"
    RESPONSE = "see demand response: programs, events, what groups delivered"
    RESPONSE_OPERATE = "make programs, start and cancel events, override in an emergency"
    RESPONSE_APPROVE = "verify utilities; approve a large event that another started"
    STATUS = "see which keyholders answer and how far the clock is"
    DEMO = "drive the demo: pace, keyholders, the attempt to spy"
    INDIVIDUAL_READINGS = "see one home's readings"


_P = Permission
ALLOWED: Mapping[Role, frozenset[Permission]] = {
    Role.ANALYST: frozenset(
        {_P.TOTALS, _P.QUALITY, _P.METERS, _P.BILLS, _P.BILLING_RUN, _P.BILLING_APPROVE, _P.PROOFS, _P.QUESTIONS,
         _P.PEOPLE, _P.PUBLISHED, _P.PUBLISH, _P.CHAIN, _P.GRID, _P.GRID_SIGNALS, _P.GRID_APPROVE, _P.STATUS, _P.DEMO,
         _P.RESPONSE, _P.RESPONSE_OPERATE, _P.RESPONSE_APPROVE}
    ),
    Role.HOUSEHOLD: frozenset(
        {_P.OWN_SERIES, _P.OWN_BILLS, _P.OWN_INSIGHT, _P.PROOFS, _P.PUBLISHED, _P.GRID_SIGNALS, _P.STATUS, _P.DEMO}
    ),
    Role.AUDITOR: frozenset(
        {_P.TOTALS, _P.QUALITY, _P.METERS, _P.PROOFS, _P.QUESTIONS, _P.LEDGER, _P.PUBLISHED, _P.CHAIN, _P.GRID,
         _P.GRID_SIGNALS, _P.STATUS, _P.DEMO, _P.RESPONSE}
    ),
    Role.OPERATOR: frozenset(
        {_P.TOTALS, _P.QUALITY, _P.METERS, _P.BILLING_APPROVE, _P.QUESTIONS, _P.PEOPLE, _P.PUBLISHED, _P.CHAIN,
         _P.CHAIN_RETRY, _P.GRID, _P.GRID_SIGNALS, _P.GRID_OPERATE, _P.GRID_APPROVE, _P.STATUS, _P.DEMO,
         _P.RESPONSE, _P.RESPONSE_OPERATE, _P.RESPONSE_APPROVE}
    ),
}  # fmt: skip
"""The table. `INDIVIDUAL_READINGS` is in no row: it is not available to any role, and there is no code behind it."""

GRANTABLE: Mapping[Role, frozenset[Role]] = {
    Role.ANALYST: frozenset({Role.ANALYST, Role.AUDITOR, Role.HOUSEHOLD}),
    Role.OPERATOR: frozenset(Role),
}
"""Roles that someone with `PEOPLE` may give to others: nobody can give away more than the house allows them."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking.

    Args:
        account: Account id, or ``home N`` for a household's signed request. role: theirs.
        home: The household's home, None for others. name: for the screen.
    """

    account: str
    role: Role
    home: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if (self.role is Role.HOUSEHOLD) != (self.home is not None):
            raise InputError(
                "a household has a home, and nobody else has", where=self.account, fix="give the home with the role"
            )

    def may(self, permission: Permission) -> bool:
        """Whether the role has a permission."""
        return permission in ALLOWED[self.role]


def require(viewer: Viewer, permission: Permission) -> None:
    """Let the viewer pass, or raise `ForbiddenError` that says what is missing.

    >>> require(Viewer("a", Role.AUDITOR), Permission.LEDGER)
    >>> require(Viewer("a", Role.ANALYST), Permission.INDIVIDUAL_READINGS)
    Traceback (most recent call last):
    quietgrid.errors.ForbiddenError: not available to any role: see one home's readings – role analyst
    """
    if viewer.may(permission):
        return
    holders = [ROLE_NAMES[role] for role, granted in ALLOWED.items() if permission in granted]
    if not holders:
        raise ForbiddenError(f"not available to any role: {permission.value}", where=f"role {viewer.role.value}")
    raise ForbiddenError(
        f"not for the role {ROLE_NAMES[viewer.role]}: {permission.value}",
        where=f"role {viewer.role.value}",
        fix="this is for: " + ", ".join(holders),
    )


def require_home(viewer: Viewer, home: int, what: str = "home") -> None:
    """A household sees its own home only; another's looks as if it did not exist.

    Raises:
        NotFoundError: the viewer is a household and `home` is not its own.
    """
    if viewer.role is Role.HOUSEHOLD and viewer.home != home:
        raise NotFoundError(f"there is no such {what}", where=what, fix="check the number")


def matrix() -> tuple[list[str], list[tuple[str, list[bool]]]]:
    """The table for people: role names, and a row of yes and no for every permission that someone has."""
    roles = list(ALLOWED)
    rows = [
        (permission.value, [permission in ALLOWED[role] for role in roles])
        for permission in Permission
        if any(permission in ALLOWED[role] for role in roles)
    ]
    return [ROLE_NAMES[role] for role in roles], rows

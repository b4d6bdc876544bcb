"""Which contracts a community has, and whose each restricted function is: the one table to read or to change.

A test compares it with the sources: every function marked `restricted` has exactly the role its `@dev Role:` line says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from quietgrid.chain import abi
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Act, Addresses, Placed, Plan


class Role(IntEnum):
    """`contracts/src/access/Roles.sol`."""

    ADMIN = 0
    OPERATOR = 1
    ENGINE = 2
    REGULATOR = 3
    GUARDIAN = 4
    CONTRACT = 5
    GOVERNANCE = 6
    UTILITY = 7


@dataclass(frozen=True, slots=True)
class Seats:
    """Who sits where: addresses.

    Args:
        deployer: Administrator until the hand-over. engine: the platform's hot key.
    """

    deployer: str
    engine: str


MANAGER = "AccessManager"
RESTRICTED: Mapping[str, Mapping[str, Role]] = {
    "DailyRoots": {"anchor(uint32,uint8[],bytes32[],uint64[])": Role.ENGINE},
}
"""Contract -> function -> whose it is."""


def community_plan(seats: Seats) -> Plan:
    """Everything a community needs on its chain."""
    contracts = (
        Placed(MANAGER, MANAGER, lambda _all: [seats.deployer]),
        Placed("DailyRoots", "DailyRoots", lambda all_: [all_[MANAGER]]),
    )
    acts = [
        _belongs(name, role, [f for f, whose in table.items() if whose is role])
        for name, table in RESTRICTED.items()
        for role in sorted(set(table.values()))
    ]
    acts.append(_sits(Role.ENGINE, "the engine", seats.engine))
    return Plan(contracts, tuple(acts))


def _belongs(name: str, role: Role, functions: Sequence[str]) -> Act:
    """Functions of a contract are given to a role."""
    selectors = [abi.functions(name)[function] for function in functions]

    def is_done(chain: Chain, all_: Addresses) -> bool:
        return all(
            chain.view(MANAGER, all_[MANAGER], "getTargetFunctionRole", all_[name], selector) == role
            for selector in selectors
        )

    def call(all_: Addresses) -> abi.Call:
        return abi.call(MANAGER, all_[MANAGER], "setTargetFunctionRole", all_[name], selectors, int(role))

    said = ", ".join(function.partition("(")[0] for function in functions)
    return Act(f"{name}: {said} to {role.name.lower()}", is_done, call)


def _sits(role: Role, who: str, address: str) -> Act:
    """An account gets a role."""

    def is_done(chain: Chain, all_: Addresses) -> bool:
        return bool(chain.view(MANAGER, all_[MANAGER], "hasRole", int(role), address)[0])

    def call(all_: Addresses) -> abi.Call:
        return abi.call(MANAGER, all_[MANAGER], "grantRole", int(role), address, 0)

    return Act(f"{who} is {role.name.lower()}", is_done, call)

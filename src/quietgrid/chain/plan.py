"""Which contracts a community has, who sits where, and the hand-over after which the deployer has nothing left.

Whose each restricted function is stands in the contract's documentation (`@dev Role: NAME`) and comes with the
artifact; a test holds it against the sources. The order of the hand-over is tested in `contracts/test/governance`.

| role | who | may |
|---|---|---|
| ADMIN | the timelock | give roles and functions: by an executed vote only |
| OPERATOR | a Safe, two of three people | register, fund, configure; replace the engine's key |
| ENGINE | the platform's hot key behind the outbox | post roots, requests, settlements, within daily limits |
| REGULATOR | the regulator's account | verify utilities |
| GUARDIAN | two people | pause and stop, never move anything |
| CONTRACT | contracts of the community | call each other |
| GOVERNANCE | the timelock | what only a vote may change |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any

from quietgrid.chain import abi
from quietgrid.chain.built import artifact
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Act, Addresses, Placed, Plan, created_by
from quietgrid.chain.safe import founding
from quietgrid.model.feed import FEEDS


class Role(IntEnum):
    """`contracts/src/access/Roles.sol`."""

    ADMIN = 0
    OPERATOR = 1
    ENGINE = 2
    REGULATOR = 3
    GUARDIAN = 4
    CONTRACT = 5
    GOVERNANCE = 6


DAY_S = 86_400
MANAGER, TIMELOCK, OPERATOR, COUNCIL = "AccessManager", "TimelockController", "OperatorSafe", "CouncilSafe"


@dataclass(frozen=True, slots=True)
class Terms:
    """Times and limits of a deployment; money in millionths.

    Args:
        timelock_s: between an accepted vote and its execution. voting_delay_s, voting_period_s: of a vote.
        challenge_s: in which a settlement can be challenged. supply_cap, daily_mint: of the energy token.
        daily_settlement, daily_rewards: what the engine may move in one day.
    """

    timelock_s: int = 2 * DAY_S
    voting_delay_s: int = DAY_S
    voting_period_s: int = 5 * DAY_S
    challenge_s: int = DAY_S
    supply_cap: int = 100_000_000 * 10**6
    daily_mint: int = 1_000_000 * 10**6
    daily_settlement: int = 1_000_000 * 10**6
    daily_rewards: int = 100_000 * 10**6


DEMO_TERMS = Terms(timelock_s=20, voting_delay_s=1, voting_period_s=60, challenge_s=60)
"""As short as a demo's evening."""


@dataclass(frozen=True, slots=True)
class Seats:
    """Who sits where: addresses.

    Args:
        deployer: Administrator until the hand-over. engine: the platform's hot key. operators, council: owners of the
            two Safes, two of whom sign. guardians, regulator, reporters: see the table above. founders: account ->
            GRID (18 decimals) it starts with.
    """

    deployer: str
    engine: str
    operators: tuple[str, ...]
    council: tuple[str, ...]
    guardians: tuple[str, ...]
    regulator: str
    reporters: tuple[str, ...]
    founders: Mapping[str, int]


PARAMETERS = (15, 100, 6_000, 0, 1_000_000, DAY_S, 1_000_000)
"""First values of `CommunityParameters`, in its order."""
_TEMPERATURE, _LOAD = 0, 1
"""Which quantity a `WeatherOracle` and a `GridOracle` are of."""


def community_plan(seats: Seats, terms: Terms) -> Plan:
    """Everything a community needs on its chain."""
    contracts = (*_base(seats, terms), *_registry(), *_feeds(seats), *_response(terms), *_market(terms), *_assets())
    acts = [
        _safe_of(OPERATOR, seats.operators), _safe_of(COUNCIL, seats.council), *_functions(contracts),
        *_accounts(seats), *_hand_over(seats),
    ]  # fmt: skip
    return Plan(contracts, tuple(acts), {"RevenuePool": lambda all_: created_by(all_["AssetShares"], 1)})


# -- contracts ---------------------------------------------------------------------------------------------------------


def _base(seats: Seats, terms: Terms) -> tuple[Placed, ...]:
    times = (terms.voting_delay_s, terms.voting_period_s, 2 * terms.voting_delay_s, 10**18, 20)
    return (
        Placed(MANAGER, MANAGER, lambda _all: [seats.deployer]),
        Placed("SafeCode", "Safe"),
        Placed("SafeBundler", "MultiSendCallOnly"),
        Placed(OPERATOR, "SafeProxy", lambda all_: [all_["SafeCode"]]),
        Placed(COUNCIL, "SafeProxy", lambda all_: [all_["SafeCode"]]),
        Placed(TIMELOCK, TIMELOCK, lambda _all: [terms.timelock_s, [], ["0x" + "00" * 20], seats.deployer]),
        Placed(
            "GovernanceToken", "GovernanceToken",
            lambda all_: [all_[MANAGER], list(seats.founders), list(seats.founders.values())],
        ),
        Placed(
            "GridGovernor", "GridGovernor",
            lambda all_: [all_["GovernanceToken"], all_[TIMELOCK], all_[MANAGER], all_[COUNCIL], times],
        ),
        Placed("CommunityParameters", "CommunityParameters", lambda all_: [all_[MANAGER], list(PARAMETERS)]),
        Placed("DailyRoots", "DailyRoots", lambda all_: [all_[MANAGER]]),
    )  # fmt: skip


def _registry() -> tuple[Placed, ...]:
    return (
        Placed("UtilityVerification", "UtilityVerification", lambda all_: [all_[MANAGER]]),
        Placed("ConsumerRegistration", "ConsumerRegistration", lambda all_: [all_[MANAGER], 10_000]),
        Placed("SmartMeterFactory", "SmartMeterFactory", lambda all_: [all_[MANAGER]]),
        Placed(
            "GridManagement", "GridManagement",
            # 49.5-50.5 Hz, 90-110 % of the voltage, 110 % of the load: outside, the region's circuit breaks
            lambda all_: [all_[MANAGER], (49_500, 50_500, 9_000, 11_000, 11_000)],
        ),
    )  # fmt: skip


def _feeds(seats: Seats) -> tuple[Placed, ...]:
    def setup(all_: Addresses, name: str) -> tuple[Any, ...]:
        """Two of three reporters agree; an answer far from the last needs all three."""
        terms = next(feed.terms for feed in FEEDS.values() if feed.contract == name)
        return (all_[MANAGER], list(seats.reporters), astuple(terms))

    return (
        Placed("PriceOracle", "PriceOracle", lambda all_: [setup(all_, "PriceOracle")]),
        Placed("WeatherOracle", "WeatherOracle", lambda all_: [setup(all_, "WeatherOracle"), _TEMPERATURE]),
        Placed("GridOracle", "GridOracle", lambda all_: [setup(all_, "GridOracle"), _LOAD]),
    )


def _response(terms: Terms) -> tuple[Placed, ...]:
    # notice 15 min - 7 days, at most 1 day long, 8 a day, 10 MWh, 5 EUR/kWh
    limits = (900, 7 * DAY_S, DAY_S, 8, 10_000_000, 5_000_000)
    return (
        Placed(
            "ReductionRequest", "ReductionRequest",
            lambda all_: [
                all_[MANAGER], all_["UtilityVerification"], all_["ConsumerRegistration"], all_["GridManagement"],
                all_["CommunityParameters"], limits,
            ],
        ),
        Placed("LoadForecasting", "LoadForecasting", lambda all_: [all_[MANAGER], all_["ReductionRequest"]]),
        Placed(
            "IncentiveDistribution", "IncentiveDistribution",
            lambda all_: [all_[MANAGER], all_["EnergyToken"], terms.daily_rewards],
        ),
    )  # fmt: skip


def _market(terms: Terms) -> tuple[Placed, ...]:
    return (
        Placed("EnergyToken", "EnergyToken", lambda all_: [all_[MANAGER], terms.supply_cap, terms.daily_mint]),
        Placed("EnergyTrading", "EnergyTrading", lambda a: [a[MANAGER], a["EnergyToken"], a["GridManagement"]]),
        Placed(
            "Settlement", "Settlement",
            lambda all_: [
                all_[MANAGER], all_["EnergyToken"], all_["GridManagement"], terms.challenge_s,
                (100 * 10**6, 10 * 10**6), terms.daily_settlement,
            ],
        ),
    )  # fmt: skip


def _assets() -> tuple[Placed, ...]:
    return (
        Placed("EnergyAssetNFT", "EnergyAssetNFT", lambda all_: [all_[MANAGER]]),
        Placed("AssetShares", "AssetShares", lambda all_: [all_[MANAGER], all_["EnergyAssetNFT"]]),
    )


# -- roles -------------------------------------------------------------------------------------------------------------


def _functions(contracts: tuple[Placed, ...]) -> list[Act]:
    """Every restricted function to its role."""
    held = [(one.name, one.contract) for one in contracts] + [("RevenuePool", "RevenuePool")]
    return [act for name, contract in held for act in _functions_of(name, contract)]


def _functions_of(name: str, contract: str) -> list[Act]:
    by_role: defaultdict[Role, list[str]] = defaultdict(list)
    for function, role in artifact(contract).roles.items():
        by_role[Role[role]].append(function)
    return [_belongs(name, contract, role, functions) for role, functions in sorted(by_role.items())]


def _belongs(name: str, contract: str, role: Role, functions: list[str]) -> Act:
    selectors = [abi.functions(contract)[function] for function in functions]

    def is_done(chain: Chain, all_: Addresses) -> bool:
        return all(
            chain.view(MANAGER, all_[MANAGER], "getTargetFunctionRole", all_[name], selector) == role
            for selector in selectors
        )

    def call(all_: Addresses) -> abi.Call:
        return abi.call(MANAGER, all_[MANAGER], "setTargetFunctionRole", all_[name], selectors, int(role))

    said = ", ".join(function.partition("(")[0] for function in functions)
    return Act(f"{name}: {said} to {role.name.lower()}", is_done, call)


def _accounts(seats: Seats) -> list[Act]:
    """Roles to accounts. The operator's account may replace the engine's hot key without a vote."""
    named = [
        (Role.ENGINE, "the engine", seats.engine), (Role.REGULATOR, "the regulator", seats.regulator),
        *((Role.GUARDIAN, f"guardian {n + 1}", address) for n, address in enumerate(seats.guardians)),
    ]  # fmt: skip
    contracts = [
        (Role.OPERATOR, OPERATOR), (Role.GOVERNANCE, TIMELOCK), (Role.CONTRACT, "ReductionRequest"),
        (Role.CONTRACT, "LoadForecasting"),
    ]  # fmt: skip
    acts = [_sits(role, who, address) for role, who, address in named]
    acts += [_sits(role, name, "") for role, name in contracts]

    def engines(chain: Chain, all_: Addresses) -> bool:
        return bool(chain.view(MANAGER, all_[MANAGER], "getRoleAdmin", int(Role.ENGINE)) == Role.OPERATOR)

    def give(all_: Addresses) -> abi.Call:
        return abi.call(MANAGER, all_[MANAGER], "setRoleAdmin", int(Role.ENGINE), int(Role.OPERATOR))

    return [*acts, Act("the operator may replace the engine", engines, give)]


def _sits(role: Role, who: str, address: str) -> Act:
    """An account gets a role; without an address the contract of that name does."""

    def is_done(chain: Chain, all_: Addresses) -> bool:
        return bool(chain.view(MANAGER, all_[MANAGER], "hasRole", int(role), address or all_[who])[0])

    def call(all_: Addresses) -> abi.Call:
        return abi.call(MANAGER, all_[MANAGER], "grantRole", int(role), address or all_[who], 0)

    return Act(f"{who} is {role.name.lower()}", is_done, call)


def _safe_of(name: str, owners: tuple[str, ...]) -> Act:
    """A Safe gets its owners; two of them sign."""

    def is_done(chain: Chain, all_: Addresses) -> bool:
        if chain.view("Safe", all_[name], "getThreshold") != 2:
            return False  # without owners it cannot even list them
        return {o.lower() for o in chain.view("Safe", all_[name], "getOwners")} == {o.lower() for o in owners}

    return Act(f"{name}: two of {len(owners)} sign", is_done, lambda all_: founding(all_[name], owners, 2))


def _hand_over(seats: Seats) -> list[Act]:
    """The governor alone schedules and cancels, the timelock administers itself and all roles, the deployer gives up.

    Only in this order: an administrator must always be there.
    """

    def timelock_role(what: str, name: str) -> Act:
        def is_done(chain: Chain, all_: Addresses) -> bool:
            role = chain.view(TIMELOCK, all_[TIMELOCK], what)
            return bool(chain.view(TIMELOCK, all_[TIMELOCK], "hasRole", role, all_[name]))

        def call(all_: Addresses) -> abi.Call:
            return abi.call(TIMELOCK, all_[TIMELOCK], "grantRole", abi.role_hash(what), all_[name])

        return Act(f"{name}: {what.lower()} of the timelock", is_done, call)

    def gone_from_timelock(chain: Chain, all_: Addresses) -> bool:
        return not chain.view(TIMELOCK, all_[TIMELOCK], "hasRole", bytes(32), seats.deployer)

    def gone(chain: Chain, all_: Addresses) -> bool:
        return not chain.view(MANAGER, all_[MANAGER], "hasRole", int(Role.ADMIN), seats.deployer)[0]

    return [
        timelock_role("PROPOSER_ROLE", "GridGovernor"),
        timelock_role("CANCELLER_ROLE", "GridGovernor"),
        _sits(Role.ADMIN, TIMELOCK, ""),
        Act(
            "the deployer leaves the timelock", gone_from_timelock,
            lambda all_: abi.call(TIMELOCK, all_[TIMELOCK], "renounceRole", bytes(32), seats.deployer),
        ),
        Act(
            "the deployer gives up", gone,
            lambda all_: abi.call(MANAGER, all_[MANAGER], "renounceRole", int(Role.ADMIN), seats.deployer),
        ),
    ]  # fmt: skip

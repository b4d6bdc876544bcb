"""The community's whole deployment: complete, resumable, and at its end the deployer has nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import artifact, names, safe_is_there
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Deployment
from quietgrid.chain.node import fund
from quietgrid.chain.plan import DEMO_TERMS, MANAGER, OPERATOR, TIMELOCK, Role, Seats, community_plan

SOURCES = Path(__file__).resolve().parents[2] / "contracts" / "src"
AS_THEY_ARE = {"AccessManager", "TimelockController"}


def some(count: int) -> tuple[str, ...]:
    return tuple(Account.generate().address for _ in range(count))


@pytest.fixture
def deployer(chain: Chain) -> Account:
    account = Account.generate()
    fund(chain, account.address)
    return account


@pytest.fixture
def seats(deployer: Account) -> Seats:
    (engine, regulator), members = some(2), some(5)
    return Seats(
        deployer.address, engine, some(3), some(3), some(2), regulator, some(3), dict.fromkeys(members, 10**21)
    )


@pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)")
def test_the_deployer_has_nothing_left(chain: Chain, deployer: Account, seats: Seats) -> None:
    plan = community_plan(seats, DEMO_TERMS)
    addresses = Deployment(chain, deployer, plan).run()
    assert Deployment(chain, deployer, plan).missing() == []
    for name, address in addresses.items():
        assert chain.code(address), name
    for role in Role:
        assert not chain.view(MANAGER, addresses[MANAGER], "hasRole", int(role), deployer.address)[0]
    for name in [one.name for one in plan.contracts] + ["RevenuePool"]:
        contract = next((one.contract for one in plan.contracts if one.name == name), name)
        for function in artifact(contract).roles:
            selector = abi.functions(contract)[function]
            able = chain.view(MANAGER, addresses[MANAGER], "canCall", deployer.address, addresses[name], selector)[0]
            assert not able, f"{name}.{function}"
    assert chain.view(MANAGER, addresses[MANAGER], "hasRole", int(Role.ADMIN), addresses[TIMELOCK])[0]
    assert chain.view(MANAGER, addresses[MANAGER], "hasRole", int(Role.OPERATOR), addresses[OPERATOR])[0]
    assert chain.view("Safe", addresses[OPERATOR], "getThreshold") == 2


def test_every_restricted_function_says_whose_it_is() -> None:
    """Held against the sources: who writes `restricted` and forgets the role is told here."""
    known = {function.partition("(")[0] for name in names() for function in artifact(name).roles}
    found = 0
    for path in sorted(SOURCES.rglob("*.sol")):
        text = path.read_text(encoding="utf-8")
        for function, tail in re.findall(r"function (\w+)([^{;]*)[{;]", text):
            if re.search(r"\brestricted\b", tail):
                found += 1
                assert function in known, f"{path.name}: {function} has no `@dev Role:` line"
    assert found >= 40


@pytest.mark.parametrize("name", sorted(set(names()) - AS_THEY_ARE))
def test_every_role_is_one(name: str) -> None:
    assert set(artifact(name).roles.values()) <= {role.name for role in Role}

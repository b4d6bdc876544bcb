"""Deployments: addresses known before, interrupted and gone on with, roles given, nothing done twice."""

from __future__ import annotations

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Act, Deployment, Placed, Plan, Step, created_by
from quietgrid.chain.direct import send
from quietgrid.chain.node import fund
from quietgrid.errors import ConflictError, RevertedError

ROLE = 2


@pytest.fixture
def deployer(chain: Chain) -> Account:
    account = Account.generate()
    fund(chain, account.address)
    return account


def plan(engine: str, deployer: str) -> Plan:
    anchor = abi.functions("DailyRoots")["anchor(uint32,uint8[],bytes32[],uint64[])"]
    return Plan(
        (
            Placed("Roots", "DailyRoots", lambda all_: [all_["Manager"]]),  # named before it is there
            Placed("Manager", "AccessManager", lambda _all: [deployer]),
        ),
        (
            Act(
                "anchoring is the engine's",
                lambda c, a: c.view("AccessManager", a["Manager"], "getTargetFunctionRole", a["Roots"], anchor) == ROLE,
                lambda a: abi.call("AccessManager", a["Manager"], "setTargetFunctionRole", a["Roots"], [anchor], ROLE),
            ),
            Act(
                "the engine has its role",
                lambda c, a: bool(c.view("AccessManager", a["Manager"], "hasRole", ROLE, engine)[0]),
                lambda a: abi.call("AccessManager", a["Manager"], "grantRole", ROLE, engine, 0),
            ),
        ),
    )


def test_everything_is_there_and_the_second_run_does_nothing(chain: Chain, deployer: Account) -> None:
    engine = Account.generate().address
    deployment = Deployment(chain, deployer, plan(engine, deployer.address))
    assert deployment.missing() == [
        "deploy Roots", "deploy Manager", "anchoring is the engine's", "the engine has its role",
    ]  # fmt: skip
    told: list[Step] = []
    addresses = deployment.run(told.append)
    assert [step.done for step in told] == [1, 2, 3, 4]
    assert all(step.fresh and step.gas for step in told)
    assert chain.view("DailyRoots", addresses["Roots"], "authority").lower() == addresses["Manager"].lower()

    told.clear()
    again = Deployment(chain, deployer, plan(engine, deployer.address))
    assert again.missing() == []
    assert again.run(told.append) == addresses
    assert not any(step.fresh for step in told)
    assert chain.nonce(deployer.address) == 4


def test_an_interrupted_one_goes_on(chain: Chain, deployer: Account) -> None:
    """Interrupted after each of its steps in turn."""
    engine = Account.generate().address

    class PowerCut(Exception):
        pass

    def cut(step: Step) -> None:
        if step.fresh:
            raise PowerCut

    for rest in range(4, 0, -1):
        deployment = Deployment(chain, deployer, plan(engine, deployer.address))
        assert len(deployment.missing()) == rest
        with pytest.raises(PowerCut):
            deployment.run(cut)
    assert Deployment(chain, deployer, plan(engine, deployer.address)).missing() == []
    assert chain.nonce(deployer.address) == 4


def test_a_used_account_is_refused(chain: Chain, deployer: Account) -> None:
    send(chain, deployer, abi.Call(deployer.address, b"", "to itself"))
    with pytest.raises(ConflictError, match="fresh account"):
        Deployment(chain, deployer, plan(deployer.address, deployer.address)).run()


def test_a_refusal_is_decoded(chain: Chain, deployer: Account) -> None:
    act = Act(
        "lock the public role", lambda _c, _a: False,
        lambda a: abi.call("AccessManager", a["Manager"], "grantRole", 2**64 - 1, deployer.address, 0),
    )  # fmt: skip
    two = Plan((Placed("Manager", "AccessManager", lambda _all: [deployer.address]),), (act,))
    with pytest.raises(RevertedError, match="AccessManagerLockedRole"):
        Deployment(chain, deployer, two).run()


def test_the_address_is_what_the_chain_gives(chain: Chain, deployer: Account) -> None:
    expected = created_by(deployer.address, 0)
    Deployment(chain, deployer, Plan((Placed("M", "AccessManager", lambda _all: [deployer.address]),), ())).run()
    assert chain.code(expected)

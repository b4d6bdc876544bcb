"""Two of three: on a real chain, with the Safe's own contracts as npm brings them."""

from __future__ import annotations

import time

import pytest

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.client import Chain
from quietgrid.chain.deploy import Act, Deployment, Placed, Plan
from quietgrid.chain.node import fund
from quietgrid.chain.safe import founding, operation
from quietgrid.errors import InputError, RevertedError

pytestmark = pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)")


@pytest.fixture
def owners() -> list[Account]:
    return [Account.generate() for _ in range(3)]


@pytest.fixture
def placed(chain: Chain, owners: list[Account]) -> dict[str, str]:
    """A Safe of three owners that administers an access manager."""
    deployer = Account.generate()
    fund(chain, deployer.address)
    names = [owner.address for owner in owners]
    plan = Plan(
        (
            Placed("Singleton", "Safe"),
            Placed("Bundler", "MultiSendCallOnly"),
            Placed("Safe", "SafeProxy", lambda all_: [all_["Singleton"]]),
            Placed("Manager", "AccessManager", lambda all_: [all_["Safe"]]),
        ),
        (
            Act(
                "the Safe has its owners",
                lambda c, a: c.view("Safe", a["Safe"], "getThreshold") == 2,
                lambda a: founding(a["Safe"], names, 2),
            ),
        ),
    )
    return Deployment(chain, deployer, plan).run()


def grant(placed: dict[str, str], role: int, who: str) -> abi.Call:
    return abi.call("AccessManager", placed["Manager"], "grantRole", role, who, 0)


def has(chain: Chain, placed: dict[str, str], role: int, who: str) -> bool:
    return bool(chain.view("AccessManager", placed["Manager"], "hasRole", role, who)[0])


def send(chain: Chain, call: abi.Call) -> None:
    sender = Account.generate()
    fund(chain, sender.address)
    fields = {
        "type": 2, "chainId": chain.chain_id(), "nonce": 0, "gas": chain.gas(call, sender.address) * 5 // 4, "value": 0,
        "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "to": call.to, "data": call.data,
    }  # fmt: skip
    raw, digest = sender.sign_transaction(fields)
    chain.send(raw)
    deadline = time.monotonic() + 60
    while (receipt := chain.receipt(digest)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert receipt.ok


def test_two_owners_can(chain: Chain, placed: dict[str, str], owners: list[Account]) -> None:
    who = Account.generate().address
    found = operation(chain, placed["Safe"], [grant(placed, 2, who), grant(placed, 3, who)], placed["Bundler"])
    send(chain, found.execution({o.address: found.signed_by(o) for o in owners[1:]}))
    assert has(chain, placed, 2, who)
    assert has(chain, placed, 3, who)
    assert chain.view("Safe", placed["Safe"], "nonce") == 1


def test_one_owner_or_a_stranger_cannot(chain: Chain, placed: dict[str, str], owners: list[Account]) -> None:
    found = operation(chain, placed["Safe"], [grant(placed, 2, owners[0].address)], placed["Bundler"])
    stranger = Account.generate()
    for signers in ([owners[0]], [owners[0], stranger]):
        with pytest.raises(RevertedError, match="GS0"):
            chain.try_call(found.execution({o.address: found.signed_by(o) for o in signers}))


def test_a_signature_is_good_once(chain: Chain, placed: dict[str, str], owners: list[Account]) -> None:
    found = operation(chain, placed["Safe"], [grant(placed, 2, owners[0].address)], placed["Bundler"])
    call = found.execution({o.address: found.signed_by(o) for o in owners[:2]})
    send(chain, call)
    with pytest.raises(RevertedError, match="GS0"):
        chain.try_call(call)


def test_a_signature_is_for_these_calls_only(chain: Chain, placed: dict[str, str], owners: list[Account]) -> None:
    mine = operation(chain, placed["Safe"], [grant(placed, 2, owners[0].address)], placed["Bundler"])
    other = operation(chain, placed["Safe"], [grant(placed, 0, owners[0].address)], placed["Bundler"])
    with pytest.raises(RevertedError, match="GS0"):
        chain.try_call(other.execution({o.address: mine.signed_by(o) for o in owners[:2]}))


def test_all_or_none(chain: Chain, placed: dict[str, str], owners: list[Account]) -> None:
    """The second call is refused, so the first has not happened either."""
    who = Account.generate().address
    found = operation(chain, placed["Safe"], [grant(placed, 2, who), grant(placed, 2**64 - 1, who)], placed["Bundler"])
    with pytest.raises(RevertedError):
        chain.try_call(found.execution({o.address: found.signed_by(o) for o in owners[:2]}))
    with pytest.raises(InputError):
        operation(chain, placed["Safe"], [], placed["Bundler"])

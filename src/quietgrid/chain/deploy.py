"""Puts the contracts on a chain and gives every restricted function to its role.

A contract's address follows from who deploys it and how many transactions that account has sent, so all addresses are
known before the first transaction, constructors may name contracts that come later, and a deployment that was
interrupted goes on where it stopped: what has code, or the right answer to a view, is left alone. The deployer's
account does nothing else, and in the end has no right left (`hand over`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from quietgrid.chain import abi
from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.direct import send
from quietgrid.errors import ConflictError

Addresses = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """One contract of a plan.

    Args:
        name: In the address book. contract: which is compiled under it. arguments: its constructor's, made from all
            addresses.
    """

    name: str
    contract: str
    arguments: Callable[[Addresses], Sequence[Any]] = lambda _all: ()


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to set up.

    Args:
        what: In words. is_done: asks the chain. call: what does it.
    """

    what: str
    is_done: Callable[[Chain, Addresses], bool]
    call: Callable[[Addresses], abi.Call]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a deployment does, in order.

    Args:
        contracts, acts: See there. born: contracts that another one creates in its constructor -> their address.
    """

    contracts: tuple[Placed, ...]
    acts: tuple[Act, ...]
    born: Mapping[str, Callable[[Addresses], str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What a deployment tells while it runs: how far, and what is done now or was already."""

    done: int
    total: int
    what: str
    fresh: bool
    gas: int = 0


class Deployment:
    """One deployment.

    Args:
        chain: The node. deployer: an account that has never done anything else. plan: what to do.
        wait_s: how long a transaction may take to get into a block.
    """

    def __init__(self, chain: Chain, deployer: Account, plan: Plan, wait_s: float = 120.0) -> None:
        self._chain, self._deployer, self._plan, self._wait_s = chain, deployer, plan, wait_s
        self.addresses: dict[str, str] = {
            one.name: created_by(deployer.address, number) for number, one in enumerate(plan.contracts)
        }
        self.addresses |= {name: where(self.addresses) for name, where in plan.born.items()}

    def missing(self) -> list[str]:
        """What is still to do, in words; nothing is sent.

        Raises:
            ConflictError: the deployer's account was used for something else.
        """
        sent = self._chain.nonce(self._deployer.address)
        out = [f"deploy {one.name}" for number, one in enumerate(self._plan.contracts) if number >= sent]
        for number, one in enumerate(self._plan.contracts[:sent]):
            if not self._chain.code(self.addresses[one.name]):
                raise ConflictError(
                    f"transaction {number} of the deployer did not create {one.name}",
                    where=self._deployer.address, fix="deploy with a fresh account",
                )  # fmt: skip
        if out:
            return out + [act.what for act in self._plan.acts]
        return [act.what for act in self._plan.acts if not act.is_done(self._chain, self.addresses)]

    def run(self, tell: Callable[[Step], None] = lambda _step: None) -> dict[str, str]:
        """Do what is missing; the addresses.

        Raises:
            RevertedError: a constructor or a set-up call is refused. UnavailableError: the node is away, or too slow.
            ConflictError: see `missing`.
        """
        self.missing()
        total = len(self._plan.contracts) + len(self._plan.acts)
        sent = self._chain.nonce(self._deployer.address)
        for number, one in enumerate(self._plan.contracts):
            gas = self._create(one) if number >= sent else 0
            tell(Step(number + 1, total, one.name, number >= sent, gas))
        for number, act in enumerate(self._plan.acts, len(self._plan.contracts) + 1):
            fresh = not act.is_done(self._chain, self.addresses)
            gas = self._send(act.call(self.addresses)) if fresh else 0
            tell(Step(number, total, act.what, fresh, gas))
        return self.addresses

    def _create(self, one: Placed) -> int:
        return self._send(abi.creation(one.contract, *one.arguments(self.addresses)))

    def _send(self, call: abi.Call) -> int:
        """Send one and wait for its block; the gas it used."""
        return send(self._chain, self._deployer, call, self._wait_s).gas


def created_by(sender: str, nonce: int) -> str:
    """The address of the contract that an account's transaction number `nonce` creates.

    >>> created_by("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0", 0)
    '0xcd234A471b72ba2F1Ccf0A70FCABA648a5eeCD8d'
    """
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    if not (len(number) == 1 and number[0] < 0x80):
        number = bytes([0x80 + len(number)]) + number
    body = b"\x94" + bytes.fromhex(sender[2:]) + number  # RLP: a list of 20 bytes and a number
    return str(to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:]))

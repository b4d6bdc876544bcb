"""Leaves and trees of claims, as `IncentiveDistribution` checks them.

A leaf is Keccak twice over (account, cumulative amount, salt), a node Keccak over its two children, the smaller first:
OpenZeppelin's standard tree. Leaves stand in order of their hashes, so a place says nothing about whose it is.

Privacy: an account is an address made for this and a salt 32 random bytes, so a root says nothing about its leaves, and
a path shows hashes only.
Source: `contracts/src/response/IncentiveDistribution.sol`, `ClaimTree.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eth_hash.auto import keccak

from quietgrid.chain.netted import tree
from quietgrid.errors import InputError, NotFoundError

ADDRESS, WORD = 20, 32
MOST = (1 << 88) - 1
"""The contract's bound on a cumulative amount, micro-units."""


def leaf_of(account: bytes, cumulative_micro: int, salt: bytes) -> bytes:
    """A leaf's hash, 32 bytes.

    Raises:
        InputError: not 20 and 32 bytes, or an amount the contract does not take.
    """
    if len(account) != ADDRESS or len(salt) != WORD or not 0 <= cumulative_micro <= MOST:
        raise InputError("this is no claim's leaf", where="claim", fix="20 bytes, an amount below 2^88, 32 bytes")
    return keccak(keccak(account.rjust(WORD, b"\0") + cumulative_micro.to_bytes(WORD, "big") + salt))


def id_of(name: str) -> bytes:
    """A programme's id: Keccak of its name."""
    return keccak(name.encode())


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree over leaves: `levels` from the leaves, in order of their hashes, up to the root."""

    levels: tuple[tuple[bytes, ...], ...]

    @property
    def root(self) -> bytes:
        """32 bytes."""
        return self.levels[-1][0]

    def path(self, leaf: bytes) -> list[bytes]:
        """A leaf's siblings from below.

        Raises:
            NotFoundError: the leaf is not in the tree.
        """
        if leaf not in self.levels[0]:
            raise NotFoundError("the leaf is not in this tree", where="claim", fix="ask for the newest root's")
        at, found = self.levels[0].index(leaf), []
        for level in self.levels[:-1]:
            if at ^ 1 < len(level):
                found.append(level[at ^ 1])
            at //= 2
        return found


def tree_of(leaves: Sequence[bytes]) -> Tree:
    """The tree over leaves, given in any order.

    Raises:
        InputError: none, or one twice.
    """
    if not leaves or len(set(leaves)) < len(leaves):
        raise InputError("a tree needs leaves, each once", where="claims", fix="one leaf an account")
    return Tree(tree(sorted(leaves)))


def root_from(leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its path lead to."""
    node = leaf
    for sibling in path:
        node = keccak(node + sibling) if node < sibling else keccak(sibling + node)
    return node

"""Roots over records that stay where they are: RFC 6962 trees with a salt in every leaf.

A root on the chain binds the records below it and says nothing about them: a leaf is SHA-256(00 ‖ salt ‖ record) with
16 random bytes of salt, kept with the record and deleted with it (PROTOCOL C, B7 and B8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quietgrid.crypto.public import merkle
from quietgrid.errors import VerificationError

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Leaf:
    """One record of a tree.

    Args:
        subject: What it is about, for who keeps it. salt: 16 bytes. digest: the leaf's hash.
    """

    subject: str
    salt: bytes = field(repr=False)
    digest: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """That a record is below a root.

    Args:
        index, size: The leaf's place and the number of leaves. path: sibling hashes from the leaf up. salt: the leaf's.
    """

    index: int
    size: int
    path: tuple[bytes, ...]
    salt: bytes = field(repr=False)


def salted(subject: str, record: bytes, draw: Callable[[int], bytes]) -> Leaf:
    """The leaf of a record.

    Args:
        record: What is bound. draw: gives so many random bytes (`secrets.token_bytes`).
    """
    salt = draw(SALT_BYTES)
    return Leaf(subject, salt, merkle.leaf_hash(record, salt))


def root_of(leaves: Sequence[Leaf]) -> bytes:
    """The root over leaves, in order."""
    return merkle.root_of_hashes([leaf.digest for leaf in leaves])


def proof_of(leaves: Sequence[Leaf], index: int) -> Proof:
    """The proof of one leaf."""
    _, paths = merkle.all_paths([leaf.digest for leaf in leaves])
    return Proof(index, len(leaves), tuple(paths[index]), leaves[index].salt)


def check(record: bytes, proof: Proof, root: bytes) -> None:
    """Check that a record is below a root.

    Raises:
        VerificationError: it is not.
    """
    leaf = merkle.leaf_hash(record, proof.salt)
    if merkle.root_from_path(leaf, proof.index, proof.size, proof.path) != root:
        raise VerificationError("the record is not below this root", where="anchor", fix="compare with the original")

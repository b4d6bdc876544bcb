"""Merkle trees: one hash for many records, a short proof for each.

Scheme: leaf ``SHA-256(00 ‖ salt ‖ record)``, node ``SHA-256(01 ‖ left ‖ right)``; a tree of any size is split at the
largest power of two below it. Source: RFC 6962 section 2.1. Assumption: SHA-256 is collision resistant. Does not give:
hiding, unless the leaf is salted: low-entropy records are guessed from their hash (PROTOCOL C, B8).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from quietgrid.errors import InputError, VerificationError

EMPTY = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""


def leaf_hash(data: bytes, salt: bytes = b"") -> bytes:
    """The hash of one record, 32 bytes."""
    return hashlib.sha256(b"\0" + salt + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Every level from the leaves to the root; an odd last node moves up as it is (this equals RFC 6962)."""
    levels = [list(hashes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        if len(below) % 2:
            above.append(below[-1])
        levels.append(above)
    return levels


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    return _levels(hashes)[-1][0] if hashes else EMPTY


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over records (unsalted leaves).

    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    """
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves])


def _path_in(levels: list[list[bytes]], index: int) -> list[bytes]:
    found = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            found.append(level[sibling])
        index //= 2
    return found


def _check_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise InputError(f"leaf {index} of {size} does not exist", where="Merkle tree", fix="count from 0")


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one record (unsalted leaves), from the leaf upwards."""
    _check_index(index, len(leaves))
    return _path_in(_levels([leaf_hash(leaf) for leaf in leaves]), index)


def all_paths(hashes: Sequence[bytes]) -> tuple[bytes, list[list[bytes]]]:
    """The root over leaf hashes and the path of every leaf: O(n log n), each node hashed once."""
    if not hashes:
        return EMPTY, []
    levels = _levels(hashes)
    return levels[-1][0], [_path_in(levels, index) for index in range(len(hashes))]


def root_from_path(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root a leaf hash and its path lead to; the caller compares it with the root it trusts.

    Raises:
        VerificationError: a path of the wrong length for a tree of `size`.
    """
    _check_index(index, size)
    at, last = index, size - 1
    head = leaf
    rest = iter(proof)
    try:
        while last:
            if at % 2:
                head = node_hash(next(rest), head)
            elif at < last:
                head = node_hash(head, next(rest))
            at, last = at // 2, last // 2
    except StopIteration as error:
        raise VerificationError("a path is too short", where="Merkle path", fix="ask for it again") from error
    if next(rest, None) is not None:
        raise VerificationError("a path is too long", where="Merkle path", fix="ask for it again")
    return head


def check_path(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> None:
    """Raise `VerificationError` unless the leaf hash is at `index` of the tree with `expected_root`."""
    if root_from_path(leaf, index, size, proof) != expected_root:
        raise VerificationError("a record is not in the tree", where="Merkle path", fix="ask for the proof again")


def _split(size: int) -> int:
    """The largest power of two below `size` (> 1)."""
    return 1 << (size - 1).bit_length() - 1


def consistency(hashes: Sequence[bytes], older: int) -> list[bytes]:
    """The proof that the tree over the first `older` leaf hashes is a prefix of the whole (RFC 6962 section 2.1.2)."""
    if not 0 < older <= len(hashes):
        raise InputError("there is no such older tree", where="consistency proof", fix="use 1..size")

    def subproof(m: int, part: Sequence[bytes], complete: bool) -> list[bytes]:
        if m == len(part):
            return [] if complete else [root_of_hashes(part)]
        k = _split(len(part))
        if m <= k:
            return [*subproof(m, part[:k], complete), root_of_hashes(part[k:])]
        return [*subproof(m - k, part[k:], False), root_of_hashes(part[:k])]

    return subproof(older, hashes, True)


def check_consistency(older: int, newer: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise `VerificationError` unless the tree of size `newer` extends that of size `older` (RFC 9162 2.1.4.2)."""
    wrong = VerificationError("the newer tree does not extend the older", where="Merkle tree", fix="compare both logs")
    if not 0 < older <= newer:
        raise wrong
    if older == newer:
        if proof or old_root != new_root:
            raise wrong
        return
    nodes = list(proof)
    if older & (older - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        raise wrong
    at, last = older - 1, newer - 1
    while at % 2:
        at, last = at // 2, last // 2
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            raise wrong
        if at % 2 or at == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while at and at % 2 == 0:
                at, last = at // 2, last // 2
        else:
            new = node_hash(new, node)
        at, last = at // 2, last // 2
    if last or old != old_root or new != new_root:
        raise wrong

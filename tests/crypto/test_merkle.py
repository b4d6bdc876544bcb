"""Merkle trees against the reference tree of Certificate Transparency, and their laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public import merkle
from quietgrid.errors import InputError, VerificationError


def hexes(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in values]


def plain_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if not leaves:
        return merkle.EMPTY
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return merkle.node_hash(plain_root(leaves[:k]), plain_root(leaves[k:]))


def test_reference_tree(vectors: Callable[[str], Any]) -> None:
    reference = vectors("rfc6962")
    leaves = hexes(reference["inputs"])
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    for size, expected in enumerate(hexes(reference["roots"]), 1):
        assert merkle.root(leaves[:size]) == expected
    for case in reference["paths"]:
        size, leaf, proof = case["size"], case["leaf"], hexes(case["path"])
        assert merkle.path(leaves[:size], leaf) == proof
        merkle.check_path(hashes[leaf], leaf, size, proof, merkle.root(leaves[:size]))
    for case in reference["consistency"]:
        older, newer, proof = case["older"], case["newer"], hexes(case["proof"])
        assert merkle.consistency(hashes[:newer], older) == proof
        merkle.check_consistency(older, newer, merkle.root(leaves[:older]), merkle.root(leaves[:newer]), proof)


@given(st.lists(st.binary(max_size=8), max_size=40))
@settings(max_examples=40, deadline=None)
def test_roots_and_paths_of_any_size(leaves: list[bytes]) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    root, paths = merkle.all_paths(hashes)
    assert root == merkle.root(leaves) == merkle.root_of_hashes(hashes) == plain_root(leaves)
    for index, proof in enumerate(paths):
        assert proof == merkle.path(leaves, index)
        assert merkle.root_from_path(hashes[index], index, len(leaves), proof) == root


@given(st.integers(1, 24), st.integers(0, 23), st.integers(0, 23), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_path_proves_one_leaf_at_one_place(size: int, index: int, elsewhere: int, byte: int) -> None:
    index, elsewhere = index % size, elsewhere % size
    leaves = [bytes([i]) for i in range(size)]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    root, paths = merkle.all_paths(hashes)
    if elsewhere != index:
        with pytest.raises(VerificationError):
            merkle.check_path(hashes[index], elsewhere, size, paths[index], root)
        with pytest.raises(VerificationError):
            merkle.check_path(hashes[elsewhere], index, size, paths[index], root)
    for proof in (paths[index][:-1] if paths[index] else [root], [*paths[index], bytes([byte]) * 32]):
        with pytest.raises(VerificationError):
            merkle.check_path(hashes[index], index, size, proof, root)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_consistency_of_any_two_sizes(a: int, b: int) -> None:
    older, newer = min(a, b), max(a, b)
    hashes = [merkle.leaf_hash(bytes([i])) for i in range(newer)]
    old_root, new_root = merkle.root_of_hashes(hashes[:older]), merkle.root_of_hashes(hashes)
    proof = merkle.consistency(hashes, older)
    merkle.check_consistency(older, newer, old_root, new_root, proof)
    rewritten = [merkle.leaf_hash(b"x"), *hashes[1:]]
    with pytest.raises(VerificationError):
        merkle.check_consistency(older, newer, old_root, merkle.root_of_hashes(rewritten), proof)
    with pytest.raises(VerificationError):
        merkle.check_consistency(older, newer, old_root, new_root, [*proof, bytes(32)])
    if proof:
        with pytest.raises(VerificationError):
            merkle.check_consistency(older, newer, old_root, new_root, proof[:-1])


def test_an_inner_node_is_no_leaf_and_a_salt_counts() -> None:
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.root([b"a", b"b"]) != merkle.leaf_hash(left + right)
    assert merkle.leaf_hash(b"a", b"s" * 16) != left
    assert merkle.leaf_hash(b"a", b"s" * 16) != merkle.leaf_hash(b"a", b"t" * 16)


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError):
        merkle.path([b"a"], 1)
    with pytest.raises(InputError):
        merkle.consistency([merkle.EMPTY], 2)
    with pytest.raises(VerificationError):
        merkle.check_consistency(0, 1, merkle.EMPTY, merkle.leaf_hash(b""), [])

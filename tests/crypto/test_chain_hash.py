"""The ledger's hash chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from quietgrid.crypto.public.chain_hash import START, body_digest, check_chain, new_salt, next_hash
from quietgrid.errors import VerificationError


def test_project_vectors(vectors: Callable[[str], Any]) -> None:
    head = START
    for entry in vectors("suite1")["ledger"]:
        head = next_hash(head, body_digest(bytes.fromhex(entry["salt"]), bytes.fromhex(entry["body"])))
        assert head.hex() == entry["hash"]


def test_a_chain_holds_without_its_bodies_and_breaks_with_any_change() -> None:
    digests = [body_digest(new_salt(), b"entry %d" % number) for number in range(6)]
    hashes = [START]
    for digest in digests:
        hashes.append(next_hash(hashes[-1], digest))
    assert check_chain(digests, hashes[1:]) == hashes[-1]
    assert check_chain(digests[3:], hashes[4:], hashes[3]) == hashes[-1]
    assert check_chain([], []) == START
    for number in range(6):
        changed = list(digests)
        changed[number] = body_digest(new_salt(), b"another")
        with pytest.raises(VerificationError, match=f"entry {number}"):
            check_chain(changed, hashes[1:])
    with pytest.raises(VerificationError):
        check_chain(digests[:-1], hashes[1:])
    with pytest.raises(VerificationError):
        check_chain([*digests[:2], digests[3], digests[2], *digests[4:]], hashes[1:])

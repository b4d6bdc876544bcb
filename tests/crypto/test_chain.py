"""First chain keys and key-check values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietgrid.crypto.secret import chain
from quietgrid.errors import InputError, VerificationError


def test_hkdf_is_rfc_5869(vectors: Callable[[str], Any]) -> None:
    for case in vectors("rfc5869")["cases"]:
        salt, info = bytes.fromhex(case["salt"]), bytes.fromhex(case["info"])
        okm = HKDF(SHA256(), case["length"], salt=salt, info=info).derive(bytes.fromhex(case["ikm"]))
        assert okm.hex() == case["okm"], case["case"]


def test_project_vectors(vectors: Callable[[str], Any]) -> None:
    suite = vectors("suite1")
    community, pid, d0 = bytes.fromhex(suite["community"]), int(suite["pid"]), suite["d0"]
    roots = np.array([list(bytes.fromhex(pair["root"])) for pair in suite["keys"]], np.uint8)
    keys = chain.chain_keys(roots, community, pid, d0)
    days = chain.day_keys_between(keys, d0, d0, d0 + 3)
    for pair, case in enumerate(suite["keys"]):
        assert keys[pair].tobytes().hex() == case["chain_key"]
        assert chain.kcv(keys[pair].tobytes(), pid).hex() == case["kcv"]
        for offset, day in enumerate(case["days"]):
            assert days[offset, pair].tobytes().hex() == day["day_key"]
            assert chain.kcv(days[offset, pair].tobytes(), pid).hex() == day["kcv"]


def test_everything_in_the_info_changes_the_key() -> None:
    root, community = bytes(32), bytes(16)
    made = {
        chain.chain_key(root, community, 1, 0, 20_000),
        chain.chain_key(b"\1" * 32, community, 1, 0, 20_000),
        chain.chain_key(root, b"\1" * 16, 1, 0, 20_000),
        chain.chain_key(root, community, 2, 0, 20_000),
        chain.chain_key(root, community, 1, 1, 20_000),
        chain.chain_key(root, community, 1, 0, 20_001),
    }
    assert len(made) == 6


def test_day_keys_between_skips_days() -> None:
    keys = chain.new_roots()
    far = chain.day_keys_between(keys, 100, 107, 110)
    assert np.array_equal(far, chain.day_keys_between(keys, 100, 100, 110)[7:])
    assert chain.day_keys_between(keys, 100, 100, 100).shape == (0, 3, 32)
    with pytest.raises(InputError):
        chain.day_keys_between(keys, 100, 99, 101)


def test_a_wrong_key_fails_its_check() -> None:
    chain.check_kcv(b"k" * 32, 7, chain.kcv(b"k" * 32, 7))
    with pytest.raises(VerificationError):
        chain.check_kcv(b"k" * 32, 8, chain.kcv(b"k" * 32, 7))
    with pytest.raises(VerificationError):
        chain.check_kcv(b"l" * 32, 7, chain.kcv(b"k" * 32, 7))


@pytest.mark.parametrize(("root", "community", "pair"), [(31, 16, 0), (32, 15, 0), (32, 16, 3)])
def test_sizes_are_checked(root: int, community: int, pair: int) -> None:
    with pytest.raises(InputError):
        chain.chain_key(bytes(root), bytes(community), 1, pair, 20_000)


def test_roots_are_fresh() -> None:
    made = [root.tobytes() for _ in range(4) for root in chain.new_roots()]
    assert len(set(made)) == 12

"""HPKE: sealed to one reader, for one purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public.sealing import HYBRID, X25519, seal, seal_info
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConfigError, VerificationError

KINDS = [X25519, HYBRID]


@pytest.mark.parametrize("kind", KINDS)
@given(st.binary(max_size=200), st.binary(max_size=100))
@settings(max_examples=15, deadline=None)
def test_what_is_sealed_opens(kind: str, plaintext: bytes, info: bytes) -> None:
    key = PrivateKem.generate(kind)
    blob = seal(plaintext, key.public, info)
    assert key.open(blob, info) == plaintext
    assert PrivateKem.from_bytes(key.to_bytes()).open(blob, info) == plaintext
    assert seal(plaintext, key.public, info) != blob
    assert len(plaintext) < 8 or plaintext not in blob


@pytest.mark.parametrize(("kind", "size"), [(X25519, 33), (HYBRID, 1 + 1184 + 32)])
def test_sizes(kind: str, size: int) -> None:
    assert len(PrivateKem.generate(kind).public) == size
    assert PrivateKem.generate().public[0] == 2, "the hybrid is the default"


@pytest.mark.parametrize("kind", KINDS)
def test_another_reader_purpose_or_blob_does_not_open(kind: str) -> None:
    key, other = PrivateKem.generate(kind), PrivateKem.generate(kind)
    info = seal_info("enrol", bytes(16), 7, "keyholder 0")
    blob = seal(b"chain keys", key.public, info)
    with pytest.raises(VerificationError):
        other.open(blob, info)
    for changed in (
        seal_info("enrol", bytes(16), 7, "keyholder 1"),
        seal_info("enrol", bytes(16), 8, "keyholder 0"),
        seal_info("consent", bytes(16), 7, "keyholder 0"),
        seal_info("enrol", b"\1" * 16, 7, "keyholder 0"),
    ):
        with pytest.raises(VerificationError):
            key.open(blob, changed)
    for at in range(0, len(blob), 41):
        with pytest.raises(VerificationError):
            key.open(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], info)
    for size in (0, 1, 31, len(blob) - 1):
        with pytest.raises(VerificationError):
            key.open(blob[:size], info)


def test_kinds_do_not_mix() -> None:
    curve, hybrid = PrivateKem.generate(X25519), PrivateKem.generate(HYBRID)
    with pytest.raises(VerificationError):
        hybrid.open(seal(b"x", curve.public, b""), b"")
    with pytest.raises(VerificationError):
        curve.open(seal(b"x", hybrid.public, b""), b"")


@pytest.mark.parametrize("public", [b"", b"\x03" + bytes(32), b"\x01" + bytes(31), b"\x02" + bytes(100)])
def test_what_is_no_key_is_refused(public: bytes) -> None:
    with pytest.raises(VerificationError):
        seal(b"x", public, b"")


def test_info_is_to_the_byte() -> None:
    info = seal_info("enrol", bytes(range(16)), 0x0102, "keyholder 2")
    assert info == b"qg1 enrol" + bytes(range(16)) + b"\x02\x01" + bytes(6) + b"keyholder 2"


def test_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "kem"
    key = PrivateKem.load_or_create(path)
    assert PrivateKem.load_or_create(path).public == key.public
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError):
        PrivateKem.from_bytes(key.to_bytes()[:-1])
    with pytest.raises(ConfigError):
        PrivateKem.generate("rsa")

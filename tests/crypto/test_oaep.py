"""RSA-OAEP: sealed to one reader, for one purpose."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.public.oaep import seal
from quietgrid.crypto.unseal import PrivateKem, RsaReader
from quietgrid.errors import VerificationError


@pytest.fixture(scope="module")
def reader() -> RsaReader:
    return RsaReader()


@settings(max_examples=15, deadline=None)
@given(st.binary(max_size=2000), st.binary(max_size=60))
def test_what_is_sealed_opens(reader: RsaReader, plaintext: bytes, info: bytes) -> None:
    blob = seal(plaintext, reader.public, info)
    assert reader.open(blob, info) == plaintext
    assert seal(plaintext, reader.public, info) != blob
    assert len(blob) == 384 + 12 + len(plaintext) + 16


def test_another_reader_purpose_or_blob_does_not_open(reader: RsaReader) -> None:
    blob = seal(b"totals", reader.public, b"info")
    with pytest.raises(VerificationError):
        RsaReader().open(blob, b"info")
    with pytest.raises(VerificationError):
        reader.open(blob, b"other")
    for at in range(0, len(blob), 29):
        with pytest.raises(VerificationError):
            reader.open(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], b"info")
    for size in (0, 1, 383, 384, 396, len(blob) - 1):
        with pytest.raises(VerificationError):
            reader.open(blob[:size], b"info")


def test_what_is_no_key_is_refused(reader: RsaReader) -> None:
    def der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
        return b"\3" + key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    short, curve = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    hpke = PrivateKem.generate().public
    for public in (
        b"",
        b"\3",
        reader.public[:-1],
        reader.public[1:],
        der(short),
        der(curve),
        hpke,
        b"\3" + bytes(9999),
    ):
        with pytest.raises(VerificationError, match="RSA key"):
            seal(b"", public, b"")

"""Opening what was sealed to us: the private half of `crypto.public.sealing` and `crypto.public.oaep`.

Scheme, source, assumption and limits: see there. The private key is a kind byte and the raw private keys (33 bytes, or
1 + 64-byte ML-KEM seed + 32), kept in a 0600 file.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quietgrid.crypto.public.oaep import MIN_BITS, NONCE_BYTES, TAG, oaep
from quietgrid.crypto.public.sealing import HYBRID, SUITES, TAGS
from quietgrid.crypto.public.signatures import load_or_create_secret
from quietgrid.errors import ConfigError, VerificationError

_MLKEM_SEED = 64


class PrivateKem:
    """A key that opens sealed blobs.

    >>> from quietgrid.crypto.public.sealing import seal
    >>> key = PrivateKem.generate()
    >>> key.open(seal(b"roots", key.public, b"info"), b"info")
    b'roots'
    """

    def __init__(self, curve: X25519PrivateKey, lattice: MLKEM768PrivateKey | None = None) -> None:
        self._curve = curve
        self._lattice = lattice
        point = curve.public_key().public_bytes_raw()
        self.public: bytes = b"\x01" + point
        """The public key in the encoding of `crypto.public.sealing`."""
        if lattice is not None:
            self.public = b"\x02" + lattice.public_key().public_bytes_raw() + point

    @classmethod
    def generate(cls, kind: str = HYBRID) -> PrivateKem:
        """A fresh key of kind ``mlkem768-x25519`` (default) or ``x25519``."""
        if kind not in TAGS:
            raise ConfigError(f"no sealing kind is called {kind!r}", where="kem", fix=f"use one of {', '.join(TAGS)}")
        return cls(X25519PrivateKey.generate(), MLKEM768PrivateKey.generate() if kind == HYBRID else None)

    @classmethod
    def from_bytes(cls, data: bytes) -> PrivateKem:
        """The key in `data`, as `to_bytes` gives it."""
        if data[:1] == b"\x01" and len(data) == 33:
            return cls(X25519PrivateKey.from_private_bytes(data[1:]))
        if data[:1] == b"\x02" and len(data) == 33 + _MLKEM_SEED:
            lattice = MLKEM768PrivateKey.from_seed_bytes(data[1 : 1 + _MLKEM_SEED])
            return cls(X25519PrivateKey.from_private_bytes(data[1 + _MLKEM_SEED :]), lattice)
        raise ConfigError("not a private sealing key", where="kem", fix="restore the file it came from")

    def to_bytes(self) -> bytes:
        """Kind byte and raw private keys: secret."""
        if self._lattice is None:
            return b"\x01" + self._curve.private_bytes_raw()
        return b"\x02" + self._lattice.private_bytes_raw() + self._curve.private_bytes_raw()

    @classmethod
    def load_or_create(cls, path: Path, kind: str = HYBRID) -> PrivateKem:
        """The key kept in `path` (made there on first use, mode 0600)."""
        return cls.from_bytes(load_or_create_secret(path, lambda: cls.generate(kind).to_bytes()))

    def open(self, blob: bytes, info: bytes) -> bytes:
        """What was sealed to this key under `info`.

        Raises:
            VerificationError: another key, another `info`, or a changed blob.
        """
        key = self._curve if self._lattice is None else MLKEM768X25519PrivateKey(self._lattice, self._curve)
        try:
            return SUITES[self.public[0]].decrypt(blob, key, info)
        except (InvalidTag, ValueError) as error:
            raise VerificationError(
                "a sealed blob does not open", where="HPKE", fix="check whom it was sealed to, and for what"
            ) from error


class RsaReader:
    """An RSA key that opens what `crypto.public.oaep` sealed; held in memory only.

    >>> from quietgrid.crypto.public.oaep import seal
    >>> reader = RsaReader()
    >>> reader.open(seal(b"totals", reader.public, b"info"), b"info")
    b'totals'
    """

    def __init__(self, bits: int = MIN_BITS) -> None:
        self._key = rsa.generate_private_key(65537, bits)
        spki = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public: bytes = bytes([TAG]) + spki
        """The public key in the encoding of `crypto.public.oaep`."""

    def open(self, blob: bytes, info: bytes) -> bytes:
        """What was sealed to this key under `info`.

        Raises:
            VerificationError: another key, another `info`, or a changed blob.
        """
        size = self._key.key_size // 8
        try:
            key = self._key.decrypt(blob[:size], oaep(info))
            return AESGCM(key).decrypt(blob[size : size + NONCE_BYTES], blob[size + NONCE_BYTES :], info)
        except (InvalidTag, ValueError) as error:
            raise VerificationError(
                "a sealed blob does not open", where="RSA-OAEP", fix="check whom it was sealed to, and for what"
            ) from error

"""Identities: who said it. Ed25519 over every message.

Scheme: Ed25519 over ``"qg1 " ‖ name ‖ 00 ‖ body`` (PROTOCOL A, "Messages"). Source: RFC 8032. Assumption: discrete
logarithms on edwards25519 are hard and the seed stays in its 0600 file. Does not give: secrecy, freshness (a valid
message can be replayed; receivers are idempotent), or that the signer is the right one: `open_signed` therefore takes
the key that is expected and never the one that came along.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from quietgrid.crypto.public.envelope import M, Message, Signed, decode, preimage
from quietgrid.errors import ConfigError, VerificationError


class Identity:
    """A signing key and its public half.

    >>> identity = Identity.from_seed(bytes(32))
    >>> identity.public.hex()[:16]
    '3b6a27bcceb6a42d'
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes_raw()
        """The public key, 32 bytes."""

    @classmethod
    def generate(cls) -> Identity:
        """A fresh identity from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Identity:
        """The identity of a 32-byte seed."""
        if len(seed) != 32:
            raise ConfigError(f"a seed of {len(seed)} bytes", where="identity", fix="give 32 bytes")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load_or_create(cls, path: Path) -> Identity:
        """The identity kept in `path` (made there on first use, mode 0600)."""
        return cls.from_seed(load_or_create_secret(path, lambda: Identity.generate().seed()))

    def seed(self) -> bytes:
        """The 32-byte seed: secret."""
        return self._key.private_bytes_raw()

    def sign_raw(self, data: bytes) -> bytes:
        """A 64-byte signature over `data` as it is; messages go through `sign`."""
        return self._key.sign(data)

    def sign(self, message: Message) -> Signed:
        """The message in an envelope, signed."""
        body = message.body()
        return Signed(message.NAME, body, self.public, self._key.sign(preimage(message.NAME, body)))


def load_or_create_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The bytes kept in `path`; on first use `make()` is written there with mode 0600 and synced.

    Raises:
        ConfigError: the file can be read by others, or cannot be read by us.
    """
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise ConfigError("a secret can be read by others", where=str(path), fix=f"chmod 600 {path}")
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise ConfigError("a secret cannot be read", where=str(path), fix="run as its owner") from error
    secret = make()
    fresh = path.with_name(path.name + ".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return secret


def verify_raw(public: bytes, data: bytes, signature: bytes) -> None:
    """Check a signature over `data`, or raise `VerificationError`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError) as error:
        raise VerificationError(
            "a signature does not hold", where="Ed25519", fix="ask the sender again; do not use the message"
        ) from error


def open_signed(signed: Signed, kind: type[M], expected: bytes) -> M:
    """The message inside, once it is of `kind`, signed by `expected` and well formed.

    Args:
        signed: The envelope. kind: the message class the receiver waits for.
        expected: Public key the signer must have (32 bytes); the one in the envelope is only compared with it.

    Raises:
        VerificationError: another kind, another signer, a signature that fails, a body that does not decode.
    """
    if signed.name != kind.NAME:
        raise VerificationError(f"this is no {kind.NAME!r} message", where="envelope", fix="send it where it belongs")
    if signed.signer != expected:
        raise VerificationError(
            "the signer is not the one expected", where=f"{kind.NAME} message", fix="check the pinned fingerprint"
        )
    verify_raw(expected, preimage(signed.name, signed.body), signed.signature)
    return decode(kind, signed.body)

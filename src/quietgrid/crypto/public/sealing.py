"""Sealing a blob to one reader's public key.

Scheme: HPKE base mode; KEM X25519 or the ML-KEM-768 + X25519 hybrid (default), HKDF-SHA256, ChaCha20-Poly1305.
Source: RFC 9180; FIPS 203 and the hybrid KEM of draft-ietf-hpke-pq, as in `cryptography`. Assumption: X25519 *or*
ML-KEM-768 holds (hybrid). Does not give: a sender. Anyone can seal to anyone, so authenticity comes from the signature
around the blob (PROTOCOL A, "Messages"; C, K4); nor freshness, nor forward secrecy against a stolen private key.

A public key is one tag byte (1 X25519, 2 hybrid) and the raw keys: 33 or 1 + 1184 + 32 bytes.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

from quietgrid.errors import VerificationError

X25519, HYBRID = "x25519", "mlkem768-x25519"
TAGS = {X25519: 1, HYBRID: 2}
MLKEM_PUBLIC = 1184
SUITES = {
    1: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
    2: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305),
}


def seal_info(name: str, community: bytes, pid: int, recipient: str | bytes) -> bytes:
    """The HPKE info string: ``"qg1 " ‖ name ‖ community ‖ pid u64 ‖ recipient``.

    Args:
        name: of the message the blob is part of. community: 16 bytes. pid: the meter.
        recipient: role and number, such as ``keyholder 0``, or a public key.
    """
    to = recipient.encode() if isinstance(recipient, str) else recipient
    return b"qg1 " + name.encode() + community + pid.to_bytes(8, "little") + to


def _public_key(public: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    try:
        if public[:1] == b"\x01":
            return X25519PublicKey.from_public_bytes(public[1:])
        if public[:1] == b"\x02":
            lattice = MLKEM768PublicKey.from_public_bytes(public[1 : 1 + MLKEM_PUBLIC])
            return MLKEM768X25519PublicKey(lattice, X25519PublicKey.from_public_bytes(public[1 + MLKEM_PUBLIC :]))
    except ValueError as error:
        raise VerificationError("not a sealing key", where="public key", fix="ask its owner again") from error
    raise VerificationError("a sealing key of an unknown kind", where="public key", fix="use kind 1 or 2")


def seal(plaintext: bytes, public: bytes, info: bytes) -> bytes:
    """Seal `plaintext` to the owner of `public`; opened by `crypto.unseal` with the same `info`.

    Raises:
        VerificationError: `public` is not a sealing key.

    Cost: about 80 µs (X25519).
    """
    key = _public_key(public)
    return SUITES[public[0]].encrypt(plaintext, key, info)

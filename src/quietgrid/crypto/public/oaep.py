"""Sealing a blob to one reader's RSA key: the last step of the classical chain (suite 2).

Scheme: a fresh AES-256-GCM key seals the blob; RSA-OAEP (SHA-256, MGF1-SHA-256) seals that key; `info` is the label of
the one and the associated data of the other. Source: RFC 8017, section 7.1; NIST SP 800-38D. Assumption: RSA with a
modulus of at least 3072 bits and AES-256 hold. Does not give: a sender (the signature around it does), freshness,
forward secrecy, or anything against a quantum computer: `crypto.public.sealing` has the hybrid for that.

A public key is the tag byte 3 and a DER SubjectPublicKeyInfo; `crypto.unseal.RsaReader` has the private half.
"""

from __future__ import annotations

import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from quietgrid.errors import VerificationError

TAG = 3
MIN_BITS, MAX_BITS = 3072, 8192
NONCE_BYTES = 12
MAX_PUBLIC = 2048


def oaep(info: bytes) -> padding.OAEP:
    """The padding of a wrapped key."""
    return padding.OAEP(padding.MGF1(SHA256()), SHA256(), info)


def rsa_public(public: bytes) -> RSAPublicKey:
    """The key in `public`.

    Raises:
        VerificationError: no RSA key, or one that is too short.
    """
    wrong = VerificationError(
        "not an RSA key of 3072 bits or more", where="public key", fix="use RSA with 3072 bits, or an HPKE key"
    )
    if public[:1] != bytes([TAG]) or len(public) > MAX_PUBLIC:
        raise wrong
    try:
        key = load_der_public_key(public[1:])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise wrong from error
    if not isinstance(key, RSAPublicKey) or not MIN_BITS <= key.key_size <= MAX_BITS:
        raise wrong
    return key


def seal(plaintext: bytes, public: bytes, info: bytes) -> bytes:
    """Seal `plaintext` to the owner of `public`: wrapped key ‖ nonce ‖ ciphertext and tag.

    Raises:
        VerificationError: `public` is not a key.
    """
    key, nonce = AESGCM.generate_key(256), os.urandom(NONCE_BYTES)
    return rsa_public(public).encrypt(key, oaep(info)) + nonce + AESGCM(key).encrypt(nonce, plaintext, info)

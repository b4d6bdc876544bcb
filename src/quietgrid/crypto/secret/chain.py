"""The first chain key of a meter and a pair of keyholders, and key-check values.

Scheme: ``CK_ij,d0 = HKDF-SHA256(root_ij, salt = community, info = "qg1 root" ‖ pid u64 ‖ pair u8 ‖ d0 u32)`` and
``kcv = HMAC-SHA256(key, "qg1 kcv" ‖ pid u64)[:16]`` (PROTOCOL A, "Keys" and "Messages"). Source: RFC 5869, RFC 2104.
Assumption: HMAC-SHA256 is a pseudo-random function. Does not give: forward secrecy towards the household, which keeps
the roots on purpose and so derives every day of its own data; and a key-check value only shows that two parties hold
the same key, not that the key was well made.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from quietgrid.crypto.secret.masks import day_step
from quietgrid.errors import InputError, VerificationError

PAIRS = ((0, 1), (0, 2), (1, 2))
"""Keyholders of pair 0 (01), 1 (02), 2 (12)."""
PAIRS_OF = ((0, 1), (0, 2), (1, 2))
"""Pairs keyholder 0, 1, 2 holds: the two that contain it, ascending."""


def new_roots() -> NDArray[np.uint8]:
    """Three fresh roots, uint8 [3, 32], pairs in order."""
    return np.frombuffer(secrets.token_bytes(96), np.uint8).reshape(3, 32).copy()


def chain_key(root: bytes, community: bytes, pid: int, pair: int, d0: int) -> bytes:
    """The chain key of day `d0`, 32 bytes.

    Args:
        root: 32 bytes. community: 16 bytes. pid: the meter. pair: 0, 1, 2. d0: first UTC day.
    """
    if len(root) != 32 or len(community) != 16 or pair not in (0, 1, 2):
        raise InputError("a root, community or pair does not fit", where="chain key", fix="give 32 B, 16 B, 0..2")
    info = b"qg1 root" + pid.to_bytes(8, "little") + bytes([pair]) + d0.to_bytes(4, "little")
    return HKDF(SHA256(), 32, salt=community, info=info).derive(root)


def chain_keys(roots: NDArray[np.uint8], community: bytes, pid: int, d0: int) -> NDArray[np.uint8]:
    """The chain keys of all three pairs for one meter: uint8 [3, 32] from roots [3, 32]."""
    keys = [chain_key(roots[pair].tobytes(), community, pid, pair, d0) for pair in range(3)]
    return np.frombuffer(b"".join(keys), np.uint8).reshape(3, 32).copy()


def day_keys_between(keys: NDArray[np.uint8], d0: int, first: int, end: int) -> NDArray[np.uint8]:
    """The day keys of days ``first .. end - 1``.

    Args:
        keys: Chain keys of day `d0`, uint8 [n, 32]. first, end: days, ``d0 <= first <= end``.

    Returns:
        uint8 [end - first, n, 32].
    """
    if not d0 <= first <= end:
        raise InputError("chain keys only go forward", where="day keys", fix="start from the enrolment day")
    out = np.empty((end - first, len(keys), 32), np.uint8)
    for day in range(d0, end):
        day_keys, keys = day_step(keys)
        if day >= first:
            out[day - first] = day_keys
    return out


def kcv(key: bytes, pid: int) -> bytes:
    """The key-check value of a chain or day key, 16 bytes."""
    return hmac.digest(key, b"qg1 kcv" + pid.to_bytes(8, "little"), hashlib.sha256)[:16]


def check_kcv(key: bytes, pid: int, expected: bytes) -> None:
    """Raise `VerificationError` unless `key` has the key-check value `expected`."""
    if not hmac.compare_digest(kcv(key, pid), expected):
        raise VerificationError(
            "a key does not match its check value", where=f"meter {pid}", fix="refuse; the meter must enrol again"
        )

"""Commitments that bind a bill to what the meter measured.

Scheme: Pedersen commitments ``C = value·G + r·H`` on secp256k1, 33 bytes compressed. They add: the sum of commitments
opens to the sum of the values with the sum of the scalars (PROTOCOL A, "Bill proof"). Source: Pedersen 1991; H by
hashing to a point nobody knows the logarithm of (try-and-increment over SHA-256 of a fixed label, below). Assumption:
discrete logarithms on secp256k1. Does not give: proof that the committed value was *measured* (it ties meter to bill,
not meter to truth), a range proof, or post-quantum binding (hiding is unconditional).

Releasing the scalars of two different vectors lets their difference be checked as well: one opening per registered
vector of the book (PROTOCOL C, B6).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence

from coincurve import PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from quietgrid.errors import InputError, VerificationError

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Number of points of secp256k1: scalars are modulo this."""
SIZE = 33
LABEL = b"qg1 pedersen H"


def second_generator(label: bytes = LABEL) -> bytes:
    """H: the first ``02 ‖ SHA-256(label ‖ counter u32)``, counter from 0, that is a point of the curve."""
    for counter in range(256):
        point = b"\x02" + hashlib.sha256(label + counter.to_bytes(4, "little")).digest()
        try:
            PublicKey(point)
        except ValueError:
            continue
        return point
    raise InputError("no point found", where="Pedersen generator", fix="use another label")


_H = PublicKey(second_generator())


def random_scalar() -> int:
    """A fresh scalar in 1..ORDER-1."""
    return 1 + secrets.randbelow(ORDER - 1)


def scalar(secret: bytes, day: int, vector: str) -> int:
    """The scalar of one day and vector, derived so that meter and household find the same.

    Args:
        secret: 32 bytes both have (`crypto.secret.commitments.day_secret`). day: UTC day. vector: name in the book.

    Returns:
        1..ORDER-1, from 48 bytes of HKDF-SHA256 (info ``"qg1 pedersen" ‖ day u32 ‖ vector``), so its bias is < 2^-128.
    """
    info = b"qg1 pedersen" + day.to_bytes(4, "little") + vector.encode()
    return 1 + int.from_bytes(HKDF(SHA256(), 48, salt=None, info=info).derive(secret), "big") % (ORDER - 1)


def add_scalars(scalars: Iterable[int]) -> int:
    """The sum modulo ORDER."""
    return sum(scalars) % ORDER


def commit(value: int, r: int) -> bytes:
    """A commitment to `value` (a signed 64-bit integer) with scalar `r`: 33 bytes.

    Raises:
        InputError: a value out of range, or a scalar that would not hide it.

    Cost: about 60 µs.
    """
    if not -(1 << 63) <= value < 1 << 63:
        raise InputError("a value does not fit 64 bits", where="commitment", fix="commit to a band sum of one day")
    if not 0 < r < ORDER:
        raise InputError("a scalar is out of range", where="commitment", fix="use random_scalar() or scalar()")
    hidden = _H.multiply(r.to_bytes(32, "big"))
    if value:
        hidden = PublicKey.combine_keys([PublicKey.from_secret((value % ORDER).to_bytes(32, "big")), hidden])
    return hidden.format()


def add(commitments: Sequence[bytes]) -> bytes:
    """The commitment to the sum of what `commitments` hold, under the sum of their scalars.

    Raises:
        VerificationError: none given, or one that is not a point.
    """
    wrong = VerificationError(
        "commitments cannot be added", where="bill proof", fix="give one or more 33-byte commitments"
    )
    if not commitments or any(len(c) != SIZE for c in commitments):  # coincurve aborts the process on an empty list
        raise wrong
    try:
        return PublicKey.combine_keys([PublicKey(c) for c in commitments]).format()
    except ValueError as error:
        raise wrong from error


def opens(commitment: bytes, value: int, r: int) -> None:
    """Raise `VerificationError` unless `commitment` opens to `value` with scalar `r`."""
    if commit(value, r) != commitment:
        raise VerificationError(
            "a commitment does not open to this value", where="bill proof", fix="dispute; it is found by day"
        )

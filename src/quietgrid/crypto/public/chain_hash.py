"""One step of the privacy ledger's hash chain.

Scheme: ``h_n = SHA-256("qg1 ledger" ‖ h_{n-1} ‖ SHA-256(salt ‖ body))`` (PROTOCOL A, "Privacy ledger"; C, B7).
Source: the linked time-stamping of Haber & Stornetta 1991, with salted bodies so that one can be erased (body, salt and
key deleted) while the chain still verifies. Assumption: SHA-256 is collision resistant. Does not give: that the newest
entries are still there (peers' copies of the head do), nor the truth of an entry.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from quietgrid.errors import VerificationError

SALT_SIZE = 16
START = bytes(32)
"""h before the first entry."""


def new_salt() -> bytes:
    """A fresh 16-byte salt."""
    return secrets.token_bytes(SALT_SIZE)


def body_digest(salt: bytes, body: bytes) -> bytes:
    """``SHA-256(salt ‖ body)``: what stays of an entry when its body is erased."""
    return hashlib.sha256(salt + body).digest()


def next_hash(previous: bytes, digest: bytes) -> bytes:
    """The chain's head after an entry with this `body_digest`."""
    return hashlib.sha256(b"qg1 ledger" + previous + digest).digest()


def check_chain(digests: Iterable[bytes], hashes: Iterable[bytes], start: bytes = START) -> bytes:
    """Recompute the chain over `digests`, compare with `hashes`, and return the head.

    Raises:
        VerificationError: at the first entry that does not follow, by number; or when one list is longer.
    """
    head = start
    number = -1
    try:
        for number, (digest, expected) in enumerate(zip(digests, hashes, strict=True)):
            head = next_hash(head, digest)
            if head != expected:
                raise VerificationError(
                    "the chain does not hold", where=f"ledger entry {number}", fix="compare with the peers' copies"
                )
    except ValueError as error:
        raise VerificationError(
            "entries and hashes differ in number", where=f"after entry {number}", fix="compare with the peers' copies"
        ) from error
    return head

"""Bodies of the privacy ledger: one home's, one keyholder's."""

from __future__ import annotations

import pytest

from quietgrid.crypto.public.chain_hash import new_salt
from quietgrid.crypto.secret.ledger_body import ledger_key, open_body, seal_body
from quietgrid.errors import VerificationError

PAIR_KEYS = bytes(range(64))


def test_a_body_opens_for_its_home_only() -> None:
    key, salt = ledger_key(PAIR_KEYS, 7, 0), new_salt()
    sealed = seal_body(key, salt, 3, b"month total, for the bill")
    assert open_body(key, salt, 3, sealed) == b"month total, for the bill"
    assert b"month" not in sealed
    for wrong in (
        lambda: open_body(key, salt, 4, sealed),
        lambda: open_body(key, new_salt(), 3, sealed),
        lambda: open_body(ledger_key(PAIR_KEYS, 7, 1), salt, 3, sealed),
        lambda: open_body(ledger_key(PAIR_KEYS, 8, 0), salt, 3, sealed),
        lambda: open_body(key, salt, 3, sealed[:-1]),
    ):
        with pytest.raises(VerificationError):
            wrong()
    for at in range(len(sealed)):
        with pytest.raises(VerificationError):
            open_body(key, salt, 3, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])

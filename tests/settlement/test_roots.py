"""Salted trees: every record can be shown, none can be guessed."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.errors import VerificationError
from quietgrid.settlement import check, proof_of, root_of, salted

records = st.lists(st.binary(max_size=20), min_size=1, max_size=20)


@given(records, st.data())
def test_every_record_is_below_its_root(found: list[bytes], data: st.DataObject) -> None:
    leaves = [salted(str(n), record, secrets.token_bytes) for n, record in enumerate(found)]
    index = data.draw(st.integers(0, len(found) - 1))
    proof = proof_of(leaves, index)
    check(found[index], proof, root_of(leaves))
    with pytest.raises(VerificationError):
        check(found[index] + b"!", proof, root_of(leaves))
    with pytest.raises(VerificationError):
        check(found[index], replace(proof, salt=bytes(16)), root_of(leaves))


def test_the_same_records_have_another_root_each_time() -> None:
    """Without the salt a bill's amount could be tried until the root fits."""
    twice = [root_of([salted("1", b"12.34", secrets.token_bytes)]) for _ in range(2)]
    assert twice[0] != twice[1]

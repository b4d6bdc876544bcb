"""The printed code and what it wraps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.crypto.secret import recovery
from quietgrid.errors import InputError, VerificationError


@given(st.binary(min_size=16, max_size=16))
@settings(max_examples=50)
def test_a_code_survives_paper(code: bytes) -> None:
    printed = recovery.print_code(code)
    assert len(printed) == 35
    assert recovery.read_code(printed) == code
    sloppy = printed.lower().replace("-", "  ").replace("0", "o").replace("1", "l")
    assert recovery.read_code(sloppy) == code


def test_every_single_mistyped_letter_is_noticed() -> None:
    code = recovery.new_code()
    letters = recovery.print_code(code).replace("-", "")
    for at, letter in enumerate(letters):
        for other in recovery._ALPHABET:
            if other != letter:
                with pytest.raises(InputError):
                    recovery.read_code(letters[:at] + other + letters[at + 1 :])


@pytest.mark.parametrize("printed", ["", "AAAAA", "U" * 30, "0" * 31])
def test_what_is_no_code_is_refused(printed: str) -> None:
    with pytest.raises(InputError):
        recovery.read_code(printed)


def test_roots_come_back_with_the_right_code_only() -> None:
    code, roots = recovery.new_code(), bytes(range(96))
    blob = recovery.wrap(roots, code, b"home 7")
    assert recovery.unwrap(blob, code, b"home 7") == roots
    assert roots[:16] not in blob
    for wrong in (
        lambda: recovery.unwrap(blob, recovery.new_code(), b"home 7"),
        lambda: recovery.unwrap(blob, code, b"home 8"),
        lambda: recovery.unwrap(blob[:20], code, b"home 7"),
        lambda: recovery.unwrap(blob, code[:8], b"home 7"),
    ):
        with pytest.raises(VerificationError):
            wrong()
    for at in range(len(blob)):
        with pytest.raises(VerificationError):
            recovery.unwrap(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :], code, b"home 7")
    with pytest.raises(InputError):
        recovery.wrap(roots, b"passphrase", b"")
    with pytest.raises(InputError):
        recovery.print_code(b"short")

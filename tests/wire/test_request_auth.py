"""A signed request works once, as it was signed, for whoever signed it, for two minutes."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import NotFoundError, QuietgridError, VerificationError
from quietgrid.wire.request_auth import MAX_AGE_S, Nonces, authorization, verify_authorization

HOUSE, OTHER = Identity.from_seed(bytes(32)), Identity.from_seed(bytes([1]) * 32)
COMMUNITY = bytes(16)
REQUEST = ("POST", "/api/v1/own/proofs?x=1", b"body")


def keys(home: int) -> bytes:
    if home != 7:
        raise NotFoundError("there is no such home", where=f"home {home}", fix="")
    return HOUSE.public


def header(identity: Identity = HOUSE, home: int = 7, at: float = 1000.0) -> str:
    return authorization(identity, COMMUNITY, home, REQUEST, at)


def test_who_asks_is_known() -> None:
    asked = verify_authorization(header(), REQUEST, keys, 1000.0, Nonces())
    assert (asked.home, asked.method, asked.target, asked.community) == (7, "POST", REQUEST[1], COMMUNITY)


@pytest.mark.parametrize(
    "request_",
    [("GET", REQUEST[1], b"body"), ("POST", "/api/v1/own/proofs?x=2", b"body"), ("POST", REQUEST[1], b"bodY")],
)
def test_another_request_than_was_signed(request_: tuple[str, str, bytes]) -> None:
    with pytest.raises(VerificationError):
        verify_authorization(header(), request_, keys, 1000.0, Nonces())


def test_another_key_or_home() -> None:
    with pytest.raises(VerificationError):
        verify_authorization(header(OTHER), REQUEST, keys, 1000.0, Nonces())
    with pytest.raises(NotFoundError):
        verify_authorization(header(home=8), REQUEST, keys, 1000.0, Nonces())


@pytest.mark.parametrize("off", [MAX_AGE_S + 1, -MAX_AGE_S - 1, float("nan"), float("inf")])
def test_too_old_or_from_the_future(off: float) -> None:
    with pytest.raises(VerificationError, match="too old"):
        verify_authorization(header(at=1000.0 + off), REQUEST, keys, 1000.0, Nonces())


def test_it_works_once() -> None:
    nonces, sent = Nonces(), header()
    verify_authorization(sent, REQUEST, keys, 1000.0, nonces)
    with pytest.raises(VerificationError, match="used before"):
        verify_authorization(sent, REQUEST, keys, 1000.0 + MAX_AGE_S, nonces)
    verify_authorization(header(at=1100.0), REQUEST, keys, 1100.0, nonces)


def test_nonces_are_forgotten_when_no_request_can_be_that_old() -> None:
    nonces = Nonces()
    for n in range(100):
        nonces.use(n.to_bytes(16, "little"), float(n))
    nonces.use(b"x" * 16, 10_000.0)
    assert len(nonces._seen) == 1


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda raw: "QG1 " + b64encode(raw).decode())))
def test_any_header_is_refused_properly(sent: str) -> None:
    with pytest.raises(QuietgridError):
        verify_authorization(sent, REQUEST, keys, 1000.0, Nonces())

"""Identities and signed messages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import Identity, load_or_create_secret, open_signed, verify_raw
from quietgrid.errors import ConfigError, VerificationError
from quietgrid.wire.messages import Ack, Vote


def test_rfc_8032(vectors: Callable[[str], Any]) -> None:
    for case in vectors("rfc8032")["cases"]:
        identity = Identity.from_seed(bytes.fromhex(case["seed"]))
        message, signature = bytes.fromhex(case["message"]), bytes.fromhex(case["signature"])
        assert identity.public.hex() == case["public"], case["case"]
        assert identity.sign_raw(message) == signature
        verify_raw(identity.public, message, signature)


def test_project_vector(vectors: Callable[[str], Any]) -> None:
    case = vectors("suite1")["signed"]
    identity = Identity.from_seed(bytes.fromhex(case["seed"]))
    body = bytes.fromhex(case["body"])
    vote = open_signed(
        Signed(case["name"], body, bytes.fromhex(case["signer"]), bytes.fromhex(case["signature"])),
        Vote,
        identity.public,
    )
    signed = identity.sign(vote)
    assert vote.keyholder == 1
    assert (signed.body, signed.signature.hex()) == (body, case["signature"])
    assert signed.hash().hex() == vote.hash().hex() == case["hash"]


def test_every_flipped_bit_is_refused() -> None:
    identity = Identity.generate()
    signed = identity.sign(Vote(1, b"s" * 32))
    assert open_signed(signed, Vote, identity.public) == Vote(1, b"s" * 32)
    for part in ("body", "signature", "signer"):
        data: bytes = getattr(signed, part)
        for at in range(len(data)):
            changed = data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
            fields = {name: getattr(signed, name) for name in ("name", "body", "signer", "signature")}
            with pytest.raises(VerificationError):
                open_signed(Signed(**{**fields, part: changed}), Vote, identity.public)


def test_another_signer_is_refused_even_when_its_own_signature_holds() -> None:
    good, evil = Identity.generate(), Identity.generate()
    forged = evil.sign(Vote(1, b"s" * 32))
    assert open_signed(forged, Vote, evil.public).keyholder == 1
    with pytest.raises(VerificationError):
        open_signed(forged, Vote, good.public)


def test_a_signature_is_for_one_kind_of_message() -> None:
    """An `Ack` and a `Vote` may have the same bytes; the name is signed, so one is never taken for the other."""
    identity = Identity.generate()
    signed = identity.sign(Ack(1, 2, b"e" * 32))
    with pytest.raises(VerificationError):
        open_signed(signed, Vote, identity.public)
    with pytest.raises(VerificationError):
        open_signed(Signed("vote", signed.body, signed.signer, signed.signature), Vote, identity.public)


def test_a_signed_body_that_is_no_message_is_refused() -> None:
    identity = Identity.generate()
    signature = identity.sign_raw(b"qg1 vote\0nonsense")
    with pytest.raises(VerificationError):
        open_signed(Signed("vote", b"nonsense", identity.public, signature), Vote, identity.public)


def test_the_key_file_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "identity"
    identity = Identity.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Identity.load_or_create(path).public == identity.public
    path.chmod(0o644)
    with pytest.raises(ConfigError):
        Identity.load_or_create(path)


def test_a_broken_seed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    load_or_create_secret(path, lambda: b"short")
    with pytest.raises(ConfigError):
        Identity.load_or_create(path)
    with pytest.raises(VerificationError):
        verify_raw(b"short", b"", bytes(64))

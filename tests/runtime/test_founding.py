"""Founding a community and reading its card."""

from dataclasses import replace
from pathlib import Path

import pytest

from quietgrid.crypto.public.sealing import X25519
from quietgrid.errors import ConfigError, VerificationError
from quietgrid.runtime.founding import Folders, found, read_card


def test_founding_twice_gives_the_same_card(tmp_path: Path) -> None:
    first = found(Folders(tmp_path), "Lab", "Europe/Berlin", 900, "EUR", X25519)
    assert found(Folders(tmp_path), "Lab", "Europe/Berlin", 900, "EUR", X25519) == first
    assert read_card(tmp_path / "community.card") == first
    assert len({*first.keyholder_pks, first.registrar_pk, first.platform_pk, first.concentrator_pk}) == 6


def test_another_name_is_another_community(tmp_path: Path) -> None:
    found(Folders(tmp_path), "Lab", "Europe/Berlin", 900, "EUR", X25519)
    with pytest.raises(ConfigError, match="another community"):
        found(Folders(tmp_path), "Other", "Europe/Berlin", 900, "EUR", X25519)


def test_a_changed_card_does_not_open(tmp_path: Path) -> None:
    found(Folders(tmp_path), "Lab", "Europe/Berlin", 900, "EUR", X25519)
    path = tmp_path / "community.card"
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(VerificationError):
        read_card(path)


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    found(Folders(tmp_path), "Lab", "Europe/Berlin", 900, "EUR", X25519)
    for key in tmp_path.rglob("*.key"):
        assert key.stat().st_mode & 0o077 == 0, key.name


def test_the_fingerprint_covers_every_keyholder_key(tmp_path: Path) -> None:
    card = found(Folders(tmp_path), "Lab", "Europe/Berlin", 900, "EUR", X25519)
    import msgspec

    other = msgspec.structs.replace(card, keyholder_kems=[card.keyholder_kems[1], *card.keyholder_kems[1:]])
    assert other.fingerprint() != card.fingerprint()
    assert replace(Folders(tmp_path)).card.exists()

"""The vault: takes only its own roots, comes back from paper, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from quietgrid.crypto.public.envelope import decode
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import ConflictError, InputError, NotFoundError, VerificationError
from quietgrid.household import Backup, Vault
from quietgrid.wire.messages import Enrol
from tests.household.village import COMMUNITY, Village


@pytest.fixture
def village(tmp_path: Path) -> Village:
    return Village(tmp_path)


def test_the_roots_are_those_the_meter_made(village: Village) -> None:
    meters = village.vaults[11].meters()
    assert [meter.pid for meter in meters] == [1, 3]
    assert len({meter.roots for meter in meters}) == 2
    again = village.vaults[11].take_roots(village.enrolments[0])
    assert again == meters[0]


def test_another_homes_enrolment_is_refused(village: Village) -> None:
    with pytest.raises(VerificationError, match="another home"):
        village.vaults[11].take_roots(village.enrolments[1])


def test_a_changed_enrolment_is_refused(village: Village) -> None:
    """A blob somebody else sealed, under somebody else's signature."""
    message = decode(Enrol, village.enrolments[0].body)
    forged = Identity.generate().sign(message)
    with pytest.raises(VerificationError):
        village.vaults[11].take_roots(forged)


def test_backup_and_restore(village: Village, tmp_path: Path) -> None:
    """K12."""
    vault = village.vaults[11]
    backup = vault.backup()
    restored = Vault.restore(
        tmp_path / "new", COMMUNITY, 11, Backup(backup.code.lower().replace("-", " "), backup.blob)
    )
    assert restored.meters() == vault.meters()
    assert restored.identity.public == vault.identity.public
    assert restored.kem.public == vault.kem.public
    assert vault.backup().code != backup.code, "a fresh code each time"
    with pytest.raises(ConflictError):
        Vault.restore(tmp_path / "new", COMMUNITY, 11, backup)


def test_a_backup_opens_with_its_code_and_home_only(village: Village, tmp_path: Path) -> None:
    backup, other = village.vaults[11].backup(), village.vaults[11].backup()
    with pytest.raises(VerificationError):
        Vault.restore(tmp_path / "a", COMMUNITY, 11, Backup(other.code, backup.blob))
    with pytest.raises(VerificationError):
        Vault.restore(tmp_path / "b", COMMUNITY, 12, backup)
    with pytest.raises(InputError):
        Vault.restore(tmp_path / "c", COMMUNITY, 11, Backup(backup.code[:-1], backup.blob))
    for folder in "abc":
        assert not (tmp_path / folder).exists()


def test_nothing_secret_is_in_the_blob(village: Village) -> None:
    vault = village.vaults[11]
    blob = vault.backup().blob
    assert vault.identity.seed() not in blob
    assert all(meter.roots[:32] not in blob for meter in vault.meters())


def test_files_are_for_their_owner_alone(village: Village) -> None:
    folder = village.folder / "households" / "11"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 5
    assert all(path.stat().st_mode & 0o077 == 0 for path in [*files, folder])


def test_erasing_leaves_no_key_behind(village: Village) -> None:
    vault = village.vaults[11]
    secrets = [vault.identity.seed(), vault.kem.to_bytes()[1:]]
    for meter in vault.meters():
        secrets += [meter.roots[32 * pair : 32 * pair + 32] for pair in range(3)]
    # A second name for every file shows what is left in the blocks, not only that the names are gone.
    kept = []
    for number, path in enumerate(sorted((village.folder / "households" / "11").rglob("*"))):
        if path.is_file():
            link = village.folder / f"block{number}"
            link.hardlink_to(path)
            kept.append(link)
    before = village.files()
    assert all(secret in before for secret in secrets)
    vault.erase()
    assert not (village.folder / "households" / "11").exists()
    after = village.files()
    assert len(kept) == 5
    assert not any(secret in after for secret in secrets)
    with pytest.raises(NotFoundError):
        Vault(village.folder / "households" / "11")


def test_the_comparing_key_is_made_once_and_can_be_forgotten(village: Village, tmp_path: Path) -> None:
    vault = village.vaults[11]
    vault.forget_comparing_key()
    assert vault.comparing_key(lambda: b"first comparing key") == b"first comparing key"
    assert vault.comparing_key(lambda: b"second") == b"first comparing key"
    assert Vault.restore(tmp_path / "again", COMMUNITY, 11, vault.backup()).has_comparing_key is False
    vault.forget_comparing_key()
    assert vault.has_comparing_key is False
    assert b"first comparing key" not in village.files()
    assert vault.comparing_key(lambda: b"third") == b"third"


def test_a_folder_belongs_to_one_home(tmp_path: Path) -> None:
    Vault.create(tmp_path / "v", COMMUNITY, 1, "x25519")
    assert Vault.create(tmp_path / "v", COMMUNITY, 1).home == 1
    with pytest.raises(ConflictError):
        Vault.create(tmp_path / "v", COMMUNITY, 2)

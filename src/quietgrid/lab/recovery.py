"""A home's vault in a file under a printed code (PROTOCOL C, K12), and back.

The file names community and home, so that the code alone is needed to read it; what it wraps is `household.vault`'s.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from quietgrid.errors import ConflictError, InputError, VerificationError
from quietgrid.household.vault import Backup, Vault

_MAGIC = "qg1 backup"


class _File(msgspec.Struct, array_like=True, frozen=True):
    magic: str
    community: bytes
    home: int
    blob: bytes


def save_backup(folder: Path, path: Path) -> str:
    """Write a vault's backup to a new file; the code to be printed once.

    Raises:
        NotFoundError: there is no vault in the folder. ConflictError: the file exists.
    """
    vault = Vault(folder)
    made = vault.backup()
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.msgpack.encode(_File(_MAGIC, vault.community, vault.home, made.blob)))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ConflictError("there is such a file already", where=str(path), fix="name another with --out") from error
    return made.code


def restore_backup(households: Path, path: Path, code: str) -> Vault:
    """A vault from such a file and its code.

    Args:
        households: Folder of all vaults; the home's own must not be there.

    Raises:
        InputError: a mistyped code, or no such file. VerificationError: not a backup. ConflictError: the vault exists.
    """
    try:
        kept = msgspec.msgpack.decode(path.read_bytes(), type=_File)
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), fix="check the path") from error
    except msgspec.MsgspecError as error:
        raise VerificationError("not a backup of a vault", where=str(path), fix="name the right file") from error
    if kept.magic != _MAGIC:
        raise VerificationError("not a backup of a vault", where=str(path), fix="name the right file")
    return Vault.restore(households / str(kept.home), kept.community, kept.home, Backup(code.strip(), kept.blob))

"""A home's vault in a file under a printed code (PROTOCOL C, K12), and back; and without it, by two keyholders.

The file names community and home, so that the code alone is needed to read it; what it wraps is `household.vault`'s.
A recovery by keyholders is asked for with a file that holds a signed request (`wire.recovery`), nothing secret.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.errors import ConflictError, InputError, NotFoundError, VerificationError
from quietgrid.household.vault import Backup, Vault
from quietgrid.runtime.founding import Folders, read_card

if TYPE_CHECKING:
    from quietgrid.household.recovering import Recovered

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


def save_request(state: Path, home: int, path: Path, now: float) -> Signed:
    """Fresh keys for a home that lost its own, and the file with the request that is carried to two keyholders.

    Called again before it was granted: the same keys and request.

    Args:
        state: The state folder. now: the machine's Unix seconds.

    Raises:
        ConflictError: the home's vault is there and has the keys of its meters.
    """
    from quietgrid.household.recovering import make_request

    folders = Folders(state)
    signed = make_request(folders.households / str(home), read_card(folders.card).community, home, now)
    path.write_bytes(pack_signed(signed))
    return signed


def load_request(path: Path) -> Signed:
    """The request in such a file.

    Raises:
        InputError: no such file. VerificationError: something else is in it.
    """
    try:
        return unpack_signed(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=str(path), fix="check the path") from error


@dataclass(frozen=True)
class Finished:
    """A home is back.

    Args:
        recovered: What the keyholders handed over. link: the new sign-in link; "" while fewer than two know the key.
        replaced: A meter has enrolled with the new keys.
    """

    recovered: Recovered
    link: str
    replaced: bool


def finish_recovery(state: Path, home: int) -> Finished:
    """Fetch what the keyholders release, show the platform their word, and renew the home's sign-in.

    May be called again, also after it was cut off: what came stays, and more days join them.

    Raises:
        NotFoundError: no recovery was asked for here.
    """
    import httpx

    from quietgrid.homeweb import renew_link
    from quietgrid.household.links import TIMEOUT_S, SignedClient
    from quietgrid.household.recovering import HttpRelease, collect, send_proof
    from quietgrid.lab.up import HOST, read_ports
    from quietgrid.model.interval import SystemClock
    from quietgrid.store import open_vault
    from quietgrid.wire.recovery import NEEDED

    folders, ports, clock = Folders(state), read_ports(state), SystemClock()
    card, folder = read_card(folders.card), folders.households / str(home)
    if not (folder / "request").exists():
        raise NotFoundError("no recovery was asked for here", where=f"home {home}", fix="begin with --new")
    vault = Vault(folder)

    def client(url: str) -> SignedClient:
        reach = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        return SignedClient(reach, vault.identity, card.community, home)

    found = collect(vault, card, [HttpRelease(client(url)) for url in ports.keyholder_urls()])
    if len(found.took_over) < NEEDED:
        return Finished(found, "", replaced=False)
    send_proof(client(f"http://{HOST}:{ports.platform}"), home, found.proof)
    store = open_vault(folders.households / "homes.db", clock)
    try:
        link = renew_link(state, home, ports.household, store, clock)
        return Finished(found, link, replaced=bool(vault.meters()))
    finally:
        store.close()

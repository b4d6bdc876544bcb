"""The vault of one home: the keys that open everything it ever measured, in files that can be forgotten.

One folder a home: ``identity.key`` (Ed25519 seed), ``sealing.key`` (HPKE), ``meters/<pid>`` (roots of one meter), each
0600 and written once; ``comparing.key``, made when the home first asks encrypted, and forgotten when its people say so
(in no backup: another can be made). After a key recovery also ``recovered/<pid>``, day keys in the place of lost
roots, and ``recovered/ledger``, the keyholders' ledger keys of the home. Erasing overwrites every file in place and
unlinks it.
Source: PROTOCOL A, "Keys" and "Erasure"; C, K12. Does not give: erasure on media that keep old blocks, nor of backups
that were copied away: the printed code must be destroyed as well.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.crypto.public.sealing import HYBRID, seal_info
from quietgrid.crypto.public.signatures import Identity, load_or_create_secret, open_signed
from quietgrid.crypto.secret.chain import chain_keys, check_kcv
from quietgrid.crypto.secret.recovery import new_code, print_code, read_code, unwrap, wrap
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConflictError, NotFoundError, VerificationError
from quietgrid.wire.messages import Adoption, Enrol

_IDENTITY, _SEALING, _METERS, _HOME = "identity.key", "sealing.key", "meters", "home"
_RECOVERED, _LEDGER = "recovered", "ledger"
_COMPARING = "comparing.key"


class MeterRoots(msgspec.Struct, array_like=True, frozen=True):
    """One meter of the home: secret.

    Args:
        pid: Its id. d0: first UTC day. registers: bitmap. meter_pk: its signing key. roots: 96 bytes, pairs in order.
    """

    pid: int
    d0: int
    registers: int
    meter_pk: bytes
    roots: bytes

    def chain(self, community: bytes) -> NDArray[np.uint8]:
        """Chain keys of day `d0`, uint8 [3, 32]."""
        return chain_keys(np.frombuffer(self.roots, np.uint8).reshape(3, 32), community, self.pid, self.d0)


class RecoveredMeter(msgspec.Struct, array_like=True, frozen=True):
    """One meter whose roots are lost, with the day keys that keyholders still had: secret.

    Args:
        pid, d0, registers, meter_pk: As in `MeterRoots`. first: first UTC day with keys; `d0` and no keys if none is.
        keys: 96 bytes a day from `first` on, pairs in order.
    """

    pid: int
    d0: int
    registers: int
    meter_pk: bytes
    first: int
    keys: bytes

    @property
    def end(self) -> int:
        """The day after the last one with keys."""
        return self.first + len(self.keys) // 96

    def joined(self, later: RecoveredMeter) -> RecoveredMeter:
        """With the days that a later release has more.

        Raises:
            VerificationError: another meter, or another key for the same day.
        """
        if not self.keys or not later.keys or not self.first <= later.first <= self.end:
            return later if later.keys else self
        shared = min(self.end, later.end) - later.first
        at = 96 * (later.first - self.first)
        if (self.pid, self.meter_pk) != (later.pid, later.meter_pk) or (
            self.keys[at : at + 96 * shared] != later.keys[: 96 * shared]
        ):
            raise VerificationError("a recovered key differs from before", where=f"meter {self.pid}", fix="ask why")
        return msgspec.structs.replace(self, keys=self.keys + later.keys[96 * shared :])


class _Backup(msgspec.Struct, array_like=True, frozen=True):
    """What the recovery code wraps."""

    community: bytes
    home: int
    seed: bytes
    sealing: bytes
    meters: list[MeterRoots]
    recovered: list[RecoveredMeter] = []
    ledger: dict[int, bytes] = {}


@dataclass(frozen=True)
class Backup:
    """The blob may lie anywhere; `code` is printed once and kept on paper."""

    code: str
    blob: bytes


class Vault:
    """One home's keys, from its folder.

    Args:
        folder: Made by `create` or `restore`.

    Raises:
        NotFoundError: there is no vault in the folder. ConfigError: others can read it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not (folder / _HOME).exists():
            raise NotFoundError("there is no vault here", where=str(folder), fix="create it, or restore a backup")
        self.community, self.home = msgspec.msgpack.decode((folder / _HOME).read_bytes(), type=tuple[bytes, int])
        self.identity = Identity.load_or_create(folder / _IDENTITY)
        self.kem = PrivateKem.load_or_create(folder / _SEALING)

    @classmethod
    def create(cls, folder: Path, community: bytes, home: int, kem: str = HYBRID) -> Vault:
        """A new vault; the existing one when called again for the same home.

        Raises:
            ConflictError: the folder is another home's.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        PrivateKem.load_or_create(folder / _SEALING, kem)
        named = load_or_create_secret(folder / _HOME, lambda: msgspec.msgpack.encode((community, home)))
        if named != msgspec.msgpack.encode((community, home)):
            raise ConflictError("the folder is another home's vault", where=str(folder), fix="use a folder a home")
        return cls(folder)

    def adopt(self, pid: int, meter_pk: bytes) -> Signed:
        """Sign that this meter is at this home."""
        return self.identity.sign(Adoption(self.community, pid, self.home, meter_pk))

    def take_roots(self, signed: Signed) -> MeterRoots:
        """Open the roots in a meter's enrolment and keep them; the same when taken again.

        Raises:
            VerificationError: not signed by the meter, not for this home and household, or the roots do not give the
                key-check values all keyholders acknowledged.
        """
        message = open_signed(signed, Enrol, decode(Enrol, signed.body).meter_pk)
        where = f"meter {message.pid}"
        if (message.community, message.home, message.household_pk) != (
            self.community, self.home, self.identity.public,
        ):  # fmt: skip
            raise VerificationError("the enrolment is for another home", where=where, fix="send it to its household")
        info = seal_info(Enrol.NAME, self.community, message.pid, "household")
        roots = self.kem.open(message.sealed[4], info)
        if len(roots) != 96:
            raise VerificationError("the roots have a wrong length", where=where, fix="enrol the meter again")
        meter = MeterRoots(message.pid, message.d0, message.registers, message.meter_pk, roots)
        chain = meter.chain(self.community)
        for pair in range(3):
            check_kcv(chain[pair].tobytes(), message.pid, message.kcv[pair])
        self._keep(meter)
        return meter

    def meters(self) -> list[MeterRoots]:
        """All meters of the home, oldest first."""
        found = [
            msgspec.msgpack.decode(load_or_create_secret(path, bytes), type=MeterRoots)
            for path in (self._folder / _METERS).glob("*")
            if path.suffix == ""
        ]
        return sorted(found, key=lambda meter: (meter.d0, meter.pid))

    # -- after a key recovery --------------------------------------------------------------------------------------

    def keep_recovered(self, meters: Sequence[RecoveredMeter], ledger: Mapping[int, bytes]) -> None:
        """Keep what keyholders released; more days of a meter join those that are here.

        Args:
            meters: Those without roots here. ledger: keyholder -> its ledger key of the home.
        """
        known = {meter.pid: meter for meter in self.recovered()}
        for meter in meters:
            whole = known[meter.pid].joined(meter) if meter.pid in known else meter
            _renew(self._folder / _RECOVERED / str(meter.pid), msgspec.msgpack.encode(whole))
        both = {**self.recovered_ledger(), **ledger}
        _renew(self._folder / _RECOVERED / _LEDGER, msgspec.msgpack.encode(both))

    def recovered(self) -> list[RecoveredMeter]:
        """Meters whose roots are lost, oldest first."""
        found = [
            msgspec.msgpack.decode(load_or_create_secret(path, bytes), type=RecoveredMeter)
            for path in (self._folder / _RECOVERED).glob("*")
            if path.name.isdecimal()
        ]
        return sorted(found, key=lambda meter: (meter.d0, meter.pid))

    def recovered_ledger(self) -> dict[int, bytes]:
        """keyholder -> its ledger key of the home, where it was released; empty for a home that lost nothing."""
        path = self._folder / _RECOVERED / _LEDGER
        return msgspec.msgpack.decode(path.read_bytes(), type=dict[int, bytes]) if path.exists() else {}

    # -- the client key of encrypted comparing -----------------------------------------------------------------------

    def comparing_key(self, make: Callable[[], bytes]) -> bytes:
        """The client key of encrypted comparing (`crypto.secret.fhe`); on first use what `make` gives is kept."""
        return load_or_create_secret(self._folder / _COMPARING, make)

    @property
    def has_comparing_key(self) -> bool:
        """Whether there is one."""
        return (self._folder / _COMPARING).exists()

    def forget_comparing_key(self) -> None:
        """Overwrite and unlink it: what was asked with it opens to nobody any more."""
        path = self._folder / _COMPARING
        if path.exists():
            _overwrite(path)
            path.unlink()

    # -- backup ----------------------------------------------------------------------------------------------------

    def backup(self) -> Backup:
        """Wrap all keys under a fresh random code, to be printed once. Nothing of it is kept here."""
        keys = (self.identity.seed(), self.kem.to_bytes())
        past = (self.recovered(), self.recovered_ledger())
        payload = _Backup(self.community, self.home, *keys, self.meters(), *past)
        code = new_code()
        blob = wrap(msgspec.msgpack.encode(payload), code, _context(self.community, self.home))
        return Backup(print_code(code), blob)

    @classmethod
    def restore(cls, folder: Path, community: bytes, home: int, backup: Backup) -> Vault:
        """A vault from its backup, into an empty folder.

        Raises:
            InputError: the code is mistyped. VerificationError: the blob is another's, or changed.
            ConflictError: the folder holds another vault.
        """
        payload = unwrap(backup.blob, read_code(backup.code), _context(community, home))
        kept = msgspec.msgpack.decode(payload, type=_Backup)
        if (folder / _HOME).exists():
            raise ConflictError("there is a vault here already", where=str(folder), fix="erase it first")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        load_or_create_secret(folder / _IDENTITY, lambda: kept.seed)
        load_or_create_secret(folder / _SEALING, lambda: kept.sealing)
        load_or_create_secret(folder / _HOME, lambda: msgspec.msgpack.encode((community, home)))
        vault = cls(folder)
        for meter in kept.meters:
            vault._keep(meter)
        if kept.ledger or kept.recovered:
            vault.keep_recovered(kept.recovered, kept.ledger)
        return vault

    def erase(self) -> None:
        """Overwrite and unlink every file of the vault. The object is of no use afterwards."""
        for path in sorted(self._folder.rglob("*"), reverse=True):
            if path.is_file():
                _overwrite(path)
                path.unlink()
            else:
                path.rmdir()
        self._folder.rmdir()

    def _keep(self, meter: MeterRoots) -> None:
        path = self._folder / _METERS / str(meter.pid)
        if msgspec.msgpack.decode(
            load_or_create_secret(path, lambda: msgspec.msgpack.encode(meter)), type=MeterRoots
        ) != (meter):
            raise ConflictError(
                "this meter's roots are known and differ", where=f"meter {meter.pid}", fix="new meter id"
            )


def _context(community: bytes, home: int) -> bytes:
    return b"qg1 vault" + community + home.to_bytes(8, "little")


def _renew(path: Path, secret: bytes) -> None:
    """Put a secret in the place of an older one, whole or not at all; the older one is overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh, old = path.with_suffix(".next"), path.with_suffix(".old")
    for rest in (fresh, old):
        if rest.exists():  # of a run that was cut off
            _overwrite(rest)
            rest.unlink()
    load_or_create_secret(fresh, lambda: secret)
    if path.exists():
        os.link(path, old)
    os.replace(fresh, path)
    if old.exists():
        _overwrite(old)
        old.unlink()


def _overwrite(path: Path) -> None:
    """Random bytes over a file, in place, down to the disk."""
    with open(path, "r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())

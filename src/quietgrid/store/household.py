"""The household's vault: roots, consents, and how far it has checked receipts and ledgers.

Privacy: `roots` open everything the home ever measured. The file is 0600 and overwrites what it deletes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.errors import NotFoundError, VerificationError
from quietgrid.store.schema import (
    BLOB,
    INT,
    NUMBER,
    TEXT,
    VAULT,
    Tables,
    column,
    key,
    put,
    signed64,
    table,
    unsigned64,
)

_home = table("home", VAULT, key("home", INT), column("seed", BLOB), column("settings", TEXT), column("at", NUMBER))
_root = table(
    "root", VAULT, key("home", INT), key("pid", INT), column("d0", INT), column("roots", BLOB), column("enrol", BLOB)
)
_consent = table(
    "consent",
    VAULT,
    key("home", INT),
    key("subject", TEXT),
    key("recipient", TEXT),
    column("purpose", TEXT),
    column("expires", NUMBER),
    column("signed", BLOB),
    column("at", NUMBER),
)
_seen = table(
    "seen",
    VAULT,
    key("home", INT),
    key("source", TEXT),
    column("seq", INT),
    column("hash", BLOB),
    column("at", NUMBER),
)


@dataclass(frozen=True, slots=True)
class RootRow:
    """The three roots (96 bytes, pairs 01, 02, 12) of one meter from day `d0` on; `enrol` its signed enrolment."""

    pid: int
    d0: int
    roots: bytes
    enrol: bytes


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """A consent this household has signed."""

    subject: str
    recipient: str
    purpose: str
    expires: float
    signed: bytes


class Household(Tables):
    """The vaults of the homes one household process serves (in production: one)."""

    def add_home(self, home: int, seed: bytes, settings: Mapping[str, Any] | None = None) -> bool:
        """Open a vault; True if it is new. `seed`: the secret of its signing key."""
        row = {"home": signed64(home), "seed": seed, "settings": json.dumps(dict(settings or {})), "at": self._now()}
        return put(self._c, _home, [row], ignore=("at", "settings")) == 1

    def homes(self) -> list[int]:
        """All homes with a vault."""
        query = sa.select(_home.c.home).order_by(_home.c.at, _home.c.home)
        return [unsigned64(home) for home in self._c.execute(query).scalars()]

    def seed(self, home: int) -> bytes:
        """The secret kept for a home."""
        return bytes(self._row(home).seed)

    def settings(self, home: int) -> dict[str, Any]:
        """A home's settings."""
        settings: dict[str, Any] = json.loads(self._row(home).settings)
        return settings

    def set_settings(self, home: int, settings: Mapping[str, Any]) -> None:
        """Replace a home's settings."""
        update = sa.update(_home).where(_home.c.home == signed64(home)).values(settings=json.dumps(dict(settings)))
        if self._c.execute(update).rowcount != 1:
            raise NotFoundError("there is no such vault", where=f"home {home}", fix="enrol a meter first")

    def put_roots(self, home: int, root: RootRow) -> bool:
        """Keep a meter's roots; True if they are new."""
        row = {"home": signed64(home), "pid": signed64(root.pid), "d0": root.d0, "roots": root.roots}
        return put(self._c, _root, [row | {"enrol": root.enrol}]) == 1

    def roots(self, home: int) -> list[RootRow]:
        """The roots of a home's meters, oldest first."""
        query = sa.select(_root).where(_root.c.home == signed64(home)).order_by(_root.c.d0, _root.c.pid)
        return [RootRow(unsigned64(r.pid), r.d0, bytes(r.roots), bytes(r.enrol)) for r in self._c.execute(query)]

    def erase(self, home: int) -> None:
        """Forget a home: roots, seed, consents, marks. Without the roots its ciphertexts are noise."""
        for target in (_root, _consent, _seen, _home):
            self._c.execute(sa.delete(target).where(target.c.home == signed64(home)))

    def put_consent(self, home: int, consent: GivenConsent) -> None:
        """Keep a consent, in place of one for the same subject and recipient."""
        self.drop_consent(home, consent.subject, consent.recipient)
        row = {name: getattr(consent, name) for name in GivenConsent.__slots__}
        self._c.execute(sa.insert(_consent).values(home=signed64(home), at=self._now(), **row))

    def consents(self, home: int) -> list[GivenConsent]:
        """The consents a home has given, newest first."""
        query = sa.select(_consent).where(_consent.c.home == signed64(home)).order_by(_consent.c.at.desc())
        rows = self._c.execute(query)
        return [GivenConsent(r.subject, r.recipient, r.purpose, r.expires, bytes(r.signed)) for r in rows]

    def drop_consent(self, home: int, subject: str, recipient: str) -> None:
        """Forget a consent that was taken back."""
        t = _consent.c
        same = (t.home == signed64(home), t.subject == subject, t.recipient == recipient)
        self._c.execute(sa.delete(_consent).where(*same))

    def put_seen(self, home: int, source: str, seq: int, hash: bytes) -> None:
        """Remember how far a chain was checked (``ledger 0``, ``receipts 17``).

        Raises:
            VerificationError: it went back, or shows another hash for the same number.
        """
        known, known_hash = self.seen(home, source)
        if seq < known or (seq == known and known and hash != known_hash):
            raise VerificationError("what was shown before is gone or changed", where=source, fix="tell the auditor")
        t = _seen.c
        self._c.execute(sa.delete(_seen).where(t.home == signed64(home), t.source == source))
        row = {"home": signed64(home), "source": source, "seq": seq, "hash": hash, "at": self._now()}
        self._c.execute(sa.insert(_seen).values(row))

    def seen(self, home: int, source: str) -> tuple[int, bytes]:
        """How far a chain was checked: number and hash, (0, empty) if never."""
        query = sa.select(_seen).where(_seen.c.home == signed64(home), _seen.c.source == source)
        row = self._c.execute(query).first()
        return (int(row.seq), bytes(row.hash)) if row else (0, b"")

    def _row(self, home: int) -> sa.Row[Any]:
        return self._one(sa.select(_home).where(_home.c.home == signed64(home)), "vault", f"home {home}")

    def _now(self) -> float:
        return float(self._clock.now())

"""The privacy ledger of a keyholder: every answer about every home, hash-chained, with bodies that can be erased.

h_n = SHA-256("qg1 ledger" ‖ h_n−1 ‖ SHA-256(salt 16 B ‖ body)), h_0 = 32 zero bytes. The digest of salt and body is
kept beside them, so that the chain still verifies after erasure. Source: PROTOCOL A "Privacy ledger", row B7.
Privacy: bodies about a home are encrypted under that home's ledger key before they come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from quietgrid.crypto.public.chain_hash import START, body_digest, next_hash
from quietgrid.errors import VerificationError
from quietgrid.store.schema import (
    BLOB,
    INT,
    KEYHOLDER,
    NUMBER,
    TEXT,
    Tables,
    column,
    key,
    put,
    signed64,
    table,
    unsigned64,
)

_ledger = table(
    "ledger",
    KEYHOLDER,
    key("seq", INT),
    column("hash", BLOB),
    column("digest", BLOB),
    column("kind", TEXT),
    column("home", INT, null=True),
    column("salt", BLOB),
    column("body", BLOB),
    column("at", NUMBER),
    sa.Index("ledger_by_home", "home"),
)
_key = table("ledger_key", KEYHOLDER, key("home", INT), column("key", BLOB))
_head = table("peer_head", KEYHOLDER, key("keyholder", INT), column("seq", INT), column("hash", BLOB))
_entry = table("peer_entry", KEYHOLDER, key("keyholder", INT), key("seq", INT), column("entry", BLOB))


@dataclass(frozen=True, slots=True)
class LedgerDraft:
    """What to append. `home` None: about nobody in particular; else `body` is encrypted under the home's key."""

    kind: str
    home: int | None
    salt: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One entry. `salt` and `body` are empty once erased; `digest` = SHA-256(salt ‖ body) stays."""

    seq: int
    prev: bytes
    hash: bytes
    digest: bytes
    kind: str
    home: int | None
    salt: bytes
    body: bytes
    at: float


class Ledger(Tables):
    """Append-only, but for the bodies."""

    def append(self, kind: str, home: int | None, salt: bytes, body: bytes) -> LedgerEntry:
        """Add one entry."""
        return self.append_many([LedgerDraft(kind, home, salt, body)])[0]

    def append_many(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
        """Add entries in order."""
        seq, head = self.head()
        at = float(self._clock.now())
        entries, rows = [], []
        for draft in drafts:
            digest = body_digest(draft.salt, draft.body)
            seq, prev, head = seq + 1, head, next_hash(head, digest)
            entries.append(LedgerEntry(seq, prev, head, digest, draft.kind, draft.home, draft.salt, draft.body, at))
            home = None if draft.home is None else signed64(draft.home)
            row = {"seq": seq, "hash": head, "digest": digest, "kind": draft.kind, "home": home, "at": at}
            rows.append(row | {"salt": draft.salt, "body": draft.body})
        if rows:
            self._c.execute(sa.insert(_ledger), rows)
        return entries

    def head(self) -> tuple[int, bytes]:
        """Number and hash of the last entry; (0, zeros) of an empty ledger."""
        row = self._c.execute(sa.select(_ledger.c.seq, _ledger.c.hash).order_by(_ledger.c.seq.desc()).limit(1)).first()
        return (int(row.seq), bytes(row.hash)) if row else (0, START)

    def hash_at(self, seq: int) -> bytes:
        """The chain's hash after entry `seq`."""
        if seq == 0:
            return START
        return bytes(self._one(sa.select(_ledger.c.hash).where(_ledger.c.seq == seq), "entry", f"entry {seq}").hash)

    def verify(self) -> tuple[int, bytes]:
        """Recompute the chain; its head.

        Raises:
            VerificationError: an entry was changed, removed or put in. Erased bodies are fine.
        """
        seq, head = 0, START
        for row in self._c.execute(sa.select(_ledger).order_by(_ledger.c.seq)):
            digest, salt, body = bytes(row.digest), bytes(row.salt), bytes(row.body)
            head = next_hash(head, digest)
            whole = body_digest(salt, body) == digest if salt or body else True
            if row.seq != seq + 1 or head != bytes(row.hash) or not whole:
                raise VerificationError(
                    "the privacy ledger was changed", where=f"entry {seq + 1}", fix="compare with a peer's copy"
                )
            seq = row.seq
        return seq, head

    def entries(
        self, after: int = 0, limit: int = 1000, *, home: int | None = None, kind: str = ""
    ) -> list[LedgerEntry]:
        """Entries after a number, oldest first (of a home, of a kind)."""
        t, earlier = _ledger.c, _ledger.alias()
        prev = sa.select(earlier.c.hash).where(earlier.c.seq == t.seq - 1).scalar_subquery()
        query = sa.select(_ledger, prev.label("prev")).where(t.seq > after).order_by(t.seq).limit(limit)
        if home is not None:
            query = query.where(t.home == signed64(home))
        if kind:
            query = query.where(t.kind == kind)
        return [_as_entry(row) for row in self._c.execute(query)]

    def erase_home(self, home: int) -> int:
        """Delete bodies, salts and key of a home; how many entries. The chain still verifies."""
        same = _ledger.c.home == signed64(home)
        self.drop_key(home)
        return self._c.execute(sa.update(_ledger).where(same).values(salt=b"", body=b"")).rowcount

    def put_keys(self, keys: Sequence[tuple[int, bytes]]) -> None:
        """Keep ledger keys of homes: (home, key)."""
        put(self._c, _key, [{"home": signed64(home), "key": body} for home, body in keys])

    def put_key(self, home: int, key: bytes) -> None:
        """Keep the ledger key of a home."""
        self.put_keys([(home, key)])

    def key(self, home: int) -> bytes:
        """The ledger key of a home, `NotFoundError` once it is erased."""
        return bytes(self._one(sa.select(_key.c.key).where(_key.c.home == signed64(home)), "key", f"home {home}").key)

    def keys(self) -> dict[int, bytes]:
        """The ledger keys of all homes."""
        return {unsigned64(row.home): bytes(row.key) for row in self._c.execute(sa.select(_key))}

    def drop_key(self, home: int) -> None:
        """Forget the ledger key of a home."""
        self._c.execute(sa.delete(_key).where(_key.c.home == signed64(home)))

    def put_peer_head(self, keyholder: int, seq: int, hash: bytes) -> None:
        """Remember the newest head seen of a peer.

        Raises:
            VerificationError: the peer showed another hash for this number, or went back: a restored backup.
        """
        known, known_hash = self.peer_head(keyholder)
        if seq < known or (seq == known and known and hash != known_hash):
            raise VerificationError(
                "a peer's ledger went back or forked",
                where=f"keyholder {keyholder}, entry {seq}",
                fix="let it catch up",
            )
        self._c.execute(sa.delete(_head).where(_head.c.keyholder == keyholder))
        self._c.execute(sa.insert(_head).values(keyholder=keyholder, seq=seq, hash=hash))

    def peer_head(self, keyholder: int) -> tuple[int, bytes]:
        """The newest head seen of a peer; (0, zeros) if none."""
        row = self._c.execute(sa.select(_head).where(_head.c.keyholder == keyholder)).first()
        return (int(row.seq), bytes(row.hash)) if row else (0, START)

    def put_peer_entries(self, keyholder: int, first: int, entries: Sequence[bytes]) -> int:
        """Keep a copy of a peer's entries from number `first` on; how many are new."""
        rows = [{"keyholder": keyholder, "seq": first + n, "entry": entry} for n, entry in enumerate(entries)]
        return put(self._c, _entry, rows)

    def peer_entries(self, keyholder: int, after: int = 0, limit: int = 1000) -> list[bytes]:
        """The copied entries of a peer after a number, oldest first."""
        t = _entry.c
        query = sa.select(t.entry).where(t.keyholder == keyholder, t.seq > after).order_by(t.seq).limit(limit)
        return [bytes(entry) for entry in self._c.execute(query).scalars()]


def _as_entry(row: sa.Row[Any]) -> LedgerEntry:
    home = None if row.home is None else unsigned64(row.home)
    prev = START if row.prev is None else bytes(row.prev)
    parts = (bytes(row.hash), bytes(row.digest), row.kind, home, bytes(row.salt), bytes(row.body), row.at)
    return LedgerEntry(row.seq, prev, *parts)

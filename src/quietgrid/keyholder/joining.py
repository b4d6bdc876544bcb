"""Taking the keys of new meters: into the key files first, then into the store.

The sealed blobs are not kept: whoever got hold of the keyholder's HPKE key later could open them again, and with them
every day since. What stays is the thin enrolment, and the hash of the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quietgrid.crypto.secret.ledger_body import ledger_key
from quietgrid.keyholder.intake import Enrolled
from quietgrid.keyholder.parts import Parts
from quietgrid.store import KeyholderTx
from quietgrid.wire.messages import Ack


def take(parts: Parts, new: Sequence[Enrolled]) -> None:
    """Keep checked enrolments: keys, record and ledger key of the home."""
    unique = list({checked.message.pid: checked for checked in new}.values())
    for d0 in sorted({checked.message.d0 for checked in unique}):
        some = [checked for checked in unique if checked.message.d0 == d0]
        _fill_gap(parts)
        keys = np.stack([np.frombuffer(checked.keys, np.uint8).reshape(2, 32) for checked in some])
        parts.keys.append(keys, d0)
        with parts.store.begin() as tx:
            tx.members.put_enrolments([_record(parts, checked) for checked in some])
            _put_ledger_keys(tx, parts.index, some)


def _record(parts: Parts, checked: Enrolled) -> tuple[int, int, bytes, bytes, bytes]:
    message = checked.message
    ack = Ack(parts.index, message.pid, message.hash())
    return message.pid, message.home, message.hash(), message.thin().body(), ack.body()


def _put_ledger_keys(tx: KeyholderTx, index: int, some: Sequence[Enrolled]) -> None:
    known = set(tx.ledger.keys())
    fresh = {c.message.home: ledger_key(c.keys, c.message.pid, index) for c in reversed(some)}
    tx.ledger.put_keys([(home, key) for home, key in fresh.items() if home not in known])


def _fill_gap(parts: Parts) -> None:
    """Rows of the key files whose record was lost in a crash are erased and their numbers left unused."""
    with parts.store.begin() as tx:
        recorded = len(tx.members.enrolments())
        gap = range(recorded, parts.keys.rows)
        if not gap:
            return
        tx.members.put_enrolments([(_unused_pid(row), 0, b"", b"", b"") for row in gap])
        for row in gap:
            tx.members.forget(_unused_pid(row))
    parts.keys.erase_rows(list(gap))


def _unused_pid(row: int) -> int:
    """A pid no meter has (pids are below 2^63)."""
    return (1 << 64) - 1 - row

"""The privacy ledger of one keyholder: what was let open, about whom, to whom, why, under which rule."""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.crypto.public.chain_hash import new_salt
from quietgrid.crypto.secret.ledger_body import seal_body
from quietgrid.store import KeyholderTx
from quietgrid.store.ledger import LedgerDraft
from quietgrid.wire.messages import LedgerNote


def append(tx: KeyholderTx, notes: Sequence[tuple[int | None, LedgerNote]]) -> None:
    """Add entries: about nobody (`home` None, plain) or about one home (encrypted under its ledger key).

    A home whose ledger key is gone (erased) gets no entry: there is nobody left to read it.
    """
    keys = tx.ledger.keys() if any(home is not None for home, _ in notes) else {}
    drafts = []
    for home, note in notes:
        salt, body = new_salt(), note.body()
        if home is not None:
            if home not in keys:
                continue
            body = seal_body(keys[home], salt, home, body)
        drafts.append(LedgerDraft(note.kind, home, salt, body))
    tx.ledger.append_many(drafts)

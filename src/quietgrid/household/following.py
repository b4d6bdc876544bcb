"""Following one keyholder's ledger: from its start once, then from where we are; what was shown once must stay.

The number and hash of the newest entry seen are kept in the household's own store, so that a ledger that was cut or
rewritten while this process was down is noticed. Source: PROTOCOL A, "Privacy ledger".
"""

from __future__ import annotations

from quietgrid.errors import VerificationError
from quietgrid.household.ledger import Entry, read_page
from quietgrid.household.links import HolderLink
from quietgrid.household.vault import Vault
from quietgrid.store import VaultStore
from quietgrid.wire.messages import CommunityCard

PAGE = 1_000

Place = tuple[int, bytes]
"""Number and hash of an entry; (0, empty) before the first."""


class Follower:
    """One keyholder's ledger as this household has followed it.

    Args:
        holder: Link to the keyholder. index: which. card, vault: ours. store: where the newest entry is kept.
    """

    def __init__(self, holder: HolderLink, index: int, card: CommunityCard, vault: Vault, store: VaultStore) -> None:
        self._holder, self._index, self._card, self._vault, self._store = holder, index, card, vault, store
        self._entries: list[Entry] = []
        self._at: Place = (0, b"")

    def entries(self) -> list[Entry]:
        """All entries we may see, oldest first.

        Raises:
            VerificationError: the chain does not hold, or what was shown before is gone or changed.
            UnavailableError: the keyholder does not answer.
        """
        source = f"ledger {self._index}"
        with self._store.read() as tx:
            known: Place = tx.household.seen(self._vault.home, source)
        while True:
            # The first time after a start, stop exactly at the entry we knew, to compare its hash.
            limit = min(PAGE, known[0] - self._at[0]) if self._at[0] < known[0] else PAGE
            page = self._holder.ledger(self._at[0], limit)
            entries, at = read_page(page, self._card, self._index, self._vault, self._at)
            if at[0] == known[0] and at != known:
                raise self._changed()
            self._entries += entries
            if at == self._at:
                break
            self._at = at
        if self._at[0] < known[0]:
            raise self._changed()
        with self._store.begin() as tx:
            tx.household.put_seen(self._vault.home, source, *self._at)
        return list(self._entries)

    def _changed(self) -> VerificationError:
        return VerificationError(
            "what was shown before is gone or changed",
            where=f"keyholder {self._index}'s ledger",
            fix="tell the auditor",
        )

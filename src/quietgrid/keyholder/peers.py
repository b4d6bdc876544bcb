"""What the other two keyholders voted: catching up with their logs, and comparing before anything is released.

Source: PROTOCOL A, "Messages" (`sums`), "Components"; C, A1-A3, K10. Nothing here passes through the platform.
"""

from __future__ import annotations

from collections.abc import Sequence

from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import InputError, UnavailableError, VerificationError
from quietgrid.keyholder import ledger
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.voting import Ballot
from quietgrid.wire.links import PeerLink
from quietgrid.wire.messages import Head, Vote

DEGRADED_S = 24 * 3600
"""How long two keyholders answer by themselves while the third is away; then both operators have to confirm."""


class Peers:
    """The other two, as one keyholder sees them."""

    def __init__(self, parts: Parts, ballot: Ballot) -> None:
        self._parts = parts
        self._ballot = ballot
        with parts.store.read() as tx:
            self._away = {int(index): float(since) for index, since in tx.documents.all("away").items()}

    # -- catching up -----------------------------------------------------------------------------------------------

    def catch_up(self) -> bool:
        """Adopt the log of every peer that can be reached and was not adopted since the start; True once all are."""
        synced = self._ballot.synced
        for peer in self._parts.peers:
            if peer.index not in synced and self._pull(peer):
                synced.add(peer.index)
        return len(synced) == len(self._parts.peers)

    def _pull(self, peer: PeerLink) -> bool:
        """Adopt what a peer voted on since we last looked; True if nothing is left out."""
        parts = self._parts
        with parts.store.read() as tx:
            after = int(tx.documents.find("adopted", str(peer.index)) or b"0")
            seq, _ = tx.ledger.head()
        try:
            log = peer.log_after(after, self._head())
        except UnavailableError:
            return False
        self._note_away(peer.index, False)
        if not self._ballot.adopt(log.subjects):
            return False
        with parts.store.begin() as tx:
            tx.documents.replace("adopted", str(peer.index), str(log.last).encode())
            if log.seen_seq > seq:
                ledger.append(tx, [(None, self._ballot.note("restored", "", 0, 0, b""))])
        return True

    def _head(self) -> Signed:
        with self._parts.store.read() as tx:
            seq, digest = tx.ledger.head()
        return self._parts.identity.sign(Head(self._parts.index, seq, digest))

    # -- comparing -------------------------------------------------------------------------------------------------

    def agree(self, subjects: Sequence[bytes]) -> dict[bytes, str]:
        """For each subject: '' if every peer that can be reached (at least one) voted for it, else what is missing."""
        parts = self._parts
        wanted = list(dict.fromkeys(subjects))
        with parts.store.read() as tx:
            own = {s: tx.votes.voted(s) is not None for s in wanted}
            agreed = {s: set(tx.votes.peer_votes(s)) for s in wanted}
        head = self._head()
        reached: set[int] = set()
        fresh: list[tuple[int, bytes, bytes]] = []
        unsure: list[PeerLink] = []
        for peer in parts.peers:
            ask = [s for s in wanted if peer.index not in agreed[s]]
            try:
                votes = peer.votes(ask, head)
            except UnavailableError:
                self._note_away(peer.index, True)
                continue
            self._note_away(peer.index, False)
            reached.add(peer.index)
            checked = self._checked(peer.index, ask, votes)
            fresh += [(peer.index, subject, signed) for subject, signed in checked.items()]
            for subject in checked:
                agreed[subject].add(peer.index)
            if any(own[s] and peer.index not in agreed[s] for s in ask):
                unsure.append(peer)
        if fresh:
            with parts.store.begin() as tx:
                tx.votes.put_peer_votes(fresh)
        for peer in unsure:
            self._pull(peer)  # it may hold another close of the same slots: proof of fault
        away = self._away_too_long()
        return {s: _missing(own[s], agreed[s], reached) or away for s in wanted}

    def _checked(self, peer: int, asked: Sequence[bytes], votes: Sequence[Signed | None]) -> dict[bytes, bytes]:
        """A peer's votes by subject, encoded; one that does not hold counts as none."""
        found: dict[bytes, bytes] = {}
        for subject, signed in zip(asked, votes, strict=False):
            if signed is None:
                continue
            try:
                vote = open_signed(signed, Vote, self._parts.card.keyholder_pks[peer])
            except VerificationError:
                continue
            if vote.subject == subject and vote.keyholder == peer:
                found[subject] = pack_signed(signed)
        return found

    def keep_head(self, peer: int, head: Head) -> None:
        """Keep a peer's newest head: if it is ever restored from an old copy, we can tell."""
        with self._parts.store.read() as tx:
            seq, _ = tx.ledger.peer_head(peer)
        if head.seq > seq:
            with self._parts.store.begin() as tx:
                tx.ledger.put_peer_head(peer, head.seq, head.digest)

    # -- one of them away ------------------------------------------------------------------------------------------

    def carry_on(self, peer: int, until: float) -> None:
        """The operator of this keyholder confirms that it answers without a peer that stays away, until a moment."""
        if peer not in [p.index for p in self._parts.peers]:
            raise InputError("there is no such peer", where=f"keyholder {peer}", fix="name one of the other two")
        with self._parts.store.begin() as tx:
            tx.documents.replace("carry-on", str(peer), repr(until).encode())

    def _note_away(self, peer: int, away: bool) -> None:
        """Remember since when a peer cannot be reached."""
        if away == (peer in self._away):
            return
        now = self._parts.clock.now()
        with self._parts.store.begin() as tx:
            if away:
                tx.documents.replace("away", str(peer), repr(now).encode())
                self._away[peer] = now
            else:
                tx.documents.drop("away", str(peer))
                del self._away[peer]

    def _away_too_long(self) -> str:
        now = self._parts.clock.now()
        for peer, since in self._away.items():
            if now - since <= DEGRADED_S or not self._parts.rules.on("degraded"):
                continue
            with self._parts.store.read() as tx:
                until = float(tx.documents.find("carry-on", str(peer)) or b"0")
            if until < now:
                return f"keyholder {peer} has been away for more than a day: both operators have to confirm"
        return ""


def _missing(own: bool, agreed: set[int], reached: set[int]) -> str:
    if not own:
        return "this keyholder has not voted on the close"
    if not agreed:
        return "no peer has shown a vote for the same close"
    if reached - agreed:
        return "a peer that can be reached has not voted for the same close"
    return ""

"""The three keyholders as the platform talks to them: side by side, and without waiting for one that is away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.errors import QuietgridError, UnavailableError
from quietgrid.store import PlatformStore, PlatformTx
from quietgrid.wire.links import KeyholderLink, Outcome
from quietgrid.wire.messages import Refusal

T = TypeVar("T")


class Keyholders:
    """Calls to all keyholders that can be reached.

    Args:
        links: One a keyholder. store: the platform's, for notices a keyholder has not had yet.
    """

    def __init__(self, links: Sequence[KeyholderLink], store: PlatformStore) -> None:
        self.links = tuple(links)
        self._store = store
        self._pool = ThreadPoolExecutor(max_workers=max(1, len(self.links)), thread_name_prefix="keyholder")
        self.away: set[int] = set()
        """Keyholders that could not be reached at the last call."""
        self._behind: set[int] | None = None

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def call(self, what: Callable[[KeyholderLink], T], only: set[int] | None = None) -> dict[int, T]:
        """Call every keyholder (or some) at the same time; those that cannot be reached are left out."""
        futures = {
            link.index: self._pool.submit(what, link) for link in self.links if only is None or link.index in only
        }
        found: dict[int, T] = {}
        for index, future in futures.items():
            try:
                found[index] = future.result()
                self.away.discard(index)
            except UnavailableError:
                self.away.add(index)
        return found

    def notify(self, notices: Sequence[Signed]) -> dict[int, list[Refusal]]:
        """Register notices (books, prices, consents, endorsements) with all keyholders, in order.

        They are kept until each keyholder has had them: one that is away gets them when it is back.

        Returns: Refusals per keyholder that answered.
        """
        with self._store.begin() as tx:
            self.keep(tx, notices)
        return self.catch_up()

    def keep(self, tx: PlatformTx, notices: Sequence[Signed]) -> None:
        """Have notices sent with the next `catch_up`, whatever dies in between."""
        number = len(tx.documents.all("notice"))
        for at, notice in enumerate(notices):
            tx.documents.put("notice", f"{number + at:09d}", pack_signed(notice))

    def catch_up(self) -> dict[int, list[Refusal]]:
        """Send every keyholder the member lists and notices it has not had, in that order."""
        with self._store.read() as tx:
            kept = sorted(tx.documents.all("notice").items())
            done = {link.index: int(tx.documents.find("notified", str(link.index)) or b"0") for link in self.links}
            lists = [unpack_signed(data) for data in tx.registry.all_members()]
            endorsed = {signed.hash(): set(tx.registry.endorsements(signed.hash())) for signed in lists}
        behind = {index for index, count in done.items() if count < len(kept)}

        def send(link: KeyholderLink) -> tuple[list[tuple[bytes, Signed]], list[Refusal | None]]:
            missed = [signed for signed in lists if link.index not in endorsed[signed.hash()]]
            got = [(signed.hash(), said) for signed in missed if (said := _endorsed(link, signed)) is not None]
            return got, link.register([unpack_signed(body) for _, body in kept[done[link.index] :]])

        sent = self.call(send, behind)
        with self._store.begin() as tx:
            for index, (got, _) in sent.items():
                for digest, endorsement in got:
                    tx.registry.put_endorsement(digest, index, pack_signed(endorsement))
                tx.documents.replace("notified", str(index), str(len(kept)).encode())
        self._behind = behind - set(sent)
        answers = {index: refusals for index, (_, refusals) in sent.items()}
        return {index: [r for r in refusals if r is not None] for index, refusals in answers.items()}

    def told(self) -> set[int]:
        """Those that have had every notice; one that is back has them now.

        Who does not know of a raised floor would answer by the old one, and the answers would not fit.
        """
        if self._behind is None or self._behind:
            self.catch_up()
        return {link.index for link in self.links} - (self._behind or set())

    def vote(self, subjects: Sequence[Signed]) -> dict[int, list[Outcome]]:
        """Have subjects voted on; the votes are kept."""
        answers = self.call(lambda link: link.votes_on(subjects))
        with self._store.begin() as tx:
            tx.answers.put_votes(
                [
                    (subject.hash(), index, pack_signed(outcome))
                    for index, outcomes in answers.items()
                    for subject, outcome in zip(subjects, outcomes, strict=True)
                    if isinstance(outcome, Signed)
                ]
            )
        return answers


def _endorsed(link: KeyholderLink, signed: Signed) -> Signed | None:
    """A keyholder's endorsement of a member list it missed; None if it objects (two others have endorsed it)."""
    try:
        return link.members(signed)
    except UnavailableError:
        raise
    except QuietgridError:
        return None

"""The same comparison made by the platform, which sees ciphertexts only: for thin clients, and for the curious.

The home makes a client key once (`Vault.comparing_key`), uploads the server key made of it (30 MB, once), encrypts its
month, its day and its features, and opens what comes back. Then it compares that with what it found itself.

Privacy: the client key stays in the vault, 395 bytes. The platform gets the server key, ciphertexts, the name of a
month and a group, and when; it sees no number of the home's. Does not give: proof that the platform computed what it
was asked. That shows here, since the home knows the answer; a client that cannot compute it believes it.
Needs the engine (`crypto.public.fhe`) at home and on the platform. Source: docs/explanation/fhe.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from quietgrid.algorithms.insight import Insight, from_digits
from quietgrid.crypto.secret.fhe import Client
from quietgrid.errors import MissingExtraError, QuietgridError, UnavailableError, VerificationError
from quietgrid.household.insight import Comparison, OwnInsight, Worth, worth
from quietgrid.household.insight_link import PARTS, InsightLink, KeyInfo, SealedRequest, Seen
from quietgrid.household.vault import Vault
from quietgrid.model.insight import ALL, HOURS, Features, Verdict
from quietgrid.wire.insight import CommunityFigures

STEPS = ("key", "upload", "ask", "wait", "open")
POLL_S = 0.5
LONGEST_S = 900.0
"""So long an answer is waited for."""


@dataclass(frozen=True)
class Progress:
    """How far it is. Args: step: of `STEPS`. done, of: bytes of an upload; place: in the platform's line."""

    step: str
    done: int = 0
    of: int = 0
    place: int = 0


@dataclass(frozen=True)
class SealedComparison:
    """A comparison the platform made without seeing it.

    Args:
        at_home: The home's own. insight: As it came back encrypted. sent: ciphertexts by name. answer: ciphertext.
            key_id: hex. server_key: (bytes, SHA-256 hex) as the platform has it; client_bytes: of the key in the vault.
            seconds: the platform computed. id: of the question.
    """

    at_home: Comparison
    insight: Insight
    sent: dict[str, bytes]
    answer: bytes
    key_id: str
    server_key: tuple[int, str]
    client_bytes: int
    seconds: float
    id: str

    @property
    def equal(self) -> bool:
        """Whether the platform's answer is the home's own."""
        return self.insight == self.at_home.insight

    @property
    def figures(self) -> CommunityFigures:
        """What it was compared with."""
        return self.at_home.figures

    @property
    def features(self) -> Features:
        """What was encrypted."""
        return self.at_home.features

    @property
    def verdict(self) -> Verdict:
        """Of the encrypted answer."""
        return self.at_home.published.verdict(self.insight)

    @property
    def advice(self) -> tuple[Worth, ...]:
        """Of the encrypted answer."""
        return worth(self.verdict, self.features, self.at_home.prices)

    @property
    def own_wh(self) -> int:
        """The home's month."""
        return self.at_home.own_wh

    @property
    def seen(self) -> list[tuple[str, int, str]]:
        """What the platform saw: part, bytes, SHA-256 hex."""
        parts = [*self.sent.items(), ("answer", self.answer)]
        return [(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in parts]


def ask_sealed(
    vault: Vault, link: InsightLink, at_home: Comparison, wait: Callable[[float], object],
    say: Callable[[Progress], None] = lambda _: None,
) -> SealedComparison:  # fmt: skip
    """Have the platform compare what it cannot read, and open its answer.

    Args:
        at_home: What is asked. wait: sleeps so many seconds. say: told how far it is.

    Raises:
        MissingExtraError: the engine is not built, here or there. ConflictError: newer figures are published: compare
            again. UnavailableError: the platform is away, or too busy. VerificationError: an answer that does not open,
            or the platform holds another question than was sent.
    """
    client, size = client_of(vault, say)
    service = link.service()
    if not service.engine.built:
        raise MissingExtraError(
            "the platform has no engine for encrypted numbers", where="platform", fix=service.engine.fix
        )
    key, own = service.key, client.key_id.hex()
    if key is None or key.key_id != own:
        key = _upload(link, client, say)
    f = at_home.features
    say(Progress("ask"))
    sent = {
        name: client.encrypt(numbers, kind)
        for (name, kind), numbers in zip(PARTS, ([f.month], f.profile, f.values), strict=True)
    }
    done = _answer(link, link.ask(at_home.published.hash, sent), wait, say)
    say(Progress("open"))
    _check_seen(done, sent, at_home.published.hash)
    assert done.answer is not None
    answer = done.answer.data()
    found = from_digits(client.decrypt(answer), HOURS, len(at_home.figures.advice))
    return SealedComparison(
        at_home, found, sent, answer, own, (key.size, key.sha256), size, done.seconds, done.id
    )  # fmt: skip


def client_of(vault: Vault, say: Callable[[Progress], None] = lambda _: None) -> tuple[Client, int]:
    """The home's client key, made on first use, and its length.

    Raises:
        MissingExtraError: the engine is not built here.
    """
    say(Progress("key"))
    kept = vault.comparing_key(lambda: Client.generate().to_bytes())
    return Client.from_bytes(kept), len(kept)


def forget(vault: Vault, link: InsightLink) -> None:
    """Have the platform erase server key, questions and answers, then forget the client key.

    Raises:
        UnavailableError: the platform is away; nothing was forgotten here, so that it can be asked again.
    """
    link.drop_key()
    vault.forget_comparing_key()


def sealed(
    own: OwnInsight, wait: Callable[[float], object], month: str = "", group: str = ALL,
    say: Callable[[Progress], None] = lambda _: None,
) -> SealedComparison:  # fmt: skip
    """Compare at home and by the platform. See `ask_sealed`, `OwnInsight.at_home`."""
    return ask_sealed(own.home.parts.vault, own.link, own.at_home(month, group), wait, say)


def _upload(link: InsightLink, client: Client, say: Callable[[Progress], None]) -> KeyInfo:
    data = client.server_key()
    say(Progress("upload", 0, len(data)))
    kept = link.put_key(data, lambda done: say(Progress("upload", done, len(data))))
    if (kept.size, kept.sha256) != (len(data), hashlib.sha256(data).hexdigest()):
        raise VerificationError("the platform has another key than was sent", where="server key", fix="try again")
    return kept


def _answer(
    link: InsightLink, asked: SealedRequest, wait: Callable[[float], object], say: Callable[[Progress], None]
) -> SealedRequest:
    """Wait until it is done."""
    for _ in range(int(LONGEST_S / POLL_S)):
        if asked.state == "failed":
            said = asked.problem
            raise QuietgridError(
                said.detail if said else "the platform could not compute it", where="encrypted comparison",
                fix=said.fix if said else "try again later",
            )  # fmt: skip
        if asked.state == "done":
            return asked
        say(Progress("wait", place=asked.place))
        wait(POLL_S)
        asked = link.look(asked.id)
    raise UnavailableError("the answer takes too long", where="encrypted comparison", fix="look again later")


def _check_seen(done: SealedRequest, sent: dict[str, bytes], figures: bytes) -> None:
    """What the platform says it has is what was sent, and the answer is whole."""
    known = {part.part: part for part in done.seen}
    same = all(name in known and _is(known[name], data) for name, data in sent.items())
    if done.answer is None or not _is(done.answer, done.answer.data()) or not same or done.figures != figures.hex():
        raise VerificationError(
            "the platform answers another question", where="encrypted comparison", fix="tell the auditor"
        )


def _is(part: Seen, data: bytes) -> bool:
    return (part.size, part.sha256) == (len(data), hashlib.sha256(data).hexdigest())

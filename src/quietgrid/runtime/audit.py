"""The audit bundle: everything an auditor needs to replay every answer offline, in one zip.

It holds the community card, member lists with endorsements, books, prices, closes with votes, questions, component
sums, answers, the sealed readings and the platform's log. It holds no key and opens nothing: two keyholders' sums open
exactly the answers that were given. Ciphertexts are for the auditor and the own household only (PROTOCOL C, A7): the
bundle is as sensitive as the platform's database and is written with mode 0600.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from quietgrid.crypto.public.envelope import Signed, decode, unpack_signed
from quietgrid.errors import NotFoundError, SourceError
from quietgrid.model.closed import GateRules
from quietgrid.runtime.answering import EVENT
from quietgrid.runtime.erasing import ERASED, erased_homes
from quietgrid.runtime.floors import KIND as FLOOR
from quietgrid.runtime.platform import Platform
from quietgrid.store import Cut, PlatformTx
from quietgrid.wire.messages import CommunityCard, Enrol, QuestionMessage
from quietgrid.wire.publication import Publication

FORMAT = 1
VOTES_NEEDED = 2
"""Keyholders that have to vote for a close before it counts."""


class SealedDay(msgspec.Struct, array_like=True, frozen=True):
    """One day and register: ciphertexts u64 [meters, slots] and versions i16, little-endian; -1 absent."""

    day: int
    register: int
    ciphertext: bytes
    version: bytes


class Answered(msgspec.Struct, array_like=True, frozen=True):
    """One question with everything that was said about it."""

    question: Signed
    sums: list[Signed]
    status: str
    answer: bytes
    digests: list[bytes]


class Charged(msgspec.Struct, array_like=True, frozen=True):
    """A published statistic and who is in it: homes u64 and epsilon_milli i64 little-endian, a figure's name each."""

    publication: Signed
    homes: bytes
    figures: list[str]
    epsilon_milli: bytes


class Bundle(msgspec.Struct, frozen=True):
    """What is in the zip, decoded."""

    format: int
    card: bytes
    pids: bytes
    members: list[Signed]
    endorsements: list[Signed]
    books: list[Signed]
    prices: list[Signed]
    closes: list[Signed]
    votes: list[Signed]
    answers: list[Answered]
    alarms: tuple[Signed, ...] = ()
    erased: tuple[Signed, ...] = ()
    """The households' own words (`Erase`); below, bodies of those homes' thin `Enrol`s, which say their keys."""
    enrolments: tuple[bytes, ...] = ()
    publications: tuple[Charged, ...] = ()
    floors: tuple[Signed, ...] = ()
    """What was announced to the keyholders about floors that votes raised (`FloorRaised`)."""
    floor: int = GateRules().k
    """The floor the community's settings asked for from the start."""
    events: tuple[Signed, ...] = ()
    """Registered events whose numbers were asked of homes that agreed (`EventMessage`)."""


@dataclass
class Report:
    """What verifying found. `problems` empty: everything holds. `notes`: what cannot be checked any more, and why."""

    checked: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether everything holds."""
        return not self.problems


def export_bundle(
    platform: Platform, path: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Write the bundle of everything so far; returns its size in bytes. The file appears whole or not at all."""
    store = platform.parts.store
    with store.read() as tx:
        days = tx.segments.days()
        count = len(tx.registry.meters())
        head = _head(tx, platform.parts.card, platform.parts.rules.k)
        entries = tx.log.entries(after=0, limit=10_000_000)
    fresh = path.with_name(path.name + ".part")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("bundle.msgpack", msgspec.msgpack.encode(head))
        archive.writestr("log.msgpack", msgspec.msgpack.encode(entries))
        for done, (day, resolution) in enumerate(days):
            progress(done, len(days))
            for register in (0, 1):
                with store.read() as tx:
                    cells = tx.segments.read(Cut(day, register, resolution), count)
                body = SealedDay(
                    day, register, cells.ciphertext.astype("<u8").tobytes(), cells.version.astype("<i2").tobytes()
                )
                archive.writestr(f"sealed/{day}-{register}.msgpack", msgspec.msgpack.encode(body))
        archive.writestr("README.txt", _README)
    os.replace(fresh, path)
    progress(len(days), len(days))
    return path.stat().st_size


_README = """An audit bundle of a Quietgrid community. Check it offline: quietgrid verify bundle FILE
It holds sealed readings and no keys. Treat it like the platform's database.
"""


def _head(tx: PlatformTx, card: CommunityCard, floor: int) -> Bundle:
    members = [unpack_signed(data) for data in tx.registry.all_members()]
    closes = {row.hash: unpack_signed(row.signed) for row in tx.answers.all_closes()}
    answers = []
    for row in tx.answers.questions(limit=10_000_000):
        sums = [unpack_signed(data) for _, data in sorted(tx.answers.sums(row.hash).items())]
        if not sums:
            continue
        try:
            answer = tx.answers.answer(row.hash)
        except NotFoundError:
            continue
        answers.append(Answered(unpack_signed(row.signed), sums, answer.status, answer.body, answer.digests))
    named = {digest for a in answers for digest in decode(QuestionMessage, a.question.body).closes}
    votes = {digest: [unpack_signed(data) for _, data in sorted(tx.answers.votes(digest).items())] for digest in closes}
    # a close that is being voted on just now counts for nothing yet
    decided = [digest for digest in closes if digest in named or len(votes[digest]) >= VOTES_NEEDED]
    return Bundle(
        FORMAT, card.body(), tx.registry.meters().pids.astype("<u8").tobytes(), members,
        [unpack_signed(d) for m in members for _, d in sorted(tx.registry.endorsements(m.hash()).items())],
        [unpack_signed(data) for data in tx.registry.books()],
        [unpack_signed(data) for data in tx.registry.price_messages()],
        [closes[digest] for digest in decided], [vote for digest in decided for vote in votes[digest]], answers,
        tuple(unpack_signed(data) for data in tx.documents.all("alarm").values()),
        tuple(unpack_signed(data) for data in tx.documents.all(ERASED).values()),
        tuple(
            decode(Enrol, unpack_signed(meter.enrol).body).thin().body()
            for home in sorted(erased_homes(tx)) for meter in tx.registry.meters_of(home)
        ),
        publications=_publications(tx),
        floors=tuple(unpack_signed(data) for data in tx.documents.all(FLOOR).values()),
        floor=floor,
        events=tuple(unpack_signed(data) for data in tx.documents.all(EVENT).values()),
    )  # fmt: skip


def _publications(tx: PlatformTx) -> tuple[Charged, ...]:
    found = []
    for signed in map(unpack_signed, tx.publications.all()):
        publication = decode(Publication, signed.body)
        parts = tx.publications.parts(publication.first, publication.end)[publication.statistic]
        epsilon = parts.epsilon_milli.astype("<i8").tobytes()
        found.append(Charged(signed, parts.homes.astype("<u8").tobytes(), parts.figures, epsilon))
    return tuple(found)


def read_bundle(path: Path) -> tuple[Bundle, Callable[[int, int], SealedDay], list[dict[str, object]]]:
    """The bundle, a reader of sealed days, and the log's entries.

    Raises:
        SourceError: not a bundle, or of another format.
    """
    try:
        archive = zipfile.ZipFile(path)
        head = msgspec.msgpack.decode(archive.read("bundle.msgpack"), type=Bundle)
        log = msgspec.msgpack.decode(archive.read("log.msgpack"))
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError) as error:
        raise SourceError("not an audit bundle", where=str(path), fix="use `quietgrid export --audit`") from error
    if head.format != FORMAT:
        raise SourceError(f"bundle format {head.format} is not known", where=str(path), fix="use the newest Quietgrid")

    def day(number: int, register: int) -> SealedDay:
        return msgspec.msgpack.decode(archive.read(f"sealed/{number}-{register}.msgpack"), type=SealedDay)

    return head, day, log


def card_of(head: Bundle) -> CommunityCard:
    """The card in a bundle."""
    return decode(CommunityCard, head.card)

"""One answer, or one line of the log, checked step by step from what the platform stores. Opens nothing.

The same checks as of a whole audit bundle (`runtime.replay`), on the part that one answer rests on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError, QuietgridError, VerificationError
from quietgrid.runtime.alarmed import behind_alarm
from quietgrid.runtime.audit import FORMAT, Answered, Bundle, SealedDay
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.replay import Replay
from quietgrid.runtime.steps import Step, Steps
from quietgrid.store import Cut, PlatformStore, PlatformTx
from quietgrid.store.log import check_log
from quietgrid.wire.messages import CommunityCard, QuestionMessage, Sums


def answer_steps(platform: Platform, digest: bytes) -> list[Step]:
    """Every check of one answer, in order; the last one is missing where one before it fails.

    Raises:
        NotFoundError: there is no such question, or it was never answered.
    """
    card, steps = platform.parts.card, Steps()
    head, answered = _part(platform, digest)
    replay = Replay(head, _reader(platform))
    question = decode(QuestionMessage, answered.question.body)
    try:
        steps.check(
            "Question", lambda: open_signed(answered.question, QuestionMessage, card.platform_pk),
            lambda q: f"{q.kind} of {q.node}, signed by the platform before it was asked",
        )  # fmt: skip
        steps.check(
            "Member list",
            _clean(replay, replay.check_lists),
            lambda _: "signed by the registrar and endorsed by two keyholders",
        )
        steps.check(
            "What was counted",
            _clean(replay, replay.check_closes),
            lambda _: f"{len(question.closes)} signed lists of arrivals, each voted by two keyholders, no slot in two",
        )
        steps.check("Component sums", lambda: _signed_by(answered, card), _said)
        steps.check(
            "Answer",
            _clean(replay, lambda: replay.check_answer(answered)),
            lambda _: f"the sealed readings less these sums give what was written down ({answered.status})",
        )
    except QuietgridError:
        pass  # it is in the steps
    return steps.done


def line_steps(store: PlatformStore, number: int) -> list[Step]:
    """The chain up to a line of the audit log, the line itself, and the chain from there to the newest.

    Raises:
        NotFoundError: there is no such line.
    """
    with store.read() as tx:
        lines = [asdict(entry) for entry in tx.log.entries(0, tx.log.head()[0])]
    if not 0 < number <= len(lines):
        raise NotFoundError("there is no such line", where=f"line {number}", fix=f"1 to {len(lines):,}")
    line, steps = lines[number - 1], Steps()
    spans = (
        ("Lines before it", number - 1, lambda _: f"{number - 1:,} lines from the first follow from each other"),
        ("This line", number, lambda _: f"{line['actor']}: {line['action']}, {line['subject']}"),
        ("Lines after it", len(lines), lambda head: f"up to line {len(lines):,}, hash {bytes(head).hex()[:16]}…"),
    )
    try:
        for name, end, found in spans:
            steps.check(name, lambda end=end: check_log(lines[:end]), found)  # type: ignore[misc]
    except VerificationError:
        pass  # it is in the steps
    return steps.done


def _clean(replay: Replay, work: Callable[[], None]) -> Callable[[], None]:
    """Work whose first new problem in the replay's report is raised."""

    def checked() -> None:
        before = len(replay.report.problems)
        work()
        if len(replay.report.problems) > before:
            raise VerificationError(replay.report.problems[before], where="replay", fix="show it to the operator")

    return checked


def _signed_by(answered: Answered, card: CommunityCard) -> list[int]:
    """The keyholders that signed component sums of this very question; at least two."""
    found = []
    for signed in answered.sums:
        index = decode(Sums, signed.body).keyholder
        if not 0 <= index < len(card.keyholder_pks):
            raise VerificationError("no such keyholder", where=signed.name, fix="dispute it")
        if open_signed(signed, Sums, card.keyholder_pks[index]).question != answered.question.hash():
            raise VerificationError("sums are for another question", where=f"keyholder {index}", fix="dispute it")
        found.append(index)
    if len(set(found)) < 2:
        raise VerificationError("fewer than two keyholders signed", where="component sums", fix="dispute it")
    return sorted(set(found))


def _said(keyholders: list[int]) -> str:
    return "signed by keyholders " + " and ".join(map(str, keyholders))


def _part(platform: Platform, digest: bytes) -> tuple[Bundle, Answered]:
    """As much of an audit bundle as one answer rests on."""
    with platform.parts.store.read() as tx:
        row = tx.answers.question(digest)
        question = unpack_signed(row.signed)
        said = tx.answers.answer(digest)
        sums = [unpack_signed(data) for _, data in sorted(tx.answers.sums(digest).items())]
        answered = Answered(question, sums, said.status, said.body, said.digests)
        members = [unpack_signed(data) for data in tx.registry.all_members()]
        behind = behind_alarm(tx, decode(QuestionMessage, question.body))
        closes = _closes(tx, decode(QuestionMessage, question.body))
        closes |= {digest: pack_signed(signed) for digest, signed in behind.closes.items()}
        votes = [data for subject in closes for _, data in sorted(tx.answers.votes(subject).items())]
        head = Bundle(
            FORMAT, platform.parts.card.body(), tx.registry.meters().pids.astype("<u8").tobytes(), members,
            [unpack_signed(d) for m in members for _, d in sorted(tx.registry.endorsements(m.hash()).items())],
            [unpack_signed(data) for data in tx.registry.books()],
            [unpack_signed(data) for data in tx.registry.price_messages()],
            [unpack_signed(data) for data in closes.values()], [unpack_signed(data) for data in votes],
            [answered, *behind.answers], behind.alarms,
        )  # fmt: skip
    return head, answered


def _closes(tx: PlatformTx, question: QuestionMessage) -> dict[bytes, bytes]:
    """The closes a question names; with late ones, also those of the slots that the late cells are of."""
    named = {digest: tx.answers.close(digest) for digest in question.closes}
    found = {digest: row.signed for digest, row in named.items()}
    if all(row.kind == "close" for row in named.values()):
        return found
    for leaf in {row.leaf for row in named.values()}:
        found |= {row.hash: row.signed for row in tx.answers.closes(leaf, 0, question.end)}
    return found


def _reader(platform: Platform) -> Callable[[int, int], SealedDay]:
    """Sealed days straight from the store, as `runtime.audit` writes them."""
    store, resolution = platform.parts.store, platform.parts.card.resolution

    def day(number: int, register: int) -> SealedDay:
        with store.read() as tx:
            cells = tx.segments.read(Cut(number, register, resolution), len(tx.registry.meters()))
        return SealedDay(
            number, register, cells.ciphertext.astype("<u8").tobytes(), cells.version.astype("<i2").tobytes()
        )

    return day

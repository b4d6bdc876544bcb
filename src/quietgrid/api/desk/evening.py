"""The state of things and the demo: keyholders, clock, pace, the attempt to spy, what is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.control import ALONE_S, FAST
from quietgrid.api.services import Services
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ConflictError, InputError, NotFoundError, UnavailableError
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.question import Kind, Quantity
from quietgrid.store import Cut
from quietgrid.wire.links import KeyholderLink, Outcome
from quietgrid.wire.messages import QuestionMessage, Refusal

HOLDERS = ("household association", "grid operator's privacy office", "regulator")
"""Who the three keyholders are (PROTOCOL A, "Keys")."""
ROWS = 9


@dataclass(frozen=True, slots=True)
class Holder:
    """One keyholder: ``up``, ``stopped`` (on purpose) or ``away`` (does not answer).

    `since`: of one that is stopped, in the community's time. `without`: keyholders that are away and without which it
    goes on, as its operator confirmed.
    """

    number: int
    name: str
    state: str
    since: float | None = None
    without: tuple[int, ...] = ()


@dataclass(frozen=True)
class Status:
    """How the community stands.

    Args:
        unix: its clock. closed_end: slot up to which totals were asked. phase: ``live`` unless a demo says otherwise.
        done, total: days of the replay. speed, paused: of the demo. note: one sentence.
    """

    holders: tuple[Holder, ...]
    unix: float
    closed_end: int
    phase: str
    done: int
    total: int
    note: str
    speed: int
    paused: bool

    @property
    def alone_too_long(self) -> int | None:
        """The keyholder without which the two others answer no more until both operators confirm; None for nobody."""
        gone = [holder for holder in self.holders if holder.state != "up"]
        if len(gone) != 1 or gone[0].since is None or self.unix - gone[0].since <= ALONE_S:
            return None
        return gone[0].number

    @property
    def ready(self) -> bool:
        """Whether people can be let in."""
        return self.phase == "live"


@dataclass(frozen=True, slots=True)
class Refused:
    """What one keyholder said to a question: the rule and why, in plain words. ``away``: it did not answer."""

    holder: int
    rule: str
    what: str
    fix: str


@dataclass(frozen=True)
class Attempt:
    """An attempt to spy and what came of it: nothing."""

    home: int
    window: Window
    at: float
    refusals: tuple[Refused, ...]


@dataclass(frozen=True)
class Stored:
    """What the platform stores: how many sealed readings, their bytes, and the newest of some meters as hex."""

    readings: int
    size: int
    rows: list[tuple[int, str]]


def status(services: Services, viewer: Viewer) -> Status:
    """Keyholders, clock and progress."""
    require(viewer, Permission.STATUS)
    return progress(services)


def progress(services: Services) -> Status:
    """The same for the page that everyone sees while history is replayed: no number of the community is in it."""
    control = services.control
    stopped = set(control.stopped_keyholders()) if control else set()
    away = set(services.platform.keyholders.away)
    since = control.stopped_since() if control else {}
    confirmed = control.carrying_on() if control else {}
    holders = tuple(
        Holder(
            n, name, "stopped" if n in stopped else "away" if n in away else "up", since.get(n),
            tuple(sorted(peer for (own, peer), until in confirmed.items() if own == n and until > services.now())),
        )
        for n, name in enumerate(HOLDERS)
    )  # fmt: skip
    with services.store.read() as tx:
        closed = tx.answers.last_close(0)
    if control is None:
        return Status(holders, services.now(), closed, "live", 0, 0, "", 1, False)
    p = control.progress()
    return Status(holders, services.now(), closed, p.phase, p.done, p.total, p.note, p.speed, p.paused)


def pace(services: Services, viewer: Viewer, do: str) -> None:
    """Drive the demo's time: ``pause``, ``play``, ``step``, ``fast`` or ``slow``."""
    require(viewer, Permission.DEMO)
    control = services.demo()
    if do == "pause":
        control.pause()
    elif do == "play":
        control.resume()
    elif do == "step":
        control.step()
    elif do in ("fast", "slow"):
        control.set_speed(FAST if do == "fast" else 1)
    else:
        raise InputError("the demo cannot do that", where="do", fix="pause, play, step, fast or slow")


def holder(services: Services, viewer: Viewer, index: int, do: str) -> None:
    """Stop or start one keyholder of the demo."""
    require(viewer, Permission.DEMO)
    control = services.demo()
    if index not in range(len(HOLDERS)):
        raise NotFoundError("there is no such keyholder", where="keyholder", fix="0, 1 or 2")
    if do == "stop":
        control.stop_keyholder(index)
    elif do == "start":
        control.start_keyholder(index)
    else:
        raise InputError("a keyholder can be stopped and started", where="do", fix="stop or start")


def carry_on(services: Services, viewer: Viewer, index: int) -> None:
    """Confirm as the operator of one keyholder that it goes on without the one that is away; each decides for itself.

    Raises:
        ConflictError: nobody has been away for more than a day, or this keyholder itself is.
    """
    require(viewer, Permission.DEMO)
    control = services.demo()
    gone = progress(services).alone_too_long
    if gone is None or index == gone or index not in range(len(HOLDERS)):
        raise ConflictError(
            "there is nothing to confirm", where=f"keyholder {index}", fix="wait until another is away for a day"
        )
    control.carry_on(index, gone)
    with services.changing(), services.store.begin() as tx:
        tx.log.append(viewer.account, "keyholder.carry-on", f"keyholder {index}", {"without": gone})


def spy(services: Services, viewer: Viewer, home: int, window: Window) -> Attempt:
    """Ask the keyholders for one home's intervals, as a curious utility would. They refuse, and the home sees it.

    Raises:
        UnavailableError: no keyholder answers, so nobody could even refuse.
    """
    require(viewer, Permission.DEMO)
    services.demo()
    members = services.members()
    if home not in members.homes:
        raise NotFoundError("there is no such home", where="home", fix="take one of the community")
    message = QuestionMessage(
        members.community, members.epoch, Kind.TOTALS, f"home:{home}", Quantity.IMPORT, window.first, window.end, "",
        [],
    )  # fmt: skip
    with services.changing() as platform:
        signed = platform.answering.register([message])
        answers = platform.keyholders.call(_asking(signed))
        with services.store.begin() as tx:
            for index, outcomes in answers.items():
                for outcome in outcomes:
                    if isinstance(outcome, Refusal):
                        tx.answers.put_refusal(signed[0].hash(), index, f"{outcome.rule}: {outcome.what}".encode())
            tx.log.append(viewer.account, "spy", f"home {home}", {"first": window.first, "end": window.end})
    if not answers:
        raise UnavailableError("no keyholder answers", where="keyholders", fix="start one, then try again")
    return Attempt(home, window, services.now(), tuple(_said(n, answers.get(n, [])) for n in range(len(HOLDERS))))


def _asking(signed: list[Signed]) -> Callable[[KeyholderLink], list[Outcome]]:
    def ask(link: KeyholderLink) -> list[Outcome]:
        return link.questions(signed)

    return ask


def _said(index: int, outcomes: list[Outcome]) -> Refused:
    if not outcomes:
        return Refused(index, "away", "it does not answer, so it gives nothing away", "")
    if isinstance(outcomes[0], Refusal):
        return Refused(index, outcomes[0].rule, outcomes[0].what, outcomes[0].fix)
    return Refused(index, "", "it answered, which it never should: tell the auditor", "stop this keyholder")


def stored(services: Services, viewer: Viewer) -> Stored:
    """What lies in the platform's database, for the demo's start page. In real life nobody is shown ciphertexts."""
    require(viewer, Permission.DEMO)
    services.demo()
    with services.store.read() as tx:
        readings, size = tx.overview.stored()
        last = tx.answers.last_close(0)
        per_day = slots_per_day(services.card.resolution)
        if not last:
            return Stored(readings, size, [])
        day, slot = divmod(last - 1, per_day)
        cut = Cut(day, 0, services.card.resolution, max(0, slot - 1), slot + 1)
        pids = tx.registry.meters().pids[:ROWS]
        cells = tx.segments.read(cut, len(pids))
    words = cells.ciphertext.astype("<u8")
    rows = [
        (int(pid), "  ".join(_spaced(words[n, i].tobytes()) for i in range(words.shape[1])))
        for n, pid in enumerate(pids.tolist())
        if bool((cells.version[n] >= 0).any())
    ]
    return Stored(readings, size, rows)


def demo_home(services: Services) -> tuple[int, str, str]:
    """The home of the start page: id, name, leaf."""
    members = services.members()
    wanted = services.settings.demo_home
    home = int(members.homes[0]) if wanted is None else wanted
    at = np.flatnonzero(members.homes == np.uint64(home))
    if not len(at):
        raise NotFoundError("the demo's home is not in this epoch", where=f"home {home}", fix="name another")
    with services.store.read() as tx:
        name = tx.registry.party(home).party.name
    return home, name, members.leaf_names[int(members.leaves[at[0]])]


def _spaced(data: bytes) -> str:
    return " ".join(f"{byte:02x}" for byte in data)

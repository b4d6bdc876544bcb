"""For auditors: the platform's audit log, its hash chain, and every question with what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.model.interval import slots_per_day
from quietgrid.store import LogEntry
from quietgrid.store.overview import ANSWERED, REFUSED, AskedRow

MOST = 1000


@dataclass(frozen=True, slots=True)
class Chain:
    """The audit log's chain: how many lines, the last line's hash (hex)."""

    entries: int
    head: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of questions and how many there are in all."""

    rows: list[AskedRow]
    count: int


def chain(services: Services, viewer: Viewer) -> Chain:
    """Number and hash of the log's last line."""
    require(viewer, Permission.LEDGER)
    with services.store.read() as tx:
        entries, head = tx.log.head()
    return Chain(entries, head.hex())


def log(services: Services, viewer: Viewer, *, after: int = 0, limit: int = 100, action: str = "") -> list[LogEntry]:
    """Lines of the log after a number, oldest first; of actions that start so."""
    require(viewer, Permission.LEDGER)
    with services.store.read() as tx:
        return tx.log.entries(after, min(limit, MOST), action=action)


def verify(services: Services, viewer: Viewer) -> Chain:
    """Recompute the whole chain.

    Raises:
        VerificationError: a line was changed, removed or put in; names the line.
    """
    require(viewer, Permission.LEDGER)
    with services.store.read() as tx:
        entries, head = tx.log.verify()
    return Chain(entries, head.hex())


def questions(
    services: Services, viewer: Viewer, *, limit: int = 100, offset: int = 0, kind: str = "", outcome: str = "",
    node: str = "",
) -> Page:  # fmt: skip
    """What was asked of the keyholders and what became of it, newest first.

    Args:
        kind: ``totals``, ``bills``, ``event``. outcome: ``answered``, ``refused``, ``open``. node: part of a name.
    """
    require(viewer, Permission.QUESTIONS)
    with services.store.read() as tx:
        rows = tx.overview.asked(min(limit, MOST), offset, kind=kind, outcome=outcome, node=node)
        return Page(rows, tx.overview.asked_count(kind=kind, outcome=outcome, node=node))


def by_day(services: Services, viewer: Viewer, days: int = 40) -> list[tuple[int, int, int]]:
    """(UTC day, answered, refused) of the last days that something was asked about."""
    require(viewer, Permission.QUESTIONS)
    per_day = slots_per_day(services.card.resolution)
    with services.store.read() as tx:
        since = max(0, tx.answers.last_close(0) // per_day - days)
        answered = tx.overview.asked_by_day(per_day, ANSWERED, since)
        refused = tx.overview.asked_by_day(per_day, REFUSED, since)
    return [(day, answered.get(day, 0), refused.get(day, 0)) for day in sorted(answered | refused)]

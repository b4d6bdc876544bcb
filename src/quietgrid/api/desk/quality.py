"""Data quality: what was due, in time, late and missing, per leaf and local day's UTC slots. Counts cells only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.algorithms.weights import resolve
from quietgrid.api.services import Services
from quietgrid.crypto.public.envelope import decode, unpack_signed
from quietgrid.errors import NotFoundError
from quietgrid.mdms.quality import Quality, quality
from quietgrid.model.closed import Closed
from quietgrid.model.interval import Window, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.model.readings import REGISTER_NAMES
from quietgrid.wire.columns import unpack_bits
from quietgrid.wire.messages import Close


@dataclass(frozen=True, slots=True)
class PoolView:
    """The late pool of one leaf and band: how many homes wait with how many cells."""

    leaf: str
    band: str
    register: str
    homes: int
    cells: int


def matrix(services: Services, viewer: Viewer, window: Window) -> Quality:
    """The matrix of leaves and UTC days that a window touches.

    Privacy: per leaf and day, never per home.
    """
    require(viewer, Permission.QUALITY)
    members = services.members(max(window.first, window.end - 1))
    per_day = slots_per_day(window.resolution)
    days = list(range(window.first // per_day, -(-window.end // per_day)))
    first, end = days[0] * per_day if days else 0, (days[-1] + 1) * per_day if days else 0
    closes: list[Closed] = []
    late: list[tuple[int, int]] = []
    for leaf in range(len(members.leaf_names)):
        mine = _closes(services, members, leaf, first, end)
        closes += mine
        late += [(leaf, day) for day in _late_days(services, members, leaf, mine, (first, end))]
    return quality(members, closes, days, late)


SUSPECTS = 5
"""How many suspects are shown."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """The meters of a home that was in bad halves, and how often it was in every one of a close."""

    meters: tuple[int, ...]
    strikes: int


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search for a meter that spoils the totals of a leaf.

    Args:
        leaf: Leaf or union. quantity: import, export or net. since: Unix seconds of the first impossible total.
        closes: Closes answered in halves so far. limit: the most there will be. telling: those with one bad half.
        over: Whether it has ended. found: Whether the first suspect was in all bad halves, it alone.
        suspects: Most strikes first.
    """

    leaf: str
    quantity: str
    since: int
    closes: int
    limit: int
    telling: int
    over: bool
    found: bool
    suspects: tuple[Suspect, ...]


def searches(services: Services, viewer: Viewer) -> list[SearchView]:
    """All searches of the epoch, newest first.

    Privacy: a strike says in which half of a total a meter was; no reading is known or follows.
    """
    require(viewer, Permission.QUALITY)
    try:
        members = services.members()
    except NotFoundError:
        return []
    out = []
    for found in services.platform.strikes.searches(members):
        suspects = tuple(
            Suspect(tuple(members.pids[members.homes == np.uint64(home)].tolist()), strikes)
            for home, strikes in found.suspicion.strikes[:SUSPECTS]
        )
        view = (found.closes, found.limit, found.suspicion.telling, found.over, found.suspicion.named is not None)
        since = found.since * members.window.resolution
        out.append(SearchView(found.node, found.quantity, since, *view, suspects))
    return out


def pool(services: Services, viewer: Viewer, window: Window) -> list[PoolView]:
    """The late pools of a billing period's bands: cells of it and of earlier periods that no bill has taken in."""
    require(viewer, Permission.QUALITY)
    members = services.members(window.first)
    found = []
    for leaf, name in enumerate(members.leaf_names):
        try:
            vectors = services.periods.book(leaf, window).vectors
        except NotFoundError:
            continue
        for vector in vectors:
            if vector.rule == "prices":
                continue
            with services.store.read() as tx:
                cells = tx.totals.late(leaf, members.window.first, window.end, vector.name)
            if not len(cells):
                continue
            span = Window(int(cells.slots.min()), int(cells.slots.max()) + 1, window.resolution)
            inside = resolve(vector, span)[cells.slots - span.first] > 0
            if inside.any():
                homes = len(np.unique(cells.homes[inside]))
                register = REGISTER_NAMES[vector.register]
                found.append(PoolView(name, vector.name, register, homes, int(inside.sum())))
    return found


def _closes(services: Services, members: MemberList, leaf: int, first: int, end: int) -> list[Closed]:
    """The closes of a leaf as cells, rows as in the newest revision (missing where a meter came later)."""
    with services.store.read() as tx:
        rows = tx.answers.closes(leaf, first, end)
    found = []
    n = len(members.rows(leaf))
    for row in rows:
        close = decode(Close, unpack_signed(row.signed).body)
        width = close.b - close.a
        count = _rows(services, close) if (close.epoch, close.revision) != (members.epoch, members.revision) else n
        present = np.zeros((n, width), np.bool_)
        bits = unpack_bits(close.bitmap, count, width)
        kept = min(n, count)
        present[:kept] = bits[:kept]
        found.append(Closed(leaf, close.day, close.a, close.b, present, np.zeros((n, width), np.int16), row.hash))
    return found


def _rows(services: Services, close: Close) -> int:
    """Rows of a leaf in the revision that a close counts in."""
    return len(services.platform.answering.closed(close.hash()).present)


def _late_days(
    services: Services, members: MemberList, leaf: int, closes: list[Closed], slots: tuple[int, int]
) -> list[int]:
    """The UTC day of each cell that came after a close that had missed it, once each."""
    with services.store.read() as tx:
        cells = tx.totals.late(leaf, *slots)
    if not len(cells):
        return []
    per_day = slots_per_day(members.window.resolution)
    row_of = {int(pid): row for row, pid in enumerate(members.pids[members.rows(leaf)])}
    missed: set[tuple[int, int]] = set()
    for close in closes:
        at, slot = np.nonzero(~close.present)
        base = close.day * per_day + close.a
        missed.update(zip(at.tolist(), (slot + base).tolist(), strict=True))
    came = {(row_of.get(int(pid), -1), int(slot)) for pid, slot in zip(cells.pids, cells.slots, strict=True)}
    return [slot // per_day for _, slot in came & missed]

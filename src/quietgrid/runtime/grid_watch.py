"""The watch over heads and totals in a running grid: it learns what is usual, learns anew every week, and suspects.

Five weeks of heads and totals are needed; until then it says how many days are left. What is learnt from depends on
the history in the store and on nothing else, so a restart or another leader suspects the same. Intervals of an alarm
are left out of what is learnt, but for what lasts longer than two weeks: that is usual by then.

Privacy: totals of groups and heads above the floor; a suspicion names a group, never a home.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.detection import EVERYWHERE, FEW_DAYS, Series, Suspicion, Watch, calibrate, watch
from quietgrid.balance import rules
from quietgrid.balance.picture import head_w
from quietgrid.balance.rules import Level, attack_levels
from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind
from quietgrid.model.interval import DAY_S, Window, slots_per_day
from quietgrid.model.network import Floats, Network
from quietgrid.runtime.grid_totals import group_totals
from quietgrid.store.stores import PlatformStore

LEAST_DAYS, MOST_DAYS, WEEK_DAYS = 35, 63, 7
LEAST_SHARE = 4
"""One interval in so many of five weeks has to have head and whole total: of 30 homes, one is often late."""
LEFT_OUT_S = 14.0 * DAY_S
AGAIN, RECENT = 8, 8
"""Intervals that are read once more, as a total may open late; intervals that count as now."""
PIECE_DAYS = 7
MOST_ALARMS = 1_000


@dataclass(frozen=True, slots=True)
class Watching:
    """How far a watch is.

    Args:
        state: ``not measured`` (no head is), ``learning`` or ``watching``. days_left: until it has learnt.
        groups: it watches. learnt_until: Unix seconds; None before. days: that it learnt loads from, those known.
    """

    state: str
    days_left: int = 0
    groups: tuple[str, ...] = ()
    learnt_until: float | None = None
    days: float = 0.0

    @property
    def said(self) -> str:
        """In words."""
        if self.state == "learning":
            return f"learning what is usual, {self.days_left} days left"
        if self.state == "watching":
            few = f", wider thresholds until {FEW_DAYS:.0f} are" if round(self.days) < FEW_DAYS else ""
            return (
                f"watching {', '.join(self.groups)}; set for one false alarm of each kind a month; "
                f"{self.days:.0f} days of loads were known{few}"
            )
        return "no head is measured"


class GridWatch:
    """A watch over one community's groups.

    Args:
        store: The platform's. resolution: seconds an interval. tz: people's, by whose clock they live.
    """

    def __init__(self, store: PlatformStore, resolution: int, tz: str) -> None:
        self._store, self._resolution, self._zone = store, resolution, ZoneInfo(tz)
        self._per_day = slots_per_day(resolution)
        self._network: Network | None = None
        self._first, self._end = 0, 0
        self._head: Floats = np.empty((0, 0))
        self._total: Floats = np.empty((0, 0))
        self._using: tuple[int, NDArray[np.int64], Watch] | None = None
        self._lock = threading.RLock()

    def standing(self, network: Network, end: int) -> Watching:
        """How far it is. Args: end: of the intervals that are closed."""
        first = self._first_slot()
        if first is None:
            return Watching("not measured")
        until = self._learnt_until(first, end)
        if until is None:
            left = first + LEAST_DAYS * self._per_day - end
            return Watching("learning", max(1, -(-left // self._per_day)))
        with self._lock:
            if self._using is None or self._using[0] != until:
                self.levels(network, end)
            if self._using is None:
                return Watching("learning", WEEK_DAYS - (end // self._per_day) % WEEK_DAYS)
            names = tuple(network.groups[row] for row in self._using[1].tolist())
            days = self._using[2].days
        return Watching("watching", 0, names, float(until * self._resolution), days)

    def levels(self, network: Network, end: int) -> list[Level]:
        """What it suspects now; nothing while it learns.

        Args:
            network: In force. end: of the intervals that are closed.

        Cost: 50 ms a look at four groups; a second once a week and at the start.
        """
        first = self._first_slot()
        until = None if first is None else self._learnt_until(first, end)
        if first is None or until is None:
            return []
        with self._lock:
            if self._using is None or self._using[0] != until or network is not self._network:
                self._network, self._using, self._end = network, None, 0  # all is read again: some came late
            self._read(network, max(first, until - MOST_DAYS * self._per_day), end)
            self._using = self._using or self._learn(network, until)
            return [] if self._using is None else self._suspects(network, end, *self._using)

    def _suspects(self, network: Network, end: int, until: int, rows: NDArray[np.int64], using: Watch) -> list[Level]:
        base = max(self._first, until - LEAST_DAYS * self._per_day)
        found = watch(self._series(rows, base, end), using, max(until, end - RECENT) - base)
        names = {number: network.groups[row] for number, row in enumerate(rows.tolist())}
        strengths = {(why, name): 0.0 for why in Suspicion for name in names.values()}
        strengths[Suspicion.LOAD, rules.EVERYWHERE] = 0.0
        for one in found:
            place = rules.EVERYWHERE if one.group == EVERYWHERE else names[one.group]
            strengths[one.suspicion, place] = max(strengths[one.suspicion, place], one.strength)
        return attack_levels(strengths)

    # -- when ------------------------------------------------------------------------------------------------------

    def _first_slot(self) -> int | None:
        """The start (a midnight, UTC) of what is measured."""
        with self._store.read() as tx:
            first = tx.grid.first_measured(MeasuredKind.HEAD_W)
        return None if first is None else -(-(int(first) // self._resolution) // self._per_day) * self._per_day

    def _learnt_until(self, first: int, end: int) -> int | None:
        """The end of what is learnt from: after five weeks, then every Thursday (Unix weeks); None before."""
        earliest, week = first + LEAST_DAYS * self._per_day, WEEK_DAYS * self._per_day
        return None if end < earliest else max(earliest, end // week * week)

    # -- what ------------------------------------------------------------------------------------------------------

    def _read(self, network: Network, first: int, end: int) -> None:
        """Have heads and totals of [first, end) in memory: what is new, and what may have opened late."""
        if not self._first <= first <= self._end <= end:
            self._first = self._end = first
            self._head = np.empty((0, len(network.groups)))
            self._total = np.empty((0, len(network.groups)))
        self._head, self._total = self._head[first - self._first :], self._total[first - self._first :]
        self._first = first
        at = max(first, self._end - AGAIN)
        self._head, self._total = self._head[: at - first], self._total[: at - first]
        while at < end:
            to = min(end, at + PIECE_DAYS * self._per_day)
            head, total = self._piece(network, Window(at, to, self._resolution))
            self._head, self._total = np.vstack([self._head, head]), np.vstack([self._total, total])
            at = to
        self._end = end

    def _piece(self, network: Network, window: Window) -> tuple[Floats, Floats]:
        """[t, g] heads and totals; a total that some home is missing in says nothing here."""
        with self._store.read() as tx:
            totals = group_totals(tx, network.groups, window)
            rows = tx.grid.means(MeasuredKind.HEAD_W, window)
        heads: dict[str, Floats] = {}
        for element, slot, mean in rows:
            if slot in window:
                heads.setdefault(element, np.full(len(window), np.nan))[slot - window.first] = mean
        nothing = np.full(len(window), np.nan)
        measured = [head_w(network, group, heads) for group in range(len(network.groups))]
        known = totals.known if totals.whole is None else totals.known & totals.whole
        head = np.stack([nothing if one is None else one for one in measured], axis=1)
        return head, np.where(known, totals.power_w, np.nan).T

    def _series(self, rows: NDArray[np.int64], first: int, end: int) -> Series:
        part = slice(first - self._first, end - self._first)
        return Series(self._head[part][:, rows], self._total[part][:, rows], self._per_day, self._wall(first, end))

    def _wall(self, first: int, end: int) -> NDArray[np.int64]:
        """int [t]: intervals the clock on the wall is ahead of UTC."""
        hours = range(first * self._resolution // 3600, end * self._resolution // 3600 + 1)
        ahead = np.array([self._ahead(3600 * hour) for hour in hours], np.int64)
        return ahead[np.arange(first, end) * self._resolution // 3600 - hours.start]

    def _ahead(self, unix: int) -> int:
        offset = datetime.fromtimestamp(unix, UTC).astimezone(self._zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds()) // self._resolution

    def _learn(self, network: Network, until: int) -> tuple[int, NDArray[np.int64], Watch] | None:
        """Thresholds from what is there; None where no group has enough."""
        first = self._first
        rows = np.arange(len(network.groups))
        series = self._series(rows, first, until)
        head, total = series.head_w.copy(), series.total_w.copy()
        for begin, end, group in self._suspected(network.groups):
            part = slice(max(0, begin - first), max(0, end - first))
            head[part, group] = total[part, group] = np.nan
        both = np.isfinite(head) & np.isfinite(total)
        rows = np.flatnonzero(both.sum(axis=0) >= LEAST_DAYS * self._per_day // LEAST_SHARE)
        if not len(rows):
            return None
        try:
            using = calibrate(Series(head[:, rows], total[:, rows], self._per_day, series.wall))
        except InputError:
            return None
        return until, rows, using

    def _suspected(self, groups: Sequence[str]) -> list[tuple[int, int, slice]]:
        """Intervals [begin, end) of earlier alarms, and which columns they are about."""
        kinds = {why.value for why in Suspicion}
        with self._store.read() as tx:
            alarms = [one for one in tx.grid.alarms(limit=MOST_ALARMS) if one.rule in kinds]
        found = []
        for one in alarms:
            over = one.since + LEFT_OUT_S if one.until is None else min(one.until, one.since + LEFT_OUT_S)
            begin = int(one.since) // self._resolution - RECENT
            row = groups.index(one.element) if one.element in groups else None
            columns = slice(None) if row is None else slice(row, row + 1)
            found.append((begin, int(over) // self._resolution, columns))
        return found

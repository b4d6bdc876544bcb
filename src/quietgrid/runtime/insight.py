"""What the community publishes for comparison: made of published statistics, signed, the same bytes for every home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.plan import partition
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.errors import GateRefusal, NotFoundError, QuietgridError
from quietgrid.insight import Averages, degree_days, due, figures_of, imports_of, mean_day, slug
from quietgrid.insight.rules import number
from quietgrid.model.insight import ALL
from quietgrid.model.interval import Window
from quietgrid.model.publication import Statistic, peers
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT
from quietgrid.model.total import Total
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.publishing import Publishing
from quietgrid.store import PlatformTx
from quietgrid.wire.insight import CommunityFigures
from quietgrid.wire.publication import Publication

FIGURES = "community figures"
"""Kind of the documents in which figures are kept, by hash: whoever was compared with them can show them."""
NEWEST_PEERS = "peers"
"""Asks for the smallest published group that the home is in."""
TEMPERATURE = "temperature"
UNION = "union"
"""The node whose export is that of all groups of which only the net opens (`algorithms.plan.partition`)."""
USED_BY = (Statistic.USE, Statistic.KINDS, Statistic.PEERS, Statistic.SPREAD)


@dataclass(frozen=True)
class Step:
    """One statistic that was due. Args: statistic; epsilon_milli: what it cost a home; refused: why not, or nothing."""

    statistic: Statistic
    epsilon_milli: int
    refused: str = ""


class Insights:
    """The figures for comparison of one platform.

    Args:
        platform, publishing: whose.
    """

    def __init__(self, platform: Platform, publishing: Publishing) -> None:
        self._platform, self._publishing = platform, publishing
        self._store = platform.parts.store
        self._made: dict[tuple[str, str, int], Signed] = {}

    # -- publishing ------------------------------------------------------------------------------------------------

    def publish_due(self, month: str, by: str) -> list[Step]:
        """Publish what a comparison of a month needs and is not published (often enough) yet.

        Args:
            month: As ``2026-03``; the newest that is billed if empty.

        Raises:
            NotFoundError: the month is not billed. UnavailableError: not all of its bills are opened.
        """
        press = self._publishing
        window = press.month(month)
        name = next(name for name, found in press.months().items() if found == window)
        plain = int(press.cohort(window).measured.sum()) >= press.rules.floor
        done: dict[Statistic, list[str]] = {}
        for found in press.all():
            done.setdefault(Statistic(found.statistic), []).append(press.name_of(found))
        steps = []
        for one in due(name, done, plain):
            try:
                made, _ = press.publish(one.statistic, window, by, min(one.epsilon_milli, press.rules.budget_milli))
                steps.append(Step(one.statistic, made.epsilon_milli))
            except GateRefusal as error:
                steps.append(Step(one.statistic, 0, error.what))
        return steps

    # -- reading ---------------------------------------------------------------------------------------------------

    def months(self) -> list[str]:
        """Months that a home can be compared in, newest first."""
        press = self._publishing
        return [press.name_of(found) for found in press.all() if found.statistic == Statistic.USE]

    def figures(self, month: str = "", group: str = ALL) -> Signed:
        """What a home is compared with: a `CommunityFigures`, signed, kept by its hash.

        Args:
            month: As ``2026-03``; the newest that can be compared with if empty. group: name of a peer group.

        Raises:
            NotFoundError: nothing is published for the month, or of the group. GateRefusal: rule ``floor``.
        """
        press = self._publishing
        everything = press.all()
        by_month = {press.name_of(found): found for found in everything if found.statistic == Statistic.USE}
        if by_month and not month:
            return self._newest_of(list(by_month), group)
        if month not in by_month:
            raise NotFoundError(
                "nothing is published to compare with", where=month or "month",
                fix="one of: " + ", ".join(by_month) if by_month else "wait for the first bills of all homes",
            )  # fmt: skip
        known = (month, group, len(everything))
        if known not in self._made:
            self._made[known] = self._make((month, by_month[month]), self._newest(month, everything, by_month), group)
        return self._made[known]

    def _newest_of(self, months: Sequence[str], group: str) -> Signed:
        """The figures of the first of these months whose average is more than noise."""
        for name in months[:-1]:
            try:
                return self.figures(name, group)
            except GateRefusal:
                continue
        return self.figures(months[-1], group)

    def _make(self, use: tuple[str, Publication], others: dict[Statistic, Averages], group: str) -> Signed:
        parts = self._platform.parts
        window = use[1].window
        figures = figures_of(use, others, self._profile(window), self._degree_days(window), group)
        signed = parts.identity.sign(figures)
        with self._store.begin() as tx:
            tx.documents.put(FIGURES, signed.hash().hex(), pack_signed(signed))
        return signed

    def _newest(
        self, month: str, everything: Sequence[Publication], uses: dict[str, Publication]
    ) -> dict[Statistic, Averages]:
        """Of each other statistic the one of this month or the nearest, earlier ones first."""
        found: dict[Statistic, tuple[int, Averages]] = {}
        for one in everything:
            statistic, name = Statistic(one.statistic), self._publishing.name_of(one)
            if statistic not in USED_BY[1:]:
                continue
            back = number(month) - number(name)
            rank = back if back >= 0 else 1_000 - back
            if statistic not in found or rank < found[statistic][0]:
                found[statistic] = rank, Averages(one, name, uses.get(name))
        return {statistic: one for statistic, (_, one) in found.items()}

    def by_hash(self, digest: bytes) -> CommunityFigures:
        """Figures that were given out.

        Raises:
            NotFoundError: none have this hash.
        """
        with self._store.read() as tx:
            return decode(CommunityFigures, unpack_signed(tx.documents.get(FIGURES, digest.hex())).body)

    def groups_of(self, home: int, month: str = "") -> list[str]:
        """Names of the published peer groups that a home is in, the smallest last."""
        figures = decode(CommunityFigures, self.figures(month).body)
        members = self._platform.members(figures.first)
        rows = np.flatnonzero(members.homes == np.uint64(home))
        if not len(rows):
            return [ALL]
        feeds_in = bool((members.registers[rows] >> EXPORT & 1).any())
        with self._store.read() as tx:
            kinds = {row.party.home: row.party.kind.value for row in tx.registry.parties(left=True)}
        own = {ALL, slug(kinds.get(home, "")), slug(peers(int(members.connection_w[rows[0]]), feeds_in))}
        found = sorted((row for row in figures.groups if row.name in own), key=lambda row: -row.homes)
        return [row.name for row in found]

    def for_home(self, home: int, month: str = "", group: str = ALL) -> tuple[Signed, list[str]]:
        """The figures a home asks for, and the groups it is in; `NEWEST_PEERS` stands for the smallest of those.

        Raises:
            NotFoundError: nothing is published for the month, or of the group. GateRefusal: rule ``floor``.
        """
        groups = self.groups_of(home, month)
        return self.figures(month, groups[-1] if group == NEWEST_PEERS else group), groups

    def _profile(self, window: Window) -> tuple[list[int], int]:
        """The mean home's day, of totals of all homes: published only where a plain sum may be."""
        parts = self._platform.parts
        nodes = partition(self._platform.members(window.first), parts.rules)
        with self._store.read() as tx:
            opened = {
                (node, quantity): total
                for node, (_, quantities) in nodes.items()
                for quantity in quantities
                if (total := _total(tx, node, quantity, window)) is not None
            }
        totals = [total for (_, quantity), total in opened.items() if quantity is Quantity.IMPORT]
        union = opened.get((UNION, Quantity.EXPORT))
        few = [node for node, (_, quantities) in nodes.items() if Quantity.NET in quantities]
        nets = [opened[node, Quantity.NET] for node in few if (node, Quantity.NET) in opened]
        if union is not None and len(nets) == len(few):
            totals.append(imports_of(nets, union))
        return mean_day(totals, window, parts.card.tz, self._publishing.rules.floor)

    def _degree_days(self, window: Window) -> list[int]:
        start, end = window.first * window.resolution, window.end * window.resolution
        with self._store.read() as tx:
            return degree_days(tx.feeds.between(TEMPERATURE, start, end), window, self._platform.parts.card.tz)


def _total(tx: PlatformTx, node: str, quantity: Quantity, window: Window) -> Total | None:
    try:
        return tx.totals.total(node, quantity, window)
    except NotFoundError:
        return None


def publish_quietly(insights: Insights, month: str, by: str) -> None:
    """As the demo does after billing: what cannot be published now is left for later."""
    try:
        insights.publish_due(month, by)
    except QuietgridError:
        return

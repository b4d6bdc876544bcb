"""From published statistics to what a home is compared with. Pure; costs no privacy beyond what is published already.

Averages of a month are that month's. How the homes are spread, and how peer groups differ, is published less often and
brought to the month by the ratio of the averages of all homes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quietgrid.algorithms.advice import advice
from quietgrid.algorithms.comparison import PERCENTS, community_of, scaled, thresholds, usual_of
from quietgrid.errors import GateRefusal, NotFoundError
from quietgrid.model.insight import ALL
from quietgrid.model.publication import EDGES_KWH, Statistic
from quietgrid.model.quantity import WH_PER_KWH
from quietgrid.wire.insight import AdviceRule, CommunityFigures, PeerRow
from quietgrid.wire.publication import Publication

GROUPED = (Statistic.KINDS, Statistic.PEERS)
ROUGH_PERCENT = 50
"""An average whose noise is wider than this part of it is no average to be compared with."""


@dataclass(frozen=True)
class Averages:
    """A statistic with the average of all homes in its own month.

    Args:
        publication: it. month: as ``2026-03``. use: the use of all homes in the same month, None if not published.
    """

    publication: Publication
    month: str
    use: Publication | None


def slug(words: str) -> str:
    """A name for an address.

    >>> slug("small connection, feeds in")
    'small-connection-feeds-in'
    """
    return re.sub("[^a-z0-9]+", "-", words.lower()).strip("-")


def figures_of(
    use: tuple[str, Publication], others: Mapping[Statistic, Averages], profile: tuple[list[int], int],
    days: list[int], group: str = ALL,
) -> CommunityFigures:  # fmt: skip
    """What a home is compared with in a month.

    Args:
        use: the month's name and its use of all homes. others: the newest of kinds, peers and spread that are not
            newer. profile: the mean home's day (24, Wh, or none) and the homes behind it. days: degree-days, tenths.
        group: name of the peer group.

    Raises:
        GateRefusal: rule ``floor``: noise is all there is. NotFoundError: no such group is published.
    """
    month, all_use = use
    rows = [row for row in (_row(all_use, 0, ALL),) if row is not None]
    if not rows:
        raise GateRefusal("floor", "so few homes that their average is noise", where=month, fix="take another month")
    average = rows[0].average_wh
    for statistic in GROUPED:
        found = others.get(statistic)
        if found is not None:
            rows += _grouped(found, average)
    chosen = next((row for row in rows if row.name == group), None)
    if chosen is None:
        raise NotFoundError(
            "no such peer group is published", where=group[:40], fix="one of: " + ", ".join(row.name for row in rows)
        )
    spread = others.get(Statistic.SPREAD)
    edges = () if spread is None else _thresholds(spread, average)
    table = advice()
    here = community_of(chosen.average_wh, edges, usual_of(profile[0]), [one.rule for one in table])
    newest = max([all_use.at, *(found.publication.at for found in others.values())])
    return CommunityFigures(
        all_use.community, month, all_use.first, all_use.end, all_use.resolution, group, rows, here.average,
        list(here.bands), list(here.classes), list(here.usual), list(PERCENTS) if edges else [],
        spread.month if spread and edges else "", spread.publication.epsilon_milli if spread and edges else 0,
        spread.publication.margin if spread and edges else 0, *profile, days,
        [AdviceRule(one.id, [(c.feature, c.at_least, c.value) for c in one.rule]) for one in table], newest,
    )  # fmt: skip


def _row(publication: Publication, at: int, name: str = "") -> PeerRow | None:
    """An average of a figure, None where noise hides it."""
    figure = publication.figures[at]
    if figure.homes <= 0 or figure.value <= 0:
        return None
    margin = publication.margin * figure.noisy
    if margin * 100 > ROUGH_PERCENT * figure.value:
        return None
    epsilon = publication.epsilon_milli * figure.noisy
    return PeerRow(
        name or slug(figure.name), figure.name, figure.homes, figure.value // figure.homes, margin // figure.homes,
        epsilon,
    )  # fmt: skip


def _grouped(found: Averages, average_wh: int) -> list[PeerRow]:
    """The peer groups of a statistic, brought to the month."""
    then = average_wh if found.use is None else _average(found.use)
    out = []
    for at in range(len(found.publication.figures)):
        row = _row(found.publication, at)
        if row is not None:
            average, margin = scaled((row.average_wh, row.margin_wh), average_wh, then)
            out.append(PeerRow(row.name, row.words, row.homes, average, margin, row.epsilon_milli))
    return out


def _thresholds(found: Averages, average_wh: int) -> tuple[int, ...]:
    counts = [figure.value for figure in found.publication.figures]
    edges = thresholds(counts, [kwh * WH_PER_KWH for kwh in EDGES_KWH])
    return scaled(edges, average_wh, average_wh if found.use is None else _average(found.use))


def _average(use: Publication) -> int:
    figure = use.figures[0]
    return figure.value // max(1, figure.homes)

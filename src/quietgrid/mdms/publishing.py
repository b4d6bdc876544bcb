"""Published statistics: what is summed, when noise is added, and the one draw. Pure but for the randomness it is given.

Made from opened monthly facts only, never from intervals. A plain sum of at least `floor` homes may be published as it
stands: a month long, no hour in it, no home above the capacity share, and laid over every other plain sum of the period
(and over feeder totals) it cuts out no small group. Everything else is clipped at a declared bound and gets discrete
Laplace noise. Whether a figure gets noise depends on who is in it, never on what was measured.
Source: PROTOCOL A, rows "floor" and "DP"; C, G15. Decision 0021. Does not give: protection of the fact that a home is a
member, of its kind or its tariff; nor of a plain sum against all but one of its homes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.laplace import Below, discrete_laplace
from quietgrid.algorithms.publishing import clip, clip_rows, spread, stays_coarse
from quietgrid.errors import GateRefusal
from quietgrid.model.closed import GateRules
from quietgrid.model.party import MemberList
from quietgrid.model.publication import EDGES_KWH, PublishRules, Statistic, peers
from quietgrid.model.quantity import WH_PER_KWH
from quietgrid.model.question import Book
from quietgrid.model.readings import EXPORT, IMPORT
from quietgrid.model.total import Fact
from quietgrid.wire.publication import Figure

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ALL, EXPORTERS = "all homes", "homes that can feed in"
IMPORTED = frozenset(Statistic) - {Statistic.EXPORT}


@dataclass(frozen=True)
class Cohort:
    """The homes of one billing period and what opened about them for their bills.

    Args:
        homes: uint64 [n], ascending. leaves: int32 [n]. connection_w: int64 [n]. exporters: bool [n], certified.
        measured: bool [n], some of the home's import was measured. kinds, tariffs: n names.
        import_wh, export_wh: int64 [n], over the period.
        bands: Names of the bands all feeders have; empty where feeders are billed by different bands.
        bands_wh: int64 [n, len(bands)].
    """

    homes: NDArray[np.uint64]
    leaves: NDArray[np.int32]
    connection_w: Ints
    exporters: Bools
    measured: Bools
    kinds: list[str]
    tariffs: list[str]
    import_wh: Ints
    export_wh: Ints
    bands: tuple[str, ...]
    bands_wh: Ints


@dataclass(frozen=True)
class Drawn:
    """One statistic, drawn.

    Args:
        figures: What is published. rows: int64 [m], rows of the cohort that are in it. names: m figures they are in.
        epsilon_milli: int64 [m], what it costs each. sensitivity, bound_wh: of the noise, 0 without.
    """

    figures: list[Figure]
    rows: Ints
    names: list[str]
    epsilon_milli: Ints
    sensitivity: int
    bound_wh: int


def cohort_of(
    members: MemberList, facts: Sequence[Fact], books: Mapping[int, Book], groups: Mapping[int, tuple[str, str]]
) -> Cohort:
    """The cohort of a period.

    Args:
        members: Of its epoch. facts: all of the period. books: by leaf. groups: home -> (kind, tariff).
    """
    homes, first_row = np.unique(members.homes, return_index=True)
    row_of = {home: row for row, home in enumerate(homes.tolist())}
    leaves = members.leaves[first_row]
    exporters = np.zeros(len(homes), np.bool_)
    exporters[[row_of[home] for home in members.homes[members.registers >> EXPORT & 1 == 1].tolist()]] = True
    columns = {leaf: {v.name: v for v in book.vectors if v.rule != "prices"} for leaf, book in books.items()}
    kept = [{(v.name, v.hours) for v in found.values() if v.register == IMPORT} for found in columns.values()]
    same = bool(kept) and all(other == kept[0] for other in kept)
    first = next(iter(columns.values()), {})
    bands = tuple(v.name for v in first.values() if v.register == IMPORT) if same else ()
    energy = {IMPORT: np.zeros(len(homes), np.int64), EXPORT: np.zeros(len(homes), np.int64)}
    bands_wh, measured = np.zeros((len(homes), len(bands)), np.int64), np.zeros(len(homes), np.bool_)
    for fact in facts:
        row = row_of.get(fact.home)
        if row is None or fact.vector not in columns[int(leaves[row])]:
            continue
        energy[fact.register][row] += fact.value
        if fact.register == IMPORT:
            measured[row] |= fact.intervals > 0
            if fact.vector in bands:
                bands_wh[row, bands.index(fact.vector)] += fact.value
    named = [groups.get(home, ("", "")) for home in homes.tolist()]
    return Cohort(
        homes, leaves, members.connection_w[first_row], exporters, measured, [kind for kind, _ in named],
        [tariff for _, tariff in named], energy[IMPORT], energy[EXPORT], bands, bands_wh,
    )  # fmt: skip


def draw(
    statistic: Statistic, cohort: Cohort, plain: Sequence[Bools], rules: tuple[PublishRules, GateRules],
    epsilon_milli: int, below: Below,
) -> Drawn:  # fmt: skip
    """One statistic of a period: plain where enough homes are behind it, with noise elsewhere.

    Args:
        plain: bool [n] each: homes of the plain sums of the same register that are published of the period already.
        epsilon_milli: cost of noise, thousandths. below: secret randomness; asked only where noise is added.

    Raises:
        GateRefusal: rule ``floor``, no group is large enough for a figure; ``book``, feeders have different bands.

    Privacy: opened facts in. What is returned is for all: persist it before anybody sees it, and never draw again.
    """
    publishing, gate = rules
    groups = [(name, rows) for name, rows in _groups(statistic, cohort) if _count(cohort, rows) >= gate.k]
    if not groups:
        raise GateRefusal(
            "floor", f"no group has {gate.k} homes that were measured", where=statistic.value,
            fix="publish the use of all homes",
        )  # fmt: skip
    if statistic is Statistic.BANDS and not cohort.bands:
        raise GateRefusal(
            "book", "the feeders are billed by different bands", where=statistic.value,
            fix="publish the use of all homes, or give all feeders the same tariffs",
        )  # fmt: skip
    kept = list(plain)
    reach, bound = sensitivity(statistic, publishing.bound_wh)
    scale = Fraction(reach * 1000, epsilon_milli)
    figures: list[Figure] = []
    names, costs = np.full(len(cohort.homes), "", object), np.zeros(len(cohort.homes), np.int64)
    for name, rows in groups:
        noisy = not _may_be_plain(statistic, cohort, rows, kept, rules)
        if not noisy:
            kept.append(rows)
        names[rows], costs[rows] = name, epsilon_milli if noisy else 0
        exact = _values(statistic, cohort, rows, bound if noisy else None)
        for label, value in exact.items():
            noise = discrete_laplace(scale, below) if noisy else 0
            figures.append(Figure(label or name, _count(cohort, rows), value + noise, noisy))
    chosen = np.flatnonzero(names != "")
    some = any(figure.noisy for figure in figures)
    return Drawn(
        figures, chosen, names[chosen].tolist(), costs[chosen], reach if some else 0, bound if some else 0
    )  # fmt: skip


def _groups(statistic: Statistic, cohort: Cohort) -> list[tuple[str, Bools]]:
    """Disjoint groups of homes, measured or not, each a figure (or a family of them)."""
    if statistic is Statistic.EXPORT:
        return [(EXPORTERS, cohort.exporters)]
    if statistic in (Statistic.KINDS, Statistic.TARIFFS, Statistic.PEERS):
        labels = np.array(_labels(statistic, cohort))
        return [(str(label), labels == label) for label in sorted(set(labels.tolist()) - {""})]
    return [(ALL, np.ones(len(cohort.homes), np.bool_))]


def _labels(statistic: Statistic, cohort: Cohort) -> list[str]:
    if statistic is Statistic.PEERS:
        pairs = zip(cohort.connection_w.tolist(), cohort.exporters.tolist(), strict=True)
        return [peers(connection_w, feeds_in) for connection_w, feeds_in in pairs]
    return cohort.kinds if statistic is Statistic.KINDS else cohort.tariffs


def _count(cohort: Cohort, rows: Bools) -> int:
    """Homes of a group of which something was measured."""
    return int((rows & cohort.measured).sum())


def sensitivity(statistic: Statistic, bound_wh: int) -> tuple[int, int]:
    """How far one home can move all figures together (Wh, or homes), and what its figure is clipped at."""
    if statistic is Statistic.SPREAD:
        return 2, 0
    return (2 if statistic is Statistic.BANDS else 1) * bound_wh, bound_wh


def _values(statistic: Statistic, cohort: Cohort, rows: Bools, bound: int | None) -> dict[str, int]:
    """The exact figures of a group, clipped where a bound is given; the key of a group's only figure is empty."""
    if statistic is Statistic.SPREAD:
        counts = spread(cohort.import_wh[rows & cohort.measured], [edge * WH_PER_KWH for edge in EDGES_KWH])
        return dict(zip(classes(), counts.tolist(), strict=True))
    if statistic is Statistic.BANDS:
        bands = cohort.bands_wh[rows] if bound is None else clip_rows(cohort.bands_wh[rows], bound)
        return dict(zip(cohort.bands, bands.sum(axis=0).tolist(), strict=True))
    values = (cohort.export_wh if statistic is Statistic.EXPORT else cohort.import_wh)[rows]
    return {"": int((values if bound is None else clip(values, bound)).sum())}


def exact(statistic: Statistic, cohort: Cohort, bound_wh: int | None) -> dict[str, int]:
    """The figures of a statistic as they are before noise, clipped where a bound is given; of small groups, too."""
    return {
        label or name: value
        for name, rows in _groups(statistic, cohort)
        for label, value in _values(statistic, cohort, rows, bound_wh).items()
    }


def classes() -> list[str]:
    """Names of the classes of `Statistic.SPREAD`, kWh a period.

    >>> classes()[0], classes()[-1]
    ('0 to 100 kWh', '1,000 kWh and more')
    """
    ends = [f"{low:,} to {high:,} kWh" for low, high in pairwise(EDGES_KWH)]
    return [*ends, f"{EDGES_KWH[-1]:,} kWh and more"]


def _may_be_plain(
    statistic: Statistic, cohort: Cohort, rows: Bools, kept: Sequence[Bools], rules: tuple[PublishRules, GateRules]
) -> bool:
    """Whether a group's figures may be published without noise."""
    publishing, gate = rules
    if statistic is Statistic.SPREAD or _count(cohort, rows) < publishing.floor:
        return False
    power = cohort.connection_w[rows]
    if int(power.max()) * 100 > gate.max_share_percent * int(power.sum()):
        return False
    everyone = cohort.exporters if statistic is Statistic.EXPORT else np.ones(len(cohort.homes), np.bool_)
    sets = [one[everyone] for one in (*kept, rows)]
    return stays_coarse(sets, cohort.leaves[everyone], publishing.floor, gate.k)

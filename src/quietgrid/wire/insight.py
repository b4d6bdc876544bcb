"""What a community publishes for comparison, as the platform signs it: the same bytes for every home that asks."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from quietgrid.algorithms.insight import MONTH_UNIT_WH
from quietgrid.crypto.public.envelope import Message
from quietgrid.errors import InputError
from quietgrid.model.insight import CommunityStatistics, PeerGroup, Spread
from quietgrid.model.interval import Window


class PeerRow(msgspec.Struct, array_like=True, frozen=True):
    """A peer group with a published average (`model.insight.PeerGroup`)."""

    name: str
    words: str
    homes: int
    average_wh: int
    margin_wh: int
    epsilon_milli: int


class AdviceRule(msgspec.Struct, array_like=True, frozen=True):
    """When a piece of advice applies: all of (feature, whether it must reach the value or stay below, value)."""

    id: str
    conditions: list[tuple[int, bool, int]]


class CommunityFigures(Message, frozen=True):
    """Everything public that a home's month is compared with. Signed by the platform; its hash names it in questions.

    `month`: as ``2026-03``. `group`: name of the peer group in `groups`. `average`, `bands`, `classes`: units of
    100 Wh, for the comparison. `usual`: per mille of a day and hour; above it an hour stands out (255: none does).
    `percents`: homes of a hundred below each band's threshold. `spread_month`, `spread_epsilon_milli`,
    `spread_margin_homes`: of the counts behind the bands; empty and 0 without. `profile_wh`: the mean home's day, 24
    or none. `degree_days`: tenths a local day, or none. `published`: of the newest figure in it, Unix seconds.
    """

    NAME: ClassVar[str] = "community-figures"
    community: bytes
    month: str
    first: int
    end: int
    resolution: int
    group: str
    groups: list[PeerRow]
    average: int
    bands: list[int]
    classes: list[int]
    usual: list[int]
    percents: list[int]
    spread_month: str
    spread_epsilon_milli: int
    spread_margin_homes: int
    profile_wh: list[int]
    profile_homes: int
    degree_days: list[int]
    advice: list[AdviceRule]
    published: float


def statistics_in(figures: CommunityFigures) -> CommunityStatistics:
    """What the figures say, for people.

    Raises:
        InputError: they do not hold their own group.
    """
    groups = tuple(
        PeerGroup(row.name, row.words, row.homes, row.average_wh, row.margin_wh, row.epsilon_milli)
        for row in figures.groups
    )
    group = next((one for one in groups if one.name == figures.group), None)
    if group is None:
        raise InputError("figures without their own group", where=figures.group, fix="ask again")
    spread = Spread(
        tuple(units * MONTH_UNIT_WH for units in figures.bands), tuple(figures.percents), figures.spread_month,
        figures.spread_epsilon_milli, figures.spread_margin_homes,
    )  # fmt: skip
    return CommunityStatistics(
        figures.month, Window(figures.first, figures.end, figures.resolution), group, groups, spread,
        tuple(figures.profile_wh), figures.profile_homes, tuple(figures.degree_days),
    )  # fmt: skip

"""Where the home stands in its community: compared at home by default, or by a server that cannot read it.

At home: the household opens its own month, takes the published figures and compares; no cryptography, and nothing
leaves but the name of a month and of a peer group. Encrypted: the same comparison by the platform on ciphertexts
(`household.insight_sealed`); both give the same `Insight`.

Privacy: holds open readings of this home, in memory, as long as a call lasts. What the platform can learn: that the
home asked, and for which month and group. Does not give: proof that published figures are right; the auditor checks
them, here only the signature and that they are of this community.
"""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.algorithms.advice import Advice, Prices, Saving, named, saving
from quietgrid.algorithms.comparison import verdict_of
from quietgrid.algorithms.insight import Community, Condition, Insight, insight
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import NotFoundError, VerificationError
from quietgrid.household.insight_link import InsightLink
from quietgrid.household.insight_month import OwnMonth, month_of
from quietgrid.household.insight_prices import prices_of_bills
from quietgrid.household.own import whole
from quietgrid.household.service import Home
from quietgrid.model.insight import ALL, HOURS, Features, Verdict, features_of
from quietgrid.model.interval import Window
from quietgrid.wire.insight import CommunityFigures, PeerRow

Worth = tuple[Advice, Saving]


@dataclass(frozen=True)
class Published:
    """What a home is compared with. hash: of the signed figures. groups: the home is in. months: there are."""

    figures: CommunityFigures
    hash: bytes
    groups: tuple[str, ...]
    months: tuple[str, ...]

    @property
    def window(self) -> Window:
        """The month."""
        return Window(self.figures.first, self.figures.end, self.figures.resolution)

    @property
    def peers(self) -> PeerRow:
        """The group the home is compared with."""
        return next(row for row in self.figures.groups if row.name == self.figures.group)

    @property
    def community(self) -> Community:
        """For the comparison."""
        f = self.figures
        rules = tuple(tuple(Condition(*condition) for condition in rule.conditions) for rule in f.advice)
        return Community(f.average, tuple(f.bands), tuple(f.classes), tuple(f.usual), rules)

    def verdict(self, found: Insight) -> Verdict:
        """A comparison in words."""
        return verdict_of(found, self.figures.percents, [rule.id for rule in self.figures.advice])


@dataclass(frozen=True)
class Comparison:
    """A home beside its community.

    Args:
        published: What it was compared with. month: the home's own. features: as it is compared. insight: numbers.
            verdict: in words. advice: that applies, with what it is worth; the largest first. prices: of the home's
            bill; None without one, and then no advice is worth money.
    """

    published: Published
    month: OwnMonth
    features: Features
    insight: Insight
    verdict: Verdict
    advice: tuple[Worth, ...]
    prices: Prices | None

    @property
    def figures(self) -> CommunityFigures:
        """As published."""
        return self.published.figures

    @property
    def own_wh(self) -> int:
        """The home's month."""
        return self.month.energy_wh


class OwnInsight:
    """One home's. `link`: to the platform."""

    def __init__(self, home: Home, link: InsightLink) -> None:
        self.home, self.link = home, link

    def published(self, month: str = "", group: str = ALL) -> Published:
        """The figures of a month, checked as far as a home can.

        Raises:
            NotFoundError: none are published. RefusedError: too few homes. VerificationError: not the platform's, of
                another community, or figures that cannot be.
        """
        signed, groups, months = self.link.figures(month, group)
        card = self.home.parts.card
        figures = open_signed(signed, CommunityFigures, card.platform_pk)
        _check(figures, card.community, card.resolution, month)
        return Published(figures, signed.hash(), tuple(groups), tuple(months))

    def at_home(self, month: str = "", group: str = ALL) -> Comparison:
        """Compare here.

        Raises:
            NotFoundError: nothing is published, or too much of the own month is missing. See `published`.
        """
        found = self.published(month, group)
        own = self.own_month(found.window, found.figures.degree_days)
        features = features_of_month(own)
        compared = insight(features.month, features.profile, features.values, found.community)
        verdict = found.verdict(compared)
        prices = prices_of_bills(self.home.bills(), found.window, self.home.prices)
        return Comparison(found, own, features, compared, verdict, worth(verdict, features, prices), prices)

    def own_month(self, window: Window, degree_days: list[int] | None = None) -> OwnMonth:
        """The home's own numbers of a month, see `insight_month.month_of`."""
        own = whole(self.home, window)
        return month_of(own.imported_wh, own.present, window, self.home.parts.card.tz, degree_days or ())


def insight_of(home: Home) -> OwnInsight:
    """Where a home stands.

    Raises:
        NotFoundError: this process was told of no platform that compares.
    """
    if home.parts.insight is None:
        raise NotFoundError("there is nothing to compare with here", where="insight", fix="ask the operator")
    return OwnInsight(home, home.parts.insight)


def features_of_month(own: OwnMonth) -> Features:
    """A month as it is compared."""
    amounts = (
        own.base_w, 100 * own.evening_wh // max(1, own.energy_wh), 100 * own.weekend_wh // max(1, own.weekday_wh),
        own.wh_per_degree_day or 0, 100 * own.night_wh // max(1, own.energy_wh), own.peak_w,
    )  # fmt: skip
    return features_of(own.energy_wh, tuple(own.hours_wh.tolist()), amounts)


def worth(verdict: Verdict, features: Features, prices: Prices | None) -> tuple[Worth, ...]:
    """Each advice that applies with what it is worth to this home; what is worth nothing is left out."""
    shown = prices or Prices("", 0, 0, 0)
    found = [(one, saving(one, features, shown)) for one in map(named, verdict.advice)]
    kept = [(one, value) for one, value in found if value.kwh and (value.money_micro or prices is None)]
    return tuple(sorted(kept, key=lambda pair: (-pair[1].money_micro, -pair[1].kwh)))


def _check(figures: CommunityFigures, community: bytes, resolution: int, month: str) -> None:
    """Refuse figures that another asked for, or that cannot be."""
    names = [row.name for row in figures.groups]
    hours = (len(figures.usual), len(figures.profile_wh) or HOURS)
    if (
        figures.community != community
        or figures.resolution != resolution
        or figures.end <= figures.first
        or month not in ("", figures.month)
        or figures.group not in names
        or hours != (HOURS, HOURS)
        or len(figures.percents) != len(figures.bands)
    ):
        raise VerificationError("published figures do not fit", where="community figures", fix="tell the auditor")

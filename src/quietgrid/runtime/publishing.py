"""Publishing statistics: one signed draw a statistic and period, kept before it is shown; the epsilon ledger."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from quietgrid.algorithms.laplace import Below, half_width
from quietgrid.crypto.public.envelope import Signed, decode, pack_signed, unpack_signed
from quietgrid.errors import GateRefusal, InputError, NotFoundError, UnavailableError
from quietgrid.mdms.publishing import IMPORTED, Cohort, Drawn, cohort_of, draw, sensitivity
from quietgrid.model.interval import Window, zone
from quietgrid.model.publication import PublishRules, Statistic
from quietgrid.runtime.periods import Periods
from quietgrid.runtime.platform import Platform
from quietgrid.runtime.ruled import publishing
from quietgrid.store import PlatformTx
from quietgrid.store.publications import PublicationParts, SpentRow
from quietgrid.wire.publication import OwnParts, Part, Publication

ACTION = "statistic.publish"
"""The log's verb."""


class Publishing:
    """The published statistics of one platform.

    Args:
        platform, periods: whose. rules: its numbers. below: secret randomness for noise.
    """

    def __init__(
        self, platform: Platform, periods: Periods, rules: PublishRules | None = None, below: Below = secrets.randbelow
    ) -> None:
        self._platform, self._periods, self._below = platform, periods, below
        self._store = platform.parts.store
        self._rules = rules or PublishRules()

    @property
    def rules(self) -> PublishRules:
        """Its numbers now: a vote may have lowered the budget below the setting's."""
        with self._store.read() as tx:
            return publishing(tx, self._rules)

    @rules.setter
    def rules(self, rules: PublishRules) -> None:
        self._rules = rules

    # -- publishing ------------------------------------------------------------------------------------------------

    def publish(
        self, statistic: Statistic, window: Window, by: str, epsilon_milli: int | None = None
    ) -> tuple[Publication, bool]:
        """Publish a statistic of a period, or serve what is published of it already.

        Args:
            by: Who publishes, for the log. epsilon_milli: cost of noise, thousandths; the rules' unless told.

        Returns: The publication as it is stored, and whether it is new.

        Raises:
            UnavailableError: not all bills of the period are opened. GateRefusal: a home would pass its yearly budget,
                or no group is large enough. InputError: an epsilon that cannot be used.
        """
        rules = self.rules
        cost = rules.epsilon_milli if epsilon_milli is None else epsilon_milli
        if not 1 <= cost <= rules.budget_milli:
            raise InputError(
                "this epsilon cannot be used", where="epsilon",
                fix=f"0.001 up to the yearly budget of {shown(rules.budget_milli)}",
            )  # fmt: skip
        if self.find(statistic, window) is None:
            cohort = self.cohort(window)
            with self._store.begin() as tx:
                new = tx.publications.find(statistic, window.first, window.end) is None
                if new:
                    self._keep(tx, statistic, window, cohort, (by, cost, publishing(tx, self._rules)))
        else:
            new = False
        # Only what is on disk by now is ever handed out.
        found = self.find(statistic, window)
        if found is None:
            raise NotFoundError("the statistic was not kept", where=statistic.value, fix="publish it again")
        return found, new

    def _keep(
        self, tx: PlatformTx, statistic: Statistic, window: Window, cohort: Cohort,
        order: tuple[str, int, PublishRules],
    ) -> None:  # fmt: skip
        """Draw, charge, sign, write, log: all in one commit, under the rules as they are in it."""
        parts, (by, cost, rules) = self._platform.parts, order
        plain = self._plain(tx, statistic, window, cohort)
        gate = self._platform.floors.today(parts.clock)
        drawn = draw(statistic, cohort, plain, (rules, gate), cost, self._below)
        year = window.start_time.astimezone(zone(parts.card.tz)).year
        _check_budget(tx, cohort, drawn, year, rules.budget_milli)
        paid = int(drawn.epsilon_milli.max())
        message = Publication(
            parts.card.community, statistic.value, window.first, window.end, window.resolution, year,
            int((cohort.measured[drawn.rows]).sum()), paid, drawn.sensitivity, drawn.bound_wh, rules.budget_milli,
            drawn.figures, float(parts.clock.now()),
        )  # fmt: skip
        signed = parts.identity.sign(message)
        charged = PublicationParts(cohort.homes[drawn.rows], drawn.names, year, drawn.epsilon_milli)
        tx.publications.put(statistic, window.first, window.end, signed.hash(), pack_signed(signed), charged)
        tx.log.append(
            by, ACTION, f"{statistic.value} of period {window.first}",
            {"hash": signed.hash().hex(), "homes": message.homes, "charged": int((drawn.epsilon_milli > 0).sum()),
             "epsilon_milli": paid, "year": year},
        )  # fmt: skip

    def _plain(
        self, tx: PlatformTx, statistic: Statistic, window: Window, cohort: Cohort
    ) -> list[np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """The plain sums of the period and register that are out already, as sets of homes."""
        imported = statistic in IMPORTED
        sets = []
        for other, parts in tx.publications.parts(window.first, window.end).items():
            if (Statistic(other) in IMPORTED) != imported:
                continue
            names = np.array(parts.figures)
            for figure in sorted(set(names[parts.epsilon_milli == 0].tolist())):
                sets.append(np.isin(cohort.homes, parts.homes[names == figure]))
        return sets

    def cohort(self, window: Window) -> Cohort:
        """The homes of a period with what opened for their bills.

        Raises:
            UnavailableError: not all bills of the period are opened.
        """
        members = self._platform.members(window.first)
        with self._store.read() as tx:
            facts = [fact for fact in tx.totals.facts(first=window.first) if fact.window == window]
            kinds = {row.party.home: row.party.kind.value for row in tx.registry.parties(left=True)}
        missing = np.setdiff1d(members.homes, np.array([fact.home for fact in facts], np.uint64))
        if len(missing):
            raise UnavailableError(
                f"the bills of {len(missing)} homes are not opened yet", where=f"period {window.first}",
                fix="run billing of the period first",
            )  # fmt: skip
        books = {leaf: self._periods.book(leaf, window) for leaf in range(len(members.leaf_names))}
        tariffs = self._periods.tariff_of(members, window)
        groups = {home: (kinds.get(home, ""), tariff.name) for home, tariff in tariffs.items()}
        return cohort_of(members, facts, books, groups)

    # -- reading ---------------------------------------------------------------------------------------------------

    def find(self, statistic: Statistic, window: Window) -> Publication | None:
        """What is published of a statistic and period, None if nothing is."""
        with self._store.read() as tx:
            signed = tx.publications.find(statistic, window.first, window.end)
        return None if signed is None else publication_of(signed)

    def all(self) -> list[Publication]:
        """Everything that is published, newest period first."""
        with self._store.read() as tx:
            return [publication_of(signed) for signed in tx.publications.all()]

    def margin(self, statistic: Statistic, epsilon_milli: int | None = None) -> int:
        """How far noise can move a figure of a statistic (95 %): known before it is drawn. Wh, or homes."""
        reach, _ = sensitivity(statistic, self.rules.bound_wh)
        return half_width(Fraction(reach * 1000, epsilon_milli or self.rules.epsilon_milli))

    def spent(self, year: int | None = None, limit: int | None = None, offset: int = 0) -> list[SpentRow]:
        """The epsilon ledger, by home and year."""
        with self._store.read() as tx:
            return tx.publications.spent(year, limit, offset)

    def most_spent(self, year: int) -> tuple[int, int]:
        """Epsilon (thousandths) of the home that spent most in a year, and how many homes are in some statistic."""
        with self._store.read() as tx:
            return tx.publications.most_spent(year)

    def own(self, home: int) -> Signed:
        """What a home is part of, signed, for its household."""
        parts = self._platform.parts
        with self._store.read() as tx:
            rows = tx.publications.of_home(home)
        message = OwnParts(parts.card.community, home, [Part(*row) for row in rows], float(parts.clock.now()))
        return parts.identity.sign(message)

    def name_of(self, found: Publication) -> str:
        """``2026-03``: the local month in which a publication's period starts."""
        return f"{found.window.start_time.astimezone(zone(self._platform.parts.card.tz)):%Y-%m}"

    def months(self) -> dict[str, Window]:
        """``2026-03`` (the local month in which it starts) -> billing period whose bills are made, newest first."""
        where = zone(self._platform.parts.card.tz)
        with self._store.read() as tx:
            billed = set(tx.billing.periods())
        windows = [w for w in reversed(self._periods.windows()) if (w.first, w.end) in billed]
        return {f"{w.start_time.astimezone(where):%Y-%m}": w for w in windows}

    def month(self, name: str = "") -> Window:
        """The billing period of a month, the newest unless told.

        Raises:
            NotFoundError: no bills were made for it.
        """
        found = self.months()
        if not found or (name and name not in found):
            raise NotFoundError(
                "no bills were made for this month", where=name or "month",
                fix="one of: " + ", ".join(found) if found else "run billing of a period first",
            )  # fmt: skip
        return found[name or next(iter(found))]


def publication_of(signed: bytes) -> Publication:
    """The publication in a stored envelope."""
    return decode(Publication, unpack_signed(signed).body)


def statistic_of(name: str) -> Statistic:
    """The statistic of a name, or `InputError`."""
    try:
        return Statistic(name)
    except ValueError as error:
        raise InputError("there is no such statistic", where=name, fix="one of: " + ", ".join(Statistic)) from error


def shown(milli: int) -> str:
    """Thousandths as people write them.

    >>> shown(500), shown(6_000), shown(0)
    ('0.5', '6', '0')
    """
    return f"{milli / 1000:g}"


def milli(epsilon: float) -> int:
    """An epsilon in thousandths.

    Raises:
        InputError: not above 0, or with more than three decimals.
    """
    found = round(epsilon * 1000)
    if found < 1 or abs(found - epsilon * 1000) > 1e-6:
        raise InputError("this epsilon cannot be used", where="epsilon", fix="0.001 or more, three decimals")
    return found


def _check_budget(tx: PlatformTx, cohort: Cohort, drawn: Drawn, year: int, budget_milli: int) -> None:
    """Nobody's budget is passed, or nothing is published."""
    before = {row.home: row.epsilon_milli for row in tx.publications.spent(year)}
    costs: Sequence[tuple[int, int]] = [
        (before.get(home, 0), cost)
        for home, cost in zip(cohort.homes[drawn.rows].tolist(), drawn.epsilon_milli.tolist(), strict=True)
        if cost
    ]
    over = [spent for spent, cost in costs if spent + cost > budget_milli]
    if over:
        left = budget_milli - max(over)
        fix = f"{shown(left)} is left until the year ends: ask for a smaller epsilon" if left else "wait for next year"
        raise GateRefusal(
            "budget", f"{len(over)} homes would pass their privacy budget of {shown(budget_milli)} for {year}",
            where=f"epsilon {shown(max(cost for _, cost in costs))}", fix=fix,
        )  # fmt: skip

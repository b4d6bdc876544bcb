"""Published statistics: what is out, publishing within the homes' budgets, and the epsilon ledger."""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.model.publication import Statistic
from quietgrid.runtime.publishing import milli, statistic_of
from quietgrid.store.publications import SpentRow
from quietgrid.wire.publication import Publication


@dataclass(frozen=True, slots=True)
class Budget:
    """What is spent of a year's privacy budget; no home is named.

    Args:
        year: calendar year. budget_milli: of each home, thousandths. most_milli: of the home that spent most.
        homes: that are in some statistic of the year.
    """

    year: int
    budget_milli: int
    most_milli: int
    homes: int


def published(services: Services, viewer: Viewer, month: str = "") -> list[Publication]:
    """Published statistics, newest period first; of one month (``2026-03``) or of all."""
    require(viewer, Permission.PUBLISHED)
    return [found for found in services.publishing.all() if not month or services.publishing.name_of(found) == month]


def publish(
    services: Services, viewer: Viewer, statistic: str, month: str = "", epsilon: float | None = None
) -> tuple[Publication, bool]:
    """Publish a statistic of a billed month (default: the newest), or serve what is published of it already.

    Returns: The publication, and whether it is new.

    Raises:
        GateRefusal: rule ``budget``: a home would pass its budget of the year; ``floor``: no group is large enough.
        NotFoundError: no bills were made for the month. InputError: no such statistic, or an unusable epsilon.
    """
    require(viewer, Permission.PUBLISH)
    wanted, cost = statistic_of(statistic), None if epsilon is None else milli(epsilon)
    with services.changing():
        return services.publishing.publish(wanted, services.publishing.month(month), viewer.account, cost)


def months(services: Services, viewer: Viewer) -> list[str]:
    """Months with bills, newest first."""
    require(viewer, Permission.PUBLISHED)
    return list(services.publishing.months())


def margin(services: Services, viewer: Viewer, statistic: Statistic) -> int:
    """How far noise would move a figure (95 %) at the usual epsilon; Wh, or homes."""
    require(viewer, Permission.PUBLISHED)
    return services.publishing.margin(statistic)


def ledger(
    services: Services, viewer: Viewer, year: int | None = None, *, limit: int | None = None, offset: int = 0
) -> list[SpentRow]:
    """The epsilon ledger, home by home: for the auditor."""
    require(viewer, Permission.LEDGER)
    return services.publishing.spent(year, limit, offset)


def budget(services: Services, viewer: Viewer, year: int) -> Budget:
    """How much of a year's budget is spent, over all homes."""
    require(viewer, Permission.PUBLISHED)
    most, homes = services.publishing.most_spent(year)
    return Budget(year, services.publishing.rules.budget_milli, most, homes)

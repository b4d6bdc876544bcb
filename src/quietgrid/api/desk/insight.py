"""Comparison: what the community publishes for it, and a home's encrypted questions to this platform."""

from __future__ import annotations

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.errors import ForbiddenError, NotFoundError
from quietgrid.model.insight import ALL, CommunityStatistics
from quietgrid.runtime.insight import Step
from quietgrid.runtime.insight_jobs import Engine, InsightJobs, Limits, checked_hash, jobs_of
from quietgrid.store.insight import KeyRow, RequestRow
from quietgrid.wire.insight import CommunityFigures, statistics_in


def _own(services: Services, viewer: Viewer) -> tuple[InsightJobs, int]:
    require(viewer, Permission.OWN_INSIGHT)
    if viewer.home is None:
        raise ForbiddenError("this is for households", where=f"role {viewer.role.value}")
    return jobs_of(services.insight_jobs), viewer.home


# -- what is published ---------------------------------------------------------------------------------------------


def community(
    services: Services, viewer: Viewer, month: str = "", group: str = ALL
) -> tuple[CommunityStatistics, CommunityFigures, str]:
    """What is published for comparison: for people, as it is signed, and its hash.

    Raises:
        NotFoundError: nothing is published for the month, or of the group. GateRefusal: rule ``floor``.
    """
    require(viewer, Permission.PUBLISHED)
    signed = services.insight.figures(month, group)
    figures = decode(CommunityFigures, signed.body)
    return statistics_in(figures), figures, signed.hash().hex()


def months(services: Services, viewer: Viewer) -> list[str]:
    """Months that homes can be compared in, newest first."""
    require(viewer, Permission.PUBLISHED)
    return services.insight.months()


def publish(services: Services, viewer: Viewer, month: str = "") -> list[Step]:
    """Publish what a comparison of a billed month needs and is not out yet.

    Raises:
        NotFoundError: the month is not billed. UnavailableError: not all of its bills are opened.
    """
    require(viewer, Permission.PUBLISH)
    with services.changing():
        return services.insight.publish_due(month, viewer.account)


def for_home(services: Services, viewer: Viewer, month: str, group: str) -> tuple[Signed, list[str], list[str]]:
    """What the asking home is compared with, the groups it is in, the months there are."""
    require(viewer, Permission.OWN_BILLS)
    if viewer.home is None:
        raise ForbiddenError("this is for households", where=f"role {viewer.role.value}")
    signed, groups = services.insight.for_home(viewer.home, month, group)
    return signed, groups, services.insight.months()


# -- encrypted -----------------------------------------------------------------------------------------------------


def engine(services: Services, viewer: Viewer) -> tuple[Engine, KeyRow | None, int, Limits]:
    """Whether this platform can compute, the home's key, questions that wait, limits."""
    jobs, home = _own(services, viewer)
    try:
        kept: KeyRow | None = jobs.key(home)
    except NotFoundError:
        kept = None
    return jobs.engine(), kept, jobs.waiting(), jobs.limits


def put_key(services: Services, viewer: Viewer, key: bytes) -> KeyRow:
    """Keep the home's server key; see `InsightJobs.put_key`."""
    jobs, home = _own(services, viewer)
    services.insight_rate.take(f"key {home}")
    return jobs.put_key(home, key)


def key(services: Services, viewer: Viewer) -> KeyRow:
    """The home's server key, without the key itself."""
    jobs, home = _own(services, viewer)
    return jobs.key(home)


def forget(services: Services, viewer: Viewer) -> None:
    """Erase the home's server key, questions and answers."""
    jobs, home = _own(services, viewer)
    jobs.forget(home)


def ask(services: Services, viewer: Viewer, figures: str, sealed: tuple[bytes, bytes, bytes]) -> RequestRow:
    """Take an encrypted question; see `InsightJobs.ask`."""
    jobs, home = _own(services, viewer)
    services.insight_rate.take(f"ask {home}")
    return jobs.ask(home, checked_hash(figures), sealed)


def request(services: Services, viewer: Viewer, id: str) -> tuple[RequestRow, str, int, CommunityFigures]:
    """A question of the home: itself, its state, its place in the queue, what it is compared with."""
    jobs, home = _own(services, viewer)
    row = jobs.find(home, id)
    return row, *jobs.place(row), services.insight.by_hash(row.figures)


def requests(services: Services, viewer: Viewer) -> list[tuple[RequestRow, str, int, CommunityFigures]]:
    """The home's questions, newest first."""
    jobs, home = _own(services, viewer)
    return [(row, *jobs.place(row), services.insight.by_hash(row.figures)) for row in jobs.of_home(home)]


def drop(services: Services, viewer: Viewer, id: str) -> None:
    """Erase a question and its answer."""
    jobs, home = _own(services, viewer)
    jobs.drop(home, id)

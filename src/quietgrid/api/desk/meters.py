"""Meters without readings; and a home's own sealed series, which only that home can open."""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.accounts import Permission, Role, Viewer, require
from quietgrid.api.services import Services
from quietgrid.errors import ForbiddenError, NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.readings import EXPORT, IMPORT, REGISTER_NAMES, register_list
from quietgrid.store.registry import NEVER
from quietgrid.wire.own import SealedSeries

REGISTERS = {"history": (IMPORT, EXPORT), "consumption": (IMPORT,), "production": (EXPORT,)}
"""Which registers the three addresses are about."""


@dataclass(frozen=True, slots=True)
class MeterView:
    """One meter as the utility may know it: who it is, never what it measured.

    Args:
        pid, home: pseudonymous ids. leaf: feeder section, empty before it is listed. registers: certified for.
        since_day: UTC day of enrolment. state: ``active``, ``waiting`` (for keyholders), ``retired``.
    """

    pid: int
    home: int
    leaf: str
    registers: tuple[str, ...]
    since_day: int
    state: str


def meters(services: Services, viewer: Viewer) -> list[MeterView]:
    """All meters, in order of enrolment."""
    require(viewer, Permission.METERS)
    with services.store.read() as tx:
        known = tx.registry.meters()
    try:
        members = services.members()
        leaf_of = {int(p): members.leaf_names[leaf] for p, leaf in zip(members.pids, members.leaves, strict=True)}
    except NotFoundError:
        leaf_of = {}
    today = int(services.now()) // 86_400
    columns = (known.pids, known.homes, known.registers, known.d0, known.retired, known.active)
    return [
        MeterView(
            pid, home, leaf_of.get(pid, ""), tuple(REGISTER_NAMES[r] for r in register_list(registers)), d0,
            "retired" if retired < NEVER and retired <= today else "active" if active else "waiting",
        )
        for pid, home, registers, d0, retired, active in zip(*(c.tolist() for c in columns), strict=True)
    ]  # fmt: skip


def own_meters(services: Services, viewer: Viewer) -> list[int]:
    """The pids of the viewer's own home."""
    require(viewer, Permission.OWN_SERIES)
    with services.store.read() as tx:
        return [meter.pid for meter in tx.registry.meters_of(_home(viewer))]


def sealed(services: Services, viewer: Viewer, pid: int, kind: str, window: Window) -> list[SealedSeries]:
    """A home's own ciphertexts, one message a register.

    Args:
        kind: ``history`` (both registers), ``consumption`` or ``production``.

    Raises:
        ForbiddenError: anyone else asks. NotFoundError: another home's meter.
    """
    if viewer.role is not Role.HOUSEHOLD:
        raise ForbiddenError(
            "individual readings are not available to any role",
            where=f"role {viewer.role.value}",
            fix="ask for a total of a group (/api/v1/totals); a home fetches its own readings sealed and opens them",
        )
    require(viewer, Permission.OWN_SERIES)
    with services.store.read() as tx:
        own = {meter.pid: meter.registers for meter in tx.registry.meters_of(_home(viewer))}
    if pid not in own:
        raise NotFoundError("there is no such meter at your home", where="meter", fix="check the number")
    able = register_list(own[pid])
    return [
        services.own.sealed(_home(viewer), pid, register, window) for register in REGISTERS[kind] if register in able
    ]


def _home(viewer: Viewer) -> int:
    if viewer.home is None:
        raise ForbiddenError("this is for households", where=f"role {viewer.role.value}")
    return viewer.home

"""For auditors: answers withheld because keyholders contradict each other, and who was found to have lied."""

from __future__ import annotations

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.crypto.public.envelope import Signed
from quietgrid.runtime.disputes import Disputes, Withheld
from quietgrid.wire.disputes import NOBODY, Evidence, Finding, MeterWord


def withheld(services: Services, viewer: Viewer) -> list[Withheld]:
    """All withheld answers, newest first."""
    require(viewer, Permission.LEDGER)
    return _disputes(services).withheld()


def evidence(services: Services, viewer: Viewer, name: str) -> Evidence:
    """What the auditor needs for one; no ciphertext.

    Raises:
        NotFoundError: no withheld answer has this name.
    """
    require(viewer, Permission.LEDGER)
    return _disputes(services).evidence(name)


def word(services: Services, viewer: Viewer, pid: int, day: int) -> MeterWord:
    """A meter's signed record of a day, with the key-check values by which a keyholder is convicted."""
    require(viewer, Permission.LEDGER)
    return _disputes(services).word(pid, day)


def take(services: Services, viewer: Viewer, signed: Signed) -> bool:
    """Take the auditor's signed finding, write it into the log and open the answer from the others; True if new."""
    require(viewer, Permission.LEDGER)
    with services.changing() as platform:
        new = _disputes(services).take(signed)
        platform.resume()
    return new


def words(services: Services, viewer: Viewer, found: Finding | None) -> str:
    """A finding in one sentence; empty while there is none."""
    require(viewer, Permission.LEDGER)
    if found is None:
        return ""
    who = "the meter gave two keyholders different keys" if found.liar == NOBODY else f"keyholder {found.liar} lied"
    return f"{who}: {found.why}"


def _disputes(services: Services) -> Disputes:
    return Disputes(services.platform.parts)

"""The platform as the auditor's machine reaches it: every request is signed with the auditor's key."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quietgrid.client.reach import Reach
from quietgrid.crypto.public.envelope import Signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.model.interval import Clock, SystemClock
from quietgrid.wire.disputes import Evidence, MeterWord
from quietgrid.wire.request_auth import AUDITOR, authorization

DISPUTES = "/api/v1/disputes"


def signer(identity: Identity, community: bytes, clock: Clock | None = None) -> Callable[[str, str, bytes], str]:
    """What signs the auditor's requests, by the machine's clock.

    Args:
        identity: Of the auditor. community: 16 bytes.
    """
    now = (clock or SystemClock()).now
    return lambda method, target, body: authorization(identity, community, AUDITOR, (method, target, body), now())


class Dispute(msgspec.Struct):
    """A withheld answer as it is listed; `finding` is empty until somebody was found."""

    name: str
    kind: str
    node: str
    quantity: str
    start: str
    end: str
    since: str
    components: list[str]
    suspects: list[str]
    finding: str


class _Listed(msgspec.Struct):
    disputes: list[Dispute]


class AuditorPlatform:
    """The platform for the auditor.

    Args:
        url: Its address. sign: `signer`. connect_s, read_s: seconds to wait.

    Raises (every call):
        UnavailableError: it cannot be reached. QuietgridError: what it answered.
    """

    def __init__(
        self, url: str, sign: Callable[[str, str, bytes], str], *, connect_s: float = 1.0, read_s: float = 60.0
    ) -> None:
        self._reach = Reach(url, "the platform", connect_s=connect_s, read_s=read_s, sign=sign)

    def disputes(self) -> list[Dispute]:
        """Withheld answers, newest first."""
        return self._reach.get_json(DISPUTES, _Listed).disputes

    def evidence(self, name: str) -> Evidence:
        """What is needed to narrow one down."""
        return self._reach.get(f"{DISPUTES}/{name}/evidence", Evidence)

    def word(self, pid: int, day: int) -> MeterWord:
        """A meter's enrolment and its signed record of a UTC day."""
        return self._reach.get(f"{DISPUTES}/meters/{pid}/{day}", MeterWord)

    def report(self, finding: Signed) -> bool:
        """Hand in a signed `Finding`; True if it is new."""
        return self._reach.post(f"{DISPUTES}/findings", msgspec.msgpack.encode(finding), bool)

    def close(self) -> None:
        """Let go of connections."""
        self._reach.close()

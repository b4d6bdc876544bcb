"""The demo substation's gateway: its key, its registration with the platform, its signed batches."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from quietgrid.client.reach import Reach
from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import VerificationError
from quietgrid.model.grid import Measurement
from quietgrid.runtime.commissioning import SAMPLE, Commissioning
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.telemetry import SetPoints, batch_of

TELEMETRY = "/api/v1/grid/telemetry"
GATEWAY = "demo-substation"


class GatewayLink:
    """Signs batches, numbers them, checks the answers.

    Args:
        url: Of the platform. card: the community. identity: the gateway's key. name: of the gateway. count: file with
            the number that was used last.
    """

    def __init__(self, url: str, card: CommunityCard, identity: Identity, name: str, count: Path) -> None:
        self._reach = Reach(url, "the platform", connect_s=1.0, read_s=20.0)
        self._card, self._identity, self._name, self._count = card, identity, name, count

    def send(self, measured: Sequence[Measurement]) -> SetPoints:
        """Send one batch; what holds.

        Raises:
            UnavailableError: the platform is away. QuietgridError: it refuses, or its answer does not hold.
        """
        number = self._next()
        batch = self._identity.sign(batch_of(self._card.community, self._name, number, measured))
        signed = self._reach.post(TELEMETRY, pack_signed(batch), Signed)
        answer = open_signed(signed, SetPoints, self._card.platform_pk)
        if (answer.community, answer.gateway, answer.sequence) != (self._card.community, self._name, number):
            raise VerificationError("the answer is to another batch", where="set-points", fix="ask again")
        return answer

    def close(self) -> None:
        """Let go of connections."""
        self._reach.close()

    def _next(self) -> int:
        """A number above all before: counted, and never below the seconds since 1970, should the file be lost."""
        last = int(self._count.read_text()) if self._count.exists() else 0
        number = max(last + 1, int(time.time()))
        fresh = self._count.with_name(self._count.name + ".new")
        fresh.write_text(str(number))
        os.replace(fresh, self._count)
        return number


def gateway_identity(state: Path) -> Identity:
    """The gateway's key in a demo's state directory."""
    return Identity.load_or_create(state / "plant" / "gateway.key")


def found_plant(state: Path, plan: Commissioning) -> bool:
    """Make the gateway's key and register it with the platform; False where the homes' grid is not known."""
    if plan.source != SAMPLE:
        return False
    identity = gateway_identity(state)
    file = state / "grid" / "telemetry.toml"
    if not file.exists():
        file.parent.mkdir(exist_ok=True, mode=0o700)
        file.write_text(f'[[gateway]]\nname = "{GATEWAY}"\nkey = "{identity.public.hex()}"\n')
    return True

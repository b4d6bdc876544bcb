"""A demo's storage stations inside one process: their keyholders, the platform's side, a link that is a call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from quietgrid.client.platform import Accepted
from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.keyholder import Keyholder, Parts
from quietgrid.lab.local import LocalLink
from quietgrid.lab.stations import STATIONS, found_stations
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.founding import Folders, body, found, read_card
from quietgrid.runtime.storing import Storing, storing_at
from quietgrid.store import open_keyholder
from quietgrid.wire.storing import PlanState

LIVE = 16_992
"""UTC day on which the demo goes live: 2016-07-10."""


class Pool:
    """Stations' keyholders and the platform's side of them.

    Args:
        state: An empty folder. stations: how many.
    """

    def __init__(self, state: Path, stations: int = STATIONS) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.state, self.clock = state, ClockFile(state / "clock")
        if not self.clock.path.exists():
            self.at((LIVE - 5) * DAY_S)
            found(Folders(state), "Lab", "Europe/Berlin", 900, "EUR", X25519)
        plan = Commissioning([], [], [], "", (LIVE - 5) * 96, 5 * 96, "sample")
        found_stations(state, plan, GateRules(), stations)
        self.links = [LocalLink(index) for index in range(3)]
        peers = {(i, j): LocalLink(j) for i in range(3) for j in range(3) if i != j}
        folders = Folders(state / "stations")
        card = read_card(folders.card)
        self.keyholders = []
        for index in range(3):
            keys, folder = body(folders.keyholder(index)), folders.keyholder(index)
            parts = Parts(
                index, card, keys.identity, keys.kem, open_keyholder(folder / "keyholder.db", self.clock),
                KeyFiles(folder / "keys"), self.clock, GateRules(), [peers[index, j] for j in range(3) if j != index],
            )  # fmt: skip
            self.keyholders.append(Keyholder(parts))
        for index, keyholder in enumerate(self.keyholders):
            self.links[index].keyholder = keyholder
            for other in range(3):
                if other != index:
                    peers[other, index].keyholder = keyholder
        self.storing = self.open()

    def at(self, unix: float) -> None:
        """Set the demo's clock."""
        self.clock.write(Tick(float(unix), 0))

    def open(self) -> Storing:
        """The platform's side, from what is on disk."""
        storing = storing_at(self.state, self.links, self.clock, GateRules())
        assert storing is not None
        return storing

    def close(self) -> None:
        """Let go of everything."""
        self.storing.stop()
        for keyholder in self.keyholders:
            keyholder.parts.store.close()
            keyholder.parts.keys.close()


class Direct:
    """The platform by calls instead of HTTP."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.answers: dict[str, PlanState] = {}

    def put_key(self, signed: Signed) -> str:
        """See `Link`."""
        return self.pool.storing.take_key(pack_signed(signed))

    def drop_key(self, signed: Signed) -> None:
        """See `Link`."""
        self.pool.storing.drop_key(pack_signed(signed))

    def ask(self, signed: Signed) -> PlanState:
        """See `Link`."""
        return self.pool.storing.ask(pack_signed(signed))

    def state(self, plan: str) -> PlanState:
        """See `Link`."""
        said = self.answers[plan] = self.pool.storing.state(plan)
        return said

    def post_frames(self, frames: Sequence[bytes]) -> Accepted:
        """See `Link`."""
        got = self.pool.storing.accept(b"".join(frames))
        return Accepted(got.status, got.reasons, got.receipt, got.order.tolist())

    def standing(self, nonce: bytes, pids: Sequence[int]) -> Signed:
        """See `Link`."""
        return self.pool.storing.standing(nonce, np.array(pids, np.uint64))

"""The platform over HTTP, as storage stations see it. No account: what they send is signed or MACed.

POST /api/v1/storage/keys       Signed[StationKey] -> key id;  /keys/gone  Signed[StationKeyGone]
POST /api/v1/storage/plans      Signed[PlanQuestion] -> PlanState;  GET /plans/{id} -> PlanState
POST /api/v1/storage/readings   frames one after the other -> Accepted;  /standing  (nonce, pids) -> Signed[Standing]
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from quietgrid.client.platform import FRAMES, Accepted, _Accepted
from quietgrid.client.reach import Reach
from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.errors import UnavailableError
from quietgrid.wire.storing import PlanState

BASE = "/api/v1/storage"


class StationClient:
    """One platform.

    Args:
        url: Its address. connect_s, read_s: seconds to wait.

    Raises (every call):
        UnavailableError: it cannot be reached. QuietgridError: what it answered.
    """

    def __init__(self, url: str, *, connect_s: float = 2.0, read_s: float = 120.0) -> None:
        self._reach = Reach(url, "the platform", connect_s=connect_s, read_s=read_s)

    def put_key(self, signed: Signed) -> str:
        """Send a server key (30 MB); its id."""
        return self._reach.post(f"{BASE}/keys", pack_signed(signed), str)

    def drop_key(self, signed: Signed) -> None:
        """Take the server key back."""
        self._reach.post(f"{BASE}/keys/gone", pack_signed(signed), bool)

    def ask(self, signed: Signed) -> PlanState:
        """Ask for a plan; the same again says how far it is."""
        return self._reach.post(f"{BASE}/plans", pack_signed(signed), PlanState)

    def state(self, plan: str) -> PlanState:
        """How far a plan is; with the encrypted answer once it is there."""
        return self._reach.get(f"{BASE}/plans/{plan}", PlanState)

    def post_frames(self, frames: Sequence[bytes]) -> Accepted:
        """Send sealed frames; see `PlatformClient.post_frames`."""
        got = self._reach.post(f"{BASE}/readings", b"".join(frames), _Accepted, FRAMES)
        if len(got.status) != len(frames) or any(not 0 <= place < len(frames) for place in got.order):
            raise UnavailableError("it answered for other frames", where=self._reach.url, fix="check its version")
        return Accepted(np.frombuffer(got.status, np.uint8), got.reasons, got.receipt, got.order)

    def standing(self, nonce: bytes, pids: Sequence[int]) -> Signed:
        """How far the concentrator has each meter's frames, signed."""
        return self._reach.post(f"{BASE}/standing", msgspec.msgpack.encode((nonce, list(pids))), Signed)

    def close(self) -> None:
        """Let go of connections."""
        self._reach.close()

"""What a keyholder is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Clock
from quietgrid.store import KeyholderStore
from quietgrid.wire.links import PeerLink
from quietgrid.wire.messages import CommunityCard

if TYPE_CHECKING:
    from quietgrid.keyholder.decrypting import Decryption


@dataclass
class Parts:
    """What a keyholder is made of.

    Args:
        index: 0 association, 1 grid operator's privacy office, 2 regulator.
        card: The community it serves. identity, kem: its keys. store, keys: its database and key files.
        clock: Time. rules: the gate's numbers. peers: links to the other two.
        engine: What opens sums in suite 2; None with masks.
    """

    index: int
    card: CommunityCard
    identity: Identity
    kem: PrivateKem
    store: KeyholderStore
    keys: KeyFiles
    clock: Clock
    rules: GateRules = field(default_factory=GateRules)
    peers: Sequence[PeerLink] = ()
    engine: Decryption | None = None

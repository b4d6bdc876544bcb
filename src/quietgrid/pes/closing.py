"""Closing: what arrived, said once. A close is persisted before it is sent and is never said otherwise again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.model.interval import Clock, slots_per_day
from quietgrid.model.party import MemberList
from quietgrid.store import CloseRow, PlatformStore
from quietgrid.wire.columns import pack_bits
from quietgrid.wire.messages import Close


class Closer:
    """Signs closes for the leaves of an epoch.

    Args:
        store: The platform's. identity: the platform's signing key. clock: time.
    """

    def __init__(self, store: PlatformStore, identity: Identity, clock: Clock) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock

    def close(self, members: MemberList, day: int, a: int, b: int, version: NDArray[np.int16]) -> list[Signed]:
        """Close slots [a, b) of a day for every leaf; returns the closes in leaf order, old ones as they were.

        Args:
            members: The epoch's newest list. day: UTC day. a, b: slots within it.
            version: int16 [rows of the list, b - a]: version that counts, -1 where nothing arrived.

        Returns:
            One signed close per leaf. Slots that were closed before (after a restart) keep their first close.
        """
        per_day = slots_per_day(members.window.resolution)
        first, end = day * per_day + a, day * per_day + b
        now = self._clock.now()
        out: list[Signed] = []
        with self._store.begin() as tx:
            for leaf in range(len(members.leaf_names)):
                known = tx.answers.closes(leaf, first, end)
                if known:
                    out += [unpack_signed(row.signed) for row in known]
                    continue
                signed = self._identity.sign(_close(members, leaf, (day, a, b), version[members.rows(leaf)], now))
                tx.answers.put_close(
                    CloseRow(signed.hash(), "close", members.epoch, leaf, first, end, pack_signed(signed))
                )
                out.append(signed)
        return out


def _close(members: MemberList, leaf: int, span: tuple[int, int, int], version: NDArray[np.int16], now: float) -> Close:
    day, a, b = span
    rows, slots = np.nonzero(version > 0)
    numbers = version[rows, slots]
    versions = [(int(r), int(s) + a, int(v)) for r, s, v in zip(rows, slots, numbers, strict=True)]
    return Close(
        members.community, members.epoch, members.revision, leaf, day, a, b, pack_bits(version >= 0), versions, now
    )

"""Homes that had everything erased: their meters are dropped at once, and later closes leave them out.

What the platform does when a household asks for it (`wire.own.Erase`): forget the meters' MAC keys, so that no frame of
theirs is taken, and list the home, so that no close, late close or bill names it from then on. Closes of before stay as
they were voted. Of what is on a chain the salts go: of its bills' leaves and of its shares of claims, and which
addresses were its own; roots, sums and postings stay, as the books need them.

Privacy: the sealed readings of before stay, and nobody has the keys any more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.concentrator import Concentrator
from quietgrid.crypto.public.envelope import Signed, pack_signed
from quietgrid.errors import NotFoundError
from quietgrid.runtime import claims
from quietgrid.store import PlatformStore, PlatformTx

ERASED = "erased"
"""Kind of the documents: home -> encoded `Signed[Erase]`."""


def erased_homes(tx: PlatformTx) -> set[int]:
    """Homes that were erased."""
    return {int(home) for home in tx.documents.all(ERASED)}


class Erasures:
    """The erased homes of one platform.

    Args:
        store: The platform's. concentrator: forgets their keys.
    """

    def __init__(self, store: PlatformStore, concentrator: Concentrator) -> None:
        self._store, self._concentrator = store, concentrator
        self.refresh()

    def refresh(self) -> None:
        """Read again whose keys are deleted."""
        with self._store.read() as tx:
            self._homes = erased_homes(tx)

    @property
    def homes(self) -> frozenset[int]:
        """Which homes."""
        return frozenset(self._homes)

    def of(self, homes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """bool [n]: which of these homes are erased."""
        return np.isin(homes, np.array(sorted(self._homes), np.uint64))

    def take(self, home: int, signed: Signed) -> bool:
        """Drop a home's meters; True if that is new. The caller has checked that its household signed this `Erase`.

        Raises:
            NotFoundError: no such home.
        """
        with self._store.begin() as tx:
            meters = tx.registry.meters_of(home)
            if not meters:
                raise NotFoundError("there is no such home", where=f"home {home}", fix="check the number")
            new = tx.documents.find(ERASED, str(home)) is None
            if new:
                tx.documents.put(ERASED, str(home), pack_signed(signed))
                tx.log.append("household", "home.erase", f"home {home}", {"meters": len(meters)})
            for meter in meters:
                tx.registry.drop_key(meter.pid)
            tx.anchors.forget(f"home:{home:016x}")
            claims.forget(tx, home)
        self._homes.add(home)
        self._concentrator.refresh()
        self._store.scrub()
        return new

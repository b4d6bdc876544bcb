"""The privacy floor as votes raised it: from what `CommunityParameters` said to what everybody here runs with.

A raised floor is one signed notice (`FloorRaised`), kept before it is told, and told until each keyholder has had it.
It begins with a UTC day that is at least a whole day away. Of the setting and the vote the higher one holds.
"""

from __future__ import annotations

from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.model.closed import GateRules, Raised
from quietgrid.model.interval import DAY_S, Clock
from quietgrid.model.parameter import PRIVACY_FLOOR
from quietgrid.model.sending import ChainEvent
from quietgrid.runtime.keyholders import Keyholders
from quietgrid.runtime.ruled import CONTRACT, MOST
from quietgrid.store import PlatformStore, PlatformTx
from quietgrid.wire.floor import FloorRaised
from quietgrid.wire.messages import CommunityCard

KIND = "floor"
LEAD_DAYS = 2
"""The floor begins with the day after next: every keyholder has a whole day to hear of it."""


def raised(tx: PlatformTx) -> list[Raised]:
    """The floors that were announced, oldest first."""
    return [decode(FloorRaised, unpack_signed(data).body).raised() for data in tx.documents.all(KIND).values()]


class Floors:
    """The gate's numbers by day.

    Args:
        store: The platform's, with the notices. rules: as the settings have them.
    """

    def __init__(self, store: PlatformStore, rules: GateRules) -> None:
        self._store, self._rules = store, rules

    def on(self, day: int) -> GateRules:
        """The numbers for totals of a UTC day, and for bills and events of a period that begins on it."""
        with self._store.read() as tx:
            return self._rules.on_day(raised(tx), day)

    def today(self, clock: Clock) -> GateRules:
        """The numbers as they are now."""
        return self.on(int(clock.now()) // DAY_S)

    def announce(self, identity: Identity, card: CommunityCard, keyholders: Keyholders, clock: Clock) -> bool:
        """Tell the keyholders of a floor that the newest vote raised, if they were not told; True if it is new."""
        now = clock.now()
        with self._store.read() as tx:
            event = _newest(tx)
            coming = max([self._rules.k, *(one.k for one in raised(tx))])
        if event is None or int(event.values["newValue"]) <= coming:
            return False
        day = int(now) // DAY_S + LEAD_DAYS
        with self._store.begin() as tx:
            day = max([day, *(one.day + 1 for one in raised(tx))])
            message = FloorRaised(
                card.community, int(event.values["newValue"]), day, event.block,
                bytes.fromhex(event.transaction.removeprefix("0x")), now,
            )  # fmt: skip
            signed = identity.sign(message)
            tx.documents.put(KIND, f"{day:09d}", pack_signed(signed))
            keyholders.keep(tx, [signed])
            tx.log.append("governance", "floor.raise", f"{message.homes} homes", {"day": day, "block": event.block})
        keyholders.catch_up()
        return True


def _newest(tx: PlatformTx) -> ChainEvent | None:
    """The newest change of the floor that the chain knows."""
    changed = tx.chain.events(contract=CONTRACT, name="ParameterChanged", limit=MOST)
    return next((one for one in changed if one.values.get("parameter") == PRIVACY_FLOOR), None)

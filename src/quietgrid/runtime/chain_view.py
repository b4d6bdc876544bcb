"""`ChainView`: what votes and assets are read from: what contracts said, and the node for what only it knows.

The platform keeps what was said. A household asks the node itself: it needs nobody's word, and nobody learns what it
looks at but who runs the node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quietgrid.chain.client import Chain
from quietgrid.chain.indexer import BLOCKS_AT_ONCE, event_of
from quietgrid.errors import UnavailableError
from quietgrid.model.sending import ChainEvent
from quietgrid.store.stores import PlatformStore

MOST = 100_000
SETTLED = 64
"""Blocks that may still turn out not to be there."""


@dataclass(frozen=True)
class ChainView:
    """One community's chain, to read.

    Args:
        events: contract -> what it said, oldest first. chain: the node. addresses: the contracts by name.
        people: address -> name of accounts that are known here.
    """

    events: Callable[[str], list[ChainEvent]]
    chain: Chain
    addresses: Mapping[str, str]
    people: Mapping[str, str] = field(default_factory=dict)


def view_of(
    store: PlatformStore, chain: Chain, addresses: Mapping[str, str], people: Mapping[str, str] | None = None
) -> ChainView:
    """The platform's view: what it keeps."""

    def events(contract: str) -> list[ChainEvent]:
        with store.read() as tx:
            return tx.chain.events(contract=contract, limit=MOST)[::-1]

    return ChainView(events, chain, addresses, dict(people or {}))


class NodeEvents:
    """What contracts said, read from the node and kept in memory; blocks that are not settled are read again.

    Args:
        chain: The node. addresses: of the contracts that are listened to, by name.
    """

    def __init__(self, chain: Chain, addresses: Mapping[str, str]) -> None:
        self._chain, self._names = chain, {address.lower(): name for name, address in addresses.items()}
        self._held: list[ChainEvent] = []
        self._read = -1
        self.away = False
        """Whether the node did not answer at the last look."""

    def __call__(self, contract: str) -> list[ChainEvent]:
        """What one contract said until the last look, oldest first."""
        return [event for event in self._held if event.contract == contract]

    def look(self) -> None:
        """Read what is new.

        Raises:
            UnavailableError: the node is away; what was read before stays.
        """
        try:
            self._read_on()
            self.away = False
        except UnavailableError:
            self.away = True
            raise

    def _read_on(self) -> None:
        height = self._chain.height()
        if height == self._read:
            return
        first = max(0, min(self._read, height) - SETTLED + 1)
        held = [event for event in self._held if event.block < first]
        for start in range(first, height + 1, BLOCKS_AT_ONCE):
            logs = self._chain.logs(list(self._names), start, min(start + BLOCKS_AT_ONCE - 1, height))
            held += [event for log in logs if (event := event_of(self._names, log)) is not None]
        self._held, self._read = held, height

"""The chain as the household's process sees it: read from the node itself, shared by its homes.

What is public is read for all at once; only votes and claims are sent for one home, from its own accounts.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from quietgrid.errors import UnavailableError
from quietgrid.household.rewards import Node

if TYPE_CHECKING:
    from quietgrid.runtime.chain_view import ChainView, NodeEvents

NEEDED = (
    "GridGovernor", "GovernanceToken", "CommunityParameters", "EnergyAssetNFT", "AssetShares", "RevenuePool",
    "EnergyToken",
)  # fmt: skip


class NodeReader:
    """One node, read as little as possible.

    Args:
        node: Where it is, and the file of the contracts' addresses; None: this process knows of none.
    """

    def __init__(self, node: Node | None) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._view: ChainView | None = None
        self._events: NodeEvents | None = None

    @property
    def state(self) -> str:
        """``off``, ``starting`` (no contract is known), ``away`` or ``live``, by what the last look found."""
        if self._node is None:
            return "off"
        if self._events is None:
            return "starting"
        return "away" if self._events.away else "live"

    def look(self) -> ChainView | None:
        """The chain after a look at it; None where there is none, or nothing is known of it yet."""
        if self._node is None:
            return None
        from quietgrid.chain.book import AddressBook
        from quietgrid.chain.client import Chain
        from quietgrid.runtime.chain_view import ChainView, NodeEvents

        with self._lock:
            try:
                if self._view is None:
                    chain = Chain(self._node.url)
                    addresses = AddressBook(self._node.book).of(chain.chain_id())
                    if not set(NEEDED) <= set(addresses):
                        return None
                    self._events = NodeEvents(chain, {name: addresses[name] for name in NEEDED})
                    self._view = ChainView(self._events, chain, addresses)
                assert self._events is not None
                self._events.look()
            except UnavailableError:
                return self._view
            return self._view

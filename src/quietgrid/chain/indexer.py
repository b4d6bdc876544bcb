"""What contracts said, taken from blocks that are deep enough; taken back when a block turns out not to be there.

A look compares the newest checkpoint's hash with the chain. If they differ (a reorganisation deeper than was waited
for, or a node that lost its last blocks), checkpoints are dropped until one agrees, and everything after it is read
again. So the store always holds exactly the events of one chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quietgrid.chain import abi
from quietgrid.chain.client import Chain, Log
from quietgrid.model.sending import ChainEvent

BLOCKS_AT_ONCE = 2_000


class EventJournal(Protocol):
    """Where events are kept; every call is a commit of its own."""

    def checkpoint(self) -> tuple[int, str] | None:
        """The newest block up to which events were taken, and its hash."""

    def take_events(self, events: Sequence[ChainEvent], block: int, block_hash: str) -> None:
        """Keep the events of everything up to a block."""

    def rewind(self, below: int) -> int:
        """Take back what came with checkpoints from a block on; where it stands now."""


class Indexer:
    """Reads the events of a community's contracts.

    Args:
        chain: The node. addresses: by contract name; several addresses of one kind as ``Name#2``. journal: where events
            are kept. confirmations: how deep a block must be.
    """

    def __init__(
        self, chain: Chain, addresses: Mapping[str, str], journal: EventJournal, confirmations: int = 1
    ) -> None:
        self._chain, self._journal, self._confirmations = chain, journal, confirmations
        self._names = {address.lower(): name.partition("#")[0] for name, address in addresses.items()}

    def step(self) -> int:
        """Take what is new; how many events.

        Raises:
            UnavailableError: the node is away.
        """
        after = self._agreed()
        last = self._chain.height() - self._confirmations + 1
        taken = 0
        while after < last:
            end = min(after + BLOCKS_AT_ONCE, last)
            logs = self._chain.logs(list(self._names), after + 1, end)
            block = self._chain.block(end)
            if block is None:
                return taken  # the chain got shorter meanwhile; the next look finds out
            events = [event for log in logs if (event := event_of(self._names, log)) is not None]
            self._journal.take_events(events, end, block.hash)
            taken += len(events)
            after = end
        return taken

    def _agreed(self) -> int:
        """The newest block that the store and the chain have in common."""
        while True:
            held = self._journal.checkpoint()
            if held is None:
                return 0
            block = self._chain.block(held[0])
            if block is not None and block.hash == held[1]:
                return held[0]
            self._journal.rewind(held[0])


def event_of(names: Mapping[str, str], log: Log) -> ChainEvent | None:
    """A log decoded; None if it is of another contract, or cannot be read.

    Args:
        names: address in small letters -> contract.
    """
    name = names.get(log.address.lower())
    found = abi.decode_event(name, log.topics, log.data) if name else None
    if found is None:
        return None
    values = {key: _plain(value) for key, value in found.values.items()}
    return ChainEvent(
        log.block, log.index, log.block_hash, log.transaction, found.contract, log.address, found.name, values
    )


def _plain(value: Any) -> Any:
    """As JSON has it; whole numbers over 2^53 as text, so that no reader rounds them."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 1 << 53:
        return str(value)
    return value

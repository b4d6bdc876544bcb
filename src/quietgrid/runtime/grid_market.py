"""What the chain said of markets: stopped, or a circuit broken. Read from what was taken of it; no node is asked."""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.store.stores import PlatformTx

CONTRACT = "GridManagement"
MOST_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class ChainMarket:
    """What the chain said last of markets. Args: stopped: only a vote ends it. broken: a circuit is to be reset."""

    stopped: bool = False
    broken: bool = False

    @property
    def why(self) -> str:
        """Why markets are closed there; empty if they are open."""
        if self.stopped:
            return "stopped on the chain: a vote ends it"
        return "a circuit is broken on the chain: the operator's account resets it" if self.broken else ""


def market_said(tx: PlatformTx) -> ChainMarket:
    """What the platform took from the chain."""
    stopped: bool | None = None
    circuits: dict[str, bool] = {}
    for event in tx.chain.events(contract=CONTRACT, limit=MOST_EVENTS):  # the newest first: what was said last counts
        if event.name in ("GridStopped", "GridResumed") and stopped is None:
            stopped = event.name == "GridStopped"
        elif event.name in ("CircuitBroken", "CircuitReset"):
            circuits.setdefault(str(event.values.get("regionCode")), event.name == "CircuitBroken")
    return ChainMarket(bool(stopped), any(circuits.values()))

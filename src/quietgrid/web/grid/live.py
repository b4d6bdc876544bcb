"""What grid pages are told while they are open: that something is new, not what; they fetch it as their viewer."""

from __future__ import annotations

from quietgrid.accounts import Permission
from quietgrid.api.events import Event
from quietgrid.api.services import Services
from quietgrid.model.operation import PlanState

MOST = 100


class GridLive:
    """Says ``fresh grid`` once a change: a state, an alarm or who saw it, a breaker, a plan, a stop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._told: object = None

    def __call__(self) -> list[Event]:
        """The event, if anything changed since the last call."""
        with self._services.store.read() as tx:
            last, stop = tx.grid.last_state(), tx.grid.stop()
            alarms = [(one.id, one.until, one.seen_at) for one in tx.grid.alarms(lasting=True, limit=MOST)]
            breakers = sorted((name, one.state) for name, one in tx.grid.breakers().items())
            waiting = [one.number for one in tx.grid.plans(state=PlanState.PROPOSED, limit=MOST)]
            version = tx.grid.network_version()
        now = (None if last is None else last.slot, stop, alarms, breakers, waiting, version)
        before, self._told = self._told, now
        return [] if before is None or before == now else [Event("fresh", {"what": "grid"}, Permission.GRID)]

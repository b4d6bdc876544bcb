"""What pages draw of the grid: the one-line diagram, a week of voltages, prices of a plan, frequency and islands.

Privacy: opened totals, what was measured at heads and busbars, the network without what is known of single homes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.algorithms.powerflow import group_loss_w
from quietgrid.algorithms.voltage.quality import Week
from quietgrid.api.desk.grid import MOST
from quietgrid.api.services import Services
from quietgrid.balance.diagram_style import Shown, shown
from quietgrid.balance.frequency import (
    Assets,
    FrequencyReport,
    FrequencySettings,
    IslandStudy,
    assets_of,
    frequency_report,
    island_study,
)
from quietgrid.balance.part import part
from quietgrid.balance.supply import supply_weeks
from quietgrid.errors import InputError
from quietgrid.model.grid import MeasuredKind, Measurement
from quietgrid.model.interval import DAY_S, Window
from quietgrid.model.network import Network, UnitKind
from quietgrid.model.operation import GridState
from quietgrid.model.sending import Sending
from quietgrid.runtime.grid_planning import caps_of
from quietgrid.wire.frequency import MeasuredFrequency, read_frequency

MONDAY_DAYS = 4
"""1970-01-05 was a Monday."""
HOURS_A_YEAR = 8_766.0
ON_CHAIN = "grid "
"""What the outbox's keys of the grid begin with."""


@dataclass(frozen=True)
class Drawing:
    """What a one-line diagram needs.

    Args:
        network: in force, its units replaced by one connection a node. states: of the newest interval; None before the
            first, or where no flow exists. state: that interval. losses_w: of each group's branches, in its order.
    """

    network: Network
    states: Shown | None
    state: GridState | None
    losses_w: tuple[float, ...]

    def part(self, group: str) -> Drawing:
        """One group of it, with what feeds it.

        Raises:
            NotFoundError: there is no such group.
        """
        network, nodes, branches = part(self.network, group)
        states = self.states
        if states is not None:
            states = shown(states.voltage[nodes], states.loading[branches])
        return replace(self, network=network, states=states, losses_w=())


def drawing(services: Services, viewer: Viewer) -> Drawing:
    """The network coloured by its newest state.

    Raises:
        NotFoundError: there is no network.
    """
    require(viewer, Permission.GRID)
    found = services.grid.network()
    with services.store.read() as tx:
        latest = tx.grid.last_state()
    plain = _without_homes(found)
    flow = services.grid.flow(latest.slot) if latest is not None and latest.feasible else None
    if flow is None or not bool(flow.converged[0]):
        return Drawing(plain, None, latest, ())
    losses = tuple(group_loss_w(found, flow)[0].tolist())
    return Drawing(plain, shown(flow.voltage[0], flow.loading[0]), latest, losses)


def _without_homes(network: Network) -> Network:
    """The same network with one unit a node where anything hangs: not what, not whose, not how much."""
    units = network.units
    nodes = np.unique(units.nodes)
    count = len(nodes)
    names = tuple(f"connection at {network.nodes.names[node]}" for node in nodes.tolist())
    plain = replace(
        units, names=names, nodes=nodes.astype(np.int32), kinds=(UnitKind.LOAD,) * count, rated_w=np.zeros(count),
        rated_var=np.zeros(count), storage_wh=np.zeros(count), yearly_wh=np.full(count, np.nan),
        profiles=("",) * count, closed=np.ones(count, np.bool_),
    )  # fmt: skip
    return replace(network, units=plain)


def weeks(services: Services, viewer: Viewer) -> dict[str, Week]:
    """EN 50160: group -> its running week (from Monday, 00:00 UTC); nothing before the first state.

    Raises:
        NotFoundError: there is no network.
    """
    require(viewer, Permission.GRID)
    network = services.grid.network()
    with services.store.read() as tx:
        last = tx.grid.last_state()
        if last is None:
            return {}
        start = ((int(last.ends - 1) // DAY_S - MONDAY_DAYS) // 7 * 7 + MONDAY_DAYS) * DAY_S
        kept = tx.grid.states(Window(start // last.resolution, last.slot + 1, last.resolution))
    return {week.group: week for week in supply_weeks(kept, network, start, last.resolution)}


@dataclass(frozen=True, slots=True)
class Frame:
    """What a plan has to keep to: prices of its window (None where not known), and the most that feeds all, W."""

    feed: str
    price_micro_per_kwh: list[int | None]
    most_w: int | None


def frame(services: Services, viewer: Viewer, window: Window) -> Frame:
    """Prices and the rating of what feeds all groups, over a plan's window."""
    require(viewer, Permission.GRID)
    model = services.grid.model()
    most: int | None = None
    if model is not None:
        cap = int(caps_of(model.network, window)[-1].import_wh[0]) * 3600 // window.resolution
        most = cap if cap < 10**12 else None
    with services.store.read() as tx:
        for feed in tx.registry.feeds():
            values, known = tx.registry.prices(feed, window)
            if known.any():
                pairs = zip(values.tolist(), known.tolist(), strict=True)
                return Frame(feed, [int(v) if k else None for v, k in pairs], most)
    return Frame("", [None] * len(window), most)


def recorded(services: Services, viewer: Viewer, limit: int = 20) -> list[Sending]:
    """What the grid has on the chain or on its way there, the newest first."""
    require(viewer, Permission.CHAIN)
    with services.store.read() as tx:
        found = [one for one in tx.chain.sendings(limit=MOST) if one.key.startswith(ON_CHAIN)]
    return found[:limit]


# -- frequency -------------------------------------------------------------------------------------------------------


def measured_frequency(services: Services, viewer: Viewer, start: float, end: float) -> list[Measurement]:
    """What was measured (or simulated) of the system's frequency in [start, end), oldest first."""
    require(viewer, Permission.GRID)
    with services.store.read() as tx:
        return [one for one in tx.grid.measurements(start, end, MeasuredKind.FREQUENCY_MILLIHZ) if one.good]


def island(
    services: Services, viewer: Viewer, *, loss: int = 3, charge: int = 50, priorities: Mapping[str, int] | None = None
) -> tuple[IslandStudy, Assets, bool]:
    """What follows when the community, cut off, loses part of its generation; nothing is switched.

    Args:
        loss: per cent of the load. charge: of the batteries, per cent. priorities: of load shedding, by group.

    Returns:
        The study, what answers, and whether the load is that of the newest interval (else the year's mean).

    Raises:
        NotFoundError: there is no network. InputError: a loss or charge that is none, or nothing draws power.
    """
    require(viewer, Permission.GRID)
    network = services.grid.network()
    if not (1 <= loss <= 100 and 0 <= charge <= 100):
        raise InputError("this cannot be studied", where=f"loss {loss} %, charge {charge} %",
                         fix="a loss of 1 to 100 %, a charge of 0 to 100 %")  # fmt: skip
    settings = FrequencySettings(charge=charge / 100, priorities=dict(priorities or {}))
    with services.store.read() as tx:
        latest = tx.grid.last_state()
    load = {} if latest is None else {one.group: float(one.power_w) for one in latest.groups}
    now = sum(max(one, 0.0) for one in load.values()) > 0
    if not now:
        load = _yearly(network)
    study = island_study(network, load, settings, loss_share=loss / 100)
    return study, assets_of(network, settings.charge, 0.0), now


def judged(services: Services, viewer: Viewer, text: str, tz: str) -> tuple[MeasuredFrequency, FrequencyReport]:
    """How a pasted or uploaded course of frequency was, and what the community's batteries would have given along it.

    Args:
        text: CSV of stamps and frequencies, see `wire.frequency`. tz: zone of stamps without an offset.

    Raises:
        SourceError: it is no such file. NotFoundError: there is no network.
    """
    require(viewer, Permission.GRID)
    network = services.grid.network()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frequency.csv"
        path.write_text(text, encoding="utf-8")
        found = read_frequency(path, tz)
    report = frequency_report(found.hz, float(found.step_s), assets_of(network), FrequencySettings())
    return found, report


def _yearly(network: Network) -> dict[str, float]:
    """Group -> what it draws in the year's mean, W."""
    mean = np.nan_to_num(network.units.yearly_wh / HOURS_A_YEAR) * network.units.sign
    return {name: float(mean[network.unit_groups == row].sum()) for row, name in enumerate(network.groups)}

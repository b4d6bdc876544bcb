"""`GET /metrics`: the platform's counters in the text form that Prometheus reads.

No series is about a home: counts of the whole platform, and what the grid's groups and branches carry.

Source: Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.services import Services
from quietgrid.balance.service import BREAKERS, breaker
from quietgrid.model.grid import Priority
from quietgrid.model.operation import BreakerState, PlanState

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
MOST = 1_000
_STATES = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 1.0}


@dataclass
class Metric:
    """One metric with its samples.

    Args:
        name, kind, help: as Prometheus has them; kind is ``gauge`` or ``counter``. samples: labels and value.
    """

    name: str
    kind: str
    help: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> Metric:
        """One more sample; none where nothing is known."""
        if value is not None and not isnan(value):
            self.samples.append((labels, float(value)))
        return self


def exposition(metrics: Iterable[Metric]) -> str:
    r"""The text.

    >>> print(exposition([Metric("a_w", "gauge", "watts").add(2.5, group='x "y"')]), end="")
    # HELP a_w watts
    # TYPE a_w gauge
    a_w{group="x \"y\""} 2.5
    """
    lines = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for labels, value in metric.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            shown = int(value) if value.is_integer() else value
            lines.append(f"{metric.name}{{{inside}}} {shown}" if inside else f"{metric.name} {shown}")
    return "\n".join(lines) + "\n"


def metrics(services: Services, viewer: Viewer) -> str:
    """The platform's metrics as text."""
    require(viewer, Permission.GRID)
    return exposition([*_platform(services), *_grid(services)])


def _platform(services: Services) -> list[Metric]:
    away = services.platform.keyholders.away
    holders = Metric("quietgrid_keyholder_up", "gauge", "whether a keyholder answered last")
    for index in range(len(services.platform.parts.links)):
        holders.add(0 if index in away else 1, keyholder=str(index))
    with services.store.read() as tx:
        closed, sendings = tx.answers.last_close(0), tx.chain.sending_counts()
        entries = tx.log.head()[0]
    resolution = services.card.resolution
    chain = Metric("quietgrid_chain_transactions", "gauge", "transactions in the outbox by state")
    for state, count in sendings.items():
        chain.add(count, state=state)
    lag = max(0.0, services.now() - closed * resolution) if closed else None
    return [
        holders,
        Metric("quietgrid_closed_lag_seconds", "gauge", "time since the end of what is closed").add(lag),
        Metric("quietgrid_refused_frames_total", "counter", "sealed frames refused by this process").add(
            services.refused_frames
        ),
        Metric("quietgrid_log_entries_total", "counter", "lines of the audit log").add(entries),
        chain,
    ]


def _grid(services: Services) -> list[Metric]:
    with services.store.read() as tx:
        state, alarms = tx.grid.last_state(), tx.grid.alarms(lasting=True, limit=MOST)
        unseen, breakers = len(tx.grid.alarms(unseen=True, limit=MOST)), [breaker(tx, name) for name in BREAKERS]
        waiting = len(tx.grid.plans(state=PlanState.PROPOSED, limit=MOST))
    lasting = Metric("quietgrid_grid_alarms", "gauge", "alarms that last, by priority")
    for priority in Priority:
        lasting.add(sum(alarm.priority is priority for alarm in alarms), priority=priority.name.lower())
    switches = Metric("quietgrid_grid_breaker", "gauge", "0 closed, 0.5 half-open, 1 open")
    for one in breakers:
        switches.add(_STATES[one.state], breaker=one.name)
    sources = Metric("quietgrid_grid_source_up", "gauge", "whether a gateway or device sent or answered just now")
    for source in services.telemetry.standing() if services.telemetry else ():
        sources.add(int(source.reachable), source=source.name, kind=source.kind)
    watched = services.grid.watch()
    market = services.grid.market()[0]
    out = [
        lasting, switches, sources,
        Metric("quietgrid_grid_watched_groups", "gauge", "groups watched for attacks").add(len(watched.groups)),
        Metric("quietgrid_grid_alarms_unseen", "gauge", "alarms nobody has acknowledged").add(unseen),
        Metric("quietgrid_grid_plans_waiting", "gauge", "plans that wait for approval").add(waiting),
        Metric("quietgrid_grid_market_open", "gauge", "whether markets are open").add(int(market)),
    ]  # fmt: skip
    if state is None:
        return out
    power = Metric("quietgrid_grid_power_watts", "gauge", "net draw of a group, mean of the newest interval")
    voltage = Metric("quietgrid_grid_voltage_ratio", "gauge", "estimated voltages of a group's nodes, of rated")
    loading = Metric("quietgrid_grid_loading_ratio", "gauge", "loading of the fullest branches, of rated")
    for group in state.groups:
        power.add(group.power_w, group=group.group)
        for name, value in (("p5", group.p5), ("p50", group.p50), ("p95", group.p95)):
            voltage.add(value, group=group.group, quantile=name)
    for branch, share in list(state.loading.items())[:5]:
        loading.add(share, branch=branch)
    hertz = None if state.frequency_millihz is None else state.frequency_millihz / 1000
    return [
        *out, power, voltage, loading,
        Metric("quietgrid_grid_state_seconds", "gauge", "end of the newest interval, Unix seconds").add(state.ends),
        Metric("quietgrid_grid_feasible", "gauge", "whether a power flow exists").add(int(state.feasible)),
        Metric("quietgrid_grid_source_watts", "gauge", "from upstream").add(state.source_w),
        Metric("quietgrid_grid_loss_watts", "gauge", "lost in branches").add(state.loss_w),
        Metric("quietgrid_grid_unexplained_watts", "gauge", "measured, neither used nor lost").add(state.unexplained_w),
        Metric("quietgrid_grid_frequency_hertz", "gauge", "as measured; absent if nobody measures").add(hertz),
    ]  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

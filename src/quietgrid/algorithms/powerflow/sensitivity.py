"""How voltages, branch flows and losses move with what nodes draw, around one state.

Source: central differences of the power flow itself, so that taps, charging currents and the losses' own change are in
it; a shift factor (PTDF) is a row of `from_w`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.powerflow.engine import Flow, Model
from quietgrid.errors import InputError
from quietgrid.model.network import NO_GROUP, Floats, Network, Rows

STEP_W = 1_000.0
STEP_VOLTAGE = 1e-3


@dataclass(frozen=True)
class Sensitivity:
    """Derivatives; columns are x = draws in W at `nodes`, then in var at `nodes`, then source voltages (relative).

    Args:
        nodes: int32 [l], as `Model.load_nodes`. voltage: [n, x], relative per W (var, 1).
        from_w, to_w, from_var, to_var: [b, x], W (var) per W (var, 1). loading: [b, x], of the rating per W (var, 1).
        loss: [x].
    """

    nodes: Rows
    voltage: Floats
    from_w: Floats
    to_w: Floats
    from_var: Floats
    to_var: Floats
    loading: Floats
    loss: Floats

    @property
    def by_w(self) -> slice:
        """The columns of active draws."""
        return slice(0, len(self.nodes))

    @property
    def by_var(self) -> slice:
        """The columns of reactive draws."""
        return slice(len(self.nodes), 2 * len(self.nodes))


def sensitivity(model: Model, node_w: Floats, node_var: Floats, source_voltage: Floats | None = None) -> Sensitivity:
    """Derivatives around one state.

    Args:
        node_w, node_var: [l], draws at `Model.load_nodes`. source_voltage: [s]; the network's unless told.

    Raises:
        InputError: there is no state there.

    Cost: 2 (2 l + s) power flows.
    """
    loads = len(model.load_nodes)
    voltage = model.network.sources.voltage if source_voltage is None else source_voltage
    steps = np.concatenate([np.full(2 * loads, STEP_W), np.full(len(voltage), STEP_VOLTAGE)])
    moves = np.concatenate([np.diag(steps), -np.diag(steps)])
    found = model.flow_at(
        node_w + moves[:, :loads],
        node_var + moves[:, loads : 2 * loads],
        source_voltage=voltage + moves[:, 2 * loads :],
    )
    if not found.converged.all():
        raise InputError("there is no state around these draws", where=model.network.name, fix="draw less")
    half = len(steps)

    def slope(values: Floats) -> Floats:
        return np.asarray((values[:half] - values[half:]).T / (2 * steps), np.float64)

    return Sensitivity(
        model.load_nodes, slope(found.voltage), slope(found.from_w), slope(found.to_w), slope(found.from_var),
        slope(found.to_var), slope(found.loading), slope(found.loss_w[:, None])[0],
    )  # fmt: skip


def group_weights(network: Network, nodes: Rows, node_shares: Floats) -> Floats:
    """[l, g]: what a watt of a group is at its nodes, by their shares; columns of groups without any share are 0."""
    groups = network.nodes.groups[nodes]
    weights = np.zeros((len(nodes), len(network.groups)))
    inside = np.flatnonzero(groups != NO_GROUP)
    weights[inside, groups[inside]] = node_shares[inside]
    total = weights.sum(axis=0)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0), np.float64)


def group_loss_w(network: Network, flow: Flow) -> Floats:
    """[t, g]: what the branches of each group lose: those between its nodes and those that feed it (its heads)."""
    lost = flow.from_w + flow.to_w
    start, end = network.nodes.groups[network.branch_from], network.nodes.groups[network.branch_to]
    own = np.stack([(start == g) & (end == g) for g in range(len(network.groups))], axis=1).astype(np.float64)
    for branch, group in network.heads:
        own[branch, group] = 1.0
    return np.asarray(np.nan_to_num(lost) @ own, np.float64)

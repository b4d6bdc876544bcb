"""Small grids for tests: random radial networks, and what homes on them draw."""

from __future__ import annotations

import numpy as np

from quietgrid.model.network import Lines, Network, Nodes, Sources, UnitKind, Units
from tests.algorithms.test_powerflow import f, flags, no_transformers

BUSBAR = 1


def radial(rng: np.random.Generator, feeders: int = 2, nodes: int = 4, plants: bool = True) -> Network:
    """A source, a short line to a busbar, `feeders` trees of `nodes` nodes; a home at each, a plant at every other."""
    parents = [0]
    groups = [-1, -1]
    for feeder in range(feeders):
        first = len(groups)
        for i in range(nodes):
            parents.append(BUSBAR if i == 0 else int(rng.integers(max(first, first + i - 2), first + i)))
            groups.append(feeder)
    n, m = len(groups), len(parents)
    r = rng.uniform(0.01, 0.04, m)
    r[0] = 0.005
    homes = np.arange(2, n)
    roofs = homes[::2] if plants else homes[:0]
    u = len(homes) + len(roofs)
    kinds = (UnitKind.LOAD,) * len(homes) + (UnitKind.PV,) * len(roofs)
    yearly = np.concatenate([rng.uniform(2e6, 5e6, len(homes)), rng.uniform(3e6, 8e6, len(roofs))])
    return Network(
        "radial",
        Nodes(tuple(f"n{i}" for i in range(n)), np.full(n, 400.0), np.array(groups, np.int32), np.arange(n) * 1.0,
              np.zeros(n)),
        Lines(tuple(f"l{i}" for i in range(m)), np.array(parents, np.int32), np.arange(1, n, dtype=np.int32), r,
              r * 0.4, np.zeros(m), np.full(m, 150.0), np.ones(m, np.bool_), np.ones(m, np.bool_)),
        no_transformers(),
        Sources(("grid",), np.array([0], np.int32), f(1.0), flags(True)),
        Units(tuple(f"u{i}" for i in range(u)), np.concatenate([homes, roofs]).astype(np.int32), kinds, np.full(u, 8e3),
              np.where(np.arange(u) < len(homes), 1.6e3, 0.0), np.zeros(u), yearly, ("",) * u, np.ones(u, np.bool_)),
        tuple(f"F{i + 1}" for i in range(feeders)),
    )  # fmt: skip


def by_group(network: Network, draw_w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[t, g] twice: what homes drew and what plants fed in, by group."""
    member = network.unit_groups[:, None] == np.arange(len(network.groups))
    feeding = network.units.generating
    return draw_w[:, ~feeding] @ member[~feeding], -draw_w[:, feeding] @ member[feeding]

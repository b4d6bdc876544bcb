"""How far feed-in must go down so that voltages keep their limit: one number a group, or the least energy.

The number is whole per cent, as it is broadcast. It is found by halving on the true flow, all intervals side by side;
groups pull on each other through the transformer, so what is found is checked and lowered where it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms.voltage.sharing import Sharing
from quietgrid.model.network import Floats, Network, Rows

FULL = 100
"""Per cent: no curtailment."""
HALVINGS = 7
"""Of 0 to 100: enough for whole per cents."""
LOWERINGS = 100
CORRECTIONS = 6
MARGIN = 1e-5
"""Below the limit, relative: what linear programs aim at."""
Percent = NDArray[np.int64]
Voltages = Callable[[NDArray[np.intp], Floats], Floats]
"""(rows, feed-in limits [rows, u] in W) -> node voltages [rows, n]."""


def limits_w(percent: Percent, feeding_w: Floats, rated_w: Floats, groups: Rows, sharing: Sharing) -> Floats:
    """[t, u]: the most each plant may feed in, W; infinite where the plant is in no group.

    Args:
        percent: [t, groups], 100 is no limit. feeding_w: [t, u], what it could feed in. rated_w: [u]. groups: [u].
    """
    share = np.where(groups >= 0, percent[:, np.maximum(groups, 0)], FULL) / FULL
    base = feeding_w if sharing is Sharing.PROPORTIONAL else rated_w
    return np.where(share < 1, share * base, np.inf)


def find_percent(
    network: Network, high: float, feeding_w: Floats, rated_w: Floats, sharing: Sharing, voltages: Voltages
) -> Percent:
    """[t, groups]: the highest limits, in whole per cent, found that keep every node at or below `high`.

    Args:
        high: Relative voltage. feeding_w: [t, u], what plants could feed in. rated_w: [u]. voltages: what follows.

    Cost: 9 calls of `voltages`, and one more a point that groups give up for each other.
    """
    t, groups = len(feeding_w), len(network.groups)
    of_node = network.nodes.groups
    low, top = np.zeros((t, groups), np.int64), np.full((t, groups), FULL)

    def too_high(rows: NDArray[np.intp], percent: Percent) -> NDArray[np.bool_]:
        most = limits_w(percent, feeding_w[rows], rated_w, network.unit_groups, sharing)
        over = np.nan_to_num(voltages(rows, most)) > high
        return np.stack([over[:, of_node == group].any(axis=1) for group in range(groups)], axis=1)

    everything = np.arange(t)
    over = too_high(everything, top)
    low = np.where(over, low, FULL)
    for _ in range(HALVINGS):
        middle = (low + top) // 2
        over = too_high(everything, middle)
        top, low = np.where(over, middle, top), np.where(over, low, np.maximum(low, middle))
    percent, rows = low, everything
    for _ in range(LOWERINGS):
        over = too_high(rows, percent[rows])
        again = over.any(axis=1) & (percent[rows] > 0).any(axis=1)
        rows, over = rows[again], over[again]
        if not len(rows):
            break
        # a group that is still too high gives up a point; where it has none left, all do
        stuck = (over & (percent[rows] == 0)).any(axis=1, keepdims=True)
        percent[rows] = np.where(over | stuck, np.maximum(percent[rows] - 1, 0), percent[rows])
    return percent


def least_cuts(high: float, feeding_w: Floats, effect: Floats, voltages: Voltages) -> Floats:
    """[t, u]: limits, W, with the least feed-in lost: linear programs on sensitivities, corrected on the true flow.

    Args:
        high: Relative voltage. feeding_w: [t, u]. effect: [u, n], what a watt of feed-in raises each node by.

    Source: HiGHS (MIT); the linear model is the usual first-order one.
    """
    everything = np.arange(len(feeding_w))
    need = np.nan_to_num(voltages(everything, np.full_like(feeding_w, np.inf)) - high, nan=-1.0)
    cuts, best = np.zeros_like(feeding_w), np.full(len(feeding_w), np.inf)
    kept = feeding_w.copy()  # nothing fed in, where nothing less is found to do
    for _ in range(CORRECTIONS):
        for row in everything.tolist():
            cuts[row] = _least(need[row], feeding_w[row], effect)
        over = np.nan_to_num(voltages(everything, np.where(cuts > 0, feeding_w - cuts, np.inf)) - high, nan=-1.0)
        better = (over.max(axis=1) <= 0) & (cuts.sum(axis=1) < best)
        kept[better], best[better] = cuts[better], cuts[better].sum(axis=1)
        # where the true flow is off the linear one, in either direction, ask for as much more or less
        need = np.where((need > 0) | (over > 0), need + over + MARGIN, need)
    return np.where(kept > 0, feeding_w - kept, np.inf)


def _least(need: Floats, feeding: Floats, effect: Floats) -> Floats:
    """[u]: cuts of one interval: min sum(c), effect' c >= need at nodes that are too high, 0 <= c <= feeding."""
    import highspy

    plants, nodes = np.flatnonzero(feeding > 1.0), np.flatnonzero(need > 0)
    found = np.zeros(len(feeding))
    if not len(plants) or not len(nodes):
        return found
    rows = effect[np.ix_(plants, nodes)].T * 1e6  # a volt in a million a watt: keeps the matrix near one
    asked = np.minimum(need[nodes] * 1e6, rows @ feeding[plants] * (1 - 1e-9))
    library: Any = highspy
    solver = library.Highs()
    solver.setOptionValue("output_flag", False)
    lp = library.HighsLp()
    lp.num_col_, lp.num_row_ = len(plants), len(nodes)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.ones(len(plants)), np.zeros(len(plants)), feeding[plants]
    lp.row_lower_, lp.row_upper_ = asked, np.full(len(nodes), library.kHighsInf)
    lp.a_matrix_.format_ = library.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.arange(0, rows.size + 1, len(plants))
    lp.a_matrix_.index_ = np.tile(np.arange(len(plants)), len(nodes))
    lp.a_matrix_.value_ = rows.ravel()
    solver.passModel(lp)
    solver.run()
    found[plants] = np.array(solver.getSolution().col_value)
    return found

"""`Limits` around the newest interval whose totals are open: what market and response may use.

Privacy: sums of groups and what instruments measured.
"""

from __future__ import annotations

import numpy as np

from quietgrid.algorithms.powerflow import Model
from quietgrid.balance.limits import limits_of
from quietgrid.balance.state import network_state
from quietgrid.errors import NotFoundError
from quietgrid.model.interval import Window
from quietgrid.model.limits import Limits
from quietgrid.runtime.grid_totals import BACK, group_totals
from quietgrid.store.stores import PlatformTx


def newest_limits(tx: PlatformTx, model: Model, resolution: int) -> Limits:
    """The limits around the newest interval with a total of any group.

    Raises:
        NotFoundError: no total is open yet.

    Cost: see `limits_of`.
    """
    end = tx.answers.last_close(0)
    window = Window(max(0, end - BACK), end, resolution)
    known = group_totals(tx, model.network.groups, window).known.any(axis=0)
    if not known.any():
        raise NotFoundError("no total is open yet", where="grid", fix="wait for the first interval")
    slot = window.first + int(np.flatnonzero(known)[-1])
    one = Window(slot, slot + 1, resolution)
    measured = [m for m in tx.grid.measurements(slot * resolution, (slot + 1) * resolution) if m.good]
    state = network_state(model, group_totals(tx, model.network.groups, one), measured)
    return limits_of(model, state.estimate, one)


def tightest(limits: Limits) -> str:
    """The name of the limit that keeps some group from moving by its least watts; nothing where none does.

    The room of a voltage is relative, that of a branch in watts: they are compared by the watts a group has left.
    """
    best, name = np.inf, ""
    for table in (limits.draw, limits.feed):
        uses = table > 1e-15
        left = np.where(uses, np.maximum(limits.room[:, :1], 0.0) / np.where(uses, table, 1.0), np.inf)
        if left.size and left.min() < best:
            best = float(left.min())
            name = limits.names[int(np.unravel_index(np.argmin(left), left.shape)[0])]
    return name

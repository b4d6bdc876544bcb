"""What is lost in a group, and what is missing: measured at its heads, neither metered nor lost in cables.

A meter that is bypassed, or reports less than is used, shows here and nowhere else: the flow still passes the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.algorithms.powerflow.engine import Model
from quietgrid.algorithms.powerflow.estimation import Estimate
from quietgrid.algorithms.powerflow.prior import Sigmas
from quietgrid.algorithms.powerflow.sensitivity import group_loss_w
from quietgrid.errors import InputError
from quietgrid.model.network import Floats


@dataclass(frozen=True)
class Losses:
    """Losses of g groups over t intervals.

    Args:
        technical_w: [t, g], in cables and transformers, expected. missing_w: [t, g], head less metered less technical;
            NaN where head or total is not known. sigma_w: [t, g], how far `missing_w` may be from 0 without a cause.
    """

    technical_w: Floats
    missing_w: Floats
    sigma_w: Floats

    def score(self) -> Floats:
        """[g]: what is missing over the whole window, in standard deviations; NaN where nothing is known.

        Errors of meters are taken to be the same in every interval, so that a long window does not make a small
        calibration error look like theft.
        """
        known = np.isfinite(self.missing_w)
        missing = np.where(known, self.missing_w, 0.0).sum(axis=0)
        sigma = np.where(known, self.sigma_w, 0.0).sum(axis=0)
        return np.asarray(np.divide(missing, sigma, out=np.full(len(sigma), np.nan), where=sigma > 0), np.float64)


def losses(model: Model, state: Estimate, head_w: Floats, net_w: Floats, sigmas: Sigmas | None = None) -> Losses:
    """Technical losses from the flow, and what they leave unexplained.

    Args:
        state: Of the totals. Estimate it without the heads, or what is missing is spread over the homes.
        head_w: [t, g], measured into each group over all its heads, NaN where not. net_w: [t, g], opened totals,
            draw less feed-in, NaN where none.

    Raises:
        InputError: arrays that do not fit.

    Privacy: groups only. That a group misses energy says nothing about which home.
    """
    sigmas = sigmas or Sigmas()
    wanted = (len(state.weighted), len(model.network.groups))
    if head_w.shape != wanted or net_w.shape != wanted:
        raise InputError(f"heads {head_w.shape} and totals {net_w.shape} for {wanted}", where=model.network.name,
                         fix="one row an interval, one column a group")  # fmt: skip
    flat = group_loss_w(model.network, state.flow)
    factor = np.divide(state.loss_w, state.flow.loss_w, out=np.ones(wanted[0]), where=state.flow.loss_w > 0)
    technical = flat * np.where(np.isfinite(factor), factor, 1.0)[:, None]
    share = np.divide(technical, technical.sum(axis=1, keepdims=True), out=np.zeros(wanted),
                      where=technical.sum(axis=1, keepdims=True) > 0)  # fmt: skip
    sigma = np.sqrt(
        (sigmas.power_share * np.abs(head_w) + sigmas.power_w) ** 2
        + (sigmas.total_share * np.abs(net_w) + sigmas.total_w) ** 2
        + (share * np.nan_to_num(state.loss_sigma_w)[:, None]) ** 2
    )
    return Losses(technical, head_w - net_w - technical, sigma)

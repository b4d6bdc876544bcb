"""The system's frequency, simulated: it wanders around 50 Hz and comes back.

Source: an Ornstein-Uhlenbeck process, sampled exactly; spread and time as of the continental European grid (Schäfer et
al., "Non-Gaussian power grid frequency fluctuations", Nature Energy 3, 2018: about 20 mHz, minutes). Does not give its
heavy tails, nor the jumps at full hours. Labelled *simulated* wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, sqrt

import numpy as np

Frequency = Callable[[float, int], int]
"""(Unix seconds, draw of the community in W beyond what was planned) -> mHz. One that follows the grid goes here."""
RATED_MHZ, SPREAD_MHZ, BACK_S = 50_000, 20.0, 300.0


def simulated_frequency(seed: int) -> Frequency:
    """A frequency that the community does not move: it is a property of the whole system."""
    random = np.random.default_rng([seed, 50])
    state = [float("nan"), 0.0]

    def at(unix: float, _draw_w: int) -> int:
        before, deviation = state
        kept = exp(-max(0.0, unix - before) / BACK_S) if before == before else 0.0
        state[:] = unix, deviation * kept + SPREAD_MHZ * sqrt(1 - kept * kept) * float(random.standard_normal())
        return RATED_MHZ + round(state[1])

    return at

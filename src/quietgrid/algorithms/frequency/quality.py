"""How good a measured frequency is: time in bands, extremes, what was not measured.

Source: Regulation (EU) 2017/1485, annex III (standard frequency range ±50 mHz, maximum steady-state deviation 200 mHz);
EN 50160, 4.2.1: 10-second means, 49.5 to 50.5 Hz for 99.5 % of a year, 47 to 52 Hz always (systems with a synchronous
connection).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quietgrid.model.network import Floats


@dataclass(frozen=True, slots=True)
class FrequencyQuality:
    """What a stretch of measured frequency was like.

    Args:
        measured_s: seconds with a value. missing_s: without. mean_hz, lowest_hz, highest_hz: of single values.
        outside_50, outside_200: share of the measured time beyond ±50 and ±200 mHz. within_en50160: share of 10-second
            means within 49.5 to 50.5 Hz. always_en50160: whether all were within 47 to 52 Hz.
    """

    measured_s: float
    missing_s: float
    mean_hz: float
    lowest_hz: float
    highest_hz: float
    outside_50: float
    outside_200: float
    within_en50160: float
    always_en50160: bool


def frequency_quality(hz: Floats, step_s: float, rated_hz: float = 50.0) -> FrequencyQuality | None:
    """The quality of a measured frequency; None where nothing was measured.

    Args:
        hz: [t], NaN where not measured. step_s: between values.
    """
    known = hz[np.isfinite(hz)]
    if not len(known):
        return None
    off = np.abs(known - rated_hz)
    width = max(1, round(10 / step_s))
    whole = hz[: len(hz) // width * width].reshape(-1, width) if len(hz) >= width else known.reshape(1, -1)
    counted = np.isfinite(whole)
    means = np.where(counted, whole, 0.0).sum(axis=1)[counted.any(axis=1)] / counted.sum(axis=1)[counted.any(axis=1)]
    lacking = len(hz) - len(known)
    return FrequencyQuality(
        len(known) * step_s, lacking * step_s, float(known.mean()), float(known.min()), float(known.max()),
        float((off > 0.05).mean()), float((off > 0.2).mean()),
        float((np.abs(means - rated_hz) <= rated_hz / 100).mean()),
        bool(((means >= 0.94 * rated_hz) & (means <= 1.04 * rated_hz)).all()),
    )  # fmt: skip

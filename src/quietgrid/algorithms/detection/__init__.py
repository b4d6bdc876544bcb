"""Attacks on the grid seen in totals: false data at feeder heads, replay, load altered from outside."""

from quietgrid.algorithms.detection.features import Features, Normal, Series, features, learn
from quietgrid.algorithms.detection.watch import (
    EVERYWHERE,
    FEW_DAYS,
    Attack,
    Found,
    Score,
    Suspicion,
    Watch,
    calibrate,
    score,
    watch,
)

__all__ = [
    "EVERYWHERE", "FEW_DAYS", "Attack", "Features", "Found", "Normal", "Score", "Series", "Suspicion", "Watch",
    "calibrate", "features", "learn", "score", "watch",
]  # fmt: skip

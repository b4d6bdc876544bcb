"""What groups will take: forecasts from opened totals, calendar and weather, and how good they are."""

from quietgrid.algorithms.forecast.features import features
from quietgrid.algorithms.forecast.issuing import CALIBRATION_DAYS, QUANTILES
from quietgrid.algorithms.forecast.naive import WeekBefore, four_weeks
from quietgrid.algorithms.forecast.scores import Watch, brier, daily_peaks, pinball, watch, weekly_scale
from quietgrid.algorithms.forecast.trees import Grown, Growth, Trees

__all__ = [
    "CALIBRATION_DAYS", "QUANTILES", "Grown", "Growth", "Trees", "Watch", "WeekBefore", "brier", "daily_peaks",
    "features", "four_weeks", "pinball", "watch", "weekly_scale",
]  # fmt: skip

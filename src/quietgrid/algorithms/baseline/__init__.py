"""What would have been used without an event: sums that run on sealed readings, and rules that need opened numbers."""

from quietgrid.algorithms.baseline.comparing import Effect, Errors, control_group, errors, regression
from quietgrid.algorithms.baseline.days import DayRule, Days, look_back
from quietgrid.algorithms.baseline.linear import LinearBaseline, SealedRule, Shift, combined
from quietgrid.algorithms.baseline.open_rules import OpenRule, Scale, Take
from quietgrid.algorithms.baseline.presets import PRESETS, Preset, preset

__all__ = [
    "PRESETS", "DayRule", "Days", "Effect", "Errors", "LinearBaseline", "OpenRule", "Preset", "Scale", "SealedRule",
    "Shift", "Take", "combined", "control_group", "errors", "look_back", "preset", "regression",
]  # fmt: skip

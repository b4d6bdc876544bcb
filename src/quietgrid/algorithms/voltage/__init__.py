"""Voltage control in stages: taps, reactive power, batteries, feed-in by voltage, shared curtailment; EN 50160."""

from quietgrid.algorithms.voltage.characteristic import (
    PU_1_12,
    PU_BELOW_LIMIT,
    QU_4105,
    SUPPORT,
    Characteristic,
    reactive_reach,
)
from quietgrid.algorithms.voltage.quality import Band, Week, weeks
from quietgrid.algorithms.voltage.settling import Droops, Given, Loop, Settled, damping, steps_bound
from quietgrid.algorithms.voltage.sharing import Sharing, jain, shares
from quietgrid.algorithms.voltage.stages import Outcome, Settings, Stage, simulate
from quietgrid.algorithms.voltage.storing import advance, bounds
from quietgrid.algorithms.voltage.taps import TapControl, behind, compensated, middle, move

__all__ = [
    "PU_1_12",
    "PU_BELOW_LIMIT",
    "QU_4105",
    "SUPPORT",
    "Band",
    "Characteristic",
    "Droops",
    "Given",
    "Loop",
    "Outcome",
    "Settings",
    "Settled",
    "Sharing",
    "Stage",
    "TapControl",
    "Week",
    "advance",
    "behind",
    "bounds",
    "compensated",
    "damping",
    "jain",
    "middle",
    "move",
    "reactive_reach",
    "shares",
    "simulate",
    "steps_bound",
    "weeks",
]

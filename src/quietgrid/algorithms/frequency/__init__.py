"""Frequency: an area after a loss, what assets do by themselves, load shedding, quality of a measured course."""

from quietgrid.algorithms.frequency.area import Area, Course, Event, simulate
from quietgrid.algorithms.frequency.quality import FrequencyQuality, frequency_quality
from quietgrid.algorithms.frequency.response import Containment, Delivered, LimitedSensitive, Response, along
from quietgrid.algorithms.frequency.shedding import CONTINENTAL_EUROPE, CRITICAL, Block, Stage, shedding_plan

__all__ = [
    "CONTINENTAL_EUROPE", "CRITICAL", "Area", "Block", "Containment", "Course", "Delivered", "Event",
    "FrequencyQuality", "LimitedSensitive", "Response", "Stage", "along", "frequency_quality", "shedding_plan",
    "simulate",
]  # fmt: skip

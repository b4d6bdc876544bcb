"""Meters: read, seal, sign; one process may hold a bank of them, a real meter is a bank of one.

Runs at: home
Sees: open readings of its own home, its own keys of the last days
Never sees: another home's readings or keys; the roots, once it has enrolled
In: Readings from sensor, Receipt from concentrator, Book from billing
Out: Enrol, Frame, Sealed, DayRecord
"""

from quietgrid.meter.batch import SealedFrame
from quietgrid.meter.edge import Channel, Edge
from quietgrid.meter.enrol import Enrolled, Site, check_card, enrol
from quietgrid.meter.records import DayVector
from quietgrid.meter.service import MeterBank

__all__ = [
    "Channel", "DayVector", "Edge", "Enrolled", "MeterBank", "SealedFrame", "Site", "check_card", "enrol",
]  # fmt: skip

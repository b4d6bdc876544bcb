"""The nouns of Quietgrid, values only: standard library and NumPy, nothing of ours but `errors`."""

from quietgrid.model.feed import Feed, FeedAnswer, FeedReport, FeedRequest
from quietgrid.model.interval import Clock, Interval, ManualClock, SystemClock, Window
from quietgrid.model.party import Group, MemberList, Party, PartyKind
from quietgrid.model.pledge import Pledge
from quietgrid.model.posting import Posting
from quietgrid.model.question import Book, Kind, Quantity, Vector
from quietgrid.model.readings import EXPORT, IMPORT, Readings
from quietgrid.model.sealed import FrameHead, SealedReadings
from quietgrid.model.sending import ChainEvent, Sending, SendState
from quietgrid.model.signal import Signal, SignalKind
from quietgrid.model.tariff import Band, Block, Tariff, TariffKind
from quietgrid.model.total import Fact, Status, Total

__all__ = [
    "EXPORT", "IMPORT", "Band", "Block", "Book", "ChainEvent", "Clock", "Fact", "Feed", "FeedAnswer",
    "FeedReport", "FeedRequest", "FrameHead", "Group", "Interval",
    "Kind", "ManualClock", "MemberList", "Party", "PartyKind", "Pledge", "Posting", "Quantity", "Readings",
    "SealedReadings", "SendState", "Sending", "Signal", "SignalKind", "Status", "SystemClock", "Tariff", "TariffKind",
    "Total", "Vector", "Window",
]  # fmt: skip

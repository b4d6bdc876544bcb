"""Numbers from the world outside: prices, weather, grid load, carbon; each what two of three reporters agree on.

Runs at: platform (the collector) and three reporters, each a process with a key of its own
Sees: public series and measurements of the grid, reporters' signed reports
Never sees: a reading, a load curve of a home, a key of a household
In: FeedReport from reporters
Out: FeedRequest to reporters, FeedAnswer, Sending
"""

from quietgrid.feeds.collector import Books, Collector, FeedState, Ground
from quietgrid.feeds.reporter import Reporter
from quietgrid.feeds.rules import Verdict, judge, refusal
from quietgrid.feeds.sources import CsvSource, HttpSource, Source, read_sources

__all__ = [
    "Books", "Collector", "CsvSource", "FeedState", "Ground", "HttpSource", "Reporter", "Source", "Verdict", "judge",
    "read_sources", "refusal",
]  # fmt: skip

"""Files of readings, from other people's formats: Low Carbon London, UMass Smart*, any CSV.

lcl      the London trial            umass    one file a home, power every minute
generic  long or wide CSV            build    samples of any step -> whole Wh per interval
stamps   text -> UTC, with DST       table    fast, exact, knows its lines
"""

from quietgrid.wire.series.build import Series
from quietgrid.wire.series.generic import Columns, read_csv
from quietgrid.wire.series.lcl import read_lcl
from quietgrid.wire.series.umass import read_umass

__all__ = ["Columns", "Series", "read_csv", "read_lcl", "read_umass"]

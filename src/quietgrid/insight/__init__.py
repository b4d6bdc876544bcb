"""Comparison and advice: what a community publishes for it, and the comparison on numbers that cannot be read here.

Runs at: the platform; each computation in a process of its own
Sees: published statistics, totals of all homes, encrypted features and server keys, which home asks and when
Never sees: a reading, a home's features, what it learns, a client key
In: Publication from mdms, Total from mdms
Out: CommunityFigures to household
"""

from quietgrid.insight.figures import Averages, figures_of, slug
from quietgrid.insight.profile import degree_days, imports_of, mean_day
from quietgrid.insight.rules import DUE, Due, due

__all__ = ["DUE", "Averages", "Due", "degree_days", "due", "figures_of", "imports_of", "mean_day", "slug"]

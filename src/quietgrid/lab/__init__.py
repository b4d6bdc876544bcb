"""A whole community in one process: for research, tests and `quietgrid simulate`.

Real sealing, real votes, the real gate; only the walls between processes are missing, so nothing here protects
anyone from whoever runs it.
"""

from quietgrid.lab.community import Community, Resident
from quietgrid.lab.library import ask, open_total, seal

__all__ = ["Community", "Resident", "ask", "open_total", "seal"]

"""A whole community in one process: for research, tests and `quietgrid simulate`.

Real sealing, real votes, the real gate; only the walls between processes are missing, so nothing here protects
anyone from whoever runs it.
"""

from quietgrid.lab.community import Community

__all__ = ["Community"]

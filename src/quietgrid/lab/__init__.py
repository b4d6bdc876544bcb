"""A whole community in one process: for research, tests and `quietgrid simulate`.

Real sealing, real votes, the real gate; only the walls between processes are missing, so nothing here protects
anyone from whoever runs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietgrid.lab.community import Community, Resident
    from quietgrid.lab.library import ask, open_total, seal

__all__ = ["Community", "Resident", "ask", "open_total", "seal"]
_PLACES = {
    "Community": "quietgrid.lab.community",
    "Resident": "quietgrid.lab.community",
    "ask": "quietgrid.lab.library",
    "open_total": "quietgrid.lab.library",
    "seal": "quietgrid.lab.library",
}


def __getattr__(name: str) -> object:
    """Loaded when first asked for: the simulated meters do not wait for keyholders and platform."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)

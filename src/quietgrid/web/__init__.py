"""Pages: signing in, one evening in three views, MDMS, audit trail. `mount` puts them beside the API."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietgrid.web.site import create_site, mount

__all__ = ["create_site", "mount"]
_PLACES = {
    "create_site": "quietgrid.web.site",
    "mount": "quietgrid.web.site",
}


def __getattr__(name: str) -> object:
    """Loaded when first asked for: whoever needs a format does not wait for the pages and the API."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)

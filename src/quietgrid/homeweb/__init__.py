"""The household's pages on its own origin: what `household` opens, shown by the templates of `web`.

A room above both, so that neither the stage knows the faces nor the faces can reach what unmasks. Whoever starts the
household's process uses `homeweb.serve`; `issue_link` makes a sign-in link for it from another process.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quietgrid.homeweb.pages import create_app
    from quietgrid.homeweb.settings import PageSettings, Recipient
    from quietgrid.homeweb.signin import LinkSessions, issue_link, renew_link

__all__ = ["LinkSessions", "PageSettings", "Recipient", "create_app", "issue_link", "renew_link"]
_PLACES = {
    "LinkSessions": "quietgrid.homeweb.signin",
    "PageSettings": "quietgrid.homeweb.settings",
    "Recipient": "quietgrid.homeweb.settings",
    "create_app": "quietgrid.homeweb.pages",
    "issue_link": "quietgrid.homeweb.signin",
    "renew_link": "quietgrid.homeweb.signin",
}


def __getattr__(name: str) -> object:
    """Loaded when first asked for: whoever makes a sign-in link does not wait for the pages."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)

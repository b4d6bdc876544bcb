"""The household's pages on its own origin: what `household` opens, shown by the templates of `web`.

A room above both, so that neither the stage knows the faces nor the faces can reach what unmasks. Whoever starts the
household's process uses `serve`; `issue_link` makes a sign-in link for it from another process.
"""

from quietgrid.homeweb.pages import create_app, pages
from quietgrid.homeweb.serve import serve
from quietgrid.homeweb.settings import PageSettings, Recipient
from quietgrid.homeweb.signin import LinkSessions, issue_link

__all__ = ["LinkSessions", "PageSettings", "Recipient", "create_app", "issue_link", "pages", "serve"]

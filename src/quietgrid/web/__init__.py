"""Pages: signing in, one evening in three views, MDMS, audit trail. `mount` puts them beside the API."""

from quietgrid.web.site import create_site, mount

__all__ = ["create_site", "mount"]

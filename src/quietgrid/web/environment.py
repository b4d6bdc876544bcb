"""The templates and what every page needs around them.

The household's pages live on another origin and in another process, but look the same: whoever starts that
process hands it a `render` made here, so that no stage imports the faces.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from quietgrid.web.formats import FILTERS

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"


@cache
def environment() -> Environment:
    """The Jinja environment: everything is escaped, a missing variable is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals["version"] = static_version()
    return made


@cache
def static_version() -> str:
    """Eight hex digits that change whenever a static file does, so that browsers may keep files for ever."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def render(template: str, context: dict[str, object]) -> str:
    """The page `template` (for example ``household/home.html``); its first comment lists the context it needs.

    Raises:
        jinja2.UndefinedError: A variable is missing from `context`.
    """
    return environment().get_template(template).render(context)


def security_headers(*, frames: str = "", framed_by: str = "") -> dict[str, str]:
    """The headers of every page: nothing inline, nothing from elsewhere.

    Args:
        frames: The one other origin this page may show in a frame (the household's, on the start page).
        framed_by: The one other origin that may show this page in a frame.
    """
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-src {frames or chr(39) + 'none' + chr(39)}; "
        f"frame-ancestors {framed_by or chr(39) + 'none' + chr(39)}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }

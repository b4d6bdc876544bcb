"""`quietgrid up`: the whole demo, from nothing to live."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from quietgrid.cli.output import Json, command_app, emit

if TYPE_CHECKING:
    from quietgrid.lab.up import Links

app = command_app(
    "up", "Start the demo community: keyholders, platform, households and meters, and show where to look."
)


@app.default
def up(
    *,
    state: Path | None = None,
    source: str = "",
    homes: int | None = None,
    days: int | None = None,
    port: int | None = None,
    pace: float | None = None,
    browser: bool = False,
    as_json: Json = False,
) -> int:
    """Start the demo community and run it until Ctrl-C. A second `up` goes on where the first one stopped.

    Args:
        state: Folder of databases and keys.
        source: A file of your own readings that `quietgrid import` wrote; the sample unless told (first start only).
        homes: How many homes take part (first start only); all of a file unless told.
        days: Days of history to replay (first start only).
        port: First port to try.
        pace: Seconds a live interval takes.
        browser: Open the start page.
    """
    from quietgrid.lab.up import up as run
    from quietgrid.runtime.config import load

    settings = load()
    chosen = settings.model_fields_set
    given = source or (settings.source if "source" in chosen else "")
    own = given not in ("", "sample")
    everyone = own and "homes" not in chosen
    name = {"name": settings.name} if own or "name" in chosen else {}

    def show(links: Links, fresh: bool) -> None:
        people = [{"who": who, "link": link} for who, link in links.people]
        width = max(len(who) for who, _ in links.people)
        text = [
            "",
            f"  {links.address}",
            "",
            "  One sign-in link a person. Each works once:",
            *[f"  {who:<{width}}  {link}" for who, link in links.people],
            "",
            "  demo: one operator runs all three keyholders; in real life three bodies do",
            f"  {'History is replayed first; watch it on the page.' if fresh else 'Going on where it stopped.'} "
            "Ctrl-C ends it.",
        ]
        emit(as_json, {"address": links.address, "people": people, "fresh": fresh}, text)
        sys.stdout.flush()
        if browser:
            webbrowser.open(links.address)

    run(
        state or settings.state, homes or (None if everyone else settings.homes),
        settings.history_days if days is None else days, port or settings.port,
        settings.pace if pace is None else pace, show, settings.rules(), given, **name,
    )  # fmt: skip
    return 0

"""`quietgrid publish`: monthly statistics of many homes, made once for ever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.opened import opened_platform
from quietgrid.cli.output import Json, command_app, emit, table
from quietgrid.errors import QuietgridError

if TYPE_CHECKING:
    from quietgrid.runtime.publishing import Publishing
    from quietgrid.wire.publication import Publication

app = command_app("publish", "Publish statistics of a billed month, or list what is published.")
Listed = Annotated[bool, Parameter(name="--list", negative="", help="List what is published; nothing is made.")]


@app.default
def publish(
    *statistic: str, month: str = "", epsilon: float | None = None, listed: Listed = False, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Publish statistics of a month: use, export, kinds, tariffs, peers, bands, spread; each once for ever.

    A sum of 100 homes or more is published as it is; fewer get noise, which each home pays from its yearly budget.

    Args:
        statistic: Which; the use of all homes unless told.
        month: As YYYY-MM; the newest that is billed unless told.
        epsilon: Privacy loss of a noisy statistic; the setting publish_epsilon unless told.
        state: Folder of databases and keys.
    """
    from quietgrid.runtime.publishing import milli, statistic_of

    refused: list[QuietgridError] = []
    with _publishing(state) as press:
        if listed:
            found = [p for p in press.all() if not month or press.name_of(p) == month]
        else:
            wanted = [statistic_of(name) for name in statistic or ("use",)]
            cost, window, found = None if epsilon is None else milli(epsilon), press.month(month), []
            for one in wanted:
                try:
                    found.append(press.publish(one, window, "publish", cost)[0])
                except QuietgridError as error:
                    refused.append(error)
        emit(as_json, {"published": [_data(press, p) for p in found], "refused": [str(e) for e in refused]},
             _lines(press, found))  # fmt: skip
    if refused:
        raise refused[0]
    return 0


@contextmanager
def _publishing(state: Path | None) -> Iterator[Publishing]:
    """The statistics of a state folder; its platform may run meanwhile."""
    from quietgrid.runtime.periods import Periods
    from quietgrid.runtime.publishing import Publishing

    with opened_platform(state) as (platform, settings):
        yield Publishing(platform, Periods(platform), settings.publishing())


def _data(press: Publishing, found: Publication) -> dict[str, object]:
    return {
        "statistic": found.statistic, "month": press.name_of(found), "homes": found.homes,
        "unit": "homes" if found.statistic == "spread" else "Wh", "epsilon": found.epsilon_milli / 1000,
        "margin_95": found.margin,
        "figures": [{"name": f.name, "homes": f.homes, "value": f.value, "noisy": f.noisy} for f in found.figures],
    }  # fmt: skip


def _lines(press: Publishing, found: list[Publication]) -> list[str]:
    from quietgrid.runtime.publishing import shown

    if not found:
        return ["nothing is published"]
    rows = []
    for one in found:
        counts = one.statistic == "spread"
        for figure in one.figures:
            value = f"{figure.value:,} homes" if counts else f"{figure.value / 1000:,.0f} kWh"
            margin = f"{one.margin:,}" if counts else f"{one.margin / 1000:,.0f}"
            noise = f"+/- {margin} (95 %), epsilon {shown(one.epsilon_milli)}" if figure.noisy else "exact"
            rows.append([press.name_of(one), one.statistic, figure.name, figure.homes, value, noise])
    return table(["month", "statistic", "of", "homes", "figure", "noise"], rows)

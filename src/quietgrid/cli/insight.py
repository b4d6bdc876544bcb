"""`quietgrid insight`: where a home stands, compared at home or by a server that cannot read it; what is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from quietgrid.cli.opened import opened_platform
from quietgrid.cli.output import Json, command_app, emit, progress, table
from quietgrid.cli.own import own_home

if TYPE_CHECKING:
    from quietgrid.household.insight import Comparison
    from quietgrid.household.insight_sealed import SealedComparison
    from quietgrid.runtime.insight import Insights, Step
    from quietgrid.wire.insight import CommunityFigures

app = command_app("insight", "Where a home stands in its community, and advice; `community`: what is published for it.")
Encrypted = Annotated[
    bool, Parameter(negative="", help="Have the platform compare encrypted numbers that it cannot read.")
]
Publish = Annotated[bool, Parameter(negative="", help="Publish what is due first (the operator's).")]


@app.default
def insight(
    home: int, *, month: str = "", group: str = "all", encrypted: Encrypted = False, state: Path | None = None,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Compare a home with its community, on this machine: nothing leaves it but the name of a month.

    Args:
        home: Number of the home.
        month: As YYYY-MM; the newest that is published unless told.
        group: Peer group; `peers` for the smallest that the home is in.
        state: Folder of databases and keys.
    """
    import time

    from quietgrid.household.insight import insight_of

    with own_home(home, state) as own:
        found = insight_of(own)
        if encrypted:
            from quietgrid.household.insight_sealed import sealed

            with progress("the platform compares what it cannot read"):
                made: Comparison | SealedComparison = sealed(found, time.sleep, month, group)
        else:
            made = found.at_home(month, group)
    data = _data(home, made)
    text = _lines(home, made)
    if encrypted:
        more, lines = _sealed(made)  # type: ignore[arg-type]
        data, text = data | more, [*text, *lines]
    emit(as_json, data, text)
    return 0


@app.command
def forget(home: int, *, state: Path | None = None, as_json: Json = False) -> int:
    """Have the platform erase a home's server key, questions and answers, then drop the home's client key.

    Args:
        home: Number of the home.
        state: Folder of databases and keys.
    """
    from quietgrid.household.insight import insight_of
    from quietgrid.household.insight_sealed import forget as forget_all

    with own_home(home, state) as own:
        forget_all(own.parts.vault, insight_of(own).link)
    emit(as_json, {"home": home, "forgotten": True}, ["the platform erased key, questions and answers"])
    return 0


@app.command
def community(
    *, month: str = "", group: str = "all", publish: Publish = False, state: Path | None = None, as_json: Json = False
) -> int:
    """Show what homes are compared with; with --publish, publish first what is due of a billed month.

    Args:
        month: As YYYY-MM; the newest unless told.
        group: Peer group.
        state: Folder of databases and keys of the platform.
    """
    from quietgrid.crypto.public.envelope import decode
    from quietgrid.wire.insight import CommunityFigures

    steps: list[Step] = []
    with _insights(state) as found:
        if publish:
            steps = found.publish_due(month, "insight")
        figures = decode(CommunityFigures, found.figures(month, group).body)
        data = {
            "published": [
                {"statistic": one.statistic.value, "epsilon": one.epsilon_milli / 1000, "refused": one.refused}
                for one in steps
            ],
            "months": found.months(), **_figures(figures),
        }  # fmt: skip
    lines = [f"{one.statistic.value}: {one.refused or 'published'}" for one in steps]
    emit(as_json, data, [*lines, *_published(figures)])
    return 0


@contextmanager
def _insights(state: Path | None) -> Iterator[Insights]:
    """What a state folder's platform publishes for comparison; it may run meanwhile."""
    from quietgrid.runtime.insight import Insights
    from quietgrid.runtime.periods import Periods
    from quietgrid.runtime.publishing import Publishing

    with opened_platform(state) as (platform, settings):
        yield Insights(platform, Publishing(platform, Periods(platform), settings.publishing()))


def _figures(figures: CommunityFigures) -> dict[str, Any]:
    import msgspec

    from quietgrid.wire.insight import statistics_in

    spread = statistics_in(figures).spread
    return {
        "month": figures.month, "group": figures.group,
        "groups": [
            {name: value for name, value in msgspec.structs.asdict(row).items() if name != "epsilon_milli"}
            | {"epsilon": row.epsilon_milli / 1000}
            for row in figures.groups
        ],
        "spread": {
            "thresholds_wh": list(spread.thresholds_wh), "percents": list(spread.percents), "month": spread.month,
            "epsilon": spread.epsilon_milli / 1000, "margin_homes": spread.margin_homes,
        },
        "profile_wh": figures.profile_wh, "profile_homes": figures.profile_homes,
    }  # fmt: skip


def _published(figures: CommunityFigures) -> list[str]:
    """Published figures as lines."""
    rows = [
        [row.name, row.words, row.homes, f"{row.average_wh / 1000:,.0f} kWh",
         f"+/- {row.margin_wh / 1000:,.0f} kWh (95 %), epsilon {row.epsilon_milli / 1000:g}" if row.margin_wh else
         "exact"]
        for row in figures.groups
    ]  # fmt: skip
    out = [f"{figures.month}, average of a home:", *table(["group", "", "homes", "average", "noise"], rows)]
    if figures.bands:
        shares = zip(figures.percents, figures.bands, strict=True)
        out.append("homes of a hundred below: " + ", ".join(f"{percent} {band // 10} kWh" for percent, band in shares))
        out.append(
            f"  from counts of {figures.spread_month}, +/- {figures.spread_margin_homes} homes a class (95 %), epsilon "
            f"{figures.spread_epsilon_milli / 1000:g}"
        )
    else:
        out.append("how the homes are spread is not published yet")
    if figures.profile_wh:
        day = " ".join(f"{wh}" for wh in figures.profile_wh)
        out.append(f"the mean home's day, Wh each hour from 0 (at least {figures.profile_homes} homes): {day}")
    else:
        out.append("the mean day is not published: fewer than 100 homes")
    return out


def _data(home: int, found: Comparison | SealedComparison) -> dict[str, Any]:
    verdict, features = found.verdict, found.features
    return {
        "home": home, "encrypted": False, "month": found.figures.month, "group": found.figures.group,
        "own_wh": found.own_wh, "average_wh": found.figures.average * 100, "side": verdict.side,
        "percent_low": verdict.percent_low, "percent_high": verdict.percent_high, "class": verdict.letter,
        "hours": list(verdict.hours), "features": {"profile": features.profile, "values": features.values},
        "advice": [
            {"id": one.id, "title": one.title, "text": one.text, "kwh_year": worth.kwh,
             "money_micro_year": worth.money_micro, "moved": worth.moved, "arithmetic": list(worth.lines)}
            for one, worth in found.advice
        ],
    }  # fmt: skip


def _lines(home: int, found: Comparison | SealedComparison) -> list[str]:
    verdict, figures = found.verdict, found.figures
    peers = next(row for row in figures.groups if row.name == figures.group)
    about = f", +/- {peers.margin_wh / 1000:,.0f} kWh by the noise" if peers.margin_wh else ""
    out = [
        f"home {home}, {figures.month}: {found.own_wh / 1000:,.1f} kWh, {verdict.side} the average of {peers.words} "
        f"({peers.homes} homes, {peers.average_wh / 1000:,.1f} kWh{about})",
        f"class {verdict.letter}",
    ]
    if figures.percents:
        out.append(f"{verdict.percent_low} to {verdict.percent_high} of a hundred homes use less")
    if verdict.hours:
        out.append(
            "hours with a much larger share of the day than usual: " + ", ".join(f"{h}:00" for h in verdict.hours)
        )
    elif not figures.profile_wh:
        out.append("hours are not compared: the mean day is published from 100 homes")
    for one, worth in found.advice:
        out += ["", one.title, f"  {one.text}", *(f"  {line}" for line in worth.lines)]
    return out if found.advice else [*out, "no advice of the table is worth anything here"]


def _sealed(found: SealedComparison) -> tuple[dict[str, Any], list[str]]:
    """What the platform saw, and whether its answer is the home's own."""
    seen = [{"part": part, "bytes": size, "sha256": digest} for part, size, digest in found.seen]
    size, digest = found.server_key
    data = {
        "encrypted": True, "equal": found.equal, "seen": seen, "seconds": found.seconds,
        "server_key": {"bytes": size, "sha256": digest},
    }  # fmt: skip
    rows = [[one["part"], one["bytes"], str(one["sha256"])[:16]] for one in seen]
    return data, [
        "",
        f"computed by the platform in {found.seconds:.1f} s of CPU without reading it; "
        + ("the same as at home" if found.equal else "NOT THE SAME AS AT HOME: do not use it, tell the auditor"),
        "the platform saw only this:",
        *table(["part", "bytes", "SHA-256"], [["server key", size, digest[:16]], *rows]),
    ]

"""The page Community: where the home stands, compared here; and the same by a server that cannot read it.

Everything is computed in this process from the home's own readings and published figures. Asking for those says which
month and which group the home looks at, and nothing of what it finds. Privacy: open readings of one home.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from math import ceil
from typing import Any

import msgspec

from quietgrid.errors import NotFoundError, QuietgridError, RefusedError, UnavailableError
from quietgrid.homeweb import community_pictures as pictures
from quietgrid.homeweb.community_sealed import Runs, sealed_context
from quietgrid.homeweb.desk import Desk
from quietgrid.household.insight import Comparison, OwnInsight, Published, insight_of
from quietgrid.model.insight import ALL, CLASSES, UNITS, Feature
from quietgrid.model.quantity import format_energy, format_money

Context = dict[str, Any]
MOST_MONTHS = 12
SETTLED_S = 9 * 86_400
FEATURES: Mapping[Feature, tuple[str, str]] = {
    Feature.BASE: ("Base load", "mean power of the lowest tenth of all hours"),
    Feature.EVENING: ("Share of the evening", "drawn from 17:00 to 22:00"),
    Feature.WEEKEND: ("A weekend day", "beside a weekday"),
    Feature.HEATING: ("For one degree-day", "a day's energy against how far it was below 15 °C outside"),
    Feature.NIGHT: ("Share of the night", "drawn from 00:00 to 06:00"),
    Feature.PEAK: ("Highest hour", "mean power in it"),
}
TITLES = {"own readings": "Your own month is not complete", "insight": "Nothing to compare with here"}
"""Of what is not there; else no month is published."""
LETTER_WORDS = dict(zip(
    CLASSES, ("far below", "below", "a little below", "around", "above", "far above", "very far above"), strict=True,
))  # fmt: skip


class CommunityDesk:
    """What the page keeps in memory for the homes of this process: own months that are over, questions on their way."""

    def __init__(self) -> None:
        self.runs = Runs()
        self._months: dict[tuple[int, str, str], pictures.TrendMonth] = {}

    def compare(self, desk: Desk, month: str, group: str) -> Comparison:
        """The home's comparison. See `OwnInsight.at_home`."""
        with desk.lock:
            return insight_of(desk.home).at_home(month, group)

    def trend(self, desk: Desk, found: Comparison) -> list[pictures.TrendMonth]:
        """The newest months, oldest first; a month that cannot be had is a gap."""
        own, out = insight_of(desk.home), []
        for name in sorted(found.published.months)[-MOST_MONTHS:]:
            key = desk.home.parts.vault.home, name, found.figures.group
            if key not in self._months:
                with desk.lock:
                    month = _trend_month(own, found, name)
                if desk.now() < month.until + SETTLED_S:
                    out.append(month)
                    continue
                self._months[key] = month
            out.append(self._months[key])
        return out

    def forget(self, home: int) -> None:
        """Forget what is kept of a home."""
        self._months = {key: month for key, month in self._months.items() if key[0] != home}
        self.runs.forget(home)


def _trend_month(own: OwnInsight, found: Comparison, name: str) -> pictures.TrendMonth:
    energy: int | None
    if name == found.figures.month:
        published, energy = found.published, found.own_wh
    else:
        try:
            published = own.published(name, found.figures.group)
        except (NotFoundError, RefusedError):  # the group was not published in that month
            published = own.published(name, ALL)
        energy = _own_wh(own, published)
    average = published.peers.average_wh if published.figures.group == found.figures.group else None
    return pictures.TrendMonth(name, energy, average, float(published.window.end * published.window.resolution))


def _own_wh(own: OwnInsight, published: Published) -> int | None:
    try:
        return own.own_month(published.window).energy_wh
    except NotFoundError:
        return None


# -- the page --------------------------------------------------------------------------------------------------------


def page(desk: Desk, kept: CommunityDesk, month: str, group: str) -> Context:
    """The context of the page."""
    sealed = sealed_context(desk, kept.runs)
    chosen: Context = {"month": month, "group": group or ALL, "months": [], "groups": []}
    try:
        found = kept.compare(desk, month, group or ALL)
        trend = kept.trend(desk, found)
    except (NotFoundError, RefusedError, UnavailableError) as error:
        return {"where": None, "trouble": _trouble(error, bool(month)), "sealed": sealed, "chosen": chosen}
    return {
        "where": _where(desk, found, trend), "trouble": None, "sealed": sealed,
        "chosen": chosen | {
            "month": found.figures.month, "group": found.figures.group,
            "months": [(name, month_label(name)) for name in sorted(found.published.months, reverse=True)],
            "groups": [(row.name, f"{row.words}: {row.homes} homes") for row in found.figures.groups
                       if row.name in found.published.groups],
        },
    }  # fmt: skip


def month_label(name: str) -> str:
    """A month in words.

    >>> month_label("2016-06")
    'June 2016'
    """
    return f"{date.fromisoformat(f'{name}-01'):%B %Y}"


def _trouble(error: QuietgridError, asked: bool) -> Context:
    """Why there is no comparison, what can be done, and where."""
    if isinstance(error, UnavailableError):
        kind, title = "stale", "The platform does not answer just now"
    elif isinstance(error, RefusedError):
        kind, title = "few", "Too few homes to show"
    elif error.where in TITLES:
        kind, title = "empty", TITLES[error.where]
    else:
        kind, title = "empty", "No month is published yet"
    text = f"{error.what[:1].upper()}{error.what[1:]}. {error.fix[:1].upper()}{error.fix[1:]}.".replace(". .", ".")
    return {"kind": kind, "title": title, "text": text, "href": "/community" if asked else "", "label": "Newest month"}


def _where(desk: Desk, found: Comparison, trend: list[pictures.TrendMonth]) -> Context:
    figures, peers, verdict, own = found.figures, found.published.peers, found.verdict, found.month
    difference = abs(found.own_wh - peers.average_wh)
    return {
        "month": month_label(figures.month), "side": verdict.side, "letter": verdict.letter,
        "letter_words": LETTER_WORDS[verdict.letter], "letters": list(CLASSES),
        "percent_low": verdict.percent_low, "percent_high": verdict.percent_high, "spread": bool(figures.bands),
        "own_wh": found.own_wh, "daily_wh": own.daily_wh, "filled_wh": own.filled_wh, "missing": own.missing,
        "average_wh": peers.average_wh, "group": peers.words, "homes": peers.homes,
        "difference_percent": round(100 * difference / peers.average_wh) if peers.average_wh else 0,
        "strip": pictures.strip(found), "profile": pictures.profile(found), "hours": hours_text(verdict.hours),
        "profile_homes": figures.profile_homes, "trend": pictures.trend(trend, month_label),
        "features": _features(found), "advice": _advice(found), "priced": found.prices is not None,
        "noise": _noise(found), "group_name": figures.group,
    }  # fmt: skip


def hours_text(hours: tuple[int, ...]) -> str:
    """Hours as ranges.

    >>> hours_text((6, 7, 19, 23)), hours_text(())
    ('06:00 to 08:00, 19:00 to 20:00, 23:00 to 24:00', '')
    """
    runs: list[list[int]] = []
    for hour in hours:
        if runs and runs[-1][1] == hour:
            runs[-1][1] = hour + 1
        else:
            runs.append([hour, hour + 1])
    return ", ".join(f"{first:02d}:00 to {end:02d}:00" for first, end in runs)


def _features(found: Comparison) -> list[Context]:
    warm = found.month.wh_per_degree_day is not None
    rows = []
    for feature, (name, what) in FEATURES.items():
        amount, unit = found.features.amount(feature), UNITS[feature][1]
        known = warm or feature is not Feature.HEATING
        shown = f"{amount:,} {unit}" if known else "no weather is known of this month"
        rows.append({"name": name, "what": what, "value": shown, "sent": found.features.values[feature]})
    return rows


def _advice(found: Comparison) -> list[Context]:
    prices = found.prices
    out = []
    for one, value in found.advice:
        money = format_money(value.money_micro, prices.currency) if prices else ""
        lines = value.lines if prices else value.lines[:-1]
        kwh = f"{value.kwh:,} kWh a year"
        out.append({"id": one.id, "title": one.title, "text": one.text, "kwh": kwh, "money": money,
                    "moved": value.moved, "lines": list(lines)})  # fmt: skip
    return out


def _noise(found: Comparison) -> list[Context]:
    """Each published number the comparison rests on: exact or noisy, and what noise could change."""
    figures, peers = found.figures, found.published.peers
    rows = [{"name": f"Average of {peers.words}", "homes": peers.homes, "epsilon": _epsilon(peers.epsilon_milli),
             "text": _average_text(found)}]  # fmt: skip
    if figures.bands:
        of = "" if figures.spread_month == figures.month else f" of {month_label(figures.spread_month)}, scaled"
        share = ceil(100 * figures.spread_margin_homes / max(1, figures.groups[0].homes))
        off = figures.spread_margin_homes
        text = f"Each count of homes may be off by {off} (95 %), so your place by about {share} of 100."
        rows.append({"name": f"How homes spread{of}", "homes": figures.groups[0].homes,
                     "epsilon": _epsilon(figures.spread_epsilon_milli), "text": text})  # fmt: skip
    if figures.profile_wh:
        rows.append({"name": "Mean day", "homes": figures.profile_homes, "epsilon": "",
                     "text": "Exact: from totals that the keyholders opened. Nothing of it is noisy."})  # fmt: skip
    return rows


def _epsilon(milli: int) -> str:
    return f"{milli / 1000:g}" if milli else ""


def _average_text(found: Comparison) -> str:
    peers = found.published.peers
    if not peers.epsilon_milli:
        return f"Exact: a plain sum over {peers.homes} homes. No noise can have changed your side of it."
    margin, away = peers.margin_wh, abs(found.own_wh - peers.average_wh)
    first = f"95 % of the noise is below {format_energy(margin)} either way"
    if away <= margin:
        return f"{first}. You are {format_energy(away)} away: noise alone could have put you on the other side."
    return f"{first}. You are {format_energy(away)} away, so noise hardly changed your side."


# -- files -----------------------------------------------------------------------------------------------------------


def export(found: Comparison, form: str) -> bytes:
    """The home's comparison as JSON or CSV."""
    figures, peers, verdict, own = found.figures, found.published.peers, found.verdict, found.month
    if form == "json":
        body = {
            "month": figures.month, "group": figures.group, "homes": peers.homes, "own_wh": found.own_wh,
            "filled_wh": own.filled_wh, "missing_intervals": own.missing, "average_wh": peers.average_wh,
            "average_margin_wh": peers.margin_wh, "average_epsilon": peers.epsilon_milli / 1000, "side": verdict.side,
            "percent_low": verdict.percent_low, "percent_high": verdict.percent_high, "class": verdict.letter,
            "hours_that_stand_out": list(verdict.hours), "profile_wh": own.hours_wh.tolist(),
            "community_profile_wh": list(figures.profile_wh),
            "features": {feature.name.lower(): found.features.amount(feature) for feature in Feature},
            "advice": [
                {"id": one.id, "title": one.title, "kwh_a_year": value.kwh, "moved": value.moved,
                 "money_micro_a_year": value.money_micro if found.prices else None,
                 "arithmetic": list(value.lines if found.prices else value.lines[:-1])}
                for one, value in found.advice
            ],
            "figures_sha256": found.published.hash.hex(),
        }  # fmt: skip
        return msgspec.json.format(msgspec.json.encode(body))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["name", "own", "community", "unit"])
    writer.writerow(["month", found.own_wh, peers.average_wh, "Wh"])
    writer.writerow(["side", verdict.side, "", ""])
    writer.writerow(["homes that use less", f"{verdict.percent_low}-{verdict.percent_high}", "", "%"])
    writer.writerow(["class", verdict.letter, "", ""])
    for hour, wh in enumerate(own.hours_wh.tolist()):
        writer.writerow([f"hour {hour:02d}", wh, figures.profile_wh[hour] if figures.profile_wh else "", "Wh"])
    for feature in Feature:
        writer.writerow([feature.name.lower(), found.features.amount(feature), "", UNITS[feature][1]])
    for one, value in found.advice:
        writer.writerow([f"advice {one.id}", value.kwh, "", "kWh a year"])
    return out.getvalue().encode()

"""On the Privacy page: the published statistics that the home's monthly figure entered, in plain words."""

from __future__ import annotations

from math import ceil, exp
from typing import Any

from quietgrid.errors import UnavailableError, VerificationError
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.words import span_text
from quietgrid.household.published import Entered, read_parts
from quietgrid.model.publication import STATISTIC_NAMES, Statistic

Context = dict[str, Any]
SEEN = "published seen"


def entered(desk: Desk) -> Context:
    """Rows for the page, what they cost this year, and what is wrong with them, if anything is."""
    parts = desk.home.parts
    try:
        with desk.lock:
            found = read_parts(parts.platform.published(), parts.card, parts.vault.home)
            _check_unchanged(desk, found)
    except UnavailableError:
        return {"rows": [], "years": [], "trouble": "The platform does not answer just now.", "bad": False}
    except VerificationError as error:
        return {"rows": [], "years": [], "trouble": f"{error.what}: {error.where}. {error.fix}.", "bad": True}
    spent: dict[int, int] = {}
    budget: dict[int, int] = {}
    for one in found:
        year = one.publication.year
        spent[year] = spent.get(year, 0) + one.epsilon_milli
        budget[year] = max(budget.get(year, 0), one.publication.budget_milli)
    return {
        "rows": [_row(desk, one) for one in found],
        "years": [
            {"year": year, "spent": f"{spent[year] / 1000:g}", "budget": f"{budget[year] / 1000:g}"}
            for year in sorted(spent, reverse=True)
        ],
        "trouble": "", "bad": False,
    }  # fmt: skip


def _row(desk: Desk, one: Entered) -> Context:
    publication = one.publication
    statistic = Statistic(publication.statistic)
    behind = next((figure for figure in publication.figures if figure.name == one.figure), None)
    homes = publication.homes if behind is None else behind.homes
    epsilon = f"{one.epsilon_milli / 1000:g}"
    if one.epsilon_milli:
        times = f"{ceil(exp(one.epsilon_milli / 1000) * 100) / 100:g}"
        text = f"Noise was added: what came out is at most {times} times as likely with your month as with any other."
    else:
        text = f"An exact sum over {homes} homes, yours among them."
    return {
        "at": publication.at, "name": STATISTIC_NAMES[statistic], "figure": one.figure, "homes": homes,
        "span": span_text(publication.window, desk.tz), "epsilon": epsilon if one.epsilon_milli else "",
        "text": text, "hash": one.hash.hex(),
    }  # fmt: skip


def _check_unchanged(desk: Desk, found: list[Entered]) -> None:
    """What was shown once is still there, and the same: a second draw would have another hash.

    Raises:
        VerificationError: a statistic changed or is gone.
    """
    now = {f"{one.publication.statistic} {one.publication.first}": one.hash.hex() for one in found}
    before = dict(line.rsplit(" ", 1) for line in desk.note(SEEN).splitlines())
    for name, digest in before.items():
        if now.get(name) != digest:
            raise VerificationError(
                "a published statistic changed, or is gone", where=name.split(" ")[0], fix="Tell the auditor"
            )
    if now != before:
        desk.put_note(SEEN, "\n".join(f"{name} {digest}" for name, digest in now.items()))

"""Rewards on the household's Bills page: what bills owe the home, what of it was claimed and paid out, and where.

Shown is what the household's process or its commands knew last: looking at the page asks nobody. Privacy: the home's
own addresses and sums; transactions are not linked, since following a link would tell its host who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quietgrid.errors import InputError
from quietgrid.homeweb.desk import Desk
from quietgrid.homeweb.settings import PageSettings
from quietgrid.household.rewards import RewardNote, choice, choose, known

Context = dict[str, Any]


def page(desk: Desk, settings: PageSettings) -> Context | None:
    """The context of the part; None where there are no claims."""
    parts = desk.home.parts
    if parts.claims is None:
        return None
    home = parts.vault.home
    note = known(parts.store, home) or RewardNote()
    return {
        "home": home,
        "by_itself": (choice(parts.store, home) or ("on" if settings.claims_by_itself else "off")) == "on",
        "at": note.at or None,
        "due_micro": note.credit_micro,
        "promised_micro": note.promised_micro,
        "claimed_micro": note.claimed_micro,
        "paid_micro": note.paid_micro,
        "addresses": [
            {"address": p.address, "claimed_micro": p.claimed_micro, "paid_micro": p.paid_micro} for p in note.purses
        ],
        "transactions": note.transactions,
        "trouble": note.trouble,
    }


def decide(desk: Desk, form: Mapping[str, str]) -> None:
    """Take the choice of the form.

    Raises:
        InputError: neither on nor off.
    """
    chosen = form.get("by_itself", "")
    if chosen not in ("on", "off"):
        raise InputError("choose on or off", where="rewards", fix="send the form from the page")
    choose(desk.home.parts.store, desk.home.parts.vault.home, chosen == "on")

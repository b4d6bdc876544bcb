"""What the grid's pages share: people's names, states as a tone and a word, voltages for people, what is new."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from urllib.parse import quote

import numpy as np

from quietgrid.accounts import Permission, Role
from quietgrid.api.desk import grid as desk
from quietgrid.balance.diagram_style import LOADING_NEAR, LOADING_OVER, VOLTAGE_NEAR, VOLTAGE_OVER, WORDS, State
from quietgrid.model.grid import Alarm, Priority
from quietgrid.model.network import Network
from quietgrid.model.operation import Basis
from quietgrid.web.feeds import age
from quietgrid.web.formats import power
from quietgrid.web.kit import Look

EVENTS = "/api/v1/events"
MISSED = 3
"""A state is stale when it is older than so many intervals: two updates were missed."""
TONES = {State.OK: "ok", State.NEAR: "warn", State.OVER: "bad", State.DEAD: "idle", State.UNKNOWN: "idle"}
BASIS_TONES = {Basis.MEASURED: "ok", Basis.TOTALS: "idle", Basis.MEANS: "warn"}
PRIORITIES = {
    Priority.CRITICAL: ("critical", "bad"), Priority.HIGH: ("high", "bad"), Priority.MEDIUM: ("medium", "warn"),
    Priority.LOW: ("low", "idle"),
}  # fmt: skip
RULES = {
    "infeasible": "no flow possible", "voltage": "voltage", "voltage-critical": "voltage, critical",
    "loading": "high loading", "overload": "overload", "frequency-low": "frequency", "frequency-high": "frequency",
    "frequency-critical": "frequency, critical", "unexplained-losses": "unexplained losses", "stale": "stale",
    "away": "away", "bad-sensor": "sensor contradicts others", "unverifiable-sensor": "sensor cannot be checked",
}  # fmt: skip
LOW_VOLTAGE = 1_000.0
WORST = (State.OVER, State.NEAR, State.OK, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Scale:
    """How a group's voltages are said: phase to neutral in V where it is a low-voltage group, else per cent of rated.

    >>> Scale(230.94, "V").text(1.02)
    '235.6'
    """

    factor: float
    unit: str

    def text(self, relative: float | None) -> str:
        """A voltage without its unit; nothing where it is not known."""
        return f"{relative * self.factor:.1f}" if relative is not None and isfinite(relative) else ""

    def values(self, relative: list[float | None]) -> list[float | None]:
        """Voltages of a chart."""
        return [None if one is None else round(one * self.factor, 2) for one in relative]

    @property
    def limits(self) -> tuple[float, float]:
        """EN 50160's band."""
        return round(self.factor * (1 - VOLTAGE_OVER), 1), round(self.factor * (1 + VOLTAGE_OVER), 1)


def scale_of(network: Network, group: str) -> Scale:
    """How a group's voltages are said."""
    rated = network.nodes.rated_v[network.nodes.groups == network.groups.index(group)]
    if len(rated) and float(rated.max()) < LOW_VOLTAGE and bool(np.all(rated == rated[0])):
        nominal = float(rated[0]) / 3**0.5
        return Scale(230.0 if abs(nominal - 230) < 2 else nominal, "V")
    return Scale(100.0, "% of rated")


def voltage_state(lowest: float | None, highest: float | None) -> State:
    """How near its limits a group's voltages are."""
    if lowest is None or highest is None or not (isfinite(lowest) and isfinite(highest)):
        return State.UNKNOWN
    off = max(1 - lowest, highest - 1)
    return State.OVER if off > VOLTAGE_OVER else State.NEAR if off > VOLTAGE_NEAR else State.OK


def loading_state(loading: float | None) -> State:
    """How near its rating a branch is."""
    if loading is None or not isfinite(loading):
        return State.UNKNOWN
    return State.OVER if loading > LOADING_OVER else State.NEAR if loading > LOADING_NEAR else State.OK


def badge_of(*states: State) -> dict[str, object]:
    """Tone and word of the worst."""
    worst = min(states, key=WORST.index)
    return {"tone": TONES[worst], "word": WORDS.get(worst, "not known")}


def drawn(power_w: float | None) -> str:
    """A draw in words: what is fed in is said, not signed.

    >>> drawn(1_250), drawn(-3_400), drawn(None)
    ('1.25 kW', 'feeds in 3.40 kW', '–')
    """
    if power_w is None:
        return "–"
    return power(power_w) if power_w >= 0 else f"feeds in {power(-power_w)}"


def feeder_url(group: str) -> str:
    """The page of a group."""
    return f"/grid/feeder/{quote(group, safe='')}"


def names(look: Look) -> dict[str, str]:
    """Account -> name, of those the viewer may see; others stay what they are called in the log."""
    known = {look.viewer.account: look.viewer.name or look.viewer.account}
    if look.viewer.may(Permission.PEOPLE):
        known |= {one.id: one.name for one in look.services.accounts.people(look.viewer)}
    return known


def entry(look: Look, key: str) -> str:
    """The navigation's entry that is lit: only operators have one for each of these pages."""
    return key if look.viewer.role is Role.OPERATOR else "grid"


def may(look: Look) -> dict[str, bool]:
    """What the viewer may do here."""
    return {
        "operate": look.viewer.may(Permission.GRID_OPERATE), "approve": look.viewer.may(Permission.GRID_APPROVE),
        "chain": look.viewer.may(Permission.CHAIN),
    }  # fmt: skip


def alarm_row(one: Alarm, people: dict[str, str]) -> dict[str, object]:
    """One alarm as pages have it."""
    word, tone = PRIORITIES[one.priority]
    return {
        "id": one.id, "priority": word, "tone": tone, "rule": RULES.get(one.rule, one.rule), "element": one.element,
        "said": one.said, "since": one.since, "until": one.until, "seen_by": people.get(one.seen_by, one.seen_by),
        "seen_at": one.seen_at,
    }  # fmt: skip


def fresh(found: desk.GridStatus) -> dict[str, object] | None:
    """The newest interval, how old it is, whether that is too old (while history is replayed nothing is); None before
    the first."""
    latest = found.latest
    if latest is None:
        return None
    seconds = max(0, round(found.now - latest.ends))
    return {
        "start": latest.slot * latest.resolution, "end": latest.ends, "minutes": latest.resolution // 60,
        "basis": latest.basis.value, "tone": BASIS_TONES[latest.basis], "age": age(seconds),
        "stale": seconds > MISSED * latest.resolution and not found.replaying, "feasible": latest.feasible,
        "replaying": found.replaying,
    }  # fmt: skip

"""What a one-line diagram is coloured by, and how it looks: the style sheet of its classes, attributes beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from quietgrid.model.network import Floats

LOADING_NEAR, LOADING_OVER = 0.8, 1.0
VOLTAGE_NEAR, VOLTAGE_OVER = 0.07, 0.10
"""Distance from rated voltage: EN 50160 allows 10 %; 7 % is near it."""


class State(StrEnum):
    """How near a limit something is."""

    UNKNOWN = "unknown"
    OK = "ok"
    NEAR = "near"
    OVER = "over"
    DEAD = "dead"


WORDS = {State.OK: "within limits", State.NEAR: "near a limit", State.OVER: "over a limit", State.DEAD: "not fed"}
"""What the legend says."""
COLOURS = {
    State.UNKNOWN: "#565d66", State.OK: "#1c6b43", State.NEAR: "#7d5200", State.OVER: "#a8221b", State.DEAD: "#85898e",
}  # fmt: skip
DASHES = {State.NEAR: "9 3", State.OVER: "3 2.5", State.DEAD: "1 4"}
"""The second cue of a line, beside its colour."""
WIDTHS = {State.UNKNOWN: 1.8, State.OK: 1.8, State.NEAR: 2.8, State.OVER: 4.0, State.DEAD: 1.4}
INK, QUIET, PAPER, BAND, RULE = "#1b1f24", "#565d66", "#ffffff", "#f0eee8", "#e0ddd4"
SOLAR, BATTERY = "#c8880e", "#366e60"

STYLE = """\
.oneline{color-scheme:light dark;font-family:var(--font,system-ui,"Segoe UI",Roboto,"Liberation Sans",Arial,sans-serif)}
.oneline .paper{fill:var(--card,light-dark(#ffffff,#16191d))}
.oneline .band{fill:var(--sunk,light-dark(#f6f5f1,#101316))}
.oneline .unknown{--c:var(--ink-2,light-dark(#565d66,#a9afb7))}
.oneline .ok{--c:var(--ok,light-dark(#1c6b43,#74d6a0))}
.oneline .near{--c:var(--warn,light-dark(#7d5200,#f2bd5b))}
.oneline .over{--c:var(--bad,light-dark(#a8221b,#ff958c))}
.oneline .dead{--c:var(--line-strong,light-dark(#85898e,#737b85))}
.oneline .wire,.oneline .ring{stroke:var(--c);fill:none}
.oneline .dot{fill:var(--c);stroke:var(--card,light-dark(#ffffff,#16191d))}
.oneline .bar{stroke:var(--c)}
.oneline .hollow{fill:var(--card,light-dark(#ffffff,#16191d));stroke:var(--c)}
.oneline text{fill:var(--ink,light-dark(#1b1f24,#eceae4))}
.oneline .quiet{fill:var(--ink-2,light-dark(#565d66,#a9afb7))}
.oneline .value{fill:var(--c);stroke:var(--card,light-dark(#ffffff,#16191d))}
.oneline .pv{fill:var(--solar,light-dark(#c8880e,#efb003))}
.oneline .storage{fill:var(--battery,light-dark(#366e60,#aafaef))}
.oneline a:focus-visible .dot,.oneline a:focus-visible .wire{outline:2px solid var(--focus,#0b5fd0)}
"""
"""For a page's own style sheet; colours are the page's where it has them. In force only where it is let in: with a
Content-Security-Policy that refuses inline styles the page must serve it."""


@dataclass(frozen=True)
class Shown:
    """What a diagram is coloured by.

    Args:
        voltage: [n], relative to rated, NaN where unknown. loading: [branches], of the rating.
        voltage_state: n states. loading_state: one a branch.
    """

    voltage: Floats
    loading: Floats
    voltage_state: Sequence[State]
    loading_state: Sequence[State]


def shown(voltage: Floats, loading: Floats) -> Shown:
    """States of voltages and loadings, by EN 50160's 10 % and the ratings; NaN is not fed (a node) or unknown."""
    off = np.abs(voltage - 1)
    of_nodes = [State.DEAD if np.isnan(one) else _state(float(one), VOLTAGE_NEAR, VOLTAGE_OVER) for one in off]
    of_branches = [
        State.UNKNOWN if np.isnan(one) else _state(float(one), LOADING_NEAR, LOADING_OVER) for one in loading
    ]
    return Shown(voltage, loading, of_nodes, of_branches)


def _state(value: float, near: float, over: float) -> State:
    return State.OVER if value > over else State.NEAR if value > near else State.OK

"""The one-line diagram of a grid as SVG: from the source on the left to the ends of the feeders.

No script and no style inside (unless asked for, for a file that stands alone): classes for the page's style sheet
(`diagram_style.STYLE`) and presentation attributes for where there is none. Every node and branch has an id, a `data-`
attribute with its name and a title; states have a second cue beside colour (dash, width, shape, figure).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from quietgrid.balance.diagram_style import (
    BAND,
    BATTERY,
    COLOURS,
    DASHES,
    INK,
    PAPER,
    QUIET,
    SOLAR,
    STYLE,
    WIDTHS,
    WORDS,
    Shown,
    State,
    shown,
)
from quietgrid.balance.layout import MOST_ROWS, Layout, layout
from quietgrid.balance.topology import NONE
from quietgrid.errors import InputError
from quietgrid.model.network import Network, UnitKind

__all__ = ["Look", "Shown", "State", "diagram", "shown"]
WIDE = 700
"""From this width on there is room for more words."""
LEAST_WIDTH = 240
SHOWN_UNITS = 12
SHAPES = {State.OK: "circle", State.NEAR: "triangle", State.OVER: "square"}


@dataclass(frozen=True)
class Look:
    """How a diagram is to be drawn.

    Args:
        width: px it is made for: texts keep their size, so make one for each kind of screen (390 and 1440).
        places: draw nodes where they are, not as a tree. most_rows: see `layout`. prefix: of ids, so that two diagrams
            fit on one page. alone: for a file of its own: with the style sheet inside.
    """

    width: int = 960
    places: bool = False
    most_rows: int = MOST_ROWS
    prefix: str = "g"
    alone: bool = False


def diagram(network: Network, states: Shown | None = None, look: Look | None = None) -> str:
    """The diagram as SVG.

    Args:
        states: What to colour by; without, only what is fed and what is not. look: how.

    Raises:
        InputError: too narrow; states of another network; `places` where no coordinates are known.
    """
    look = look or Look()
    if look.width < LEAST_WIDTH:
        raise InputError(f"a diagram {look.width} px wide cannot be read", where="width",
                         fix=f"use {LEAST_WIDTH} or more")  # fmt: skip
    if states and (len(states.voltage_state), len(states.loading_state)) != (
        len(network.nodes.names),
        network.branches,
    ):
        raise InputError("the states are of another network", where=network.name, fix="give one a node and a branch")
    return _Drawing(network, states, look, layout(network, sys.maxsize if look.places else look.most_rows)).svg()


class _Drawing:
    def __init__(self, network: Network, states: Shown | None, look: Look, where: Layout) -> None:
        self.network, self.states, self.where = network, states, where
        self.width, self.prefix, self.places, self.alone = look.width, look.prefix, look.places, look.alone
        self.wide = look.width >= WIDE
        self.font = 12 if self.wide else 11
        self.units = _units_by_node(network)
        self.x, self.y, self.height, self.edge = (np.zeros(0), np.zeros(0), 0.0, 0.0)

    def svg(self) -> str:
        """The whole picture."""
        if self.places:
            self._place_on_map()
        else:
            self._place_as_tree()
        parts = [self._bands(), *self._branches(), *self._nodes(), self._notes()]
        legend = self._legend()
        height = self.height + 30
        name = escape(f"{self.network.name}: one-line diagram")
        style = f"<style>{STYLE}</style>" if self.alone else ""
        full = max(self.width, round(self.edge))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="oneline" viewBox="0 0 {full} {height:.0f}" width="{full}" '
            f'height="{height:.0f}" role="img" aria-labelledby="{self.prefix}-title {self.prefix}-desc" '
            f'font-size="{self.font}" font-family="system-ui, Liberation Sans, Arial, sans-serif">'
            f'<title id="{self.prefix}-title">{name}</title>'
            f'<desc id="{self.prefix}-desc">{escape(self._summary())}</desc>'
            f'{style}<rect class="paper" width="{full}" height="{height:.0f}" fill="{PAPER}"/>'
            + "".join(parts) + legend + "</svg>\n"
        )  # fmt: skip

    # -- places ------------------------------------------------------------------------------------------------------

    def _place_as_tree(self) -> None:
        """Pixels of columns and rows; a column with a transformer in it is wider."""
        network, where = self.network, self.where
        broad = np.zeros(max(where.columns, 1), np.bool_)
        first = len(network.lines.names)
        for node, branch in enumerate(where.tree.branch.tolist()):
            if branch >= first:
                broad[int(where.tree.depth[node])] = True
        left, right, extra = (34.0, 34.0, 84.0) if self.wide else (20.0, 18.0, 54.0)
        room = self.width - left - right - extra * float(broad.sum())
        step = float(np.clip(room / max(1, where.columns - 1 - int(broad.sum())), 9.5, 64.0))
        widths = np.where(broad, extra, step)
        widths[0] = 0.0
        columns = left + np.cumsum(widths)
        rise = 25.0 if self.wide else 21.0
        known = ~np.isnan(where.row)
        self.x, self.y = np.full(len(known), np.nan), np.full(len(known), np.nan)
        self.x[known] = columns[where.column[known].astype(np.int64)]
        self.rise = rise
        self.top = 12.0 if np.nanmin(where.row) >= 1 else 32.0
        self.y[known] = self.top + where.row[known] * rise
        self.height = self.top + where.rows * rise + 8
        self.edge = float(columns[-1]) + right

    def _place_on_map(self) -> None:
        nodes, tree = self.network.nodes, self.where.tree
        x, y = nodes.x.copy(), nodes.y.copy()
        if not np.isfinite(x + y).any():
            raise InputError("no coordinates are known", where=self.network.name, fix="draw it without places")
        for node in tree.order.tolist():
            if not np.isfinite(x[node] + y[node]):
                above = int(tree.parent[node])
                x[node], y[node] = (np.nanmean(x), np.nanmean(y)) if above == NONE else (x[above], y[above])
        margin = 26.0
        span = max(float(np.ptp(x)), 1e-9)
        scale = min((self.width - 2 * margin) / span, 1200 / max(float(np.ptp(y)), 1e-9))
        left = margin + (self.width - 2 * margin - scale * span) / 2
        self.x, self.y = left + (x - x.min()) * scale, margin + (y.max() - y) * scale
        self.height, self.edge = float(self.y.max()) + margin, float(self.width)

    # -- branches ----------------------------------------------------------------------------------------------------

    def _branches(self) -> list[str]:
        network, tree = self.network, self.where.tree
        below = {int(branch): node for node, branch in enumerate(tree.branch.tolist()) if branch != NONE}
        parts, first = [], len(network.lines.names)
        for branch in range(network.branches):
            a, b = int(network.branch_from[branch]), int(network.branch_to[branch])
            if np.isnan(self.x[a]) or np.isnan(self.x[b]):
                continue
            child = below.get(branch)
            if child is None or self.places:
                path, middle = self._chord(a, b)
            else:
                path, middle = self._elbow(int(tree.parent[child]), child)
            inside = self._wire(branch, path)
            if branch >= first:
                inside += self._rings(branch, middle)
            if not network.branch_closed[branch]:
                inside += self._gap(middle)
            inside += self._loading(branch, middle)
            parts.append(self._element("branch", branch, self._about_branch(branch), inside))
        return parts

    def _state_of(self, branch: int) -> State:
        network, fed = self.network, self.where.tree.fed
        ends = fed[[network.branch_from[branch], network.branch_to[branch]]]
        if not network.branch_closed[branch] or not ends.any():
            return State.DEAD
        return self.states.loading_state[branch] if self.states else State.UNKNOWN

    def _wire(self, branch: int, path: str) -> str:
        state = self._state_of(branch)
        dash = f' stroke-dasharray="{DASHES[state]}"' if state in DASHES else ""
        look = f'fill="none" stroke="{COLOURS[state]}" stroke-width="{WIDTHS[state]}"{dash}'
        return f'<path class="wire" d="{path}" {look}/>'

    def _elbow(self, above: int, child: int) -> tuple[str, tuple[float, float]]:
        """From a node right, or first down; busbars reach down themselves."""
        x0, y0, x1, y1 = self.x[above], self.y[above], self.x[child], self.y[child]
        middle = ((x0 + x1) / 2, y1)
        if y0 == y1 or above in self.where.bars:
            return f"M{x0:.1f} {y1:.1f}H{x1:.1f}", middle
        r = min(6.0, x1 - x0)
        return f"M{x0:.1f} {y0:.1f}V{y1 - r:.1f}Q{x0:.1f} {y1:.1f} {x0 + r:.1f} {y1:.1f}H{x1:.1f}", middle

    def _chord(self, a: int, b: int) -> tuple[str, tuple[float, float]]:
        """A branch beside the tree: straight on a map, down to a part that is not fed, else bowed."""
        x0, y0, x1, y1 = self.x[a], self.y[a], self.x[b], self.y[b]
        fed = self.where.tree.fed
        if self.places:
            return f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}", ((x0 + x1) / 2, (y0 + y1) / 2)
        if fed[a] != fed[b]:
            if fed[b]:
                x0, y0, x1, y1 = x1, y1, x0, y0
            return f"M{x0:.1f} {y0:.1f}V{y1:.1f}H{x1:.1f}", ((x0 + x1) / 2, y1)
        if abs(y0 - y1) < self.rise:
            low = max(y0, y1) + 14.0
            return f"M{x0:.1f} {y0:.1f}Q{(x0 + x1) / 2:.1f} {low:.1f} {x1:.1f} {y1:.1f}", ((x0 + x1) / 2, low - 7)
        side = max(x0, x1) + min(46.0, max(8.0, self.edge - max(x0, x1) - 6))
        path = f"M{x0:.1f} {y0:.1f}C{side:.1f} {y0:.1f} {side:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        return path, ((x0 + x1) / 8 + side * 6 / 8, (y0 + y1) / 2)

    def _rings(self, branch: int, middle: tuple[float, float]) -> str:
        """A transformer: two rings."""
        row, tf = branch - len(self.network.lines.names), self.network.transformers
        r, colour = (8.0 if self.wide else 6.5), COLOURS[self._state_of(branch)]
        x, y = middle
        rings = "".join(
            f'<circle class="hollow" cx="{x + side * r * 0.62:.1f}" cy="{y:.1f}" r="{r}" fill="{PAPER}" '
            f'fill-opacity="0.85" stroke="{colour}" stroke-width="2"/>' for side in (-1, 1)
        )  # fmt: skip
        if self.places:
            return rings
        tap = f"tap {tf.tap[row]:+d}".replace("-", "−") if tf.tap_min[row] < tf.tap_max[row] else ""
        lines = [_power(float(tf.rated_va[row])), tap]
        texts = "".join(
            f'<text class="quiet" x="{x:.1f}" y="{y + r + (1 + at) * (self.font + 2):.1f}" text-anchor="middle" '
            f'fill="{QUIET}" font-size="{self.font - 1}">{line}</text>' for at, line in enumerate(lines) if line
        )  # fmt: skip
        return rings + texts

    def _gap(self, middle: tuple[float, float]) -> str:
        """An open switch: a gap with its blade."""
        x, y = middle
        colour = COLOURS[State.DEAD]
        return (
            f'<rect class="paper" x="{x - 6:.1f}" y="{y - 5:.1f}" width="12" height="10" fill="{PAPER}"/>'
            f'<path class="wire" d="M{x - 6:.1f} {y:.1f}L{x + 5:.1f} {y - 7:.1f}" stroke="{colour}" stroke-width="2"/>'
        )

    def _loading(self, branch: int, middle: tuple[float, float]) -> str:
        state = self._state_of(branch)
        if self.states is None or state not in (State.NEAR, State.OVER) or self._goes_on(branch, state):
            return ""
        start = min(float(self.x[node]) for node in (self.network.branch_from[branch], self.network.branch_to[branch]))
        x = middle[0] if self.places else start + 7
        return (
            f'<text class="value" x="{x:.1f}" y="{middle[1] + self.font + 3:.1f}" font-size="{self.font - 1}" '
            f'font-weight="600" fill="{COLOURS[state]}" stroke="{PAPER}" stroke-width="3" paint-order="stroke">'
            f"{100 * self.states.loading[branch]:.0f} %</text>"
        )

    def _goes_on(self, branch: int, state: State) -> bool:
        """Whether the branch before this one is in the same state: one figure is enough."""
        tree, network = self.where.tree, self.network
        ends = (int(network.branch_from[branch]), int(network.branch_to[branch]))
        above = min(ends, key=lambda node: int(tree.depth[node]))
        before = int(tree.branch[above])
        return before != NONE and self._state_of(before) is state

    def _about_branch(self, branch: int) -> str:
        network = self.network
        ends = (network.nodes.names[network.branch_from[branch]], network.nodes.names[network.branch_to[branch]])
        said = f"{network.branch_names[branch]}: {ends[0]} to {ends[1]}"
        if not network.branch_closed[branch]:
            return f"{said}, open"
        if self.states and np.isfinite(self.states.loading[branch]):
            return f"{said}, {100 * self.states.loading[branch]:.0f} % of its rating"
        return said

    # -- nodes -------------------------------------------------------------------------------------------------------

    def _nodes(self) -> list[str]:
        parts = []
        for node in range(len(self.network.nodes.names)):
            if np.isnan(self.x[node]):
                continue
            state = self._node_state(node)
            inside = self._bar(node, state) if node in self.where.bars else self._dot(node, state)
            inside += self._marks(node) + self._voltage(node, state)
            parts.append(self._element("node", node, self._about_node(node), inside))
        return parts + [self._bundle(node, hidden) for node, hidden in sorted(self.where.bundles.items())]

    def _node_state(self, node: int) -> State:
        if not self.where.tree.fed[node]:
            return State.DEAD
        return self.states.voltage_state[node] if self.states else State.UNKNOWN

    def _bar(self, node: int, state: State) -> str:
        x = self.x[node]
        half = 9.0
        if self.places:
            look = f'fill="{COLOURS[state]}" stroke="{PAPER}"'
            return f'<rect class="dot" x="{x - 6:.1f}" y="{self.y[node] - 6:.1f}" width="12" height="12" {look}/>'
        top, bottom = (self.top + self.rise * row for row in self.where.bars[node])
        line = (
            f'<path class="bar" d="M{x:.1f} {top - half:.1f}V{bottom + half:.1f}" stroke="{COLOURS[state]}" '
            f'stroke-width="5" stroke-linecap="round"/>'
        )
        return line + (
            f'<text class="quiet" x="{x:.1f}" y="{top - half - 7:.1f}" text-anchor="{"start" if x < 40 else "end"}" '
            f'dx="{-8 if x < 40 else 4}" fill="{QUIET}" font-size="{self.font - 1}">'
            f"{_level(float(self.network.nodes.rated_v[node]))}</text>"
        )

    def _dot(self, node: int, state: State) -> str:
        x, y, colour = self.x[node], self.y[node], COLOURS[state]
        r = (4.6 if self.wide else 3.5) if self.units[node] else 2.2
        look = f'class="dot" fill="{colour}" stroke="{PAPER}" stroke-width="1"'
        if state is State.OVER:
            return f'<rect {look} x="{x - r:.1f}" y="{y - r:.1f}" width="{2 * r:.1f}" height="{2 * r:.1f}"/>'
        if state is State.NEAR:
            t = r + 1
            return f'<path {look} d="M{x:.1f} {y - t:.1f}L{x + t:.1f} {y + t * 0.8:.1f}H{x - t:.1f}Z"/>'
        return f'<circle {look} cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>'

    def _marks(self, node: int) -> str:
        """Plants and storages: a small sun's wedge and a small block above the node."""
        kinds = {self.network.units.kinds[unit] for unit in self.units[node]}
        x, y = self.x[node], self.y[node] - (7.0 if self.wide else 5.5)
        size, found = (3.4 if self.wide else 2.4), ""
        if self.places:
            x, y = x + 10, y + 8
        if UnitKind.PV in kinds:
            at = x - (size if UnitKind.STORAGE in kinds else 0)
            half = f"{at - size:.1f} {y:.1f}A{size} {size} 0 0 1 {at + size:.1f} {y:.1f}"
            found += f'<path class="pv" d="M{half}Z" fill="{SOLAR}"/>'
        if UnitKind.STORAGE in kinds:
            at = x + (size * 0.6 if UnitKind.PV in kinds else -size / 2)
            found += (
                f'<rect class="storage" x="{at:.1f}" y="{y - size * 1.4:.1f}" width="{size * 1.3:.1f}" '
                f'height="{size * 1.4:.1f}" fill="{BATTERY}"/>'
            )
        return found

    def _voltage(self, node: int, state: State) -> str:
        if self.states is None or state is not State.OVER or not self.units[node]:
            return ""
        return (
            f'<text class="value" x="{self.x[node]:.1f}" y="{self.y[node] + self.font + 4:.1f}" text-anchor="middle" '
            f'font-size="{self.font - 2}" font-weight="600" fill="{COLOURS[state]}">'
            f"{100 * (self.states.voltage[node] - 1):+.0f} %</text>"
        )

    def _bundle(self, node: int, hidden: tuple[int, ...]) -> str:
        """Side branches that are collapsed: how many nodes, in the worst state of them."""
        order = (State.OVER, State.NEAR, State.DEAD, State.OK, State.UNKNOWN)
        state = min((self._node_state(inner) for inner in hidden), key=order.index)
        x, y, text, colour = self.x[node], self.y[node], f"+{len(hidden)}", COLOURS[state]
        wide = 10.0 + 6 * len(text)
        if node in self.where.bars:
            y += self.rise
            path, left = f"M{x:.1f} {y:.1f}h16", x + 16
        else:
            path, left = f"M{x:.1f} {y:.1f}v{self.rise * 0.45:.1f}", x - wide / 2
            y += self.rise * 0.72
        inside = (
            f'<path class="wire" d="{path}" stroke="{colour}" stroke-width="1.4"/><rect class="hollow" x="{left:.1f}" '
            f'y="{y - 7:.1f}" width="{wide:.1f}" height="14" rx="7" fill="{PAPER}" stroke="{colour}"/>'
            f'<text x="{left + wide / 2:.1f}" y="{y + 3.4:.1f}" text-anchor="middle" font-size="9.5" fill="{INK}">'
            f"{text}</text>"
        )
        return (
            f'<g id="{self.prefix}-bundle-{node}" class="bundle {state}" data-nodes="{len(hidden)}">'
            f"<title>{len(hidden)} more nodes, {WORDS.get(state, 'state unknown')} at worst</title>{inside}</g>"
        )

    def _about_node(self, node: int) -> str:
        network = self.network
        said = f"{network.nodes.names[node]}, {_level(float(network.nodes.rated_v[node]))}"
        if not self.where.tree.fed[node]:
            said += ", not fed"
        elif self.states and np.isfinite(self.states.voltage[node]):
            value = float(self.states.voltage[node])
            said += f", {value * network.nodes.rated_v[node]:,.1f} V ({100 * (value - 1):+.1f} %)"
        names = [network.units.names[unit] for unit in self.units[node]]
        more = f" and {len(names) - SHOWN_UNITS} more" if len(names) > SHOWN_UNITS else ""
        return said + (f": {', '.join(names[:SHOWN_UNITS])}{more}" if names else "")

    # -- around ------------------------------------------------------------------------------------------------------

    def _element(self, kind: str, row: int, about: str, inside: str) -> str:
        name = (self.network.branch_names if kind == "branch" else self.network.nodes.names)[row]
        state = self._state_of(row) if kind == "branch" else self._node_state(row)
        return (
            f'<g id="{self.prefix}-{kind}-{row}" class="{kind} {state}" data-{kind}={quoteattr(_clean(name))}>'
            f"<title>{escape(_clean(about))}</title>{inside}</g>"
        )

    def _bands(self) -> str:
        """Groups: a band behind their feeders, with their name."""
        parts = []
        for band in self.where.bands:
            if band.group < 0 or self.places:
                continue
            top = self.top + self.rise * (band.top - 1.12)
            bottom = self.top + self.rise * (band.bottom + 0.62)
            x = self._column_x(band.column) + 10
            name = escape(_clean(self.network.groups[band.group]))
            parts.append(
                f'<g class="group"><rect class="band" x="{x:.1f}" y="{top:.1f}" width="{self._right() - x:.1f}" '
                f'height="{bottom - top:.1f}" rx="8" fill="{BAND}" fill-opacity="0.6"/>'
                f'<text x="{x + 10:.1f}" y="{top + self.font + 2:.1f}" font-weight="650" fill="{INK}">{name}</text></g>'
            )
        return "".join(parts)

    def _right(self) -> float:
        return max(float(self.width), self.edge) - 8

    def _column_x(self, column: int) -> float:
        return float(np.nanmin(self.x[(self.where.column == column) & ~np.isnan(self.x)]))

    def _notes(self) -> str:
        if self.places or self.where.islands is None:
            return ""
        y = self.top + self.rise * (self.where.islands + 0.7)
        return f'<text class="quiet" x="14" y="{y:.1f}" font-weight="650" fill="{QUIET}">Not fed</text>'

    def _legend(self) -> str:
        """What the states look like; without states nothing."""
        if self.states is None:
            return ""
        x, y, parts = 16.0, self.height + 14, []
        for state in (State.OK, State.NEAR, State.OVER):
            dash = f' stroke-dasharray="{DASHES[state]}"' if state in DASHES else ""
            mark = {
                "circle": f'<circle class="dot" cx="{x + 12}" cy="{y - 4}" r="5" fill="{COLOURS[state]}"/>',
                "triangle": f'<path class="dot" d="M{x + 12} {y - 10}l6 10h-12z" fill="{COLOURS[state]}"/>',
                "square": f'<rect class="dot" x="{x + 7}" y="{y - 9}" width="10" height="10" fill="{COLOURS[state]}"/>',
            }[SHAPES[state]]
            parts.append(
                f'<g class="legend {state}"><path class="wire" d="M{x} {y - 4}h24" stroke="{COLOURS[state]}" '
                f'stroke-width="{WIDTHS[state]}"{dash} fill="none"/>{mark}'
                f'<text x="{x + 30}" y="{y}" fill="{INK}">{WORDS[state]}</text></g>'
            )
            x += 36 + len(WORDS[state]) * self.font * 0.56
        return "".join(parts)

    def _summary(self) -> str:
        network, said = self.network, []
        said.append(
            f"{len(network.nodes.names):,} nodes, {len(network.lines.names):,} lines, "
            f"{len(network.transformers.names):,} transformers in {len(network.groups):,} groups"
        )
        unfed = int((~self.where.tree.fed).sum())
        if unfed:
            said.append(f"{unfed:,} nodes not fed")
        if self.states:
            for state in (State.OVER, State.NEAR):
                of = [list(column).count(state) for column in (self.states.voltage_state, self.states.loading_state)]
                plural = ["" if one == 1 else end for one, end in zip(of, ("s", "es"), strict=True)]
                said.append(f"{of[0]:,} node{plural[0]} and {of[1]:,} branch{plural[1]} {WORDS[state]}")
        return "; ".join(said)


def _units_by_node(network: Network) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in network.nodes.names]
    for unit, node in enumerate(network.units.nodes.tolist()):
        found[node].append(unit)
    return found


def _clean(text: str) -> str:
    """Without characters XML does not allow."""
    return "".join(c if c.isprintable() else " " for c in text)


def _level(volts: float) -> str:
    """A rated voltage in words.

    >>> _level(400.0), _level(20_000.0)
    ('0.4 kV', '20 kV')
    """
    return f"{volts / 1000:g} kV"


def _power(va: float) -> str:
    return f"{va / 1e6:g} MVA" if va >= 1e6 else f"{va / 1e3:g} kVA"

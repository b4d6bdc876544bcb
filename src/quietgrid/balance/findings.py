"""What is wrong, odd or worth knowing about a network: rules with names, each finding with its cure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from quietgrid.balance.topology import Tree, tree_of
from quietgrid.model.network import NO_GROUP, Network

MOST_OF_A_RULE = 20
"""Findings of one rule that are told one by one; the rest is counted."""
SAME_LEVEL, OTHER_LEVEL = 0.01, 0.15
"""How far rated voltages may lie apart: of a line's two ends; of a winding and its node."""
TINY_OHM = 1e-7
DROP = 0.5
"""A line on which its rated current (100 A where unknown) loses more than so much of the voltage is no line."""
USUAL_A = 100.0
HIGH_UK = 0.3
SOURCE_LOW, SOURCE_HIGH = 0.85, 1.15
SHOWN = 3


class Severity(StrEnum):
    """How much it matters: with an error a grid is not put in force."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. Args: rule: its name. severity. element: of what. said: one sentence. fix: the cure."""

    rule: str
    severity: Severity
    element: str
    said: str
    fix: str


Found = Iterator[Finding]
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def findings(network: Network) -> list[Finding]:
    """Everything the rules find, errors first.

    >>> from quietgrid.demo import demo_network
    >>> [(one.rule, one.severity.value) for one in findings(demo_network())]
    [('group-behind-group', 'note')]
    """
    tree = tree_of(network)
    found: list[Finding] = []
    for rule in RULES:
        some = list(rule(network, tree))
        found += some[:MOST_OF_A_RULE]
        if len(some) > MOST_OF_A_RULE:
            first, more = some[0], len(some) - MOST_OF_A_RULE
            found.append(Finding(first.rule, first.severity, network.name, f"{more:,} more of these", first.fix))
    return sorted(found, key=lambda one: list(Severity).index(one.severity))


def _unfed(network: Network, tree: Tree) -> Found:
    """Parts without a source, and what hangs there."""
    if not network.sources.closed.any():
        yield Finding("no-source", ERROR, network.name, "no source is switched on: nothing is fed", "close a source")
        return
    units = np.bincount(network.units.nodes[network.units.closed], minlength=len(network.nodes.names))
    for island in tree.islands():
        names, count = [network.nodes.names[node] for node in island], int(units[island].sum())
        what = f"{_some(names)} {'is' if len(names) == 1 else 'are'} not fed"
        if count:
            said = f"{what}, and {_plural(count, 'unit')} with {'it' if len(names) == 1 else 'them'}"
            yield Finding("unit-unfed", ERROR, names[0], said, "close a switch on the way, or take the units out")
        else:
            yield Finding("unfed", WARNING, names[0], what, "close a switch on the way, or leave the nodes out")


def _loops(network: Network, tree: Tree) -> Found:
    """Closed branches that close a loop."""
    for branch in tree.loops:
        a, b = (tree.path(int(node)) for node in (network.branch_from[branch], network.branch_to[branch]))
        size = len(set(a) ^ set(b)) + 1
        name = network.branch_names[branch]
        said = f"{name} closes a loop of {size} branches" if size > 2 else f"{name} runs beside another branch"
        yield Finding("loop", NOTE, name, said, "fine where it is meant; else open one switch of it")


def _groups(network: Network, tree: Tree) -> Found:
    """Units whose use no group's total holds; groups fed through another."""
    lost = [network.units.names[at] for at in np.flatnonzero(network.unit_groups == NO_GROUP).tolist()]
    if lost:
        which = "one belongs" if len(lost) == 1 else f"{len(lost):,} belong"
        yield Finding("no-group", WARNING, lost[0], f"of the units {which} to no group: {_some(lost)}",
                      "put their nodes in groups (--groups feeders)")  # fmt: skip
    for branch, group in network.heads:
        ends = network.nodes.groups[[network.branch_from[branch], network.branch_to[branch]]]
        if NO_GROUP not in ends and group == ends.max():
            a, b = (network.groups[row] for row in ends)
            yield Finding("group-behind-group", NOTE, network.branch_names[branch],
                          f"{network.branch_names[branch]} lies between {a} and {b}: one feeds the other",
                          "its flow counts for both groups' totals")  # fmt: skip


def _impedances(network: Network, tree: Tree) -> Found:
    """Lines no cable can be."""
    lines, volts = network.lines, network.nodes.rated_v
    z = np.hypot(lines.r_ohm, lines.x_ohm)
    amperes = np.where(np.isfinite(lines.rated_a) & (lines.rated_a > 0), lines.rated_a, USUAL_A)
    drop = np.divide(z * amperes * np.sqrt(3), volts[lines.from_node], out=np.zeros(len(z)),
                     where=volts[lines.from_node] > 0)  # fmt: skip
    for at, name in enumerate(lines.names):
        if lines.r_ohm[at] < 0 or lines.x_ohm[at] < 0 or lines.c_farad[at] < 0:
            yield Finding("impedance", ERROR, name, f"{name} has a negative resistance, reactance or capacitance",
                          "correct its data")  # fmt: skip
        elif 0 < z[at] < TINY_OHM:
            yield Finding("impedance", WARNING, name, f"{name} has {z[at]:.1e} Ω, too little to calculate with",
                          "set resistance and reactance to 0: it is a coupler")  # fmt: skip
        elif drop[at] > DROP:
            yield Finding("impedance", WARNING, name,
                          f"{name} has {z[at]:,.3g} Ω: {amperes[at]:,.0f} A would lose {drop[at]:.0%} of the voltage",
                          "check length and units (Ω, not mΩ)")  # fmt: skip
        if lines.from_node[at] == lines.to_node[at]:
            yield Finding("same-node", ERROR, name, f"{name} begins and ends at one node", "name two nodes")


def _ratings(network: Network, tree: Tree) -> Found:
    """Ratings that are missing or none."""
    lines, transformers = network.lines, network.transformers
    unknown = ~lines.couplers & ~(np.isfinite(lines.rated_a) & (lines.rated_a > 0))
    missing = [lines.names[at] for at in np.flatnonzero(unknown).tolist()]
    if missing:
        yield Finding("no-rating", WARNING, missing[0],
                      f"{_plural(len(missing), 'line')} without a rated current: {_some(missing)}",
                      "give it, or their loading is not seen")  # fmt: skip
    for at in np.flatnonzero(~(transformers.rated_va > 0)).tolist():
        name = transformers.names[at]
        yield Finding("no-rating", ERROR, name, f"{name} has no rated power", "give it in VA")


def _levels(network: Network, tree: Tree) -> Found:
    """Rated voltages that do not fit together."""
    nodes, lines, transformers = network.nodes, network.lines, network.transformers
    for at in np.flatnonzero(~(nodes.rated_v > 0)).tolist():
        yield Finding("node-voltage", ERROR, nodes.names[at], f"{nodes.names[at]} has no rated voltage", "give it in V")
    start, end = nodes.rated_v[lines.from_node], nodes.rated_v[lines.to_node]
    for at in np.flatnonzero(np.abs(start - end) > SAME_LEVEL * np.maximum(start, end)).tolist():
        yield Finding("voltage-level", ERROR, lines.names[at],
                      f"{lines.names[at]} joins {start[at]:,.0f} V and {end[at]:,.0f} V",
                      "put a transformer there, or correct a node's voltage")  # fmt: skip
    for at, name in enumerate(transformers.names):
        windings = transformers.from_v[at], transformers.to_v[at]
        ends = nodes.rated_v[transformers.from_node[at]], nodes.rated_v[transformers.to_node[at]]
        if windings[0] < windings[1] or ends[0] < ends[1]:
            yield Finding("upside-down", ERROR, name,
                          f"{name} has {windings[0]:,.0f} V at {ends[0]:,.0f} V above "
                          f"{windings[1]:,.0f} V at {ends[1]:,.0f} V", "swap its sides")  # fmt: skip
            continue
        for winding, node in zip(windings, ends, strict=True):
            if abs(winding - node) > OTHER_LEVEL * node:
                yield Finding("winding-voltage", ERROR, name,
                              f"a winding of {winding:,.0f} V of {name} is at a node of {node:,.0f} V",
                              "correct one of the two")  # fmt: skip


def _transformers(network: Network, tree: Tree) -> Found:
    """Transformers' data, and tap changers."""
    one = network.transformers
    for at, name in enumerate(one.names):
        uk, va = float(one.short_circuit[at]), float(one.rated_va[at])
        if va > 0 and not one.copper_w[at] / va < uk:
            yield Finding("short-circuit", ERROR, name,
                          f"{name}: {one.copper_w[at]:,.0f} W of copper losses are more than uk {uk:.1%} allows",
                          "correct losses, rating or short-circuit voltage")  # fmt: skip
        elif uk > HIGH_UK:
            yield Finding("short-circuit", WARNING, name, f"{name} has a short-circuit voltage of {uk:.0%}",
                          "give it as a share: 0.06, not 6")  # fmt: skip
        low, high, tap = (int(column[at]) for column in (one.tap_min, one.tap_max, one.tap))
        if not low <= tap <= high:
            yield Finding(
                "tap-range", ERROR, name, f"tap {tap} of {name} lies outside {low} … {high}", "move it inside"
            )
        if not low <= one.tap_neutral[at] <= high:
            yield Finding("tap-range", WARNING, name, f"the neutral tap of {name} lies outside {low} … {high}",
                          "correct the range")  # fmt: skip
        if low < high and not one.tap_size[at] > 0:
            yield Finding("tap-size", WARNING, name, f"taps of {name} change nothing: their step is 0", "give the step")
        if one.on_load[at] and low == high:
            yield Finding("tap-range", WARNING, name, f"{name} regulates under load but has one position",
                          "give its range")  # fmt: skip


def _switches(network: Network, tree: Tree) -> Found:
    """Open branches, and what closing each would do."""
    below = np.ones(len(tree.parent), np.int64)
    units = np.bincount(network.units.nodes, minlength=len(tree.parent))
    for node in tree.order[::-1].tolist():
        if tree.parent[node] >= 0:
            below[tree.parent[node]] += below[node]
            units[tree.parent[node]] += units[node]
    for branch in np.flatnonzero(~network.branch_closed).tolist():
        ends = [int(network.branch_from[branch]), int(network.branch_to[branch])]
        fed = [bool(tree.fed[node]) for node in ends]
        name = network.branch_names[branch]
        if all(fed):
            effect = "closing it would make a loop"
        elif any(fed):
            root = tree.path(ends[fed.index(False)])[-1]
            effect = (
                f"closing it would feed {_plural(int(below[root]), 'node')} and {_plural(int(units[root]), 'unit')}"
            )
        else:
            effect = "closing it would feed nothing"
        yield Finding("open", NOTE, name, f"{name} is open; {effect}", "leave it, or close its switches")


def _names(network: Network, tree: Tree) -> Found:
    """Names that people or sensors could confuse."""
    both = set(network.lines.names) & set(network.transformers.names)
    for name in sorted(both):
        yield Finding("duplicate-name", ERROR, name, f"a line and a transformer are called {name}", "rename one")
    for what, names in (
        ("nodes", network.nodes.names),
        ("branches", network.branch_names),
        ("units", network.units.names),
    ):
        first: dict[str, str] = {}
        for name in names:
            like = " ".join(name.split()).casefold()
            other = first.setdefault(like, name)
            if other != name:
                yield Finding("similar-name", WARNING, name, f"two {what} are called {other} and {name}", "rename one")


def _sources(network: Network, tree: Tree) -> Found:
    """Sources' voltages; several sources in one part."""
    sources = network.sources
    for at, name in enumerate(sources.names):
        if not SOURCE_LOW <= sources.voltage[at] <= SOURCE_HIGH:
            yield Finding("source-voltage", WARNING, name, f"{name} holds {sources.voltage[at]:.2f} of rated voltage",
                          "give it as a share: 1.02")  # fmt: skip
    closed = np.flatnonzero(sources.closed).tolist()
    if len(set(sources.nodes[closed].tolist())) > 1:
        yield Finding("several-sources", NOTE, sources.names[closed[0]],
                      f"{len(closed)} sources feed this grid: {_some([sources.names[at] for at in closed])}",
                      "power may flow through it from one to the other")  # fmt: skip


def _units(network: Network, tree: Tree) -> Found:
    """Units whose figures cannot be."""
    units = network.units
    for at, name in enumerate(units.names):
        if not (np.isfinite(units.rated_w[at]) and units.rated_w[at] >= 0 and np.isfinite(units.rated_var[at])):
            yield Finding("unit-power", ERROR, name, f"{name} has no usable rated power", "give it in W, not negative")
        if units.yearly_wh[at] < 0 or units.storage_wh[at] < 0:
            yield Finding("unit-energy", ERROR, name, f"{name} has a negative energy", "give it in Wh, not negative")


RULES: tuple[Callable[[Network, Tree], Found], ...] = (
    _unfed, _levels, _transformers, _impedances, _ratings, _names, _units, _sources, _groups, _loops, _switches,
)  # fmt: skip


def _some(names: list[str]) -> str:
    """The first few names.

    >>> _some(["a", "b", "c", "d", "e"]), _some(["a"])
    ('a, b, c and 2 more', 'a')
    """
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"

"""Planning cells: which homes share a leaf of the one partition.

A leaf is a feeder section of about 2k homes (k = 15), so that it can be split in two halves when a meter lies. A
section under the floor is joined with its neighbour on the feeder; a home with more than 15 % of a section's
certified capacity is reported: it belongs in a section of large customers, or in none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from quietgrid.errors import InputError
from quietgrid.model.closed import GateRules
from quietgrid.model.party import Party


@dataclass(frozen=True)
class Cell:
    """One planned leaf.

    Args:
        name: Of the feeder section. homes: ids, ascending. exporters: how many can export.
        largest_percent: Share of the largest home in the certified capacity. notes: what an operator should know.
    """

    name: str
    homes: tuple[int, ...]
    exporters: int
    largest_percent: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CellPlan:
    """All leaves, and the feeders that are too small to show anything."""

    cells: tuple[Cell, ...]
    too_small: tuple[str, ...] = field(default=())


def plan_cells(parties: Sequence[Party], exporters: frozenset[int], rules: GateRules) -> CellPlan:
    """Plan the leaves of a community.

    Args:
        parties: All with a meter. exporters: homes certified for the export register. rules: k and the share.

    Returns:
        Leaves by feeder name; feeders of 2 × 2k homes and more are cut into even sections.

    Raises:
        InputError: no parties, or fewer than k in all.
    """
    if len(parties) < rules.k:
        raise InputError(
            f"{len(parties)} homes are too few: no total could ever be shown",
            where="community",
            fix=f"gather at least {rules.k} homes, better {2 * rules.k}",
        )
    by_feeder: dict[str, list[Party]] = {}
    for party in sorted(parties, key=lambda p: (p.feeder, p.home)):
        by_feeder.setdefault(party.feeder, []).append(party)
    cells: list[Cell] = []
    small: list[Party] = []
    too_small = []
    for feeder, homes in by_feeder.items():
        if len(homes) < rules.k:
            small += homes
            too_small.append(feeder)
            continue
        sections = max(1, len(homes) // (2 * rules.k))
        for number in range(sections):
            part = homes[number * len(homes) // sections : (number + 1) * len(homes) // sections]
            cells.append(_cell(feeder if sections == 1 else f"{feeder}.{number + 1}", part, exporters, rules))
    if small and len(small) >= rules.k:
        cells.append(_cell("+".join(too_small), small, exporters, rules))
        too_small = []
    elif small and cells:
        last = cells.pop()
        merged = [p for p in parties if p.home in last.homes] + small
        cells.append(_cell(last.name, sorted(merged, key=lambda p: p.home), exporters, rules))
        too_small = []
    return CellPlan(tuple(cells), tuple(too_small))


def _cell(name: str, homes: Sequence[Party], exporters: frozenset[int], rules: GateRules) -> Cell:
    power = sum(p.connection_w for p in homes)
    largest = max(p.connection_w for p in homes) * 100 // max(1, power)
    count = sum(p.home in exporters for p in homes)
    notes = []
    if len(homes) < 2 * rules.k:
        notes.append(f"{len(homes)} homes: enough for totals, too few to split when a meter lies")
    if largest > rules.max_share_percent:
        notes.append(f"one connection has {largest} % of the capacity: its section's totals stay closed")
    if 0 < count < rules.k:
        notes.append(f"{count} homes can export: the section shows import minus export only")
    return Cell(name, tuple(sorted(p.home for p in homes)), count, largest, tuple(notes))

"""Do the bills of a period add up to the totals of their feeders? Nothing is opened for it: both are open already."""

from __future__ import annotations

from collections import defaultdict

from quietgrid.accounts import Permission, Viewer, require
from quietgrid.api.desk.bills import window_of
from quietgrid.api.services import Services
from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT, IMPORT
from quietgrid.runtime.periods import bill_of

Sums = dict[int, int]
"""register -> Wh, of the registers the book has bands for."""


def check_sums(services: Services, viewer: Viewer, period: str) -> tuple[bool, str]:
    """Whether the measured energy on the bills equals the totals of the same cells, feeder by feeder.

    A feeder is left out where slots did not open (too few homes) or late readings entered the bills.

    Returns: Whether none differs, and a sentence.
    """
    require(viewer, Permission.BILLS)
    window = window_of(services, period)
    names = services.members(window.first).leaf_names
    billed = _billed(services, window)
    checked, wrong = 0, []
    for leaf, name in enumerate(names):
        with services.store.read() as tx:
            late = tx.answers.closes(leaf, window.first, window.end, kind="late")
            quantities = {quantity for node, quantity in tx.totals.nodes() if node == name}
        pairs = [] if late or leaf not in billed else _pairs(services, name, window, billed[leaf], quantities)
        checked += bool(pairs)
        if any(total != bill for total, bill in pairs):
            wrong.append(name)
    if wrong:
        return False, f"bills and totals differ: {', '.join(wrong)}"
    return True, f"bills and totals agree on {checked} of {len(names)} feeders"


def _billed(services: Services, window: Window) -> dict[int, Sums]:
    """Leaf -> measured energy on its bills by register."""
    members = services.members(window.first)
    leaf_of = dict(zip(members.homes.tolist(), members.leaves.tolist(), strict=True))
    bands: dict[int, dict[str, int]] = {}
    sums: dict[int, Sums] = defaultdict(dict)
    for leaf in range(len(members.leaf_names)):
        vectors = services.periods.book(leaf, window).vectors
        bands[leaf] = {vector.name: vector.register for vector in vectors if vector.rule != "prices"}
    with services.store.read() as tx:
        newest = {row.home: row for row in tx.billing.bills(first=window.first)}
    for home, row in newest.items():
        leaf = leaf_of[home]
        for fact in bill_of(row).facts:
            if fact.vector in bands[leaf]:
                register = bands[leaf][fact.vector]
                sums[leaf][register] = sums[leaf].get(register, 0) + fact.measured
    return sums


def _pairs(
    services: Services, leaf: str, window: Window, billed: Sums, quantities: set[Quantity]
) -> list[tuple[int, int]]:
    """(total, billed) of every quantity that both know in full."""
    wanted = {Quantity.IMPORT: billed.get(IMPORT), Quantity.EXPORT: billed.get(EXPORT)}
    if IMPORT in billed and EXPORT in billed:
        wanted[Quantity.NET] = billed[IMPORT] - billed[EXPORT]
    found = []
    for quantity, bill in wanted.items():
        if bill is None or quantity not in quantities:
            continue
        with services.store.read() as tx:
            total = tx.totals.total(leaf, quantity, window)
        if bool(total.answered.all()):
            found.append((int(total.energy_wh.sum()), bill))
    return found

"""`Total` and `Fact`: the two kinds of answer that ever open."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from quietgrid.model.interval import Window
from quietgrid.model.question import Quantity


class Status(StrEnum):
    """How well an answer is checked.

    `provisional`: two keyholders answered. `confirmed`: all three, components equal. `certified`: the auditor
    has the meters' signed day records as well. `void` and `implausible` are never re-asked.
    """

    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    CERTIFIED = "certified"
    IMPLAUSIBLE = "implausible"
    VOID = "void"


@dataclass(frozen=True)
class Total:
    """Opened sums of one group over consecutive intervals.

    Args:
        node: Name of the leaf or union.
        quantity: Import, export or net.
        window: t intervals.
        energy_wh: int64 [t]; meaningless where `answered` is False.
        homes: int32 [t], distinct capable homes in each sum.
        members: Homes of the node in the epoch.
        answered: bool [t]; False where the gate refused (too few homes arrived).
        status: How well it is checked.
    """

    node: str
    quantity: Quantity
    window: Window
    energy_wh: NDArray[np.int64]
    homes: NDArray[np.int32]
    members: int
    answered: NDArray[np.bool_]
    status: Status


@dataclass(frozen=True, slots=True)
class Fact:
    """One opened linear number about one home: a band sum of its bill, a reward.

    Args:
        home: The home. vector: name of the book's vector. register: 0 or 1.
        window: The period it is over.
        value: The opened sum (Wh, or weight × Wh for a price vector).
        intervals: Cells in the sum. missing: cells of the band that were not delivered by the close.
        status: How well it is checked.
    """

    home: int
    vector: str
    register: int
    window: Window
    value: int
    intervals: int
    missing: int
    status: Status

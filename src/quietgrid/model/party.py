"""`Party` and `Group`: who, and any set of meters; the member list of an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import InputError
from quietgrid.model.interval import Window


class PartyKind(StrEnum):
    """What a party is."""

    RESIDENTIAL = "residential"
    COMMERCIAL = "commercial"
    INDUSTRIAL = "industrial"
    PLANT = "plant"


@dataclass(frozen=True, slots=True)
class Party:
    """Someone with a contract: a household, a shop, a factory, a plant.

    Args:
        home: Pseudonymous id of the connection (u64); a move makes a new one.
        name: As on the contract. Never leaves registry and billing.
        kind: Residential, commercial, industrial or plant.
        feeder: Name of the feeder section it hangs on (its leaf).
        connection_w: Certified connection capacity.
        tariff: Name of its tariff.
    """

    home: int
    name: str
    kind: PartyKind
    feeder: str
    connection_w: int
    tariff: str


@dataclass(frozen=True, slots=True)
class Group:
    """A named union of leaves: a zone, a DR region, a market area. A leaf is a group of itself.

    Args:
        name: Unique in the epoch.
        leaves: Leaf numbers, ascending.
    """

    name: str
    leaves: tuple[int, ...]


@dataclass(frozen=True)
class MemberList:
    """The registrar's list of one epoch: who is in which leaf, with what.

    Rows are (home, pid) pairs in a fixed order: every close's bitmap counts its columns in it.
    A later *revision* of the same epoch may only append rows (a replaced meter of a listed home).

    Args:
        community: 16 bytes.
        epoch: Number of the epoch, from 0. An epoch starts with a billing period.
        revision: 0, then +1 for each appended list.
        window: The slots the epoch covers.
        homes: uint64 [n]. pids: uint64 [n]. leaves: int32 [n], rows of a leaf contiguous in revision 0.
        registers: uint8 [n], bitmap of registers the meter is *certified* capable of.
        connection_w: int64 [n], certified connection capacity of the home.
        leaf_names: Name of leaf number i.
    """

    community: bytes
    epoch: int
    revision: int
    window: Window
    homes: NDArray[np.uint64]
    pids: NDArray[np.uint64]
    leaves: NDArray[np.int32]
    registers: NDArray[np.uint8]
    connection_w: NDArray[np.int64]
    leaf_names: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.pids)
        if any(len(c) != n for c in (self.homes, self.leaves, self.registers, self.connection_w)):
            raise InputError("columns differ in length", where="MemberList", fix="one row a (home, meter)")
        if len(np.unique(self.pids)) != n:
            raise InputError("a meter is listed twice", where="MemberList", fix="list each pid once")

    def __len__(self) -> int:
        return len(self.pids)

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Row of each pid."""
        return {int(pid): row for row, pid in enumerate(self.pids)}

    @cached_property
    def _rows_by_leaf(self) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(self.leaves == leaf) for leaf in range(len(self.leaf_names))]

    def rows(self, leaf: int) -> NDArray[np.int64]:
        """Rows of one leaf, in list order: the columns of that leaf's bitmaps."""
        return self._rows_by_leaf[leaf]

    def homes_in(self, leaf: int) -> NDArray[np.uint64]:
        """Distinct homes of one leaf, ascending: the rows of that leaf's bill matrix."""
        return np.unique(self.homes[self.rows(leaf)])

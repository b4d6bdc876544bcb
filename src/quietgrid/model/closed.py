"""`Closed`: what arrived. The part of a close that is pure arithmetic: which cells count, in which version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Closed:
    """The cells of slots ``[a, b)`` of one UTC day and leaf, as voted by the keyholders.

    Args:
        leaf: Leaf number. day: UTC day. a, b: slots within the day.
        present: bool [n, b - a], rows in the order of ``MemberList.rows(leaf)``.
        version: int16 [n, b - a], which sealed version of the cell counts (0 mostly).
        hash: The close's hash (32 bytes), by which questions name it.
    """

    leaf: int
    day: int
    a: int
    b: int
    present: NDArray[np.bool_]
    version: NDArray[np.int16]
    hash: bytes


@dataclass(frozen=True, slots=True)
class Raised:
    """A floor that a vote raised: `k` homes, from the start of UTC day `day` on."""

    k: int
    day: int


@dataclass(frozen=True, slots=True)
class GateRules:
    """The gate's numbers (PROTOCOL A, "The gate"), the same in every keyholder.

    Args:
        k: Floor: distinct homes behind any total. Governance can raise it, never lower it.
        max_share_percent: No home may hold more than this share of a set's certified capacity.
        max_omitted_percent: Delivered-but-omitted cells per home and period before a leaf's totals stop.
        settle_slots: A close comes at least this many slots after a slot's end.
        retain_days: How long day keys live.
        late_days: How long corrections are taken.
        disabled: Names of rules switched off. Only attack tests do this, to show that each rule is needed.
    """

    k: int = 15
    max_share_percent: int = 15
    max_omitted_percent: int = 5
    settle_slots: int = 2
    retain_days: int = 100
    late_days: int = 7
    disabled: frozenset[str] = field(default_factory=frozenset)

    def on(self, rule: str) -> bool:
        """Whether a rule is enforced."""
        return rule not in self.disabled

    def on_day(self, raised: Iterable[Raised], day: int) -> GateRules:
        """The same rules with the floor of a UTC day: the highest of ours and of those raised by then.

        >>> GateRules(k=15).on_day([Raised(18, 20_000), Raised(20, 20_030)], 20_001).k
        18
        """
        k = max([self.k, *(one.k for one in raised if one.day <= day)])
        return self if k == self.k else replace(self, k=k)

"""`Pledge`: what a party undertakes for later intervals: an order, a trade, an enrolment, a schedule."""

from __future__ import annotations

from dataclasses import dataclass

from quietgrid.model.interval import Window


@dataclass(frozen=True, slots=True)
class Pledge:
    """An undertaking.

    Args:
        id: Unique; the idempotency key. home: Who pledges. kind: ``order``, ``trade``, ``enrolment``,
            ``schedule``.
        window: The intervals it binds. energy_wh: How much, per interval.
        price_micro_per_kwh: At what price (0 where none).
    """

    id: str
    home: int
    kind: str
    window: Window
    energy_wh: tuple[int, ...]
    price_micro_per_kwh: int = 0

"""`Signal`: what is announced for later intervals; pulled by those it concerns, never pushed upstream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quietgrid.model.interval import Window


class SignalKind(StrEnum):
    """What is announced."""

    PRICE = "price"
    EVENT = "event"
    SET_POINT = "set-point"
    PEER_BAND = "peer-band"


@dataclass(frozen=True, slots=True)
class Signal:
    """An announcement.

    Args:
        id: Unique. kind: What it is. group: Name of the group it is for.
        window: The intervals it concerns. values: One integer an interval, in `unit`.
        unit: For example ``price_micro_per_kwh`` or ``power_w``.
        issued: Unix seconds.
    """

    id: str
    kind: SignalKind
    group: str
    window: Window
    values: tuple[int, ...]
    unit: str
    issued: float

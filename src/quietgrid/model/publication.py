"""What may be published of the homes' monthly figures, and the numbers that limit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Statistic(StrEnum):
    """Statistics that can be published, each once a billing period."""

    USE = "use"
    """Energy drawn by all homes together."""
    EXPORT = "export"
    """Energy fed in by all homes that can."""
    KINDS = "kinds"
    """Energy drawn, by kind of party."""
    TARIFFS = "tariffs"
    """Energy drawn, by tariff."""
    BANDS = "bands"
    """Energy drawn, by band of the day."""
    SPREAD = "spread"
    """How many homes drew how much. Counts can single out a home, so they always carry noise."""


STATISTIC_NAMES: Mapping[Statistic, str] = {
    Statistic.USE: "Used by all homes",
    Statistic.EXPORT: "Fed in",
    Statistic.KINDS: "Used, by kind of party",
    Statistic.TARIFFS: "Used, by tariff",
    Statistic.BANDS: "Used, by band of the day",
    Statistic.SPREAD: "Homes, by what they used",
}
"""As people read them."""
EDGES_KWH = (0, 100, 200, 300, 400, 600, 1_000)
"""Where the classes of `Statistic.SPREAD` begin, kWh a period; the last is open."""


@dataclass(frozen=True, slots=True)
class PublishRules:
    """The numbers of publishing (PROTOCOL A, rows "floor" and "DP"; decision 0021).

    Args:
        floor: Homes from which a plain sum may be published; with fewer it carries noise.
        epsilon_milli: Privacy loss of one noisy statistic, thousandths, unless asked for otherwise.
        budget_milli: The most that all noisy statistics of a calendar year may cost one home, thousandths.
        bound_wh: What a home's figure of a period is clipped at, before noise.
    """

    floor: int = 100
    epsilon_milli: int = 500
    budget_milli: int = 6_000
    bound_wh: int = 800_000

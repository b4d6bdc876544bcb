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
    PEERS = "peers"
    """Energy drawn, by size of the connection and whether the home can feed in."""
    BANDS = "bands"
    """Energy drawn, by band of the day."""
    SPREAD = "spread"
    """How many homes drew how much. Counts can single out a home, so they always carry noise."""


STATISTIC_NAMES: Mapping[Statistic, str] = {
    Statistic.USE: "Used by all homes",
    Statistic.EXPORT: "Fed in",
    Statistic.KINDS: "Used, by kind of party",
    Statistic.TARIFFS: "Used, by tariff",
    Statistic.PEERS: "Used, by homes alike",
    Statistic.BANDS: "Used, by band of the day",
    Statistic.SPREAD: "Homes, by what they used",
}
"""As people read them."""
SIZES_KW = (15, 30)
"""Where the sizes of connections end: small and medium; all others are large."""
EDGES_KWH = (0, 100, 200, 300, 400, 600, 1_000)
"""Where the classes of `Statistic.SPREAD` begin, kWh a period; the last is open."""


def peers(connection_w: int, feeds_in: bool) -> str:
    """The name of the homes alike: by what is certified of each, and by nothing that was measured.

    >>> peers(14_500, True), peers(22_000, False), peers(48_000, False)
    ('small connection, feeds in', 'medium connection', 'large connection')
    """
    size = next((name for name, most in zip(("small", "medium"), SIZES_KW, strict=True) if connection_w <= most * 1000),
                "large")  # fmt: skip
    return f"{size} connection" + (", feeds in" if feeds_in else "")


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

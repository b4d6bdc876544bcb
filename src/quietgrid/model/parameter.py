"""The numbers a community can vote on, as people read them; the order is that of the contract `CommunityParameters`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PRIVACY_FLOOR, PUBLISH_BUDGET = 0, 2
"""`ICommunityParameters.Parameter`: those that the platform itself runs with."""


class Direction(StrEnum):
    """Which way a vote may move a number; the order is the contract's."""

    EITHER = "either way"
    UP = "only up"
    DOWN = "only down"


@dataclass(frozen=True, slots=True)
class Named:
    """One number by name.

    Args:
        key: For commands and JSON. name: in words. unit: of what is shown. scale: so many of the contract's units are
            one of them.
    """

    key: str
    name: str
    unit: str
    scale: int = 1

    def shown(self, value: int) -> str:
        """The contract's value as people read it.

        >>> PARAMETERS[2].shown(5_000), PARAMETERS[3].shown(-10_000)
        ('5', '-1')
        """
        return f"{value / self.scale:,.10g}"

    def stored(self, shown: float) -> int:
        """What people write as the contract's value.

        >>> PARAMETERS[2].stored(5.5)
        5500
        """
        return round(shown * self.scale)


PARAMETERS = (
    Named("privacy-floor", "privacy floor", "homes"),
    Named("retain-days", "days that day keys are kept", "days"),
    Named("publish-budget", "publish budget", "epsilon a home and year", 1_000),
    Named("market-price-floor", "lowest market price", "ct/kWh", 10_000),
    Named("market-price-cap", "highest market price", "ct/kWh", 10_000),
    Named("challenge-window", "challenge window", "hours", 3_600),
    Named("second-approver", "second approver from", "kWh", 1_000),
)
"""By the contract's number."""


@dataclass(frozen=True, slots=True)
class Voted:
    """One number as the chain has it.

    Args:
        number: In `PARAMETERS`. value, lowest, highest, step: in the contract's units. direction: see there.
        block: of its last change, or of its making.
    """

    number: int
    value: int
    lowest: int
    highest: int
    step: int
    direction: Direction
    block: int

    @property
    def named(self) -> Named:
        """Its name and unit."""
        return PARAMETERS[self.number]

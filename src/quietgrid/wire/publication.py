"""Published statistics as the platform signs them: once made, the same bytes for everybody and for ever."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import msgspec

from quietgrid.algorithms.laplace import half_width
from quietgrid.crypto.public.envelope import Message
from quietgrid.model.interval import Window


class Figure(msgspec.Struct, array_like=True, frozen=True):
    """One number of a statistic.

    `name`: the group, band or class. `homes`: behind it (of a class: in all classes together). `value`: Wh, or homes.
    `noisy`: whether noise was added; a figure without is the plain sum of at least the floor of homes.
    """

    name: str
    homes: int
    value: int
    noisy: bool


class Publication(Message, frozen=True):
    """One statistic of one billing period, with all that is needed to judge it. Signed by the platform.

    `year`: whose budget it is charged to. `homes`: in it. `epsilon_milli`: privacy loss of each home in a noisy figure,
    0 without noise. `sensitivity`: the most one home can change the figures by, all together; Wh or homes.
    `bound_wh`: what a home's figure was clipped at. `budget_milli`: a home's limit for the year.
    """

    NAME: ClassVar[str] = "publication"
    community: bytes
    statistic: str
    first: int
    end: int
    resolution: int
    year: int
    homes: int
    epsilon_milli: int
    sensitivity: int
    bound_wh: int
    budget_milli: int
    figures: list[Figure]
    at: float

    @property
    def window(self) -> Window:
        """The billing period."""
        return Window(self.first, self.end, self.resolution)

    @property
    def scale(self) -> Fraction:
        """Scale of the noise: sensitivity divided by epsilon; 0 without noise."""
        return Fraction(self.sensitivity * 1000, self.epsilon_milli) if self.epsilon_milli else Fraction(0)

    @property
    def margin(self) -> int:
        """Half the width of the interval that holds 95 % of the noise; 0 without noise."""
        return half_width(self.scale) if self.epsilon_milli else 0


class Part(msgspec.Struct, array_like=True, frozen=True):
    """One statistic that a home is part of: the encoded `Signed[Publication]`, the figure, what it cost the home."""

    publication: bytes
    figure: str
    epsilon_milli: int


class OwnParts(Message, frozen=True):
    """Every published statistic that a home's monthly figure entered, as the platform says. Signed by it."""

    NAME: ClassVar[str] = "own-parts"
    community: bytes
    home: int
    parts: list[Part]
    at: float

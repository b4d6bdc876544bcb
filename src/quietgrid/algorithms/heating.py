"""Whether a home is heated by electricity: a learned classifier that can also run on encrypted numbers.

Boosted one-feature trees (Friedman, "Greedy Function Approximation", 2001) on numbers of 4 bits are a sum of public
tables, one a number, compared with an edge: nine table lookups on ciphertexts (`quietgrid.crypto.public.fhe`), which
the tests hold equal to this. The model is `heating.toml`, beside this file, which says what it was trained on and how
to make it again.

Privacy: a home's month in, which stays at home or leaves it encrypted. The model holds no reading of any home.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from quietgrid.errors import InputError
from quietgrid.model.insight import Feature, Features

LEVELS = 16
NAMES = ("month", "base", "evening", "weekend", "night", "peak", "morning", "midday")
"""What it looks at, in this order."""


@dataclass(frozen=True, slots=True)
class Heating:
    """A model.

    Args:
        edges: for each number the at most 15 rising values at which its level rises by one. tables: for each number
            what each of its 16 levels counts. edge: a home is heated by electricity where the sum reaches it.
    """

    edges: tuple[tuple[int, ...], ...]
    tables: tuple[tuple[int, ...], ...]
    edge: int

    def __post_init__(self) -> None:
        fits = len(self.edges) == len(self.tables) == len(NAMES)
        fits = fits and all(len(table) == LEVELS for table in self.tables)
        fits = fits and all(len(edges) < LEVELS and list(edges) == sorted(set(edges)) for edges in self.edges)
        low, high = (sum(part(table) for table in self.tables) - self.edge for part in (min, max))
        if not fits or low < -LEVELS or high > LEVELS - 1:
            raise InputError("a model of another form", where="heating", fix="train it again (see heating.toml)")

    def levels(self, features: Features) -> tuple[int, ...]:
        """What a home encrypts: 0 to 15 each, in the order of `NAMES`."""
        return tuple(bisect_right(edges, value) for edges, value in zip(self.edges, numbers(features), strict=True))

    def score(self, levels: Sequence[int]) -> int:
        """The sum of the tables.

        Raises:
            InputError: another number of levels, or one out of range.
        """
        if len(levels) != len(NAMES) or any(not 0 <= level < LEVELS for level in levels):
            raise InputError("levels out of range", where="heating", fix="give what `levels` gives")
        return sum(table[level] for table, level in zip(self.tables, levels, strict=True))

    def decide(self, levels: Sequence[int]) -> bool:
        """Whether a home with these levels is heated by electricity.

        Example:
            >>> model = Heating(((),) * 8, ((0,) * 15 + (2,),) * 8, 2)
            >>> model.decide([0, 0, 0, 0, 15, 0, 0, 0]), model.decide([0] * 8)
            (True, False)
        """
        return self.score(levels) >= self.edge


def numbers(features: Features) -> tuple[int, ...]:
    """What the model looks at, from a home's month (not yet levels)."""
    value = dict(zip(Feature, features.values, strict=True))
    return (
        features.month, value[Feature.BASE], value[Feature.EVENING], value[Feature.WEEKEND], value[Feature.NIGHT],
        value[Feature.PEAK], sum(features.profile[6:10]), sum(features.profile[10:16]),
    )  # fmt: skip


@cache
def heating() -> Heating:
    """The model of this version."""
    return read(files("quietgrid.algorithms").joinpath("heating.toml").read_text(encoding="utf-8"))


def read(text: str) -> Heating:
    """A model from its table.

    Raises:
        InputError: not such a table.
    """
    try:
        data = tomllib.loads(text)
        rows = [data["number"][name] for name in NAMES]
        return Heating(
            tuple(tuple(row["edges"]) for row in rows), tuple(tuple(row["counts"]) for row in rows), int(data["edge"])
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError("a model that cannot be read", where="heating", fix="train it again") from error

"""Recipes: what each home of the sample is made of."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from io import StringIO

from quietgrid.demo.profiles import data_bytes

COMMUNITY = 120
"""Homes in the sample; more are made by following it with variations of itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """So many Wh a year in the shape of one profile, moved by whole weeks and by slots.

    Parts called PV… are made, not used; they follow the sun and are never moved.
    """

    profile: str
    yearly_wh: int
    weeks: int
    slots: int

    @property
    def made(self) -> bool:
        """Whether this is generation."""
        return self.profile.startswith("PV")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One home: what is on its contract and what it is made of.

    Args:
        seed: Of its draws. name, kind, feeder, tariff: as on the contract. connection_w: certified capacity.
        pv_w: Peak power of its roof, 0 without. battery_wh, battery_w: storage, 0 without.
        appliances: Per cent of ordinary use of appliances.
    """

    seed: int
    name: str
    kind: str
    feeder: str
    connection_w: int
    tariff: str
    pv_w: int
    battery_wh: int
    battery_w: int
    appliances: int
    parts: tuple[Part, ...]


@cache
def community() -> tuple[Recipe, ...]:
    """The 120 recipes of the data files, in order."""
    parts: dict[int, list[Part]] = {}
    for row in csv.DictReader(StringIO(data_bytes("parts.csv").decode())):
        part = Part(row["profile"], int(row["yearly_wh"]), int(row["weeks"]), int(row["slots"]))
        parts.setdefault(int(row["home"]), []).append(part)
    return tuple(
        Recipe(
            home,
            row["name"],
            row["kind"],
            row["feeder"],
            int(row["connection_w"]),
            row["tariff"],
            int(row["pv_w"]),
            int(row["battery_wh"]),
            int(row["battery_w"]),
            int(row["appliances"]),
            tuple(parts[home]),
        )
        for home, row in enumerate(csv.DictReader(StringIO(data_bytes("homes.csv").decode())), start=1)
    )


def recipes(homes: int) -> list[Recipe]:
    """The first `homes` recipes; from the 121st on, variations in sections of their own.

    >>> [recipe.name for recipe in recipes(122)[119:]]
    ['Cold store, Station Road 30', 'Orchard Hill II 1', 'Orchard Hill II 2']
    """
    return [_variation(number) for number in range(homes)]


def _variation(number: int) -> Recipe:
    """Recipe `number` (from 0)."""
    copy, row = divmod(number, COMMUNITY)
    one = community()[row]
    if not copy:
        return one
    weeks = (copy + 1) // 2 * (1 if copy % 2 else -1)
    slots, percent = 5 * copy % 9 - 4, 90 + number * 37 % 21
    parts = tuple(
        part
        if part.made
        else Part(part.profile, part.yearly_wh * percent // 100, part.weeks + weeks, part.slots + slots)
        for part in one.parts
    )
    feeder = f"{one.feeder} {roman(copy + 1)}"
    return Recipe(
        number + 1, one.name.replace(one.feeder, feeder), one.kind, feeder, one.connection_w, one.tariff, one.pv_w,
        one.battery_wh, one.battery_w, one.appliances, parts,
    )  # fmt: skip


def roman(number: int) -> str:
    """A small number in Roman digits.

    >>> roman(2), roman(9), roman(84)
    ('II', 'IX', 'LXXXIV')
    """
    digits = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
              (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
    text = ""
    for value, digit in digits:
        text += digit * (number // value)
        number %= value
    return text

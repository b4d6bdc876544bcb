"""A small community in one process for the tests of the runtime: 20 homes in one section, a few days."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quietgrid.billing import default_tariffs
from quietgrid.lab.community import Community, Resident
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList, Party, PartyKind
from quietgrid.model.question import Quantity
from quietgrid.model.readings import Readings
from quietgrid.model.tariff import Tariff
from quietgrid.model.total import Total

FIRST_DAY = 17_000
PER_DAY = 48
RESOLUTION = 1800


def days(first: int, count: int) -> Window:
    """UTC days counted from the community's first."""
    return Window((FIRST_DAY + first) * PER_DAY, (FIRST_DAY + first + count) * PER_DAY, RESOLUTION)


def flat() -> list[Tariff]:
    """One tariff; its time zone is UTC, so that days and periods fall together."""
    return [replace(default_tariffs()[0], name="flat", tz="UTC")]


class Hamlet:
    """20 homes (or more), readings by a seed."""

    def __init__(self, folder: Path, homes: int = 20, epoch_days: int = 70, meters_of_home_1: int = 1) -> None:
        parties = [Party(100 + n, f"Home {n}", PartyKind.RESIDENTIAL, "Lane", 14_500, "flat") for n in range(homes)]
        people = [Resident(party, 1 + n, 1) for n, party in enumerate(parties)]
        people += [Resident(parties[0], 1000 + n, 1) for n in range(meters_of_home_1 - 1)]
        self.people = people
        self.community = Community(folder, people, days(0, epoch_days), flat(), tz="UTC")
        self.members: MemberList = self.community.join()
        self.platform = self.community.platform
        self.store = self.platform.parts.store

    def readings(self, window: Window, gone: NDArray[np.bool_] | None = None) -> Readings:
        """Made-up readings of a window, the same whenever they are asked for."""
        n = len(self.people)
        columns = [np.random.default_rng(slot).integers(0, 900, n) for slot in range(window.first, window.end)]
        imported = np.array(columns, np.int64).reshape(len(window), n).T
        present = np.ones(imported.shape, np.bool_) if gone is None else ~gone
        zero = np.zeros(imported.shape, np.int64)
        pids = np.array([person.pid for person in self.people], np.uint64)
        return Readings(pids, window, np.where(present, imported, 0), zero, present)

    def total(self, window: Window) -> Total:
        with self.store.read() as tx:
            return tx.totals.total("Lane", Quantity.IMPORT, window)

    def close(self) -> None:
        self.community.close()

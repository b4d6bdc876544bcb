"""A month of half hours in many small leaves: each attack on bills and events has a leaf of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.crypto.public.envelope import Signed
from quietgrid.lab.community import Community
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.question import Book, Quantity, Vector
from quietgrid.model.readings import Readings
from quietgrid.wire.messages import Consent, EventMessage
from tests.scenarios.attacks.spy import D0, SECRET, Spy, found_community, off, random_readings, residents

RULES = GateRules(k=3, max_share_percent=50)
PER_DAY = 48
DAYS = 28
HOMES = 7
PERIOD = Window(D0 * PER_DAY, (D0 + DAYS) * PER_DAY, 1800)
DAYTIME = Vector("day", 0, "hours", "UTC", (0x3FFFC0,) * 7)
NIGHT = Vector("night", 0, "hours", "UTC", (0xFFFFFF ^ 0x3FFFC0,) * 7)
ALL = Vector("all", 0, "all")
EXPORT = Vector("export", 1, "all")
BANDS = (DAYTIME, NIGHT)

BANDED = (
    "one-late three-late again thin thin-off herd herd-all consent short thin-event thin-event-off event-pair "
    "event-pair-off early only-late weighted renamed thin-rest thin-rest-off erased erased-wide erased-off erased-rule"
)
BOOKS: dict[str, tuple[Vector, ...]] = dict.fromkeys(BANDED.split(), BANDS)
BOOKS |= {"fillers": (*BANDS, EXPORT), "two-books": (ALL,)}
FEEDS = {"odd": "odd", "heavy": "heavy", "sevens": "sevens", "thin-pair": "steps", "priced-event": "hourly"}
for _leaf, _feed in FEEDS.items():
    BOOKS[_leaf] = BOOKS[f"{_leaf}-off"] = (ALL, Vector("rtp", 0, "prices", feed=_feed))
BOOKS["steps"] = BOOKS["steps-off"] = (*BANDS, Vector("rtp", 0, "prices", feed="two prices"))
BOOKS["overlap"] = (ALL, *BANDS)
LEAVES = {name: number for number, name in enumerate(sorted(BOOKS))}
PEOPLE = residents({name: [3 if name == "fillers" and not n else 1 for n in range(HOMES)] for name in LEAVES})


@dataclass
class Month:
    """A closed-off month: frames delivered, books registered, nothing closed."""

    community: Community
    readings: Readings
    spy: Spy

    def homes(self, leaf: str) -> list[int]:
        return [100 * (LEAVES[leaf] + 1) + n for n in range(HOMES)]

    def victim(self, leaf: str) -> int:
        return self.homes(leaf)[0]

    def book(self, leaf: str) -> Book:
        return Book(LEAVES[leaf], PERIOD, BOOKS[leaf])

    def read(self, home: int, register: int = 0) -> NDArray[np.int64]:
        """A home's readings of the period (what the attacker does not see)."""
        column = self.readings.imported_wh if register == 0 else self.readings.exported_wh
        row: NDArray[np.int64] = column[self.readings.meters.tolist().index(7 * home)][: len(PERIOD)]
        return row

    def closes(self, leaf: str, omit: Iterable[tuple[int, int]] = ()) -> list[Signed]:
        """Day-long closes of the period, but for (home, slot of the period) in `omit`; voted."""
        by_day: dict[int, list[tuple[int, int]]] = {}
        for home, slot in omit:
            by_day.setdefault(slot // PER_DAY, []).append((home, slot % PER_DAY))
        made = [
            self.spy.close(D0 + day, 0, PER_DAY, leaf=LEAVES[leaf], omit=by_day.get(day, [])) for day in range(DAYS)
        ]
        self.spy.vote(made)
        return made

    def totals(self, leaf: str, closes: Sequence[Signed], quantity: Quantity = Quantity.IMPORT) -> NDArray[np.int64]:
        """The leaf's opened totals over the period, int64 [T]."""
        return np.concatenate([self.spy.total(close, leaf, quantity=quantity).values for close in closes])

    def event(
        self, leaf: str, slots: Sequence[tuple[int, int]], holders: Sequence[int], *, consent: bool = True,
        name: str = "evening",
    ) -> EventMessage:  # fmt: skip
        """A registered event over (slot of the period, weight), with its holders' consent."""
        card = self.community.card
        listed = [(PERIOD.first + slot, weight) for slot, weight in slots]
        message = EventMessage(card.community, name, 0, LEAVES[leaf], 0, 1800, listed, sorted(holders))
        self.spy.register(self.spy.sign(message))
        if consent:
            for home in holders:
                self.consent(home, name)
        return message

    def consent(self, home: int, subject: str, recipient: str = "platform", days: float = 100) -> Signed:
        """A household's signed consent, registered."""
        expires = self.community.clock.now() + days * 86_400
        message = Consent(self.community.card.community, home, subject, "reward", recipient, expires)
        signed = self.community.household_keys[home].sign(message)
        self.spy.register(signed)
        return signed


def month(community: Community) -> Month:
    """Deliver the month: the first home of each leaf reads SECRET in slot 500 of the period (daytime)."""
    spy = Spy(community)
    for leaf, vectors in BOOKS.items():
        with off(community, *(["book"] if leaf == "overlap" else [])):
            spy.register_book(Book(LEAVES[leaf], PERIOD, vectors))
    window = Window(PERIOD.first, PERIOD.end + PER_DAY, 1800)
    readings = random_readings(PEOPLE, window)
    readings.imported_wh[::HOMES, PLANTED] = SECRET
    readings.exported_wh[HOMES * LEAVES["fillers"], PLANTED] = SECRET
    for first in range(window.first, window.end, 7 * PER_DAY):  # a meter keeps ten days of keys
        community.measure(readings.cut(Window(first, min(first + 7 * PER_DAY, window.end), 1800)))
    community.clock.unix = float(window.end * 1800 + 4 * 1800)
    return Month(community, readings, spy)


PLANTED = 500
"""Slot of the period: day 10, 10:00."""

__all__ = ["BANDS", "PLANTED", "Month", "found_community", "month"]

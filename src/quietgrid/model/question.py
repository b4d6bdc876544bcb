"""`Question`: who asks what of which cells, by the name of a rule. Registered ahead, evaluated at close."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quietgrid.errors import InputError
from quietgrid.model.interval import Window
from quietgrid.model.readings import EXPORT, IMPORT


class Kind(StrEnum):
    """Kinds of question the gate knows."""

    TOTALS = "totals"
    """Per-slot sums over one node of the one partition."""
    HALVES = "halves"
    """The same sums in two halves drawn by lot, after a total that no meters of these homes could have measured."""
    BILLS = "bills"
    """One batch per leaf and period: every home, every vector of the book, with what the late pool lets in."""
    EVENT = "event"
    """One number per consenting home over an event's slots."""


class Quantity(StrEnum):
    """What a total is of."""

    IMPORT = "import"
    EXPORT = "export"
    NET = "net"
    """import - export, where too few homes can export for an export total."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One column of a book: a published rule that says the weight of every slot of a period.

    Args:
        name: Shown to people: ``day``, ``night``, ``real-time``.
        register: 0 import, 1 export.
        rule: ``"all"`` | ``"hours"`` | ``"prices"``.
        tz: Time zone the rule's hours are in.
        hours: For ``hours``: 7 × 24-bit masks, Monday first; bit h set = weight 1 in local hour h.
        feed: For ``prices``: name of the published price series. The book is registered before the period;
            the weights are recomputed by each keyholder from the prices published since
            (`algorithms.weights`).
    """

    name: str
    register: int
    rule: str
    tz: str = "UTC"
    hours: tuple[int, ...] = ()
    feed: str = ""

    def __post_init__(self) -> None:
        if self.register not in (IMPORT, EXPORT):
            raise InputError(f"register {self.register} cannot be billed", where=self.name, fix="use 0 or 1")
        if self.rule not in ("all", "hours", "prices"):
            raise InputError(f"no rule is called {self.rule!r}", where=self.name, fix="use all, hours or prices")
        if self.rule == "hours" and len(self.hours) != 7:
            raise InputError("an hours rule needs seven masks", where=self.name, fix="one a weekday, Monday first")


@dataclass(frozen=True, slots=True)
class Book:
    """All vectors of one leaf and billing period: the common refinement of the tariffs in it.

    Args:
        leaf: Leaf number. window: the billing period (at least 28 days).
        vectors: At most 8; at most 6 bands a register.
    """

    leaf: int
    window: Window
    vectors: tuple[Vector, ...]


def subject_of(event: str) -> str:
    """What a consent to an event's number names: the event without what follows ``#``.

    >>> subject_of("evening/2026-11#2"), subject_of("evening")
    ('evening/2026-11', 'evening')
    """
    return event.partition("#")[0]

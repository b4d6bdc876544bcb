"""Storage schedules that a server can make without reading what they are made from.

Each is three things that belong together: what a station encrypts, what the server does with it, and the same in
plain: its twin. The server's part is written against `Engine`, so that a new way needs no new Rust. Installed packages
offer more under the entry point group ``quietgrid.encrypted_schedules`` (`quietgrid.balance.storing.planners`).

Where prices are public, their order is no secret and is worked out in the clear: then only the load and the level are
encrypted. An encrypted order is for what is private: the loads themselves (`Flatten`), or own costs (`Prefer`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from quietgrid.algorithms.schedule.shaving import caps_of, counted, shave
from quietgrid.algorithms.schedule.steps import (
    CHARGE,
    GIVE,
    MOST_INTERVALS,
    MOST_PICKED,
    REST,
    WORD,
    Steps,
    flatten,
    walk,
    wishes_of,
)
from quietgrid.errors import InputError

LONGEST = 96
MOST_COST = 255
MOST_PRICE = 1 << 40
Part = tuple[tuple[int, ...], str]
"""Values and the type they are encrypted as: ``u4``, ``u8``, ``u16``."""


@dataclass(frozen=True)
class Terms:
    """What is public in a plan.

    Args:
        intervals: How many, 2 to 96. steps: the storage and its connection. prices: millionths a kWh, one an interval,
            or none. picks: in how many intervals to charge, and to give, where a schedule picks.

    Raises:
        InputError: values that do not fit each other.
    """

    intervals: int
    steps: Steps
    prices: tuple[int, ...] = ()
    picks: int = 1

    def __post_init__(self) -> None:
        fits = 2 <= self.intervals <= LONGEST and len(self.prices) in (0, self.intervals)
        fits &= all(abs(price) < MOST_PRICE for price in self.prices) and 1 <= self.picks <= LONGEST // 2
        if not fits:
            raise InputError("terms that cannot be", where="terms", fix="2 to 96 intervals, a price for each or none")

    def priced(self) -> tuple[int, ...]:
        """The prices.

        Raises:
            InputError: there are none.
        """
        if not self.prices:
            raise InputError("this schedule follows prices", where="terms", fix="give one for each interval")
        return self.prices

    def picked(self, most_intervals: int, most: int) -> int:
        """The picks.

        Raises:
            InputError: more than half of the intervals, or than an encrypted order is made of.
        """
        if self.intervals > most_intervals or self.picks > most or 2 * self.picks > self.intervals:
            raise InputError(
                "too many intervals picked", where="terms",
                fix=f"at most {most_intervals} intervals; picks to {most} and half of them",
            )  # fmt: skip
        return self.picks


@dataclass(frozen=True)
class Private:
    """What only the station knows.

    Args:
        load_wh: Expected draw an interval, Wh, 16 bits. level: steps in the storage. costs: how dear each interval is
            to the station, 0 to 255, where a schedule asks.
    """

    load_wh: tuple[int, ...]
    level: int
    costs: tuple[int, ...] = ()

    def fits(self, terms: Terms) -> None:
        """Refuse what cannot be encrypted.

        Raises:
            InputError: another number of intervals, or a value out of range. The message holds none of them.
        """
        right = len(self.load_wh) == terms.intervals and all(0 <= load <= WORD for load in self.load_wh)
        if not right or not 0 <= self.level <= terms.steps.capacity:
            raise InputError(
                "a load or level that cannot be planned with", where="station",
                fix="one load of 0 to 65535 Wh an interval, a level within the capacity",
            )  # fmt: skip


class Engine(Protocol):
    """What a schedule may do with what it cannot read; `quietgrid.crypto.public.fhe.Server` is one, with more."""

    def flatten(self, load: bytes, level: bytes, k: int, steps: tuple[int, int, int]) -> bytes:
        """Charge in the k least, give in the k greatest of the encrypted loads."""

    def follow(self, load: bytes, level: bytes, wishes: Sequence[int], steps: tuple[int, int, int]) -> bytes:
        """Follow public wishes within encrypted limits."""

    def prefer(self, costs: bytes, load: bytes, level: bytes, k: int, steps: tuple[int, int, int]) -> bytes:
        """Charge in the k least, give in the k greatest of the encrypted costs."""

    def shave(self, counts: bytes, level: bytes, capacity: int) -> bytes:
        """Keep the lowest cap that can be kept."""

    def load(self, sealed: bytes) -> Any:
        """A vector from its bytes, for what follows."""

    def answer(self, vector: Any) -> bytes:
        """A vector on its way back."""

    def compare(self, a: Any, op: str, b: Any) -> Any:
        """Bits; `b` is encrypted or public."""

    def select(self, bits: Any, a: Any, b: Any) -> Any:
        """a where the bit is 1, else b."""

    def rank(self, a: Any) -> Any:
        """How many of 2 to 30 values come before each."""

    def look_up(self, a: Any, table: Sequence[int]) -> Any:
        """Each u8 in a public table of 256 u8."""


class StepSchedule(Protocol):
    """A way to plan a storage in whole steps, encrypted or not."""

    @property
    def words(self) -> str:
        """What it does and what is private in it, for people."""

    def question(self, private: Private, terms: Terms) -> list[Part]:
        """At the station: what to encrypt.

        Raises:
            InputError: values or terms that this schedule cannot use.
        """

    def plain(self, private: Private, terms: Terms) -> tuple[int, ...]:
        """The twin: what the encrypted way gives, in steps an interval (1 charge, 0 rest, -1 give)."""

    def encrypted(self, engine: Engine, parts: Sequence[bytes], terms: Terms) -> bytes:
        """At the server: from the encrypted parts to one encrypted ``u4`` an interval: 0 give, 1 rest, 2 charge."""


def moves_of(digits: Sequence[int]) -> tuple[int, ...]:
    """An opened answer as steps.

    Raises:
        InputError: a digit that no schedule gives: the server did not compute what was asked.

    Example:
        >>> moves_of([2, 1, 0])
        (1, 0, -1)
    """
    if any(not 0 <= digit <= CHARGE - GIVE for digit in digits):
        raise InputError("an answer that is no plan", where="plan", fix="do not follow it; ask again")
    return tuple(digit + GIVE for digit in digits)


def _limits(terms: Terms) -> tuple[int, int, int]:
    return terms.steps.capacity, terms.steps.step_wh, terms.steps.limit_wh


class _OfPrices(ABC):
    """Public wishes, private load and level."""

    words = ""

    @abstractmethod
    def wishes(self, terms: Terms) -> tuple[int, ...]:
        """What the prices ask for."""

    def question(self, private: Private, terms: Terms) -> list[Part]:
        """See `StepSchedule`."""
        private.fits(terms)
        self.wishes(terms)
        return [(private.load_wh, "u16"), ((private.level,), "u4")]

    def plain(self, private: Private, terms: Terms) -> tuple[int, ...]:
        """See `StepSchedule`."""
        private.fits(terms)
        return walk(private.load_wh, private.level, self.wishes(terms), terms.steps)

    def encrypted(self, engine: Engine, parts: Sequence[bytes], terms: Terms) -> bytes:
        """See `StepSchedule`."""
        load, level = parts
        return engine.follow(load, level, self.wishes(terms), _limits(terms))


class Greedy(_OfPrices):
    """Charge at the lower quarter of the prices, give at the upper one."""

    words = "charges while it is cheap, gives while it is dear; prices are public, load and level are private"

    def wishes(self, terms: Terms) -> tuple[int, ...]:
        """What the prices ask for; nothing where all are equal."""
        order = sorted(terms.priced())
        quarter = (len(order) - 1) // 4
        low, high = order[quarter], order[-1 - quarter]
        return wishes_of(terms.prices, (low, high)) if low < high else (REST,) * terms.intervals


class Cheapest(_OfPrices):
    """Charge in the cheapest intervals, give in the dearest, as many as picked. Their order is no secret."""

    words = "charges in the cheapest intervals, gives in the dearest; prices are public, load and level are private"

    def wishes(self, terms: Terms) -> tuple[int, ...]:
        """What the prices ask for; of equal ones the first is cheaper."""
        prices, k = terms.priced(), terms.picked(LONGEST, LONGEST // 2)
        order = sorted(range(len(prices)), key=lambda t: (prices[t], t))
        wishes = dict.fromkeys(order[:k], CHARGE) | dict.fromkeys(order[-k:], GIVE)
        return tuple(wishes.get(t, REST) for t in range(len(prices)))


class Flatten:
    """Charge in the intervals of the least load, give in those of the greatest. The order is found encrypted."""

    words = "charges at the least loads, gives at the greatest; their order is found encrypted"

    def question(self, private: Private, terms: Terms) -> list[Part]:
        """See `StepSchedule`."""
        private.fits(terms)
        terms.picked(MOST_INTERVALS, MOST_PICKED)
        return [(private.load_wh, "u16"), ((private.level,), "u4")]

    def plain(self, private: Private, terms: Terms) -> tuple[int, ...]:
        """See `StepSchedule`."""
        private.fits(terms)
        return flatten(private.load_wh, private.level, terms.picked(MOST_INTERVALS, MOST_PICKED), terms.steps)

    def encrypted(self, engine: Engine, parts: Sequence[bytes], terms: Terms) -> bytes:
        """See `StepSchedule`."""
        load, level = parts
        return engine.flatten(load, level, terms.picked(MOST_INTERVALS, MOST_PICKED), _limits(terms))


class Prefer:
    """Charge in the intervals that cost the station least, give in those that cost it most: its costs stay private."""

    words = (
        "charges where the station's own costs are least, gives where they are greatest; their order is found encrypted"
    )

    def question(self, private: Private, terms: Terms) -> list[Part]:
        """See `StepSchedule`."""
        self._costs(private, terms)
        return [(private.costs, "u8"), (private.load_wh, "u16"), ((private.level,), "u4")]

    def plain(self, private: Private, terms: Terms) -> tuple[int, ...]:
        """See `StepSchedule`."""
        costs, k = self._costs(private, terms), terms.picks
        order = sorted(range(len(costs)), key=lambda t: (costs[t], t))
        wishes = dict.fromkeys(order[:k], CHARGE) | dict.fromkeys(order[-k:], GIVE)
        wanted = [wishes.get(t, REST) for t in range(len(costs))]
        return walk(private.load_wh, private.level, wanted, terms.steps)

    def encrypted(self, engine: Engine, parts: Sequence[bytes], terms: Terms) -> bytes:
        """See `StepSchedule`."""
        costs, load, level = parts
        return engine.prefer(costs, load, level, terms.picked(MOST_INTERVALS, MOST_PICKED), _limits(terms))

    def _costs(self, private: Private, terms: Terms) -> tuple[int, ...]:
        private.fits(terms)
        terms.picked(MOST_INTERVALS, MOST_PICKED)
        if len(private.costs) != terms.intervals or any(not 0 <= cost <= MOST_COST for cost in private.costs):
            raise InputError("own costs that cannot be", where="station", fix="one of 0 to 255 an interval")
        return private.costs


class Shave:
    """Keep the lowest peak that the storage can: within a step of the best plan (`shaving`)."""

    words = "keeps the lowest peak it can, within one step of the best plan; the cap is searched encrypted"

    def question(self, private: Private, terms: Terms) -> list[Part]:
        """See `StepSchedule`."""
        private.fits(terms)
        return [(counted(private.load_wh, terms.steps), "u4"), ((private.level,), "u4")]

    def plain(self, private: Private, terms: Terms) -> tuple[int, ...]:
        """See `StepSchedule`."""
        private.fits(terms)
        return shave(private.load_wh, private.level, terms.steps)

    def encrypted(self, engine: Engine, parts: Sequence[bytes], terms: Terms) -> bytes:
        """See `StepSchedule`."""
        counts, level = parts
        caps_of(terms.steps)
        return engine.shave(counts, level, terms.steps.capacity)


STEP_SCHEDULES: dict[str, StepSchedule] = {
    "greedy": Greedy(), "cheapest": Cheapest(), "flatten": Flatten(), "prefer": Prefer(), "shave": Shave(),
}  # fmt: skip

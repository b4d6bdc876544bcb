"""A book from its log: the same commands, in the same order, make the same trades."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from quietgrid.algorithms.book.book import Book
from quietgrid.model.order import Order, Trade


@dataclass(frozen=True, slots=True)
class Place:
    """An order came."""

    order: Order


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order was taken back."""

    order_id: str


@dataclass(frozen=True, slots=True)
class Amend:
    """Less of an order is wanted."""

    order_id: str
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Expire:
    """Time went on to `now`."""

    now: int


Command = Place | Cancel | Amend | Expire


def apply(book: Book, command: Command) -> tuple[Trade, ...]:
    """Do one command; its trades.

    Raises:
        InputError, ConflictError, NotFoundError: as the book's own methods.
    """
    match command:
        case Place(order):
            return book.place(order).trades
        case Cancel(order_id):
            book.cancel(order_id)
        case Amend(order_id, energy_wh):
            book.amend(order_id, energy_wh)
        case Expire(now):
            book.expire(now)
    return ()


def replay(commands: Iterable[Command]) -> tuple[Book, list[Trade]]:
    """The book and all trades after commands that were accepted once.

    >>> from quietgrid.model.order import BUY, SELL
    >>> sold = Order("a", "roof", SELL, 20, 500)
    >>> book, trades = replay([Place(sold), Place(Order("b", "shop", BUY, 25, 300))])
    >>> [(t.buy, t.sell, t.tick, t.energy_wh) for t in trades], book.left_wh("a")
    ([('b', 'a', 20, 300)], 200)
    """
    book, trades = Book(), list[Trade]()
    for command in commands:
        trades += apply(book, command)
    return book, trades

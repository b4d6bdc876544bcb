"""The continuous order book: price first, then time."""

from quietgrid.algorithms.book.batch import Kind, Log, Matched, match_log
from quietgrid.algorithms.book.book import Book, Level, Placed
from quietgrid.algorithms.book.replaying import Amend, Cancel, Command, Expire, Place, apply, replay

__all__ = [
    "Amend",
    "Book",
    "Cancel",
    "Command",
    "Expire",
    "Kind",
    "Level",
    "Log",
    "Matched",
    "Place",
    "Placed",
    "apply",
    "match_log",
    "replay",
]

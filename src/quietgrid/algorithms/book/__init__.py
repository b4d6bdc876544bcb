"""The continuous order book: price first, then time."""

from quietgrid.algorithms.book.book import Book, Level, Placed
from quietgrid.algorithms.book.replaying import Amend, Cancel, Command, Expire, Place, apply, replay

__all__ = ["Amend", "Book", "Cancel", "Command", "Expire", "Level", "Place", "Placed", "apply", "replay"]

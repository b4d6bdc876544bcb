"""Books: the one set of band sums that prices every tariff of a leaf.

All homes of a leaf get facts for the same vectors, whatever their tariff: otherwise a home alone on its tariff would
have the others' facts derived for it (PROTOCOL C, G6). So the book is the *common refinement* of the tariffs' bands:
two hours share a vector exactly when every tariff prices them alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms import weights
from quietgrid.algorithms.wide import MAX_BANDS, MAX_VECTORS
from quietgrid.errors import GateRefusal, InputError
from quietgrid.model.interval import Window
from quietgrid.model.question import Book, Vector
from quietgrid.model.readings import EXPORT, IMPORT
from quietgrid.model.tariff import ALL_HOURS, Band, Tariff


def book_for_leaf(tariffs: Iterable[Tariff], leaf: int, window: Window, registers: int, *, check: bool = True) -> Book:
    """The book of one leaf and period.

    Args:
        tariffs: Every tariff version that a home of the leaf has in the period; repeats do no harm.
        leaf: Leaf number. window: The billing period.
        registers: Bitmap of registers that some home of the leaf is certified for (bit 1: export).
        check: False leaves out the rules on the length of periods and bands (for tests on short windows).

    Raises:
        InputError: no tariffs, different time zones, or a refinement that the gate would refuse; says which band
            and how to mend it.

    >>> from quietgrid.billing.defaults import default_tariffs
    >>> from quietgrid.model.interval import month_window
    >>> window = month_window(2026, 3, "Europe/Berlin", 900)
    >>> [v.name for v in book_for_leaf(default_tariffs(), 0, window, 0b11).vectors]
    ['night', 'day', 'evening', 'day-ahead price', 'export']
    """
    distinct = sorted(set(tariffs), key=lambda tariff: (tariff.name, tariff.version))
    where = f"book of leaf {leaf}"
    if not distinct:
        raise InputError("no home of the leaf has a tariff", where=where, fix="give every party a tariff")
    zones = sorted({tariff.tz for tariff in distinct})
    if len(zones) > 1:
        raise InputError(
            f"the tariffs of one leaf are in different time zones: {', '.join(zones)}", where=where, fix="use one zone"
        )
    tz = zones[0]
    vectors = refine([tariff.import_bands for tariff in distinct], IMPORT, tz)
    feeds = sorted({tariff.feed for tariff in distinct if tariff.feed})
    vectors += [Vector(f"{feed} price", IMPORT, "prices", tz, feed=feed) for feed in feeds]
    exports = [tariff.export_bands for tariff in distinct if tariff.export_bands]
    if registers >> EXPORT & 1 and exports:
        vectors += refine(exports, EXPORT, tz)
    book = Book(leaf, window, _unique_names(vectors))
    _check_size(book, distinct, where)
    if check:
        _check_bands(book, where)
    return book


def refine(schedules: Sequence[tuple[Band, ...]], register: int, tz: str) -> list[Vector]:
    """The common refinement of several weeks of bands as vectors, in order of first hour in the week.

    >>> refine([(Band("all", 1),), (Band("all hours", 2),)], IMPORT, "UTC")[0].rule
    'all'
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for day in range(7):
        for hour in range(24):
            key = tuple(next(i for i, band in enumerate(bands) if band.hours[day] >> hour & 1) for bands in schedules)
            groups.setdefault(key, [0] * 7)[day] |= 1 << hour
    if len(groups) == 1:
        return [Vector("all" if register == IMPORT else "export", register, "all", tz)]
    vectors = []
    for key, hours in groups.items():
        cut = [bands[i] for i, bands in zip(key, schedules, strict=True) if len(bands) > 1]
        exact = [band.name for band in cut if band.hours == tuple(hours)]
        name = exact[0] if exact else " / ".join(dict.fromkeys(band.name for band in cut))
        vectors.append(Vector(name if register == IMPORT else f"export {name}", register, "hours", tz, tuple(hours)))
    return vectors


def columns_of(book: Book, bands: Sequence[Band], register: int) -> list[list[int]]:
    """For each band of a tariff the columns of the book that make it up.

    Raises:
        InputError: the book does not refine these bands.
    """
    columns: list[list[int]] = [[] for _ in bands]
    for column, vector in enumerate(book.vectors):
        if vector.register != register or vector.rule == "prices":
            continue
        hours = vector.hours if vector.rule == "hours" else ALL_HOURS
        inside = [
            index
            for index, band in enumerate(bands)
            if all(mask & ~other == 0 for mask, other in zip(hours, band.hours, strict=True))
        ]
        if not inside:
            raise InputError(
                f"vector {vector.name!r} is in no single band of the tariff",
                where=f"book of leaf {book.leaf}",
                fix="make the book from all tariffs of the leaf",
            )
        columns[inside[0]].append(column)
    if missing := [band.name for band, found in zip(bands, columns, strict=True) if not found]:
        raise InputError(
            f"the book has no vector for {', '.join(missing)}",
            where=f"book of leaf {book.leaf}",
            fix="make the book from all tariffs of the leaf",
        )
    return columns


def feed_column(book: Book, feed: str) -> int:
    """The column of a feed's price vector, or `InputError`."""
    for column, vector in enumerate(book.vectors):
        if vector.rule == "prices" and vector.feed == feed and vector.register == IMPORT:
            return column
    raise InputError(
        f"the book has no price vector of the feed {feed!r}",
        where=f"book of leaf {book.leaf}",
        fix="make the book from all tariffs of the leaf",
    )


def band_weights(book: Book) -> dict[int, NDArray[np.int64]]:
    """The 0/1 weights per slot, int64 [T], of every band column of a book."""
    return {
        column: weights.resolve(vector, book.window)
        for column, vector in enumerate(book.vectors)
        if vector.rule != "prices"
    }


def _unique_names(vectors: Sequence[Vector]) -> tuple[Vector, ...]:
    seen: dict[str, int] = {}
    out = []
    for vector in vectors:
        seen[vector.name] = seen.get(vector.name, 0) + 1
        name = vector.name if seen[vector.name] == 1 else f"{vector.name} ({seen[vector.name]})"
        out.append(Vector(name, vector.register, vector.rule, vector.tz, vector.hours, vector.feed))
    return tuple(out)


def _check_size(book: Book, tariffs: Sequence[Tariff], where: str) -> None:
    cut = ", ".join(tariff.label for tariff in tariffs if len(tariff.import_bands) > 1 or len(tariff.export_bands) > 1)
    for register, name in ((IMPORT, "import"), (EXPORT, "export")):
        bands = sum(1 for v in book.vectors if v.register == register and v.rule != "prices")
        if bands > MAX_BANDS:
            raise InputError(
                f"the tariffs of the leaf cut {name} into {bands} bands, at most {MAX_BANDS} may be opened",
                where=where,
                fix=f"let the bands of {cut} start and end at the same hours, or move homes to another leaf",
            )
    if len(book.vectors) > MAX_VECTORS:
        raise InputError(
            f"the tariffs of the leaf need {len(book.vectors)} numbers a home, at most {MAX_VECTORS} may be opened",
            where=where,
            fix="use fewer bands, one export price, or fewer price feeds in one leaf",
        )


def _check_bands(book: Book, where: str) -> None:
    """What the keyholders will say to the bands; the price vectors can be judged only when prices are known."""
    bands = Book(book.leaf, book.window, tuple(vector for vector in book.vectors if vector.rule != "prices"))
    try:
        weights.check_book(bands, weights.resolve_book(bands))
    except GateRefusal as refusal:
        raise InputError(
            f"the keyholders would refuse this book: {refusal.what}",
            where=where,
            fix="join the band with another, let the tariffs' bands start and end at the same hours, or bill longer",
        ) from refusal

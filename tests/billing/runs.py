"""What the pipeline hands to billing, made openly from raw readings: opened sums and counts per home and vector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms import weights
from quietgrid.billing.usage import Usage, split_late
from quietgrid.mdms.estimate import estimate, leaf_of_facts
from quietgrid.model.question import Book
from quietgrid.model.readings import Readings
from tests.billing.plain import LATE, MISSING, ON_TIME, Month, Published

Bits = NDArray[np.bool_]
FEED = "day-ahead"


def month_of(readings: Readings, late: NDArray[np.bool_], row: int) -> Month:
    """One home's raw readings, as the oracle takes them."""
    window = readings.window
    state = np.where(readings.present[row], ON_TIME, np.where(late[row], LATE, MISSING))
    return Month(
        [slot * window.resolution for slot in range(window.first, window.end)],
        readings.imported_wh[row].tolist(),
        readings.exported_wh[row].tolist(),
        state.tolist(),
    )


def with_gaps(readings: Readings, missing: float, late: float, seed: int) -> tuple[Readings, NDArray[np.bool_]]:
    """The same homes with some cells missing and some late."""
    draw = np.random.default_rng(seed).random(readings.present.shape)
    gone, behind = draw < missing, (draw >= missing) & (draw < missing + late)
    return replace(readings, present=readings.present & ~gone & ~behind), readings.present & behind


def published(prices: NDArray[np.int64]) -> Published:
    """A feed as the oracle takes it."""
    scale = weights.price_weights(prices)
    return Published(prices.tolist(), scale.sealed_micro.tolist(), scale.offset_micro)


def usage(
    book: Book, readings: Readings, late: Bits, prices: dict[str, NDArray[np.int64]], *, estimated: bool = True
) -> Usage:
    """Band sums as they open, late cells inside, and estimates for the rest.

    `readings.present`: in time. `late`: came after the close and entered through the pool. The rest is missing.
    """
    assert not (readings.present & late).any()
    matrix = weights.resolve_book(book, prices)
    registers = np.array([vector.register for vector in book.vectors])
    banded = np.array([vector.rule != "prices" for vector in book.vectors])

    def sums(cells: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        values = [readings.register(r) * cells @ matrix.T for r in (0, 1)]
        counts = cells.astype(np.int64) @ (matrix != 0).T.astype(np.int64)
        return np.where(registers == 0, *values), counts

    measured, intervals = sums(readings.present)
    late_sum, late_count = sums(late)
    late_sum[:, ~banded] = 0
    late_count[:, ~banded] = 0
    opened, cells = measured + late_sum, intervals + late_count
    missing = (matrix != 0).sum(axis=1)[None, :] - cells
    guess = np.zeros_like(opened)
    if estimated:
        guess = estimate(opened, cells, missing, registers, leaf_of_facts(opened, cells), banded=banded).energy_wh
    none = np.zeros_like(opened)
    return split_late(Usage(book, readings.meters, opened, cells, none, none, missing, guess), late_count)

"""What the pipeline hands to billing, made openly from raw readings: opened sums and counts per home and vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms import weights
from quietgrid.billing.usage import Usage
from quietgrid.mdms.estimate import estimate, leaf_of_facts
from quietgrid.model.question import Book
from quietgrid.model.readings import Readings

Bits = NDArray[np.bool_]


def usage(
    book: Book, readings: Readings, late: Bits, prices: dict[str, NDArray[np.int64]], *, estimated: bool = True
) -> Usage:
    """Band sums of the cells in time and of the late ones, and estimates for the rest.

    `readings.present`: in time. `late`: came after the close and went through the pool. The rest is missing.
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
    missing = (matrix != 0).sum(axis=1)[None, :] - intervals - late_count
    guess = np.zeros_like(measured)
    if estimated:
        all_in, cells = measured + late_sum, intervals + late_count
        guess = estimate(all_in, cells, missing, registers, leaf_of_facts(all_in, cells), banded=banded).energy_wh
    return Usage(book, readings.meters, measured, intervals, late_sum, late_count, missing, guess)

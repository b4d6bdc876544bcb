"""What the published prices of a feed mean for one book: the price vector's scale, and each band's mean price.

A price vector opens ``V = Σ weight_t × energy_t`` with small integer weights; the price of a slot is
``offset + unit × weight_t + excess_t``. The first two parts are charged exactly, interval by interval, out of V and
the energy. `excess` is what clipping and rounding to units took off (PROTOCOL A, `wide`; 0 on most days); it is
charged by band sums at its band mean. Cells that a price vector does not hold, late and estimated ones, are charged
at the band's mean price (PROTOCOL A, "late pool").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.algorithms import weights
from quietgrid.billing.books import band_weights
from quietgrid.errors import InputError
from quietgrid.model.question import Book
from quietgrid.model.readings import IMPORT


@dataclass(frozen=True, slots=True)
class BandPrice:
    """Sums of a feed over the slots of one band.

    Args:
        slots: Slots of the band. price_sum_micro: Sum of the published prices, whole excess included.
        excess_sum_micro: Sum of what the price vector leaves out.
    """

    slots: int
    price_sum_micro: int
    excess_sum_micro: int


@dataclass(frozen=True, slots=True)
class FeedPrices:
    """The prices of one feed and period as bills need them.

    Args:
        feed: Name. offset_micro, unit_micro: price of a slot = offset + unit × weight (+ excess).
        bands: By import band column of the book.
    """

    feed: str
    offset_micro: int
    unit_micro: int
    bands: Mapping[int, BandPrice]


def feed_prices(book: Book, feed: str, price_micro_per_kwh: NDArray[np.int64]) -> FeedPrices:
    """Prepare the published prices of a feed for one book.

    Args:
        book: Of the leaf and period. feed: Name.
        price_micro_per_kwh: int64 [T], one published price a slot of the book's window.

    Raises:
        InputError: not one price a slot.
    """
    if price_micro_per_kwh.shape != (len(book.window),):
        raise InputError(
            f"{price_micro_per_kwh.size} prices for {len(book.window)} intervals",
            where=f"feed {feed}",
            fix="publish one price an interval before the billing run",
        )
    columns = band_weights(book)
    scale = weights.price_weights(price_micro_per_kwh)
    bands = {
        column: BandPrice(int(mask.sum()), int(mask @ price_micro_per_kwh), int(mask @ scale.excess_micro))
        for column, mask in columns.items()
        if book.vectors[column].register == IMPORT
    }
    return FeedPrices(feed, scale.offset_micro, scale.unit_micro, bands)

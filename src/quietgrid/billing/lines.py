"""The lines of each kind of tariff, as columns over homes (rules in `billing.bills`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quietgrid.billing.bill import Line, LineKind
from quietgrid.billing.books import columns_of, feed_column
from quietgrid.billing.real_time import FeedPrices
from quietgrid.billing.rounding import cost_column, scale_column
from quietgrid.billing.usage import Usage
from quietgrid.errors import InputError
from quietgrid.model.quantity import WH_PER_KWH, divide_half_even
from quietgrid.model.question import Book
from quietgrid.model.readings import EXPORT, IMPORT
from quietgrid.model.tariff import Tariff, TariffKind

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LineColumn:
    """One line of n bills.

    Args:
        kind, name, register, vat_bp, estimated: As in `Line`.
        quantity: int64 [n], Wh or days. amount_micro: int64 [n], signed.
        price_micro: The price, or None where every home has its own mean.
        mean: `price_micro` is a mean, for information.
        always: Print it even where it is zero.
    """

    kind: LineKind
    name: str
    register: int
    vat_bp: int
    quantity: Ints
    amount_micro: Ints
    price_micro: int | None
    estimated: bool = False
    always: bool = False
    mean: bool = False

    def line(self, row: int) -> Line:
        """The line of one home."""
        quantity, amount = int(self.quantity[row]), int(self.amount_micro[row])
        shown = self.price_micro if self.price_micro is not None else mean_price(quantity, amount)
        return Line(
            self.kind, self.name, self.register, quantity, shown, amount, self.vat_bp, self.estimated,
            self.mean or self.price_micro is None,
        )  # fmt: skip


def mean_price(energy_wh: int, amount_micro: int) -> int:
    """What a kWh came to on average, for information; 0 for no energy."""
    return divide_half_even(amount_micro * WH_PER_KWH, energy_wh) if energy_wh > 0 else 0


def line_columns(
    tariff: Tariff, book: Book, usage: Usage, prices: FeedPrices | None, days: Ints
) -> tuple[LineColumn, ...]:
    """All lines of a tariff in print order: energy, surcharges, standing charge, export."""
    if tariff.kind is TariffKind.BLOCK:
        columns = _blocks(tariff, usage)
    elif tariff.kind is TariffKind.REAL_TIME:
        columns = _real_time(tariff, book, usage, prices)
    else:
        columns = _bands(tariff, book, usage, LineKind.ENERGY)
    if tariff.standing_micro_per_day:
        each = tariff.standing_micro_per_day
        columns.append(
            LineColumn(
                LineKind.STANDING, "standing charge", IMPORT, tariff.vat_bp, days, days * each, each, always=True
            )
        )
    return (*columns, *_export(tariff, book, usage))


def _import_columns(book: Book) -> list[int]:
    return [i for i, v in enumerate(book.vectors) if v.register == IMPORT and v.rule != "prices"]


def _bands(tariff: Tariff, book: Book, usage: Usage, kind: LineKind) -> list[LineColumn]:
    """One line a band, and one for its estimated part."""
    out = []
    for band, members in zip(tariff.bands, columns_of(book, tariff.bands, IMPORT), strict=True):
        for estimated, table in ((False, usage.energy), (True, usage.estimate)):
            energy = table[:, members].sum(axis=1)
            cost = cost_column(energy, band.price_micro_per_kwh)
            always = not estimated and kind is LineKind.ENERGY
            out.append(
                LineColumn(
                    kind, band.name, IMPORT, tariff.vat_bp, energy, cost, band.price_micro_per_kwh, estimated, always
                )
            )
    return out


def _blocks(tariff: Tariff, usage: Usage) -> list[LineColumn]:
    """Measured energy fills the blocks from below; the estimated goes on top of it."""
    columns = _import_columns(usage.book)
    measured = usage.energy[:, columns].sum(axis=1)
    together = measured + usage.estimate[:, columns].sum(axis=1)
    out, low = [], 0
    for number, block in enumerate(tariff.blocks):
        name = block_name(low, block.upto_wh)
        filled = [np.clip(energy, low, block.upto_wh) - low for energy in (measured, together)]
        for estimated, energy in ((False, filled[0]), (True, filled[1] - filled[0])):
            cost = cost_column(energy, block.price_micro_per_kwh)
            out.append(
                LineColumn(
                    LineKind.ENERGY, name, IMPORT, tariff.vat_bp, energy, cost, block.price_micro_per_kwh, estimated,
                    always=number == 0 and not estimated,
                )
            )  # fmt: skip
        low = block.upto_wh or low
    return out


def block_name(low_wh: int, upto_wh: int | None) -> str:
    """How a block is called on the bill.

    >>> block_name(0, 120_000), block_name(120_000, 300_500), block_name(300_500, None)
    ('0-120 kWh', '120-300.5 kWh', 'over 300.5 kWh')
    """
    low = f"{low_wh / WH_PER_KWH:.3f}".rstrip("0").rstrip(".")
    if upto_wh is None:
        return f"over {low} kWh"
    return f"{low}-{f'{upto_wh / WH_PER_KWH:.3f}'.rstrip('0').rstrip('.')} kWh"


def _real_time(tariff: Tariff, book: Book, usage: Usage, prices: FeedPrices | None) -> list[LineColumn]:
    if prices is None or prices.feed != tariff.feed:
        raise InputError(
            f"the prices of the feed {tariff.feed!r} are not there", where=tariff.label, fix="give `feed_prices`"
        )
    columns = _import_columns(book)
    if set(prices.bands) != set(columns):
        raise InputError("the prices were prepared for another book", where=tariff.label, fix="call `feed_prices`")
    energy = usage.measured[:, columns].sum(axis=1)
    weighted = usage.measured[:, feed_column(book, tariff.feed)]
    cost = _exact(energy, prices.offset_micro, weighted, prices.unit_micro)
    kind, vat = LineKind.REAL_TIME, tariff.vat_bp
    out = [LineColumn(kind, tariff.feed, IMPORT, vat, energy, cost, None, always=True)]
    for column in columns:
        band, name = prices.bands[column], f"{tariff.feed}, {book.vectors[column].name}"
        shown = divide_half_even(band.price_sum_micro, band.slots)
        for estimated, table in ((False, usage.late), (True, usage.estimate)):
            part = table[:, column]
            cost = cost_column(part, band.price_sum_micro, band.slots)
            out.append(LineColumn(LineKind.BAND_MEAN, name, IMPORT, vat, part, cost, shown, estimated, mean=True))
        if band.excess_sum_micro:
            part, shown = usage.measured[:, column], divide_half_even(band.excess_sum_micro, band.slots)
            cost = cost_column(part, band.excess_sum_micro, band.slots)
            out.append(LineColumn(LineKind.EXCESS, name, IMPORT, vat, part, cost, shown, mean=True))
    return out + _bands(tariff, book, usage, LineKind.SURCHARGE)


def _exact(energy: Ints, offset_micro: int, weighted: Ints, unit_micro: int) -> Ints:
    """``(offset × energy + unit × weighted) / 1000``, rounded once."""
    bound = int(energy.max(initial=0)) * abs(offset_micro) + int(weighted.max(initial=0)) * abs(unit_micro)
    if bound < 1 << 62:
        return scale_column(energy * offset_micro + weighted * unit_micro, 1, WH_PER_KWH)
    sums = (int(e) * offset_micro + int(w) * unit_micro for e, w in zip(energy, weighted, strict=True))
    return np.array([divide_half_even(value, WH_PER_KWH) for value in sums], np.int64)


def _export(tariff: Tariff, book: Book, usage: Usage) -> list[LineColumn]:
    """Credits, one a band and estimated part; nothing where the leaf's book has no export."""
    if not tariff.export_bands or not any(vector.register == EXPORT for vector in book.vectors):
        return []
    out = []
    for band, members in zip(tariff.export_bands, columns_of(book, tariff.export_bands, EXPORT), strict=True):
        for estimated, table in ((False, usage.energy), (True, usage.estimate)):
            energy = table[:, members].sum(axis=1)
            credit = -cost_column(energy, band.price_micro_per_kwh)
            out.append(
                LineColumn(
                    LineKind.EXPORT, band.name, EXPORT, tariff.export_vat_bp, energy, credit,
                    band.price_micro_per_kwh, estimated,
                )
            )  # fmt: skip
    return out

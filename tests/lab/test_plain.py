"""The simulator's plain bill against the tests' own oracle: Python integers, interval by interval."""

from __future__ import annotations

import numpy as np
import pytest

from quietgrid.billing import default_tariffs
from quietgrid.demo import load, prices
from quietgrid.errors import InputError
from quietgrid.lab import plain
from quietgrid.lab.plain import PlainLeaf, Register, plain_bill
from quietgrid.model.interval import month_window
from tests.billing.plain import plain_bill as oracle
from tests.billing.runs import FEED, month_of, published, with_gaps


@pytest.mark.parametrize("month", [3, 6, 10])
@pytest.mark.parametrize("tariff", default_tariffs(), ids=lambda tariff: tariff.name)
def test_equal_to_the_oracle(month: int, tariff: object) -> None:
    window = month_window(2016, month, "Europe/Berlin", 900)
    readings, late = with_gaps(load(12, window).readings, 0.03, 0.03, month)
    leaf = PlainLeaf(window, tuple(default_tariffs()), {FEED: prices(window)})
    for row in (0, 5, 11):
        state = np.where(late[row], plain.LATE, np.where(readings.present[row], plain.ON_TIME, plain.MISSING))
        columns = (readings.imported_wh[row], readings.exported_wh[row])
        registers = [Register(column, state.astype(np.int8)) for column in columns]
        expected = oracle(tariff, month_of(readings, late, row), default_tariffs(), published(prices(window)))
        assert plain_bill(tariff, leaf, *registers) == (expected.total_micro, expected.imported_wh)


def test_export_with_vat_is_refused_rather_than_checked_wrongly() -> None:
    from dataclasses import replace

    window = month_window(2016, 6, "Europe/Berlin", 900)
    tariff = replace(default_tariffs()[0], export_vat_bp=700)
    empty = Register(np.zeros(len(window), np.int64), np.ones(len(window), np.int8))
    with pytest.raises(InputError, match="VAT"):
        plain_bill(tariff, PlainLeaf(window, (tariff,), {}), empty, None)

"""Outlooks for the tests of schedules."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from quietgrid.demo import Sample, prices
from quietgrid.demo.recipes import recipes
from quietgrid.model.interval import Window
from quietgrid.model.schedule import Caps, Flexible, Ints, Objective, Outlook, Storages

GRID_FEE, FEED_IN = 180_000, 80_000
"""Added to the market's price for what is taken, and paid for what is fed in; millionths a kWh."""


def ints(*values: int) -> Ints:
    return np.array(values, np.int64)


def storages(capacity: Ints, hours: Ints | int = 2, permille: Ints | int = 950, half: bool = True) -> Storages:
    """Batteries of one group that are half full (or empty) and shall be so at the end."""
    n, zero = len(capacity), np.zeros_like(capacity)
    power, keeps = capacity // hours, zero + permille
    level = capacity // 2 if half else zero
    return Storages(np.zeros(n, np.int64), capacity, level, level, power, power, keeps, keeps)


def outlook(
    net: Ints,
    price: Ints,
    store: Storages,
    *,
    feed_in: Ints | None = None,
    band: Ints | int = 0,
    caps: tuple[Caps, ...] = (),
    flexible: tuple[Flexible, ...] = (),
    objective: Objective = Objective(),  # noqa: B008
) -> Outlook:
    """One group; feeding in earns a fifth unless told."""
    paid = np.minimum(price, price // 5) if feed_in is None else feed_in
    net = net[None] if net.ndim == 1 else net
    return Outlook(
        Window(1_600_000, 1_600_000 + net.shape[1], 900), tuple(f"Group {n}" for n in range(len(net))), net,
        net - band, net + band, price, paid, store, flexible, caps, objective,
    )  # fmt: skip


def of_sample(sample: Sample, days: int = 1, start_day: int = 3) -> Outlook:
    """A day of the sample: the net of its homes before their batteries is not known, so that after them serves."""
    first, last = start_day * 96, (start_day + days) * 96
    net = (sample.readings.imported_wh - sample.readings.exported_wh)[:, first:last].sum(axis=0)
    window = Window(sample.readings.window.first + first, sample.readings.window.first + last, 900)
    batteries = [one for one in recipes(len(sample.homes)) if one.battery_wh]
    store = storages(ints(*(one.battery_wh for one in batteries)))
    price = prices(window) + GRID_FEE
    return outlook(net, price, store, feed_in=np.minimum(price, FEED_IN))


@st.composite
def days(draw: st.DrawFn, length: int = 12, alike: bool = False, cheapest: int = 1_000) -> Outlook:
    """Some homes with batteries against a drawn net and price."""
    n = draw(st.integers(1, 5))
    capacity = ints(*draw(st.lists(st.integers(1_000, 20_000), min_size=n, max_size=n)))
    if alike:
        capacity[:] = 1_000 * draw(st.integers(1, 20))
        hours: Ints | int = draw(st.sampled_from([1, 2, 4]))
    else:
        hours = ints(*draw(st.lists(st.sampled_from([1, 2, 4]), min_size=n, max_size=n)))
    keeps = draw(st.integers(800, 1_000))
    net = ints(*draw(st.lists(st.integers(-8_000, 12_000), min_size=length, max_size=length)))
    price = ints(*draw(st.lists(st.integers(cheapest, 500_000), min_size=length, max_size=length)))
    return outlook(net, price, storages(capacity, hours, keeps, draw(st.booleans())))

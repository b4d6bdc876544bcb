"""Pairs, zones, limits, blocks and sealed bids."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.bisection import most_ticks, next_tick
from quietgrid.algorithms.clearing import (
    Block,
    Bounds,
    clear,
    clear_blocks,
    clear_coupled,
    clear_limited,
    pair,
    pair_preferring,
    position,
    sealed_result,
)
from quietgrid.algorithms.clearing.sealed import check_bid, positions
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.order import BUY, SELL, Ints, Orders, PriceGrid
from tests.algorithms.clearing.drawn import ORDERS, TICKS, orders_of
from tests.algorithms.clearing.test_uniform import check, rows


def welfare(orders: Orders, fills: Ints) -> int:
    return int((orders.side * orders.tick * fills).sum())


# -- pairs ---------------------------------------------------------------------------------------------------------


@given(ORDERS, st.data())
def test_pairs_are_the_fills(orders: Orders, data: st.DataObject) -> None:
    fills = clear(orders, TICKS).fills_wh
    keys = st.lists(st.integers(-1, 2), min_size=len(orders), max_size=len(orders)).map(np.array)
    rounds = [(data.draw(keys), data.draw(keys)) for _ in range(2)]
    for made in (pair(orders, fills), pair_preferring(orders, fills, rounds)):
        assert (made.energy_wh > 0).all()
        assert (orders.side[made.buy] == BUY).all()
        assert (orders.side[made.sell] == SELL).all()
        for rows_of in (made.buy, made.sell):
            got = np.bincount(rows_of, weights=made.energy_wh, minlength=len(orders)) if len(orders) else np.zeros(0)
            side = BUY if rows_of is made.buy else SELL
            assert got[orders.side == side].tolist() == fills[orders.side == side].tolist()


@given(ORDERS, st.data())
def test_no_wish_is_left_that_could_be_met(orders: Orders, data: st.DataObject) -> None:
    fills = clear(orders, TICKS).fills_wh
    group = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(orders), max_size=len(orders))), np.int64)
    made = pair_preferring(orders, fills, [(group, group)])
    for one in range(3):
        inside = int(made.energy_wh[(group[made.buy] == one) & (group[made.sell] == one)].sum())
        bought = int(fills[(orders.side == BUY) & (group == one)].sum())
        sold = int(fills[(orders.side == SELL) & (group == one)].sum())
        assert inside == min(bought, sold), "neighbours trade with each other all they can"


# -- zones ---------------------------------------------------------------------------------------------------------


@given(ORDERS, ORDERS, st.integers(0, 120), st.integers(0, 120))
def test_two_zones(first: Orders, second: Orders, there: int, back: int) -> None:
    found = clear_coupled(first, second, TICKS, there_wh=there, back_wh=back)
    assert -back <= found.flow_wh <= there
    one, two = found.zones
    assert one.import_wh == -found.flow_wh
    assert two.import_wh == found.flow_wh
    for orders, zone in ((first, one), (second, two)):
        bought = int(zone.fills_wh[orders.side == BUY].sum())
        sold = int(zone.fills_wh[orders.side == SELL].sum())
        assert bought - sold == zone.import_wh
        assert ((zone.fills_wh >= 0) & (zone.fills_wh <= orders.energy_wh)).all()
        if zone.tick is not None:
            for (side, tick, _), fill in zip(rows(orders), zone.fills_wh.tolist(), strict=True):
                assert fill == 0 or (tick - zone.tick) * side >= 0
    assert found.rent_ticks_wh >= 0, "energy flows to where it is dearer"
    assert found.rent_ticks_wh == 0 or found.flow_wh in (there, -back), "two prices only where the line is full"
    joint = np.concatenate([first.side, second.side]), np.concatenate([first.tick, second.tick])
    both = Orders(*joint, np.concatenate([first.energy_wh, second.energy_wh]))
    most = welfare(both, clear(both, TICKS).fills_wh)
    reached = welfare(first, one.fills_wh) + welfare(second, two.fills_wh)
    assert reached <= most
    if -back < found.flow_wh < there:
        assert reached == most
    apart = welfare(first, clear(first, TICKS).fills_wh) + welfare(second, clear(second, TICKS).fills_wh)
    assert reached >= apart, "a line does no harm"


def test_a_full_line_splits_the_price() -> None:
    sunny, dark = orders_of([(SELL, 2, 100), (BUY, 5, 10)]), orders_of([(BUY, 9, 80), (SELL, 8, 50)])
    wide = clear_coupled(sunny, dark, TICKS, there_wh=500, back_wh=500)
    narrow = clear_coupled(sunny, dark, TICKS, there_wh=40, back_wh=500)
    assert wide.flow_wh == 80
    assert {zone.tick for zone in wide.zones} == {2}
    assert narrow.flow_wh == 40
    assert [zone.tick for zone in narrow.zones] == [2, 8]
    assert narrow.rent_ticks_wh == 6 * 40
    with pytest.raises(InputError):
        clear_coupled(sunny, dark, TICKS, there_wh=-1, back_wh=0)


# -- limits --------------------------------------------------------------------------------------------------------


def line_between(capacity: int) -> Bounds:
    """Two zones, all they exchange over one line: what the first draws."""
    most = np.full(2, 1 << 40, np.int64)
    use = np.array([[1.0, 0.0], [0.0, 1.0]])
    return Bounds(("line to 0", "line to 1"), np.full(2, float(capacity)), use, np.zeros((2, 2)), most, most)


@settings(max_examples=60)
@given(ORDERS, ORDERS, st.integers(0, 60))
def test_limits_as_two_zones(first: Orders, second: Orders, capacity: int) -> None:
    both = Orders(
        np.concatenate([first.side, second.side]), np.concatenate([first.tick, second.tick]),
        np.concatenate([first.energy_wh, second.energy_wh]),
    )  # fmt: skip
    zone = np.repeat(np.array([0, 1], np.int64), [len(first), len(second)])
    found = clear_limited(both, zone, TICKS, line_between(capacity))
    positions = np.array([part.import_wh for part in found.zones])
    assert positions.sum() == 0
    assert abs(int(positions[0])) <= capacity + 1
    for orders, part in zip((first, second), found.zones, strict=True):
        assert int((orders.side * part.fills_wh).sum()) == part.import_wh
        if found.binding:
            check(orders, part, part.import_wh)
    if not found.binding:
        assert len({tick for tick in found.ticks if tick is not None}) <= 1
    exact = clear_coupled(first, second, TICKS, there_wh=capacity, back_wh=capacity)
    best = welfare(first, exact.zones[0].fills_wh) + welfare(second, exact.zones[1].fills_wh)
    got = welfare(first, found.zones[0].fills_wh) + welfare(second, found.zones[1].fills_wh)
    assert abs(got - best) <= 3 * TICKS, "as the exact coupling, but for whole watt-hours"


def test_three_zones_around_a_ring() -> None:
    """Zone 0 sells to 2 by two ways, a third of it over zone 1; the line 1 to 2 holds it back."""
    orders = orders_of([(SELL, 1, 300), (SELL, 4, 300), (BUY, 9, 300), (SELL, 8, 300)])
    zone = np.array([0, 1, 2, 2], np.int64)
    most = np.full(3, 1 << 40, np.int64)
    # flow 1->2 = (export of 0) / 3 + (export of 1) * 2 / 3
    feed = np.array([[1 / 3, 2 / 3, 0.0], [-1 / 3, -2 / 3, 0.0]])
    bounds = Bounds(("1 to 2", "2 to 1"), np.array([60.0, 60.0]), -feed, feed, most, most)
    found = clear_limited(orders, zone, TICKS, bounds)
    exports = [-part.import_wh for part in found.zones]
    assert exports == [180, 0, -180]
    assert found.binding == ("1 to 2",)
    assert found.ticks[0] == 1
    assert found.ticks[2] == 8
    with pytest.raises(InputError, match="zone is unknown"):
        clear_limited(orders, np.array([0, 1, 2, 3]), TICKS, bounds)
    free = clear_limited(orders, zone, TICKS, Bounds.unbounded(3))
    assert free.binding == ()
    assert set(free.ticks) == {2}, "in the middle between those who sell and the next"


# -- blocks --------------------------------------------------------------------------------------------------------

GRID = PriceGrid(0, 1_000, TICKS)


def paid(found: object, block: Block) -> float:
    return sum(
        e * GRID.price(one.tick or 0) / 1_000
        for e, one in zip(block.energy_wh.tolist(), found.intervals, strict=True)  # type: ignore[attr-defined]
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(ORDERS, min_size=2, max_size=2), st.data())
def test_blocks(books: list[Orders], data: st.DataObject) -> None:
    drawn = st.tuples(st.lists(st.integers(-20, 20), min_size=2, max_size=2), st.integers(-150, 150))
    blocks = [Block(np.array(e), limit) for e, limit in data.draw(st.lists(drawn, max_size=4))]
    found = clear_blocks(books, blocks, GRID)
    for interval, (book, one) in enumerate(zip(books, found.intervals, strict=True)):
        given = sum(int(b.energy_wh[interval]) for b, yes in zip(blocks, found.taken, strict=True) if yes)
        assert one.import_wh == -given
        assert int((book.side * one.fills_wh).sum()) + given == 0, "energy is conserved with blocks"
    for block, yes in zip(blocks, found.taken, strict=True):
        assert not yes or paid(found, block) <= block.limit_micro, "no block loses"
    assert not (found.taken & found.struck).any()
    if not found.struck.any():  # then it is the best choice of all
        best = max(
            worth
            for chosen in product([False, True], repeat=len(blocks))
            if (worth := value_of(books, blocks, chosen)) is not None
        )
        assert value_of(books, blocks, tuple(found.taken.tolist())) == pytest.approx(best, abs=0.5)


def value_of(books: list[Orders], blocks: list[Block], chosen: tuple[bool, ...]) -> float | None:
    """Welfare in micro where these blocks are taken; None where that cannot be."""
    worth = float(sum(b.limit_micro for b, yes in zip(blocks, chosen, strict=True) if yes))
    for interval, book in enumerate(books):
        given = sum(int(b.energy_wh[interval]) for b, yes in zip(blocks, chosen, strict=True) if yes)
        try:
            worth += welfare(book, clear(book, TICKS, import_wh=-given).fills_wh)
        except InfeasibleError:
            return None
    return worth


def test_charge_then_discharge_needs_a_spread() -> None:
    night, day = orders_of([(SELL, 2, 100), (BUY, 2, 10)]), orders_of([(BUY, 9, 100), (SELL, 9, 10)])
    for gain, yes in ((200, True), (400, False)):
        block = Block(np.array([40, -40]), -gain)
        found = clear_blocks([night, day], [block], GRID)
        assert bool(found.taken[0]) is yes
    assert paid(clear_blocks([night, day], [Block(np.array([40, -40]), -200)], GRID), block) <= -200


def test_linked_blocks() -> None:
    books = [orders_of([(SELL, 2, 100)])]
    parent, child = Block(np.array([50]), 20), Block(np.array([30]), 300, needs=0)
    alone = clear_blocks(books, [parent, Block(np.array([30]), 300)], GRID)
    assert alone.taken.tolist() == [False, True]
    assert clear_blocks(books, [parent, child], GRID).taken.tolist() in ([False, False], [True, True])
    for wrong in ([Block(np.array([1, 2]), 0)], [Block(np.array([1]), 0, needs=0)], [Block(np.array([1]), 0, needs=4)]):
        with pytest.raises(InputError):
            clear_blocks(books, wrong, GRID)


# -- sealed bids ---------------------------------------------------------------------------------------------------

BIDS = st.lists(
    st.lists(st.integers(-30, 30), min_size=TICKS, max_size=TICKS).map(lambda bid: sorted(bid, reverse=True)),
    min_size=1, max_size=12,
)  # fmt: skip


def opened_of(bids: Ints) -> dict[int, int]:
    """Open as the gate does."""
    opened: dict[int, int] = {}
    while (tick := next_tick([(t, (v > 0) - (v < 0)) for t, v in opened.items()], bids.shape[1])) is not None:
        opened[tick] = int(bids[:, tick].sum())
    return opened


@given(BIDS)
def test_sealed_bids_clear_as_open_ones(drawn: list[list[int]]) -> None:
    bids = np.array(drawn, np.int64)
    opened = opened_of(bids)
    assert len(opened) <= most_ticks(TICKS)
    sums = bids.sum(axis=0)
    plain = np.flatnonzero(sums <= 0)
    if not len(plain) or (plain[0] == 0 and sums[0] < 0):
        with pytest.raises(InfeasibleError):
            sealed_result(opened, TICKS, 10_000)
        return
    found = sealed_result(opened, TICKS, 10_000)
    assert found.tick == plain[0]
    below = bids[:, max(found.tick - 1, 0)] if found.tick else bids[:, 0]
    got = positions(bids[:, found.tick], below, found.step)
    assert got.tolist() == [
        position(int(a), int(b), found.step) for a, b in zip(bids[:, found.tick], below, strict=True)
    ]
    assert -len(bids) < got.sum() <= 0, "what is left is less than a watt-hour a home, and goes to the pool"
    assert ((got >= bids[:, found.tick]) & (got <= below)).all()


@given(BIDS)
def test_sealed_bids_are_the_orders_of_their_steps(drawn: list[list[int]]) -> None:
    """A bid is a bundle of orders, one a step: the open auction of all of them moves as much at the same price."""
    bids = np.array(drawn, np.int64)
    orders = []
    for bid in bids.tolist():
        top = bid[-1]
        if top > 0:
            orders.append((BUY, TICKS - 1, top))
        for tick in range(TICKS - 1):  # wanted at `tick` and not above it
            high, low = bid[tick], bid[tick + 1]
            if high > max(low, 0):
                orders.append((BUY, tick, high - max(low, 0)))
            if low < min(high, 0):
                orders.append((SELL, tick + 1, min(high, 0) - low))
        if bid[0] < 0:
            orders.append((SELL, 0, -bid[0]))
    book = orders_of(orders)
    net = [
        int((book.side * book.energy_wh)[np.where(book.side == BUY, book.tick >= t, book.tick <= t)].sum())
        for t in range(TICKS)
    ]
    assert net == bids.sum(axis=0).tolist()


def test_poisoned_curves_are_void() -> None:
    with pytest.raises(InfeasibleError, match="rises"):
        sealed_result({4: -30, 2: -40, 1: 10, 3: 5}, 8, 1000)
    with pytest.raises(InfeasibleError, match="beyond"):
        sealed_result({4: 3_000, 6: -10, 5: 10}, 8, 1000)
    with pytest.raises(InputError, match="not known yet"):
        sealed_result({4: 30}, 8, 1000)
    check_bid(np.array([5, 5, 0, -5]), 5)
    with pytest.raises(InputError, match="rises"):
        check_bid(np.array([5, 6]), 10)
    with pytest.raises(InputError, match="beyond"):
        check_bid(np.array([50, 5]), 10)

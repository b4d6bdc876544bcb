"""The laws of a call auction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.clearing import Cleared, Tie, clear, curves, shared, within
from quietgrid.errors import InfeasibleError, InputError
from quietgrid.model.order import BUY, SELL, Orders, PriceGrid
from tests.algorithms.clearing.drawn import ORDERS, TICKS, orders_of

TIES = st.sampled_from(list(Tie))


def volume_at(orders: Orders, tick: int, import_wh: int = 0) -> int:
    """What is moved at a price, order by order."""
    wanted = sum(e for s, t, e in rows(orders) if s == BUY and t >= tick) + max(-import_wh, 0)
    offered = sum(e for s, t, e in rows(orders) if s == SELL and t <= tick) + max(import_wh, 0)
    return min(wanted, offered)


def rows(orders: Orders) -> list[tuple[int, int, int]]:
    return list(zip(orders.side.tolist(), orders.tick.tolist(), orders.energy_wh.tolist(), strict=True))


def check(orders: Orders, found: Cleared, import_wh: int = 0) -> None:
    """All laws of one outcome."""
    fills = found.fills_wh.tolist()
    bought = sum(f for (s, _, _), f in zip(rows(orders), fills, strict=True) if s == BUY)
    sold = sum(f for (s, _, _), f in zip(rows(orders), fills, strict=True) if s == SELL)
    assert (bought, sold) == (found.bought_wh, found.sold_wh)
    assert bought - sold == import_wh == found.import_wh
    best = max(volume_at(orders, tick, import_wh) for tick in range(TICKS))
    assert max(bought, sold) == best, "no other price moves more"
    if found.tick is None:
        assert best == 0
        return
    for (side, tick, energy), fill in zip(rows(orders), fills, strict=True):
        assert 0 <= fill <= energy
        assert fill == 0 or (tick - found.tick) * side >= 0, "nobody trades beyond a limit"
        assert (tick - found.tick) * side <= 0 or fill == energy, "no envy: who is better than the price trades whole"
    left = sum(s * (e - f) for (s, t, e), f in zip(rows(orders), fills, strict=True) if (t - found.tick) * s >= 0)
    assert left == found.left_wh


@given(ORDERS, TIES)
def test_laws(orders: Orders, tie: Tie) -> None:
    found = clear(orders, TICKS, tie=tie)
    check(orders, found)
    if found.tick is not None:  # least is left over among the prices that move most
        moved = [t for t in range(TICKS) if volume_at(orders, t) == found.bought_wh]
        net = curves(orders, TICKS).net_wh
        assert abs(found.left_wh) == min(abs(int(net[t])) for t in moved)


@given(ORDERS, TIES, st.integers(-200, 200))
def test_laws_with_an_exchange(orders: Orders, tie: Tie, import_wh: int) -> None:
    wanted = sum(e for s, _, e in rows(orders) if s == BUY)
    offered = sum(e for s, _, e in rows(orders) if s == SELL)
    if not -offered <= import_wh <= wanted:
        with pytest.raises(InfeasibleError):
            clear(orders, TICKS, tie=tie, import_wh=import_wh)
        return
    check(orders, clear(orders, TICKS, tie=tie, import_wh=import_wh), import_wh)


@given(ORDERS, TIES, st.randoms())
def test_rows_may_come_in_any_order(orders: Orders, tie: Tie, random: object) -> None:
    order = list(range(len(orders)))
    random.shuffle(order)  # type: ignore[attr-defined]
    at = np.array(order, np.intp)
    mixed = Orders(orders.side[at], orders.tick[at], orders.energy_wh[at], orders.rank[at])
    first, second = clear(orders, TICKS, tie=tie), clear(mixed, TICKS, tie=tie)
    assert first.tick == second.tick
    assert first.fills_wh[at].tolist() == second.fills_wh.tolist()


@given(ORDERS, TIES)
def test_equal_orders_differ_by_a_watt_hour(orders: Orders, tie: Tie) -> None:
    fills = clear(orders, TICKS, tie=tie).fills_wh.tolist()
    for row, fill in zip(rows(orders), fills, strict=True):
        assert all(abs(fill - other) <= 1 for same, other in zip(rows(orders), fills, strict=True) if same == row)


@given(ORDERS)
def test_ties(orders: Orders) -> None:
    low, middle, high = (clear(orders, TICKS, tie=tie) for tie in (Tie.LOWEST, Tie.MIDDLE, Tie.HIGHEST))
    assert low.bought_wh == middle.bought_wh == high.bought_wh
    if low.tick is not None:
        assert low.tick <= middle.tick <= high.tick  # type: ignore[operator]


@given(ORDERS, st.integers(0, TICKS - 1), st.integers(0, TICKS - 1))
def test_outside_options(orders: Orders, one: int, other: int) -> None:
    low, high = sorted((one, other))
    found = clear(within(orders, low, high), TICKS)
    if found.tick is not None:
        assert low <= found.tick <= high
    for (side, tick, _), fill in zip(rows(orders), found.fills_wh.tolist(), strict=True):
        if (side == BUY and tick < low) or (side == SELL and tick > high):
            assert fill == 0, "who would do better elsewhere stays out"


@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=20), st.data())
def test_shared(claims: list[int], data: st.DataObject) -> None:
    total = sum(claims)
    available = data.draw(st.integers(0, total))
    rank = data.draw(st.permutations(range(len(claims))))
    found = shared(np.array(claims), available, np.array(rank)).tolist()
    assert sum(found) == available
    for claim, share in zip(claims, found, strict=True):
        assert 0 <= share <= claim
        assert abs(share * total - claim * available) < max(total, 1), "within one of the exact share"


def test_shared_beyond_64_bits() -> None:
    claims = np.array([(1 << 31) - n for n in range(4)]) * (1 << 8)
    claims = np.tile(claims, 4_000)
    found = shared(claims, int(claims.sum()) - 3, np.arange(len(claims)))
    assert int(found.sum()) == int(claims.sum()) - 3
    assert int((claims - found).max()) == 1
    with pytest.raises(InputError):
        shared(np.array([3]), 4, np.array([0]))


def test_negative_prices() -> None:
    grid = PriceGrid(-100_000, 10_000, 21)
    sun = orders_of([(SELL, 0, 500), (BUY, grid.tick(-50_000), 200), (BUY, grid.tick(0), 100)])
    found = clear(sun, grid.count)
    assert grid.price(found.tick or 0) == -100_000
    assert found.fills_wh.tolist() == [300, 200, 100]


def test_nobody_and_nothing_to_trade() -> None:
    assert clear(Orders.none(), 5).tick is None
    apart = clear(orders_of([(BUY, 2, 10), (SELL, 3, 10)]), 5)
    assert apart.tick is None
    assert apart.fills_wh.tolist() == [0, 0]


def test_refused() -> None:
    with pytest.raises(InputError, match="beyond the price grid"):
        clear(orders_of([(BUY, 5, 1)]), 5)
    for wrong in ([(0, 1, 1)], [(BUY, -1, 1)], [(BUY, 1, 0)], [(BUY, 1, (1 << 31) + 1)]):
        with pytest.raises(InputError):
            orders_of(wrong)
    with pytest.raises(InputError):
        Orders(np.ones(2, np.int8), np.ones(1, np.int32), np.ones(2, np.int64))


@given(st.integers(-1_000, 1_000), st.integers(1, 50), st.integers(1, 200), st.integers(-20_000, 20_000))
def test_the_nearest_tick(lowest: int, step: int, count: int, price: int) -> None:
    grid = PriceGrid(lowest, step, count)
    nearest = grid.nearest(price)
    assert abs(grid.price(nearest) - price) == min(abs(grid.price(t) - price) for t in range(count))
    assert grid.tick(grid.price(nearest)) == nearest
    with pytest.raises(InputError):
        grid.tick(grid.price(count - 1) + step)

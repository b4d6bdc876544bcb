"""The laws of a continuous book, against a book that is as simple as can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.algorithms.book import Amend, Book, Cancel, Command, Expire, Place, apply, replay
from quietgrid.errors import ConflictError, InputError, NotFoundError
from quietgrid.model.order import BUY, SELL, Force, Order, Trade


def placed(draws: list[tuple[int, int, int, int, Force, int]]) -> list[Order]:
    return [
        Order(f"o{n}", f"p{party}", side, tick, energy, force, until)
        for n, (party, side, tick, energy, force, until) in enumerate(draws)
    ]


ORDERS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from([BUY, SELL]), st.integers(0, 6), st.integers(1, 9),
        st.sampled_from([Force.UNTIL, Force.UNTIL, Force.NOW, Force.WHOLE]), st.sampled_from([0, 5, 9]),
    ),
    max_size=40,
).map(placed)  # fmt: skip


def slow_book(orders: list[Order]) -> list[tuple[str, str, int, int]]:
    """The same rules with a list that is sorted for every order."""
    waiting: list[list] = []
    trades = []
    for number, order in enumerate(orders):
        left = order.energy_wh
        against = sorted(
            (w for w in waiting if w[0].side != order.side and (w[0].tick - order.tick) * order.side <= 0),
            key=lambda w: (w[0].tick * order.side, w[2]),
        )
        if order.force is Force.WHOLE and sum(w[1] for w in against if w[0].party != order.party) < left:
            continue
        for other in against:
            if not left:
                break
            if other[0].party == order.party:
                waiting.remove(other)
                continue
            energy = min(left, other[1])
            pair = (order.id, other[0].id) if order.side == BUY else (other[0].id, order.id)
            trades.append((*pair, other[0].tick, energy))
            left -= energy
            other[1] -= energy
            if not other[1]:
                waiting.remove(other)
        if left and order.force is Force.UNTIL:
            waiting.append([order, left, number])
    return trades


def plain(trades: list[Trade]) -> list[tuple[str, str, int, int]]:
    return [(t.buy, t.sell, t.tick, t.energy_wh) for t in trades]


@given(ORDERS)
def test_as_the_simple_book(orders: list[Order]) -> None:
    assert plain(replay(map(Place, orders))[1]) == slow_book(orders)


@given(ORDERS, st.data())
def test_laws(orders: list[Order], data: st.DataObject) -> None:
    book, done, traded = Book(), list[Command](), list[Trade]()
    by_id = {order.id: order for order in orders}
    moved = dict.fromkeys(by_id, 0)
    for now, order in enumerate(orders):
        commands: list[Command] = [Place(order)]
        if book.waiting() and data.draw(st.booleans()):
            chosen = data.draw(st.sampled_from(sorted(book.waiting())))
            commands.insert(0, data.draw(st.sampled_from([Cancel(chosen), Amend(chosen, 1), Expire(now)])))
        for command in commands:
            for trade in apply(book, command):
                traded.append(trade)
                buy, sell = by_id[trade.buy], by_id[trade.sell]
                assert sell.tick <= trade.tick <= buy.tick
                assert trade.tick == (sell if trade.taker == BUY else buy).tick
                assert buy.party != sell.party
                moved[buy.id] += trade.energy_wh
                moved[sell.id] += trade.energy_wh
            done.append(command)
        best_buy, best_sell = book.best()
        assert best_buy is None or best_sell is None or best_buy < best_sell, "never crossed"
        for side, levels in zip((BUY, SELL), book.depth(99), strict=True):
            held = [i for i in book.waiting() if by_id[i].side == side]
            assert sum(level.energy_wh for level in levels) == sum(map(book.left_wh, held))
            assert sum(level.orders for level in levels) == len(held)
            assert [level.tick * -side for level in levels] == sorted(level.tick * -side for level in levels)
    for order in orders:
        assert moved[order.id] + book.left_wh(order.id) <= order.energy_wh
        if order.force is Force.WHOLE:
            assert moved[order.id] in (0, order.energy_wh) or book.left_wh(order.id) == 0
    again, trades = replay(done)
    assert trades == traded
    assert again.depth(99) == book.depth(99)
    assert [t.number for t in traded] == list(range(1, len(traded) + 1))


def order(name: str, side: int, tick: int, energy: int, party: str = "", **more: object) -> Order:
    return Order(name, party or name, side, tick, energy)._replace(**more)


def test_fill_or_kill_and_immediate() -> None:
    book = Book()
    book.place(order("a", SELL, 5, 10))
    nothing = book.place(order("b", BUY, 5, 11, force=Force.WHOLE))
    assert nothing.trades == ()
    assert nothing.dropped_wh == 11
    some = book.place(order("c", BUY, 6, 4, force=Force.NOW))
    assert plain(list(some.trades)) == [("c", "a", 5, 4)]
    rest = book.place(order("d", BUY, 6, 9, force=Force.NOW))
    assert rest.dropped_wh == 3
    assert rest.resting_wh == 0
    assert book.waiting() == ()


def test_fill_or_kill_does_not_count_own_orders() -> None:
    book = Book()
    book.place(order("a", SELL, 5, 10, party="x"))
    assert book.place(order("b", BUY, 5, 10, party="x", force=Force.WHOLE)).dropped_wh == 10
    assert book.left_wh("a") == 10, "and nothing was taken out"


def test_own_older_order_is_taken_out() -> None:
    book = Book()
    book.place(order("a", SELL, 5, 10, party="x"))
    book.place(order("b", SELL, 5, 10, party="y"))
    found = book.place(order("c", BUY, 5, 8, party="x"))
    assert found.taken_out == ("a",)
    assert plain(list(found.trades)) == [("c", "b", 5, 8)]


def test_expiry_is_in_order_of_time() -> None:
    book = Book()
    for name, until in (("late", 30), ("soon", 10), ("never", 0), ("same", 10)):
        book.place(order(name, BUY, 1, 1, until=until))
    assert book.expire(9) == ()
    assert book.expire(10) == ("same", "soon")
    assert book.expire(100) == ("late",)
    assert book.waiting() == ("never",)


def test_smaller_keeps_its_place() -> None:
    book = Book()
    for name in "ab":
        book.place(order(name, SELL, 5, 10))
    book.amend("a", 4)
    assert plain(list(book.place(order("c", BUY, 5, 6)).trades)) == [("c", "a", 5, 4), ("c", "b", 5, 2)]
    with pytest.raises(InputError, match="only become smaller"):
        book.amend("b", 9)


def test_refused() -> None:
    book = Book()
    book.place(order("a", SELL, 5, 10))
    with pytest.raises(ConflictError):
        book.place(order("a", SELL, 5, 10))
    with pytest.raises(NotFoundError):
        book.cancel("b")
    for wrong in (order("w", 0, 5, 1), order("w", BUY, -1, 1), order("w", BUY, 1, 0), order("w", BUY, 1, 1 << 40)):
        with pytest.raises(InputError):
            book.place(wrong)
    assert book.cancel("a") == 10
    with pytest.raises(ConflictError, match="placed before"):
        book.place(order("a", SELL, 5, 10))


def test_cancelled_orders_are_swept_out() -> None:
    book = Book()
    book.place(order("stays", BUY, 3, 7))
    for n in range(5_000):
        book.place(order(f"n{n}", BUY, n % 3, 1))
        book.cancel(f"n{n}")
    assert sum(map(len, book._buys.queues.values())) < 2_500
    assert book.depth()[0][0].energy_wh == 7
    assert len(book.depth()[0]) == 1

"""Attacks through bills: PROTOCOL C, G1, G6, G7, G8, G10, G14; thin facts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quietgrid.algorithms.leverage import Facts, audit, register_total
from quietgrid.algorithms.weights import price_weights, resolve, wide
from quietgrid.crypto.public.envelope import unpack_signed
from quietgrid.errors import ConflictError, GateRefusal, UnavailableError
from quietgrid.keyholder.registered import check_bands
from quietgrid.model.interval import Window
from quietgrid.model.question import Book, Quantity
from tests.scenarios.attacks.month import ALL, DAYTIME, LEAVES, PER_DAY, PERIOD, PLANTED, Month
from tests.scenarios.attacks.spy import D0, SECRET, off, released

DAY = (PLANTED // PER_DAY + D0, PLANTED % PER_DAY)
WEIGHTS = resolve(DAYTIME, PERIOD)


# -- G1: late cells -------------------------------------------------------------------------------------------------


def test_bills_minus_totals_are_the_late_cell(period: Month) -> None:
    """One late cell. The pool refuses it (G1); with the pool off the leverage audit does (G8); with both off it is
    the reading."""
    spy, leaf = period.spy, "one-late"
    victim, book = period.victim(leaf), period.book(leaf)
    closes = period.closes(leaf, [(victim, PLANTED)])
    late = spy.late_close(book, "day", [(victim, *DAY)])
    before = released(period.community)
    with pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes, [late])
    assert refused.value.rule == "late"
    with off(period.community, "late"), pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes, [late])
    assert refused.value.rule == "leverage"
    assert released(period.community) == before
    with off(period.community, "late", "leverage"):
        bills = spy.bills(book, closes, [late])
    totals = period.totals(leaf, closes)
    assert int(bills[:, 0].sum()) - int(WEIGHTS @ totals) == SECRET
    assert int(bills[:, 1].sum()) - int((1 - WEIGHTS) @ totals) == 0


def test_three_homes_late_in_different_bands_and_in_one(period: Month) -> None:
    spy, leaf = period.spy, "three-late"
    book, homes = period.book(leaf), period.homes(leaf)
    night = 48 * 3 + 2
    cells = [(homes[0], PLANTED), (homes[1], PLANTED + 1), (homes[2], PLANTED), (homes[3], night)]
    closes = period.closes(leaf, cells)
    listed = [(home, D0 + slot // PER_DAY, slot % PER_DAY) for home, slot in cells]
    for vector, some in (("night", listed[3:]), ("day", listed[:2])):
        with pytest.raises(GateRefusal) as refused:
            spy.bills(book, closes, [spy.late_close(book, vector, some)])
        assert refused.value.rule == "late"
    with pytest.raises(GateRefusal) as refused:  # a cell of another band does not fill up the floor
        spy.bills(book, closes, [spy.late_close(book, "day", listed)])
    assert refused.value.rule == "late"
    bills = spy.bills(book, closes, [spy.late_close(book, "day", listed[:3])])
    plain = np.array([period.read(home) for home in homes])
    expected = plain @ np.stack([WEIGHTS, 1 - WEIGHTS], axis=1)
    expected[3, 1] -= plain[3, night]
    assert bills.tolist() == expected.tolist()
    apart = int(bills[:, 0].sum()) - int(WEIGHTS @ period.totals(leaf, closes))
    assert apart == SECRET + plain[1, PLANTED + 1] + plain[2, PLANTED]  # the sum of three, and no more


def test_homes_without_the_register_fill_up_the_floor(period: Month) -> None:
    """An export cell of the one roof, late "together with" homes that cannot export."""
    spy, leaf = period.spy, "fillers"
    book, homes = period.book(leaf), period.homes(leaf)
    closes = period.closes(leaf, [(home, PLANTED) for home in homes[:3]])
    full = spy.late_close(book, "export", [(home, *DAY) for home in homes[:3]])
    real = spy.late_close(book, "export", [(homes[0], *DAY)])
    net = period.totals(leaf, closes, Quantity.NET)
    before = released(period.community)
    with pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes, [full])
    assert refused.value.rule == "late"
    assert released(period.community) == before
    with off(period.community, "capability", "leverage"):
        bills = spy.bills(book, closes, [full], known=[real])
    assert int(bills[0, 2]) - int(bills[:, :2].sum() - net.sum()) == SECRET


def test_homes_with_nothing_but_late_cells_fill_up_the_floor(period: Month) -> None:
    """Homes that delivered nothing in time hide nobody: the audit sees it though the floor is reached."""
    spy, leaf = period.spy, "only-late"
    book, homes = period.book(leaf), period.homes(leaf)
    away = [(home, slot) for home in homes[1:3] for slot in range(len(PERIOD))]
    closes = period.closes(leaf, [*away, (homes[0], PLANTED)])
    late = spy.late_close(book, "day", [(home, *DAY) for home in homes[:3]])
    with pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes, [late])
    assert refused.value.rule == "leverage"
    with off(period.community, "leverage", "hide"):
        bills = spy.bills(book, closes, [late])
    assert bills[1:3].tolist() == [[0, 0], [0, 0]]  # thin: they do not open
    totals = period.totals(leaf, closes)
    assert int(bills[:, 0].sum()) - int(WEIGHTS @ totals) == SECRET


def test_a_late_cell_listed_many_times(period: Month) -> None:
    """Three homes are late, as the floor wants. Listed 1, 5,000 and 5,000 times, their sum modulo 5,000 is one."""
    spy, leaf = period.spy, "weighted"
    book, homes = period.book(leaf), period.homes(leaf)
    closes = period.closes(leaf, [(home, PLANTED) for home in homes[:3]])
    cells = [(homes[0], *DAY), *[(home, *DAY) for home in homes[1:3]] * 5_000]
    late = spy.late_close(book, "day", cells)
    before = released(period.community)
    with pytest.raises(GateRefusal, match="listed twice") as refused:
        spy.bills(book, closes, [late])
    assert refused.value.rule == "late"
    assert released(period.community) == before
    with off(period.community, "late"):
        bills = spy.bills(book, closes, [late])
    apart = int(bills[:, 0].sum()) - int(WEIGHTS @ period.totals(leaf, closes))
    assert apart % 5_000 == SECRET


def test_a_late_cell_enters_once_under_whatever_name(period: Month) -> None:
    """Entering again with a band of another name, among other homes each time, would single one out."""
    spy, leaf = period.spy, "renamed"
    book, homes = period.book(leaf), period.homes(leaf)
    closes = period.closes(leaf, [(home, PLANTED) for home in homes[:4]])
    late = spy.late_close(book, "day", [(home, *DAY) for home in homes[:3]])
    with pytest.raises(GateRefusal, match="named twice") as refused:
        spy.bills(book, closes, [late, late])
    assert refused.value.rule == "batch"
    renamed = tuple(replace(vector, name=f"{vector.name}time") for vector in book.vectors)
    later = Book(book.leaf, Window(PERIOD.first + 1, PERIOD.end + 1, 1800), renamed)
    for keyholder in period.community.keyholders:
        keyholder.memory.known.books[book.leaf, later.window.first] = later
    with pytest.raises(ConflictError, match="already taken"):
        spy.vote([spy.late_close(later, "daytime", [(home, *DAY) for home in homes[1:4]])])


def test_two_bands_that_share_their_intervals(period: Month) -> None:
    """All less day less night is nothing, until late cells enter one of them: then it is each home's late cells."""
    spy, leaf = period.spy, "overlap"
    book, homes = period.book(leaf), period.homes(leaf)
    with pytest.raises(GateRefusal, match="share an interval") as refused:
        check_bands(book)
    assert refused.value.rule == "book"
    closes = period.closes(leaf, [(home, PLANTED) for home in homes[:3]])
    late = spy.late_close(book, "all", [(home, *DAY) for home in homes[:3]])
    with off(period.community, "thin"):
        bills = spy.bills(book, closes, [late])
    apart = (bills[:, 0] - bills[:, 1] - bills[:, 2]).tolist()  # the leverage audit takes it for their own facts
    assert apart == [period.read(home)[PLANTED] if n < 3 else 0 for n, home in enumerate(homes)]
    assert apart[0] == SECRET


def test_prices_that_follow_from_the_bands(period: Month) -> None:
    """One price by day and one by night: the price's number follows from the bands, but for what came late."""
    spy = period.spy
    prices = np.where(WEIGHTS == 1, 300_000, 200_000) + np.where(np.arange(len(PERIOD)) % PER_DAY < 8, 50_000, 0)
    spy.publish("two prices", PERIOD.first, prices)
    weights = price_weights(prices).weights
    odd = np.flatnonzero((np.arange(len(PERIOD)) % PER_DAY) < 8)
    day, night = int(weights[24]), int(weights[10])
    assert len({day, night, int(weights[0])}) == 3
    for leaf, rules in (("steps", ()), ("steps-off", ("thin",))):
        book, homes = period.book(leaf), period.homes(leaf)
        gone = [(home, PLANTED) for home in homes[:3]]
        gone += [(homes[0], slot) for slot in odd.tolist()]  # where the price says more than the bands
        closes = period.closes(leaf, gone)
        late = spy.late_close(book, "day", [(home, *DAY) for home in homes[:3]])
        with off(period.community, *rules):
            bills = spy.bills(book, closes, [late], prices={"two prices": prices})
        if rules:
            assert day * bills[0, 0] + night * bills[0, 1] - bills[0, 2] == day * SECRET
        else:
            assert not bills[:3].any()  # the first's price number stays closed, hidden among three homes' numbers
            assert bills[3, 2] == int(weights @ period.read(homes[3]))


def test_late_cells_enter_when_the_period_is_over(period: Month) -> None:
    """Before, a keyholder that comes back could not know whether it was away when others were voted on."""
    community, spy = period.community, period.spy
    book, homes = period.book("early"), period.homes("early")
    period.closes("early", [(home, PLANTED) for home in homes[:3]])
    late = spy.late_close(book, "day", [(home, *DAY) for home in homes[:3]])
    now, community.clock.unix = community.clock.now(), PERIOD.end * 1800 - 1.0
    try:
        with pytest.raises(GateRefusal) as refused:
            spy.vote([late])
    finally:
        community.clock.unix = now
    assert refused.value.rule == "settle"
    spy.vote([late])


# -- G6: one book ---------------------------------------------------------------------------------------------------


def test_two_books_a_slot_apart(period: Month) -> None:
    """Two sums over nearly the same slots: their difference is the first slot."""
    spy, leaf = period.spy, "two-books"
    number, victim = LEAVES[leaf], period.victim(leaf)
    book = period.book(leaf)
    shifted = Book(number, Window(PERIOD.first + 1, PERIOD.end + 1, 1800), (ALL,))
    now, period.community.clock.unix = period.community.clock.now(), PERIOD.first * 1800.0 - 60
    try:
        with pytest.raises(GateRefusal) as refused:
            spy.register_book(shifted)
        assert refused.value.rule == "book"
        short = Book(number, Window(PERIOD.end, PERIOD.end + PER_DAY, 1800), (ALL,))
        with pytest.raises(GateRefusal) as refused:
            spy.register_book(short)
        assert refused.value.rule == "book"
    finally:
        period.community.clock.unix = now
    with pytest.raises(GateRefusal) as refused:  # a book after the fact
        spy.register_book(Book(number, Window(PERIOD.end, PERIOD.end + PER_DAY, 1800), (ALL,)))
    assert refused.value.rule == "book"

    head, tail = spy.close(D0, 0, 1, leaf=number), spy.close(D0, 1, PER_DAY, leaf=number)
    days = [spy.close(D0 + day, 0, PER_DAY, leaf=number) for day in range(1, 28)]
    last = spy.close(D0 + 28, 0, 1, leaf=number, omit=[(victim, 0)])
    spy.vote([head, tail, *days, last])
    for keyholder in period.community.keyholders:  # the rule off: also the store has no place for a second book
        keyholder.memory.known.books[number, shifted.window.first] = shifted
    with off(period.community, "leverage"):
        one = spy.bills(book, [head, tail, *days])
        other = spy.bills(shifted, [tail, *days, last])
    assert int(one[0, 0] - other[0, 0]) == period.read(victim)[0]


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 8), st.integers(0, 2**32 - 1))
def test_one_home_on_another_tariff_inherits_the_others_facts(homes: int, seed: int) -> None:
    """All but one have two bands, one pays a flat price: its bands follow. The book of the leaf is common to all."""
    rng = np.random.default_rng(seed)
    readings = rng.integers(0, 1000, (homes, 24))
    band = np.arange(24) >= 8
    totals = readings.sum(axis=0)
    others = readings[1:, band].sum()
    assert totals[band].sum() - others == readings[0, band].sum()  # never asked, never consented

    cells = np.ones((homes, 24), np.bool_)
    flat = np.zeros((homes, 3), np.bool_)
    flat[1:, :2] = flat[0, 2] = True
    vectors = np.stack([band, ~band, np.ones(24, np.bool_)]).astype(np.int64)
    assert audit([register_total(0, cells)], [Facts(0, vectors, cells, flat)]).tolist() == [0]
    assert audit([register_total(0, cells)], [Facts(0, vectors[:2], cells)]).tolist() == []


# -- G7: weights that read one interval -----------------------------------------------------------------------------

SEVENS = 7_000 * np.random.default_rng(1).integers(20, 60, len(PERIOD))
PRICES = {
    "odd": np.full(len(PERIOD), 300_000), "heavy": np.full(len(PERIOD), 1), "sevens": SEVENS,
}  # fmt: skip
PRICES["odd"][PLANTED] = 300_001
PRICES["heavy"][PLANTED] = 2_048
PRICES["sevens"][PLANTED] += 1


@pytest.mark.parametrize("leaf", ["odd", "heavy", "sevens"])
def test_prices_made_to_measure(period: Month, leaf: str) -> None:
    spy, book, victim = period.spy, period.book(leaf), period.victim(leaf)
    prices = PRICES[leaf]
    spy.publish(leaf, PERIOD.first, prices)
    closes = period.closes(leaf)
    with pytest.raises(GateRefusal) as refused:
        wide(prices)
    assert refused.value.rule == "wide"
    safe = price_weights(prices).weights
    wide(safe)  # what a keyholder uses in their place
    plain = period.read(victim)
    bills = spy.bills(book, closes, prices={leaf: prices})
    assert bills[0].tolist() == [int(plain.sum()), int(safe @ plain)]
    leaf_off = f"{leaf}-off"
    plain = period.read(period.victim(leaf_off))
    with off(period.community, "wide", "thin", "leverage"):
        bills = spy.bills(period.book(leaf_off), period.closes(leaf_off), prices={leaf: prices}, raw=True)
    measured, billed = bills[0].tolist()
    assert billed == int(prices @ plain)
    if leaf == "odd":
        assert billed % 300_000 == SECRET
        assert not safe.any()  # all prices the same: nothing to ask but the plain sum
    elif leaf == "heavy":
        assert (billed - measured) // 2_047 == SECRET
        assert not safe.any()
    else:
        assert billed % 7 == SECRET % 7
        assert np.gcd.reduce(safe) % 7 == 0  # rounded: what is safe to ask is 0 modulo 7 whatever was read


# -- G10, G14: asking again -----------------------------------------------------------------------------------------


def test_a_second_batch_is_the_first_and_the_corrections(period: Month) -> None:
    """Bills, then bills with late cells: the difference is each home's own late cell."""
    spy, leaf = period.spy, "again"
    book, homes = period.book(leaf), period.homes(leaf)
    closes = period.closes(leaf, [(home, PLANTED) for home in homes[:3]])
    late = spy.late_close(book, "day", [(home, *DAY) for home in homes[:3]])
    first = spy.bills(book, closes)
    before = released(period.community)
    with pytest.raises(ConflictError, match="already taken"):
        spy.bills(book, closes, [late])
    with pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes, [late], vector="again")
    assert refused.value.rule == "batch"
    with pytest.raises(UnavailableError, match="vote for the same close"):
        spy.ask(spy.batch(book, closes, [late]))  # without the vote
    assert released(period.community) == before
    with off(period.community, "once"):
        second = spy.bills(book, closes, [late])
    difference = second - first
    assert difference[:3, 0].tolist() == [period.read(home)[PLANTED] for home in homes[:3]]
    assert difference[0, 0] == SECRET
    assert not difference[3:].any()


def test_bills_of_some_of_the_closes(period: Month) -> None:
    """A batch over other cells than the totals' would be a difference by itself."""
    spy = period.spy
    book = period.book("again")
    with period.community.keyholders[0].parts.store.read() as tx:
        rows = tx.votes.closes(book.leaf, PERIOD.first, PERIOD.end)
    assert len(rows) == 28
    closes = [unpack_signed(row.signed) for row in rows]
    for some in (closes[:-1], closes[1:], [*closes, closes[3]], closes[::-1]):
        with pytest.raises(GateRefusal) as refused:
            spy.ask(spy.batch(book, some))
        assert refused.value.rule == "batch"


# -- facts that rest on few cells -----------------------------------------------------------------------------------


def test_a_band_of_one_delivered_cell(period: Month) -> None:
    spy, leaf = period.spy, "thin"
    book, homes = period.book(leaf), period.homes(leaf)
    alone = [(homes[0], slot) for slot in range(len(PERIOD)) if slot != PLANTED and WEIGHTS[slot]]
    closes = period.closes(leaf, alone)
    bills = spy.bills(book, closes)
    plain = np.array([period.read(home) for home in homes])
    assert not bills[:3].any()  # one home's number stays closed, and those of two more, so that it does not follow
    assert bills[3:].tolist() == (plain[3:] @ np.stack([WEIGHTS, 1 - WEIGHTS]).T).tolist()
    victim = period.victim("thin-off")
    closes = period.closes("thin-off", [(victim, slot) for _, slot in alone])
    with off(period.community, "thin"):
        assert spy.bills(period.book("thin-off"), closes)[0, 0] == SECRET


def test_the_leaf_less_all_other_homes_is_the_number_that_stayed_closed(period: Month) -> None:
    """One home delivered one cell of a band: its number does not open, and all others' minus the totals are it."""
    spy, leaf = period.spy, "thin-rest"
    book, homes = period.book(leaf), period.homes(leaf)
    gone = [(homes[0], slot) for slot in range(len(PERIOD)) if slot != PLANTED and WEIGHTS[slot]]
    closes = period.closes(leaf, gone)
    totals = period.totals(leaf, closes)
    with off(period.community, "hide"), pytest.raises(GateRefusal) as refused:
        spy.bills(book, closes)
    assert refused.value.rule == "leverage"
    bills = spy.bills(book, closes)
    hidden = [n for n, row in enumerate(bills) if not row.any()]
    left = int(WEIGHTS @ totals) - int(bills[:, 0].sum())
    assert left == SECRET + sum(int(WEIGHTS @ period.read(homes[n])) for n in hidden[1:])
    assert (hidden[0], len(hidden)) == (0, 3)
    victim = period.victim("thin-rest-off")
    closes = period.closes("thin-rest-off", [(victim, slot) for _, slot in gone])
    totals = period.totals("thin-rest-off", closes)
    with off(period.community, "hide", "leverage"):
        bills = spy.bills(period.book("thin-rest-off"), closes)
    assert int(WEIGHTS @ totals) - int(bills[:, 0].sum()) == SECRET


def test_two_facts_that_differ_in_one_delivered_cell(period: Month) -> None:
    """Each number rests on many cells, and their difference on one: the price was the same in all cells but that."""
    spy, leaf = period.spy, "thin-pair"
    book, homes = period.book(leaf), period.homes(leaf)
    prices = 10_000 * np.random.default_rng(5).integers(1, 11, len(PERIOD))
    prices[PLANTED] = 60_000
    spy.publish("steps", PERIOD.first, prices)
    weights = price_weights(prices).weights
    kept = weights == weights[prices == 50_000][0]
    kept[PLANTED] = True
    closes = period.closes(leaf, [(homes[0], slot) for slot in np.flatnonzero(~kept).tolist()])
    bills = spy.bills(book, closes, prices={"steps": prices})
    assert not bills[:3].any()
    assert bills[3:, 0].tolist() == [int(period.read(home).sum()) for home in homes[3:]]
    leaf_off = "thin-pair-off"
    victim = period.victim(leaf_off)
    closes = period.closes(leaf_off, [(victim, slot) for slot in np.flatnonzero(~kept).tolist()])
    with off(period.community, "thin"):
        measured, priced = spy.bills(period.book(leaf_off), closes, prices={"steps": prices})[0].tolist()
    usual = int(weights[prices == 50_000][0])
    assert (priced - usual * measured) // int(weights[PLANTED] - usual) == SECRET

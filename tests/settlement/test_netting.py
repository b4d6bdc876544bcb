"""Netting: nothing is lost, nothing is made, order does not matter."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.billing import balances
from quietgrid.errors import InputError
from quietgrid.model.posting import Posting
from quietgrid.settlement import COMMUNITY, chain_side, net

accounts = st.sampled_from(["home:1", "home:2", "supplier:energy", "supplier:feed-in", "tax:vat", "grid:fee"])
batches = st.lists(st.tuples(accounts, accounts, st.integers(0, 10**12), st.integers(0, 10**6)), max_size=40)


def postings(rows: list[tuple[str, str, int, int]]) -> list[Posting]:
    return [Posting(str(n), debit, credit, amount, wh, "bill") for n, (debit, credit, amount, wh) in enumerate(rows)]


@given(batches)
def test_money_is_conserved(rows: list[tuple[str, str, int, int]]) -> None:
    found = net(postings(rows))
    assert sum(found.deltas.values()) == 0
    assert found.energy_wh == sum(wh for _, _, _, wh in rows)


@given(batches)
def test_an_organisation_gets_what_the_books_say(rows: list[tuple[str, str, int, int]]) -> None:
    owed = balances(postings(rows))
    found = net(postings(rows)).deltas
    for side in ("supplier", "tax", "grid", COMMUNITY):
        assert found.get(side, 0) == -sum(amount for name, amount in owed.items() if chain_side(name) == side)


@given(batches, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(rows: list[tuple[str, str, int, int]], chance: random.Random) -> None:
    batch = postings(rows)
    shuffled = batch.copy()
    chance.shuffle(shuffled)
    assert net(shuffled) == net(batch)


@given(batches, st.integers(0, 40))
def test_two_settlements_are_one(rows: list[tuple[str, str, int, int]], cut: int) -> None:
    batch = postings(rows)
    first, second, whole = net(batch[:cut]), net(batch[cut:]), net(batch)
    names = {*first.deltas, *second.deltas, *whole.deltas}
    for name in names:
        assert first.deltas.get(name, 0) + second.deltas.get(name, 0) == whole.deltas.get(name, 0)


def test_between_homes_nothing_goes_to_the_chain() -> None:
    assert net([Posting("1", "home:1", "home:2", 5, 1, "trade")]).deltas == {}


def test_what_cannot_be_netted_is_refused() -> None:
    one = Posting("1", "home:1", "tax:vat", 5, 1, "bill")
    with pytest.raises(InputError, match="twice"):
        net([one, one])
    with pytest.raises(InputError, match="negative"):
        net([Posting("1", "home:1", "tax:vat", -5, 1, "bill")])
    with pytest.raises(InputError, match="bounds"):
        net([Posting("1", "home:1", "tax:vat", 2**127, 1, "bill")])

"""Claims: leaves and trees as the contract has them; whole units, nothing lost, nothing twice, no share ever falls."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quietgrid.chain.claims import leaf_of, root_from, tree_of
from quietgrid.errors import InputError, NotFoundError
from quietgrid.model.posting import CODES, Posting, Source, codes_of
from quietgrid.settlement import COMMUNITY, Share, allot, credits_in, net, net_by_source, payouts, tree
from quietgrid.settlement.claims import CLAIMS, ESCROW, STEP_MICRO, UNIT_MICRO

CASES = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "claims.json").read_text())["cases"]
homes = st.sampled_from([f"home:{n}" for n in range(4)])


def draws() -> Callable[[int], bytes]:
    numbers = count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["size"])
def test_trees_are_those_of_the_vectors(case: dict[str, object]) -> None:
    rows = case["leaves"]
    assert isinstance(rows, list)
    leaves = [
        leaf_of(bytes.fromhex(row["account"][2:]), row["cumulative"], bytes.fromhex(row["salt"][2:])) for row in rows
    ]
    assert ["0x" + leaf.hex() for leaf in leaves] == [row["leaf"] for row in rows]
    made = tree_of(leaves[::-1])
    assert "0x" + made.root.hex() == case["root"]
    for leaf, row in zip(leaves, rows, strict=True):
        assert ["0x" + one.hex() for one in made.path(leaf)] == row["path"]
        assert root_from(leaf, made.path(leaf)) == made.root
    with pytest.raises(NotFoundError):
        made.path(bytes(32))


def test_what_is_no_leaf_or_tree_is_refused() -> None:
    for wrong in ((b"1" * 19, 1, bytes(32)), (b"1" * 20, -1, bytes(32)), (b"1" * 20, 1 << 88, bytes(32))):
        with pytest.raises(InputError):
            leaf_of(*wrong)
    for leaves in ([], [bytes(32), bytes(32)]):
        with pytest.raises(InputError):
            tree_of(leaves)


@given(st.lists(st.tuples(homes, st.integers(1, 10**9), st.booleans()), max_size=30), st.integers(0, 10**9))
def test_credits_are_what_bills_owe_and_the_escrow_covers_them(rows: list[tuple[str, int, bool]], due: int) -> None:
    bills = [
        Posting(str(n), *((home, "supplier:energy") if pays else ("supplier:feed-in", home)), amount, 0, "bill")
        for n, (home, amount, pays) in enumerate(rows)
    ]
    owed = credits_in(bills)
    held = -(-due // STEP_MICRO) * STEP_MICRO
    more = payouts("bills 1", owed, held, due)
    paid = {p.debit: p.amount_micro for p in more if p.credit == CLAIMS}
    assert paid == owed
    for home in {home for home, _, _ in rows}:
        after = sum(p.amount_micro * ((p.debit == home) - (p.credit == home)) for p in [*bills, *more])
        assert after >= 0, "a credit is left on the home's account"
    added = sum(p.amount_micro for p in more if p.credit == ESCROW)
    assert added % STEP_MICRO == 0
    assert 0 <= held + added - due - sum(owed.values()) < STEP_MICRO
    settled = net([*bills, *more])
    assert sum(settled.deltas.values()) == 0
    assert settled.deltas.get("escrow", 0) == added
    assert set(settled.deltas) <= {COMMUNITY, "supplier", "escrow"}


events = st.lists(
    st.one_of(st.tuples(homes, st.integers(0, 5 * UNIT_MICRO)), st.tuples(homes, st.just("a new account"))), max_size=40
)


@given(events)
def test_shares_never_fall_and_are_the_whole_units_of_what_is_owed(steps: list[tuple[str, int | str]]) -> None:
    owed: dict[str, int] = {}
    accounts: dict[str, bytes] = {}
    shares: list[Share] = []
    draw, fresh = draws(), count(1)
    for home, what in steps:
        if isinstance(what, int):
            owed[home] = owed.get(home, 0) + what
        else:
            accounts[home] = next(fresh).to_bytes(20, "big")
        after = allot(owed, shares, accounts, draw)
        before = {share.account: share for share in shares}
        for share in after:
            old = before.pop(share.account, None)
            assert old is None or (share.cumulative_micro >= old.cumulative_micro and share.salt == old.salt)
        assert before == {}
        shares = after
        for one, amount in owed.items():
            given_ = sum(share.cumulative_micro for share in shares if share.home == one)
            assert given_ % UNIT_MICRO == 0
            assert given_ <= amount
            if one in accounts:
                assert amount - given_ < UNIT_MICRO
        assert allot(owed, shares, accounts, draw) == shares
    if shares:
        assert len({share.leaf for share in shares}) == len(tree(shares).levels[0])


@given(st.lists(st.tuples(homes, st.sampled_from(["home:1", "supplier:x", "tax:vat", "operator:dr"]),
                          st.integers(0, 10**9), st.sampled_from(sorted(CODES))), max_size=30))  # fmt: skip
def test_each_stage_nets_to_zero_and_together_they_are_the_whole(rows: list[tuple[str, str, int, str]]) -> None:
    batch = [Posting(str(n), *row[:3], 1, row[3]) for n, row in enumerate(rows)]
    parts = net_by_source(batch)
    whole = net(batch)
    assert all(sum(part.deltas.values()) == 0 for part in parts.values())
    assert {source for source in Source if any(p.source is source for p in batch)} == set(parts)
    for name in {COMMUNITY, *whole.deltas, *(name for part in parts.values() for name in part.deltas)}:
        assert sum(part.deltas.get(name, 0) for part in parts.values()) == whole.deltas.get(name, 0)
    assert sorted(one for part in parts.values() for one in part.ids) == list(whole.ids)


def test_a_code_belongs_to_one_stage() -> None:
    assert sorted(code for source in Source for code in codes_of(source)) == sorted(CODES)
    with pytest.raises(InputError, match="code"):
        net_by_source([Posting("1", "home:1", "tax:vat", 1, 0, "gift")])
    with pytest.raises(InputError, match="twice"):
        net_by_source([Posting("1", "home:1", "tax:vat", 1, 0, code) for code in ("bill", "trade")])

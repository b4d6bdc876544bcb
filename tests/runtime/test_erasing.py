"""An erased home: dropped at once, left out of closes; totals, the late pool, bills and the audit go on without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import ConflictError, NotFoundError, QuietgridError, VerificationError
from quietgrid.runtime import claims
from quietgrid.runtime.audit import Bundle, export_bundle
from quietgrid.runtime.own import OwnDesk
from quietgrid.runtime.replay import verify_bundle
from quietgrid.settlement import Share
from quietgrid.store.anchors import LeafRow
from quietgrid.wire.own import ClaimAccount, Erase
from tests.runtime.hamlet import PER_DAY, Hamlet, days
from tests.runtime.test_audit import _head, _rewrite
from tests.runtime.test_periods import FIRST, cells, energy, live, plain

HOME, ROW = 103, 3


def asked(town: Hamlet, home: int = HOME, by: int = HOME) -> Signed:
    """What a household signs."""
    community = town.community
    message = Erase(community.card.community, home, "moving out", community.clock.now())
    return community.household_keys[by].sign(message)


def erase(town: Hamlet) -> None:
    """As the household does: the platform first, then the keyholders."""
    signed = asked(town)
    OwnDesk(town.platform, town.community.periods).erase(HOME, signed)
    for keyholder in town.community.keyholders:
        assert keyholder.register([signed]) == [None]


def without(count: int) -> np.ndarray:
    gone = np.zeros((20, count), np.bool_)
    gone[ROW] = True
    return gone


def test_everything_goes_on_without_it(hamlet: Callable[..., Hamlet], tmp_path: Path) -> None:
    town = hamlet(epoch_days=28)
    town.community.register_books(FIRST)
    live(town, days(0, 14))
    day = days(14, 1)
    town.community.measure(town.readings(day))  # delivered, not closed yet
    erase(town)
    outcomes = town.community.settle()
    assert (outcomes.refused, outcomes.answered) == ([], 1)
    total = town.total(day)
    assert total.homes.tolist() == [19] * PER_DAY
    plain_sum = np.delete(town.readings(day).imported_wh, ROW, axis=0).sum(axis=0)
    assert total.energy_wh.tolist() == plain_sum.tolist()
    before = town.total(days(13, 1))
    assert before.homes.tolist() == [20] * PER_DAY
    with pytest.raises(VerificationError, match="no key of this meter"):
        town.community.measure(town.readings(days(15, 1)))
    town.community.settle()
    rest = days(16, 12)
    live(town, rest, gone=without(len(rest)))
    run = town.community.periods.run(FIRST)
    assert (run.bills, run.erased, run.estimated, run.outcomes.refused) == (19, 1, 0, [])
    for home in (100, 102, 104, 119):
        assert energy(town, home, FIRST) == plain(town, home, FIRST)
    with pytest.raises(NotFoundError):
        town.community.periods.bill(HOME, FIRST)
    with town.store.read() as tx:
        assert tx.log.entries(limit=1000, action="home.erase")[0].subject == f"home {HOME}"
        assert tx.log.entries(limit=1000, action="billing.run")[0].detail["erased"] == 1
        assert tx.registry.keys()[0].tolist().count(town.people[ROW].pid) == 0
    check_bundle(town, tmp_path)


def check_bundle(town: Hamlet, folder: Path) -> None:
    """Offline everything verifies but the erased home's bill, which cannot be replayed and says so."""
    path = folder / "bundle.zip"
    export_bundle(town.platform, path)
    report = verify_bundle(path)
    assert report.problems == []
    assert report.notes == [f"bill of home {HOME}, Lane: erased: cannot be replayed"]
    assert (report.checked["erasures"], report.checked["answers (bills)"]) == (1, 1)

    def unasked(head: Bundle) -> Bundle:
        return msgspec.structs.replace(head, erased=())

    def forged(head: Bundle) -> Bundle:
        return msgspec.structs.replace(head, erased=(asked(town, by=104),))

    for change in (unasked, forged):
        found = verify_bundle(_rewrite(path, folder / f"{change.__name__}.zip", _head(change)))
        assert any("the gate would decide otherwise" in problem for problem in found.problems)


def test_its_late_readings_fill_up_no_floor(hamlet: Callable[..., Hamlet]) -> None:
    """Fifteen homes are late and one of them is erased: the other fourteen wait, with an estimate on their bills."""
    town = hamlet(epoch_days=28)
    town.community.register_books(FIRST)
    live(town, days(0, 14), cells(days(0, 14), {row: [100 + row] for row in range(15)}))
    town.community.deliver_late()
    town.platform.gather_late(town.members, FIRST.first, days(0, 14).end)
    erase(town)
    rest = days(14, 14)
    live(town, rest, gone=without(len(rest)))
    run = town.community.periods.run(FIRST)
    assert (run.bills, run.erased, run.late_cells, run.estimated) == (19, 1, 0, 14)


def test_who_may_ask_and_twice_is_once(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet(epoch_days=28)
    desk = OwnDesk(town.platform, town.community.periods)
    for wrong in (asked(town, by=104), asked(town, home=104, by=104)):
        with pytest.raises(QuietgridError):
            desk.erase(HOME, wrong)
    assert town.platform.erasures.homes == frozenset()
    assert town.platform.erasures.take(HOME, asked(town))
    assert not town.platform.erasures.take(HOME, asked(town))
    with pytest.raises(NotFoundError):
        town.platform.erasures.take(999, asked(town))
    again = town.platform.erasures.__class__(town.store, town.platform.parts.concentrator)
    assert again.homes == {HOME}


def _name_address(town: Hamlet, home: int, address: bytes) -> None:
    community = town.community
    key = community.household_keys[home]
    signed = key.sign(ClaimAccount(community.card.community, home, address, community.clock.now()))
    with town.store.begin() as tx:
        claims.take_account(tx, home, key.public, community.card.community, signed)


def test_salts_and_addresses_are_deleted_and_the_books_stay(hamlet: Callable[..., Hamlet]) -> None:
    """Afterwards nothing of the platform says which leaf or address was the home's, whatever is guessed."""
    town = hamlet(epoch_days=28)
    own, other = f"home:{HOME:016x}", f"home:{104:016x}"
    _name_address(town, HOME, b"a" * 20)
    _name_address(town, 104, b"b" * 20)
    shares = [Share(own, b"a" * 20, 41_000_000, b"s" * 32), Share(other, b"b" * 20, 7_000_000, b"t" * 32)]
    with town.store.begin() as tx:
        tx.anchors.put_leaves("bills 1", [LeafRow(own, b"x" * 32, b"1" * 32), LeafRow(other, b"y" * 32, b"2" * 32)])
        claims.keep(tx, claims.ClaimsRoot(1, claims.tree(shares).root, 48_000_000, 2), shares)
    with town.store.read() as tx:
        root = claims.tree(claims.shares_of(tx)).root
    erase(town)
    with town.store.read() as tx:
        assert [leaf.salt for leaf in tx.anchors.leaves("bills 1")] == [None, b"y" * 32]
        assert [leaf.digest for leaf in tx.anchors.leaves("bills 1")] == [b"1" * 32, b"2" * 32]
        kept = claims.shares_of(tx)
        assert claims.tree(kept).root == root  # the next root still stands on it
        assert [(one.home, one.cumulative_micro, one.salt) for one in kept] == [
            ("", 41_000_000, b""), (other, 7_000_000, b"t" * 32),
        ]  # fmt: skip
        assert (claims.accounts_of(tx, HOME), claims.accounts_of(tx, 104)) == ([], [b"b" * 20])
        for kind in (claims.ACCOUNT, claims.SHARE):
            for name, body in tx.documents.all(kind).items():
                assert b"s" * 32 not in body, kind
                assert own.encode() not in body, kind
                assert not name.startswith(f"{HOME:016x}"), kind
    with pytest.raises(ConflictError, match="erased"):
        _name_address(town, HOME, b"c" * 20)  # or all its credits would be promised once more
    with pytest.raises(ConflictError, match="in use"):
        _name_address(town, 104, b"a" * 20)  # nobody takes over what was promised there

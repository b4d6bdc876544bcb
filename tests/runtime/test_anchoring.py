"""Daily roots from a community of real meters to a real chain, and back to the frame they bind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from quietgrid.chain import abi
from quietgrid.chain.node import Anvil
from quietgrid.crypto.public import merkle
from quietgrid.model.interval import DAY_S
from quietgrid.runtime.anchoring import FRAMES, LEDGER, LOG, Anchoring
from quietgrid.runtime.onchain import OnChain, StoreJournal, Wiring
from quietgrid.store import open_platform
from quietgrid.store.anchors import AnchorRow
from tests.chain.conftest import Village
from tests.runtime.hamlet import FIRST_DAY, Hamlet, days


class Recorder:
    """Where roots are queued."""

    def __init__(self) -> None:
        self.queued: list[tuple[int, list[AnchorRow]]] = []

    def __call__(self, day: int, rows: list[AnchorRow]) -> None:
        self.queued.append((day, rows))


def live(hamlet: Hamlet, first: int, count: int) -> None:
    for day in range(first, first + count):
        hamlet.community.measure(hamlet.readings(days(day, 1)))
        assert not hamlet.community.settle().refused


def anchoring(hamlet: Hamlet, queue: Callable[[int, list[AnchorRow]], None]) -> Anchoring:
    return Anchoring(hamlet.store, hamlet.platform.keyholders, hamlet.community.clock, queue)


def test_every_day_that_is_over_gets_its_roots_once(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    taken = Recorder()
    work = anchoring(town, taken)
    assert work.step() == 0
    live(town, 0, 3)
    town.community.clock.unix = float((FIRST_DAY + 4) * DAY_S)
    work.step()
    assert work.step() == 0
    found = {day: {row.kind for row in rows} for day, rows in taken.queued}
    # A day's readings arrive when it is over, so the first receipts are of the second day.
    assert {day for day, kinds in found.items() if FRAMES in kinds} == {FIRST_DAY + 1, FIRST_DAY + 2, FIRST_DAY + 3}
    newest = found[FIRST_DAY + 3]
    assert newest >= {LEDGER, LEDGER + 1, LEDGER + 2, LOG}
    assert all(LEDGER not in kinds for day, kinds in found.items() if day != FIRST_DAY + 3)


def test_a_receipt_is_below_the_root_of_its_day(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    taken = Recorder()
    live(town, 0, 1)
    town.community.clock.unix = float((FIRST_DAY + 2) * DAY_S)
    anchoring(town, taken).step()
    rows = dict(taken.queued)[FIRST_DAY + 1]
    root = next(row.root for row in rows if row.kind == FRAMES)
    with town.store.read() as tx:
        roots = tx.segments.batch_roots(float((FIRST_DAY + 1) * DAY_S), float((FIRST_DAY + 2) * DAY_S))
    path = merkle.path(roots, 0)
    assert merkle.root_from_path(merkle.leaf_hash(roots[0]), 0, len(roots), path) == root


def test_a_keyholder_that_is_away_has_no_root_and_holds_up_nothing(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    taken = Recorder()
    live(town, 0, 1)
    town.community.clock.unix = float((FIRST_DAY + 2) * DAY_S)
    town.community.links[1].up = False
    anchoring(town, taken).step()
    kinds = {row.kind for row in dict(taken.queued)[FIRST_DAY + 1]}
    assert kinds >= {FRAMES, LEDGER, LEDGER + 2}
    assert LEDGER + 1 not in kinds


def test_a_crash_between_keeping_and_queueing_loses_no_root(hamlet: Callable[..., Hamlet]) -> None:
    town = hamlet()
    live(town, 0, 1)
    town.community.clock.unix = float((FIRST_DAY + 2) * DAY_S)

    def power_cut(day: int, rows: list[AnchorRow]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        anchoring(town, power_cut).step()
    taken = Recorder()
    after = anchoring(town, taken)
    after.again()
    after.step()
    assert FIRST_DAY + 1 in dict(taken.queued)


@pytest.mark.slow
def test_the_roots_are_on_the_chain(hamlet: Callable[..., Hamlet], anvil: Anvil, tmp_path: Path) -> None:
    town = hamlet()
    live(town, 0, 2)
    town.community.clock.unix = float((FIRST_DAY + 3) * DAY_S)
    from quietgrid.chain.client import Chain
    from quietgrid.chain.indexer import Indexer

    store = open_platform(tmp_path / "chain.db")
    village = Village(anvil, Chain(anvil.url), store)
    addresses = {"DailyRoots": village.roots}
    wiring = Wiring(
        village.outbox, Indexer(village.chain, addresses, StoreJournal(store)), 31_337, anvil.url,
        village.engine.address, addresses,
    )  # fmt: skip
    onchain = OnChain(store, wiring)
    taken = Recorder()

    def queue(day: int, rows: list[AnchorRow]) -> None:
        kinds, roots, leaves = [r.kind for r in rows], [r.root for r in rows], [r.leaves for r in rows]
        onchain.queue(f"roots {day}", abi.call("DailyRoots", village.roots, "anchor", day, kinds, roots, leaves))
        taken(day, rows)

    anchoring(town, queue).step()
    onchain.step()
    onchain.step()
    for day, rows in taken.queued:
        for row in rows:
            root, leaves, at = village.chain.view("DailyRoots", village.roots, "anchorOf", day, row.kind)
            assert (root, leaves) == (row.root, row.leaves)
            assert at
    with store.read() as tx:
        said = tx.chain.events(contract="DailyRoots", name="RootAnchored")
    assert len(said) == sum(len(rows) for _, rows in taken.queued)
    standing = onchain.standing()
    assert standing.reachable
    assert standing.counts["confirmed"] == len(taken.queued)
    store.close()

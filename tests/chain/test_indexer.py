"""The indexer against a real node: the store holds the events of one chain, also after blocks went away."""

from __future__ import annotations

from quietgrid.chain.indexer import Indexer
from tests.chain.conftest import Village


def indexer(village: Village, confirmations: int = 1) -> Indexer:
    """A reader; what the contract said when it was created is taken already."""
    reader = Indexer(village.chain, {"DailyRoots": village.roots}, village.journal, confirmations)
    reader.step()
    return reader


def days(village: Village) -> list[int]:
    with village.store.read() as tx:
        return [event.values["day"] for event in reversed(tx.chain.events(contract="DailyRoots", name="RootAnchored"))]


def anchor(village: Village, *which: int) -> None:
    for day in which:
        village.queue(day, root=day + 1)
        village.outbox.step()


def test_events_are_taken_once_and_decoded(village: Village) -> None:
    reader = indexer(village)
    anchor(village, 1, 2, 3)
    assert reader.step() == 3
    assert reader.step() == 0
    with village.store.read() as tx:
        newest = tx.chain.events(limit=1)[0]
        assert tx.chain.transaction_events(newest.transaction) == [newest]
    assert newest.name == "RootAnchored"
    assert newest.values == {"day": 3, "kind": 0, "root": "0x" + (4).to_bytes(32, "big").hex(), "leaves": 1}


def test_a_second_reader_goes_on_where_the_first_stopped(village: Village) -> None:
    anchor(village, 1)
    indexer(village)
    assert days(village) == [1]
    anchor(village, 2)
    assert indexer(village).step() == 0
    assert days(village) == [1, 2]


def test_blocks_that_are_not_deep_enough_wait(village: Village) -> None:
    anchor(village, 1, 2, 3)
    indexer(village, confirmations=3)
    assert days(village) == [1]


def test_a_reorganisation_takes_events_back(village: Village) -> None:
    reader = indexer(village)
    anchor(village, 1)
    reader.step()
    before = village.chain.ask("evm_snapshot")
    anchor(village, 2)
    reader.step()
    anchor(village, 3)
    reader.step()
    village.chain.ask("evm_revert", before)
    village.chain.ask("evm_increaseTime", 60)  # other blocks than before
    reader.step()
    assert days(village) == [1]
    for _ in range(3):
        village.outbox.step()
    reader.step()
    assert days(village) == [1, 2, 3]


def test_a_shorter_chain_takes_events_back(village: Village) -> None:
    reader = indexer(village)
    before = village.chain.ask("evm_snapshot")
    anchor(village, 1, 2)
    reader.step()
    village.chain.ask("evm_revert", before)
    assert reader.step() == 0
    assert days(village) == []

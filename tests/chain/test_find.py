"""The local chain's state file: half a one is never served, a whole one is never lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from quietgrid.chain.accounts import Account
from quietgrid.chain.client import Chain
from quietgrid.chain.find import mend
from quietgrid.chain.node import Anvil, fund


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "anvil.json"


def test_a_whole_one_is_kept_and_comes_back(state: Path) -> None:
    state.write_bytes(b'{"block": 7}')
    mend(state)
    for half in (b"", b'{"block": '):
        state.write_bytes(half)
        mend(state)
        assert state.read_bytes() == b'{"block": 7}'
    state.unlink()
    mend(state)
    assert state.read_bytes() == b'{"block": 7}'


def test_a_newer_whole_one_takes_the_place_of_the_kept_one(state: Path) -> None:
    for block in (b'{"block": 7}', b'{"block": 8}'):
        state.write_bytes(block)
        mend(state)
    state.write_bytes(b"")
    mend(state)
    assert state.read_bytes() == b'{"block": 8}'


def test_half_a_one_and_nothing_kept_begins_anew(state: Path) -> None:
    state.write_bytes(b'{"blo')
    mend(state)
    assert not state.exists()
    mend(state)
    assert list(state.parent.iterdir()) == []


def test_a_node_killed_in_the_middle_of_writing_starts_with_what_was_kept(anvil: Anvil, chain: Chain) -> None:
    someone = Account.generate().address
    fund(chain, someone, 10**18)
    anvil.stop()
    anvil.start()  # keeps a whole copy
    anvil.stop(signal.SIGKILL)
    anvil.state.write_bytes(b"")  # what a kill in the middle leaves
    assert anvil.start().balance(someone) == 10**18

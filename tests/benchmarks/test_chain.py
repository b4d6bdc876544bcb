"""`chain`: netted trades and plain transfers on one anvil, checked against the balances."""

from __future__ import annotations

import json

import pytest

from benchmarks import __main__ as command
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.find import find
from quietgrid.errors import MissingExtraError


@pytest.mark.slow
def test_it_settles_and_transfers(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        find()
    except MissingExtraError as error:
        pytest.skip(error.what)
    if not safe_is_there():
        pytest.skip("npm has not brought the Safe (make setup)")
    assert command.main(["chain", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"name", "work", "ours", "peers", "ratios", "bars", "note", "machine", "quick"} == set(found)
    assert all({"what", "need", "got", "holds"} == set(line) for line in found["bars"])
    assert found["ours"]["trades_per_s"] > found["peers"]["web3.py"]["transfers_per_s"] > 0

"""A lost household key over real processes: orders in folders, one killed, one away, and the home opens its days."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from quietgrid import demo
from quietgrid.cli.entry import run
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.errors import QuietgridError
from quietgrid.household import Home, Vault
from quietgrid.household.links import SignedClient
from quietgrid.household.recovering import HttpRelease, Recovered, collect, make_request
from quietgrid.household.service import HomeParts
from quietgrid.model.interval import day_window
from quietgrid.runtime.own import OwnDesk
from quietgrid.store import open_vault
from quietgrid.wire.request_auth import authorization
from tests.household.test_whole_way import OwnPlatform
from tests.keyholder.real import DAY, RealCommunity

pytestmark = pytest.mark.slow
PATIENCE_S = 300.0
"""On a busy machine a process may take long to start."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[RealCommunity]:
    made = RealCommunity(tmp_path / "town")
    try:
        made.join()
        yield made
    finally:
        made.close()


def links(town: RealCommunity, vault: Vault) -> list[HttpRelease]:
    who = (vault.identity, town.card.community, vault.home)
    clients = [httpx.Client(base_url=town.url(index), timeout=20, trust_env=False) for index in range(3)]
    return [HttpRelease(SignedClient(client, *who)) for client in clients]


def wait_for(town: RealCommunity, vault: Vault, what: Callable[[Recovered], bool]) -> Recovered:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = collect(vault, town.card, links(town, vault))
        if what(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.3)


def approve(town: RealCommunity, file: Path, index: int) -> None:
    state = str(town.folders.state)
    assert run(["keyholder", "approve-recovery", str(file), "--index", str(index), "--yes", "--state", state]) == 0


def test_a_lost_key_is_replaced_by_two_processes_while_the_third_is_away(town: RealCommunity, tmp_path: Path) -> None:
    resident = town.residents[3]
    home, window = resident.party.home, day_window(DAY, 900)
    readings = replace(demo.load(len(town.residents), window).readings, meters=town.bank.pids)
    town.measure(readings)
    town.settle()
    town.stop_keyholder(2)
    file = tmp_path / "request"
    file.write_bytes(pack_signed(make_request(tmp_path / "vault", town.card.community, home, 1.0, "x25519")))
    vault = Vault(tmp_path / "vault")

    approve(town, file, 0)
    town.stop_keyholder(1)
    approve(town, file, 1)  # waits in its folder until it runs again
    found = collect(vault, town.card, links(town, vault))
    assert found.took_over == ()
    town.start_keyholder(1)
    found = wait_for(town, vault, lambda found: found.took_over == (0, 1))
    assert found.released == (0, 1)
    town.stop_keyholder(0)
    assert collect(vault, town.card, links(town, vault)).took_over == (1,)
    town.start_keyholder(0)
    town.start_keyholder(2)
    found = wait_for(town, vault, lambda found: found.took_over == (0, 1, 2))
    assert found.released == (0, 1), "who did not approve releases no day"
    assert not list(town.folders.keyholder(1).glob("approve-recovery.*"))

    desk = OwnDesk(town.platform, town.periods)
    desk.recover(home, found.proof)
    parts = HomeParts(
        town.card, vault, open_vault(tmp_path / "vault.db", town.clock), town.clock, OwnPlatform(desk, home), []
    )
    opened = Home(parts).readings(window)
    row = town.residents.index(resident)
    assert np.array_equal(opened.imported_wh[0], readings.imported_wh[row])

    lost = town.household_keys[home]
    for index in range(3):
        header = authorization(lost, town.card.community, home, ("GET", "/v1/ledger", b""), time.time())
        answer = httpx.get(town.url(index) + "/v1/ledger", headers={"Authorization": header}, trust_env=False)
        assert answer.status_code == 422, "the old key is a stranger's"
        with pytest.raises(QuietgridError):
            HttpRelease(
                SignedClient(httpx.Client(base_url=town.url(index), trust_env=False), lost, town.card.community, home)
            ).release()

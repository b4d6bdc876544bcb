"""Governance and Assets over a real chain: what the pages and the API say live, and while the node is away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.runtime.chain_at import ChainFolder, chain_at, story, treasury
from quietgrid.runtime.onchain import ChainWorker, OnChain
from tests.api.town import Town
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]


@pytest.fixture
def onchain(town: Town, anvil: Anvil, tmp_path: Path) -> Iterator[OnChain]:  # noqa: F811
    """The town with a chain of its own, on which the demo's story has begun; afterwards it has none again."""
    services, folder = town.app.state.services, ChainFolder(tmp_path / "state")
    found = chain_at(folder, anvil.url, services.store)
    found.node.ask("evm_increaseTime", 2)  # who proposes must have had GRID a second ago
    found.node.ask("evm_mine")
    while story(folder, services.store, treasury(folder, found.node, found.addresses)).step():
        pass
    worker = ChainWorker(lambda: pytest.fail("nobody starts it"), lambda _said: None)
    worker.chain, services.chain = found, worker
    found.step()
    yield found
    services.chain = None
    with services.store.begin() as tx:
        tx.chain.rewind(0)


def test_pages_and_api(town: Town, onchain: OnChain, anvil: Anvil) -> None:  # noqa: F811
    client = town.client("auditor")
    said = client.get("/api/v1/governance").json()
    assert said["state"] == "live"
    assert said["proposals"][0]["effects"] == ["publish budget 6 → 5 epsilon a home and year"]
    numbers = {one["key"]: one for one in said["parameters"]}
    assert (numbers["publish-budget"]["value"], numbers["publish-budget"]["running"]) == (6, 6)
    assert numbers["retain-days"]["running"] is None
    assert client.get("/api/v1/governance/1").json() == said["proposals"][0]
    assert client.get("/api/v1/governance/2").status_code == 404
    (asset,) = client.get("/api/v1/assets").json()["assets"]
    assert {one["holder"]: one["shares"] for one in asset["holders"]} == {f"member-{n}": 200 for n in range(5)}
    assert client.get("/api/v1/assets/1").json() == asset
    assert "publish budget 6 → 5" in page(client, "/governance")
    assert "its shareholders" in page(client, "/assets")

    anvil.stop()
    onchain.step()
    for path in ("/governance", "/assets"):
        assert "node cannot be reached" in page(client, path)
    away = client.get("/api/v1/governance").json()
    assert (away["state"], away["proposals"][0]["state"]) == ("away", "unknown")
    (asset,) = client.get("/api/v1/assets").json()["assets"]
    assert {one["due_micro"] for one in asset["holders"]} == {None}


def page(client: TestClient, path: str) -> str:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return answer.text

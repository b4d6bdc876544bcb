"""The demo, end to end, with the platform's database in PostgreSQL: replay, pages, a stop, going on, the bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks.cluster import Cluster
from quietgrid.lab.up import people_links, supervise
from quietgrid.model.question import Quantity
from quietgrid.model.readings import EXPORT, IMPORT
from quietgrid.runtime.platform import Platform
from tests.scenarios.processes.aftermath import Truth, check_bundle
from tests.scenarios.processes.small import Small
from tests.store.conftest import cluster

__all__ = ["cluster"]
pytestmark = pytest.mark.slow
DAYS, START_S = 2, 600.0
PAGES = {
    "Ana, utility analyst": ("/mdms/aggregates", "/mdms/quality", "/mdms/billing", "/mdms/roles", "/account"),
    "Aud, auditor": ("/", "/audit", "/audit?kind=log", "/audit?kind=refused&text=home", "/audit/proofs"),
}


@pytest.fixture
def small(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """A demo whose processes find the address of a database of their own in the environment."""
    monkeypatch.setenv("QUIETGRID_DATABASE", cluster.database("demo"))
    made = Small(tmp_path, DAYS)
    yield made
    made.stop()


def test_the_demo_on_postgresql(small: Small, tmp_path: Path) -> None:
    links = dict(people_links(small.demo, small.ports).people)
    small.supervisor.start()
    small.wait_phase("live", START_S)
    for who, pages in PAGES.items():
        with httpx.Client(trust_env=False, follow_redirects=True, timeout=120) as client:
            assert client.get(links[who]).status_code == 200
            for page in pages:
                answer = client.get(f"http://localhost:{small.ports.platform}{page}")
                assert answer.status_code == 200, f"{page}: {answer.text[-500:]} {small.logs()}"
    small.stop()
    small.supervisor = supervise(small.state, small.ports, 0.3)
    small.supervisor.start()
    small.wait_phase("live", START_S)  # it goes on where it stopped
    small.stop()
    assert not list((small.state / "platform").glob("*.db*")), "nothing of the platform is kept in SQLite"
    platform = small.open_platform()
    try:
        truth = Truth(small, platform)
        assert len(truth.window) >= DAYS * 96
        assert totals_are_plain_sums(truth, platform) > DAYS * 96
        check_bundle(truth, tmp_path / "bundle.zip")
    finally:
        platform.close()


def totals_are_plain_sums(truth: Truth, platform: Platform) -> int:
    """Every opened total beside the sum of the readings that its close counts; how many."""
    names, numbers = truth.members.leaf_names, 0
    with platform.parts.store.read() as tx:
        totals = [(n, q, tx.totals.total(n, q, truth.window)) for n, q in tx.totals.nodes() if n in names]
    for node, quantity, total in totals:
        on = truth.closed & (truth.members.leaves == names.index(node))[:, None]
        used, sold = (np.where(on, truth.wh[register], 0).sum(axis=0) for register in (IMPORT, EXPORT))
        plain = {Quantity.IMPORT: used, Quantity.EXPORT: sold, Quantity.NET: used - sold}[quantity]
        assert np.array_equal(total.energy_wh[total.answered], plain[total.answered]), f"{node}, {quantity}"
        numbers += int(total.answered.sum())
    return numbers

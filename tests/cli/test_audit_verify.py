"""`quietgrid audit verify`: log, chain and bundle in one go, and a log that was written anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.cli.entry import run
from quietgrid.runtime.anchoring import LOG
from quietgrid.runtime.audit import export_bundle
from quietgrid.runtime.chain_at import ChainFolder, chain_at
from quietgrid.runtime.founding import Folders, platform_database
from quietgrid.runtime.onchain import OnChain
from quietgrid.store.anchors import AnchorRow
from quietgrid.store.log import START, _canonical, _chain
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)
from tests.runtime.hamlet import Hamlet, days

Said = Callable[..., dict[str, object]]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Hamlet]:
    """A day of 20 homes, and its bundle."""
    made = Hamlet(tmp_path / "state")
    made.community.measure(made.readings(days(0, 1)))
    made.community.settle()
    export_bundle(made.platform, tmp_path / "bundle.zip")
    yield made
    made.close()


@pytest.fixture
def said(town: Hamlet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*words: str, code: int = 0) -> dict[str, object]:
        capsys.readouterr()
        assert run(["audit", "verify", *words, "--state", str(tmp_path / "state"), "--json"]) == code
        out = capsys.readouterr().out
        found: dict[str, object] = json.loads(out) if out else {}
        return found

    return call


def rewrite(town: Hamlet, tmp_path: Path, *, chained: bool) -> None:
    """Change the first line of the log; and, if told, everything that follows from it."""
    engine = sa.create_engine(f"sqlite:///{platform_database(Folders(tmp_path / 'state'), '')}")
    with engine.begin() as db:
        db.execute(sa.text("update log set actor = 'somebody else' where seq = 1"))
        head = START
        for row in db.execute(sa.text("select * from log order by seq")).all() if chained else []:
            detail = _canonical(json.loads(row.detail))
            head = _chain(head, (row.seq, row.at, row.actor, row.action, row.subject, detail))
            db.execute(sa.text("update log set hash = :hash where seq = :seq"), {"hash": head, "seq": row.seq})
    engine.dispose()


def test_without_a_chain(town: Hamlet, said: Said, tmp_path: Path) -> None:
    bundle = str(tmp_path / "bundle.zip")
    found = said(bundle, "--offline")
    assert found["holds"] is True
    assert found["notes"] == ["not compared with a chain: no node was named"]
    assert found["checked"]["answers (totals)"] == 1  # type: ignore[index]
    assert said("--offline")["holds"] is True
    assert said(str(tmp_path / "none.zip"), "--offline", code=2) == {}
    rewrite(town, tmp_path, chained=False)
    assert said("--offline", code=6)["holds"] is False


@pytest.mark.slow
@pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)")
def test_a_log_that_was_written_anew_does_not_fit_the_chain(
    town: Hamlet,
    said: Said,
    tmp_path: Path,
    anvil: Anvil,  # noqa: F811
) -> None:
    onchain = chain_at(ChainFolder(tmp_path / "state" / "chain"), anvil.url, town.store)
    anchor(town, onchain)
    rpc = ["--rpc", anvil.url]
    export_bundle(town.platform, tmp_path / "bundle.zip")
    found = said(str(tmp_path / "bundle.zip"), *rpc)
    assert found["checked"]["log heads on chain"] == 1  # type: ignore[index]
    found = said(*rpc)
    assert (found["holds"], found["checked"]["roots on chain"]) == (True, 1)  # type: ignore[index]
    rewrite(town, tmp_path, chained=True)
    assert said("--offline")["holds"] is True, "by itself it looks whole"
    found = said(*rpc, code=6)
    assert "is not what was anchored" in found["problems"][0]  # type: ignore[index]
    export_bundle(town.platform, tmp_path / "anew.zip")
    assert "is not what was anchored" in said(str(tmp_path / "anew.zip"), *rpc, code=6)["problems"][0]  # type: ignore[index]


def anchor(town: Hamlet, onchain: OnChain) -> None:
    """The log's head, as at the end of a day."""
    with town.store.begin() as tx:
        lines, head = tx.log.head()
        rows = [AnchorRow(17_000, LOG, head, lines)]
        tx.anchors.put(rows)
    onchain.anchor("roots 17000", 17_000, rows)
    for _ in range(4):
        onchain.step()
    onchain.node.ask("evm_mine")
    onchain.step()

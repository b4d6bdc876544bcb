"""A home loses vault and backup in the middle of a period, and gets back in: history, new meter, ledger, bill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quietgrid import demo
from quietgrid.crypto.public.envelope import Signed, decode
from quietgrid.errors import ConflictError, InputError, RefusedError, VerificationError
from quietgrid.homeweb import privacy
from quietgrid.homeweb.desk import Desk
from quietgrid.household import Vault, Verdict
from quietgrid.household.recovering import Recovered, collect
from quietgrid.lab.changes import State
from quietgrid.lab.demo_state import prepare
from quietgrid.lab.recovery import load_request, save_backup, save_request
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window, month_window
from quietgrid.runtime.own import OwnDesk
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Adoption, Consent, Enrol
from quietgrid.wire.own import BillScalars
from quietgrid.wire.recovery import open_request
from tests.lab.stage import Stage
from tests.lab.test_changes import quiet_home

HOMES, LOST, END = 30, 6, 39
JUNE = month_window(2016, 6, "Europe/Berlin", 900)


class Holder:
    """`ReleaseLink` straight to a keyholder."""

    def __init__(self, stage: Stage, index: int, home: int) -> None:
        self._keyholder, self._home = stage.keyholders[index], home

    def release(self) -> Signed:
        return self._keyholder.release(self._home)


def approve(stage: Stage, request: Signed, *indexes: int) -> None:
    for index in indexes:
        stage.keyholders[index].approve_recovery(request, 3)
    for _ in range(2):
        for keyholder in stage.keyholders:
            keyholder.hear_recoveries()


def finish(stage: Stage, home: int) -> Recovered:
    vault = Vault(stage.folders.households / str(home))
    found = collect(vault, stage.platform.parts.card, [Holder(stage, index, home) for index in range(3)])
    OwnDesk(stage.platform, stage.periods).recover(home, found.proof)
    return found


@pytest.fixture(scope="module")
def recovered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, int, Vault]]:
    """Lost after six days, recovered by keyholders 1 and 2, a new meter, and on to the bill."""
    folder = tmp_path_factory.mktemp("recovered")
    stage = Stage(folder / "state", HOMES)
    stage.run_days(LOST)
    home = quiet_home(stage)
    place = stage.folders.households / str(home)
    with pytest.raises(ConflictError, match="has the keys"):
        save_request(stage.state, home, folder / "early", 1.0)
    shutil.copytree(place, folder / "stolen")
    shutil.rmtree(place)
    prepare(stage.state, None, 0, GateRules())  # a lost vault keeps nobody from starting

    save_request(stage.state, home, folder / "request", 1.0)
    assert save_request(stage.state, home, folder / "again", 2.0) == load_request(folder / "request")
    approve(stage, load_request(folder / "request"), 1, 2)
    assert finish(stage, home).released == (1, 2)
    stage.stop()
    State(stage.state).replace_meter(home)
    stage.run_days(END)
    yield stage, home, Vault(folder / "stolen")
    stage.stop()


@pytest.mark.slow
def test_everything_opens_again_across_the_loss(recovered: tuple[Stage, int, Vault]) -> None:
    stage, home, _ = recovered
    own = stage.home(home)
    assert len(own.parts.vault.recovered()) == 1
    assert len(own.parts.vault.meters()) == 1
    opened = own.readings(JUNE)
    truth = demo.load(HOMES, JUNE).readings
    assert opened.present.any(axis=0).all(), "no gap between the old meter and the new one"
    assert np.array_equal(opened.imported_wh.sum(axis=0), truth.imported_wh[home - 1])
    assert np.array_equal(opened.exported_wh.sum(axis=0), truth.exported_wh[home - 1])
    (meter,) = own.parts.vault.meters()
    later = own.series(Window((meter.d0 + 1) * 96, (meter.d0 + 2) * 96, 900))
    assert all(part.present.all() == (part.pid == meter.pid) for part in later), "from roots of its own"


@pytest.mark.slow
def test_the_bill_of_the_month_is_checked_from_recovered_and_new_keys(recovered: tuple[Stage, int, Vault]) -> None:
    stage, home, _ = recovered
    own = stage.home(home)
    assert not own.lost(JUNE)
    check = own.verify_bill(own.bill(JUNE.first))
    assert check.verdict is Verdict.HOLDS
    assert check.disputed == []
    assert check.records >= 30
    assert decode(BillScalars, check.proof.body).vectors


@pytest.mark.slow
def test_the_ledgers_say_what_was_done(recovered: tuple[Stage, int, Vault]) -> None:
    stage, home, _ = recovered
    rows = [row for row in stage.home(home).privacy() if row.kind == "recovered"]
    assert [(row.mine, row.keyholders, row.agree) for row in sorted(rows, key=lambda row: row.mine)] == [
        (False, (0, 1, 2), True), (True, (0, 1, 2), True),
    ]  # fmt: skip
    assert all("keyholder 1 and keyholder 2" in row.text for row in rows)
    other = stage.home(home % HOMES + 1).privacy()
    assert [row.mine for row in other if row.kind == "recovered"] == [False], "everybody sees that it happened"
    bills = [row for row in stage.home(home).privacy() if row.mine and row.kind in ("bill", "fact")]
    assert bills, "what was opened about the home since then is readable too"


@pytest.mark.slow
def test_the_pages_show_it(recovered: tuple[Stage, int, Vault]) -> None:
    stage, home, _ = recovered
    desk = Desk(stage.home(home))
    truth = demo.load(HOMES, JUNE).readings
    own = desk.own(JUNE)
    assert own.present.all(), "the day of the change is no gap"
    assert own.import_wh == int(truth.imported_wh[home - 1].sum())
    rows = desk.privacy()
    entry = next(e for e in privacy.own_entries(desk, rows) if e["rule"] == "recovery")
    assert (entry["number"], entry["value"]) == ("day keys", None)
    assert "keyholder 1 and keyholder 2" in entry["why"]
    assert privacy.detail(desk, entry["hash"])["text"].startswith("Your household's key was replaced")
    elsewhere = Desk(stage.home(home % HOMES + 1)).privacy()
    (sentence,) = privacy.replaced(elsewhere, "June 2016")
    assert sentence.startswith("In June 2016 one home's household key was replaced")
    assert privacy.replaced([row for row in elsewhere if row.kind != "recovered"], "June 2016") == []


@pytest.mark.slow
def test_the_lost_key_is_a_strangers(recovered: tuple[Stage, int, Vault]) -> None:
    """Whoever finds the old device signs for nobody, and its roots open nothing of the new meter."""
    stage, home, stolen = recovered
    desk = OwnDesk(stage.platform, stage.periods)
    vault = Vault(stage.folders.households / str(home))
    assert desk.household_key(home) == vault.identity.public
    scalars = BillScalars(home, JUNE.first, JUNE.end, 900, [])
    with pytest.raises(VerificationError):
        desk.prove(home, stolen.identity.sign(scalars))
    consent = Consent(stolen.community, home, "event", "reward", "platform", 1e12)
    for keyholder in stage.keyholders:
        (refused,) = keyholder.register([stolen.identity.sign(consent)])
        assert refused is not None
        assert isinstance(error_of(refused), RefusedError)
    new = vault.meters()[0].pid
    assert new not in {meter.pid for meter in stolen.meters()}
    enrolled = next(s for s in State(stage.state).plan.enrolments if decode(Enrol, s.body).pid == new)
    with pytest.raises(VerificationError):
        stolen.take_roots(enrolled)


def test_what_is_no_request(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load_request(tmp_path / "none")
    (tmp_path / "other").write_bytes(b"something else")
    with pytest.raises(VerificationError):
        load_request(tmp_path / "other")
    vault = Vault.create(tmp_path / "v", bytes(16), 4, "x25519")
    with pytest.raises(VerificationError):
        open_request(vault.identity.sign(Adoption(bytes(16), 1, 4, bytes(32))), bytes(16))
    assert save_backup(tmp_path / "v", tmp_path / "b")

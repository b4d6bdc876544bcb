"""Who lied, as the auditor finds it out: three keyholder processes, one with a dishonest body, and the command line."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import uvicorn

from quietgrid import demo
from quietgrid.api import create_app
from quietgrid.cli.entry import run
from quietgrid.client.auditor import AuditorPlatform, signer
from quietgrid.client.keyholders import HttpKeyholder
from quietgrid.crypto.public.envelope import decode, pack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import ForbiddenError, GateRefusal, QuietgridError, UnavailableError, VerificationError
from quietgrid.model.interval import DAY_S, day_window
from quietgrid.model.question import Quantity
from quietgrid.model.total import Status
from quietgrid.runtime.disputes import Disputes
from quietgrid.runtime.founding import identity
from quietgrid.wire.disputes import Finding
from quietgrid.wire.messages import Dispute, PartSum, QuestionMessage, Sums
from quietgrid.wire.request_auth import AUDITOR, authorization
from tests.keyholder.lying import ROW
from tests.keyholder.real import DAY, HOMES, RealCommunity

pytestmark = pytest.mark.slow
Story = tuple[RealCommunity, str]


@contextmanager
def served(town: RealCommunity) -> Iterator[str]:
    """The platform's API on a port of its own."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(town.platform), log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@contextmanager
def community(folder: Path, liar: int, how: str, pair: int) -> Iterator[Story]:
    """One day closed while a keyholder lies about one meter and pair."""
    town = RealCommunity(folder, {liar: (how, str(pair))})
    try:
        town.join()
        town.measure(replace(demo.load(HOMES, day_window(DAY, 900)).readings, meters=town.bank.pids))
        outcomes = town.settle()
        suspects = ((0, 1), (0, 2), (1, 2))[pair]
        assert [(found.suspects, found.pairs) for found in outcomes.liars] == [(suspects, (pair,))]
        with served(town) as url:
            yield town, url
    finally:
        town.close()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with community(tmp_path_factory.mktemp("town"), 1, "mask", 0) as found:
        yield found


def words(story: Story) -> list[str]:
    town, url = story
    said = ["--state", str(town.folders.state), "--platform", url, "--json"]
    for index in range(3):
        said += ["--keyholder", town.url(index)]
    return said


def record_days(town: RealCommunity) -> None:
    """A week later the meters sign their records."""
    town.clock.unix += 8 * DAY_S
    town.platform.records.put(town.bank.day_records(DAY, dict.fromkeys(town.bank.pids.tolist(), ())))


def asked(story: Story, capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, object]:
    capsys.readouterr()
    assert run(["audit", *command, *words(story)]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_auditor_names_the_liar(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    town, _ = story
    listed = asked(story, capsys, "disputes")["disputes"]
    assert isinstance(listed, list)
    assert [(d["kind"], d["components"], d["suspects"], d["finding"]) for d in listed] == [
        ("totals", ["01"], ["keyholder 0", "keyholder 1"], "")
    ]
    name = listed[0]["name"]
    assert run(["audit", "dispute", name, *words(story)]) != 0  # the meter's record of the day is not there yet
    assert "has not signed its record" in capsys.readouterr().err
    record_days(town)
    assert run(["audit", "dispute", name, "--component", "02", *words(story)]) != 0  # nobody contradicts anybody there
    found = asked(story, capsys, "dispute", name)
    assert (found["liar"], found["component"]) == (1, 0)
    assert found["why"] == "its mask is not what its own day key gives"
    assert (found["meter"], found["day"]) == (str(town.residents[ROW].pid), DAY)
    assert asked(story, capsys, "dispute", name) == found  # asked again: the same
    with town.platform.parts.store.read() as tx:
        lines = tx.log.entries(limit=1000, action="dispute.finding")
        assert tx.log.verify()
    assert [(line.actor, line.detail["liar"]) for line in lines] == [("auditor", 1)]
    assert asked(story, capsys, "disputes")["disputes"][0]["finding"].startswith("keyholder 1 lied")  # type: ignore[index]


def test_then_the_answer_opens_from_the_two_others(story: Story) -> None:
    town, _ = story
    window = day_window(DAY, 900)
    readings = demo.load(HOMES, window).readings
    node = town.platform.members(window.first).leaf_names[0]
    with town.platform.parts.store.read() as tx:
        total = tx.totals.total(node, Quantity.IMPORT, window)
    assert total.energy_wh.tolist() == readings.imported_wh.sum(axis=0).tolist()
    assert total.status is Status.PROVISIONAL  # no third confirms it


def test_only_the_auditor_asks_and_only_about_one_component(story: Story) -> None:
    """Whoever holds the auditor's signed dispute and not its key gets nothing; the auditor gets no second component."""
    town, _ = story
    card = town.card
    auditor = identity(town.folders.state / "auditor")
    with town.platform.parts.store.read() as tx:
        digest = bytes.fromhex(next(iter(tx.documents.all("withheld"))))
    evidence = Disputes(town.platform.parts).evidence(digest.hex())
    question = decode(QuestionMessage, evidence.question.body)
    proofs = [pack_signed(evidence.sums[0]), pack_signed(evidence.sums[1])]
    whole = Dispute(card.community, pack_signed(evidence.question), 0, 0, 0, HOMES, proofs, b"")
    good = auditor.sign(whole)
    door = HttpKeyholder(0, town.url(0), sign=signer(auditor, card.community))
    assert open_signed(door.dispute(good), PartSum, card.keyholder_pks[0]).cells == HOMES

    def household(method: str, target: str, body: bytes) -> str:
        return authorization(town.household_keys[7], card.community, 7, (method, target, body), time.time())

    for sign in (None, signer(identity(town.folders.platform), card.community), household):
        with pytest.raises((VerificationError, ForbiddenError, QuietgridError)) as refused:
            HttpKeyholder(0, town.url(0), sign=sign).dispute(good)
        assert not isinstance(refused.value, UnavailableError)
    with pytest.raises(GateRefusal, match="more than one cell"):
        door.dispute(auditor.sign(msgspec.structs.replace(whole, first=3, end=9)))
    liar = identity(town.folders.keyholder(2))  # keyholder 2, too, signs a lie, so that its component with 0 differs
    honest = open_signed(evidence.sums[2], Sums, card.keyholder_pks[2])
    components = [bytes(len(honest.components[0])), honest.components[1]]
    lied = liar.sign(msgspec.structs.replace(honest, components=components))
    second = [pack_signed(evidence.sums[0]), pack_signed(lied)]
    with pytest.raises(GateRefusal, match="another component"):
        door.dispute(auditor.sign(msgspec.structs.replace(whole, pair=1, proofs=second)))
    assert question.node


def test_a_finding_is_the_auditors_and_about_a_suspect(story: Story) -> None:
    town, url = story
    auditor, card = identity(town.folders.state / "auditor"), town.card
    with town.platform.parts.store.read() as tx:
        digest = bytes.fromhex(next(iter(tx.documents.all("withheld"))))
    finding = Finding(card.community, digest, 0, 0, 0, 0, 0, "somebody else", 0.0)
    platform = AuditorPlatform(url, signer(auditor, card.community))
    with pytest.raises(QuietgridError):
        platform.report(Identity.generate().sign(finding))
    with pytest.raises(VerificationError, match="nobody suspect"):
        platform.report(auditor.sign(msgspec.structs.replace(finding, liar=2)))
    with pytest.raises(QuietgridError):
        platform.report(auditor.sign(finding))  # another was named before
    stranger = AuditorPlatform(url, signer(Identity.generate(), card.community))
    with pytest.raises(QuietgridError):
        stranger.disputes()
    assert AUDITOR == -1


@pytest.mark.parametrize(("liar", "pair"), [(2, 2), (0, 1)])
def test_a_wrong_key_is_named_too(tmp_path: Path, capsys: pytest.CaptureFixture[str], liar: int, pair: int) -> None:
    with community(tmp_path, liar, "key", pair) as story:
        record_days(story[0])
        listed = asked(story, capsys, "disputes")["disputes"]
        found = asked(story, capsys, "dispute", listed[0]["name"])  # type: ignore[index]
    assert (found["liar"], found["why"]) == (liar, "its day key is not the one the meter signed for")

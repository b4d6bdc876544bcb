"""The audit bundle: exported from a running community, verified offline, every tampering found."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid import demo
from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import SourceError
from quietgrid.lab import Community, Resident
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import Window
from quietgrid.model.party import Party, PartyKind
from quietgrid.runtime.audit import Bundle, export_bundle
from quietgrid.runtime.replay import verify_bundle

HOMES = 30


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days of 30 homes, one meter silent for an hour."""
    folder = tmp_path_factory.mktemp("audit")
    first = demo.replay_window().first
    window = Window(first, first + 2 * 96, 900)
    sample = demo.load(HOMES, window)
    parties = [Party(h.number, h.name, PartyKind(h.kind), h.feeder, h.connection_w, h.tariff) for h in sample.homes]
    residents = [Resident(p, 500 + p.home, h.registers) for p, h in zip(parties, sample.homes, strict=True)]
    community = Community(folder / "state", residents, Window(first, first + 40 * 96, 900), rules=GateRules())
    community.join()
    readings = replace(sample.readings, meters=np.array([r.pid for r in residents], np.uint64))
    present = readings.present.copy()
    present[3, 100:104] = False
    readings = replace(
        readings,
        present=present,
        imported_wh=np.where(present, readings.imported_wh, 0),
        exported_wh=np.where(present, readings.exported_wh, 0),
    )
    for day, a, b in window.by_day():
        community.measure(readings.cut(Window(day * 96 + a, day * 96 + b, 900)))
        community.settle()
    path = folder / "bundle.zip"
    size = export_bundle(community.platform, path)
    assert size == path.stat().st_size
    community.close()
    return path


def test_an_honest_bundle_verifies(bundle: Path) -> None:
    report = verify_bundle(bundle)
    assert report.problems == []
    assert report.checked["answers (totals)"] >= 4
    assert report.checked["votes"] >= 9
    assert report.holds


def test_only_the_owner_can_read_it(bundle: Path) -> None:
    assert bundle.stat().st_mode & 0o077 == 0


def _rewrite(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def _head(change: Callable[[Bundle], Bundle]) -> Callable[[str, bytes], bytes]:
    def apply(name: str, data: bytes) -> bytes:
        if name != "bundle.msgpack":
            return data
        return msgspec.msgpack.encode(change(msgspec.msgpack.decode(data, type=Bundle)))

    return apply


def test_a_changed_ciphertext_is_found(bundle: Path, tmp_path: Path) -> None:
    def flip(name: str, data: bytes) -> bytes:
        if not name.startswith("sealed/") or not name.endswith("-0.msgpack"):
            return data
        changed = bytearray(data)
        changed[200] ^= 1
        return bytes(changed)

    report = verify_bundle(_rewrite(bundle, tmp_path / "b.zip", flip))
    assert any("answer" in problem for problem in report.problems)


def test_a_changed_answer_is_found(bundle: Path, tmp_path: Path) -> None:
    def more(head: Bundle) -> Bundle:
        first = head.answers[0]
        values = np.frombuffer(first.answer, "<i8").copy()
        values[0] += 1
        changed = msgspec.structs.replace(first, answer=values.tobytes())
        return msgspec.structs.replace(head, answers=[changed, *head.answers[1:]])

    report = verify_bundle(_rewrite(bundle, tmp_path / "b.zip", _head(more)))
    assert len(report.problems) == 1
    assert "not what the sums give" in report.problems[0]


def test_a_missing_vote_is_found(bundle: Path, tmp_path: Path) -> None:
    def fewer(head: Bundle) -> Bundle:
        subject = head.closes[0].hash()
        votes = [v for v in head.votes if subject not in v.body]
        return msgspec.structs.replace(head, votes=votes)

    report = verify_bundle(_rewrite(bundle, tmp_path / "b.zip", _head(fewer)))
    assert any("fewer than two keyholders voted" in problem for problem in report.problems)


def test_a_forged_close_is_found(bundle: Path, tmp_path: Path) -> None:
    def forge(head: Bundle) -> Bundle:
        old = head.closes[0]
        body = bytearray(old.body)
        body[-3] ^= 1
        forged = Signed(old.name, bytes(body), old.signer, old.signature)
        return msgspec.structs.replace(head, closes=[forged, *head.closes[1:]])

    report = verify_bundle(_rewrite(bundle, tmp_path / "b.zip", _head(forge)))
    assert report.problems


def test_a_changed_log_line_is_found(bundle: Path, tmp_path: Path) -> None:
    def blur(name: str, data: bytes) -> bytes:
        if name != "log.msgpack":
            return data
        lines = msgspec.msgpack.decode(data)
        lines[0]["actor"] = "nobody"
        return msgspec.msgpack.encode(lines)

    report = verify_bundle(_rewrite(bundle, tmp_path / "b.zip", blur))
    assert [p for p in report.problems if p.startswith("log lines")]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    with pytest.raises(SourceError, match="not an audit bundle"):
        verify_bundle(tmp_path / "x.zip")


def test_a_close_that_is_being_voted_on_is_no_problem(tmp_path: Path) -> None:
    """Exported while the platform has signed a close and nobody has voted yet: what counts so far holds."""
    first = demo.replay_window().first
    sample = demo.load(HOMES, Window(first, first + 8, 900))
    parties = [Party(h.number, h.name, PartyKind(h.kind), h.feeder, h.connection_w, h.tariff) for h in sample.homes]
    residents = [Resident(p, 500 + p.home, h.registers) for p, h in zip(parties, sample.homes, strict=True)]
    community = Community(tmp_path / "state", residents, Window(first, first + 40 * 96, 900), rules=GateRules())
    try:
        community.join()
        community.measure(replace(sample.readings, meters=np.array([r.pid for r in residents], np.uint64)))
        for index in range(3):
            community.stop_keyholder(index)
        community.settle()
        with community.platform.parts.store.read() as tx:
            assert len(tx.answers.all_closes()) > 0
        export_bundle(community.platform, tmp_path / "bundle.zip")
    finally:
        community.keyholders.clear()
        community.close()
    report = verify_bundle(tmp_path / "bundle.zip")
    assert report.problems == []
    assert "closes" not in report.checked


def test_a_bundle_says_its_floor_and_a_lower_one_is_found(bundle: Path, tmp_path: Path) -> None:
    def lower(head: Bundle) -> Bundle:
        assert head.floor == GateRules().k
        return msgspec.structs.replace(head, floor=3)

    report = verify_bundle(_rewrite(bundle, tmp_path / "b.zip", _head(lower)))
    assert any("below the protocol's" in problem for problem in report.problems)

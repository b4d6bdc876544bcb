"""`quietgrid verify`: honest papers hold, and whatever is changed in them is found."""

from __future__ import annotations

import json
import zipfile
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quietgrid import demo
from quietgrid.cli.entry import run
from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.sealing import X25519
from quietgrid.crypto.public.signatures import Identity
from quietgrid.lab import Community
from quietgrid.model.interval import Window, day_window
from quietgrid.runtime.audit import Bundle, export_bundle
from quietgrid.runtime.founding import Folders, found, identity
from quietgrid.wire.columns import book_message
from quietgrid.wire.messages import Adoption, Certificate, CommunityCard, Endorsement, Enrol, Members
from quietgrid.wire.own import BandScalar, BillScalars
from quietgrid.wire.vouching import MemberRow, Vouching, member_root, vouch
from tests.billing.test_proof import PID, march, proof
from tests.keyholder.real import DAY, HOMES, residents


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audit bundle of one day of 30 homes."""
    folder = tmp_path_factory.mktemp("bundle")
    window = Window(day_window(DAY, 900).first, day_window(DAY + 30, 900).first, 900)
    town = Community(folder / "state", residents(window), window)
    try:
        town.join()
        town.measure(replace(demo.load(HOMES, day_window(DAY, 900)).readings, meters=town.bank.pids))
        town.settle()
        export_bundle(town.platform, folder / "bundle.zip")
    finally:
        town.close()
    return folder / "bundle.zip"


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    assert run([*words, "--json"]) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == (1 if code else 0)
    return json.loads(out) if out else {}


def test_a_bundle_holds(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "verify", "bundle", str(bundle))
    assert out["holds"] is True
    assert out["problems"] == []
    assert {"answers (totals)", "closes", "votes", "member lists", "log lines"} <= set(out["checked"])  # type: ignore[call-overload]
    assert run(["verify", "bundle", str(bundle)]) == 0
    assert "answers (totals)" in capsys.readouterr().out


def test_the_log_and_single_answers_hold(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = said(capsys, "verify", "log", str(bundle))
    assert int(str(log["lines"])) > 0
    assert len(bytes.fromhex(str(log["head"]))) == 32
    head = msgspec.msgpack.decode(zipfile.ZipFile(bundle).read("bundle.msgpack"), type=Bundle)
    one = head.answers[0].question.hash().hex()
    out = said(capsys, "verify", "answer", str(bundle), "--question", one[:12])
    assert out["checked"]["answers (totals)"] == 1  # type: ignore[index]
    assert said(capsys, "verify", "answer", str(bundle), "--question", "zz", code=3) == {}


def test_what_is_changed_is_found(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def changed(name: str, change: Callable[[bytes], bytes]) -> str:
        target = tmp_path / "changed.zip"
        with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(target, "w") as new:
            for entry in old.namelist():
                data = old.read(entry)
                new.writestr(entry, change(data) if entry == name else data)
        return str(target)

    def other_answer(data: bytes) -> bytes:
        head = msgspec.msgpack.decode(data, type=Bundle)
        first = head.answers[0]
        values = np.frombuffer(first.answer, "<i8").copy()
        values[40] += 1
        answers = [msgspec.structs.replace(first, answer=values.tobytes()), *head.answers[1:]]
        return msgspec.msgpack.encode(msgspec.structs.replace(head, answers=answers))

    file = changed("bundle.msgpack", other_answer)
    for command in ("bundle", "answer"):
        out = said(capsys, "verify", command, file, code=6)
        assert out["holds"] is False
        assert len(out["problems"]) == 1  # type: ignore[arg-type]

    def other_line(data: bytes) -> bytes:
        lines = msgspec.msgpack.decode(data)
        lines[0]["subject"] = "somebody else"
        return msgspec.msgpack.encode(lines)

    file = changed("log.msgpack", other_line)
    assert said(capsys, "verify", "log", file, code=6) == {}
    assert said(capsys, "verify", "bundle", file, code=6)["holds"] is False


# -- bills -------------------------------------------------------------------------------------------------------------

METER, HOUSEHOLD, MAKER = (Identity.from_seed(bytes([n]) * 32) for n in (1, 2, 3))


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommunityCard:
    monkeypatch.chdir(tmp_path)
    return found(Folders(Path("state")), "Bills", "Europe/Berlin", 900, "EUR", X25519)


def enrolment(card: CommunityCard, home: int, maker: Identity | None = None, pid: int = PID) -> Enrol:
    certificate = (maker or identity(Path("state/maker"))).sign(Certificate(METER.public, 3, 9000))
    adoption = HOUSEHOLD.sign(Adoption(card.community, pid, home, METER.public))
    return Enrol(
        card.community, pid, home, METER.public, HOUSEHOLD.public, b"", 0, 3, [], [bytes(1200)] * 5,
        pack_signed(certificate), pack_signed(adoption), card.fingerprint(),
    )  # fmt: skip


def vouching(card: CommunityCard, home: int, *, signers: tuple[int, ...] = (0, 2), **changed: object) -> Vouching:
    """What vouches for the meter: an enrolment, a list of three meters, the words of some keyholders."""
    enrol = changed.pop("enrol", None) or enrolment(card, home)
    assert isinstance(enrol, Enrol)
    fields: dict[str, object] = {"first": 0, "end": 1 << 40, "registers": 3} | changed
    pids = np.array([enrol.pid, 8, 9], "<u8")
    message = Members(
        card.community, 0, 0, fields["first"], fields["end"], 900, np.array([home, 18, 19], "<u8").tobytes(),  # type: ignore[arg-type]
        pids.tobytes(), bytes(12), bytes([fields["registers"], 1, 1]),  # type: ignore[list-item]
        np.full(3, 9000, "<i8").tobytes(), ["North"], [enrol.thin().hash(), b"8" * 32, b"9" * 32],
    )  # fmt: skip
    keys = [identity(Path(f"state/keyholders/{n}")) for n in range(3)]
    said = [keys[n].sign(Endorsement(n, message.hash(), member_root(message))) for n in signers]
    return vouch([enrol], message, [pack_signed(signed) for signed in said])


def document(card: CommunityCard, **changed: object) -> str:
    """A file with an honest document, but for what is changed."""
    book, bill, records, _ = march()
    released = proof()
    vectors = [BandScalar(v.vector, v.scalar) for v in released.vectors]
    scalars = BillScalars(released.home, released.first, released.end, released.resolution, vectors)
    parts: dict[str, object] = {
        "bill": bill.encode(),
        "book": pack_signed(identity(Path("state/platform")).sign(book_message(book, card.community, 0))),
        "records": [pack_signed(METER.sign(record)) for record in records],
        "scalars": pack_signed(HOUSEHOLD.sign(scalars)),
        "vouching": vouching(card, bill.home).body(),
        "closes": [],
    } | changed

    def text(value: object) -> object:
        if isinstance(value, bytes):
            return b64encode(value).decode()
        return [text(item) for item in value] if isinstance(value, list) else value

    Path("bill.json").write_text(json.dumps({name: text(value) for name, value in parts.items()}))
    return "bill.json"


def proof_of(home: int) -> bytes:
    """The household's scalars, encoded."""
    released = proof()
    vectors = [BandScalar(v.vector, v.scalar) for v in released.vectors]
    return BillScalars(home, released.first, released.end, released.resolution, vectors).body()


def test_a_bill_holds(card: CommunityCard, capsys: pytest.CaptureFixture[str]) -> None:
    _, bill, records, _ = march()
    out = said(capsys, "verify", "bill", document(card))
    assert (out["holds"], out["bands"], out["days"]) == (True, 4, len(records))
    assert out["total_micro"] == bill.total_micro
    assert out["meters"] == {
        str(PID): {
            "key": METER.public.hex(), "maker": identity(Path("state/maker")).public.hex(),
            "household": HOUSEHOLD.public.hex(), "keyholders": [0, 2],
        }
    }  # fmt: skip
    assert out["fingerprint"] == card.fingerprint().hex()

    assert run(["verify", "bill", "bill.json", "--card", "state/community.card"]) == 0
    text = capsys.readouterr().out
    assert "the bill holds: 4 bands" in text
    assert f"meter {PID}: certified by maker" in text
    assert "on a list signed by keyholders 0 and 2" in text


def test_a_bill_that_does_not_hold(card: CommunityCard, capsys: pytest.CaptureFixture[str]) -> None:
    book, bill, records, _ = march()
    one_more = tuple(replace(f, measured=f.measured + 1) if f.vector == "day" else f for f in bill.facts)
    stranger = Identity.generate()
    own = pack_signed(stranger.sign(book_message(book, card.community, 0)))
    two = [pack_signed((METER if n else stranger).sign(record)) for n, record in enumerate(records)]
    wrong: list[tuple[dict[str, object], str]] = [
        ({"bill": replace(bill, facts=one_more).encode()}, "vector 'day'"),
        ({"bill": replace(bill, total_micro=bill.total_micro - 1).encode()}, "add up"),
        ({"book": own}, "signer"),
        ({"records": two}, "another meter"),
        ({"records": [pack_signed(METER.sign(record)) for record in records[:-1]]}, "cells"),
        ({"scalars": pack_signed(stranger.sign(decode(BillScalars, proof_of(bill.home))))}, "another household"),
    ]
    for changed, text in wrong:
        assert run(["verify", "bill", document(card, **changed)]) == 6, text
        assert text in capsys.readouterr().err


def test_what_vouches_is_checked(card: CommunityCard, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever swaps meter, household, maker, list or keyholder, or shows a blob, is found out."""
    _, bill, _, _ = march()
    home, replaced = bill.home, msgspec.structs.replace
    honest, good = enrolment(card, home), vouching(card, home)
    meter = good.meters[0]
    stranger = Identity.generate()
    swapped = replaced(honest, adoption=pack_signed(stranger.sign(Adoption(card.community, PID, home, METER.public))))
    theirs = replaced(swapped, household_pk=stranger.public)
    elsewhere = replaced(honest, adoption=enrolment(card, home + 1).adoption)
    other = Certificate(stranger.public, 3, 9000)
    forged = replaced(honest, certificate=pack_signed(identity(Path("state/maker")).sign(other)))
    alone = vouching(card, home, signers=(1,))
    twice = replaced(alone, endorsements=alone.endorsements * 2)
    one_row = decode(MemberRow, meter.row)
    row = replaced(meter, row=replaced(one_row, registers=1).body())
    words = [Endorsement(n, b"", decode(Endorsement, unpack_signed(good.endorsements[0]).body).root) for n in (0, 1)]
    faked = replaced(good, endorsements=[pack_signed(stranger.sign(word)) for word in words])
    wrong = [
        (Vouching([], []), "nobody vouches"),
        (alone, "two keyholders"),
        (twice, "two keyholders"),
        (faked, "signer"),
        (replaced(good, endorsements=vouching(card, home, registers=1).endorsements), "two keyholders"),
        (replaced(good, meters=[row]), "two keyholders"),
        (replaced(good, meters=[replaced(meter, path=meter.path[:-1])]), "too short"),
        (replaced(good, meters=[replaced(meter, index=7)]), "does not exist"),
        (replaced(good, meters=[replaced(meter, enrolment=honest.body())]), "blobs"),
        (replaced(good, meters=[replaced(meter, enrolment=theirs.thin().body())]), "another enrolment"),
        (vouching(card, home, enrol=swapped), "signer"),
        (vouching(card, home, enrol=theirs), "another household"),
        (vouching(card, home, enrol=elsewhere), "adopted another meter"),
        (vouching(card, home, enrol=enrolment(card, home, MAKER)), "maker"),
        (vouching(card, home, enrol=forged), "certificate"),
        (vouching(card, home, registers=7), "certificate"),
        (vouching(card, home, enrol=enrolment(card, home + 1)), "another home"),
        (vouching(card, home + 1), "another home"),
        (vouching(card, home, enrol=enrolment(card, home, pid=PID + 1)), "nobody vouches"),
        (vouching(card, home, first=0, end=96), "another time"),
    ]
    for changed, text in wrong:
        assert run(["verify", "bill", document(card, vouching=changed.body())]) == 6, text
        assert text in capsys.readouterr().err


def test_no_blob_of_an_enrolment_is_shown(card: CommunityCard) -> None:
    blobs = [bytes([65 + n]) * 1200 for n in range(5)]
    shown = vouching(card, 4, enrol=msgspec.structs.replace(enrolment(card, 4), sealed=blobs)).body()
    assert not any(blob[:40] in shown for blob in blobs)
    assert len(shown) < 1_800


def test_a_bill_that_cannot_be_checked_yet(card: CommunityCard, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "bill", document(card, scalars=None)]) == 7
    assert "has not released" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", "[]", '"x"', '{"bill": 1, "book": "", "records": [], "scalars": null}'])
def test_what_is_no_bill_document(card: CommunityCard, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bill.json").write_text(text)
    assert run(["verify", "bill", "bill.json"]) == 2
    assert "not a bill document" in capsys.readouterr().err
    assert run(["verify", "bill", "nowhere.json"]) == 2

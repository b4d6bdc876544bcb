"""Import, members, config, doctor, keyholder, simulate: what they print and what they leave behind."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import numpy as np
import pytest

from quietgrid.cli.entry import run
from quietgrid.cli.output import table
from quietgrid.crypto.public.sealing import X25519
from quietgrid.demo import Sample
from quietgrid.keyholder.server import Seat
from quietgrid.model.interval import Interval, ManualClock
from quietgrid.runtime.founding import Folders, found, read_card
from quietgrid.runtime.series_file import load_series


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    """Run a command with --json; its object."""
    assert run([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


# -- import ------------------------------------------------------------------------------------------------------------


def write_csv(sample: Sample, path: Path, homes: int = 4, intervals: int = 200) -> np.ndarray:
    """Some of the sample as a wide CSV of kWh; its readings."""
    readings = sample.readings
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["time", *[home.name for home in sample.homes[:homes]]])
        for at in range(intervals):
            start = Interval(readings.window.first + at, 900).start.isoformat()
            rows.writerow([start, *[f"{wh / 1000:.3f}" for wh in readings.imported_wh[:homes, at]]])
    return readings.imported_wh[:homes, :intervals]


def test_import_csv_keeps_what_it_read(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    given = write_csv(sample, Path("homes.csv"))
    out = said(capsys, "import", "csv", "homes.csv", "--unit", "kWh", "--tz", "Europe/Berlin", "--out", "homes.npz")
    assert (out["homes"], out["exporters"], out["resolution"], out["intervals"]) == (4, 0, 900, 200)
    assert out["missing_percent"] == 0
    assert str(out["from"]).startswith("2016-06-01T00:00:00+02:00")
    series = load_series(Path("homes.npz"))
    assert np.array_equal(series.readings.imported_wh, given)
    assert stat.S_IMODE(Path("homes.npz").stat().st_mode) == 0o600


def test_import_without_out_keeps_nothing(sample: Sample, capsys: pytest.CaptureFixture[str]) -> None:
    write_csv(sample, Path("homes.csv"))
    assert run(["import", "csv", "homes.csv", "--unit", "kWh"]) == 0
    assert capsys.readouterr().out.startswith("4 homes, 0 of them feed in, 15 minutes\n")
    assert [p.name for p in Path().iterdir()] == ["homes.csv"]


def test_import_refuses_before_it_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", "csv", "no.csv", "--out", "x.csv"]) == 2
    assert "end the name in .npz" in capsys.readouterr().err
    assert run(["import", "csv", "no.csv", "--complete", "101"]) == 2


def test_import_lcl(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = real_data / "lcl_households_2013_30min_kwh.csv.gz"
    out = said(capsys, "import", "lcl", str(file), "--complete", "99", "--out", "lcl.npz")
    assert (out["homes"], out["resolution"], out["intervals"], out["tz"]) == (90, 1800, 17520, "Europe/London")
    assert len(load_series(Path("lcl.npz")).names) == 90


# -- members -----------------------------------------------------------------------------------------------------------

HEAD = "name,kind,feeder,connection_kw,tariff,meter serial,registers\n"


def test_members_preview_names_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"Home {n},residential,Lane,10,flat,S{n},import" for n in range(16)]
    Path("good.csv").write_text(HEAD + "\n".join(rows) + "\n")
    out = said(capsys, "members", "preview", "good.csv")
    assert (out["members"], out["problems"]) == (16, [])
    assert run(["members", "preview", "good.csv"]) == 0
    assert "Lane" in capsys.readouterr().out

    rows += ["Home 16,castle,Lane,10,flat,S16,import", "Home 17,residential,Lane,-3,moon,S3,import"]
    Path("bad.csv").write_text(HEAD + "\n".join(rows) + "\n")
    assert run(["members", "preview", "bad.csv", "--tariff", "flat", "--json"]) == 2
    text, error = capsys.readouterr()
    problems = json.loads(text)["problems"]
    assert [(p["line"], p["column"]) for p in problems] == [
        (18, "kind"), (19, "tariff"), (19, "connection_kw"), (19, "meter serial"),
    ]  # fmt: skip
    assert error == "error: 4 problems – bad.csv – correct these lines; nothing was imported\n"


# -- config and doctor -------------------------------------------------------------------------------------------------


def test_config_shows_where_values_come_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("quietgrid.toml").write_text('port = 9000\ndatabase = "postgresql://a:hush@b/c"\n')
    monkeypatch.setenv("QUIETGRID_HOMES", "30")
    out = said(capsys, "config", "--show")
    assert out["port"] == {"value": 9000, "from": "quietgrid.toml:1"}
    assert out["homes"] == {"value": 30, "from": "QUIETGRID_HOMES"}
    assert "hush" not in json.dumps(out)
    assert run(["config"]) == 0
    text = capsys.readouterr().out
    assert "port = 9000  # quietgrid.toml:1\n" in text
    assert "hush" not in text


def test_doctor_looks_at_everything(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIETGRID_PORT", "0")
    monkeypatch.setenv("QUIETGRID_HOUSEHOLD_PORT", "0")
    out = said(capsys, "doctor")
    assert out["ok"] is True
    findings = {f["what"]: f for f in out["findings"]}  # type: ignore[attr-defined]
    parts = {
        "Python",
        "Masks",
        "OpenSSL",
        "SQLite",
        "PostgreSQL",
        "Node",
        "Chromium",
        "Chain",
        "Encrypted numbers",
        "Disk",
    }
    assert parts == set(findings)
    assert "write-ahead log" in findings["SQLite"]["found"]
    assert not list(Path().iterdir())


def test_doctor_says_what_is_wrong(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quietgrid.cli.doctor.NEEDED_BYTES", 1 << 62)
    monkeypatch.setenv("PATH", "")
    assert run(["doctor"]) == 2
    text, error = capsys.readouterr()
    lines = {line.split()[1]: line for line in text.splitlines()}
    assert lines["Disk"].startswith("wrong")
    assert "free at least 1 GB" in lines["Disk"]
    assert lines["Node"].startswith("note")
    assert error == "error: 1 things are missing – Disk – see the lines above\n"


# -- keyholder ---------------------------------------------------------------------------------------------------------


def test_keyholder_init_prints_public_halves_only(capsys: pytest.CaptureFixture[str]) -> None:
    first = said(capsys, "keyholder", "init", "kh")
    assert said(capsys, "keyholder", "init", "kh") == first
    assert len(bytes.fromhex(str(first["signing"]))) == 32
    for name in ("identity.key", "sealing.key"):
        secret = Path("kh", name).read_bytes()
        assert stat.S_IMODE(Path("kh", name).stat().st_mode) == 0o600
        assert secret.hex() not in json.dumps(first)


def test_keyholder_rotate_replaces_the_sealing_key(capsys: pytest.CaptureFixture[str]) -> None:
    folders = Folders(Path("state"))
    before = found(folders, "Rotating", "Europe/Berlin", 900, "EUR", X25519)
    folder = folders.keyholder(1)
    old = (folder / "sealing.key").read_bytes()
    kept = [p.read_bytes() for i in (0, 2) for p in sorted(folders.keyholder(i).iterdir())]

    out = said(capsys, "keyholder", "rotate", "1")
    after = read_card(folders.card)
    assert out["fingerprint"] == after.fingerprint().hex() != before.fingerprint().hex() == out["before"]
    assert after.keyholder_kems[1] != before.keyholder_kems[1]
    assert after.keyholder_kems[1][0] == before.keyholder_kems[1][0]
    assert [after.keyholder_kems[i] for i in (0, 2)] == [before.keyholder_kems[i] for i in (0, 2)]
    assert after.keyholder_pks == before.keyholder_pks
    assert not any(old == p.read_bytes() for p in folder.rglob("*") if p.is_file())
    assert [p.read_bytes() for i in (0, 2) for p in sorted(folders.keyholder(i).iterdir())] == kept
    assert found(folders, "Rotating", "Europe/Berlin", 900, "EUR", X25519) == after

    keyholder = Seat(folder, after, 1, clock=ManualClock(0.0)).open()
    try:
        assert run(["keyholder", "rotate", "1"]) == 5  # it is running
        assert read_card(folders.card) == after
    finally:
        keyholder.parts.store.close()
        keyholder.parts.keys.close()
    assert run(["keyholder", "rotate", "3"]) == 2


@pytest.mark.parametrize(
    ("peers", "text"),
    [
        ([], "two peers"),
        (["1=http://127.0.0.1:1"], "two peers"),
        (["1=http://127.0.0.1:1", "1=http://127.0.0.1:2"], "two peers"),
        (["0=http://127.0.0.1:1", "1=http://127.0.0.1:2"], "no peer"),
        (["1=ftp://x", "2=http://127.0.0.1:2"], "no peer"),
        (["http://127.0.0.1:1", "2=http://127.0.0.1:2"], "no peer"),
    ],
)
def test_keyholder_serve_needs_both_peers(peers: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    found(Folders(Path("state")), "Peers", "Europe/Berlin", 900, "EUR", X25519)
    words = [word for peer in peers for word in ("--peer", peer)]
    assert run(["keyholder", "serve", "--index", "0", *words]) == 2
    assert text in capsys.readouterr().err


def test_keyholder_serve_needs_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keyholder", "serve", "--index", "0"]) == 2
    assert "no community card" in capsys.readouterr().err


# -- simulate ----------------------------------------------------------------------------------------------------------


def test_simulate_checks_itself(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "simulate", "--homes", "30", "--days", "1", "--missing", "0.02")
    assert out["exact"] is True
    assert (out["homes"], out["days"], out["bills"]) == (30, 1, 0)
    assert out["totals_opened"] == 192
    assert run(["simulate", "--homes", "30", "--days", "1"]) == 0
    assert "192 totals opened and equal the plain sums exactly" in capsys.readouterr().out


def test_simulate_the_classical_chain(capsys: pytest.CaptureFixture[str]) -> None:
    chain = ["simulate", "--suite", "paillier", "--homes", "20", "--resolution", "1800"]
    assert run([*chain, "--key-bits", "2048", "--reader", "hpke"]) == 0
    said = capsys.readouterr().out
    assert "totals opened and equal the plain sums exactly; refused: none" in said
    assert "could open every reading" in said, "what one key means is said where it is used"
    for wrong, what in ((["--late", "0.1"], "late"), (["--key-bits", "1024"], "no size")):
        assert run([*chain, *wrong]) == 2
        assert what in capsys.readouterr().err
    assert run(["simulate", "--suite", "rot13"]) == 2
    assert "rot13" in capsys.readouterr().err


def test_tables_line_up() -> None:
    lines = table(["a", "much"], [["x", 5], ["longer", 123456]])
    assert lines == ["a         much", "x            5", "longer  123456"]
    assert table(["a"], []) == ["a"]

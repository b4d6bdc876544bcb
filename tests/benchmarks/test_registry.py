"""`python -m benchmarks`: the list, the object, the exit status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import masks as masks_benchmark


def test_every_benchmark_is_listed_under_its_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert {"masks", "seal"} <= set(command.registry())
    assert len(listed) == len(command.registry())
    for name, (module, line) in command.registry().items():
        assert module == f"benchmarks.{name}"
        assert line


def test_a_quick_run_prints_the_object_of_the_design(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["masks", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"name", "work", "ours", "peers", "ratios", "bars", "note", "machine", "quick"} == set(found)
    assert found["name"] == "masks"
    assert found["quick"] is True
    assert all({"what", "need", "got", "holds"} == set(line) for line in found["bars"])
    assert command.main(["masks", "--quick"]) == 0
    assert "ratio to openssl one stream" in capsys.readouterr().out


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "no benchmark is called 'nothing'" in capsys.readouterr().err


def test_a_bar_that_fails_fails_the_full_run(monkeypatch: pytest.MonkeyPatch) -> None:
    result: dict[str, Any] = {"name": "masks", "work": "", "ours": {}, "note": ""}
    for holds, status in ((True, 0), (False, 1)):
        line = {"what": "x", "need": 1, "got": 2, "holds": holds}
        monkeypatch.setattr(masks_benchmark, "run", lambda quick, line=line: {**result, "bars": [line]})
        assert command.main(["masks", "--json"]) == status
        assert command.main(["masks", "--json", "--quick"]) == 0


def test_seal_runs_where_its_peer_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("phe", reason="phe is not installed (requirements-bench.txt)")
    assert command.main(["seal", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ratios"]["phe"] > 1_000


def test_paillier_runs_where_its_peer_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("phe", reason="phe is not installed (requirements-bench.txt)")
    assert command.main(["paillier", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ratios"]["phe, encrypt at 3072"] > 5
    assert len(found["bars"]) == 2

"""The entry point: quick help, errors in one line, exit codes, `--json` everywhere."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import cyclopts
import pytest

from quietgrid import __version__
from quietgrid.cli.entry import COMMANDS, main, overview, run
from quietgrid.errors import InputError

PROCESSES = {"platform", "household", "fleet"}
"""Commands that `up` starts; they print nothing."""


def quietgrid(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quietgrid", *words], capture_output=True, text=True, cwd=cwd, check=False, timeout=60
    )


def test_help_loads_next_to_nothing() -> None:
    """What makes it answer at once (`python -m benchmarks waits` times it): of ours the entry and the errors alone."""
    code = (
        "import sys; before = set(sys.modules); from quietgrid.cli.entry import run; run(['--help']); "
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stderr.split()
    assert [name for name in loaded if name.startswith("quietgrid")] == [
        "quietgrid", "quietgrid.cli", "quietgrid.cli.entry", "quietgrid.errors",
    ]  # fmt: skip
    others = {name.partition(".")[0] for name in loaded} - {"quietgrid"}
    assert others <= set(sys.stdlib_module_names), "only the standard library besides"
    assert not others & {"asyncio", "sqlite3", "ssl", "email", "unittest", "multiprocessing", "xml"}


def test_help_names_every_command() -> None:
    text = overview()
    for name, (_, what) in COMMANDS.items():
        assert name in text
        assert what in text
    assert all(len(line) <= 110 for line in text.splitlines())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert run(["version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n{__version__}\n"
    assert run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__


def commands(app: cyclopts.App, path: str) -> list[tuple[str, cyclopts.App]]:
    """Every command that does something."""
    inner = [name for name in app if not name.startswith("-")]
    if not inner:
        return [(path, app)]
    return [found for name in inner for found in commands(app[name], f"{path} {name}")]


def every_command() -> list[str]:
    out = []
    for name, (place, _) in COMMANDS.items():
        module, _, attribute = place.partition(":")
        app = getattr(importlib.import_module(module), attribute or "app")
        out += [path for path, _ in commands(app, name)]
    return out


@pytest.mark.parametrize("path", every_command())
def test_every_command_explains_itself(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*path.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: quietgrid {path}")
    if path.split()[0] not in PROCESSES and path not in ("chain node", "feed report", "plant run", "schedule stations"):
        assert "--json" in text, path


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["membrs"], 2, "there is no such command – membrs – do you mean members?"),
        (["xyz"], 2, "`quietgrid --help` lists them"),
        (["members", "preview"], 2, "quietgrid members"),
        (["version", "--nothing"], 2, "--nothing"),
        (["keyholder", "serve", "--index", "x"], 2, "--index"),
        (["import", "csv", "nowhere.csv"], 2, "nowhere.csv"),
        (["verify", "bundle", "nowhere.zip"], 2, "nowhere.zip"),
    ],
)
def test_errors_are_one_line(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == code
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err


def test_main_exits_with_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["nothing-like-it"])
    assert caught.value.code == InputError.exit_code


def test_nobody_listens() -> None:
    """A reader that goes away, such as `head`, is no error."""
    with subprocess.Popen(
        [sys.executable, "-m", "quietgrid", "config"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0

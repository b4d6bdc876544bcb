"""Style, types and import contracts, so that one pytest run is every check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

PLANTED = {
    "layers": ("algorithms/planted.py", "import quietgrid.store\n"),
    "sideways": ("mdms/planted.py", "import quietgrid.billing\n"),
    "unmask": ("pes/planted.py", "import quietgrid.crypto.secret\n"),
    "indirect unmask": ("runtime/planted.py", "import quietgrid.keyholder.planted_holder\n"),
    "web frameworks": ("mdms/planted.py", "import fastapi\n"),
    "sql": ("mdms/planted.py", "import sqlalchemy\n"),
    "exhaustive": ("utils/__init__.py", ""),
}
BROKEN = {
    "layers": "Import down",
    "sideways": "Import down",
    "unmask": "Only meter, household and keyholder",
    "indirect unmask": "Only meter, household and keyholder",
    "web frameworks": "Web frameworks",
    "sql": "SQL only",
    "exhaustive": "Import down",
}


def run(*command: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports", "--no-logo")],
    ids=["ruff", "format", "mypy", "imports"],
)
def test_check_passes(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 0, "\n" + done.stdout + done.stderr


def broken_contracts(source: Path) -> str:
    """The summary lines of import-linter that say BROKEN, for the copy of the package under `source`."""
    done = run("lint-imports", "--no-cache", cwd=source, PYTHONPATH=str(source / "src"))
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    summary = done.stdout[done.stdout.index("Analyzed") : done.stdout.index("Contracts:")]
    return "\n".join(line for line in summary.replace(" \n", " ").splitlines() if "BROKEN" in line)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str, tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "static", "*.nbi", "*.nbc")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "src" / "quietgrid"
    (package / "keyholder" / "planted_holder.py").write_text("import quietgrid.crypto.secret\n")
    path, text = PLANTED[name]
    (package / path).parent.mkdir(exist_ok=True)
    (package / path).write_text(text)
    assert BROKEN[name] in broken_contracts(tmp_path)

"""Rules about the tree itself: sizes, names, pins, licences."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "quietgrid"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts)
LOCKS = sorted(ROOT.glob("requirements*.lock"))
FORBIDDEN_NAMES = {"utils", "common", "helpers", "manager", "misc"}
# Weak copyleft by file (MPL) and, for tests and the `postgres` extra only, by library (LGPL) may be used unchanged.
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|0BSD|Zlib|CC0|Unlicense|MPL|Mozilla|HPND", re.IGNORECASE
)
LGPL_ALLOWED = {"psycopg", "psycopg-binary"}
# A library of the core: installed unchanged by pip and loaded at run time, so whoever gets Quietgrid can put another
# build in its place, which is what the LGPL asks. Nothing of it is in this tree (docs/decisions/0034).
LGPL_CORE = {"gmpy2"}


def tracked() -> list[Path]:
    """The files of the repository (in a clone: what git tracks; else everything that is not made)."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]
    made = {".venv", "node_modules", "__pycache__", "vendor", "dist", "build"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.parts)]


def texts() -> list[tuple[Path, str]]:
    """Every tracked text file with its content."""
    found = []
    for path in tracked():
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_module_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 600, "a module becomes a folder"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            doc = ast.get_docstring(node, clean=False)
            lines -= doc.count("\n") + 1 if doc else 0
            assert lines <= 60, f"{node.name} is {lines} lines long"


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("__init__.py")), ids=lambda path: str(path.parent.relative_to(SOURCE))
)
def test_public_face_is_small(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            assert len(ast.literal_eval(node.value)) <= 40


def test_model_imports_only_the_standard_library_and_numpy() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy"}
    for path in [*(SOURCE / "model").glob("*.py"), SOURCE / "errors.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                ours = name.startswith(("quietgrid.model", "quietgrid.errors"))
                assert ours or name.split(".")[0] in allowed, f"{path.name} imports {name}"


def test_no_vague_names() -> None:
    assert not [path for path in MODULES if {path.stem, path.parent.name} & FORBIDDEN_NAMES]


def test_time_is_injected() -> None:
    """No stage reads the machine's clock (monotonic timing for metrics is fine)."""
    clock = re.compile(r"\btime\.time\(|datetime\.now\(|datetime\.utcnow\(|date\.today\(")
    stages = ("registry", "meter", "household", "concentrator", "pes", "keyholder", "mdms", "billing", "algorithms")
    for path in MODULES:
        if path.relative_to(SOURCE).parts[0] in stages:
            assert not clock.search(path.read_text(encoding="utf-8")), f"{path} reads the clock"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_pins_name_no_host(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split()
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9][\w.+!-]*", line), line


def test_npm_lock_names_no_host() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry, name
        assert not name or entry["integrity"].startswith("sha512-")
    assert "://" not in json.dumps(lock)


def test_no_machine_paths() -> None:
    pattern = re.compile("|".join("/" + name + r"/(?=\w)" for name in ("work", "root", "home", "Users")))
    temp = re.compile(r"""["'=\s(]""" + "/" + r"tmp\b")
    for path, text in texts():
        found = pattern.search(text) or (path.name != "package-lock.json" and temp.search(text))
        assert not found, f"{path.relative_to(ROOT)}: {found}"


def licence_of(name: str) -> str:
    """The licence a distribution states, from its metadata."""
    about = importlib.metadata.metadata(name)
    stated = about.get("License-Expression") or about.get("License") or ""
    classifiers = [line.split("::")[-1].strip() for line in about.get_all("Classifier", []) if "License ::" in line]
    first = stated.strip().partition("\n")[0]
    whole_text = first.startswith("Copyright")  # instead of a name; then the classifiers say it
    return first if first and not whole_text else " and ".join(classifiers)


def is_permissive(licence: str) -> bool:
    """Whether a licence text names a permissive (or by-file) licence and no other copyleft."""
    return bool(PERMISSIVE.search(licence)) and not re.search(r"\bA?L?GPL|GNU|SSPL|Clear", licence)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_licences(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").split():
        name = line.split("==")[0]
        try:
            licence = licence_of(name)
        except importlib.metadata.PackageNotFoundError:
            assert path.name == "requirements-node.lock", f"{name} is pinned but not installed"
            continue
        if name in LGPL_CORE or (name in LGPL_ALLOWED and path.name != "requirements.lock"):
            assert "LGPL" in licence
        else:
            assert is_permissive(licence), f"{name}: {licence!r}"


def test_a_copyleft_licence_would_be_found() -> None:
    assert is_permissive("MIT OR Apache-2.0")
    assert not any(
        map(is_permissive, ("GPL-3.0-only", "GNU Affero", "LGPL-3.0-only", "BSD-3-Clause-Clear", "", "for anyone"))
    )


def test_npm_licences() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    allowed = {"MIT", "0BSD", "Apache-2.0", "BSD-3-Clause", "BSD-2-Clause", "ISC"}
    unstated_in_lock = {"node_modules/htmx-ext-sse"}  # 0BSD, as its LICENSE file says
    for name, entry in lock["packages"].items():
        if name and not entry.get("dev") and name not in unstated_in_lock:
            assert entry["license"] in allowed, name


CONTRACT_LICENCES = {
    "contracts": {"MIT", "MIT OR Apache-2.0", "ISC", "0BSD"},
    "contracts/confidential": {
        "MIT", "(MIT OR CC0-1.0)", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "Python-2.0",
        "BlueOak-1.0.0",
    },
}  # fmt: skip
FETCHED_ONLY = {
    # The Safe's compiled contract is read from where npm put it and deployed unchanged; nothing of it is in this tree.
    "contracts": {"@safe-global/safe-smart-account": "LGPL-3.0"},
    # A package of its own that only who wants it installs; the licence grants no patents (its README says so).
    "contracts/confidential": dict.fromkeys(
        (
            "@fhevm/hardhat-plugin", "@fhevm/host-contracts", "@fhevm/mock-utils", "@fhevm/solidity",
            "@zama-fhe/relayer-sdk", "node-tfhe", "node-tkms", "tfhe", "tkms",
        ),
        "BSD-3-Clause-Clear",
    ),
}  # fmt: skip
SAYS_IT_THE_OLD_WAY = {"memorystream"}
"""MIT, by its `licenses` list."""


@pytest.mark.parametrize("folder", sorted(CONTRACT_LICENCES))
def test_licences_of_the_contracts_packages(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    seen = set()
    for path, entry in lock["packages"].items():
        name = path.rpartition("node_modules/")[2]
        if not path or name in SAYS_IT_THE_OLD_WAY:
            continue
        seen.add(name)
        if name in FETCHED_ONLY[folder]:
            assert entry["license"] == FETCHED_ONLY[folder][name], path
        else:
            assert entry["license"] in CONTRACT_LICENCES[folder], path
        installed = ROOT / folder / path / "package.json"
        if installed.exists():
            stated = json.loads(installed.read_text(encoding="utf-8")).get("license", entry["license"])
            assert stated == entry["license"], f"{path}: installed is another licence than the lock says"
    assert set(FETCHED_ONLY[folder]) <= seen


def test_nothing_of_a_fetched_package_is_in_the_tree() -> None:
    assert [path for path in tracked() if "node_modules" in path.parts] == []
    artifacts = [path for path in tracked() if path.parent.name == "artifacts" and path.name.startswith("Safe")]
    assert artifacts == []

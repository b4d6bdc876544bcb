"""`quietgrid doctor`: what is on this machine, what is missing, how to fix it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from quietgrid.cli.output import Json, command_app, emit
from quietgrid.errors import ConfigError, QuietgridError

if TYPE_CHECKING:
    from quietgrid.runtime.config import Settings

app = command_app("doctor", "Look at this machine: what is there, what is missing, how to fix it.")
OK, NOTE, WRONG = "ok", "note", "wrong"
NEEDED_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Args:
        what: Its name. state: ``ok``, ``note`` (works without it) or ``wrong``. found: in words. fix: what to do.
    """

    what: str
    state: str
    found: str
    fix: str = ""


@app.default
def doctor(*, file: Path | None = None, as_json: Json = False) -> int:
    """Look at everything Quietgrid uses. Ends with exit code 2 if something needed is missing.

    Args:
        file: A settings file; as `quietgrid config` unless told.
    """
    from quietgrid.runtime.config import load

    settings = load(file)
    findings = [
        python(), kernel(), openssl(), database(settings.state), postgresql(), program("Node", "node", "setting up"),
        program("Chromium", "chromium", "the browser tests"), chain(settings), encrypted(),
        *ports(settings), disk(settings.state),
    ]  # fmt: skip
    wrong = [f for f in findings if f.state == WRONG]
    width = max(len(f.what) for f in findings)
    text = [
        f"{f.state:<5}  {f.what:<{width}}  {f.found}" + (f" – {f.fix}" if f.fix and f.state != OK else "")
        for f in findings
    ]
    emit(
        as_json,
        {"ok": not wrong, "findings": [asdict(f) | ({"fix": ""} if f.state == OK else {}) for f in findings]},
        text,
    )
    if wrong:
        raise ConfigError(
            f"{len(wrong)} things are missing", where=", ".join(f.what for f in wrong), fix="see the lines above"
        )
    return 0


def python() -> Finding:
    """The Python that runs this."""
    fits = sys.version_info >= (3, 11)
    return Finding("Python", OK if fits else WRONG, platform.python_version(), "install Python 3.11 or later")


def kernel() -> Finding:
    """Which kernel makes the masks."""
    from quietgrid.crypto.secret.masks import kernel_name

    name = kernel_name()
    chosen = bool(os.environ.get("QUIETGRID_KERNEL"))
    found = f"{name} kernel, {os.cpu_count()} processors"
    return Finding(
        "Masks", OK if name == "numba" or chosen else NOTE, found, "install numba: it is about ten times as fast"
    )


def openssl() -> Finding:
    """The library behind HPKE, Ed25519 and HMAC."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.backends.openssl import backend

    from quietgrid.crypto.public.sealing import HYBRID, seal
    from quietgrid.crypto.unseal import PrivateKem

    version = backend.openssl_version_text()
    try:
        key = PrivateKem.generate(HYBRID)
        works = key.open(seal(b"doctor", key.public, b"doctor"), b"doctor") == b"doctor"
    except UnsupportedAlgorithm:
        works = False
    return Finding("OpenSSL", OK if works else WRONG, version, "install cryptography 48 or later from its wheel")


def database(state: Path) -> Finding:
    """Whether SQLite keeps a write-ahead log where the state will be."""
    from quietgrid.store import open_fleet

    place = _existing(state)
    try:
        with TemporaryDirectory(dir=place, prefix=".doctor-") as folder:
            store = open_fleet(Path(folder) / "probe.db")
            try:
                with store.begin() as tx:
                    tx.documents.put("doctor", "probe", b"1")
                logged = (Path(folder) / "probe.db-wal").exists()
            finally:
                store.close()
    except (OSError, QuietgridError) as error:
        return Finding("SQLite", WRONG, f"cannot write in {place}: {type(error).__name__}", "choose another `state`")
    found = f"write-ahead log in {place}" if logged else f"no write-ahead log in {place}"
    return Finding("SQLite", OK if logged else WRONG, found, "put `state` on a local file system")


def postgresql() -> Finding:
    """The driver for a shared PostgreSQL; only needed with the setting `database`."""
    from importlib.util import find_spec

    there = find_spec("psycopg") is not None
    found = "driver installed" if there else "no driver; only needed for the setting `database`"
    return Finding("PostgreSQL", OK if there else NOTE, found, "pip install quietgrid[postgres]")


def program(what: str, command: str, use: str) -> Finding:
    """Whether a program is there that only some things need."""
    path = shutil.which(command)
    if path is None:
        return Finding(what, NOTE, f"not found; only needed for {use}", f"install {what}")
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)
        version = done.stdout.strip().splitlines()[0] if done.stdout.strip() else "found"
    except (OSError, subprocess.TimeoutExpired):
        version = "found, but it does not start"
    return Finding(what, OK, version)


def chain(settings: Settings) -> Finding:
    """Whether the chain of the settings can be used: our own needs two things that npm brings."""
    from quietgrid.chain.built import safe_is_there
    from quietgrid.chain.find import find
    from quietgrid.errors import MissingExtraError

    if settings.chain == "off":
        return Finding("Chain", NOTE, "off: nothing is anchored or settled", "set `chain` to `local` or to a node")
    if settings.chain != "local":
        return Finding("Chain", OK, f"node at {settings.chain}; `quietgrid chain status` asks it")
    try:
        found = find()
    except MissingExtraError as error:
        return Finding("Chain", NOTE, f"{error.what}; everything else works without", error.fix)
    if not safe_is_there():
        return Finding("Chain", NOTE, "the Safe's contracts are not there", "run `make setup`: npm brings them")
    return Finding("Chain", OK, f"local, by {found}")


def encrypted() -> Finding:
    """Whether the engine for encrypted numbers is built; nothing else needs it."""
    from quietgrid.crypto.public.fhe import LOG2_FAILURE, SECURITY_BITS, engine, is_built

    what = "Encrypted numbers"
    if is_built():
        number = engine().VERSION
        strength = f"{SECURITY_BITS} bits, a lookup fails once in 2^{-LOG2_FAILURE:.0f}"
        return Finding(what, OK, f"engine {number}, {strength}; commercial use needs Zama's patent licence")
    log = Path(sys.prefix) / "fhe.log"
    if log.is_file() and shutil.which("cargo"):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["begun"]
        return Finding(what, NOTE, f"not built yet; last word of {log}: {lines[-1].strip()}", "wait, or run `make fhe`")
    cure = "run `make fhe`" if shutil.which("cargo") else "install Rust (rustup.rs), then run `make fhe`"
    return Finding(what, NOTE, "engine not built; everything else works without", cure)


def ports(settings: Settings) -> list[Finding]:
    """Whether the ports of the settings are free."""
    wanted = {"Port of the platform": settings.port, "Port of the households": settings.household_port}
    wanted |= {f"Port of keyholder {i}": port for i, port in enumerate(settings.keyholder_ports)}
    return [_port(what, settings.host, port) for what, port in wanted.items() if port]


def _port(what: str, host: str, port: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return Finding(what, NOTE, f"{host}:{port} is taken", "`quietgrid up` takes the next one")
    return Finding(what, OK, f"{host}:{port} is free")


def disk(state: Path) -> Finding:
    """Room for databases and keys."""
    place = _existing(state)
    free = shutil.disk_usage(place).free
    found = f"{free / 1e9:.1f} GB free in {place}"
    return Finding("Disk", OK if free >= NEEDED_BYTES else WRONG, found, "free at least 1 GB, or move `state`")


def _existing(path: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    whole: Path = path.absolute()
    return next(place for place in (whole, *whole.parents) if place.is_dir())

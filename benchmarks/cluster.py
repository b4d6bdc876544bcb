"""A private PostgreSQL server for a test or a benchmark: own folder, own port on loopback, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

ACCOUNT = "postgres"


class NoPostgres(Exception):
    """PostgreSQL cannot be had here; the message says why."""


class Cluster:
    """A running server. PostgreSQL refuses to run as root, so root hands it to the account `postgres`.

    Raises:
        NoPostgres: the server's programs or an account for it are missing, or it does not start.
    """

    def __init__(self) -> None:
        self._bin = _programs()
        self._as: list[str] = []
        self._folder = Path(tempfile.mkdtemp(prefix="quietgrid-pg-"))
        try:
            if os.geteuid() == 0:
                self._as = _other_account()
                shutil.chown(self._folder, ACCOUNT)
            self._start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _start(self) -> None:
        self._password = secrets.token_hex(16)
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._as:
            shutil.chown(secret, ACCOUNT)
        data = self._folder / "data"
        init = [
            "-D",
            str(data),
            "-U",
            "quietgrid",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        self._run("initdb", *init)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._bin / program), *arguments]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder), "LC_ALL": "C"}
        done = subprocess.run(
            command, cwd=self._folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr.strip()[-300:]}")

    def database(self, name: str) -> str:
        """Make an empty database; its SQLAlchemy address."""
        import psycopg

        place = f"host=127.0.0.1 port={self._port} user=quietgrid password={self._password} dbname=postgres"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return f"postgresql+psycopg://quietgrid:{self._password}@127.0.0.1:{self._port}/{name}"

    def stop(self) -> None:
        """Stop the server and delete its folder."""
        try:
            self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    if initdb is None:
        raise NoPostgres("PostgreSQL is not installed (Debian: postgresql-15)")
    return Path(initdb).resolve().parent


def _other_account() -> list[str]:
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError as error:
        raise NoPostgres(f"running as root and there is no account {ACCOUNT}") from error
    if shutil.which("setpriv") is None:
        raise NoPostgres("running as root and setpriv is not installed")
    return ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--init-groups"]

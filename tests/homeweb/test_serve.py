"""The household's process: started from a state directory, signed in to by another process's link, gone in time."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from quietgrid import demo
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConfigError
from quietgrid.homeweb import issue_link
from quietgrid.homeweb.serve import prepare, read_recipients
from quietgrid.household.hosting import Addresses
from quietgrid.lab.commission import commission, demo_parties
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, SystemClock
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.founding import Folders, found

HOMES = 30
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A commissioned community whose platform and keyholders are not running."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    window = demo.replay_window()
    folders = Folders(folder)
    card = found(folders, "Lindenhof", "Europe/Berlin", 900, "EUR", "x25519")
    clock = ClockFile(folder / "clock")
    clock.write(Tick(float(window.first * 900 - DAY_S), window.first))
    made = commission(folders, card, demo_parties(HOMES), window, clock, rules=GateRules(), kem="x25519")
    made.save(folder / "commissioning")
    clock.write(Tick(float(window.first * 900 + 1800), window.first))
    return folder


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_process(state: Path) -> None:
    at = port()
    link = issue_link(state, 7, at, SystemClock())
    code = (
        "import sys; from pathlib import Path; from quietgrid.homeweb.serve import serve; "
        "from quietgrid.household.hosting import Addresses; "
        "from quietgrid.runtime.clock import ClockFile; state = Path(sys.argv[1]); "
        f"serve(state, Addresses('{NOBODY}', ['{NOBODY}'] * 3), {at}, ClockFile(state / 'clock'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(state)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{at}", headers={"Host": f"home.localhost:{at}"}) as client:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                try:
                    client.get("/healthz")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            assert client.get("/healthz").json() == {"status": "ok", "homes": HOMES}
            answer = client.get("/sign-in", params={"token": link.partition("?token=")[2]})
            assert answer.status_code == 303
            signed_in = {"Cookie": answer.headers["set-cookie"].partition(";")[0], "Host": f"home.localhost:{at}"}
            page = client.get("/", headers=signed_in)
            assert page.status_code == 503, "the platform is away"
            assert "Orchard Hill 7" in page.text
            assert "one operator runs all three keyholders" in page.text
            assert client.get("/consents", headers=signed_in).status_code == 200
    finally:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    assert time.monotonic() - started < 8
    assert process.returncode in (0, -signal.SIGTERM)
    assert link.partition("?token=")[2].encode() not in out
    assert b"Traceback" not in out


def test_what_cannot_be_served(state: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no community card"):
        prepare(tmp_path, Addresses(NOBODY, [NOBODY] * 3), 1, SystemClock())
    folders = Folders(tmp_path)
    found(folders, "Empty", "Europe/Berlin", 900, "EUR", "x25519")
    folders.households.mkdir()
    with pytest.raises(ConfigError, match="no home here"):
        prepare(tmp_path, Addresses(NOBODY, [NOBODY] * 3), 1, SystemClock())
    assert stat.S_IMODE((state / "households" / "1").stat().st_mode) == 0o700


def test_recipients_are_read(tmp_path: Path) -> None:
    path = tmp_path / "recipients.json"
    assert read_recipients(path) == ()
    public = PrivateKem.generate("x25519").public
    path.write_text(f'[{{"name": "Adviser", "key": "{public.hex()}"}}]')
    assert [(one.name, one.key) for one in read_recipients(path)] == [("Adviser", public)]
    path.write_text('[{"name": "Adviser", "key": "zz"}]')
    with pytest.raises(ConfigError, match="cannot be read"):
        read_recipients(path)

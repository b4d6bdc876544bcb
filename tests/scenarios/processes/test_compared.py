"""A platform in a process of its own compares a home on numbers it cannot read: the answer is the home's own.

It has the server key and ciphertexts on disk and nothing that opens them, and never loads what holds secrets.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest

from quietgrid.algorithms.insight import Community, Condition, from_digits, insight
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.crypto.public.fhe import is_built
from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret.fhe import Client
from quietgrid.errors import ConflictError
from quietgrid.household.insight_link import HttpInsight, SealedRequest
from quietgrid.household.links import SignedClient
from quietgrid.insight import figures_of
from quietgrid.insight.figures import Averages
from quietgrid.lab.community import Community as Village
from quietgrid.model.insight import Feature, Features
from quietgrid.model.publication import Statistic
from quietgrid.runtime.insight import FIGURES
from quietgrid.wire.insight import CommunityFigures
from tests.api.town import found_town
from tests.insight.test_figures import SPREAD, use

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_built(), reason="the engine is not built: make fhe")]
PATIENCE_S = 400.0
HOME = 1001
PLATFORM = """
import json, sys, threading
import uvicorn
from pathlib import Path
from quietgrid.api import Settings, create_app
from quietgrid.model.interval import SystemClock
from quietgrid.runtime.founding import Folders, read_card
from quietgrid.runtime.insight_jobs import InsightJobs
from quietgrid.runtime.platform import platform_at
from quietgrid.model.closed import GateRules

folders = Folders(Path(sys.argv[1]))
platform = platform_at(folders, read_card(folders.card), [], SystemClock(), GateRules())
app = create_app(platform, Settings())
services = app.state.services
services.insight_jobs = jobs = InsightJobs(platform, services.insight, folders.platform / "insight-keys")
jobs.start()
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
thread = threading.Thread(target=server.run, daemon=True)
thread.start()
while not server.started:
    thread.join(0.05)
print(server.servers[0].sockets[0].getsockname()[1], flush=True)
sys.stdin.read()
names = [name for name in sys.modules if name.startswith(("quietgrid.crypto", "quietgrid_fhe"))]
print(json.dumps(names), flush=True)
jobs.stop()
server.should_exit = True
thread.join()
platform.close()
"""


class Served:
    """A platform's process, and a home that asks it."""

    def __init__(self, folder: Path, key: Identity, community: bytes) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-c", PLATFORM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        port = int(self.process.stdout.readline())
        self.http = httpx.Client(base_url=f"http://localhost:{port}", timeout=PATIENCE_S)
        self.link = HttpInsight(SignedClient(self.http, key, community, HOME))

    def answer(self, digest: bytes, parts: dict[str, bytes]) -> SealedRequest:
        """Ask and wait."""
        asked = self.link.ask(digest, parts)
        patience = time.monotonic() + PATIENCE_S
        while asked.state not in ("done", "failed") and time.monotonic() < patience:
            time.sleep(0.3)
            asked = self.link.look(asked.id)
        assert asked.state in ("done", "failed")
        return asked

    def end(self) -> list[str]:
        """Stop it; the modules of cryptography it had loaded."""
        out, _ = self.process.communicate("", timeout=PATIENCE_S)
        self.http.close()
        return list(json.loads(out))


def known(village: Village) -> tuple[CommunityFigures, bytes]:
    """Figures that the platform gave out before."""
    here = {Statistic.SPREAD: Averages(SPREAD, "2016-06", None)}
    signed = village.platform.parts.identity.sign(
        figures_of(("2016-06", use()), here, ([200 + 9 * hour for hour in range(24)], 120), [])
    )
    with village.platform.parts.store.begin() as tx:
        tx.documents.put(FIGURES, signed.hash().hex(), pack_signed(signed))
    return figures_of(("2016-06", use()), here, ([200 + 9 * hour for hour in range(24)], 120), []), signed.hash()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, CommunityFigures, bytes]]:
    with found_town(tmp_path_factory.mktemp("compared"), days=1, homes=30) as town:
        figures, digest = known(town.community)
        folder, key = town.community.folders.state, town.community.household_keys[HOME]
        community = town.community.card.community
    made = Served(folder, key, community)
    yield made, figures, digest
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def test_the_platform_compares_what_it_cannot_read(served: tuple[Served, CommunityFigures, bytes]) -> None:
    platform, figures, digest = served
    client = Client.generate()
    home = Features(2_812, (30,) * 18 + (90,) * 4 + (50,) * 2, (31, 34, 126, 0, 21, 44))
    with pytest.raises(ConflictError):
        platform.link.ask(digest, sealed(client, home))
    platform.link.put_key(client.server_key(), lambda _: None)
    done = platform.answer(digest, sealed(client, home))
    assert (done.state, done.problem) == ("done", None)
    assert done.answer is not None
    rules = tuple(tuple(Condition(*condition) for condition in rule.conditions) for rule in figures.advice)
    twin = insight(
        home.month, home.profile, home.values,
        Community(figures.average, tuple(figures.bands), tuple(figures.classes), tuple(figures.usual), rules),
    )  # fmt: skip
    assert from_digits(client.decrypt(done.answer.data()), 24, len(rules)) == twin
    assert twin.hours
    assert twin.advice

    damaged = sealed(client, home)
    damaged["month"] = damaged["month"][:44] + Random(1).randbytes(32)
    other = platform.answer(digest, damaged)
    assert other.answer is None or other.answer.data() != done.answer.data()

    secret = client.to_bytes()
    files = [path for path in platform.folder.joinpath("platform").rglob("*") if path.is_file()]
    assert any(path.stat().st_size == 30_146_616 for path in files)
    assert not any(secret in path.read_bytes() or secret[32:96] in path.read_bytes() for path in files)

    loaded = platform.end()
    assert "quietgrid.crypto.public.fhe" in loaded
    assert not [name for name in loaded if name.startswith(("quietgrid.crypto.secret", "quietgrid_fhe"))]


def test_the_computing_process_loads_no_secrets() -> None:
    names = (
        "import sys, quietgrid.runtime.encrypted_jobs, quietgrid.insight.computing, quietgrid.crypto.public.fhe as f;"
    )
    code = names + "f.engine(); print([n for n in sys.modules if 'crypto.secret' in n], 'quietgrid_fhe' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["[]", "True"]


def sealed(client: Client, home: Features) -> dict[str, bytes]:
    assert len(home.values) == len(Feature)
    return {
        "month": client.encrypt([home.month], "u16"), "profile": client.encrypt(home.profile, "u8"),
        "features": client.encrypt(home.values, "u8"),
    }  # fmt: skip

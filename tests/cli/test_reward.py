"""`quietgrid reward` as it is typed: beside a platform that is served over HTTP and a chain that is this test's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import msgspec
import pytest
import uvicorn

from quietgrid.api import Settings, create_app
from quietgrid.chain.accounts import Account
from quietgrid.chain.built import safe_is_there
from quietgrid.chain.node import Anvil
from quietgrid.cli.entry import run
from quietgrid.crypto.public.signatures import load_or_create_secret
from quietgrid.household.rewards import known
from quietgrid.model.interval import SystemClock
from quietgrid.model.posting import Posting
from quietgrid.runtime.chain_at import ChainFolder, chain_at, treasury
from quietgrid.runtime.clock import ClockFile, Tick
from quietgrid.runtime.rewarding import Rewarding
from quietgrid.runtime.settling import Settling
from quietgrid.store import BillRow, open_vault
from tests.chain.conftest import _anvil_is_there, anvil  # noqa: F401  (fixtures)
from tests.runtime.hamlet import FIRST_DAY, PER_DAY, Hamlet

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not safe_is_there(), reason="npm has not brought the Safe (make setup)"),
]
HOME, NEIGHBOUR = 103, 104
CREDIT = 50_730_000
PERIOD, MONTH = FIRST_DAY * PER_DAY, 28 * PER_DAY


@contextmanager
def served(app: Any) -> Iterator[int]:
    """The port of an app behind a real server."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.02)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)


class Place:
    """A state folder with everything the commands look for: vaults, ports, contracts, clock, books."""

    def __init__(self, folder: Path, anvil: Anvil) -> None:  # noqa: F811
        self.folder, self.url = folder, anvil.url
        self.hamlet = Hamlet(folder, epoch_days=28)
        self.store, community = self.hamlet.store, self.hamlet.community
        chain_folder = ChainFolder(folder / "chain")
        self.onchain = chain_at(chain_folder, anvil.url, self.store)
        paid_from = treasury(chain_folder, self.onchain.node, self.onchain.addresses)
        self.settling = Settling(self.store, self.onchain, paid_from, 900, 15)
        self.rewarding = Rewarding(self.store, self.onchain)
        ClockFile(folder / "clock").write(Tick(community.clock.now(), PERIOD))
        for home in (HOME, NEIGHBOUR):
            vault = community.folders.households / str(home)
            vault.mkdir(parents=True, mode=0o700)
            load_or_create_secret(vault / "identity.key", lambda home=home: community.household_keys[home].seed())  # type: ignore[misc]
            named = msgspec.msgpack.encode((community.card.community, home))
            load_or_create_secret(vault / "home", lambda named=named: named)  # type: ignore[misc]

    def listen(self, port: int) -> None:
        (self.folder / "run").mkdir(exist_ok=True)
        ports = {"platform": port, "household": 1, "keyholders": [2, 3, 4], "meters": 0, "chain": 0}
        (self.folder / "run" / "ports.json").write_text(json.dumps(ports))

    def bill(self, period: int) -> None:
        """Twenty bills; those of one home owe it something."""
        rows = []
        for home in range(100, 120):
            account = f"home:{home:016x}"
            rows.append(Posting(f"{home} {period}", account, "supplier:energy", 20_000_000, 70_000, "bill"))
        account = f"home:{HOME:016x}"
        rows.append(Posting(f"sold {period}", "supplier:feed-in", account, 20_000_000 + CREDIT, 300_000, "bill"))
        with self.store.begin() as tx:
            tx.postings.post(rows, period)
            tx.billing.put([BillRow(HOME, period, period + MONTH, 1, 0, "EUR", [], {})])
        self.look()

    def look(self) -> None:
        for _ in range(4):
            self.settling.step()
            self.rewarding.step()
            self.onchain.step()


Typed = Callable[..., dict[str, Any]]


@pytest.fixture
def place(anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:  # noqa: F811
    monkeypatch.chdir(tmp_path)  # no settings file of somebody else's
    made = Place(tmp_path / "state", anvil)
    with served(create_app(made.hamlet.platform, Settings(requests_per_minute=1_000_000))) as port:
        made.listen(port)
        yield made
    made.hamlet.close()


@pytest.fixture
def typed(place: Place, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command and returns its JSON."""

    def call(*words: str, rpc: bool = True) -> dict[str, Any]:
        capsys.readouterr()
        node = ["--rpc", place.url] if rpc else []
        assert run(["reward", *words, "--state", str(place.folder), *node, "--json"]) == 0
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return said

    return call


def test_a_credit_from_list_to_withdrawal(place: Place, typed: Typed) -> None:
    assert typed("list", rpc=False) == {"escrow_micro": 0, "state": "", "roots": [], "claims": []}
    place.bill(PERIOD)
    shown = typed("show", str(HOME))
    assert (shown["credit_micro"], shown["addresses"]) == (CREDIT, [])
    named = typed("claim", str(HOME))  # names an address; a root is not there yet
    assert named["transactions"] == []
    place.look()
    claimed = typed("claim", str(HOME))
    (sent,), (purse,) = claimed["transactions"], claimed["addresses"]
    assert (purse["promised_micro"], purse["claimed_micro"], purse["paid_micro"]) == (50_000_000, 50_000_000, 0)
    assert typed("claim", str(HOME))["transactions"] == []  # run again: nothing twice
    payee = Account.generate().address
    part = typed("withdraw", str(HOME), "--to", payee, "--eur", "20")
    assert part["addresses"][0]["paid_micro"] == 20_000_000
    token = place.onchain.addresses["EnergyToken"]
    assert place.onchain.node.view("EnergyToken", token, "balanceOf", payee) == 20_000_000
    assert typed("withdraw", str(HOME), "--to", payee)["addresses"][0]["paid_micro"] == 50_000_000
    place.look()
    listed = typed("list", rpc=False)
    assert (listed["escrow_micro"], len(listed["roots"])) == (100_000_000, 1)
    done = [(one["what"], one["sum_micro"]) for one in listed["claims"]]
    assert done == [("withdrawn", 50_000_000), ("withdrawn", 20_000_000), ("claimed", 50_000_000)]
    assert listed["claims"][-1]["transaction"] == sent
    assert str(HOME) not in json.dumps([one["address"] for one in listed["claims"]])
    store = open_vault(place.hamlet.community.folders.households / "homes.db", SystemClock())
    note = known(store, HOME)  # what the Bills page shows
    store.close()
    assert note is not None
    assert (note.claimed_micro, note.paid_micro, len(note.transactions)) == (50_000_000, 50_000_000, 3)


def test_a_fresh_address_for_what_comes_later(place: Place, typed: Typed) -> None:
    place.bill(PERIOD)
    first = typed("claim", str(HOME))["addresses"][0]["address"]
    place.look()
    both = typed("claim", str(HOME), "--fresh")["addresses"]
    assert [one["address"] == first for one in both] == [True, False]
    place.bill(PERIOD + MONTH)
    claimed = typed("claim", str(HOME))
    assert [one["claimed_micro"] for one in claimed["addresses"]] == [50_000_000, 51_000_000]  # 101.46 in all
    assert typed("show", str(NEIGHBOUR))["credit_micro"] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("withdraw", str(HOME), "--to", "0x12"), 2, "no address"),
        (("withdraw", str(HOME), "--to", "0x" + "1" * 40), 3, "nothing is claimed"),
        (("show", "999"), 3, "no vault of this home"),
        (("claim", str(HOME), "--rpc", "http://127.0.0.1:9"), 7, "cannot be reached"),
    ],
)
def test_what_is_refused_and_why(
    place: Place, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, said: str
) -> None:
    node = [] if "--rpc" in words else ["--rpc", place.url]
    assert run(["reward", *words, "--state", str(place.folder), *node]) == code
    assert said in capsys.readouterr().err


def test_people_read_a_table(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.bill(PERIOD)
    where = ["--state", str(place.folder)]
    assert run(["reward", "list", *where]) == 0
    assert "nothing was promised yet" in capsys.readouterr().out
    for _ in range(2):
        assert run(["reward", "claim", str(HOME), *where, "--rpc", place.url]) == 0
        place.look()
    out = capsys.readouterr().out
    assert "credits of all bills: 50.73 EUR" in out
    assert "sent 0x" in out
    assert run(["reward", "list", *where]) == 0
    out = capsys.readouterr().out
    assert "in escrow so far: 100.00 EUR" in out
    assert "claimed" in out
    assert "50.00" in out

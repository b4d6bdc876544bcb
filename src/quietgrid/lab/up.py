"""`quietgrid up`: prepares the demo, starts its processes, prints one address and one sign-in per person."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType

from quietgrid.accounts import Accounts, Role
from quietgrid.chain.find import CHAIN_ID, find
from quietgrid.crypto.public.fhe import is_built
from quietgrid.demo import SHOWN_HOME
from quietgrid.errors import ConfigError, MissingExtraError
from quietgrid.homeweb import issue_link
from quietgrid.lab.changes import Renewal
from quietgrid.lab.demo_state import NAME, DemoState, prepare
from quietgrid.lab.gateway import found_plant
from quietgrid.lab.reporters import REPORTERS, prepare_reporters
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, SystemClock
from quietgrid.runtime.config import load
from quietgrid.runtime.founding import Folders, platform_database, read_card
from quietgrid.runtime.supervisor import Supervisor, answers, free_port
from quietgrid.store import open_platform

HOST = "127.0.0.1"
PAGES_S, LOOK_S, LONGEST = 15.0, 2.0, 1 << 16
"""So long the other processes wait for the pages; between two looks whether it is live; bytes of that answer."""
PEOPLE = (("Ana, utility analyst", Role.ANALYST), ("Aud, auditor", Role.AUDITOR), ("Olu, operator", Role.OPERATOR))


@dataclass(frozen=True)
class Ports:
    """Where each process listens, all on 127.0.0.1."""

    platform: int
    household: int
    keyholders: tuple[int, int, int]
    meters: int = 0
    chain: int = 0
    """0: there is no local chain."""
    stations: tuple[int, ...] = ()
    """Of the storage stations' keyholders; empty: no station takes part."""

    def keyholder_urls(self) -> list[str]:
        """Addresses of the three."""
        return [f"http://{HOST}:{port}" for port in self.keyholders]


@dataclass(frozen=True)
class Links:
    """What is printed: the address, and one one-time sign-in link a person."""

    address: str
    people: list[tuple[str, str]]


def choose_ports(state: Path, wanted: int) -> Ports:
    """Free ports from `wanted` on (keyholders: from those that are set); written down for the other commands."""
    platform = free_port(wanted)
    household = free_port(platform + 1)
    holders = []
    at = household + 1
    for chosen in load().keyholder_ports:
        at = free_port(max(at, chosen))
        holders.append(at)
        at += 1
    meters = free_port(at)
    chain = free_port(meters + 1) if local_chain() else 0
    stations: tuple[int, ...] = ()
    if (state / "stations" / "commissioning").exists() and load().stations != "off" and is_built():
        at = max(meters, chain)
        for _ in range(3):
            at = free_port(at + 1)
            stations += (at,)
    ports = Ports(platform, household, (holders[0], holders[1], holders[2]), meters, chain, stations)
    (state / "run").mkdir(exist_ok=True, mode=0o700)
    named = {"platform": platform, "household": household, "keyholders": holders, "meters": meters, "chain": chain}
    named |= {"stations": stations}
    (state / "run" / "ports.json").write_text(json.dumps(named))
    return ports


def local_chain() -> bool:
    """Whether this demo has a chain of its own: it is set so, and its program is there."""
    if load().chain != "local":
        return False
    try:
        find()
    except MissingExtraError as error:
        logging.getLogger("quietgrid").warning("no chain: %s", error)
        return False
    return True


def read_ports(state: Path) -> Ports:
    """The ports of a running demo, or `ConfigError`."""
    try:
        data = json.loads((state / "run" / "ports.json").read_text())
    except FileNotFoundError as error:
        raise ConfigError("no demo was started here", where=str(state), fix="run `quietgrid up`") from error
    holders, more = tuple(data["keyholders"]), (data.get("meters", 0), data.get("chain", 0))
    return Ports(data["platform"], data["household"], holders, *more, tuple(data.get("stations", ())))


def people_links(demo: DemoState, ports: Ports) -> Links:
    """One account and one fresh one-time link a person; made before the platform starts, which is the only writer."""
    base = f"http://localhost:{ports.platform}"
    store = open_platform(platform_database(demo.folders, load().database))
    accounts = Accounts(store)
    try:
        links = []
        for name, role in PEOPLE:
            _, token = accounts.found(name, role)
            links.append((name, f"{base}/signin/{token}"))
        resident = next(p.name for p in demo.plan.parties if p.home == SHOWN_HOME)
    finally:
        accounts.close()
        store.close()
    links.append((f"{resident}, household", issue_link(demo.folders.state, SHOWN_HOME, ports.household, SystemClock())))
    return Links(base, links)


def supervise(state: Path, ports: Ports, pace_s: float) -> Supervisor:
    """All processes of the demo, not started yet."""
    supervisor = Supervisor(state)
    urls = ports.keyholder_urls()
    holders = [word for url in urls for word in ("--keyholder", url)]
    for index in range(3):
        peers = [word for i, url in enumerate(urls) if i != index for word in ("--peer", f"{i}={url}")]
        where = ["--index", str(index), "--port", str(ports.keyholders[index]), "--demo-clock"]
        supervisor.add(f"keyholder-{index}", "keyholder", "serve", *where, *peers)
    platform_url = f"http://{HOST}:{ports.platform}"
    own = ["--port", str(ports.platform), "--household-port", str(ports.household), "--pace", str(pace_s)]
    own += [word for port in ports.stations for word in ("--station-keyholder", f"http://{HOST}:{port}")]
    chosen = load().chain
    node = f"http://{HOST}:{ports.chain}" if ports.chain else "" if chosen in ("local", "off") else chosen
    supervisor.add("platform", "platform", "serve", *own, *holders, *(["--chain", node] if node else []))
    local = ["--meters", f"http://{HOST}:{ports.meters}"] if ports.meters else []
    home = ["--port", str(ports.household), "--platform", platform_url, *local, *(["--chain", node] if node else [])]
    supervisor.add("household", "household", "serve", *home, *holders)
    supervisor.add("fleet", "fleet", "run", "--platform", platform_url, "--port", str(ports.meters))
    if (state / "plant").exists():
        supervisor.add("plant", "plant", "run", "--platform", platform_url)
    if (state / "reporters").exists() and load().feeds != "off":
        book = ["--contracts", str(state / "chain" / "addresses.json")] if node else []
        book += ["--chain-id", str(CHAIN_ID)] if ports.chain else []
        for index in range(REPORTERS):
            own = ["--index", str(index), "--platform", platform_url, "--demo-clock", *book]
            supervisor.add(f"reporter-{index}", "feed", "report", *own)
    if ports.stations:
        _add_stations(supervisor, state, ports, platform_url)
    if ports.chain:
        supervisor.add("chain", "chain", "node", "--port", str(ports.chain))
    return supervisor


def _add_stations(supervisor: Supervisor, state: Path, ports: Ports, platform_url: str) -> None:
    """The storage stations, and the three keyholders of their own community. They wait until the others are live."""
    folders, live = Folders(state / "stations"), Live(ports.platform)
    for index in range(3):
        where = ["--index", str(index), "--port", str(ports.stations[index]), "--demo-clock"]
        where += ["--folder", str(folders.keyholder(index)), "--card", str(folders.card)]
        peers = [
            word for i, port in enumerate(ports.stations) if i != index
            for word in ("--peer", f"{i}=http://{HOST}:{port}")
        ]  # fmt: skip
        supervisor.add(f"stations-keyholder-{index}", "keyholder", "serve", *where, *peers, when=live)
    supervisor.add("stations", "schedule", "stations", "--platform", platform_url, when=live)


class Live:
    """Whether a platform is live: asked every two seconds at most, and not again once it was."""

    def __init__(self, port: int) -> None:
        self._port, self._asked, self._known = port, -math.inf, False

    def __call__(self) -> bool:
        """Whether it is."""
        if not self._known and time.monotonic() - self._asked > LOOK_S:
            self._asked = time.monotonic()
            with contextlib.suppress(OSError, ValueError, HTTPException), closing(self._platform()) as platform:
                platform.request("GET", "/healthz")
                self._known = json.loads(platform.getresponse().read(LONGEST)).get("phase") == "live"
        return self._known

    def _platform(self) -> HTTPConnection:
        return HTTPConnection(HOST, self._port, timeout=1.0)


def _found_stations(state: Path, demo: DemoState, rules: GateRules) -> None:
    """Found the storage stations where the demo's readings are the sample's and the engine is built."""
    if demo.plan.made_up and load().stations != "off" and is_built():
        from quietgrid.lab.stations import found_stations  # heavy

        found_stations(state, demo.plan, rules)


def obey(state: Path) -> bool:
    """Do what was decided on the start page as a keyholder's operator: the order `quietgrid keyholder carry-on` gives.

    Returns: Always False.
    """
    for path in sorted((state / "control").glob("carry-on.[012].[012]")):
        from quietgrid.keyholder.server import order_carry_on  # heavy, and rarely needed

        _, index, peer = path.name.split(".")
        order_carry_on(Folders(state).keyholder(int(index)), int(peer), float(path.read_text()))
        path.unlink()
    return False


def _start(supervisor: Supervisor, ports: Ports) -> None:
    """The pages first (on two cores all at once would keep them waiting), then the others in the order of need."""
    supervisor.start("platform", "keyholder-0")
    answers(ports.platform, PAGES_S)
    supervisor.start("keyholder-1", "keyholder-2", "fleet")
    supervisor.start()


def up(  # noqa: PLR0913  (what a person may choose)
    state: Path, homes: int | None, history_days: int, port: int, pace_s: float, show: Callable[[Links, bool], None],
    rules: GateRules | None = None, source: str = "", name: str = NAME,
) -> None:  # fmt: skip
    """Run the demo until Ctrl-C or SIGTERM.

    Args:
        state: Directory. homes, history_days: of the source. port: first one to try. pace_s: of a live interval.
        source, name: See `prepare`.
        show: Prints links; called with (links, fresh).
    """
    state = state.absolute()
    demo = prepare(state, homes, history_days, rules or GateRules(), source, name)
    found_plant(state, demo.plan)
    slot_s = read_card(demo.folders.card).resolution
    prepare_reporters(state, demo.plan.first * slot_s, demo.plan.history * slot_s // DAY_S, load().feeds)
    _found_stations(state, demo, rules or GateRules())
    ports = choose_ports(state, port)
    links = people_links(demo, ports)
    for pattern in ("*.stopped", "carry*-on.*"):
        for marker in (state / "control").glob(pattern):
            marker.unlink()
    supervisor = supervise(state, ports, pace_s)
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    own = state / "run" / "up.pid"
    own.write_text(str(os.getpid()))
    try:
        _start(supervisor, ports)
        show(links, demo.fresh)
        registrar = Renewal(state)
        failed = supervisor.watch(lambda: bool(stopping) or registrar.look() or obey(state))
        if failed:
            raise ConfigError(
                f"{', '.join(failed)} keeps stopping", where=str(state / "logs"), fix="read its log; `quietgrid doctor`"
            )
    finally:
        supervisor.stop()
        own.unlink(missing_ok=True)
        for number, handler in before.items():
            signal.signal(number, handler)

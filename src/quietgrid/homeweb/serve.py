"""The household's process: one for all homes whose vaults are in a state directory, as the demo has it.

In real life each home runs its own; the code is the same with one vault. Prints nothing; uvicorn's access log is off
because sign-in links would be in it. Times: `clock` is the community's (the demo's), sessions use the machine's.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import sleep

import msgspec
import uvicorn

from quietgrid.demo import SHOWN_HOME
from quietgrid.demo import response as demo_response
from quietgrid.errors import ConfigError, NotFoundError
from quietgrid.homeweb.pages import create_app
from quietgrid.homeweb.settings import PageSettings, Recipient
from quietgrid.homeweb.signin import LinkSessions
from quietgrid.household.events import Responder, keep_responding
from quietgrid.household.guard import Guard
from quietgrid.household.hosting import Addresses, open_homes
from quietgrid.household.rewards import DEMO, REAL, Node, Rewards
from quietgrid.household.server import HOSTS, Origin
from quietgrid.household.service import Home
from quietgrid.household.steering import Steerer, keep_following, steering_of
from quietgrid.household.taking_part import holder, voter
from quietgrid.household.vault import Vault
from quietgrid.model.interval import Clock, SystemClock
from quietgrid.model.response import Capability
from quietgrid.runtime.commissioning import Commissioning
from quietgrid.runtime.founding import Folders, read_card
from quietgrid.store import VaultStore, open_vault

HOST = "127.0.0.1"
STOP_S = 1
SAME_SITE = "home.quietgrid.localhost"
"""Another name of this origin: one site with ``quietgrid.localhost``, so that the frame there needs no asking."""
PLATFORM_NAMES = ("localhost", "quietgrid.localhost")
OPERATOR = "one operator runs all three keyholders, the platform and this process"


class _Named(msgspec.Struct, frozen=True):
    name: str
    key: str


def prepare(
    state: Path, addresses: Addresses, port: int, clock: Clock, node: str = ""
) -> tuple[Guard, VaultStore, Rewards | None, Callable[[], None]]:
    """The app over the vaults in a state directory, the store it keeps consents and sessions in, who claims, and what
    has devices follow until the process ends.

    Args:
        node: Of the chain; without it nothing is claimed.

    Raises:
        ConfigError: there is no card or no vault.
    """
    folders = Folders(state)
    card = read_card(folders.card)
    store = open_vault(folders.households / "homes.db", SystemClock())
    platform_url = addresses.platform
    homes = open_homes(folders.households, card, store, clock, addresses)
    if not homes:
        raise ConfigError("there is no home here", where=str(folders.households), fix="run `quietgrid up`")
    origin = Origin(homes, LinkSessions(store, SystemClock(), folders.households), OPERATOR)
    made_up = is_made_up(state / "commissioning")
    seen = Node(node, state / "chain" / "addresses.json") if node else None
    settings = PageSettings(
        platform_url=platform_url.replace(f"//{HOST}", "//localhost").rstrip("/"),
        framed_by=tuple(platform_url.replace(f"//{HOST}", f"//{name}").rstrip("/") for name in PLATFORM_NAMES),
        household_url=f"http://home.localhost:{port}",
        names=read_names(state / "commissioning"),
        recipients=read_recipients(state / "recipients.json"),
        demo=True,
        shown_home=SHOWN_HOME if SHOWN_HOME in homes and made_up else None,
        claims_by_itself=bool(node) and made_up,
        node=seen,
    )
    if seen is not None and settings.shown_home is not None:
        introduce(homes[settings.shown_home].parts.vault, state / "chain")
    claiming = claiming_for(origin.homes, seen, made_up) if seen else None
    following = partial(keep_following, Steerer.of(homes), clock.now, card.resolution, sleep)
    attending = partial(attend, responder_for(homes, made_up), following)
    return create_app(origin, settings, (*HOSTS, SAME_SITE)), store, claiming, attending


def attend(responder: Responder, following: Callable[[], None]) -> None:
    """Have homes decide on events, beside what else goes on until the process ends."""
    threading.Thread(target=partial(keep_responding, responder, sleep), name="events", daemon=True).start()
    following()


def responder_for(homes: Mapping[int, Home], made_up: bool) -> Responder:
    """Who decides on events for these homes: their limits; in the demo its people too (`demo.response`)."""
    sides = {home: one.response for home, one in homes.items() if one.response is not None}
    if not made_up:
        return Responder(sides)

    def join(home: int, program: str) -> tuple[int, tuple[Capability, ...]] | None:
        if not demo_response.joins(home):
            return None
        try:
            state = steering_of(homes[home]).state()
        except NotFoundError:
            return demo_response.WASHING_W, (Capability.WASHING,)
        if state.capacity_wh:
            return min(state.power_w, state.capacity_wh // demo_response.BATTERY_PART), (Capability.BATTERY,)
        return demo_response.WASHING_W, (Capability.WASHING,)

    return Responder(sides, join, lambda home, row: "people" if demo_response.says_no(home, row.id) else "")


def introduce(vault: Vault, folder: Path) -> None:
    """Say the shown home's addresses to the demo's people, who hand some GRID and shares on to them."""
    from quietgrid.chain.book import GUEST

    folder.mkdir(parents=True, exist_ok=True)
    said = msgspec.json.encode({"votes": voter(vault).address, "shares": holder(vault).address})
    fresh = folder / f".{GUEST}.new"
    fresh.write_bytes(said)
    os.replace(fresh, folder / GUEST)


def claiming_for(homes: Mapping[int, Home], node: Node, made_up: bool) -> Rewards:
    """Who claims what bills owe these homes: soon and unasked in the demo; else where a home chose it, over weeks."""
    return Rewards(homes, node.reach, DEMO if made_up else REAL, SystemClock(), made_up)


def read_names(path: Path) -> dict[int, str]:
    """What the homes call themselves, where one commissioning file names them all; empty without it."""
    return {party.home: party.name for party in Commissioning.load(path).parties} if path.exists() else {}


def is_made_up(path: Path) -> bool:
    """Whether the homes' readings are the sample's, by the commissioning file; False without one."""
    return path.exists() and Commissioning.load(path).made_up


def read_recipients(path: Path) -> tuple[Recipient, ...]:
    """Who days may be handed to: a JSON list of ``{"name", "key"}``, keys as hex; empty without the file.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not path.exists():
        return ()
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=list[_Named])
        return tuple(Recipient(one.name, bytes.fromhex(one.key)) for one in listed)
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError("the list of recipients cannot be read", where=str(path), fix="see the docs") from error


def serve(
    state: Path, addresses: Addresses, port: int, clock: Clock, ready: Callable[[], None] = lambda: None, node: str = ""
) -> None:
    """Serve the homes of a state directory until SIGTERM.

    Args:
        state: The state directory. addresses: of the others. port: on 127.0.0.1.
        clock: The community's. ready: called once the port answers. node: of the chain; "" for none.

    Raises:
        ConfigError: no card, no vault, or the port is taken.
    """
    app, store, claiming, following = prepare(state, addresses, port, clock, node)
    threading.Thread(target=following, name="devices", daemon=True).start()
    if claiming is not None:
        threading.Thread(target=claiming.run, name="rewards", daemon=True).start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError as error:
                raise ConfigError("the port is taken", where=f"{HOST}:{port}", fix="choose another port") from error
            config = uvicorn.Config(
                app, access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=STOP_S,
                lifespan="off",
            )  # fmt: skip
            asyncio.run(_run(uvicorn.Server(config), listener, ready))
    finally:
        if claiming is not None:
            claiming.stop()
        store.close()


async def _run(server: uvicorn.Server, listener: socket.socket, ready: Callable[[], None]) -> None:
    serving = asyncio.ensure_future(server.serve([listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        ready()
    await serving

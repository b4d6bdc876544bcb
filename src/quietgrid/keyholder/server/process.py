"""The process around a keyholder: opening its folder, catching up, forgetting old days, ending quickly."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import msgspec
import uvicorn
from starlette.applications import Starlette

from quietgrid.crypto.public.signatures import Identity
from quietgrid.crypto.secret import masks
from quietgrid.crypto.secret.keyfiles import KeyFiles
from quietgrid.crypto.unseal import PrivateKem
from quietgrid.errors import ConfigError, QuietgridError, UnavailableError
from quietgrid.keyholder.parts import Parts
from quietgrid.keyholder.server.desk import HANDLERS, Desk, where_it_broke
from quietgrid.keyholder.service import Keyholder
from quietgrid.model.closed import GateRules
from quietgrid.model.interval import DAY_S, Clock, SystemClock
from quietgrid.store import open_keyholder
from quietgrid.wire.links import PeerLink
from quietgrid.wire.messages import CommunityCard, Signed

LOG = logging.getLogger("quietgrid.keyholder")
_CARRY_ON, _APPROVE = "carry-on", "approve-recovery"
LISTEN_EVERY = 5
"""Rounds of the background between two questions to the peers about recoveries; every round while one is open."""
STOP_S = 1.7
"""After SIGTERM the process is gone after so many seconds, whatever it was doing: every step is crash-safe."""


class Background:
    """What a keyholder does by itself: catch up with its peers, warm the kernel, forget old days.

    It also does what its operator wrote into its folder (`order_carry_on`): who can write there holds its keys anyway.
    """

    def __init__(self, keyholder: Keyholder, folder: Path | None = None, pause: float = 0.5) -> None:
        self._keyholder = keyholder
        self._folder = folder
        self._pause = pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyholder background", daemon=True)
        self._rounds = 0
        self.ready = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; does not wait for a call to a peer."""
        self._stop.set()
        self._thread.join(timeout=0.2)

    def _obey(self) -> None:
        """Take the operator's order to go on without a peer, if there is one."""
        if self._folder is None:
            return
        self._approve(self._folder)
        path = self._folder / _CARRY_ON
        try:
            peer, hours = msgspec.json.decode(path.read_bytes(), type=tuple[int, float])
        except FileNotFoundError:
            return
        except msgspec.MsgspecError:
            path.unlink()
            raise ConfigError("an order that cannot be read", where=str(path), fix="give it again") from None
        path.unlink()
        self._keyholder.carry_on(peer, self._keyholder.parts.clock.now() + hours * 3600)

    def _approve(self, folder: Path) -> None:
        """Take the operator's approvals of new household keys; an order goes once it is done or cannot be."""
        for path in sorted(folder.glob(f"{_APPROVE}.*")):
            if path.suffix == ".new":
                continue
            try:
                request, days = msgspec.msgpack.decode(path.read_bytes(), type=tuple[Signed, float])
                self._keyholder.approve_recovery(request, days)
            except msgspec.MsgspecError:
                path.unlink()
                raise ConfigError("an order that cannot be read", where=str(path), fix="give it again") from None
            except QuietgridError:
                path.unlink()
                raise
            path.unlink()
            self._keyholder.hear_recoveries()

    def _listen(self) -> None:
        """Hear which recoveries the peers know of."""
        self._rounds += 1
        if self._keyholder.recovery_pending or self._rounds % LISTEN_EVERY == 1:
            self._keyholder.hear_recoveries()

    def _run(self) -> None:
        pause, erased = self._pause, -1
        warm = False
        while not self._stop.is_set():
            try:
                self._listen()
                if not self.ready:
                    self.ready = self._keyholder.catch_up()
                self._obey()
                today = int(self._keyholder.parts.clock.now()) // DAY_S
                if today != erased:
                    self._keyholder.erase_old_days()
                    erased = today
            except QuietgridError as error:
                LOG.warning("in the background: %s: %s", type(error).__name__, error.what)
            if not warm:
                masks.warm()
                warm = True
            self._stop.wait(1.0 if self.ready else pause)
            pause = min(pause * 1.5, 5.0)


def order_carry_on(folder: Path, peer: int, hours: float) -> None:
    """Its operator confirms that a keyholder answers although a peer stays away (PROTOCOL C, A2).

    Args:
        folder: The keyholder's own; its process reads the order within a second or two.
        peer: Who is away. hours: how long, from then on.
    """
    fresh = folder / (_CARRY_ON + ".new")
    fresh.write_bytes(msgspec.json.encode((peer, hours)))
    os.replace(fresh, folder / _CARRY_ON)


def order_recovery(folder: Path, request: Signed, days: float) -> Path:
    """Its operator has seen the person behind new household keys and approves them; the order's file.

    Args:
        folder: The keyholder's own; its process takes the order within a second or two and removes the file.
        request: Signed `RecoveryRequest`. days: how long the approval counts.
    """
    path = folder / f"{_APPROVE}.{request.hash().hex()[:20]}"
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.msgpack.encode((request, days)))
    os.replace(fresh, path)
    return path


def create_app(keyholder: Keyholder, clock: Clock | None = None, folder: Path | None = None) -> Starlette:
    """The ASGI app of one keyholder.

    Args:
        keyholder: Opened. clock: The machine's time, for the age of households' signed requests (the keyholder's own
            clock may be a simulated one). folder: where its operator's orders are looked for.
    """
    background = Background(keyholder, folder)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        background.start()
        yield
        background.stop()

    routes = Desk(keyholder, clock or SystemClock()).routes(lambda: background.ready)
    return Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan)


@dataclass
class Seat:
    """Where one keyholder lives and whom it serves.

    Args:
        folder: Its own: ``identity.key``, ``sealing.key``, ``keyholder.db``, ``keys/``.
        card: The community. index: 0, 1 or 2. peers: links to the other two.
        clock: Time of the community. rules: the gate's numbers.
    """

    folder: Path
    card: CommunityCard
    index: int
    peers: list[PeerLink] = field(default_factory=list)
    clock: Clock = field(default_factory=SystemClock)
    rules: GateRules = field(default_factory=GateRules)

    def open(self) -> Keyholder:
        """The keyholder in this folder.

        Raises:
            ConfigError: no keys here, or not those the card names. ConflictError: another process has it open.
        """
        if not 0 <= self.index < 3:
            raise ConfigError(f"there is no keyholder {self.index}", where="index", fix="use 0, 1 or 2")
        for name in ("identity.key", "sealing.key"):
            if not (self.folder / name).exists():
                raise ConfigError(
                    "this keyholder has no keys yet",
                    where=str(self.folder / name),
                    fix="run `quietgrid keyholder init`",
                )
        identity = Identity.load_or_create(self.folder / "identity.key")
        kem = PrivateKem.load_or_create(self.folder / "sealing.key")
        card = self.card
        if (identity.public, kem.public) != (card.keyholder_pks[self.index], card.keyholder_kems[self.index]):
            raise ConfigError(
                f"the card names other keys for keyholder {self.index}", where=str(self.folder),
                fix="check the index, or get the newest card",
            )  # fmt: skip
        return Keyholder(
            Parts(
                self.index, card, identity, kem, open_keyholder(self.folder / "keyholder.db", self.clock),
                KeyFiles(self.folder / "keys"), self.clock, self.rules, self.peers,
            )
        )  # fmt: skip


class Quiet(logging.Filter):
    """Keeps messages of unforeseen errors out of the server's log: they could quote a body."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Kind and place instead of message and traceback."""
        if record.exc_info and record.exc_info[1]:
            record.msg, record.args = where_it_broke(record.exc_info[1]), ()
            record.exc_info = None
        return True


class _Server(uvicorn.Server):
    """Says when it is ready; ends on SIGTERM and SIGINT without waiting for anyone."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
        last = threading.Timer(STOP_S, os._exit, (0,))
        last.daemon = True
        last.start()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 picks a free one.

    Raises:
        UnavailableError: the port is taken or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise UnavailableError(
            "the port cannot be used", where=f"{host}:{port}", fix="stop who has it, or choose another (0 picks one)"
        ) from error
    return bound


def serve(seat: Seat, host: str = "127.0.0.1", port: int = 0, announce: Callable[[str], None] = LOG.info) -> None:
    """Run one keyholder until SIGTERM or SIGINT; gone within two seconds then.

    Args:
        seat: Which. host, port: where it listens (0 picks a port). announce: told the address once it answers.

    Raises:
        ConfigError, ConflictError: see `Seat.open`. UnavailableError: the port is taken.
    """
    bound = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{bound.getsockname()[1]}"
    try:
        keyholder = seat.open()
    except QuietgridError:
        bound.close()
        raise
    logging.getLogger("uvicorn.error").addFilter(Quiet())
    app = create_app(keyholder, folder=seat.folder)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="on", loop="asyncio", http="h11",
        ws="none", server_header=False, limit_concurrency=128, timeout_keep_alive=75, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(config, lambda: announce(url))
    try:
        server.run(sockets=[bound])
    finally:
        keyholder.parts.store.close()
        keyholder.parts.keys.close()

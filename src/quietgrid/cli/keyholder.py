"""`quietgrid keyholder`: one of the three bodies that add up masks behind the gate."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from quietgrid.cli.output import Json, command_app, emit
from quietgrid.errors import ConfigError

if TYPE_CHECKING:
    from quietgrid.wire.messages import CommunityCard

app = command_app("keyholder", "Be one of the three keyholders.")
Peer = Annotated[
    list[str] | None, Parameter(name="--peer", negative="", help="A peer as INDEX=URL; once for each of the two.")
]


@app.command
def serve(
    *,
    index: int,
    state: Path | None = None,
    folder: Path | None = None,
    card: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    peer: Peer = None,
    demo_clock: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> int:
    """Run one keyholder until SIGTERM or Ctrl-C.

    Prints its address once it answers.

    Args:
        index: 0 household association, 1 grid operator's privacy office, 2 regulator.
        state: The state folder of a demo; that of the settings unless told.
        folder: Its own folder; STATE/keyholders/INDEX unless told.
        card: The community card; STATE/community.card unless told.
        host: Address to listen on.
        port: Port to listen on; 0 picks one.
        demo_clock: Take the time from STATE/clock, the demo's, instead of from the machine.
    """
    from quietgrid.client.keyholders import HttpPeer
    from quietgrid.keyholder.server import Seat
    from quietgrid.keyholder.server import serve as run
    from quietgrid.model.interval import SystemClock
    from quietgrid.runtime.clock import ClockFile
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for chatty in ("httpx", "httpcore", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
    folders = Folders(state or settings.state)
    community = read_card(card or folders.card)
    peers = [HttpPeer(i, url, community.keyholder_pks[i]) for i, url in _peers(index, peer or [])]
    place = folder or folders.keyholder(index)
    clock = ClockFile(folders.state / "clock") if demo_clock else SystemClock()
    seat = Seat(place, community, index, list(peers), clock, settings.rules())

    def announce(url: str) -> None:
        emit(as_json, {"index": index, "url": url, "pid": os.getpid()}, [f"keyholder {index} answers at {url}"])
        sys.stdout.flush()

    run(seat, host, port, announce)
    return 0


@app.command
def init(folder: Path, *, as_json: Json = False) -> int:
    """Make a keyholder's two keys, once, and print the public halves.

    They go on the community card; the secret halves never leave the folder.

    Args:
        folder: Its own folder.
    """
    from quietgrid.runtime.founding import body

    keys = body(folder)
    data = {"folder": str(folder), "signing": keys.identity.public.hex(), "sealing": keys.kem.public.hex()}
    emit(as_json, data, [f"signing  {data['signing']}", f"sealing  {data['sealing']}"])
    return 0


@app.command(name="carry-on")
def carry_on(
    peer: int,
    *,
    index: int,
    hours: float = 24.0,
    state: Path | None = None,
    folder: Path | None = None,
    as_json: Json = False,
) -> int:
    """Confirm that a keyholder answers although a peer stays away.

    Two keyholders answer by themselves for a day. After that both of their operators have to confirm.

    Args:
        peer: The keyholder that is away.
        index: The keyholder that goes on.
        hours: How long.
        state: The state folder of a demo; that of the settings unless told.
        folder: The keyholder's own folder; STATE/keyholders/INDEX unless told.
    """
    from quietgrid.keyholder.server import order_carry_on
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders

    place = folder or Folders(state or load().state).keyholder(index)
    if peer not in (0, 1, 2) or peer == index or not 0 < hours <= 24 * 31:
        raise ConfigError(
            "this cannot be confirmed", where=f"keyholder {peer}", fix="name another one, and up to 744 h"
        )
    if not (place / "identity.key").exists():
        raise ConfigError("this keyholder has no keys here", where=str(place), fix="run it where its folder is")
    order_carry_on(place, peer, hours)
    said = f"keyholder {index} goes on without keyholder {peer} for {hours:g} hours; the other operator has to agree"
    emit(as_json, {"index": index, "peer": peer, "hours": hours}, [said])
    return 0


@app.command(name="approve-recovery")
def approve_recovery(
    file: Path,
    *,
    index: int,
    days: float = 3.0,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    state: Path | None = None,
    folder: Path | None = None,
    card: Path | None = None,
    as_json: Json = False,
) -> int:
    """Approve new keys of a household that lost its own, after you have seen who it is.

    Whoever holds these keys gets the home: its last 100 days, and all that comes. It takes two keyholders, and the
    home's ledger will say who approved. Compare the fingerprint with the one the person shows you.

    Args:
        file: The request, as `quietgrid household recover HOME --new` wrote it.
        index: The keyholder that approves.
        days: How long the approval counts, up to 31.
        state: The state folder of a demo; that of the settings unless told.
        folder: The keyholder's own folder; STATE/keyholders/INDEX unless told.
        card: The community card; STATE/community.card unless told.
    """
    from datetime import UTC, datetime

    from quietgrid.keyholder.server import order_recovery
    from quietgrid.lab.recovery import load_request
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card
    from quietgrid.wire.recovery import MAX_DAYS, fingerprint, open_request

    folders = Folders(state or load().state)
    place = folder or folders.keyholder(index)
    if not 0 < days <= MAX_DAYS:
        raise ConfigError("an approval cannot last so long", where="--days", fix=f"give up to {MAX_DAYS:g} days")
    if not (place / "identity.key").exists():
        raise ConfigError("this keyholder has no keys here", where=str(place), fix="run it where its folder is")
    signed = load_request(file)
    request = open_request(signed, read_card(card or folders.card).community)
    code = fingerprint(signed.hash())
    made = f"{datetime.fromtimestamp(request.at, UTC):%Y-%m-%d %H:%M} UTC"
    if not yes:
        print(f"home {request.home} asks for new keys, made {made}\n\n  {code}\n", file=sys.stderr)
        print("Is this the household of the home, and are these its letters? yes or no: ", end="", file=sys.stderr)
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() != "yes":
            raise ConfigError("not approved", where=str(file), fix="answer yes, or give --yes")
    order_recovery(place, signed, days)
    data = {"index": index, "home": request.home, "fingerprint": code, "days": days}
    said = f"keyholder {index} approves the new keys of home {request.home} for {days:g} days; another one has to agree"
    emit(as_json, data, [said])
    return 0


@app.command
def rotate(index: int, *, state: Path | None = None, as_json: Json = False) -> int:
    """Replace a keyholder's sealing key.

    A stolen key could open old enrolments that somebody recorded; the old one is overwritten. Meters that are enrolled
    stay enrolled, those enrolled from now on pin the new fingerprint. Stop the keyholder before, start it afterwards.

    Args:
        index: Which keyholder.
        state: The state folder, of which this operator has all of; that of the settings unless told.
    """
    from quietgrid.runtime.config import load
    from quietgrid.runtime.founding import Folders, read_card

    folders = Folders(state or load().state)
    before = read_card(folders.card)
    if not 0 <= index < 3:
        raise ConfigError(f"there is no keyholder {index}", where="index", fix="use 0, 1 or 2")
    after = _rotate(folders.keyholder(index), folders.platform, folders.card, index)
    data = {"index": index, "before": before.fingerprint().hex(), "fingerprint": after.fingerprint().hex()}
    text = [
        f"keyholder {index} has a new sealing key; the old one is overwritten",
        f"fingerprint  {data['fingerprint']}",
        "start the keyholder and the platform again; enter this fingerprint at meters that are new",
    ]
    emit(as_json, data, text)
    return 0


def _rotate(folder: Path, platform: Path, path: Path, index: int) -> CommunityCard:
    """New key, then a new card signed by the platform; a crash in between is mended by rotating again."""
    import msgspec

    from quietgrid.crypto.public.envelope import pack_signed
    from quietgrid.crypto.public.sealing import HYBRID, X25519
    from quietgrid.crypto.secret.slotfile import SlotFile
    from quietgrid.crypto.unseal import PrivateKem
    from quietgrid.runtime.founding import identity, read_card

    card = read_card(path)
    if not (folder / "sealing.key").exists():
        raise ConfigError("this keyholder has no keys here", where=str(folder), fix="run it where its folder is")
    slots = folder / "keys" / "slots"
    lock = SlotFile(slots) if slots.exists() else None
    try:
        kind = X25519 if card.keyholder_kems[index][0] == 1 else HYBRID
        fresh = PrivateKem.load_or_create(folder / "sealing.next", kind)
        kems = [fresh.public if at == index else kem for at, kem in enumerate(card.keyholder_kems)]
        renewed = msgspec.structs.replace(card, keyholder_kems=kems)
        os.replace(folder / "sealing.key", folder / "sealing.old")
        os.replace(folder / "sealing.next", folder / "sealing.key")
        _shred(folder / "sealing.old")
        new = path.with_suffix(".new")
        new.write_bytes(pack_signed(identity(platform).sign(renewed)))
        os.replace(new, path)
    finally:
        if lock is not None:
            lock.close()
    return renewed


def _shred(path: Path) -> None:
    """Overwrite a file in place, down to the disk, and remove it."""
    with open(path, "r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def _peers(index: int, given: list[str]) -> list[tuple[int, str]]:
    """``INDEX=URL`` words as pairs, the two others of this keyholder."""
    found: dict[int, str] = {}
    for word in given:
        number, _, url = word.partition("=")
        if number not in ("0", "1", "2") or int(number) == index or not url.startswith(("http://", "https://")):
            raise ConfigError("this is no peer", where=f"--peer {word}", fix="write INDEX=URL, such as 1=http://host:1")
        found[int(number)] = url
    if len(found) != 2:
        raise ConfigError("a keyholder has two peers", where="--peer", fix="give --peer INDEX=URL for both")
    return sorted(found.items())

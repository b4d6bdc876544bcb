"""`quietgrid feed`: what reporters agree on; being one of the reporters."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path
from types import FrameType

from quietgrid.cli.output import Json, command_app, emit, table

app = command_app("feed", "See what reporters agree on; be a reporter.")


@app.command(name="list")
def list_(*, as_json: Json = False) -> int:
    """List the feeds: their unit, how many reporters must agree, when an answer is too old."""
    from quietgrid.model.feed import FEEDS

    data = [
        {"feed": f.name, "label": f.label, "unit": f.unit, "decimals": f.decimals, "contract": f.contract,
         "quorum": f.terms.quorum, "large_quorum": f.terms.large_quorum, "heartbeat_s": f.terms.heartbeat_s}
        for f in FEEDS.values()
    ]  # fmt: skip
    rows = [
        [f.name, f.label, f.unit, f.contract or "none", f.terms.quorum, f.terms.heartbeat_s] for f in FEEDS.values()
    ]
    emit(as_json, {"feeds": data}, table(["feed", "what", "unit", "oracle", "agree", "stale after s"], rows))
    return 0


@app.command
def status(*, state: Path | None = None, as_json: Json = False) -> int:
    """Say what is known: each feed's newest answer, how old it is, who agreed and who did not.

    Args:
        state: Folder of databases and keys.
    """
    from quietgrid.errors import ConfigError
    from quietgrid.runtime.config import load
    from quietgrid.runtime.feed_views import feed_views
    from quietgrid.runtime.feeding import ReporterFolders
    from quietgrid.runtime.founding import Folders, platform_database
    from quietgrid.store import open_platform

    settings = load()
    folder = state or settings.state
    database = platform_database(Folders(folder), settings.database)
    if isinstance(database, Path) and not database.exists():
        raise ConfigError("there is no community here", where=str(database), fix="run `quietgrid up`")
    store = open_platform(database)
    try:
        with store.read() as tx:
            found = feed_views(tx, ReporterFolders(folder / "reporters").addresses(), time.time())
    finally:
        store.close()
    data = [
        {"feed": v.feed.name, "state": v.state, "unit": v.feed.unit, "on_chain": v.on_chain, "chain_round": v.round_id,
         "answer": v.answer.answer if v.answer else None,
         "value": v.feed.shown(v.answer.answer) if v.answer else None, "round": v.answer.round_id if v.answer else None,
         "observed_at": v.answer.observed_at if v.answer else None, "age_s": v.age_s,
         "interval": v.answer.interval if v.answer else None,
         "reporters": [{"address": r.address, "name": r.name, "state": r.state} for r in v.reporters]}
        for v in found
    ]  # fmt: skip
    rows = [
        [v.feed.name, f"{v.feed.shown(v.answer.answer)} {v.feed.unit}" if v.answer else "no answer yet", v.state,
         "" if v.age_s is None else f"{v.age_s} s", v.answer.round_id if v.answer else "", v.on_chain,
         ", ".join(f"{r.name} {r.state}" for r in v.reporters if r.state != "agreed") or "all agree"]
        for v in found
    ]  # fmt: skip
    head = ["feed", "answer", "state", "age", "round", "on the chain", "reporters"]
    emit(as_json, {"feeds": data}, table(head, rows))
    return 0


@app.command
def init(*, index: int, state: Path = Path("state"), as_json: Json = False) -> int:
    """Make a reporter's key, and say its address: what a vote makes a reporter.

    Args:
        index: Which of the reporters.
        state: Its folder is STATE/reporters/INDEX.
    """
    from quietgrid.chain.reports import ReporterKey

    folder = state / "reporters" / str(index)
    address = ReporterKey.load_or_create(folder / "key").address
    (folder / "address").write_text(address + "\n", encoding="ascii")
    emit(as_json, {"address": address, "folder": str(folder)}, [address])
    return 0


@app.command
def report(
    *, index: int, platform: str, state: Path | None = None, sources: Path | None = None,
    contracts: Path | None = None, chain_id: int = 0, demo_clock: bool = False, poll: float = 2.0,
) -> int:  # fmt: skip
    """Be a reporter until SIGTERM: watch the sources, sign what the platform asks for, hand it over.

    Args:
        index: Which of the reporters; its key is in STATE/reporters/INDEX.
        platform: Address of the platform.
        state: Folder of reporters.
        sources: What to watch; STATE/reporters/INDEX/sources.toml unless told.
        contracts: Address book of the oracles; without it reports count on no chain.
        chain_id: The chain they are on; the only one of the book unless told.
        demo_clock: Follow the clock of the demo in STATE.
        poll: Seconds between two looks.
    """
    import os

    from quietgrid.chain.reports import ReporterKey
    from quietgrid.feeds.reporter import Reporter, places, run
    from quietgrid.feeds.sources import read_sources
    from quietgrid.runtime.clock import ClockFile

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    folder = state or Path(os.environ.get("QUIETGRID_STATE", "state"))  # without the settings, which are slow to load
    own = folder / "reporters" / str(index)
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    community = ClockFile(folder / "clock").now if demo_clock else time.time
    key, watched = ReporterKey.load_or_create(own / "key"), read_sources(sources or own / "sources.toml")
    run(Reporter(key, watched, places(contracts, chain_id), community), platform, lambda: bool(stopping), poll)
    return 0

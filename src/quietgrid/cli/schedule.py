"""`quietgrid schedule`: plan a storage in whole steps, in plain or on ciphertexts; the demo's storage stations."""

from __future__ import annotations

import csv
import logging
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from quietgrid.cli.output import Json, command_app, emit, progress, table
from quietgrid.errors import ConflictError, InputError, SourceError

if TYPE_CHECKING:
    from quietgrid.algorithms.schedule.encrypted import Private, Terms

app = command_app("schedule", "Plan a storage: from a file of loads, in plain or on ciphertexts.")
WORDS = {1: "charge", 0: "rest", -1: "give"}
MOST_ROWS = 96


@app.default
def schedule(
    loads: Path,
    *,
    algorithm: str = "shave",
    encrypted: bool = False,
    capacity: int = 6,
    step_wh: int = 0,
    limit_wh: int = 0,
    level: int = 0,
    picks: int = 0,
    as_json: Json = False,
) -> int:
    """Plan a storage from a file of loads.

    The file is a CSV with one row an interval and a header: load_wh, and price (millionths a kWh) or cost (0 to 255)
    where the algorithm needs one. A storage charges one step, gives one or rests in each interval.

    Args:
        loads: The file.
        algorithm: See `quietgrid schedule algorithms`.
        encrypted: Compute on ciphertexts, as a server would that cannot read them; needs `make fhe`.
        capacity: Steps the storage holds.
        step_wh: Energy of a step; a sixth of the highest load unless told.
        limit_wh: Most the connection carries in an interval; six steps unless told.
        level: Steps in it at the start.
        picks: In how many intervals to charge, and to give, where the algorithm picks; a quarter unless told.
    """
    from quietgrid.algorithms.schedule.steps import carry_out
    from quietgrid.balance.storing import planner

    private, terms = _question(loads, level, (capacity, step_wh, limit_wh), picks)
    way = planner(algorithm)
    moves, how = way.plain(private, terms), {}
    if encrypted:
        from quietgrid.lab.scheduling import OneStation

        done = OneStation().plan(way, private, terms)
        if done.moves != moves:
            raise ConflictError("the encrypted plan differs from its twin", where=algorithm, fix="please report it")
        how = {"question_bytes": done.up_bytes, "answer_bytes": done.down_bytes, "cpu_s": round(done.cpu_s, 2)}
    after, left = carry_out(private.load_wh, moves, private.level * terms.steps.step_wh, terms.steps)
    before = private.load_wh
    data = {
        "algorithm": algorithm, "words": way.words, "encrypted": encrypted, **how, "moves": list(moves),
        "before_wh": list(before), "after_wh": list(after), "peak_before_wh": max(before), "peak_after_wh": max(after),
        "left_wh": left,
    }  # fmt: skip
    rows = [[t, before[t], WORDS[moves[t]], after[t]] for t in range(len(moves))]
    text = table(["interval", "load Wh", "storage", "after Wh"], rows)
    text.append(f"highest interval: {max(before)} Wh before, {max(after)} Wh after; {left} Wh are left in the storage")
    if encrypted:
        text.append(
            f"computed on {how['question_bytes']:,} bytes of ciphertext in {how['cpu_s']} CPU seconds; "
            "the same as in plain"
        )
    emit(as_json, data, text)
    return 0


@app.command
def algorithms(*, as_json: Json = False) -> int:
    """List every way to plan and what is private in it."""
    from quietgrid.balance.storing import planners

    known = {name: one.words for name, one in planners().items()}
    emit(as_json, {"algorithms": known}, table(["algorithm", "what it does"], [[k, v] for k, v in known.items()]))
    return 0


@app.command
def check(series: Path, *, days: int = 50, algorithm: str = "", as_json: Json = False) -> int:
    """Plan whole days of imported readings on ciphertexts and hold each against its twin.

    Args:
        series: What `quietgrid import` wrote.
        days: How many station-days, spread over the series.
        algorithm: One of them; every one in turn unless told.
    """
    from quietgrid.balance.storing import planner, planners
    from quietgrid.lab.scheduling import check as compare
    from quietgrid.lab.scheduling import station_days
    from quietgrid.runtime.series_file import load_series

    ways = {algorithm: planner(algorithm)} if algorithm else planners()
    rows = station_days(load_series(series).readings, days)
    with progress("station-days", len(rows)) as advance:
        found = compare(rows, ways, advance)
    equal = sum(bool(row["equal"]) for row in found)
    moves = sum(int(str(row["moves"])) for row in found)
    text = [f"{equal} of {len(found)} encrypted plans equal their twins; their storages work in {moves} hours"]
    emit(as_json, {"station_days": len(found), "equal": equal, "moves": moves, "rows": found}, text)
    return 0 if equal == len(found) else ConflictError.exit_code


@app.command
def stations(*, platform: str, algorithm: str = "shave", state: Path | None = None) -> int:
    """Run the demo's storage stations until SIGTERM.

    Args:
        platform: Address of the platform.
        algorithm: How they have their storages planned.
        state: Folder of databases and keys.
    """
    from quietgrid.lab.stations import run
    from quietgrid.runtime.config import load

    settings = load()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stopping: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    run(state or settings.state, platform, lambda: bool(stopping), algorithm)
    return 0


def _question(path: Path, level: int, sizes: tuple[int, int, int], picks: int) -> tuple[Private, Terms]:
    """What a file asks for.

    Raises:
        SourceError: it cannot be read. InputError: sizes that cannot be.
    """
    from quietgrid.algorithms.schedule.encrypted import Private, Terms
    from quietgrid.algorithms.schedule.steps import Steps

    columns = _columns(path)
    load = columns["load_wh"]
    if min(load) < 0:
        raise InputError("a load below zero", where=str(path), fix="give what is drawn, without what is fed in")
    step = sizes[1] or max(1, -(-max(load) // 6))
    steps = Steps(sizes[0], step, sizes[2] or 6 * step)
    terms = Terms(len(load), steps, columns.get("price", ()), picks or max(1, len(load) // 4))
    return Private(load, level, columns.get("cost", ())), terms


def _columns(path: Path) -> dict[str, tuple[int, ...]]:
    """The columns of whole numbers in a file."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for _, row in zip(range(MOST_ROWS + 1), csv.DictReader(file), strict=False)]
        names = [name for name in ("load_wh", "price", "cost") if rows and name in rows[0]]
        found = {name: tuple(int(row[name]) for row in rows) for name in names}
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
        raise SourceError(
            "the file of loads cannot be read", where=str(path), fix="whole numbers under a header"
        ) from error
    if "load_wh" not in found or not 2 <= len(rows) <= MOST_ROWS:
        raise SourceError("not a file of loads", where=str(path), fix="a column load_wh, 2 to 96 rows")
    return found

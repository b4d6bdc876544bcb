"""Durable ingest through HTTP: sealed frames into segments, beside a row per reading in SQLite and in PostgreSQL.

Each store runs behind uvicorn in a process of its own and gets the same requests: frames of 96 readings. It answers
once its commit has returned (SQLite: WAL, synchronous=FULL). Ours checks every MAC, de-duplicates, and signs a
receipt; the peers only unpack and insert. At the end every server is killed with SIGKILL, and what it acknowledged is
counted on disk. Wall time, since concurrency of client, server and disk is the point; a ratio
is the median over rounds of ours beside the peer in the same round, so that a busy machine is unfair to both alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import queue
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cluster import Cluster, NoPostgres
from benchmarks.measure import bar
from quietgrid.concentrator import Concentrator
from quietgrid.crypto.public.envelope import pack_signed
from quietgrid.crypto.public.signatures import Identity
from quietgrid.errors import VerificationError
from quietgrid.model import FrameHead, ManualClock
from quietgrid.store import Cut, MeterRow, PlatformStore, open_platform
from quietgrid.wire.frame import Frames, pack_frames, parse_frames

NAME = "ingest"
BAR = 20
DAY, SLOTS = 20_000, 96
CONNECTIONS = 2
Handler = Callable[[bytes], bytes]
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COLUMNS = ("meter", "register", "slot", "version", "value", "accepted_at")
KEY = "meter, register, slot, version"
COPY_ROW = np.dtype([("n", ">i2")] + [field for name in COLUMNS for field in ((f"{name}_n", ">i4"), (name, ">i8"))])


def run(quick: bool) -> dict[str, Any]:
    """Ours and the peers in turns, the same frames, over the same number of connections."""
    meters, per_request, rounds = (400, 200, 1) if quick else (10_000, 1_000, 5)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = {"ours": str(folder / "ours.db"), "rows": str(folder / "rows.db")}
        reason = ""
        try:
            cluster = Cluster()
            stack.callback(cluster.stop)
            places["copy"] = cluster.database("ingest").replace("postgresql+psycopg", "postgresql")
        except NoPostgres as error:
            reason = f" No PostgreSQL: {error}."
        pids, keys = _enrol(places["ours"], meters)
        servers = {kind: stack.enter_context(_server(kind, place)) for kind, place in places.items()}
        speeds: dict[str, list[float]] = {kind: [] for kind in servers}
        for number in range(rounds + 1):
            requests = _requests(DAY + number, pids, keys, per_request)
            for kind, (_, port) in servers.items():
                speed = meters * SLOTS / _send(port, requests)
                if number:  # the first round warms up
                    speeds[kind].append(speed)
        for process, _ in servers.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        sent = meters * SLOTS * (rounds + 1)
        for kind, place in places.items():
            kept = COUNTS[kind](place, rounds + 1, meters)
            if kept != sent:
                raise VerificationError(f"{kind} lost readings", where=f"{kept} of {sent}", fix="look at its commits")
    median = {kind: statistics.median(values) for kind, values in speeds.items()}
    names = {"rows": "SQLite, a row a reading", "copy": "PostgreSQL, COPY of rows"}
    peers = {names[kind]: {"readings_per_s": round(value)} for kind, value in median.items() if kind != "ours"}
    pairs = {kind: zip(speeds["ours"], values, strict=True) for kind, values in speeds.items() if kind != "ours"}
    times = {kind: statistics.median(ours / peer for ours, peer in pair) for kind, pair in pairs.items()}
    ratios = {names[kind]: round(value, 1) for kind, value in times.items()}
    return {
        "name": NAME,
        "work": f"{meters} meters x 96 readings a round, {rounds} rounds, {per_request} frames a request",
        "ours": {"readings_per_s": round(median["ours"]), "frames_per_s": round(median["ours"] / SLOTS)},
        "peers": peers,
        "ratios": ratios,
        "bars": [bar("times the readings/s of a row a reading", BAR, times["rows"])],
        "note": f"{CONNECTIONS} connections on loopback; all acknowledged readings were on disk after SIGKILL. Ours "
        f"includes the MAC check, de-duplication, Merkle tree and signed receipt; the peers do none of these.{reason}",
    }


def _enrol(place: str, meters: int) -> tuple[NDArray[np.uint64], list[bytes]]:
    pids = np.random.default_rng(1).permutation(meters).astype(np.uint64) + 1
    keys = [row.to_bytes(32, "little") for row in range(meters)]
    store = open_platform(place)
    with store.begin() as tx:
        tx.registry.add_meters([MeterRow(int(pid), int(pid), 1, DAY, bytes(32), b"") for pid in pids])
        tx.registry.put_acks([(int(pid), keyholder, b"") for pid in pids for keyholder in range(3)])
        tx.registry.put_keys([(int(pid), key) for pid, key in zip(pids, keys, strict=True)])
    store.close()
    return pids, keys


def _requests(day: int, pids: NDArray[np.uint64], keys: list[bytes], per_request: int) -> list[bytes]:
    """A day of every meter, as it would arrive: shuffled, `per_request` frames in a body."""
    rng = np.random.default_rng(day)
    body = rng.integers(0, 2**64, (len(pids), 1, SLOTS), np.uint64)
    frames = pack_frames(
        FrameHead(900, 1, day, 0, 0, 0, SLOTS, 0), pids, np.full(len(pids), day, np.uint64), body, keys
    )
    order = rng.permutation(len(frames))
    return [b"".join(frames[n] for n in order[at : at + per_request]) for at in range(0, len(order), per_request)]


def _send(port: int, requests: list[bytes]) -> float:
    """Post all requests over a few connections; seconds until the last acknowledgement."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for request in requests:
        waiting.put(request)
    failures: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.closing(connection), contextlib.suppress(queue.Empty):
            while True:
                connection.request("POST", "/frames", waiting.get_nowait())
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    failures.append(text.decode())

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    if failures:
        raise VerificationError("a request was refused", where=failures[0], fix="see the server's output")
    return seconds


@contextlib.contextmanager
def _server(kind: str, place: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.ingest", kind, place, str(port)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise VerificationError("a server did not start", where=kind, fix="see its output")
            time.sleep(0.05)
        yield process, port
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _serve(kind: str, place: str, port: int) -> None:
    """One handler behind uvicorn: POST a body, get the handler's answer."""
    import uvicorn

    handle = HANDLERS[kind](place)

    async def app(
        scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        chunks, more = [], True
        while more:
            message = await receive()
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        answer = await asyncio.to_thread(handle, b"".join(chunks))
        headers = [(b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    sys.setswitchinterval(0.0005)  # the event loop must not wait 5 ms for a busy worker at every chunk
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")


def _ours(place: str) -> Handler:
    store = open_platform(place)
    clock = ManualClock((DAY + 60) * 86_400.0)
    concentrator = Concentrator(store, Identity.generate(), clock, bytes(16), lambda blob, _info: blob)

    def handle(body: bytes) -> bytes:
        accepted = concentrator.accept(body)
        if accepted.receipt is None or accepted.status.any():
            raise VerificationError("a frame was not stored", where="ingest", fix=accepted.reasons[0])
        return pack_signed(accepted.receipt)

    return handle


def _columns(frames: Frames, accepted_at: int) -> list[NDArray[np.int64]]:
    """What our segments hold of every reading: meter, register, slot, version, value, accepted at."""
    head = frames.head
    slots = head["day"].astype(np.int64)[:, np.newaxis] * SLOTS + np.arange(SLOTS)
    meter, version = (np.repeat(head[name].astype(np.int64), SLOTS) for name in ("pid", "version"))
    value = frames.words.view(np.int64).reshape(-1)
    return [meter, np.zeros_like(value), slots.reshape(-1), version, value, np.full_like(value, accepted_at)]


def _rows(place: str) -> Handler:
    connection = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):  # as ours
        connection.execute(f"PRAGMA {pragma}")
    columns = ", ".join(f"{name} INTEGER NOT NULL" for name in COLUMNS)
    connection.execute(f"CREATE TABLE reading ({columns}, PRIMARY KEY ({KEY})) STRICT, WITHOUT ROWID")
    lock = threading.Lock()

    def handle(body: bytes) -> bytes:
        rows = zip(*(column.tolist() for column in _columns(parse_frames(body), int(time.time()))), strict=True)
        with lock:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO reading VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        return b"ok"

    return handle


def _copy(place: str) -> Handler:
    import psycopg

    connection = psycopg.connect(place, autocommit=True)
    columns = ", ".join(f"{name} int8 NOT NULL" for name in COLUMNS)
    connection.execute(f"CREATE TABLE reading ({columns}, PRIMARY KEY ({KEY}))".encode())
    lock = threading.Lock()

    def handle(body: bytes) -> bytes:
        values = _columns(parse_frames(body), int(time.time()))
        rows = np.zeros(len(values[0]), COPY_ROW)
        rows["n"] = len(COLUMNS)
        for name, column in zip(COLUMNS, values, strict=True):
            rows[f"{name}_n"], rows[name] = 8, column
        with lock, connection.cursor().copy("COPY reading FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(COPY_HEAD + rows.tobytes() + b"\xff\xff")
        return b"ok"

    return handle


def _count_ours(place: str, days: int, meters: int) -> int:
    store: PlatformStore = open_platform(place)
    with store.read() as tx:
        kept = sum(int((tx.segments.presence(Cut(DAY + n, 0, 900), meters) == 0).sum()) for n in range(days))
    store.close()
    return kept


def _count_rows(place: str, _days: int, _meters: int) -> int:
    with contextlib.closing(sqlite3.connect(place)) as connection:
        return int(connection.execute("SELECT count(*) FROM reading").fetchone()[0])


def _count_copy(place: str, _days: int, _meters: int) -> int:
    import psycopg

    with psycopg.connect(place) as connection:
        row = connection.execute("SELECT count(*) FROM reading").fetchone()
        return int(row[0]) if row else 0


HANDLERS: dict[str, Callable[[str], Handler]] = {"ours": _ours, "rows": _rows, "copy": _copy}
COUNTS: dict[str, Callable[[str, int, int], int]] = {"ours": _count_ours, "rows": _count_rows, "copy": _count_copy}


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))

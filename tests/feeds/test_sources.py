"""Where reporters look: files, services, units, replays."""

from __future__ import annotations

import csv
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from quietgrid.demo.feeds import write_series
from quietgrid.errors import ConfigError, NotFoundError, SourceError, UnavailableError
from quietgrid.feeds import read_sources
from quietgrid.feeds.sources import WEEK_S, as_answer
from quietgrid.feeds.web import SaidNo, exchange
from quietgrid.lab.reporters import prepare_reporters
from quietgrid.model.feed import feed_named
from quietgrid.model.interval import Window
from quietgrid.runtime.feeding import ReporterFolders

ALLIANDER = "alliander_4_locations_15min_2020-10_2021-01.csv.gz"
FIRST = 1_464_739_200
"""2016-06-01, where the demo starts."""


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def sources(folder: Path, text: str) -> Path:
    path = folder / "sources.toml"
    path.write_text(text, encoding="utf-8")
    return path


# -- files -------------------------------------------------------------------------------------------------------------

TABLE = """
[price]
kind = "csv"
file = "prices.csv"
time = "time_utc"
column = "APX"
unit = "EUR/MWh"
where = { pid = "287" }
"""


def test_a_file_is_read_and_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(
        "pid,time_utc,APX\n287,2020-10-02 09:45:00+00:00,\n287,2020-10-02 10:00:00+00:00,34\n9,2020-10-02 10:00:00,99\n"
    )
    source, unit = read_sources(sources(tmp_path, TABLE))["price"]
    at = unix("2020-10-02T10:00")
    assert source.value(at) == 34
    assert source.value(at + 3_600) == 34, "held for an hour"
    assert as_answer(feed_named("price"), source.value(at), unit) == 34_000
    for early_or_late in (at - 1, at + 3_601):
        with pytest.raises(NotFoundError, match="no value"):
            source.value(early_or_late)
    with open(file, "a") as out:
        out.write("287,2020-10-02 11:00:00+00:00,-5.25\n")
    assert source.value(at + 3_600) == Decimal("-5.25")
    file.unlink()
    with pytest.raises(SourceError):
        source.value(at)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("pid,time_utc\n", "no column 'APX'"),
        ("pid,time_utc,APX\n287,2020-10-02 10:00,dear\n", "line cannot be read"),
        ("pid,time_utc,APX\n287,yesterday,1\n", "line cannot be read"),
        ("", "no column"),
    ],
)
def test_a_file_that_is_wrong_is_said_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "prices.csv").write_text(content)
    with pytest.raises(SourceError, match=said):
        read_sources(sources(tmp_path, TABLE))["price"][0].value(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gossip]\nkind='csv'\nfile='a'\ncolumn='b'\nunit='W'", "no feed 'gossip'"),
        ("[price]\nkind='csv'\nfile='a'\ncolumn='b'\nunit='ct'", "cannot be read in 'ct'"),
        ("[price]\nkind='csv'\nfile='a'\ncolumn='b'\nunit='EUR/MWh'\nfactor=3", "factor"),
        ("[price]\nkind='http'\nurl='file:///etc/passwd'\ncolumn='b'\nunit='EUR/MWh'", "only http and https"),
        ("[price]\nkind='http'\nurl='https://a:b@host/'\ncolumn='b'\nunit='EUR/MWh'", "password"),
        ("[price", "cannot be used"),
    ],
)
def test_sources_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_sources(sources(tmp_path, text))


def test_a_series_of_another_year_keeps_hours_and_weekdays(tmp_path: Path) -> None:
    write_series(tmp_path / "prices.csv", Window(FIRST // 900, FIRST // 900 + 15 * 96, 900))
    text = TABLE.replace("APX", "price_eur_mwh").replace("time_utc", "time").replace('where = { pid = "287" }', "")
    plain, _ = read_sources(sources(tmp_path, text))["price"]
    moved, _ = read_sources(sources(tmp_path, text + f"shift_s = {-52 * WEEK_S}\nrepeat = true\n"))["price"]
    for hour in (0, 7, 30, 13 * 24):
        later = FIRST + hour * 3_600 + 52 * WEEK_S
        assert moved.value(later) == plain.value(FIRST + hour * 3_600)
        assert moved.value(later + 2 * WEEK_S) == moved.value(later), "two whole weeks, then from the start"
    with pytest.raises(NotFoundError):
        plain.value(FIRST + 52 * WEEK_S)


# -- the demo's reporters ----------------------------------------------------------------------------------------------


def test_the_demos_reporters_watch_the_projects_own_sample(tmp_path: Path) -> None:
    prepare_reporters(tmp_path, FIRST, 2, "sample")
    folders = ReporterFolders(tmp_path / "reporters")
    before = folders.addresses()
    assert list(before.values()) == ["reporter 0", "reporter 1", "reporter 2"]
    assert len(before) == 3, "three keys"
    watched = [read_sources(folders.folder(n) / "sources.toml") for n in range(3)]
    for name in ("price", "temperature", "load", "carbon"):
        feed = feed_named(name)
        for at in (FIRST, FIRST + 86_400 * 300):
            answers = {as_answer(feed, source.value(at), unit) for source, unit in (one[name] for one in watched)}
            assert len(answers) == 1
            assert feed.lowest <= answers.pop() <= feed.highest
    prepare_reporters(tmp_path, FIRST, 2, "sample")
    assert folders.addresses() == before, "keys stay"


def test_a_key_of_an_older_version_is_taken_over(tmp_path: Path) -> None:
    old = tmp_path / "chain" / "keys" / "reporter-1.key"
    old.parent.mkdir(parents=True)
    old.write_text("07" * 32)
    prepare_reporters(tmp_path, FIRST, 1, "sample")
    assert (tmp_path / "reporters" / "1" / "key").read_text() == "07" * 32
    assert not old.exists()


def own_alliander(path: Path) -> None:
    """Three weeks in Alliander's form, made from the sample."""
    start = unix("2020-10-02T09:45") // 900
    write_series(path.with_suffix(".tmp"), Window(start, start + 21 * 96, 900))
    with open(path.with_suffix(".tmp")) as file, gzip.open(path, "wt", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["pid", "time_utc", "load", "APX", "clouds", "temp"])
        for row in csv.DictReader(file):
            megawatt = Decimal(row["load_kw"]) / 1_000
            writer.writerow([287, row["time"], megawatt, row["price_eur_mwh"], "", row["temperature_c"]])
            writer.writerow([307, row["time"], 99, 99, "", 99])


def check_alliander(tmp_path: Path, file: Path) -> None:
    """The demo's clock reads the file at the same hour of the same weekday, for longer than the file is."""
    prepare_reporters(tmp_path, FIRST, 2, str(file))
    watched = read_sources(tmp_path / "reporters" / "2" / "sources.toml")
    with gzip.open(file, "rt", newline="") as opened:
        rows = list(csv.DictReader(opened))
    location = rows[0]["pid"]
    mine = {int(datetime.fromisoformat(r["time_utc"]).timestamp()): r for r in rows if r["pid"] == location}
    for day in (0, 3, 10, 200):
        at = FIRST + day * 86_400 + 18 * 3_600
        for name, column, factor in (("price", "APX", 1_000), ("temperature", "temp", 1_000), ("load", "load", 10**6)):
            source, unit = watched[name]
            found = as_answer(feed_named(name), source.value(at), unit)
            same_hour = [
                row for moment, row in mine.items() if (moment - at) % WEEK_S == 0 and row[column]
            ]  # fmt: skip
            assert found in [round(Decimal(row[column]) * factor) for row in same_hour], name
    source, unit = watched["carbon"]
    assert as_answer(feed_named("carbon"), source.value(FIRST), unit) > 0, "not in the file: the sample's"


def test_alliander_on_the_projects_own_sample(tmp_path: Path) -> None:
    file = tmp_path / "own.csv.gz"
    own_alliander(file)
    check_alliander(tmp_path, file)


def test_alliander_as_measured(tmp_path: Path, real_data: Path) -> None:
    check_alliander(tmp_path, real_data / ALLIANDER)


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="Alliander"):
        prepare_reporters(tmp_path / "state", FIRST, 1, str(other))


# -- services ----------------------------------------------------------------------------------------------------------


@contextmanager
def service(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A real HTTP server on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def says(body: bytes, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def forecast(**more: object) -> bytes:
    hourly = {"time": ["2026-03-01T00:00", "2026-03-01T01:00", "2026-03-01T02:00"], "temperature_2m": [3.5, None, 4.25]}
    said = {"utc_offset_seconds": 3_600, "hourly_units": {"temperature_2m": "°C"}, "hourly": hourly}
    return json.dumps(said | more).encode()


def weather(folder: Path, url: str) -> Path:
    return sources(folder, f'[temperature]\nkind = "http"\nurl = "{url}/v1"\ncolumn = "temperature_2m"\nunit = "°C"\n')


def test_a_service_in_open_meteos_form(tmp_path: Path) -> None:
    with service(says(forecast())) as url:
        source, unit = read_sources(weather(tmp_path, url))["temperature"]
        at = unix("2026-03-01T00:00") - 3_600
        assert as_answer(feed_named("temperature"), source.value(at), unit) == 3_500
        assert source.value(at + 3_600) == Decimal("3.5"), "a gap of an hour is bridged"
        assert source.value(at + 7_200) == Decimal("4.25")
        with pytest.raises(NotFoundError):
            source.value(at - 1)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        forecast(hourly={"time": ["2026-03-01T00:00"], "temperature_2m": []}),
        forecast(hourly={"time": ["soon"], "temperature_2m": [1]}),
    ],
)
def test_a_service_that_answers_otherwise(tmp_path: Path, body: bytes) -> None:
    with service(says(body)) as url, pytest.raises(UnavailableError):
        read_sources(weather(tmp_path, url))["temperature"][0].value(0)


def test_a_service_that_counts_in_another_unit(tmp_path: Path) -> None:
    body = forecast(hourly_units={"temperature_2m": "°F"})
    with service(says(body)) as url, pytest.raises(SourceError, match="°F"):
        read_sources(weather(tmp_path, url))["temperature"][0].value(0)


def test_limits_of_an_exchange() -> None:
    with service(says(b"[" + b"1," * 600 + b"1]")) as url:
        assert len(exchange(url, most=2_000)) == 601
        with pytest.raises(UnavailableError, match="more than 1000 bytes"):
            exchange(url, most=1_000)
    with service(says(b"", 302, Location="http://127.0.0.1:1/")) as url, pytest.raises(SaidNo, match="302"):
        exchange(url)
    with service(says(b'{"detail": "no such thing"}', 404)) as url, pytest.raises(SaidNo, match="no such thing"):
        exchange(url)
    with service(says(b"{}", 503)) as url, pytest.raises(UnavailableError):
        exchange(url)
    with pytest.raises(UnavailableError):
        exchange(url)


def test_a_service_that_never_answers_is_given_up() -> None:
    release = threading.Event()

    def silent(_handler: BaseHTTPRequestHandler) -> None:
        release.wait(60)

    def drops(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not release.wait(0.05):
            handler.wfile.write(b" ")

    for answer in (silent, drops):
        release.clear()
        with service(answer) as url:
            started = time.monotonic()
            try:
                with pytest.raises(UnavailableError):
                    exchange(url, timeout_s=0.5)
                assert time.monotonic() - started < 30
            finally:
                release.set()

"""The platform's client against the real API over HTTP: frames, receipts, books, day records."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest
import uvicorn
from fastapi import FastAPI

from quietgrid import demo
from quietgrid.api import create_app
from quietgrid.client import PlatformClient
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import InputError, QuietgridError, UnavailableError, VerificationError
from quietgrid.lab.commission import demo_tariffs
from quietgrid.lab.community import Community
from quietgrid.model.interval import Window, day_window
from quietgrid.wire.messages import DayRecord, Receipt
from tests.client.scripted import scripted
from tests.keyholder.real import DAY, HOMES, residents

PERIOD = Window(day_window(DAY, 900).first, day_window(DAY + 30, 900).first, 900)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Community]:
    town = Community(tmp_path_factory.mktemp("town"), residents(PERIOD), PERIOD, demo_tariffs())
    town.join()
    town.register_books(PERIOD)
    yield town
    town.close()


@pytest.fixture(scope="module")
def client(town: Community) -> Iterator[PlatformClient]:
    with served(create_app(town.platform)) as url:
        client = PlatformClient(url)
        yield client
        client.close()


def test_frames_are_receipted(town: Community, client: PlatformClient) -> None:
    readings = replace(demo.load(HOMES, day_window(DAY, 900)).readings, meters=town.bank.pids)
    frames = town.seal(readings)
    sent = [sealed.frame for sealed in frames]
    accepted = client.post_frames(sent)
    assert (accepted.status == 0).all()
    assert not any(accepted.reasons)
    assert accepted.receipt is not None
    assert open_signed(accepted.receipt, Receipt, town.card.concentrator_pk).size == len(sent)
    assert sorted(accepted.order) == list(range(len(sent)))
    town.bank.acknowledge(accepted.receipt, [frames[place] for place in accepted.order])

    again = client.post_frames([*sent[:2], sent[2][:-1] + bytes([sent[2][-1] ^ 1])])
    assert again.status.tolist() == [1, 1, 2]
    assert again.reasons[2]
    assert again.order == [0, 1]
    with pytest.raises(InputError):
        client.post_frames([b"no frame"])
    with pytest.raises(QuietgridError):
        client.post_frames([])


def test_books_and_the_meters_they_are_for(town: Community, client: PlatformClient) -> None:
    books = client.books()
    assert [book.window for book, _ in books] == [PERIOD]
    assert sorted(pid for _, pids in books for pid in pids) == sorted(town.bank.pids.tolist())
    assert books[0][0] == town.periods.book(0, PERIOD)


def test_day_records_are_kept_once(town: Community, client: PlatformClient) -> None:
    town.clock.unix = (DAY + 9) * 86_400.0  # the late window is over
    records = town.bank.day_records(DAY, {pid: [] for pid in town.bank.pids.tolist()})
    assert client.post_day_records(records) == len(records) == HOMES
    assert client.post_day_records(records) == 0
    fake = Identity.generate().sign(DayRecord(town.card.community, 1001, DAY + 1, b"", b"", [], []))
    with pytest.raises(VerificationError):
        client.post_day_records([fake])


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": b"", "reasons": [], "receipt": None, "order": []},
        {"status": b"\0", "reasons": [""], "receipt": None, "order": [1]},
        {"status": b"\0", "reasons": [""], "receipt": None, "order": [-1]},
        {"status": b"\0\0", "reasons": ["", ""], "receipt": None, "order": [0, 1]},
    ],
    ids=["none", "beyond", "before", "more"],
)
def test_an_answer_for_other_frames(wrong: dict[str, object]) -> None:
    answer = (200, "application/msgpack", msgspec.msgpack.encode(wrong))
    with scripted(lambda path, body: answer) as server, pytest.raises(UnavailableError, match="other frames"):
        PlatformClient(server.url).post_frames([b"x"])

"""Telemetry over a real Mosquitto: batches go in, set-points and refusals come back; the broker may go away."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from quietgrid.crypto.public.envelope import pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import open_signed
from quietgrid.errors import ConfigError
from quietgrid.runtime.broker import Broker
from quietgrid.wire.messages import Refusal
from quietgrid.wire.telemetry import BrokerAt, SetPoints, read_config, set_points_of
from tests.runtime.test_telemetry import HEAD, POINT, STRANGER, Desk, head

aiomqtt = pytest.importorskip("aiomqtt", reason="the extra `mqtt` is not installed")
PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Mosquitto is not installed (Debian: mosquitto)")
PATIENCE_S = 60.0


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


class Mosquitto:
    """A broker of this test at one port."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.config = folder / "mosquitto.conf"
        self.config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self) -> None:
        assert PROGRAM is not None
        self.process = subprocess.Popen([PROGRAM, "-c", str(self.config)], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "state")
    yield made
    made.store.close()


def said(port: int, bodies: list[bytes]) -> list[tuple[str, bytes]]:
    """Publish as the gateway, one after the other; topic and body of each answer."""

    async def run() -> list[tuple[str, bytes]]:
        found = []
        async with aiomqtt.Client("127.0.0.1", port, timeout=PATIENCE_S) as client:
            for kind in ("set-points", "refused"):
                await client.subscribe(f"grid/{kind}/station", qos=1)
            for body in bodies:
                await client.publish("grid/telemetry/station", body, qos=1)
                message = await asyncio.wait_for(anext(client.messages), PATIENCE_S)
                found.append((str(message.topic), bytes(message.payload)))
        return found

    return asyncio.run(run())


def test_batches_go_in_and_answers_come_back(desk: Desk, mosquitto: Mosquitto) -> None:
    broker = Broker(BrokerAt("127.0.0.1", mosquitto.port, "grid"), desk.telemetry.accept)
    broker.start()
    try:
        until(lambda: broker.connected)
        good, forged = desk.signed(7, head(4_000)), desk.signed(8, head(1), identity=STRANGER)
        answers = said(mosquitto.port, [pack_signed(one) for one in (good, good, forged)] + [b"nothing"])
        assert [topic.split("/")[1] for topic, _ in answers] == ["set-points", "refused", "refused", "refused"]
        points = open_signed(unpack_signed(answers[0][1]), SetPoints, desk.identity.public)
        assert (points.sequence, set_points_of(points)) == (7, [POINT])
        refusals = [msgspec.msgpack.decode(body, type=Refusal) for _, body in answers[1:]]
        assert (refusals[0].status, refusals[0].fix) == (409, "go on after 7")
        assert refusals[1].status == 422
        assert desk.latest.values() == {HEAD: head(4_000)}
        mosquitto.stop()
        until(lambda: not broker.connected)
        assert "the broker is away" in broker.note
        mosquitto.start()
        until(lambda: broker.connected)
        assert said(mosquitto.port, [pack_signed(desk.signed(9))])[0][0] == "grid/set-points/station"
    finally:
        broker.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "mqtt"]


def test_the_file_names_the_broker(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.toml"
    path.write_text('[broker]\nhost = "b"\nport = 8883\nca = "ca.pem"\nuser = "p"\npassword_file = "secret"\n')
    wanted = BrokerAt("b", 8883, "quietgrid", "p", tmp_path / "secret", tmp_path / "ca.pem")
    assert read_config(path).broker == wanted
    path.write_text('[broker]\nhost = "b"\ntopic = "all/#"\n')
    with pytest.raises(ConfigError, match="port or topic"):
        read_config(path)

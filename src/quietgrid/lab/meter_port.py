"""A meter's local port: hands its own household the frames it sent, with the receipts it got for them.

Beside it stands the home's device (battery, roof), which only its own household may ask and order.

In real life this is a plug on the meter. The demo's meters share one process, so their port is one address on
127.0.0.1; a request is signed by the household that adopted the meter and is answered about that meter only.
Privacy: frames are ciphertext, and the household has their keys anyway.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from quietgrid.errors import InputError, NotFoundError, QuietgridError, VerificationError
from quietgrid.meter import MeterBank
from quietgrid.wire.keyholder_http import MSGPACK
from quietgrid.wire.links import refusal_of
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.own import METER_PROOFS
from quietgrid.wire.request_auth import Nonces, verify_authorization
from quietgrid.wire.steering import METER_DEVICE, DeviceOrders, DeviceState

HOST = "127.0.0.1"
MOST_BODY = 1 << 16


class HomeDevices(Protocol):
    """The devices behind the meters, by home."""

    def state(self, home: int) -> DeviceState:
        """What a home's device says; `NotFoundError` where there is none."""

    def order(self, home: int, orders: DeviceOrders) -> None:
        """Tell a home's device what to do."""


class Port:
    """Who may ask for what.

    Args:
        bank: The meters. card: of the community. households: home -> public key of its household. devices: see there.
    """

    def __init__(
        self, bank: MeterBank, card: CommunityCard, households: Mapping[int, bytes], devices: HomeDevices | None = None
    ) -> None:
        self._bank, self._card, self._households, self._devices = bank, card, households, devices
        self._home_of = dict(zip(bank.pids.tolist(), bank.homes.tolist(), strict=True))
        self._nonces, self._lock = Nonces(), threading.Lock()

    def proofs(self, target: str, authorization: str) -> bytes:
        """The answer to one request: frames of a meter and UTC day with receipt, index and path.

        Raises:
            VerificationError: not signed by a household here. NotFoundError: the meter is not at its home.
        """
        home = self._who(("GET", target, b""), authorization)
        query = parse_qs(urlsplit(target).query)
        pid, day = _number(query, "pid"), _number(query, "day")
        if self._home_of.get(pid) != home:
            raise NotFoundError("no such meter at this home", where="pid", fix="ask your own meter")
        found = self._bank.proofs(pid, day)
        return msgspec.msgpack.encode([(p.receipt, p.index, p.path, p.frame) for p in found])

    def device(self, method: str, body: bytes, authorization: str) -> bytes:
        """What the asking home's device says, or b"" once it took orders.

        Raises:
            VerificationError: not signed by a household here. NotFoundError: it has no device. InputError: orders.
        """
        home = self._who((method, METER_DEVICE, body), authorization)
        if self._devices is None:
            raise NotFoundError("there is neither a battery nor a roof", where="device", fix="nothing can be asked")
        if method == "GET":
            return msgspec.msgpack.encode(self._devices.state(home))
        try:
            orders = msgspec.msgpack.decode(body, type=DeviceOrders)
        except msgspec.MsgspecError as error:
            raise InputError("these are no orders", where="body", fix="send `DeviceOrders`") from error
        self._devices.order(home, orders)
        return msgspec.msgpack.encode(True)

    def _who(self, request: tuple[str, str, bytes], authorization: str) -> int:
        """The home that signed a request."""
        with self._lock:
            asked = verify_authorization(authorization, request, self._key_of, time.time(), self._nonces)
        if asked.community != self._card.community:
            raise VerificationError("signed for another community", where="Authorization", fix="sign for this one")
        return asked.home

    def _key_of(self, home: int) -> bytes:
        if home not in self._households:
            raise NotFoundError("no meter of this home is here", where="Authorization", fix="ask your own meter")
        return self._households[home]


def _number(query: Mapping[str, list[str]], name: str) -> int:
    text = query.get(name, [""])[0]
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise InputError(f"{name} is no whole number", where="query", fix="give pid and day")
    return int(text)


@contextmanager
def serving(port: Port, number: int) -> Iterator[int]:
    """Answer on 127.0.0.1 in threads of their own until the block ends; the port number (0 picks one)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Hand over, or say why not."""
            self._try(b"")

        def do_POST(self) -> None:
            """Take orders, or say why not."""
            length = self.headers.get("Content-Length", "")
            if not (length.isascii() and length.isdecimal() and int(length) <= MOST_BODY):
                self.close_connection = True
                self._answer(413, b"")
                return
            self._try(self.rfile.read(int(length)))

        def _try(self, body: bytes) -> None:
            signed = self.headers.get("Authorization", "")
            try:
                if self.path == METER_DEVICE:
                    self._answer(200, port.device(self.command, body, signed))
                elif urlsplit(self.path).path == METER_PROOFS and self.command == "GET":
                    self._answer(200, port.proofs(self.path, signed))
                else:
                    raise NotFoundError("a meter has no such address", where="path", fix=METER_PROOFS)
            except QuietgridError as error:
                self._answer(error.http_status, msgspec.msgpack.encode(refusal_of(error)))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", MSGPACK)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer((HOST, number), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="meter port", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

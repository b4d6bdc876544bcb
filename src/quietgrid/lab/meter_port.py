"""A meter's local port: hands its own household the frames it sent, with the receipts it got for them.

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
from urllib.parse import parse_qs, urlsplit

import msgspec

from quietgrid.errors import InputError, NotFoundError, QuietgridError, VerificationError
from quietgrid.meter import MeterBank
from quietgrid.wire.keyholder_http import MSGPACK
from quietgrid.wire.links import refusal_of
from quietgrid.wire.messages import CommunityCard
from quietgrid.wire.own import METER_PROOFS
from quietgrid.wire.request_auth import Nonces, verify_authorization

HOST = "127.0.0.1"


class Port:
    """Who may ask for what.

    Args:
        bank: The meters. card: of the community. households: home -> public key of its household.
    """

    def __init__(self, bank: MeterBank, card: CommunityCard, households: Mapping[int, bytes]) -> None:
        self._bank, self._card, self._households = bank, card, households
        self._home_of = dict(zip(bank.pids.tolist(), bank.homes.tolist(), strict=True))
        self._nonces, self._lock = Nonces(), threading.Lock()

    def proofs(self, target: str, authorization: str) -> bytes:
        """The answer to one request: frames of a meter and UTC day with receipt, index and path.

        Raises:
            VerificationError: not signed by a household here. NotFoundError: the meter is not at its home.
        """
        with self._lock:
            asked = verify_authorization(authorization, ("GET", target, b""), self._key_of, time.time(), self._nonces)
        if asked.community != self._card.community:
            raise VerificationError("signed for another community", where="Authorization", fix="sign for this one")
        query = parse_qs(urlsplit(target).query)
        pid, day = _number(query, "pid"), _number(query, "day")
        if self._home_of.get(pid) != asked.home:
            raise NotFoundError("no such meter at this home", where="pid", fix="ask your own meter")
        found = self._bank.proofs(pid, day)
        return msgspec.msgpack.encode([(p.receipt, p.index, p.path, p.frame) for p in found])

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
            try:
                if urlsplit(self.path).path != METER_PROOFS:
                    raise NotFoundError("a meter has no such address", where="path", fix=METER_PROOFS)
                self._answer(200, port.proofs(self.path, self.headers.get("Authorization", "")))
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

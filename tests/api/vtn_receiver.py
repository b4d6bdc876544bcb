"""A subscriber's side for tests: a real HTTP server that repeats challenges and keeps what it is told."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Receiver:
    """Listens on 127.0.0.1. `status`: what it says to POSTs; `echoes`: whether it repeats challenges."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any], str]] = []
        """(path, notification, Authorization)"""
        self.asked: list[str] = []
        self.echoes, self.status, self.location, self.pause_s = True, 200, "", 0.0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                word = parse_qs(urlsplit(self.path).query).get("echo", [""])[0]
                self._say(302 if outer.location else 200, word.encode() if outer.echoes else b"hello")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(outer.pause_s)
                if outer.status == 200:
                    outer.told.append((self.path, json.loads(body), self.headers.get("Authorization", "")))
                self._say(outer.status, b"")

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

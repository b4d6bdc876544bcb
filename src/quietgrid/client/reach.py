"""One address over HTTP: msgpack there and back, errors as `QuietgridError`s, and a memory of who was away.

An address that refused or did not answer is not asked again for a while, so that one dead process does not slow every
batch: two seconds, or as long as it kept us waiting if that was longer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from quietgrid.errors import QuietgridError, UnavailableError
from quietgrid.wire.keyholder_http import MSGPACK, PROBLEM
from quietgrid.wire.links import error_of
from quietgrid.wire.messages import Refusal

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
REST_S = 2.0
MAX_ANSWER = 256 << 20
"""Bytes of an answer that are read at most."""


class _Problem(msgspec.Struct):
    """RFC 9457, with our additions."""

    status: int = 500
    detail: str = ""
    where: str = ""
    fix: str = ""
    rule: str = ""


class Reach:
    """One base address.

    Args:
        url: Scheme, host and port. who: for messages, such as ``keyholder 1``.
        connect_s, read_s: seconds to wait for a connection and for (the next part of) an answer.
        clock: monotonic seconds. sign: (method, target, body) -> value of ``Authorization``, if requests are signed.

    Raises (every call):
        UnavailableError: no connection, no answer in time or none that can be read, 5xx, too many requests.
        QuietgridError: the error that was answered.
    """

    def __init__(
        self, url: str, who: str, *, connect_s: float = 1.0, read_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic, sign: Callable[[str, str, bytes], str] | None = None,
    ) -> None:  # fmt: skip
        self.url = url.rstrip("/")
        self.who = who
        self._clock = clock
        self._sign = sign
        self._away_until = float("-inf")
        self._waits = connect_s, read_s
        self._opening = threading.Lock()
        self._opened: httpx.Client | None = None

    @property
    def _client(self) -> httpx.Client:
        """Made at the first call: a process that starts does not wait for httpx."""
        with self._opening:
            if self._opened is None:
                import httpx

                connect_s, read_s = self._waits
                # No proxies and no credentials from the environment; certificates only where there is TLS.
                self._opened = httpx.Client(
                    base_url=self.url, timeout=httpx.Timeout(read_s, connect=connect_s, pool=read_s),
                    limits=httpx.Limits(max_keepalive_connections=8, keepalive_expiry=30.0), trust_env=False,
                    verify=self.url.startswith("https:"),
                )  # fmt: skip
            return self._opened

    def close(self) -> None:
        """Let go of connections."""
        with self._opening:
            if self._opened is not None:
                self._opened.close()

    def post(self, path: str, body: bytes, kind: type[T], content_type: str = MSGPACK) -> T:
        """POST `body`; the answer decoded."""
        return self._decode(path, self._send("POST", path, body, {"content-type": content_type}), kind)

    def get(self, path: str, kind: type[T], **query: str | int) -> T:
        """GET; the msgpack answer decoded."""
        return self._decode(path, self._send("GET", path, None, {"accept": MSGPACK}, query), kind)

    def get_json(self, path: str, kind: type[T]) -> T:
        """GET; the JSON answer decoded."""
        body = self._send("GET", path, None, {"accept": "application/json"})
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.MsgspecError as error:
            raise self._garbled(path) from error

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str],
        query: Mapping[str, str | int] | None = None,
    ) -> bytes:  # fmt: skip
        client = self._client
        from httpx import ConnectError, StreamError, TransportError

        started = self._clock()
        if started < self._away_until:
            raise self._away("was away a moment ago")
        try:
            request = client.build_request(method, path, content=body, headers=headers, params=query)
            if self._sign is not None:
                request.headers["authorization"] = self._sign(method, request.url.raw_path.decode(), body or b"")
            answer = client.send(request, stream=True)
            try:
                content = self._read(answer)
            finally:
                answer.close()
        except (TransportError, StreamError) as error:
            now = self._clock()
            self._away_until = now + max(REST_S, now - started)
            raise self._away("cannot be reached" if isinstance(error, ConnectError) else "broke off") from error
        self._away_until = float("-inf")
        if answer.status_code >= 300:
            raise self._error(answer, content, path)
        return content

    def _read(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        for chunk in answer.iter_bytes():
            data += chunk
            if len(data) > MAX_ANSWER:
                raise UnavailableError("an answer is too large", where=f"{self.who} at {self.url}", fix="ask for less")
        return bytes(data)

    def _error(self, answer: httpx.Response, content: bytes, path: str) -> QuietgridError:
        """The error of an answer: a problem document or a `Refusal`; anything else is as good as no answer."""
        where = f"{self.who} at {self.url}{path}"
        refusal = _refusal(answer, content)
        if refusal is None:
            return UnavailableError(f"it answered {answer.status_code}", where=where, fix="check the address")
        status = {408: 503, 413: 400, 415: 400, 429: 503}.get(answer.status_code, answer.status_code)
        status = 503 if status >= 500 else status
        what = refusal.what or f"it answered {answer.status_code}"
        return error_of(Refusal(status, refusal.rule, what, refusal.where or where, refusal.fix))

    def _decode(self, path: str, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.msgpack.decode(content, type=kind)
        except msgspec.MsgspecError as error:
            raise self._garbled(path) from error

    def _garbled(self, path: str) -> UnavailableError:
        return UnavailableError("it answered something else", where=f"{self.who} at {self.url}{path}", fix="check both")

    def _away(self, what: str) -> UnavailableError:
        return UnavailableError(f"{self.who} {what}", where=self.url, fix="start it; what waits is asked again")


def _refusal(answer: httpx.Response, content: bytes) -> Refusal | None:
    """What an error document says."""
    kind = answer.headers.get("content-type", "")
    try:
        if kind.startswith(MSGPACK):
            return msgspec.msgpack.decode(content, type=Refusal)
        if kind.startswith(PROBLEM):
            said = msgspec.json.decode(content, type=_Problem)
            return Refusal(said.status, said.rule, said.detail, said.where, said.fix)
    except msgspec.MsgspecError:
        return None
    return None

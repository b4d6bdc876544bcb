"""The little HTTP that reporters need, from the standard library: one request, a time limit, a size limit.

No redirects, so that an address that is set is the one that is asked; http and https only; no proxy from the
environment; a short User-Agent. Who configures a reporter decides which hosts it asks.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from quietgrid.errors import ConfigError, QuietgridError, UnavailableError

TIMEOUT_S = 10.0
MOST_BYTES = 1 << 20


class SaidNo(QuietgridError):
    """The other side refused; `status` is HTTP's, `what` its own words."""

    def __init__(self, status: int, what: str, *, where: str) -> None:
        self.status = status
        super().__init__(what, where=where, fix="see what it says")


def check_address(url: str) -> str:
    """The address, if it is one that may be asked.

    Raises:
        ConfigError: neither http nor https, no host, or with a password in it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError("only http and https addresses can be asked", where=url[:80], fix="give http(s)://host/...")
    if parts.username or parts.password:
        raise ConfigError("a password does not belong in an address", where=parts.hostname, fix="leave it out")
    return url


def exchange(url: str, body: dict[str, Any] | None = None, timeout_s: float = TIMEOUT_S, most: int = MOST_BYTES) -> Any:
    """Ask for JSON (GET, or POST of a JSON body).

    Raises:
        ConfigError: see `check_address`. UnavailableError: away, too slow, too large, or not JSON. SaidNo: refused.
    """
    parts = urlsplit(check_address(url))
    assert parts.hostname is not None
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    link = kind(parts.hostname, parts.port, timeout=timeout_s)
    where = f"{parts.scheme}://{parts.netloc}{parts.path}"
    headers = {"Accept": "application/json", "User-Agent": "quietgrid-reporter"}
    data = None
    if body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        link.request("GET" if body is None else "POST", target, data, headers)
        answer = link.getresponse()
        said = _body(answer, most, time.monotonic() + timeout_s)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError("this address does not answer", where=where, fix="it is asked again") from error
    finally:
        link.close()
    if len(said) > most:
        raise UnavailableError(f"it answers with more than {most} bytes", where=where, fix="ask for less")
    return _json(answer.status, said, where)


def _body(answer: http.client.HTTPResponse, most: int, deadline: float) -> bytes:
    """What is answered, up to one byte too much; whoever sends it drop by drop is too slow."""
    said = b""
    while len(said) <= most:
        more = answer.read1(min(most + 1 - len(said), 1 << 16))
        if not more:
            break
        said += more
        if time.monotonic() > deadline:
            raise TimeoutError
    return said


def _json(status: int, said: bytes, where: str) -> Any:
    try:
        found = json.loads(said) if said else None
    except ValueError as error:
        raise UnavailableError("what it answers is not JSON", where=where, fix="check the address") from error
    if status >= 500:
        raise UnavailableError(f"it answers {status}", where=where, fix="it is asked again")
    if status >= 300:
        words = found.get("detail") if isinstance(found, dict) else None
        raise SaidNo(status, str(words or f"it answers {status}")[:300], where=where)
    return found

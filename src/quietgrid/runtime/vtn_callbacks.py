"""Asking and telling subscribers' callbacks over HTTPS, without becoming somebody's way into our own network.

A callback is whatever a client wrote. So: HTTPS only; the name is looked up once, every address behind it has to be a
public one, and the connection goes to that very address (a name that points elsewhere a moment later changes nothing);
the certificate has to be the name's; no redirect is followed, no proxy of the environment used; ten seconds for all of
it, a few kilobytes of answer. `private` allows plain HTTP and other addresses: for tests and closed networks.

Source: OpenADR 3.1.1 Definition, "Webhooks" (HTTPS, challenge by ``echo``, timeouts, private addresses, redirects).
"""

from __future__ import annotations

import http.client
import ipaddress
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from quietgrid.errors import InputError, UnavailableError

TIMEOUT_S = 10.0
MOST_BYTES = 8 * 1024
AT_ONCE = 8
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


def resolved(host: str, port: int) -> list[str]:
    """The addresses behind a name, as texts."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address is one of the public Internet, also where it is wrapped in another.

    >>> [is_public(at) for at in ("93.184.216.34", "::ffff:10.0.0.1", "169.254.169.254", "2002:a00:1::")]
    [True, False, False, False]
    """
    try:
        at: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(at, ipaddress.IPv6Address):
        inner = at.ipv4_mapped or at.sixtofour or (at.teredo[1] if at.teredo else None)
        if at in _NAT64:
            inner = ipaddress.IPv4Address(int(at) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return at.is_global and not (at.is_multicast or at.is_reserved or at.is_unspecified or at.is_loopback)


class Callbacks:
    """The way out to subscribers.

    Args:
        private: plain HTTP and addresses of closed networks are allowed too. resolve: name and port -> addresses.
        context: TLS; the machine's certificates unless told. timeout_s: for a whole exchange.
    """

    def __init__(
        self, private: bool = False, resolve: Resolve = resolved, context: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:  # fmt: skip
        self.private, self._resolve, self._timeout_s = private, resolve, timeout_s
        self._context = context
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def check(self, url: str) -> SplitResult:
        """An address that may be asked at all.

        Raises:
            InputError: not HTTPS, no host, a password in it, or an address (not a name) that is not public.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
            host = (parts.hostname or "").encode("idna").decode("ascii") if parts.hostname else ""
        except (ValueError, UnicodeError):
            port, host = None, ""
        if not host or parts.username is not None or port == 0:
            raise InputError("a callback cannot be at this address", where="callbackUrl", fix="give https://host/path")
        if parts.scheme != "https" and not (self.private and parts.scheme == "http"):
            raise InputError("a callback is told by HTTPS only", where="callbackUrl", fix="give an https:// address")
        literal = host.strip("[]")
        if not self.private and (_literal(literal) and not is_public(literal)):
            raise _inside()
        return parts

    def challenge(self, url: str, token: str | None = None) -> None:
        """Have a callback prove that it is there and wants to be told: it repeats a random word.

        Raises:
            InputError: it does not. UnavailableError: too many others are being asked.
        """
        parts, word = self.check(url), secrets.token_urlsafe(24)
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), ("echo", word)])
        if not self._slots.acquire(timeout=self._timeout_s):
            raise UnavailableError("too many callbacks are being asked", where="callbackUrl", fix="try again later")
        try:
            status, said = self._exchange("GET", parts._replace(query=query), b"", token)
        except UnavailableError as error:
            raise InputError(
                f"the callback did not answer the challenge: {error.what}", where="callbackUrl", fix=error.fix
            ) from error
        finally:
            self._slots.release()
        if status != 200 or word.encode() not in said:
            raise InputError(
                "the callback did not repeat the challenge", where="callbackUrl",
                fix="answer GET ?echo=WORD with status 200 and WORD in the body",
            )  # fmt: skip

    def tell(self, url: str, body: bytes, token: str | None = None) -> None:
        """Send a notification.

        Raises:
            UnavailableError: it did not arrive. InputError: the address may not be asked (any more).
        """
        status, _ = self._exchange("POST", self.check(url), body, token)
        if not 200 <= status < 300:
            raise UnavailableError(f"the callback answered {status}", where="callbackUrl", fix="it is told again later")

    def _exchange(self, method: str, parts: SplitResult, body: bytes, token: str | None) -> tuple[int, bytes]:
        host = str(parts.hostname)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "*/*", "User-Agent": "quietgrid-vtn"}
        if body:
            headers["Content-Type"] = "application/json"
        if token and token.isprintable() and token.isascii():
            headers["Authorization"] = f"Bearer {token}"
        deadline = time.monotonic() + self._timeout_s
        link = _Pinned(host, port, self._addresses(host, port), self._tls(parts.scheme), self._timeout_s)
        watch = threading.Timer(self._timeout_s, link.cut)  # whoever answers drop by drop is cut off as well
        watch.daemon = True
        watch.start()
        try:
            link.request(method, target, body or None, headers)
            answer = link.getresponse()
            said = answer.read(MOST_BYTES)
        except (OSError, http.client.HTTPException, ValueError) as error:
            slow = " in time" if time.monotonic() >= deadline else ""
            raise UnavailableError(
                f"it does not answer{slow}", where="callbackUrl", fix="check that it is reachable and its certificate"
            ) from error
        finally:
            watch.cancel()
            link.close()
        return answer.status, said

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise UnavailableError("its name is unknown", where="callbackUrl", fix="check the host name") from error
        if not self.private and not all(is_public(address) for address in found):
            raise _inside()
        return found

    def _tls(self, scheme: str) -> ssl.SSLContext | None:
        if scheme != "https":
            return None
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that were looked at, whatever the name points to now."""

    def __init__(
        self, host: str, port: int, addresses: Sequence[str], context: ssl.SSLContext | None, timeout_s: float
    ) -> None:
        super().__init__(host, port, timeout=timeout_s)
        self._addresses, self._tls, self._over = addresses, context, False
        if context is not None:
            self.default_port = 443

    def connect(self) -> None:
        """Take the first address that answers."""
        last: OSError = OSError("no address")
        for address in self._addresses[:3]:
            try:
                sock = socket.create_connection((address, self.port), self.timeout)
                break
            except OSError as error:
                last = error
        else:
            raise last
        self.sock = sock
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(sock, server_hostname=self.host)
        if self._over:
            raise TimeoutError

    def cut(self) -> None:
        """End it, whatever it is at."""
        self._over = True
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _inside() -> InputError:
    return InputError("a callback must be on the public Internet", where="callbackUrl", fix="use a public address")

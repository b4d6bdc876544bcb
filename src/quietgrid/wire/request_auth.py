"""Requests signed by a household, or by the auditor: ``Authorization: QG1 <base64 of Signed[Request]>``.

The household process has no account at the platform or at a keyholder; it has the key that its meters were adopted
with. Each request is signed over method, path, query and body, carries a time and a nonce, and is accepted once.
Does not give: secrecy of the request (that is TLS between machines; on one machine it is loopback).
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from quietgrid.crypto.public.envelope import decode, pack_signed, unpack_signed
from quietgrid.crypto.public.signatures import Identity, open_signed
from quietgrid.errors import VerificationError
from quietgrid.wire.own import Request

SCHEME = "QG1 "
MAX_AGE_S = 120.0
MAX_HEADER = 2048
AUDITOR = -1
"""In place of a home in a request of the auditor, which signs with the key on the community card."""


class Nonces:
    """Nonces seen within the last `MAX_AGE_S` × 2 seconds, so that no signed request works twice in one process.

    >>> nonces = Nonces()
    >>> nonces.use(b"n" * 16, 0.0)
    >>> nonces.use(b"n" * 16, 1.0)
    Traceback (most recent call last):
    quietgrid.errors.VerificationError: a signed request was used before – Authorization – sign a new one
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, float] = {}

    def use(self, nonce: bytes, now: float) -> None:
        """Take note of a nonce, or raise `VerificationError` if it is known."""
        for old in list(self._seen):
            if self._seen[old] + 2 * MAX_AGE_S > now:
                break
            del self._seen[old]
        if nonce in self._seen:
            raise VerificationError("a signed request was used before", where="Authorization", fix="sign a new one")
        self._seen[nonce] = now


def authorization(identity: Identity, community: bytes, home: int, request: tuple[str, str, bytes], now: float) -> str:
    """The header value for one request.

    Args:
        identity: The household's key. community: 16 bytes. home: its id.
        request: Method (upper case), target (path and query exactly as sent), body.
        now: Unix seconds of the machine (not of a simulation).
    """
    method, target, body = request
    message = Request(community, home, method, target, sha256(body).digest(), now, secrets.token_bytes(16))
    return SCHEME + b64encode(pack_signed(identity.sign(message))).decode()


def verify_authorization(
    header: str,
    request: tuple[str, str, bytes],
    key_of: Callable[[int], bytes],
    now: float,
    nonces: Nonces,
) -> Request:
    """Who asks: the checked `Request` in a header value.

    Args:
        header: Value of ``Authorization``. request: method, target and body as received.
        key_of: Home -> its household's public key (raises `NotFoundError` for an unknown home).
        now: Unix seconds. nonces: of this process.

    Raises:
        VerificationError: anything that does not hold: form, key, signature, method, target, body, age, reuse.
    """
    wrong = VerificationError(
        "the request is not signed as it should be", where="Authorization", fix="sign method, target and body"
    )
    if not header.startswith(SCHEME) or len(header) > MAX_HEADER:
        raise wrong
    try:
        signed = unpack_signed(b64decode(header[len(SCHEME) :], validate=True))
    except ValueError as error:
        raise wrong from error
    message = open_signed(signed, Request, key_of(decode(Request, signed.body).home))
    method, target, body = request
    if (message.method, message.target) != (method, target) or len(message.nonce) != 16:
        raise wrong
    if not compare_digest(message.digest, sha256(body).digest()):
        raise wrong
    if not abs(now - message.at) <= MAX_AGE_S:
        raise VerificationError(
            "the signed request is too old or from the future", where="Authorization", fix="check the machine's clock"
        )
    nonces.use(message.nonce, now)
    return message

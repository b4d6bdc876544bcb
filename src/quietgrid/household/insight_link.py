"""What a household asks for to compare itself: published figures, and the service that computes on encrypted numbers.

    GET    /api/v1/own/insight?month=&group=     [Signed[CommunityFigures], groups the home is in, months], msgpack
    GET    /api/v1/insight                       `Service`; this and the following in JSON
    POST   /api/v1/insight/keys                  the server key, as it is: `KeyInfo`
    DELETE /api/v1/insight/keys                  with it go questions and answers
    POST   /api/v1/insight/requests              three ciphertexts: `SealedRequest`
    GET    /api/v1/insight/requests/{id}         `SealedRequest`

Privacy: what is sent is a month's name and a group's, a key that can compute and not read, and ciphertexts.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from quietgrid.crypto.public.envelope import Signed
from quietgrid.errors import VerificationError
from quietgrid.household.links import SignedClient

PARTS = (("month", "u16"), ("profile", "u8"), ("features", "u8"))
"""The parts of a question and the type of their numbers."""


class Engine(msgspec.Struct, frozen=True):
    """Whether the platform can compute on encrypted numbers. fix: what adds the engine, if it is not there."""

    built: bool
    version: str = ""
    fix: str = ""


class KeyInfo(msgspec.Struct, frozen=True):
    """The server key that the platform has of us. key_id: hex, of the pair. size: bytes. uploaded: ISO time."""

    key_id: str
    sha256: str
    size: int = msgspec.field(name="bytes")
    uploaded: str = ""


class Service(msgspec.Struct, frozen=True):
    """The platform's service. waiting: questions of all homes in its line."""

    engine: Engine
    key: KeyInfo | None = None
    waiting: int = 0


class Seen(msgspec.Struct, frozen=True):
    """A ciphertext as the platform holds it. size: bytes. content: base64."""

    sha256: str
    size: int = msgspec.field(name="bytes")
    part: str = "answer"
    content: str = ""

    def data(self) -> bytes:
        """The bytes.

        Raises:
            VerificationError: not base64, or of another length than said.
        """
        try:
            found = b64decode(self.content, validate=True)
        except ValueError as error:
            raise VerificationError("an answer cannot be read", where=self.part, fix="ask again") from error
        if len(found) != self.size:
            raise VerificationError("an answer was cut off", where=self.part, fix="ask again")
        return found


class Trouble(msgspec.Struct, frozen=True):
    """Why a question failed."""

    title: str = ""
    detail: str = ""
    fix: str = ""


class SealedRequest(msgspec.Struct, frozen=True):
    """A question and how far it is.

    Args:
        state: ``waiting``, ``computing``, ``done`` or ``failed``. place: in the line, from 1. figures: hash of what it
            is compared with, hex. seen: what the platform has of it. seconds: it computed.
    """

    id: str
    state: str
    place: int = 0
    figures: str = ""
    seen: list[Seen] = []
    answer: Seen | None = None
    seconds: float = 0.0
    problem: Trouble | None = None


class InsightLink(Protocol):
    """The platform, as a home that compares itself sees it."""

    def figures(self, month: str, group: str) -> tuple[Signed, list[str], list[str]]:
        """A signed `CommunityFigures`, the groups this home is in, and the months there are."""

    def service(self) -> Service:
        """What can be computed encrypted, and which key of ours is there."""

    def put_key(self, key: bytes, say: Callable[[int], None]) -> KeyInfo:
        """Upload the server key in place of a former one. `say`: told how many bytes went out."""

    def drop_key(self) -> None:
        """Have the key, questions and answers erased."""

    def ask(self, figures: bytes, parts: Mapping[str, bytes]) -> SealedRequest:
        """Ask. figures: hash of the signed figures. parts: ciphertexts by name (`PARTS`)."""

    def look(self, id: str) -> SealedRequest:
        """How far a question is; with contents."""


class HttpInsight:
    """`InsightLink` over HTTP."""

    def __init__(self, client: SignedClient) -> None:
        self._client = client

    def figures(self, month: str, group: str) -> tuple[Signed, list[str], list[str]]:
        """See `InsightLink`."""
        query = {name: value for name, value in (("month", month), ("group", group)) if value}
        return self._client.get("/api/v1/own/insight", tuple[Signed, list[str], list[str]], **query)

    def service(self) -> Service:
        """See `InsightLink`."""
        return self._client.get_json("/api/v1/insight", Service)

    def put_key(self, key: bytes, say: Callable[[int], None]) -> KeyInfo:
        """See `InsightLink`."""
        return self._client.put_file("/api/v1/insight/keys", key, KeyInfo, say)

    def drop_key(self) -> None:
        """See `InsightLink`."""
        self._client.delete("/api/v1/insight/keys")

    def ask(self, figures: bytes, parts: Mapping[str, bytes]) -> SealedRequest:
        """See `InsightLink`."""
        coded = {name: b64encode(parts[name]).decode() for name, _ in PARTS}
        return self._client.post_json("/api/v1/insight/requests", {"figures": figures.hex(), **coded}, SealedRequest)

    def look(self, id: str) -> SealedRequest:
        """See `InsightLink`."""
        if not (id.isalnum() and id.isascii()):
            raise VerificationError("a question's id that cannot be", where="encrypted comparison", fix="ask again")
        return self._client.get_json(f"/api/v1/insight/requests/{id}", SealedRequest)

"""The form every message of suite 1 has: a msgpack array in field order, and the envelope that signs it.

A signature is Ed25519 over ``"qg1 " ‖ name ‖ 00 ‖ body``; the hash of a message is SHA-256 over the same bytes, so
both cover the name (PROTOCOL A, "Messages"). The messages themselves are in `wire.messages`. Source: RFC 8032 for the
signature, the msgpack specification for the body. Gives no secrecy, and no freshness: who accepts a message must know
what it already has.
"""

from __future__ import annotations

import hashlib
from typing import ClassVar, TypeVar

import msgspec

from quietgrid.errors import VerificationError

M = TypeVar("M", bound="Message")

_encoder = msgspec.msgpack.Encoder()


class Message(msgspec.Struct, array_like=True, frozen=True):
    """Base of all messages; `NAME` enters every hash and signature."""

    NAME: ClassVar[str] = ""

    def body(self) -> bytes:
        """The msgpack array."""
        return _encoder.encode(self)

    def hash(self) -> bytes:
        """SHA-256 over ``"qg1 " ‖ name ‖ 00 ‖ body``, 32 bytes."""
        return hashlib.sha256(preimage(self.NAME, self.body())).digest()


class Signed(msgspec.Struct, array_like=True, frozen=True):
    """An envelope: the name and body of a message, the signer's public key and its signature.

    Who the signer *should* be is for the receiver to know: `crypto.public.signatures.open_signed` takes the
    expected key; this struct alone proves nothing.
    """

    name: str
    body: bytes
    signer: bytes
    signature: bytes

    def hash(self) -> bytes:
        """The hash of the message inside, 32 bytes."""
        return hashlib.sha256(preimage(self.name, self.body)).digest()


def preimage(name: str, body: bytes) -> bytes:
    """The bytes that are hashed and signed."""
    return b"qg1 " + name.encode() + b"\0" + body


def decode(kind: type[M], body: bytes) -> M:
    """The message in `body`, or `VerificationError` when it is not one."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise VerificationError(
            f"not a valid {kind.NAME!r} message", where="message body", fix="send the fields in order"
        ) from error


def pack_signed(signed: Signed) -> bytes:
    """An envelope as bytes, for storing and for putting one message inside another."""
    return _encoder.encode(signed)


def unpack_signed(data: bytes) -> Signed:
    """The envelope in `data`, or `VerificationError` when it is not one."""
    try:
        return msgspec.msgpack.decode(data, type=Signed)
    except msgspec.MsgspecError as error:
        raise VerificationError(
            "not a signed message", where="envelope", fix="send name, body, signer, signature"
        ) from error

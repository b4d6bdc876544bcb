"""Columns of numbers as little-endian bytes, and member lists and books on the wire."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quietgrid.errors import VerificationError
from quietgrid.model.interval import Window
from quietgrid.model.party import MemberList
from quietgrid.model.question import Book, Vector
from quietgrid.wire.messages import BookMessage, Members, VectorField


def pack_bits(mask: NDArray[np.bool_]) -> bytes:
    """Bits of a boolean array, row-major, eight a byte."""
    return np.packbits(mask.reshape(-1)).tobytes()


def unpack_bits(data: bytes, *shape: int) -> NDArray[np.bool_]:
    """The boolean array of `shape` in `data`, or `VerificationError` if it does not fit exactly."""
    size = int(np.prod(shape))
    if len(data) != (size + 7) // 8:
        raise VerificationError(
            f"a bitmap of {len(data)} bytes does not hold {size} bits", where="bitmap", fix="check rows and slots"
        )
    return np.unpackbits(np.frombuffer(data, np.uint8), count=size).astype(np.bool_).reshape(shape)


def members_message(members: MemberList, evidence: list[bytes]) -> Members:
    """A member list as the registrar signs it."""
    return Members(
        members.community,
        members.epoch,
        members.revision,
        members.window.first,
        members.window.end,
        members.window.resolution,
        members.homes.astype("<u8").tobytes(),
        members.pids.astype("<u8").tobytes(),
        members.leaves.astype("<i4").tobytes(),
        members.registers.tobytes(),
        members.connection_w.astype("<i8").tobytes(),
        list(members.leaf_names),
        evidence,
    )


def member_list(message: Members) -> MemberList:
    """The member list in a message."""
    try:
        return MemberList(
            message.community,
            message.epoch,
            message.revision,
            Window(message.first, message.end, message.resolution),
            np.frombuffer(message.homes, "<u8").astype(np.uint64),
            np.frombuffer(message.pids, "<u8").astype(np.uint64),
            np.frombuffer(message.leaves, "<i4").astype(np.int32),
            np.frombuffer(message.registers, np.uint8).copy(),
            np.frombuffer(message.connection_w, "<i8").astype(np.int64),
            tuple(message.leaf_names),
        )
    except ValueError as error:
        raise VerificationError("a column has a broken length", where="members", fix="send whole numbers") from error


def book_message(book: Book, community: bytes, epoch: int) -> BookMessage:
    """A book as the platform registers it."""
    fields = [VectorField(v.name, v.register, v.rule, v.tz, list(v.hours), v.feed) for v in book.vectors]
    window = book.window
    return BookMessage(community, epoch, book.leaf, window.first, window.end, window.resolution, fields)


def book_of(message: BookMessage) -> Book:
    """The book in a message."""
    vectors = tuple(Vector(f.name, f.register, f.rule, f.tz, tuple(f.hours), f.feed) for f in message.vectors)
    return Book(message.leaf, Window(message.first, message.end, message.resolution), vectors)

"""The comparison on encrypted features: what a process of its own does with a server key and a question.

Privacy: ciphertexts in, a ciphertext out. What it is compared with is public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from quietgrid.errors import InputError
from quietgrid.wire.insight import CommunityFigures

if TYPE_CHECKING:
    from quietgrid.crypto.public.fhe import Server


class Question(msgspec.Struct, array_like=True, frozen=True):
    """What is computed: three encrypted vectors beside public figures."""

    month: bytes
    profile: bytes
    features: bytes
    average: int
    bands: list[int]
    classes: list[int]
    usual: list[int]
    advice: list[list[tuple[int, bool, int]]]


def question(month: bytes, profile: bytes, features: bytes, figures: CommunityFigures) -> bytes:
    """A question for `answer`."""
    rules = [rule.conditions for rule in figures.advice]
    return msgspec.msgpack.encode(
        Question(month, profile, features, figures.average, figures.bands, figures.classes, figures.usual, rules)
    )


def answer(server: Server, request: bytes) -> bytes:
    """Compute the encrypted comparison.

    Raises:
        InputError: not a question. FrameError: not of this key or version.
    """
    from quietgrid.crypto.public.fhe import Public

    try:
        asked = msgspec.msgpack.decode(request, type=Question)
    except msgspec.MsgspecError as error:
        raise InputError("not a question", where="insight", fix="send it again") from error
    public = Public(
        asked.average, tuple(asked.bands), tuple(asked.classes), tuple(asked.usual),
        tuple(tuple(rule) for rule in asked.advice),
    )  # fmt: skip
    return server.insight(asked.month, asked.profile, asked.features, public)

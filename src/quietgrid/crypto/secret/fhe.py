"""The client key of encrypted computing: held by a household or a station, and by nobody else.

Scheme, source, assumption and what it does not give: `quietgrid.crypto.public.fhe`. The key is 395 bytes; the engine
wipes it when it is dropped and never prints it. What `to_bytes` gives is the caller's to protect (and cannot be wiped).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quietgrid.crypto.public.fhe import engine, translated

if TYPE_CHECKING:
    import quietgrid_fhe as raw


class Client:
    """Encrypts questions and opens answers.

    Example:
        >>> Client.generate()  # doctest: +SKIP
        <Client: secret>
    """

    def __init__(self, key: raw.ClientKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "<Client: secret>"

    @classmethod
    def generate(cls) -> Client:
        """A new key.

        Raises:
            MissingExtraError: the engine is not built.
        """
        with translated("client key"):
            return cls(engine().ClientKey.generate())

    @classmethod
    def from_bytes(cls, data: bytes) -> Client:
        """A stored key.

        Raises:
            FrameError: not a client key of this version.
        """
        with translated("client key"):
            return cls(engine().ClientKey.from_bytes(data))

    def to_bytes(self) -> bytes:
        """The key itself. Secret."""
        return self._key.to_bytes()

    @property
    def key_id(self) -> bytes:
        """16 random bytes that name the key; public."""
        return self._key.key_id

    def server_key(self) -> bytes:
        """30 MB with which a server computes on what this key encrypts, and cannot read it. A new one each call."""
        with translated("server key"):
            return self._key.server_key()

    def encrypt(self, values: Sequence[int], kind: str) -> bytes:
        """Encrypt values of 8,192 digits together at most (4,096 u8, 2,048 u16); 44 bytes and 8 a 4-bit digit.

        Args:
            kind: ``bool``, ``u4``, ``u8``, ``u16``, ``u32`` or ``i32``.

        Raises:
            InputError: a value out of its type's range, no value or too many.
        """
        with translated("encrypt"):
            return self._key.encrypt(list(values), kind)

    def decrypt(self, data: bytes) -> list[int]:
        """Open an answer (or a question of one's own).

        Raises:
            FrameError: cut off, of another version or key. VerificationError: it opens to no value.
        """
        with translated("decrypt"):
            return self._key.decrypt(data)

"""Comparing, choosing and planning on numbers this machine cannot read: the side that only has a server key.

Scheme: TFHE (Chillotti, Gama, Georgieva, Izabachène, "TFHE: Fast Fully Homomorphic Encryption over the Torus", J.
Cryptology 2020) by Zama's crate `tfhe`, on 4-bit digits with Quietgrid's own circuits (native/fhe). Parameters:
`V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128`. Assumption: learning with errors, 128-bit security; a table lookup
is wrong with probability 2^-129.6 at most. Does not give: proof that the server computed what was asked (who opens
an answer believes it), or secrecy of what is public in a question (averages, thresholds, prices).

The engine is an extra, built by `make fhe`: its licence (BSD-3-Clause-Clear) grants no patents, commercial use needs a
patent licence of Zama. The core never imports this module.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quietgrid.errors import FrameError, InputError, MissingExtraError, QuietgridError, VerificationError

if TYPE_CHECKING:
    from types import ModuleType

    import quietgrid_fhe as raw

MODULE = "quietgrid_fhe"
SECURITY_BITS, LOG2_FAILURE = 128, -129.581
SERVER_KEY_BYTES = 30_146_616
KEY_MAGIC, VALUE_MAGIC, FORMAT = b"QGFS", b"QGFE", 1
KINDS = {"u8": (3, 2), "u16": (4, 4), "u32": (5, 8)}
"""Type -> its code in a head (native/fhe/src/wire.rs) and its digits."""
Condition = tuple[int, bool, int]
"""Feature, whether it must reach the value (or stay below), value."""


def is_built() -> bool:
    """Whether the engine is installed here."""
    return importlib.util.find_spec(MODULE) is not None


def engine() -> ModuleType:
    """The engine.

    Raises:
        MissingExtraError: it is not built.
    """
    if not is_built():
        raise MissingExtraError(
            "the engine for encrypted numbers is not built",
            where=MODULE,
            fix="install Rust (rustup.rs), then `make fhe`",
        )
    return importlib.import_module(MODULE)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """The engine's errors as Quietgrid's. No message holds a value, key or ciphertext."""
    fhe = engine()
    try:
        yield
    except fhe.FormatError as error:
        raise FrameError(str(error), where=where, fix="send it again, whole, as this version writes it") from None
    except fhe.ForeignKeyError as error:
        raise FrameError(str(error), where=where, fix="use the key it was made with") from None
    except fhe.GarbledError as error:
        raise VerificationError(str(error), where=where, fix="ask again; do not use the answer") from None
    except (fhe.InputError, TypeError, OverflowError) as error:
        raise InputError(str(error), where=where, fix="see the limits of `quietgrid_fhe.pyi`") from None
    except fhe.InternalError as error:
        raise QuietgridError(str(error), where=where, fix="please report it") from None


@dataclass(frozen=True)
class Public:
    """What is public in an insight (`quietgrid.algorithms.insight.Community`, as plain numbers).

    Args:
        average: 16 bits. bands, classes: at most 15 thresholds of 16 bits. usual: 8 bits an hour. advice: at most 64,
            each with 1 to 15 conditions on 8-bit features.
    """

    average: int
    bands: tuple[int, ...]
    classes: tuple[int, ...]
    usual: tuple[int, ...]
    advice: tuple[tuple[Condition, ...], ...]


def server_key_id(key: bytes) -> bytes:
    """The 16 bytes that name a server key, from its head: without the engine, before anything is stored.

    Raises:
        FrameError: not a server key of this version, or cut off.
    """
    if len(key) != SERVER_KEY_BYTES or key[:4] != KEY_MAGIC or key[4] != FORMAT:
        raise FrameError("not a server key of this version, or cut off", where="server key", fix="send it again, whole")
    return key[8:24]


def check_question(sealed: bytes, kind: str, count: int, key_id: bytes) -> None:
    """Whether bytes look like so many fresh values under a key: without the engine, before anything is stored.

    Raises:
        FrameError: cut off, of another version, type or number of values, or under another key.
    """
    code, digits = KINDS[kind]
    fits = len(sealed) == 44 + 8 * digits * count
    if not fits or sealed[:7] != VALUE_MAGIC + bytes([FORMAT, 1, code]) or sealed[24:28] != count.to_bytes(4, "little"):
        raise FrameError(f"not {count} encrypted values {kind}", where="question", fix="encrypt them again")
    if sealed[8:24] != key_id:
        raise FrameError("encrypted under another key", where="question", fix="send that key first")


class Server:
    """Computes on what was encrypted under one client key, and cannot read it.

    Methods take and give vectors as the server holds them (`load`), and `answer` makes the bytes to send back. All
    release the interpreter's lock and use all processors.

    Args:
        key: A server key (30 MB), as the client made it.

    Raises:
        FrameError: not a server key of this version.

    Privacy: sees ciphertexts, their number and type; which question was asked.
    """

    def __init__(self, key: bytes) -> None:
        with translated("server key"):
            self._key: raw.ServerKey = engine().ServerKey.from_bytes(key)

    def __repr__(self) -> str:
        return "<Server>"

    @property
    def lookups(self) -> int:
        """Table lookups made so far: what computing costs."""
        return self._key.lookups

    def load(self, sealed: bytes) -> raw.Encrypted:
        """A fresh vector from a client.

        Raises:
            FrameError: cut off, of another version or key, or not fresh.
        """
        with translated("encrypted vector"):
            return self._key.load(sealed)

    def answer(self, vector: raw.Encrypted) -> bytes:
        """A vector on its way back: 1,838 bytes a digit."""
        with translated("answer"):
            return self._key.answer(vector)

    def join(self, parts: Sequence[raw.Encrypted]) -> raw.Encrypted:
        """Vectors of one type, one behind the other."""
        with translated("join"):
            return self._key.join(list(parts))

    def add(self, a: raw.Encrypted, b: raw.Encrypted) -> raw.Encrypted:
        """a + b, modulo the type (u8 to i32)."""
        with translated("add"):
            return self._key.add(a, b)

    def sub(self, a: raw.Encrypted, b: raw.Encrypted) -> raw.Encrypted:
        """a - b, modulo the type."""
        with translated("sub"):
            return self._key.sub(a, b)

    def weighted_sum(self, a: raw.Encrypted, weights: Sequence[int]) -> raw.Encrypted:
        """The sum of public weight × value of unsigned values, modulo 2^32, as one u32."""
        with translated("weighted sum"):
            return self._key.weighted_sum(a, list(weights))

    def compare(self, a: raw.Encrypted, op: str, b: raw.Encrypted | int | Sequence[int]) -> raw.Encrypted:
        """Bits: `op` is ``gt``, ``ge``, ``lt``, ``le``, ``eq`` or ``ne``; `b` is encrypted or public."""
        with translated("compare"):
            if isinstance(b, int):
                return self._key.compare_public(a, op, [b])
            if isinstance(b, Sequence):
                return self._key.compare_public(a, op, list(b))
            return self._key.compare(a, op, b)

    def select(self, bits: raw.Encrypted, a: raw.Encrypted, b: raw.Encrypted) -> raw.Encrypted:
        """a where the bit is 1, else b."""
        with translated("select"):
            return self._key.select(bits, a, b)

    def least(self, a: raw.Encrypted) -> tuple[raw.Encrypted, raw.Encrypted]:
        """The least value, and its place as u8; of equal ones the first."""
        with translated("least"):
            return self._key.extreme(a, False)

    def greatest(self, a: raw.Encrypted) -> tuple[raw.Encrypted, raw.Encrypted]:
        """The greatest value, and its place as u8; of equal ones the first."""
        with translated("greatest"):
            return self._key.extreme(a, True)

    def look_up(self, a: raw.Encrypted, table: Sequence[int]) -> raw.Encrypted:
        """Each u8 in a public table of 256 u8."""
        with translated("table"):
            return self._key.lookup(a, list(table))

    def rank(self, a: raw.Encrypted) -> raw.Encrypted:
        """How many of 2 to 30 values come before each, as u8; of equal ones the first comes first."""
        with translated("rank"):
            return self._key.rank(a)

    def sort(self, a: raw.Encrypted) -> raw.Encrypted:
        """2 to 12 values in rising order."""
        with translated("sort"):
            return self._key.sort(a)

    def insight(self, month: bytes, profile: bytes, features: bytes, public: Public) -> bytes:
        """Where a home stands; the twin is `quietgrid.algorithms.insight.insight`.

        Args:
            month: One u16. profile: u8 an hour. features: u8 each.

        Returns:
            4-bit digits for `quietgrid.algorithms.insight.from_digits`, encrypted.
        """
        loaded = self.load(month), self.load(profile), self.load(features)
        with translated("insight"):
            digits = self._key.insight(
                *loaded, public.average, list(public.bands), list(public.classes), list(public.usual),
                [list(rule) for rule in public.advice],
            )  # fmt: skip
            return self._key.answer(digits)

    def flatten(self, load: bytes, level: bytes, k: int, steps: tuple[int, int, int]) -> bytes:
        """A plan against the peak; the twin is `quietgrid.algorithms.schedule.steps.flatten`.

        Args:
            load: u16 an interval, Wh. level: one u4, steps. steps: capacity, step and limit as in `Steps`.

        Returns:
            u4 an interval, encrypted: 0 give, 1 rest, 2 charge.
        """
        loaded = self.load(load), self.load(level)
        with translated("flatten"):
            return self._key.answer(self._key.flatten(*loaded, k, steps))

    def follow(self, load: bytes, level: bytes, wishes: Sequence[int], steps: tuple[int, int, int]) -> bytes:
        """A plan by public wishes (1 charge, -1 give); the twin is `quietgrid.algorithms.schedule.steps.walk`."""
        loaded = self.load(load), self.load(level)
        with translated("follow"):
            return self._key.answer(self._key.follow(*loaded, list(wishes), steps))

    def prefer(self, costs: bytes, load: bytes, level: bytes, k: int, steps: tuple[int, int, int]) -> bytes:
        """A plan by private costs (u8 an interval); the twin is `quietgrid.algorithms.schedule.encrypted.Prefer`."""
        loaded = self.load(costs), self.load(load), self.load(level)
        with translated("prefer"):
            return self._key.answer(self._key.prefer(*loaded, k, steps))

    def shave(self, counts: bytes, level: bytes, capacity: int) -> bytes:
        """The lowest cap that can be kept; the twin is `quietgrid.algorithms.schedule.shaving.shave`.

        Args:
            counts: u4 an interval, as `shaving.counted` counts loads. level: one u4, steps. capacity: 1 to 10 steps.
        """
        loaded = self.load(counts), self.load(level)
        with translated("shave"):
            return self._key.answer(self._key.shave(*loaded, capacity))

    def score(self, levels: bytes, tables: Sequence[Sequence[int]], edge: int) -> bytes:
        """A learned model's answer; the twin is `quietgrid.algorithms.heating.Heating.decide`.

        Args:
            levels: 1 to 24 u4. tables: for each what its 16 values count, -15 to 15. edge: all possible sums lie within
                16 below and 15 above it.

        Returns:
            One encrypted bit: whether the sum reaches the edge.
        """
        loaded = self.load(levels)
        with translated("score"):
            return self._key.answer(self._key.score(loaded, [list(table) for table in tables], edge))

"""Suite 2, the public half: encrypting, adding and weighing under a Paillier key.

Scheme: Paillier with a fixed base, ``c = (1 + m·n) · h^α mod n²``, where ``h = (-x²)^n mod n²`` comes with the public
key and α is a fresh short exponent of `EXPONENT_BITS`. What is encrypted adds: ``c1·c2`` opens to ``m1 + m2``, ``c^w``
to ``w·m``. It opens like any Paillier ciphertext. Source: Paillier, EUROCRYPT 1999; Damgård, Jurik and Nielsen, IJIS 9
(2010), section 4.2, for the base; tables of a fixed base as in Brickell, Gordon, McCurley and Wilson, EUROCRYPT 1992.
Assumption: decisional composite residuosity, and that h^α with α of twice the security level cannot be told from h to
a full exponent (short exponents: van Oorschot and Wiener 1996; Koshiba and Kurosawa, PKC 2004). Damgård, Jurik and
Nielsen take half the length of n instead, for which factoring suffices; that costs six times the CPU at 3072 bits.
Does not give: integrity (anyone can make, add and change ciphertexts: the frame's signature is what binds them), a
proof that a plaintext is in range, secrecy towards the one who holds the private key, post-quantum secrecy, or constant
time: no claim is made, multiplications take as long as their operands make them.

A *load* is an upper bound on the sum of weights in a ciphertext: 1 when fresh, added up by every operation, refused
above `MAX_LOAD`. `crypto.public.packing` relies on it. It is a claim when it comes from outside.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gmpy2

from quietgrid.errors import InputError, VerificationError

SIZES = (2048, 3072)
"""Bits of n that are taken: 112 and 128 bits of security (NIST SP 800-57). 3072 is the default, 2048 for comparison."""
DEFAULT_BITS = 3072
EXPONENT_BITS = 256
"""Bits of α: twice 128."""
LOAD_BITS, WEIGHT_BITS = 26, 12
MAX_LOAD = 1 << LOAD_BITS
"""2^14 terms of weights below 2^12."""
WINDOW = 8
VERSION = 1
ID_BYTES = 16
HEAD_BYTES = 1 + 4 + ID_BYTES
_SMALL_PRIMES = gmpy2.primorial(1 << 16)


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A ciphertext that was checked (`PublicKey.take`, `PublicKey.parse`) or made here.

    Args:
        key: Id of its public key, 16 bytes. load: bound on the sum of weights in it, 1..`MAX_LOAD`.
        value: 0 < value < n², coprime to n.

    Privacy: sealed.
    """

    key: bytes
    load: int
    value: Any

    def __repr__(self) -> str:
        return f"Ciphertext(load={self.load})"


class FixedBase:
    """Powers of one base modulo one number, by a table of its windows.

    Args:
        base, modulus: As given. bits: of the longest exponent. window: bits looked up at once; the table has
            ``bits / window · (2^window - 1)`` entries: 6.3 MB for 3072 bits and windows of 8, 0.7 MB for windows of 4.

    >>> FixedBase(7, 1_000_003, 16, 4).power(54_321) == pow(7, 54_321, 1_000_003)
    True
    """

    def __init__(self, base: int, modulus: int, bits: int, window: int = WINDOW) -> None:
        self._modulus = gmpy2.mpz(modulus)
        self._bits, self._window = bits, window
        step = gmpy2.mpz(base)
        self._rows: list[list[Any]] = []
        for _ in range(-(-bits // window)):
            row = [gmpy2.mpz(1), step]
            for _ in range(2, 1 << window):
                row.append(row[-1] * step % self._modulus)
            self._rows.append(row)
            step = row[-1] * step % self._modulus

    def power(self, exponent: int) -> Any:
        """``base^exponent``; one multiplication a window.

        Raises:
            InputError: the exponent is longer than the table.
        """
        if not 0 <= exponent < 1 << self._bits:
            raise InputError("the exponent is longer than the table", where="fixed base", fix="build a longer table")
        mask, out = (1 << self._window) - 1, gmpy2.mpz(1)
        for row in self._rows:
            digit = exponent & mask
            if digit:
                out = out * row[digit] % self._modulus
            exponent >>= self._window
        return out


class PublicKey:
    """What encrypts and adds. Make one with `crypto.secret.paillier.PrivateKey.generate`, read one with `from_bytes`.

    Args:
        n: The modulus. base: h, an n-th power modulo n². window: of the table that the first encryption builds.

    Raises:
        VerificationError: numbers that cannot be a key. Whether n has two large factors and h is an n-th power cannot
            be seen from outside: a key is believed because its owner signed it.
    """

    def __init__(self, n: int, base: int, window: int = WINDOW) -> None:
        self.n = gmpy2.mpz(n)
        self.square = self.n * self.n
        self.base = gmpy2.mpz(base)
        self.bits: int = self.n.bit_length()
        wrong = (
            self.bits not in SIZES
            or not gmpy2.is_odd(self.n)
            or gmpy2.gcd(self.n, _SMALL_PRIMES) != 1
            or gmpy2.is_prime(self.n)
            or gmpy2.is_power(self.n)
            or not 1 < self.base < self.square
            or gmpy2.gcd(self.base, self.n) != 1
            or self.base % self.n == 1
        )
        if wrong:
            raise VerificationError(
                "these numbers are no Paillier key",
                where="public key",
                fix=f"use a key of {' or '.join(map(str, SIZES))} bits",
            )
        self.size = self.bits // 8
        """Bytes of n; a ciphertext's value has twice as many."""
        self.id: bytes = hashlib.sha256(b"qg1 paillier" + self.to_bytes()).digest()[:ID_BYTES]
        self._window = window
        self._table: FixedBase | None = None

    # -- bytes -----------------------------------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """version u8 ‖ bytes of n u16 ‖ n ‖ base; the first two little-endian, the others big-endian."""
        head = bytes([VERSION]) + (self.bits // 8).to_bytes(2, "little")
        return head + int(self.n).to_bytes(self.bits // 8, "big") + int(self.base).to_bytes(self.bits // 4, "big")

    @classmethod
    def from_bytes(cls, data: bytes, window: int = WINDOW) -> PublicKey:
        """The key in `data`.

        Raises:
            VerificationError: another version or length, or numbers that cannot be a key.
        """
        size = int.from_bytes(data[1:3], "little")
        if data[:1] != bytes([VERSION]):
            raise VerificationError("a key of another version", where="public key", fix=f"send version {VERSION}")
        if 8 * size not in SIZES or len(data) != 3 + 3 * size:
            raise VerificationError("a key of a wrong length", where="public key", fix="send it whole")
        return cls(int.from_bytes(data[3 : 3 + size], "big"), int.from_bytes(data[3 + size :], "big"), window)

    def pack(self, ciphertext: Ciphertext) -> bytes:
        """version u8 ‖ load u32 ‖ key id ‖ value: 21 bytes and twice `size`."""
        self.own(ciphertext)
        head = bytes([VERSION]) + ciphertext.load.to_bytes(4, "little") + self.id
        return head + int(ciphertext.value).to_bytes(2 * self.size, "big")

    def parse(self, data: bytes) -> Ciphertext:
        """The ciphertext in `data`, checked before anything is computed with it.

        Raises:
            VerificationError: another version, length or key; see also `take`.
        """
        if len(data) != HEAD_BYTES + 2 * self.size:
            raise VerificationError("a ciphertext of a wrong length", where="ciphertext", fix="send it whole")
        if data[0] != VERSION:
            raise VerificationError(
                "a ciphertext of another version", where="ciphertext", fix=f"send version {VERSION}"
            )
        if data[5:HEAD_BYTES] != self.id:
            raise VerificationError("a ciphertext under another key", where="ciphertext", fix="encrypt under this key")
        return self.take(int.from_bytes(data[HEAD_BYTES:], "big"), int.from_bytes(data[1:5], "little"))

    def take(self, value: int, load: int = 1) -> Ciphertext:
        """A number from elsewhere as a ciphertext.

        Raises:
            VerificationError: 0, n, n² or beyond, a number with a factor of n, one that hides nothing, or a load out
                of range.
        """
        if not 0 < load <= MAX_LOAD:
            raise VerificationError("a load out of range", where="ciphertext", fix=f"use 1..{MAX_LOAD}")
        if not 0 < value < self.square:
            raise VerificationError("a ciphertext out of range", where="ciphertext", fix="use 1..n²-1")
        number = gmpy2.mpz(value)
        rest = number % self.n
        if rest == 1:
            raise VerificationError("a ciphertext without randomness", where="ciphertext", fix="encrypt it")
        if gmpy2.gcd(rest, self.n) != 1:
            raise VerificationError("a ciphertext that shares a factor with n", where="ciphertext", fix="encrypt it")
        return Ciphertext(self.id, load, number)

    def own(self, ciphertext: Ciphertext) -> None:
        """Raise `VerificationError` unless a ciphertext is under this key."""
        if ciphertext.key != self.id:
            raise VerificationError("a ciphertext under another key", where="ciphertext", fix="encrypt under this key")

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def encrypt(self, plain: int) -> Ciphertext:
        """A fresh ciphertext of 0 <= plain < n.

        Raises:
            InputError: out of range.

        Cost: 32 multiplications modulo n² (the first call also builds the table, about 0.1 s).
        """
        if not 0 <= plain < self.n:
            raise InputError("a plaintext is out of range", where="paillier", fix="encrypt 0 <= m < n")
        if self._table is None:
            self._table = FixedBase(self.base, self.square, EXPONENT_BITS, self._window)
        hiding = self._table.power(1 + secrets.randbelow((1 << EXPONENT_BITS) - 1))
        return Ciphertext(self.id, 1, (1 + gmpy2.mpz(plain) * self.n) * hiding % self.square)

    def add(self, terms: Sequence[Ciphertext]) -> Ciphertext:
        """The ciphertext of the sum.

        Raises:
            InputError: nothing to add, or a load above `MAX_LOAD`. VerificationError: a term under another key.
        """
        return self.weigh(terms, [1] * len(terms))

    def weigh(self, terms: Sequence[Ciphertext], weights: Sequence[int]) -> Ciphertext:
        """The ciphertext of the sum of ``weight · term``.

        Args:
            terms: As many as there are weights. weights: public, 0 <= weight < 2^12; terms of weight 0 are left out.

        Raises:
            InputError: nothing to add, a weight out of range, or a load above `MAX_LOAD`.
            VerificationError: a term under another key.

        Cost: one multiplication a set bit of a weight, and 12 squarings for all terms together.
        """
        if len(terms) != len(weights) or any(not 0 <= weight < 1 << WEIGHT_BITS for weight in weights):
            raise InputError("weights do not fit", where="paillier", fix=f"one a term, 0..{(1 << WEIGHT_BITS) - 1}")
        load = 0
        for term, weight in zip(terms, weights, strict=True):
            self.own(term)
            load += term.load * weight
        if not 0 < load <= MAX_LOAD:
            raise InputError(
                "nothing to add, or more than slots have room for",
                where="paillier",
                fix=f"keep the load in 1..{MAX_LOAD}",
            )
        value = gmpy2.mpz(1)
        for bit in reversed(range(max(weights).bit_length())):
            value = value * value % self.square
            for term, weight in zip(terms, weights, strict=True):
                if weight >> bit & 1:
                    value = value * term.value % self.square
        return Ciphertext(self.id, load, value)
